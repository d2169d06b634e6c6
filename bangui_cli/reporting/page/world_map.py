"""The world map: which shape and which dot wears which shade, and what no map shows."""

from collections.abc import Iterable
from typing import NamedTuple

from bangui_cli.reporting.page.atlas import Atlas, Place
from bangui_cli.reporting.page.scale import Step, shade_of, steps
from bangui_cli.reporting.summary import Row

# In units of a map that is 5,000 wide. What is shorter is under 5 px on a desktop, and on a phone.
_DOT_BELOW, _DOT_ON_PHONE_BELOW = 36, 76


class Mark(NamedTuple):
    """A country that is counted. `dot` says where one is drawn over it: always, on a phone or never."""

    place: Place
    row: Row
    shade: int
    dot: str


class WorldMap(NamedTuple):
    """The marks, the fewest bans first, so that no greater dot is hidden under a smaller one."""

    width: int
    height: int
    land: str
    marks: list[Mark]
    scale: list[Step]
    elsewhere: list[Row]


def draw_map(atlas: Atlas, rows: Iterable[Row]) -> WorldMap:
    """Draw countries by their count; what has no place on the map, as EU and AP, is `elsewhere`."""
    by_code = {row.key: row for row in rows}
    scale = steps(max((row.count for row in rows), default=0))
    marks = [_mark(place, by_code[place.code], scale) for place in atlas.places if place.code in by_code]
    shown = {mark.row.key for mark in marks}
    return WorldMap(
        atlas.width,
        atlas.height,
        "".join(place.path for place in atlas.places if place.code not in by_code),
        sorted(marks, key=lambda mark: mark.row.count),
        scale,
        [row for row in rows if row.key not in shown],
    )


def _mark(place: Place, row: Row, scale: list[Step]) -> Mark:
    return Mark(place, row, shade_of(row.count, scale), _dot(place.extent))


def _dot(extent: int) -> str:
    if extent < _DOT_BELOW:
        return "always"
    return "phone" if extent < _DOT_ON_PHONE_BELOW else "never"
