"""The page as it is seen: in Chromium, on a phone and on a desk, in light and in dark, and on paper."""

import functools
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from chromium import Chromium, Looks, needs_chromium, window
from pages import EVERY_COUNTRY, SAMPLES, page

from bangui_cli.reporting.page.rendering import render

pytestmark = needs_chromium
PHONE, DESK = Looks(390), Looks(1280)

# The boxes of all marks on the map, by their titles: a country is as large as its largest mark.
MARKS = """
(() => {
  const sizes = {};
  for (const mark of document.querySelectorAll('.map path, .map circle')) {
    if (!mark.querySelector('title') || getComputedStyle(mark).display === 'none') continue;
    const box = mark.getBoundingClientRect(), name = mark.textContent.split(':')[0];
    sizes[name] = Math.max(sizes[name] ?? 0, Math.min(box.width, box.height));
  }
  return sizes;
})()"""
FONTS = """
[...document.querySelectorAll('body *')]
  .filter(element => [...element.childNodes].some(child => child.nodeType === 3 && child.textContent.trim())
    && element.getClientRects().length && !element.closest('.unseen, title'))
  .map(element => [element.ownerSVGElement ? 'picture' : 'text', parseFloat(getComputedStyle(element).fontSize)])"""
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
OPEN_ALL = "document.querySelectorAll('details').forEach(details => details.open = true)"


@pytest.fixture(scope="module")
def chromium() -> Iterator[Chromium]:
    with window() as opened:
        yield opened


@pytest.fixture
def write(tmp_path: Path):
    def _write(contents) -> Path:
        path = tmp_path / "bans.html"
        path.write_text(render(contents), encoding="utf-8")
        return path

    return _write


@pytest.mark.parametrize("name", SAMPLES)
def test_nothing_is_beside_a_screen(chromium: Chromium, write, name: str):
    """Nobody scrolls sideways, and the console has nothing to say, whatever names are on the page."""
    path = write(SAMPLES[name]())
    for looks in (Looks(320), PHONE, Looks(768, "dark"), DESK):
        chromium.open(path, looks)
        chromium.evaluate(OPEN_ALL)

        assert chromium.evaluate(OVERFLOW) <= 0, looks
        assert chromium.console == []
        assert chromium.requests == [path.as_uri()]


@pytest.mark.parametrize(
    "looks", [Looks(320), PHONE, Looks(480), Looks(700), Looks(768), Looks(1000), DESK], ids=str
)
def test_each_counted_country_is_large_enough_to_be_seen(chromium: Chromium, write, looks: Looks):
    """All of them, Monaco and Tuvalu too, have a mark of 4 px at least."""
    chromium.open(write(page(500_000, codes=EVERY_COUNTRY, first=0.03)), looks)
    sizes = chromium.evaluate(MARKS)

    assert len(sizes) == len(EVERY_COUNTRY) - len({"AQ"})
    assert {name: size for name, size in sizes.items() if size < 4} == {}


@pytest.mark.parametrize("looks", [PHONE, DESK], ids=str)
def test_letters_are_large_enough_to_be_read(chromium: Chromium, write, looks: Looks):
    """A picture that is scaled down would scale its letters, too: these do not."""
    chromium.open(write(SAMPLES["ten thousand"]()), looks)
    chromium.evaluate(OPEN_ALL)
    fonts = chromium.evaluate(FONTS)

    assert {kind for kind, _ in fonts} == {"picture", "text"}
    assert min(size for kind, size in fonts if kind == "picture") >= 8
    assert min(size for kind, size in fonts if kind == "text") >= 10


def test_the_page_follows_the_wish_for_dark(chromium: Chromium, write):
    """At night, too; but never on paper."""
    path = write(SAMPLES["thirty"]())
    papers = []
    for looks in (DESK, Looks(1280, "dark"), Looks(1280, "dark", "print")):
        chromium.open(path, looks)
        papers.append(chromium.evaluate("getComputedStyle(document.body).backgroundColor"))

    assert papers == ["rgb(255, 255, 255)", "rgb(18, 24, 27)", "rgb(255, 255, 255)"]


def test_what_opens_is_reached_by_keyboard(chromium: Chromium, write):
    """The tables behind the pictures, for whoever has no mouse."""
    chromium.open(write(SAMPLES["thirty"]()), DESK)
    reached = []
    for _ in range(2):
        for kind in ("keyDown", "keyUp"):
            chromium.ask(
                "Input.dispatchKeyEvent", type=kind, key="Tab", code="Tab", windowsVirtualKeyCode=9
            )
        reached.append(chromium.evaluate("document.activeElement.textContent"))
        for kind in ("keyDown", "keyUp"):
            chromium.ask(
                "Input.dispatchKeyEvent",
                type=kind,
                key="Enter",
                code="Enter",
                windowsVirtualKeyCode=13,
                text="\r",
            )

    assert reached == ["Bans by country as a table", "Bans per day as a table"]
    assert chromium.evaluate("document.querySelectorAll('details[open]').length") == 2


def test_a_browser_asks_a_server_for_the_page_alone(chromium: Chromium, write):
    """Not even for an icon."""
    path = write(SAMPLES["thirty"]())
    asked = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            asked.append(self.path)

    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Handler, directory=path.parent)
    )
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        chromium.open(f"http://127.0.0.1:{server.server_port}/bans.html", DESK)
        assert chromium.console == []
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

    assert asked == ["/bans.html"]
