"""The two jobs: one pass each, under the lock and a deadline."""
