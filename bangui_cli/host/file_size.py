"""How large a file this process may write."""


def most_bytes() -> int | None:
    """Return the limit (ulimit -f), None where there is none."""
    import resource  # only what has failed asks

    limit = resource.getrlimit(resource.RLIMIT_FSIZE)[0]
    return None if limit == resource.RLIM_INFINITY else limit
