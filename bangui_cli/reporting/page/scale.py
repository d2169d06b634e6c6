"""The steps of the map's colours: logarithmic, to tell the rest apart beside one with nearly all."""

from typing import NamedTuple

SHADES = 7
# Below, steps of 3 and 10 by turns are no more than there are shades.
_FINE_BELOW = 1_000


class Step(NamedTuple):
    """One colour of the scale, from pale 1 to strong `SHADES`, and the counts that wear it."""

    shade: int
    least: int
    most: int


def steps(highest: int) -> list[Step]:
    """Return the steps for counts from 1 to the highest, which is the end of the last one."""
    bounds = [bound for bound in _bounds(highest) if bound <= highest]
    ends = [*(bound - 1 for bound in bounds[1:]), highest]
    return [
        Step(_shade(place, len(bounds)), least, most)
        for place, (least, most) in enumerate(zip(bounds, ends, strict=False), 1)
    ]


def _bounds(highest: int) -> list[int]:
    if highest < _FINE_BELOW:
        return [1, 3, 10, 30, 100, 300]
    factor = 10
    while factor**SHADES <= highest:
        factor *= 10
    return [factor**power for power in range(SHADES)]


def _shade(place: int, count: int) -> int:
    """Spread few steps over all shades, the last one being the strongest."""
    return SHADES - (count - place) * (SHADES - 1) // max(count - 1, 1)


def shade_of(count: int, scale: list[Step]) -> int:
    """Return the shade of a count that is on the scale."""
    return next(step.shade for step in scale if count <= step.most)
