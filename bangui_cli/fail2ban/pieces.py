"""Go along an index of fail2ban's `bans` in pieces, between which its file is free.

What is written meanwhile may be seen or not; what is there all the time is seen once.
"""

from collections.abc import Iterator, Mapping

from bangui_cli.fail2ban.reading import MOST_ROWS, Reading, too_many

# A few milliseconds each, along an index.
PIECE_ROWS = 5_000

# SQLite itself keeps where a piece ends: a key may be of any type. None is before the first end.
_BEGIN = (
    "CREATE TEMP TABLE IF NOT EXISTS ends (number INTEGER PRIMARY KEY, timeofban, ip)",
    "DELETE FROM ends",
    "INSERT INTO ends VALUES (0, :behind_s, '')",
)


def behind(key: str) -> str:
    """Return the condition for what is behind the end of a number."""
    return f"{key} > (SELECT {key} FROM ends WHERE number = :number)"


def between(key: str) -> str:
    """Return the condition for the piece behind that end, up to the next."""
    return f"{behind(key)} AND {key} <= (SELECT {key} FROM ends WHERE number = :number + 1)"


def end_query(key: str, terms: list[str]) -> str:
    """Return the statement that finds the next end, if there is one."""
    return f"""
INSERT INTO ends ({key}) SELECT {key} FROM bans WHERE {" AND ".join([*terms, behind(key)])}
 ORDER BY {key} LIMIT 1 OFFSET {PIECE_ROWS} RETURNING number"""


def walk(
    reading: Reading, path: str, key: str, terms: list[str], parameters: Mapping[str, object]
) -> Iterator[tuple[str, Mapping[str, object]]]:
    """Yield the condition for each piece, and its parameters. Raise NotADatabase for no end of them."""
    for statement in _BEGIN:
        reading.fetch(statement, parameters)
    for number in range(MOST_ROWS // PIECE_ROWS + 1):
        bound = {**parameters, "number": number}
        has_end = bool(reading.fetch(end_query(key, terms), bound))
        yield between(key) if has_end else behind(key), bound
        reading.rest()
        if not has_end:
            return
    raise too_many(path)
