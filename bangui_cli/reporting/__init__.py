"""Where addresses, or bans, come from."""
