"""Pure decisions, without a clock and without a file."""
