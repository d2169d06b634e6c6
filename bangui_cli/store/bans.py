"""What every engine offers of the memory of bans, and the values it speaks in; all want a snapshot.

Where a ban comes from is what `lookup` would tell of its address, of a network of its first one. Moments
are timestamp texts. An engine offers it as `store.bans`: no job pays for these definitions.
"""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from bangui_cli.rules.rereading import Copied

# What bans are counted by, besides addresses and time.
ORIGINS = ("country", "asn", "org")
SOURCES = ("jail", "instance")

# Every zone's clock differs from UTC by quarters of an hour, so that each falls into one local hour.
QUARTER_HOUR_S = 900

Counted = tuple[str | None, str | None, int]


class BanFilter(NamedTuple):
    """Which bans are meant; what is None or empty leaves none out.

    `since` counts, `until` does not any more. At `active_at` a ban was not over. `addresses` are
    addresses, for which the bans of networks that hold them count, too, and networks, for which all in
    them counts; all in normal form.
    """

    since: str | None = None
    until: str | None = None
    active_at: str | None = None
    jails: tuple[str, ...] = ()
    instances: tuple[str, ...] = ()
    countries: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()


EVERY_BAN = BanFilter()


class Ban(NamedTuple):
    """One ban and its origin; `bantime_s` is negative for a permanent one."""

    banned_at: str
    ip: str
    jail: str
    instance: str
    bantime_s: int
    bancount: int
    failures: int | None
    country_code: str | None
    country_name: str | None
    asn: str | None
    org: str | None


class Origin(NamedTuple):
    """Where bans come from, as far as it is known; how many, of how many addresses, and those before."""

    country_code: str | None
    country_name: str | None
    asn: str | None
    org: str | None
    bans: int
    addresses: int
    bans_before: int
    addresses_before: int


class BannedAddress(NamedTuple):
    """One address, or network, with its origin, its bans, and the first and the last of them."""

    ip: str
    bans: int
    country_code: str | None
    country_name: str | None
    asn: str | None
    org: str | None
    first_at: str | None
    last_at: str | None


class Extent(NamedTuple):
    """How many bans there are, and when the first and the last of them came; None without any."""

    bans: int
    oldest_at: str | None
    newest_at: str | None


class QuarterHour(NamedTuple):
    """The bans of a jail in the quarter of an hour that began at a wall clock divisible by 900 s."""

    start_s: int
    jail: str
    bans: int


class Bans(Protocol):
    """The memory of bans in one open database."""

    def extent(self, which: BanFilter) -> Extent:
        """Count bans, and tell from when to when they are."""

    def list_newest(self, which: BanFilter, limit_rows: int | None = None) -> list[Ban]:
        """Return so many bans at most, the newest first."""

    def copy_newest(self, which: BanFilter, limit_rows: int | None = None) -> Copied[Ban]:
        """Return the same, to be read behind the snapshot while the store is open.

        However long the caller takes, nobody waits for it.
        """

    def count_by(self, key: str, which: BanFilter) -> list[Counted]:
        """Count bans by one of ORIGINS or SOURCES: key, name, bans; None is unknown.

        A key may come more than once, where its bytes are no text.
        """

    def count_by_origin(self, which: BanFilter, before: str | None = None) -> list[Origin]:
        """Count bans and addresses by country, ASN and organisation at once.

        Count those of the time from `before` to `since`, too, where that is given.
        """

    def count_by_address(self, which: BanFilter, limit_rows: int) -> list[BannedAddress]:
        """Count the bans of each address, the most frequent first, of as many the first address."""

    def copy_by_address(self, which: BanFilter, limit_rows: int | None = None) -> Copied[BannedAddress]:
        """Return the same, to be read as what `copy_newest` returns."""

    def count_by_masked_address(self, which: BanFilter, limit_rows: int) -> list[tuple[str, int]]:
        """Count the bans of all addresses that are the same once masked, the most frequent first."""

    def count_addresses(self, which: BanFilter) -> int:
        """Count the addresses and networks that were banned."""

    def count_between(self, which: BanFilter, moments: Sequence[str]) -> list[tuple[int, str, int]]:
        """Count bans before the first moment (0), from there to the next (1) and so on, by jail."""

    def count_over_time(self, which: BanFilter) -> list[QuarterHour]:
        """Count the bans of each quarter of an hour that has some, by jail, in order of time."""
