"""What a run was asked: the table of settings, the file, the flags of one invocation."""
