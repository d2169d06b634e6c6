"""Make the page: one file that opens anywhere, runs nothing and asks for nothing."""

import base64
import hashlib
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from bangui_cli import __version__
from bangui_cli.reporting.page import files, wording
from bangui_cli.reporting.page.atlas import read_atlas
from bangui_cli.reporting.page.contents import Contents
from bangui_cli.reporting.page.timeline import HEIGHT, draw_timeline
from bangui_cli.reporting.page.world_map import draw_map


def render(contents: Contents) -> str:
    """Return the page as HTML 5."""
    style = files.read("templates/page.css")
    return (
        _environment()
        .get_template("page.html")
        .render(
            page=contents,
            style=style,
            policy=_policy(style),
            map=draw_map(read_atlas(), contents.countries.rows),
            timeline=draw_timeline(contents.periods),
            frame_height=HEIGHT,
            version=__version__,
        )
    )


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(files.place("templates")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    words: dict[str, Any] = {name: getattr(wording, name) for name in _WORDS}
    environment.filters |= words
    return environment


_WORDS = (
    "grouped",
    "percent",
    "named",
    "moment",
    "machine_readable",
    "zone",
    "day",
    "span",
    "change",
    "period",
    "short_period",
)


def _policy(style: str) -> str:
    """Allow the one style sheet in the page, told by its digest, and nothing else from anywhere."""
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
