"""Make entries of rows, fast: what the rows of one service have in common is worked out once.

The reference is `reference()`: the fields found by name, each validated. The fast way leads to the
same entry or gives up in favour of it; a property test holds the two together.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from operator import itemgetter
from sys import getsizeof
from typing import Any, NamedTuple

from bangui_cli.importing import plain_rows
from bangui_cli.rules import extraction, layouts, timestamps
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

# What is remembered takes about as much at most; inputs decide how much there is to remember.
_MOST_REMEMBERED_BYTES = 6_000_000
# Beside the texts: the tuples, dictionaries and functions of a layout, of a value.
_LAYOUT_BYTES, _VALUE_BYTES = 8_000, 250

Row = dict[str, Any]
# A packed entry, and two fields of one.
Maker = Callable[[Row], str]
Part = Callable[[Row], str]
# The packed entries of rows of one layout, "" for those that are made one by one.
PlainMaker = Callable[[list[Row]], list[str]]
HasRoom = Callable[[int, Iterable[str | None]], bool]


def reference(row: Mapping[str, Any], now_s: float) -> str:
    """Make the packed entry of a row, however long it takes. Raise Rejected."""
    values = extraction.extract(row)
    if values.ip is None:
        raise Rejected("no address (ip or query)")
    return pack(make_entry(*values, now_s=now_s))


class _Layout(NamedTuple):
    """How the rows are made into entries that have the same keys."""

    make: Maker
    make_plain: PlainMaker


class Normaliser:
    """Remembers layouts, what their values mean, and days; `now_s` is the time of rows without one.

    `unresolved_rows` counts the entries without a country, `unknown_rows` those of rows in which nothing
    was understood but the address; `unknown_fields` are the fields of the first of these. Of rows whose
    country has a name that is none of ISO 3166, `unknown_country` is the first name.
    """

    def __init__(self, now_s: float) -> None:
        self._layouts: dict[tuple[str, ...], _Layout] = {}
        self._remembered_bytes = 0
        self._days: set[str] = set()
        self.unresolved_rows = 0
        self.forget_unknown()
        self.set_now(now_s)

    def set_now(self, now_s: float) -> None:
        """Take the wall clock's time."""
        self.now_s = now_s
        self._now_text = timestamps.to_text(now_s)

    def forget_unknown(self) -> None:
        """Count the rows that are not understood from here on."""
        self.unknown_rows = self.unknown_country_rows = 0
        self.unknown_fields: list[str] = []
        self.unknown_country: str | None = None

    def make(self, row: Any) -> str:
        """Make the packed entry of a value that a reader yields. Raise Rejected."""
        if type(row) is not dict:
            raise row if isinstance(row, Rejected) else Rejected("not an object")
        try:
            return self._layout_of(row).make(row)
        except TypeError:  # a list or an object where a text is wanted
            return self._make_slowly(row)

    def make_plain(self, rows: list[Row]) -> list[str]:
        """Make the packed entries of rows of the same keys, "" for those that `make` has to make."""
        return self._layout_of(rows[0]).make_plain(rows)

    def _layout_of(self, row: Row) -> _Layout:
        keys = tuple(row)
        return self._layouts.get(keys) or self._learn(keys)

    def _make_slowly(self, row: Row) -> str:
        packed = reference(row, self.now_s)
        if packed[packed.index(SEPARATOR) + 1] == SEPARATOR:
            self._count_unresolved(row)
        return packed

    def _count_unresolved(self, row: Row) -> None:
        self.unresolved_rows += 1
        fields, country = extraction.unknown_fields(row), extraction.unknown_country(row)
        if fields:
            self.unknown_fields = self.unknown_fields or fields
            self.unknown_rows += 1
        if country:
            self.unknown_country = self.unknown_country or country
            self.unknown_country_rows += 1

    def _learn(self, keys: tuple[str, ...]) -> _Layout:
        names = layouts.names_among(keys)
        layout = _Layout(self._maker(keys, names) or self._make_slowly, self._plain_maker(keys, names))
        if self._has_room(_LAYOUT_BYTES, keys):
            self._layouts[keys] = layout
        return layout

    def _maker(self, keys: tuple[str, ...], names: layouts.Names) -> Maker | None:
        """Make the maker for rows that have these keys; None where that takes a look at the values."""
        if _is_ambiguous(keys, names) or len(names.address) != 1 or len(names.address[0]) > 1:
            return None
        place, network = _parts(names, self._has_room)
        ip_key, time_key = names.address[0][0], names.time[0][0] if names.time else None

        def make(row: Row) -> str:
            country = place(row)
            time = self._now_text if time_key is None else self._time(row[time_key])
            packed = SEPARATOR.join((normalise_ip(row[ip_key]), country, network(row), time))
            if country[0] == SEPARATOR:
                self._count_unresolved(row)
            return packed

        return make

    def _plain_maker(self, keys: tuple[str, ...], names: layouts.Names) -> PlainMaker:
        """Make what takes rows as they stand, where each part of an entry is one field of theirs."""
        read = plain_rows.reader_of(names)
        if read is None or _is_ambiguous(keys, names):
            return leave_all
        return lambda rows: plain_rows.take(map(read, rows), self._days, self._now_text)

    def _has_room(self, size_bytes: int, texts: Iterable[str | None]) -> bool:
        """Tell whether to remember something; all is forgotten when it has become too much."""
        size_bytes += sum(map(getsizeof, texts))
        if size_bytes > _MOST_REMEMBERED_BYTES // 4:
            return False
        self._remembered_bytes += size_bytes
        if self._remembered_bytes > _MOST_REMEMBERED_BYTES:
            self._layouts.clear()
            self._remembered_bytes = size_bytes
        return True

    def _time(self, value: object) -> str:
        match = plain_rows.match_time(value) if type(value) is str else None
        if match is None or match[1] not in self._days or match[0] > self._now_text:
            return self._unusual_time(value, match)
        return match[0]

    def _unusual_time(self, value: object, match: re.Match[str] | None) -> str:
        time = normalise_time(value, self.now_s)
        if match:
            self._days.add(match[1])
        return time


