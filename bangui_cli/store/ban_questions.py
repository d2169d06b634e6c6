"""What the memory of bans is asked, and what its answers become, whatever engine is below."""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from bangui_cli.rules import networks
from bangui_cli.rules.rereading import Copied
from bangui_cli.store.ban_statements import BanStatements
from bangui_cli.store.bans import (
    ORIGINS,
    Ban,
    BanFilter,
    BannedAddress,
    Counted,
    Extent,
    Origin,
    QuarterHour,
)

# Behind every text that begins with what stands before it.
_HIGHEST = "\U0010ffff"
_ALL_ROWS = sys.maxsize

Parameters = Mapping[str, Any]
Fetch = Callable[[str, Parameters], list[Any]]
Copy = Callable[[str, Parameters], Copied[Sequence[Any]]]


class BanQuestions:
    """The memory of bans in one open database; `bans.Bans` says what each verb promises.

    An engine gives its statements, how it runs one that is read at once and one that is read later, and
    what parameters they want besides those of a filter.
    """

    def __init__(
        self, statements: BanStatements, fetch: Fetch, copy: Copy, constants: Parameters
    ) -> None:
        self._statements = statements
        self._fetch_all = fetch
        self._copy_all = copy
        self._constants = constants

    def extent(self, which: BanFilter) -> Extent:
        """Count bans, and tell from when to when they are."""
        return Extent(*self._fetch(self._statements.extent(which), which)[0])

    def list_newest(self, which: BanFilter, limit_rows: int | None = None) -> list[Ban]:
        """Return so many bans at most, the newest first."""
        return [Ban(*row) for row in self._fetch(self._statements.list_newest(which), which, limit_rows)]

    def copy_newest(self, which: BanFilter, limit_rows: int | None = None) -> Copied[Ban]:
        """Return the same, to be read later."""
        copied = self._copy(self._statements.list_newest(which), which, limit_rows)
        return copied.each(lambda row: Ban(*row))

    def count_by(self, key: str, which: BanFilter) -> list[Counted]:
        """Count bans by origin or source."""
        statements = self._statements
        count = statements.count_by_origin if key in ORIGINS else statements.count_by_source
        return self._fetch(count(key, which), which)

    def count_by_origin(self, which: BanFilter, before: str | None = None) -> list[Origin]:
        """Count bans and addresses by country, ASN and organisation at once."""
        # One look at each address for both times.
        both = which._replace(since=before or which.since)
        middle = (before and which.since) or ""
        rows = self._fetch(self._statements.count_by_whole_origin(both), both, middle=middle)
        return [Origin(*row) for row in rows]

    def count_by_address(self, which: BanFilter, limit_rows: int) -> list[BannedAddress]:
        """Count the bans of each address, the most frequent first."""
        rows = self._fetch(self._statements.count_by_address(which), which, limit_rows)
        return [BannedAddress(*row) for row in rows]

    def copy_by_address(self, which: BanFilter, limit_rows: int | None = None) -> Copied[BannedAddress]:
        """Return the same, to be read later."""
        copied = self._copy(self._statements.count_by_address(which), which, limit_rows)
        return copied.each(lambda row: BannedAddress(*row))

    def count_by_masked_address(self, which: BanFilter, limit_rows: int) -> list[tuple[str, int]]:
        """Count the bans of all addresses that are the same once masked."""
        return self._fetch(self._statements.count_by_masked_address(which), which, limit_rows)

    def count_addresses(self, which: BanFilter) -> int:
        """Count the addresses and networks that were banned."""
        return int(self._fetch(self._statements.count_addresses(which), which)[0][0])

    def count_between(self, which: BanFilter, moments: Sequence[str]) -> list[tuple[int, str, int]]:
        """Count bans before, between and behind moments, by jail."""
        # Two lower limits would leave it to SQLite by which one it looks rows up.
        bounds = json.dumps(list(pairwise((which.since or "", *moments, which.until or _HIGHEST))))
        timeless = which._replace(since=None, until=None)
        return self._fetch(self._statements.count_between(timeless), timeless, bounds=bounds)

    def count_over_time(self, which: BanFilter) -> list[QuarterHour]:
        """Count the bans of each quarter of an hour that has some, by jail."""
        rows = self._fetch(self._statements.count_over_time(which), which)
        return [QuarterHour(*row) for row in rows]

    def _fetch(
        self, statement: str, which: BanFilter, limit_rows: int | None = None, **more: str
    ) -> list[Any]:
        return self._fetch_all(statement, {**self._parameters(which, limit_rows), **more})

    def _copy(self, statement: str, which: BanFilter, limit_rows: int | None) -> Copied[Sequence[Any]]:
        return self._copy_all(statement, self._parameters(which, limit_rows))

    def _parameters(self, which: BanFilter, limit_rows: int | None) -> Parameters:
        lists = {name: list(value) for name, value in which._asdict().items() if type(value) is tuple}
        return {
            **which._asdict(),
            **lists,
            "addresses": self._texts_of(which.addresses),
            "limit_rows": _ALL_ROWS if limit_rows is None else limit_rows,
            **self._constants,
        }

    def _texts_of(self, addresses: Sequence[str]) -> list[str]:
        """Return what stands in the table for addresses, and for what is in networks."""
        asked = [text for text in addresses if "/" not in text]
        texts = {*asked, *(text for network in addresses for text in self._within(network))}
        if asked:
            banned = networks.Networks(ip for (ip,) in self._fetch_all(self._statements.networks(), {}))
            texts.update(text for ip in asked for text in banned.holding(ip))
        return sorted(texts)

    def _within(self, network: str) -> list[str]:
        if "/" not in network:
            return []
        common = networks.common_text(network)
        bounds = {"first": common, "behind": common + _HIGHEST}
        found = self._fetch_all(self._statements.between_texts(), bounds)
        return networks.within((ip for (ip,) in found), network)
