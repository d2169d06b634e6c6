"""Make entries of rows, fast: what the rows of one service have in common is worked out once.

The reference is `reference()`: the fields found by name, each validated. The fast way leads to the
same entry or gives up in favour of it; a property test holds the two together.
"""

import re
from collections.abc import Callable, Mapping
from operator import itemgetter
from typing import Any, NamedTuple

from bangui_cli.importing import fields
from bangui_cli.rules import timestamps
from bangui_cli.rules.entry import SEPARATOR, pack
from bangui_cli.rules.validation import (
    TEXT_LIMIT_CHARACTERS,
    Rejected,
    clean_text,
    make_entry,
    normalise_asn,
    normalise_country,
    normalise_ip,
    normalise_time,
)

_MOST_LAYOUTS = 64
_MOST_REMEMBERED = 8192
_full_time = re.compile(
    r"(\d{4}-\d\d-\d\d)T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d\.\d{3}Z", re.ASCII
).fullmatch

# A name that begins like `AS64496 Example` may have to be split.
_is_canonical_network = re.compile(
    rf"AS[1-9][0-9]{{0,8}}{SEPARATOR}(?!AS)[!-~](?:[ -~]{{0,{TEXT_LIMIT_CHARACTERS - 2}}}[!-~])?"
).fullmatch

Row = dict[str, Any]
# Two fields of a packed entry.
Part = Callable[[Row], str]


def reference(row: Mapping[str, Any], now_s: float) -> str:
    """Make the packed entry of a row, however long it takes. Raise Rejected."""
    return pack(make_entry(*fields.extract(row), now_s=now_s))


class _Layout(NamedTuple):
    """How rows with the same keys are read."""

    ip: str
    time: str | None
    place: Part
    network: Part


class Normaliser:
    """Remembers layouts, what their values mean, and days; `now_s` is the time of rows without one."""

    def __init__(self, now_s: float) -> None:
        self._layouts: dict[tuple[str, ...], _Layout | None] = {}
        self._days: set[str] = set()
        self.set_now(now_s)

    def set_now(self, now_s: float) -> None:
        """Take the wall clock's time."""
        self._now_s = now_s
        self._now_text = timestamps.to_text(now_s)

    def make(self, row: Any) -> str:
        """Make the packed entry of a value that a reader yields. Raise Rejected."""
        if type(row) is not dict:
            raise row if isinstance(row, Rejected) else Rejected("not an object")
        keys = tuple(row)
        try:
            layout = self._layouts[keys]
        except KeyError:
            layout = self._learn(keys)
        if layout is None:
            return reference(row, self._now_s)
        try:
            place, network = layout.place(row), layout.network(row)
            time = self._now_text if layout.time is None else self._time(row[layout.time])
            return SEPARATOR.join((normalise_ip(row[layout.ip]), place, network, time))
        except TypeError:  # a list or an object where a text is wanted
            return reference(row, self._now_s)

    def _learn(self, keys: tuple[str, ...]) -> _Layout | None:
        if len(self._layouts) >= _MOST_LAYOUTS:
            self._layouts.clear()
        self._layouts[keys] = layout = _layout(keys)
        return layout

    def _time(self, value: object) -> str:
        match = _full_time(value) if type(value) is str else None
        if match is None or match[1] not in self._days:
            return self._unusual_time(value, match)
        return match[0]

    def _unusual_time(self, value: object, match: re.Match[str] | None) -> str:
        time = normalise_time(value, self._now_s)
        if match and timestamps.to_wall_s(f"{match[1]}T23:59:59.999Z") <= self._now_s:
            self._days.add(match[1])
        return time


def _layout(keys: tuple[str, ...]) -> _Layout | None:
    """Find the parts by their keys; None where that takes a look at the values."""
    names = fields.names_among(keys)
    is_ambiguous = len({key.lower() for key in keys}) < len(keys) or len(names.time) > 1
    if is_ambiguous or len(names.address) != 1 or not fields.is_flat(keys):
        return None

    def place(row: Row) -> str:
        code, name = fields.place(row, names)
        return _pack_two(*normalise_country(code, name))

    def network(row: Row) -> str:
        asn, org = fields.network(row, names)
        return _pack_two(normalise_asn(asn), clean_text(org))

    networks = _remembering(names.network, network)
    if names.network == names.asn[:1] + names.org[:1] and len(names.network) == 2:
        networks = _as_they_stand(*names.network, networks)
    time = names.time[0] if names.time else None
    return _Layout(names.address[0], time, _remembering(names.place, place), networks)


def _pack_two(first: str | None, second: str | None) -> str:
    return (first or "") + SEPARATOR + (second or "")


def _as_they_stand(asn_key: str, org_key: str, otherwise: Part) -> Part:
    """Take number and name as they are where they are in normal form already: there are many."""

    def part(row: Row) -> str:
        asn, org = row[asn_key], row[org_key]
        if type(asn) is str and type(org) is str and _is_canonical_network(asn + SEPARATOR + org):
            return asn + SEPARATOR + org
        return otherwise(row)

    return part


def _remembering(keys: tuple[str, ...], part: Part) -> Part:
    """Remember what the values of some keys were found to mean: few differ from row to row."""
    values_of: Callable[[Row], Any] = itemgetter(*keys) if keys else lambda _: None
    memory: dict[Any, str] = {}

    def remembered(row: Row) -> str:
        values = values_of(row)
        found = memory.get(values)
        if found is None:
            found = part(row)
            if len(memory) >= _MOST_REMEMBERED:
                memory.clear()
            if all(map(_is_memorable, values if type(values) is tuple else (values,))):
                memory[values] = found
        return found

    return remembered


def _is_memorable(value: object) -> bool:
    # 1, 1.0 and True are one key, but not one value.
    return value is None or (type(value) is str and len(value) <= TEXT_LIMIT_CHARACTERS)
