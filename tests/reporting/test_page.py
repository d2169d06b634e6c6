"""The page: what a machine can hold of it, without a browser."""

import base64
import hashlib
import json
import re
from functools import cache
from importlib import resources
from itertools import pairwise

import html5lib
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pages import EVERY_COUNTRY, HOSTILE, SAMPLES, page

from bangui_cli.reporting import page as room
from bangui_cli.reporting.page.atlas import read_atlas
from bangui_cli.reporting.page.rendering import render
from bangui_cli.reporting.page.scale import SHADES, shade_of, steps
from bangui_cli.reporting.page.timeline import HEIGHT, axis_ticks, draw_timeline
from bangui_cli.reporting.page.wording import change, percent, period, short_period

XHTML = "{http://www.w3.org/1999/xhtml}"
SVG = "{http://www.w3.org/2000/svg}"
samples = pytest.mark.parametrize("name", SAMPLES)
_HTML_MOMENT = re.compile(r"\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,3})?)?(Z|[+-]\d\d:\d\d))?").fullmatch


@cache
def rendered(name: str) -> str:
    return render(SAMPLES[name]())


def parsed(text: str):
    return html5lib.HTMLParser(strict=True, namespaceHTMLElements=True).parse(text)


def texts(element) -> str:
    return " ".join("".join(element.itertext()).split())


@samples
def test_the_page_is_valid_html(name: str):
    """A strict parser stops at the first error, where a browser guesses."""
    document = parsed(rendered(name))

    assert document.tag == f"{XHTML}html"
    ids = [element.get("id") for element in document.iter() if element.get("id")]
    assert len(ids) == len(set(ids))


def test_a_name_of_nothing_is_a_name():
    """A jail may be called "" or " ": a header, a row, a heading without a text is none to a reader."""
    text = render(page(100, jails=["", " ", "sshd"], title=" "))

    heads = [texts(head) for head in parsed(text).iter(f"{XHTML}th")]
    assert heads
    assert all(heads), heads
    assert "<title></title>" not in text


@samples
def test_moments_are_written_as_html_has_them(name: str):
    """Its grammar takes three digits of a second and an offset in minutes; a parser lets all pass."""
    moments = [element.get("datetime") for element in parsed(rendered(name)).iter(f"{XHTML}time")]

    assert moments
    assert all(map(_HTML_MOMENT, moments)), moments


@samples
def test_nothing_leads_out_and_nothing_runs(name: str):
    """The page is opened from a mail, or on a web server of somebody else's."""
    document = parsed(rendered(name))

    for element in document.iter():
        tag = str(element.tag).rpartition("}")[2]
        assert tag not in {
            "script",
            "link",
            "a",
            "img",
            "image",
            "iframe",
            "object",
            "embed",
            "base",
            "form",
            "use",
        }
        for attribute in element.attrib:
            assert not re.match(r"on|style$|(.*\})?(href|src)$", str(attribute)), attribute
    assert not re.search(r"url\(|@import|@font-face", next(document.iter(f"{XHTML}style")).text)


@samples
def test_the_policy_allows_the_one_style_sheet_alone(name: str):
    """What a name from outside could bring in would still not run."""
    document = parsed(rendered(name))
    policy = next(meta for meta in document.iter(f"{XHTML}meta") if meta.get("http-equiv"))
    style = next(document.iter(f"{XHTML}style")).text

    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()

    assert policy.get("http-equiv") == "Content-Security-Policy"
    assert policy.get("content") == (
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    )


@samples
def test_the_page_stays_small(name: str):
    """It goes by mail; names, jails and days have no bound of their own."""
    assert len(rendered(name).encode()) < 500_000


def test_a_hostile_name_is_text():
    """What a whois record or a jail is called is shown, never obeyed; controls are shown escaped."""
    text = rendered("hostile names")

    shown = texts(parsed(text))
    for name in HOSTILE[:3] + HOSTILE[5:8] + HOSTILE[10:]:
        assert name in shown
    assert "\\u202egnp.exe" in shown
    assert "a\\x00b\\x1b[31m" in shown
    assert not any(ord(character) < 32 and character != "\n" for character in text)


