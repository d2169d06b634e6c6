"""What a run can come to: the states in which it fails, exit codes, events."""