def leave_all(rows: list[Row]) -> list[str]:
    """Leave each row to be made by itself."""
    return [""] * len(rows)


def _is_ambiguous(keys: tuple[str, ...], names: layouts.Names) -> bool:
    known = [key.lower() for key in keys if layouts.is_known(key)]
    return len(set(known)) < len(known) or len(names.time) > 1


def _parts(names: layouts.Names, has_room: HasRoom) -> tuple[Part, Part]:
    """Return what reads country and network out of rows with these names."""

    def place(row: Row) -> str:
        code, name = extraction.place(row, names)
        return _pack_two(*normalise_country(code, name))

    def network(row: Row) -> str:
        asn, org = extraction.network(row, names)
        return _pack_two(normalise_asn(asn), clean_text(org))

    network_keys = _keys_of(names.network)
    networks = _remembering(network_keys, network, has_room)
    if len(network_keys) == 2 and network_keys == _keys_of(names.asn[:1] + names.org[:1]):
        networks = _as_they_stand(*network_keys, networks)
    return _remembering(_keys_of(names.place), place, has_room), networks


def _keys_of(paths: tuple[layouts.Path, ...]) -> tuple[str, ...]:
    """Return the keys of a row that paths begin with, each once."""
    return tuple(dict.fromkeys(path[0] for path in paths))


def _pack_two(first: str | None, second: str | None) -> str:
    return (first or "") + SEPARATOR + (second or "")


def _as_they_stand(asn_key: str, org_key: str, otherwise: Part) -> Part:
    """Take number and name as they are where they are in normal form already: there are many."""

    def part(row: Row) -> str:
        asn, org = row[asn_key], row[org_key]
        if type(asn) is str and type(org) is str and plain_rows.is_network(asn + SEPARATOR + org):
            return asn + SEPARATOR + org
        return otherwise(row)

    return part


def _remembering(keys: tuple[str, ...], part: Part, has_room: HasRoom) -> Part:
    """Remember what the values of some keys were found to mean: few differ from row to row."""
    values_of: Callable[[Row], Any] = itemgetter(*keys) if keys else lambda _: None
    memory: dict[Any, str] = {}

    def remembered(row: Row) -> str:
        values = values_of(row)
        found = memory.get(values)
        if found is None:
            found = part(row)
            parts = values if type(values) is tuple else (values,)
            if all(map(_is_memorable, parts)) and has_room(_VALUE_BYTES, parts):
                memory[values] = found
        return found

    return remembered


def _is_memorable(value: object) -> bool:
    # 1, 1.0 and True are one key, but not one value.
    return value is None or (type(value) is str and len(value) <= TEXT_LIMIT_CHARACTERS)
