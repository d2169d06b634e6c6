"""The memory of bans on SQLite."""

import json
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

from bangui_cli.rules import networks
from bangui_cli.rules.entry import Entry
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
from bangui_cli.store.sqlite import ban_statements as sql

_ALL_ROWS = -1
# Behind every text that begins with what stands before it.
_HIGHEST = "\U0010ffff"

Fetch = Callable[[str, Any], list[Any]]


class SqliteBans:
    """The memory of bans in one open database file; `store.bans.Bans` says what each verb promises.

    `latest` is the last time that is not of the future. `known_spelt_otherwise` says what counts for the
    addresses of which the cache has a row that no join finds.
    """

    def __init__(
        self, fetch: Fetch, known_spelt_otherwise: Callable[[], list[Entry]], latest: str
    ) -> None:
        self._fetch_all = fetch
        self._known_spelt_otherwise = known_spelt_otherwise
        self._latest = latest

    def extent(self, which: BanFilter) -> Extent:
        """Count bans, and tell from when to when they are."""
        return Extent(*self._fetch(sql.extent(which), which)[0])

    def list_newest(self, which: BanFilter, limit_rows: int | None = None) -> list[Ban]:
        """Return so many bans at most, the newest first."""
        return [Ban(*row) for row in self._fetch(sql.list_newest(which), which, limit_rows)]

    def count_by(self, key: str, which: BanFilter) -> list[Counted]:
        """Count bans by origin or source."""
        count = sql.count_by_origin if key in ORIGINS else sql.count_by_source
        return self._fetch(count(key, which), which)

    def count_by_origin(self, which: BanFilter, before: str | None = None) -> list[Origin]:
        """Count bans and addresses by country, ASN and organisation at once."""
        # One look at each address for both times.
        both = which._replace(since=before or which.since)
        rows = self._fetch(sql.count_by_whole_origin(both), both, middle=(before and which.since) or "")
        return [Origin(*row) for row in rows]

    def count_by_address(self, which: BanFilter, limit_rows: int | None = None) -> list[BannedAddress]:
        """Count the bans of each address, the most frequent first."""
        rows = self._fetch(sql.count_by_address(which), which, limit_rows)
        return [BannedAddress(*row) for row in rows]

    def count_by_masked_address(self, which: BanFilter, limit_rows: int) -> list[tuple[str, int]]:
        """Count the bans of all addresses that are the same once masked."""
        return self._fetch(sql.count_by_masked_address(which), which, limit_rows)

    def count_addresses(self, which: BanFilter) -> int:
        """Count the addresses and networks that were banned."""
        return int(self._fetch(sql.count_addresses(which), which)[0][0])

    def count_between(self, which: BanFilter, moments: Sequence[str]) -> list[tuple[int, str, int]]:
        """Count bans before, between and behind moments, by jail."""
        # Two lower limits would leave it to SQLite by which one it looks rows up.
        ends = which.since or "", which.until or _HIGHEST
        bounds = json.dumps(list(pairwise((ends[0], *moments, ends[1]))))
        timeless = which._replace(since=None, until=None)
        return self._fetch(sql.count_between(timeless), timeless, bounds=bounds)

    def count_over_time(self, which: BanFilter) -> list[QuarterHour]:
        """Count the bans of each quarter of an hour that has some, by jail."""
        return [QuarterHour(*row) for row in self._fetch(sql.count_over_time(which), which)]

    def _fetch(
        self, statement: str, which: BanFilter, limit_rows: int | None = None, **more: str
    ) -> list[Any]:
        named = {name: json.dumps(value) for name, value in which._asdict().items() if value}
        moments = {"since": which.since, "until": which.until, "active_at": which.active_at}
        parameters = {
            **named,
            **moments,
            "addresses": json.dumps(self._texts_of(which.addresses)),
            "given": json.dumps([entry[:-1] for entry in self._known_spelt_otherwise()]),
            "latest": self._latest,
            **more,
            "limit_rows": _ALL_ROWS if limit_rows is None else limit_rows,
        }
        return self._fetch_all(statement, parameters)

    def _texts_of(self, addresses: Sequence[str]) -> list[str]:
        """Return what stands in the table for addresses, and for what is in networks."""
        asked = [text for text in addresses if "/" not in text]
        texts = {*asked, *(text for network in addresses for text in self._within(network))}
        if asked:
            banned = networks.Networks(ip for (ip,) in self._fetch_all(sql.NETWORKS, ()))
            texts.update(text for ip in asked for text in banned.holding(ip))
        return sorted(texts)

    def _within(self, network: str) -> list[str]:
        if "/" not in network:
            return []
        common = networks.common_text(network)
        bounds = {"first": common, "behind": common + _HIGHEST}
        return networks.within((ip for (ip,) in self._fetch_all(sql.BEGINNING, bounds)), network)
