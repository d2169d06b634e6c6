"""Contents of pages: from none to a million bans, of all countries, with names that mean no good."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from itertools import cycle
from zoneinfo import ZoneInfo

from bangui_cli.reporting.page.contents import Contents, Period, Totals
from bangui_cli.reporting.summary import Report, summarise
from bangui_cli.rules import countries

UNTIL = datetime(2026, 11, 26, 14, 5, 12, 440197, tzinfo=ZoneInfo("Europe/Berlin"))
USUAL = (
    "CN", "US", "RU", "IN", "BR", "VN", "KR", "ID", "DE", "NL", "SG", "HK", "FR", "GB", "IR", "TW", "JP", "UA", "TR",
    "XK", "MO", "MT", "LU", "MU", "EU", "AP",
)  # fmt: skip
EVERY_COUNTRY = tuple(countries._NAMES)
JAILS = ("sshd", "postfix-sasl", "nginx-http-auth", "dovecot", "recidive", "wordpress")
ORGANISATIONS = (
    "Chinanet", "DigitalOcean, LLC", "OVH SAS", "Amazon.com, Inc.", "Hetzner Online GmbH", "Viettel Group",
    "Korea Telecom", "Contabo GmbH", "Tencent Building, Kejizhongyi Avenue", "Alibaba US Technology Co., Ltd.",
)  # fmt: skip
HOSTILE = (
    "<script>alert(1)</script>", "]]>", "\"'`onload=x", "\u202egnp.exe", "a\0b\x1b[31m", "--><!--", "&amp;&lt;",
    "</title></style>", "x" * 5_000, "\udc80", "{{ 7 * 7 }}{% x %}",
)  # fmt: skip
ALL_SCRIPTS = (
    "日本電信電話株式会社", "شركة الاتصالات السعودية", "Яндекс", "한국통신", "Ελληνικά δίκτυα", "תקשורת",
    "भारत संचार निगम", "บริษัท ทีโอที", "Công ty Viễn thông", "ქართული", "中国电信集团有限公司四川省分公司",
)  # fmt: skip
LONG = ['"' * 250 + chr(0x1F600 + place) for place in range(120)]


def counted(by: str, counts: Iterable[tuple[str | None, str | None, int]], top: int | None) -> Report:
    return summarise(by, counts, top)


def spread(total: int, keys: Sequence[str], first: float = 0.3) -> dict[str, int]:
    """Share a total out, so much of it to the first key, ever less to the others."""
    counts, left = {}, total
    for key in keys[:-1]:
        counts[key] = min(left, -int(-left * first // 1))
        left -= counts[key]
    counts[keys[-1]] = counts.get(keys[-1], 0) + left
    return {key: count for key, count in counts.items() if count}


def page(
    bans: int, *, codes: Sequence[str] = USUAL, first: float = 0.3, bars: int = 31, unit: str = "day",
    jails: Sequence[str] = JAILS, names: Sequence[str] = ORGANISATIONS, title: str = "Bans of example.org", top: int = 10,
) -> Contents:  # fmt: skip
    """Make the value of a page with so many bans."""
    unknown = bans // 50
    known, by_jail = spread(bans - unknown, codes, first), spread(bans, jails)
    networks = spread(bans - unknown, [f"AS{64496 + place}" for place in range(len(names))])
    labels = list(zip(networks, cycle(names)))
    without = [(None, None, unknown)]
    addresses = spread(bans, [f"192.0.{place}.0/24" for place in range(60)])
    return Contents(
        title=title, since=UNTIL - _length(bars - 1, unit), until=UNTIL, made_at=UNTIL, selected=(),
        totals=Totals(bans, -(-bans // 4), sum(code in EVERY_COUNTRY for code in known), len(by_jail)),
        before=Totals(bans // 2, bans // 3, 0, len(by_jail)),
        countries=counted("country", [*((code, None, count) for code, count in known.items()), *without], None),
        unit=unit, periods=_periods(by_jail, bars, unit),
        networks=counted("asn", [*((asn, name, networks[asn]) for asn, name in labels), *without], top),
        organisations=counted("org", [*((name, None, networks[asn]) for asn, name in labels), *without], top),
        addresses=counted("ip", ((ip, None, count) for ip, count in addresses.items()), top),
        jails=counted("jail", ((jail, None, count) for jail, count in by_jail.items()), top),
        instances=counted("instance", ((name, None, count) for name, count in spread(bans, names).items()), top),
        are_masked=True, geoip_built_at=UNTIL - timedelta(days=7),
    )  # fmt: skip


def _length(count: int, unit: str) -> timedelta:
    return timedelta(hours=count) if unit == "hour" else timedelta(days=count)


def _periods(by_jail: dict[str, int], bars: int, unit: str) -> list[Period]:
    """Share each jail's bans out over the bars, unevenly; what does not divide comes last."""
    moments = [UNTIL - _length(bars - 1 - place, unit) for place in range(bars)]
    keys = [f"{at:%Y-%m-%dT%H:00}" if unit == "hour" else f"{at:%Y-%m-%d}" for at in moments]
    bans: list[dict[str, int]] = [{} for _ in keys]
    for jail, total in by_jail.items():
        weights = [1 + (place * (len(jail) + 3)) % 7 for place in range(bars)]
        shares = [total * weight // sum(weights) for weight in weights]
        shares[-1] += total - sum(shares)
        for share, period in zip(shares, bans, strict=True):
            if share:
                period[jail] = share
    return [Period(key, period) for key, period in zip(keys, bans, strict=True)]


SAMPLES: dict[str, Callable[[], Contents]] = {
    "no bans": lambda: page(0)._replace(before=None),
    "one ban": lambda: page(1),
    "thirty": lambda: page(30),
    "ten thousand": lambda: page(10_000),
    "a million": lambda: page(1_000_000),
    "one ban an hour": lambda: page(48, unit="hour", bars=48),
    "nearly all from one country": lambda: page(100_000, first=0.99),
    "every country": lambda: page(500_000, codes=EVERY_COUNTRY, first=0.03),
    "names in all scripts": lambda: page(5_000, names=ALL_SCRIPTS, jails=ALL_SCRIPTS[:6], title=" · ".join(ALL_SCRIPTS[:3])),
    "hostile names": lambda: page(5_000, names=HOSTILE, jails=HOSTILE, title=HOSTILE[0] + HOSTILE[7]),
    "as much as fits": lambda: page(
        10**9, codes=EVERY_COUNTRY, first=0.03, bars=400, names=LONG, jails=LONG, top=100,
    ),
}  # fmt: skip
