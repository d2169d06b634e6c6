"""Ask the memory of bans for all that the page tells, within one snapshot."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime, tzinfo
from typing import NamedTuple

from bangui_cli.reporting.page.contents import Contents, Period, Totals
from bangui_cli.reporting.page.division import Division, divide
from bangui_cli.reporting.selection import Selection, as_remembered
from bangui_cli.reporting.summary import Report, Row, summarise
from bangui_cli.rules import timestamps
from bangui_cli.rules.countries import short_name
from bangui_cli.store.bans import BanFilter, Bans, Extent, Origin

TITLE = "Bans"
_TOP, _MOST_TOP = 10, 100


class Asked(NamedTuple):
    """What the page is to tell, and of which bans. `zone` is that of its readers, None the local one."""

    selection: Selection
    now_s: float
    title: str = TITLE
    top: int | None = None
    are_masked: bool = True
    geoip_built_s: float | None = None
    zone: tzinfo | None = None


def gather(bans: Bans, asked: Asked) -> Contents:
    """Return the value of the page. Wants a snapshot."""
    selection, top = asked.selection, min(asked.top or _TOP, _MOST_TOP)
    which = selection.as_filter(asked.now_s)
    since_s, until_s = span_s(bans, selection, asked.now_s)
    before = _before(selection, which, until_s)
    origins = bans.count_by_origin(which, before.since if before else None)
    division = divide(since_s, until_s, asked.zone)
    periods = _periods(bans, which, division)
    jails = _jails(periods)
    total = sum(jails.values())
    return Contents(
        title=asked.title,
        since=_moment(since_s, asked.zone) if total or selection.since_s is not None else None,
        until=_moment(until_s, asked.zone),
        made_at=_moment(asked.now_s, asked.zone),
        selected=_words(selection),
        totals=_totals(((one, one.bans, one.addresses) for one in origins), len(jails)),
        before=_totals_before(bans, before, origins),
        countries=summarise(
            "country", ((one.country_code, one.country_name, one.bans) for one in origins), None
        ),
        unit=division.unit,
        periods=periods,
        networks=summarise("asn", ((one.asn, one.org, one.bans) for one in origins), top),
        organisations=summarise("org", ((one.org, None, one.bans) for one in origins), top),
        addresses=_addresses(bans, which, total, top, are_masked=asked.are_masked),
        jails=summarise("jail", ((jail, None, count) for jail, count in jails.items()), top),
        instances=summarise("instance", bans.count_by("instance", which), top),
        are_masked=asked.are_masked,
        geoip_built_at=None if asked.geoip_built_s is None else _moment(asked.geoip_built_s, asked.zone),
    )


def span_s(bans: Bans, selection: Selection, now_s: float) -> tuple[float, float]:
    """Return the time that is told of: without a beginning from the first ban, without an end to now."""
    until_s = now_s if selection.until_s is None else min(selection.until_s, now_s)
    since_s = selection.since_s
    if since_s is None:
        since_s = _oldest_s(bans.extent(selection.as_filter(now_s)))
    return min(since_s, until_s), until_s


def _oldest_s(extent: Extent) -> float:
    """Return the time of the first ban; without any, or where nonsense stands there, no time."""
    try:
        return max(timestamps.to_wall_s(extent.oldest_at or ""), 0.0)
    except (ValueError, OverflowError):
        return math.inf


def _moment(wall_s: float, zone: tzinfo | None) -> datetime:
    return datetime.fromtimestamp(wall_s, zone).astimezone(zone)


def _periods(bans: Bans, which: BanFilter, division: Division) -> list[Period]:
    """Count by period and jail. What is before the first or behind the last is in it."""
    moments = [timestamps.to_text(start_s) for start_s in division.starts_s[1:]]
    by_period: list[dict[str, int]] = [{} for _ in division.keys]
    for place, jail, count in bans.count_between(which, moments):
        by_period[place][jail] = by_period[place].get(jail, 0) + count
    return [Period(key, counts) for key, counts in zip(division.keys, by_period, strict=True)]


def _jails(periods: Iterable[Period]) -> Counter[str]:
    jails: Counter[str] = Counter()
    for period in periods:
        jails.update(period.bans)
    return jails


def _words(selection: Selection) -> tuple[str, ...]:
    """Say which bans were selected, beside their time."""
    jails = (f"jail {as_remembered(jail)}" for jail in selection.jails)
    instances = (f"instance {as_remembered(name)}" for name in selection.instances)
    return (*jails, *instances, *(["in force when this was made"] if selection.active else []))


def _before(selection: Selection, which: BanFilter, until_s: float) -> BanFilter | None:
    """Return the filter of the span of the same length before, None where there is no such span."""
    if selection.since_s is None or until_s <= selection.since_s:
        return None
    before_s = max(2 * selection.since_s - until_s, 0.0)
    return which._replace(since=timestamps.to_text(before_s), until=which.since)


def _totals_before(bans: Bans, before: BanFilter | None, origins: Sequence[Origin]) -> Totals | None:
    if before is None:
        return None
    jails = len(bans.count_by("jail", before))
    return _totals(((one, one.bans_before, one.addresses_before) for one in origins), jails)


def _totals(counted: Iterable[tuple[Origin, int, int]], jails: int) -> Totals:
    """Add up; EU and AP are no countries."""
    found = [one for one in counted if one[1]]
    codes = {origin.country_code for origin, *_ in found}
    return Totals(
        bans=sum(bans for _, bans, _ in found),
        addresses=sum(addresses for *_, addresses in found),
        countries=sum(short_name(code) is not None for code in codes if code),
        jails=jails,
    )


def _addresses(bans: Bans, which: BanFilter, total: int, top: int, *, are_masked: bool) -> Report:
    if are_masked:
        counted = bans.count_by_masked_address(which, top)
    else:
        counted = [(one.ip, one.bans) for one in bans.count_by_address(which, top)]
    rows = [Row(ip, None, count, round(count / total, 4)) for ip, count in counted]
    return Report("ip", total, 0, total - sum(row.count for row in rows), rows)
