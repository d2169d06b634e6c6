"""The address of a database server as text: told from a path, and shown without its password."""

import re

_SCHEMES = ("postgresql:", "postgres:")
_SCHEME_CHARACTERS = len("postgresql:")
# What a shell, or who writes an EnvironmentFile, may leave there.
_BEFORE_SCHEME = " \t\r\n\v\f\"'"
_MASK = "***"
# libpq's are host, port and user.
_SHORTEST_OPTION = 4
# libpq decodes the keys, too.
_SECRET_OPTION = r"(?:^|[?&])(?:[^=?&]*%[^=?&]*|[^=?&]*passw(?:or)?d)=."


def is_server_url(database: object) -> bool:
    """Tell whether a database is an address of a server, however wrong, and no path."""
    # In capitals, or behind a blank, libpq takes it for none, but there may be a password in it.
    return isinstance(database, str) and _beginning(database).lower().startswith(_SCHEMES)


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


def _beginning(database: str) -> str:
    return database.lstrip(_BEFORE_SCHEME)[:_SCHEME_CHARACTERS]


def _without_password(rest: str) -> str:
    if _is_password_free(*rest.partition("?")[::2]):
        return _without_secrets(rest)
    # A password whose @, / or ? is not encoded ends, for a reader, at the last @ all the same.
    before, at, after = rest.rpartition("@")
    user, colon, _ = before.partition(":")
    head = f"{user}{colon}{_MASK}{at}" if colon else f"{before}{at}"
    return head + _without_secrets(after)


def _is_password_free(place: str, query: str) -> bool:
    """Tell whether what stands before the options is users, hosts and ports alone, whatever follows."""
    user, _, hosts = place.rpartition("@")
    hosts, slash, name = hosts.partition("/")
    ports = [host.rpartition("]")[2].partition(":")[2] for host in hosts.split(",")]
    are_ports = all(not port or port.isdigit() for port in ports)
    option = query.partition("=")[0].replace("_", "")
    is_option = option.isalpha() and option.islower() and len(option) >= _SHORTEST_OPTION
    return bool(slash) and not set(":@/") & set(user + name) and are_ports and is_option


def _without_secrets(text: str) -> str:
    """Return hosts and options up to the first secret one, in which a ? or & is not the end of it."""
    secret = re.search(_SECRET_OPTION, text, re.IGNORECASE)
    return f"{text[: secret.end() - 1]}{_MASK}" if secret else text
