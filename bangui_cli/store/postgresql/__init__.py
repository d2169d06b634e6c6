"""The store on a PostgreSQL server: one message is one transaction, and nothing waits for the client."""
