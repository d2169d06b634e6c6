"""The rule of `entry.merge` in fragments of SQL, for every engine: plain comparisons of row values.

`latest` is the parameter with the last time that is not of the future.
"""

from bangui_cli.states.records import Record


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


def wins_whole(new: Side, old: Side, latest: str) -> str:
    """Tell cheaply of most rows that win with both halves that they do."""
    return f"""{new.time} <= {latest} AND {new.time} >= {old.time}
   AND ({new.knows_country} OR NOT ({old.knows_country}))
   AND ({new.knows_network} OR NOT ({old.knows_network}))"""


def merge(new: Side, old: Side, latest: str) -> str:
    """Return the assignments that make the old row what counts of both; a time stays as it is spelt."""
    country, network = _winners(new, old, latest)
    is_newer = f"{new.time} >= {old.time}"
    leaves_time = f"CASE WHEN {country} THEN {is_newer} OR {network} ELSE {is_newer} AND {network} END"
    values = chosen(new, old, latest)
    values[old.time_column] = _chosen(leaves_time, new, old, old.time_column)
    return ",".join(f"\n    {column} = {value}" for column, value in values.items())


def chosen(new: Side, old: Side, latest: str) -> dict[str, str]:
    """Return, by column, what counts of two rows."""
    country, network = _winners(new, old, latest)
    wins = {"country_code": country, "country_name": country, "asn": network, "org": network}
    return {column: _chosen(winner, new, old, column) for column, winner in wins.items()}


def _winners(new: Side, old: Side, latest: str) -> tuple[str, str]:
    country = _wins(new, new.knows_country, old, old.knows_country, latest)
    network = _wins(new, new.knows_network, old, old.knows_network, latest)
    return country, network


def _wins(new: Side, new_knows: str, old: Side, old_knows: str, latest: str) -> str:
    return f"({_rank(new_knows, new.time, latest)} >= {_rank(old_knows, old.time, latest)})"


def _rank(knows: str, time: str, latest: str) -> str:
    return f"({knows}, {time} <= {latest}, {time})"


def _chosen(wins: str, new: Side, old: Side, column: str) -> str:
    return f"CASE WHEN {wins} THEN {new.row}.{column} ELSE {old.row}.{column} END"
