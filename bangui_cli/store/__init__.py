"""The store: everything that knows which database engine is below, and the only place with SQL."""