def test_the_numbers_of_each_table_add_up():
    """What is below the top, and what is unknown, has its row."""
    contents = page(10_007)
    document = parsed(render(contents))

    totals = [
        sum(int(row.findall(f"{XHTML}td")[0].text.replace(",", "")) for row in table.iter(f"{XHTML}tr") if row.findall(f"{XHTML}td"))
        for table in document.iter(f"{XHTML}table")
        if table.get("class") == "ranked"
    ]  # fmt: skip

    assert totals == [10_007] * 7


def test_the_table_of_days_has_every_ban():
    """The picture's numbers, for those who do not see it."""
    contents = SAMPLES["ten thousand"]()
    table = next(t for t in parsed(render(contents)).iter(f"{XHTML}table") if t.get("class") is None)

    rows = [
        [int(cell.text.replace(",", "")) for cell in row.iter(f"{XHTML}td")]
        for row in table.find(f"{XHTML}tbody").iter(f"{XHTML}tr")
    ]

    assert len(rows) == len(contents.periods)
    assert all(sum(row[:-1]) == row[-1] for row in rows)
    assert sum(row[-1] for row in rows) == 10_000


def test_every_counted_country_is_on_the_map_or_listed_under_it():
    """250 of them, and two codes that are no country."""
    contents = page(500_000, codes=(*EVERY_COUNTRY, "EU", "AP"), first=0.03)
    document = parsed(render(contents))
    world = next(svg for svg in document.iter(f"{SVG}svg") if svg.get("class") == "map")
    titles = [title.text for title in world.iter(f"{SVG}title")]
    caption = texts(next(document.iter(f"{XHTML}figcaption")))

    for row in contents.countries.rows:
        told = f"{row.name}: {row.count:,} ban"
        assert any(title.startswith(told) for title in titles) or re.search(
            rf"\b{row.key}\b.* {row.count:,}[,.]", caption
        )
    assert re.search(r"Not on the map:.*AQ \(Antarctica\).*AP .*country unknown 10,000\.", caption)


@pytest.mark.parametrize("code", ["XK", "HK", "MO", "TW", "SG", "MT"])
def test_a_small_country_has_a_mark(code: str):
    """Where most of the bans may come from has no shape that can be seen."""
    document = parsed(render(page(30, codes=(code, "US"), first=0.9)))
    world = next(svg for svg in document.iter(f"{SVG}svg") if svg.get("class") == "map")

    marks = [
        mark.tag
        for mark in world.iter()
        if any(title.text.endswith("(90.0 %)") for title in mark.findall(f"{SVG}title"))
    ]

    assert f"{SVG}circle" in marks or code == "TW"
    assert marks


def test_an_empty_history_says_so():
    """A page that was written tells that the schedule works."""
    text = texts(parsed(rendered("no bans")))

    assert "The history has no ban of this time." in text
    assert "masked" not in text


def test_masked_addresses_are_said_to_be():
    """Who reads a network where others show an address may take it for one."""
    contents = page(30)

    assert "Addresses are masked" in render(contents)
    assert "masked" not in render(contents._replace(are_masked=False)).lower()


# The colours.


def palettes() -> list[dict[str, str]]:
    css = resources.files(room).joinpath("templates/page.css").read_text()
    light, dark = (
        dict(re.findall(r"--(\w+): (#\w{6});", block))
        for block in re.findall(r":root \{(.*?)\}", css, re.DOTALL)
    )
    assert light.keys() == dark.keys()
    return [light, dark]


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """Return the ratio of WCAG 2."""
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("palette", palettes(), ids=["light", "dark"])
def test_colours_can_be_told_apart(palette: dict[str, str]):
    """By their lightness alone, so that it does not matter which colours an eye knows."""
    assert all(contrast(palette[ink], palette["paper"]) >= 4.5 for ink in ("ink", "quiet", "accent"))
    layers = [palette[f"layer{place}"] for place in range(1, 5)] + [palette["rest"]]
    assert all(contrast(layer, palette["paper"]) >= 3 for layer in layers)
    assert all(contrast(one, other) >= 1.3 for one, other in pairwise(layers))
    scale = [palette["land"], *(palette[f"s{shade}"] for shade in range(1, SHADES + 1))]
    assert all(contrast(one, other) >= 1.25 for one, other in pairwise(scale))
    lightness = [luminance(shade) for shade in scale]
    assert lightness in (sorted(lightness), sorted(lightness, reverse=True))


