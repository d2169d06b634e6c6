"""The memory of bans on a PostgreSQL server."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bangui_cli.rules import networks
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
from bangui_cli.store.postgresql import ban_statements as sql

# Behind every text that begins with what stands before it.
_HIGHEST = "\U0010ffff"

Fetch = Callable[[str, Mapping[str, Any]], list[Any]]


class PostgresqlBans:
    """The memory of bans on one server; `store.bans.Bans` says what each verb promises.

    `latest` is the last time that is not of the future.
    """

    def __init__(self, fetch: Fetch, latest: str) -> None:
        self._fetch_all = fetch
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
        middle = (before and which.since) or ""
        rows = self._fetch(sql.count_by_whole_origin(both), both, middle=middle)
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
        bounds = (which.since or "", *moments, which.until or _HIGHEST)
        timeless = which._replace(since=None, until=None)
        lowers, uppers = list(bounds[:-1]), list(bounds[1:])
        return self._fetch(sql.count_between(timeless), timeless, lowers=lowers, uppers=uppers)

    def count_over_time(self, which: BanFilter) -> list[QuarterHour]:
        """Count the bans of each quarter of an hour that has some, by jail."""
        return [QuarterHour(*row) for row in self._fetch(sql.count_over_time(which), which)]

    def _fetch(
        self, statement: str, which: BanFilter, limit_rows: int | None = None, **more: object
    ) -> list[Any]:
        lists = {name: list(value) for name, value in which._asdict().items() if type(value) is tuple}
        parameters = {
            **which._asdict(),
            **lists,
            "addresses": self._texts_of(which.addresses),
            "latest": self._latest,
            "limit_rows": limit_rows,
            **more,
        }
        return self._fetch_all(statement, parameters)

    def _texts_of(self, addresses: Sequence[str]) -> list[str]:
        """Return what stands in the table for addresses, and for what is in networks."""
        asked = [text for text in addresses if "/" not in text]
        texts = {*asked, *(text for network in addresses for text in self._within(network))}
        if asked:
            banned = networks.Networks(ip for (ip,) in self._fetch_all(sql.NETWORKS, {}))
            texts.update(text for ip in asked for text in banned.holding(ip))
        return sorted(texts)

    def _within(self, network: str) -> list[str]:
        if "/" not in network:
            return []
        common = networks.common_text(network)
        bounds = {"first": common, "behind": common + _HIGHEST}
        return networks.within((ip for (ip,) in self._fetch_all(sql.BEGINNING, bounds)), network)
