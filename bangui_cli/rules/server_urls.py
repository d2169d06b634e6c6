"""The address of a database server as text: told from a path, and shown without its password."""

_SCHEMES = ("postgresql:", "postgres:")
_SCHEME_CHARACTERS = len("postgresql:")
_MASK = "***"


def is_server_url(database: object) -> bool:
    """Tell whether a database is an address of a server, however wrong, and no path."""
    # In capitals libpq takes it for none, but there may be a password in it all the same.
    return isinstance(database, str) and database[:_SCHEME_CHARACTERS].lower().startswith(_SCHEMES)


def shown(database: str) -> str:
    """Return a path as it is, an address without its password, whatever libpq would make of it."""
    if not is_server_url(database):
        return database
    scheme, _, rest = database.partition(":")
    if not rest.startswith("//"):  # then the scheme may be meant as the user
        return _without_password(database)
    return f"{scheme}://{_without_password(rest[2:])}"


def has_password(database: str) -> bool:
    """Tell whether an address holds what is not to be shown."""
    return shown(database) != database


def _without_password(rest: str) -> str:
    # A password whose @, / or ? is not encoded ends, for a reader, at the last @ all the same.
    before, at, after = rest.rpartition("@")
    user, colon, _ = before.partition(":")
    head = f"{user}{colon}{_MASK}{at}" if colon else f"{before}{at}"
    address, mark, query = after.partition("?")
    return head + address + mark + "&".join(map(_without_value, query.split("&")))


def _without_value(pair: str) -> str:
    key, sign, value = pair.partition("=")
    # libpq decodes the keys, too.
    is_secret = "%" in key or (key.lower().endswith(("password", "passwd")))
    return f"{key}{sign}{_MASK}" if is_secret and value else pair
