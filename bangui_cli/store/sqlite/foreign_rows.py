"""How a row of the cache is read that another program wrote, in fragments of SQL."""

import sqlite3
from itertools import product

from bangui_cli.rules import timestamps
from bangui_cli.rules.entry import NO_COUNTRY
from bangui_cli.store.merging import Side

# A function of the connection, once `teach` has taught it.
NORMAL_TIME = "normal_time"
# The same for an address, once `spelling` has taught it to the connection.
NORMAL_IP = "normal_ip"

# In capitals and in small letters: to compare is cheaper than to call upper().
_NO_COUNTRY = ", ".join(
    f"'{''.join(letters)}'"
    for code in NO_COUNTRY
    for letters in product(*zip(code, code.lower(), strict=True))
)


def teach(connection: sqlite3.Connection) -> None:
    """Let the statements of a connection read any time."""
    connection.create_function(NORMAL_TIME, 1, timestamps.normal_text, deterministic=True)


def cached(row: str) -> Side:
    """Return a row of the cache, into which BanGUI writes other forms."""
    return Side(
        row,
        "cached_at",
        cached_time(row),
        knows_country(row),
        f"coalesce(nullif({row}.asn, ''), {row}.org, '') <> ''",
    )


def knows_country(row: str) -> str:
    """Spell `known_country(...) is not None`."""
    return f"ifnull({row}.country_code, '') NOT IN ({_NO_COUNTRY})"


def cached_time(row: str, column: str = "cached_at") -> str:
    """Return a cached time as a timestamp text; what is no time sorts first.

    SQLite reads most of the forms that are not ours, and faster than Python.
    """
    time = f"{row}.{column}"
    return f"""
    CASE WHEN {time} GLOB '????-??-??T??:??:??.???Z' THEN {time}
         WHEN {time} GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]*'
         THEN coalesce(strftime('%Y-%m-%dT%H:%M:%fZ', {time}), {NORMAL_TIME}({time}))
         ELSE {NORMAL_TIME}({time}) END"""


def is_spelt_otherwise(ip: str) -> str:
    """Tell of an address that it may not be in normal form, as an index on few rows can hold it.

    Capitals, blanks and dots; IPv4 as IPv6; zeros that lead, or that `::` has to stand for, or need
    not. It is true of few normal forms, too, such as those with two runs of zeros.
    """
    within = f"':' || {ip} || ':'"
    return f"""(instr({ip}, ':') > 0 AND ({ip} GLOB '*[^0-9a-f:]*' OR {ip} GLOB '::ffff:*'
    OR {within} GLOB '*:0[^:]*' OR {within} GLOB '*:0:0:*' OR {within} GLOB '*:0::*'
    OR {within} GLOB '*::0:*' OR ({ip} GLOB '*::*' AND {ip} GLOB '*:*:*:*:*:*:*:*')))"""
