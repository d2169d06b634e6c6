"""Lay bans out as metrics for node_exporter's textfile collector: pure functions of what was counted.

The file is replaced as a whole, and its bans are those of a span that moves: so they are gauges.
"""

import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from bangui_cli.rules.countries import short_name
from bangui_cli.store.bans import Counted
from bangui_cli.telling import exposition
from bangui_cli.telling.exposition import Metric, Sample

TOP_NETWORKS = 50
OTHER = "other"


class BanCounts(NamedTuple):
    """The bans of a span by what Prometheus is told of them, and how many addresses they were of."""

    countries: Iterable[Counted]
    networks: Iterable[Counted]
    jails: Iterable[Counted]
    instances: Iterable[Counted]
    addresses: int
    span_s: int


def render(counts: BanCounts, top: int = TOP_NETWORKS) -> str:
    """Return the document without its last newline."""
    return exposition.render(_metrics(counts, top))


def _metrics(counts: BanCounts, top: int) -> Iterator[Metric]:
    countries, networks = _add_up(counts.countries), _add_up(counts.networks)
    unknown = sum(countries.pop("", {}).values())
    yield _gauge("bans", "Bans by country: 250 series at most.", _by_country(countries))
    most = f"Bans by network: {top} series at most, and the rest as {OTHER}, also what has no ASN."
    yield _gauge("bans_by_asn", most, _by_network(networks, top))
    for label, counted in (("jail", counts.jails), ("instance", counts.instances)):
        samples = [Sample(bans, {label: key}) for key, bans in _ranked(_add_up(counted))]
        yield _gauge(f"bans_by_{label}", f"Bans by {label}: a series for each that has some.", samples)
    yield _gauge(
        "banned_addresses", "Addresses and networks that were banned.", [Sample(counts.addresses)]
    )
    yield _gauge("bans_unknown", "Bans of addresses without a country.", [Sample(unknown)])
    yield _gauge("bans_span_seconds", "The time that all these are of.", [Sample(counts.span_s)])


def _gauge(name: str, text: str, samples: Iterable[Sample]) -> Metric:
    return Metric(name, "gauge", text, samples)


Names = dict[str, int]


def _add_up(counted: Iterable[Counted]) -> dict[str, Names]:
    """Return how often each key, as a label, was counted under each of its names; "" is no key."""
    sums: dict[str, Names] = {}
    for key, name, bans in counted:
        names = sums.setdefault(label_text(key), {})
        label = label_text(name)
        names[label] = names.get(label, 0) + bans
    return sums


def _ranked(sums: Mapping[str, Names]) -> list[tuple[str, int]]:
    """Return the keys with their bans, the most first."""
    totals = {key: sum(names.values()) for key, names in sums.items()}
    return sorted(totals.items(), key=lambda item: (-item[1], item[0]))


def _by_country(sums: Mapping[str, Names]) -> Iterator[Sample]:
    for code, bans in _ranked(sums):
        name = _usual(sums[code]) or short_name(code) or ""
        yield Sample(bans, {"country_code": code, "country": name})


def _by_network(sums: dict[str, Names], top: int) -> Iterator[Sample]:
    nameless = sum(sum(sums.pop(asn, {}).values()) for asn in ("", OTHER))
    ranked = _ranked(sums)
    for asn, bans in ranked[:top]:
        yield Sample(bans, {"asn": asn, "org": _usual(sums[asn])})
    rest = nameless + sum(bans for _, bans in ranked[top:])
    if rest:
        yield Sample(rest, {"asn": OTHER, "org": ""})


def _usual(names: Names) -> str:
    """Return the name that is most often seen; a name rather than none."""
    return max(names, key=lambda name: (name != "", names[name], name))


def label_text(text: str | None) -> str:
    """Return a text from outside without its controls and formats; a space of any kind is a space."""
    kept = ((character, unicodedata.category(character)) for character in text or "")
    return "".join(" " if kind[0] == "Z" else character for character, kind in kept if kind[0] != "C")
