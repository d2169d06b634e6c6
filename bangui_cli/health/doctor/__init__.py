"""Find what is wrong with an installation, changing nothing; each area has a module of checks."""
