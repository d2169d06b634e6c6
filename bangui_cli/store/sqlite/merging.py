"""The rule of `entry.merge` in fragments of SQL, and how a row that another program wrote is read.

`latest` is the parameter with the last time that is not of the future.
"""

from itertools import product

from bangui_cli.rules.entry import NO_COUNTRY
from bangui_cli.states.records import Record

# A function of the connection: `timestamps.normal_text`.
NORMAL_TIME = "normal_time"

# In capitals and in small letters: to compare is cheaper than to call upper().
_NO_COUNTRY = ", ".join(
    f"'{''.join(letters)}'"
    for code in NO_COUNTRY
    for letters in product(*zip(code, code.lower(), strict=True))
)


class Side(Record):
    """One of two rows that are merged: its name, and how its time and its halves are told."""

    row: str
    time_column: str
    time: str
    knows_country: str
    knows_network: str


def staged(row: str, time_column: str = "resolved_at") -> Side:
    """Return a row in normal form."""
    return Side(
        row,
        time_column,
        f"{row}.{time_column}",
        f"{row}.country_code IS NOT NULL",
        f"coalesce({row}.asn, {row}.org) IS NOT NULL",
    )


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


def cached_time(row: str) -> str:
    """Return a cached time as a timestamp text; what is no time sorts first.

    SQLite reads most of the forms that are not ours, and faster than Python.
    """
    time = f"{row}.cached_at"
    return f"""
    CASE WHEN {time} GLOB '????-??-??T??:??:??.???Z' THEN {time}
         WHEN {time} GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]*'
         THEN coalesce(strftime('%Y-%m-%dT%H:%M:%fZ', {time}), {NORMAL_TIME}({time}))
         ELSE {NORMAL_TIME}({time}) END"""


def wins_whole(new: Side, old: Side, latest: str) -> str:
    """Tell cheaply of most rows that win with both halves that they do."""
    return f"""{new.time} <= {latest} AND {new.time} >= {old.time}
   AND ({new.knows_country} OR NOT ({old.knows_country}))
   AND ({new.knows_network} OR NOT ({old.knows_network}))"""


def merge(new: Side, old: Side, latest: str) -> str:
    """Return the assignments that make the old row what counts of both; a time stays as it is spelt."""
    country = _wins(new, new.knows_country, old, old.knows_country, latest)
    network = _wins(new, new.knows_network, old, old.knows_network, latest)
    is_newer = f"{new.time} >= {old.time}"
    leaves_time = f"CASE WHEN {country} THEN {is_newer} OR {network} ELSE {is_newer} AND {network} END"
    return f"""
    country_code = {_chosen(country, new, old, "country_code")},
    country_name = {_chosen(country, new, old, "country_name")},
    asn = {_chosen(network, new, old, "asn")},
    org = {_chosen(network, new, old, "org")},
    {old.time_column} = {_chosen(leaves_time, new, old, old.time_column)}"""


def _wins(new: Side, new_knows: str, old: Side, old_knows: str, latest: str) -> str:
    return f"({_rank(new_knows, new.time, latest)} >= {_rank(old_knows, old.time, latest)})"


def _rank(knows: str, time: str, latest: str) -> str:
    return f"({knows}, {time} <= {latest}, {time})"


def _chosen(wins: str, new: Side, old: Side, column: str) -> str:
    return f"CASE WHEN {wins} THEN {new.row}.{column} ELSE {old.row}.{column} END"


def is_spelt_otherwise(ip: str) -> str:
    """Tell of an address that it may not be in normal form, as an index on few rows can hold it.

    Capitals, blanks and dots; IPv4 as IPv6; zeros that lead, or that `::` has to stand for, or need
    not. It is true of few normal forms, too, such as those with two runs of zeros.
    """
    within = f"':' || {ip} || ':'"
    return f"""(instr({ip}, ':') > 0 AND ({ip} GLOB '*[^0-9a-f:]*' OR {ip} GLOB '::ffff:*'
    OR {within} GLOB '*:0[^:]*' OR {within} GLOB '*:0:0:*' OR {within} GLOB '*:0::*'
    OR {within} GLOB '*::0:*' OR ({ip} GLOB '*::*' AND {ip} GLOB '*:*:*:*:*:*:*:*')))"""
