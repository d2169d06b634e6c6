"""The SQL that asks the memory of bans: made of the terms of a filter, in the words of an engine."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from bangui_cli.store.bans import QUARTER_HOUR_S, BanFilter

# What is known of an address, in the order of a `Ban`.
ORIGIN_COLUMNS = ("country_code", "country_name", "asn", "org")
_NAMES = {"country": ("country_code", "country_name"), "asn": ("asn", "org"), "org": ("org", None)}
_NOTHING = "CAST(NULL AS text)"
_MOMENTS = ("min(ban.banned_at) AS first_at", "max(ban.banned_at) AS last_at")
_NEWEST_FIRST = "ban.banned_at DESC, ban.instance DESC, ban.jail DESC, ban.ip DESC"


class Dialect(NamedTuple):
    """How an engine spells what the statements are made of; braces are for what is to be put in.

    `known` is what is told of an address, by column, where that has been `joined`. `masked` is what is
    left of `address.ip`. `between` joins bans to the bounds they lie between, whose number is `bound`.
    """

    table: str
    parameter: str
    among: str
    seconds: str
    is_network: str
    masked: str
    joined: str
    known: Mapping[str, str]
    between: str
    bound: str
    beginning: str = ""
    # How the rows are read in the order of time.
    in_order: str = ""


class BanStatements:
    """The statements of one engine."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._origin = ", ".join(dialect.known[column] for column in ORIGIN_COLUMNS)
        self._limit = f"LIMIT {self._given('limit_rows')}"

    def networks(self) -> str:
        """Return the statement for all networks."""
        is_network = self._dialect.is_network.format(ip="ip")
        return f"SELECT DISTINCT ip FROM {self._dialect.table} WHERE {is_network}"

    def between_texts(self) -> str:
        """Return the statement for the addresses and networks from one text on and before another."""
        bounds = f"ip >= {self._given('first')} AND ip < {self._given('behind')}"
        return f"SELECT DISTINCT ip FROM {self._dialect.table} WHERE {bounds}"

    def extent(self, which: BanFilter) -> str:
        """Return the statement that counts bans and tells their first and last moment."""
        return self._select("count(*), min(ban.banned_at), max(ban.banned_at)", self._bans(which))

    def list_newest(self, which: BanFilter) -> str:
        """Return the statement for bans one by one."""
        columns = (
            "ban.banned_at, ban.ip, ban.jail, ban.instance, ban.bantime_s, ban.bancount, ban.failures"
        )
        bans = self._bans(which, self._joined("ban.ip"))
        return self._select(
            f"{columns}, {self._origin}", bans, f"ORDER BY {_NEWEST_FIRST} {self._limit}"
        )

    def count_by_origin(self, key: str, which: BanFilter) -> str:
        """Return the statement that counts by "country", "asn" or "org", and by the names of each."""
        column, name = _NAMES[key]
        known = self._dialect.known[column], self._dialect.known[name] if name else _NOTHING
        counted = self._by_address(["count(*) AS bans"], which)
        return self._select(
            ", ".join([*known, _sum("address.bans")]), self._with_origin(counted), "GROUP BY 1, 2"
        )

    def count_by_whole_origin(self, which: BanFilter) -> str:
        """Return the statement that counts by all of an origin, from a moment on and before it."""
        middle = self._given("middle")
        halves = {"bans": f">= {middle}", "earlier": f"< {middle}"}
        counts = [
            f"count(*) FILTER (WHERE ban.banned_at {term}) AS {half}" for half, term in halves.items()
        ]
        sums = [
            f"{_sum(f'address.{half}')}, count(*) FILTER (WHERE address.{half} > 0)" for half in halves
        ]
        counted = self._with_origin(self._by_address(counts, which))
        return self._select(", ".join([self._origin, *sums]), counted, "GROUP BY 1, 2, 3, 4")

    def count_by_source(self, key: str, which: BanFilter) -> str:
        """Return the statement that counts by "jail" or "instance"."""
        return self._select(f"ban.{key}, {_NOTHING}, count(*)", self._bans(which), "GROUP BY 1")

    def count_by_address(self, which: BanFilter) -> str:
        """Return the statement that counts by address, with origins, and the first and last moment."""
        counted = self._by_address(["count(*) AS bans", *_MOMENTS], which)
        ranked = self._with_origin(f"{counted} ORDER BY bans DESC, ip {self._limit}")
        columns = f"address.ip, address.bans, {self._origin}, address.first_at, address.last_at"
        return self._select(columns, ranked, "ORDER BY address.bans DESC, address.ip")

    def count_by_masked_address(self, which: BanFilter) -> str:
        """Return the statement that counts by what is left of an address once it is masked."""
        counted = self._by_address(["count(*) AS bans"], which)
        rank = f"GROUP BY 1 ORDER BY 2 DESC, 1 {self._limit}"
        masked = f"{self._dialect.masked}, {_sum('address.bans')}"
        return self._select(masked, f"({counted}) AS address", rank)

    def count_addresses(self, which: BanFilter) -> str:
        """Return the statement that counts the addresses of bans."""
        return self._select("count(*)", f"({self._by_address([], which)}) AS address")

    def count_between(self, which: BanFilter) -> str:
        """Return the statement that counts between bounds, and by jail."""
        bans = f"{self._dialect.between}{self._where(which)}"
        return self._select(f"{self._dialect.bound}, ban.jail, count(*)", bans, "GROUP BY 1, 2")

    def count_over_time(self, which: BanFilter) -> str:
        """Return the statement that counts by quarter of an hour and jail, in order of time."""
        start_s = self._dialect.seconds.format(time="ban.banned_at")
        quarter_s = f"{start_s} / {QUARTER_HOUR_S} * {QUARTER_HOUR_S}"
        # What is read in the order of time leaves the sort little to do.
        bans = self._bans(which, "" if which.addresses else self._dialect.in_order)
        return self._select(f"{quarter_s}, ban.jail, count(*)", bans, "GROUP BY 1, 2 ORDER BY 1, 2")

    def _select(self, columns: str, source: str, rest: str = "") -> str:
        return f"{self._dialect.beginning}\nSELECT {columns}\n  FROM {source}\n {rest}"

    def _given(self, name: str) -> str:
        return self._dialect.parameter.format(name)

    def _bans(self, which: BanFilter, more: str = "") -> str:
        return f"{self._dialect.table} AS ban{more}{self._where(which)}"

    def _by_address(self, columns: Iterable[str], which: BanFilter) -> str:
        return f"SELECT {', '.join(('ban.ip AS ip', *columns))} FROM {self._bans(which)} GROUP BY ban.ip"

    def _with_origin(self, counted: str) -> str:
        return f"({counted}) AS address{self._joined('address.ip')}"

    def _joined(self, ip: str) -> str:
        return self._dialect.joined.format(ip=ip)

    def _where(self, which: BanFilter) -> str:
        terms = [term for name, term in self._terms().items() if getattr(which, name)]
        return f"\n WHERE {' AND '.join(terms)}" if terms else ""

    def _terms(self) -> dict[str, str]:
        """Return what each part of a filter, where it is there, wants of a ban."""
        start_s, active_at_s = (
            self._dialect.seconds.format(time=time)
            for time in ("ban.banned_at", self._given("active_at"))
        )
        return {
            "since": f"ban.banned_at >= {self._given('since')}",
            "until": f"ban.banned_at < {self._given('until')}",
            "active_at": f"(ban.bantime_s < 0 OR {start_s} + ban.bantime_s > {active_at_s})",
            "jails": self._among("ban.jail", "jails"),
            "instances": self._among("ban.instance", "instances"),
            "addresses": self._among("ban.ip", "addresses"),
            "countries": f"ban.ip IN ({self._in_countries()})",
        }

    def _in_countries(self) -> str:
        addresses = self._with_origin(f"SELECT DISTINCT ip FROM {self._dialect.table}")
        is_meant = self._among(self._dialect.known["country_code"], "countries")
        return f"SELECT address.ip FROM {addresses} WHERE {is_meant}"

    def _among(self, value: str, name: str) -> str:
        return self._dialect.among.format(value=value, values=self._given(name))


def _sum(column: str) -> str:
    return f"CAST(sum({column}) AS bigint)"
