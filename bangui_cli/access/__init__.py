"""How the work uses a store: take the lock, stage, read."""
