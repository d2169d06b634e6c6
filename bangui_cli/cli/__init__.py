"""The command line: the entry point, the table of commands, the options that they share."""
