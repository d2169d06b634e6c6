"""The state of an installation, collected once and laid out for each kind of monitor."""
