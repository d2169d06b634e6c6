"""The shapes of the world map: Natural Earth's, as tests/manual/world_map.mjs has drawn them."""

import json
from typing import NamedTuple

from bangui_cli.reporting.page.files import read


class Place(NamedTuple):
    """One country in the map's own units: its outline, empty where it is but a dot, and its middle.

    `extent` is the shorter side of its largest part.
    """

    code: str
    path: str
    x: int
    y: int
    extent: int


class Atlas(NamedTuple):
    """A map of so many units; what stands at its edge, as an island does, reaches beyond."""

    width: int
    height: int
    places: list[Place]


def read_atlas() -> Atlas:
    """Read the shapes that the package brings along."""
    world = json.loads(read("world.json"))
    return Atlas(world["width"], world["height"], [Place(**place) for place in world["places"]])
