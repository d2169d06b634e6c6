"""What touches the operating system: clocks, streams, signals, files, the deadline."""
