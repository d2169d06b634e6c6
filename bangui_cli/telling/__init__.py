"""What a run tells: its log on stderr, its results on stdout."""
