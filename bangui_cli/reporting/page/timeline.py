"""The picture of when: equal bars, each a stack of the jails with the most bans, and the rest."""

from collections import Counter
from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple

from bangui_cli.reporting.page.contents import Period

HEIGHT = 1_000
# So many jails are told apart by their shades; the rest shares one.
_JAILS = 4
_MOST_TICKS = 4
_LABELS = 8
# Between so few bars there is a gap.
_GAPS_BELOW = 120


class Bar(NamedTuple):
    """One period: bans of each layer, in their order."""

    key: str
    counts: list[int]

    @property
    def total(self) -> int:
        """Return the bans of the period."""
        return sum(self.counts)


class Timeline(NamedTuple):
    """Layers, from the bottom up, with the outline of each in a frame as wide as there are bars.

    `ticks` are counts on the axis, up to its end; `labels` the places of the bars that are named.
    """

    layers: list[str | None]
    outlines: list[str]
    bars: list[Bar]
    ticks: list[int]
    labels: list[int]

    @property
    def has_gaps(self) -> bool:
        """Tell whether there is room between the bars."""
        return len(self.bars) < _GAPS_BELOW

    def parts(self, bar: Bar) -> list[tuple[str | None, int]]:
        """Return the layers that a bar has, and their bans."""
        return [(layer, count) for layer, count in zip(self.layers, bar.counts, strict=True) if count]


def draw_timeline(periods: Sequence[Period]) -> Timeline:
    """Stack the bans of each period by jail, that with the most below; None is the rest."""
    jails: Counter[str] = Counter()
    for period in periods:
        jails.update(period.bans)
    named = sorted(jails, key=lambda jail: (-jails[jail], jail))[:_JAILS]
    bars = [_bar(period, named) for period in periods]
    layers: list[str | None] = [*named, *([None] if any(bar.counts[-1] for bar in bars) else [])]
    bars = [Bar(bar.key, bar.counts[: len(layers)]) for bar in bars]
    ticks = axis_ticks(max((bar.total for bar in bars), default=0))
    outlines = [_outline(bars, layer, ticks[-1]) for layer in range(len(layers))]
    return Timeline(layers, outlines, bars, ticks, _labels(len(bars)))


def _bar(period: Period, named: list[str]) -> Bar:
    counts = [period.bans.get(jail, 0) for jail in named]
    return Bar(period.key, [*counts, sum(period.bans.values()) - sum(counts)])


def axis_ticks(highest: int) -> list[int]:
    """Return round counts from 0 to the first that is not below the highest."""
    step, factors = 1, [2.0, 2.5, 2.0]
    while step * _MOST_TICKS < highest:
        step = int(step * factors[0])
        factors = [*factors[1:], factors[0]]
    return list(range(0, max(highest, 1) + step, step))


def _outline(bars: list[Bar], layer: int, top: int) -> str:
    """Draw one layer of all bars as one path."""
    width = 0.8 if len(bars) < _GAPS_BELOW else 1
    drawn = []
    for place, bar in enumerate(bars):
        below, above = _heights(bar, layer, top)
        if above > below:
            start = place + (1 - width) / 2
            drawn.append(f"M{start:g} {HEIGHT - below}V{HEIGHT - above}h{width:g}V{HEIGHT - below}z")
    return "".join(drawn)


def _heights(bar: Bar, layer: int, top: int) -> tuple[int, int]:
    heights = [0, *(round(HEIGHT * count / top) for count in accumulate(bar.counts))]
    # Even one ban among thousands is a line.
    if bar.total and heights[-1] < HEIGHT // 200:
        heights = [0 if not below else HEIGHT // 200 for below in [0, *accumulate(bar.counts)]]
    return heights[layer], heights[layer + 1]


def _labels(bars: int) -> list[int]:
    """Return which bars have their name under them, evenly spread."""
    stride = -(-bars // _LABELS) or 1
    return list(range((bars - 1) % stride // 2, bars, stride))
