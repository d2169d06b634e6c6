"""What the page tells: the one value that it is made from."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from bangui_cli.reporting.summary import Report


class Totals(NamedTuple):
    """What happened in one span."""

    bans: int
    addresses: int
    countries: int
    jails: int


class Period(NamedTuple):
    """One hour, day, week or month, by its key in a report, and its bans by jail."""

    key: str
    bans: Mapping[str, int]


class Contents(NamedTuple):
    """Everything on the page. Moments are in the zone that people read them in.

    `before` are the totals of the span of the same length before, None where there is no such span.
    `countries` has a row for each; the rankings have their top alone.
    """

    title: str
    since: datetime | None
    until: datetime
    made_at: datetime
    selected: Sequence[str]
    totals: Totals
    before: Totals | None
    countries: Report
    unit: str
    periods: Sequence[Period]
    networks: Report
    organisations: Report
    addresses: Report
    jails: Report
    instances: Report
    are_masked: bool
    geoip_built_at: datetime | None