@given(highest=st.integers(1, 10**15))
def test_the_scale_has_each_count_once(highest: int):
    """No more steps than shades, from the palest to the strongest, without a gap."""
    scale = steps(highest)

    assert (scale[0].least, scale[-1].most, scale[-1].shade) == (1, highest, SHADES)
    assert all(one.most + 1 == other.least and one.shade < other.shade for one, other in pairwise(scale))
    assert all(shade_of(step.least, scale) == shade_of(step.most, scale) == step.shade for step in scale)


# The pictures.


@given(highest=st.integers(0, 10**12))
def test_the_axis_ends_at_a_round_count_that_is_not_below_the_highest(highest: int):
    """And a bar is never lost in the height of the frame."""
    ticks = axis_ticks(highest)

    assert ticks[0] == 0
    assert ticks[-1] >= max(highest, 1)
    assert 2 <= len(ticks) <= 5
    assert ticks[-1] <= max(2 * highest, 1)
    assert re.fullmatch(r"(1|2|5|10|20|50)0*", str(ticks[1]))


@pytest.mark.parametrize("name", [name for name in SAMPLES if name != "no bans"])
def test_bars_are_as_high_as_their_counts(name: str):
    """Each layer stands on the one below; the rest on top of all."""
    contents = SAMPLES[name]()
    drawn = draw_timeline(contents.periods)
    heights = [0] * len(drawn.bars)
    for outline in drawn.outlines:
        for start, bottom, top in re.findall(r"M([\d.]+) (\d+)V(\d+)h", outline):
            assert HEIGHT - int(bottom) == heights[int(float(start))]
            heights[int(float(start))] = HEIGHT - int(top)

    for height, bar in zip(heights, drawn.bars, strict=True):
        assert height == pytest.approx(HEIGHT * bar.total / drawn.ticks[-1], abs=HEIGHT / 200)
        assert bool(height) == bool(bar.total)


# The map.


def test_the_atlas_has_a_place_for_every_country_but_antarctica():
    """Small, with its source and its licence, and without a bar across the map at the antimeridian."""
    atlas = read_atlas()
    world = json.loads(resources.files(room).joinpath("world.json").read_text())

    assert {place.code for place in atlas.places} == set(EVERY_COUNTRY) - {"AQ"}
    assert sum(len(place.path) for place in atlas.places) < 150_000
    assert "Natural Earth" in world["source"]
    assert "public domain" in world["licence"]
    for place in atlas.places:
        assert 0 <= place.x <= atlas.width
        assert 0 <= place.y <= atlas.height
        for ring in place.path.split("M")[1:]:
            assert max(abs(int(step)) for step in re.findall(r"-?\d+", ring)[2:]) < atlas.width / 10


# The words.


@pytest.mark.parametrize(
    ("now", "before", "said"),
    [(120, 100, "+20.0 %"), (50, 100, "\N{MINUS SIGN}50.0 %"), (7, 7, "unchanged"), (7, 0, "new"), (0, 7, "\N{MINUS SIGN}100.0 %")],
)  # fmt: skip
def test_a_change_is_told_against_the_span_before(now: int, before: int, said: str):
    assert change(now, before) == said


@pytest.mark.parametrize(
    ("count", "total", "said"),
    [(0, 5, "0.0 %"), (1, 1_000_000, "< 0.1 %"), (999_999, 1_000_000, "> 99.9 %"), (5, 5, "100.0 %"), (0, 0, "0.0 %")],
)  # fmt: skip
def test_a_share_that_is_there_is_not_nothing(count: int, total: int, said: str):
    assert percent(count, total) == said


def test_the_two_hours_that_the_clocks_call_alike_are_told_apart():
    """Where the clocks are put back, 02:00 comes twice: two bars of one name would be a riddle."""
    summer, winter = "2026-10-25T02:00+02:00", "2026-10-25T02:00+01:00"

    assert [period(key, "hour") for key in (summer, winter, "2026-10-25T03:00")] == [
        "Sun 25 Oct 2026, 02:00 UTC+02:00",
        "Sun 25 Oct 2026, 02:00 UTC+01:00",
        "Sun 25 Oct 2026, 03:00",
    ]
    assert [short_period(key, "hour") for key in (summer, winter, "2026-10-25T03:00")] == [
        "02:00+02:00",
        "02:00+01:00",
        "Sun 03:00",
    ]
