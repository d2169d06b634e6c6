"""`report --format html` and `--format prometheus`: what others get to see, written from cron."""

import os
import re
import shutil
import stat
import subprocess
import time

import geoip
import html5lib
import pytest
from histories import ban, remember

from bangui_cli.rules import timestamps

DAY_S = 86400
SPAN = re.compile(r"^bangui_bans_span_seconds (\S+)", re.MULTILINE)


def days_ago(days: float) -> str:
    return timestamps.to_text(time.time() - days * DAY_S)


@pytest.fixture
def history(bangui):
    """Remember eight days, of which the last two are busier than the two before."""
    connection = bangui.connect()
    remember(
        connection,
        [
            ban("192.0.2.1", days_ago(1)),
            ban("192.0.2.2", days_ago(1.1), jail="web"),
            ban("2001:db8::7", days_ago(1.2), instance="web2"),
            ban("203.0.113.9", days_ago(1.3), jail="]]><script>"),
            ban("192.0.2.1", days_ago(3)),
            ban("198.51.100.0/24", days_ago(8)),
        ],
    )
    connection.executemany(
        "INSERT INTO geo_cache VALUES (?, ?, ?, ?, ?, '2026-01-01T00:00:00.000Z', NULL)",
        [
            ("192.0.2.1", "DE", "Germany", "AS1", "<b>One</b>"),
            ("192.0.2.2", "SG", None, "AS2", "Two"),
            ("2001:db8::7", "EU", None, "AS1", "<b>One</b>"),
        ],
    )
    connection.close()
    return bangui


def words(page: str) -> str:
    document = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(page)
    return " ".join(" ".join(document.find("body").itertext()).split()).replace(" ,", ",")


def test_the_page_tells_the_numbers_of_the_table(history):
    """One is looked at, the other is read by a script: they must not disagree."""
    for options in (
        (),
        ("--since", "2d"),
        ("--jail", "sshd"),
        ("--from-instance", "web2"),
        ("--active",),
    ):
        table = history.ok("report", "--history", "--format", "json", *options).json
        text = words(history.ok("report", "--history", "--format", "html", *options).stdout)

        if not table["total"]:
            assert "No bans" in text
            continue
        assert f"Bans {table['total']:,}" in text
        for row in table["rows"]:
            assert re.search(rf"{row['key']} {row['count']:,} ", text), (row, text)
        assert bool(table["unknown"]) == ("country unknown" in text)


def test_the_page_says_what_it_is_about(history):
    """Which bans, of when, from where, what they are compared with, and what is hidden."""
    title = "Bans of <example.org> & friends"
    text = words(
        history.ok(
            "report",
            "--history",
            "--format",
            "html",
            "--since",
            "2d",
            "--title",
            title,
            "--jail",
            "sshd",
            env={"TZ": "UTC"},
        ).stdout
    )

    assert text.startswith(title)
    assert re.search(
        r"\d{4}, \d\d:\d\d to \d+ \w+ \d{4}, \d\d:\d\d UTC · from web1, web2 · jail sshd", text
    )
    assert "Bans 2 +100.0 % (1 in the 2 days before)" in text
    assert "Bans per hour, by jail" in text
    assert "Addresses are masked" in text
    assert "192.0.2.0/24" in text
    assert "192.0.2.1" not in text


def test_a_page_for_insiders_shows_addresses_whole(history):
    """Where the operator has switched masking off."""
    text = words(
        history.ok("report", "--history", "--format", "html", env={"BANGUI_MASK_IPS": "false"}).stdout
    )

    assert "192.0.2.1 2 " in text
    assert "198.51.100.0/24 1 " in text
    assert "masked" not in text.lower()


def test_a_page_without_history_asked_for_is_of_the_history(history):
    """It tells of bans; neither the cache nor fail2ban's own day has what it shows."""
    assert "Bans 6" in words(history.ok("report", "--format", "html").stdout)
    assert "bangui_banned_addresses 5\n" in history.ok("report", "--format", "prometheus").stdout


@pytest.mark.parametrize("layout", ["html", "prometheus"])
def test_an_empty_history_is_no_failure(bangui, layout):
    """The schedule is installed before the first ban is."""
    shown = bangui.ok("report", "--history", "--format", layout).stdout

    assert ("No bans" in shown) if layout == "html" else ("bangui_bans_span_seconds 0" in shown)


def test_the_age_of_the_mmdb_data_is_told_where_there_is_some(history, tmp_path):
    """A country is as good as the data that named it."""
    file = geoip.write_mmdb(tmp_path / "country.mmdb", {"192.0.2.0/24": geoip.country("DE", "Germany")})
    page = history.ok(
        "report", "--format", "html", env={"BANGUI_GEOIP_DB_PATH": str(file), "TZ": "UTC"}
    ).stdout

    assert f"data built on {time.strftime('%-d %B %Y', time.gmtime())}" in words(page)
    broken = tmp_path / "broken.mmdb"
    broken.write_bytes(b"no data")
    assert (
        "data built"
        not in history.ok("report", "--format", "html", env={"BANGUI_GEOIP_DB_PATH": str(broken)}).stdout
    )


@pytest.mark.parametrize("layout", ["html", "prometheus"])
def test_the_file_is_whole_and_all_may_read_it(history, layout):
    """A web server's user, or the collector's; a strict umask of the job must not lock it out."""
    path = history.home / "published"

    ended = history.ok(
        "report", "--history", "--format", layout, "--output", path, preexec_fn=lambda: os.umask(0o077)
    )

    assert (ended.stdout, ended.stderr) == ("", "")
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert path.read_text().endswith("\n")
    assert os.listdir(history.home).count("published") == 1
    assert not [name for name in os.listdir(history.home) if name.endswith(".tmp")]


@pytest.mark.parametrize("layout", ["html", "prometheus"])
def test_a_report_that_fails_leaves_the_old_file(history, layout):
    """Yesterday's page is better than none."""
    path = history.home / "published"
    path.write_text("of yesterday")

    ended = history.run(
        "report", "--history", "--format", layout, "--output", path, "-d", history.home / "none.db"
    )

    assert ended.code == 66
    assert path.read_text() == "of yesterday"


def test_metrics_are_those_of_the_span(history):
    """A rule in Prometheus compares days; the span says of how long the numbers are."""
    whole = history.ok("report", "--history", "--format", "prometheus").stdout
    day = history.ok(
        "report", "--history", "--format", "prometheus", "--since", "2d", "--top", "1"
    ).stdout

    assert 8 * DAY_S - 60 < float(SPAN.search(whole)[1]) < 8 * DAY_S + 60
    assert SPAN.search(day)[1] == str(2 * DAY_S)
    series = {
        line.rpartition(" ")[0]: line.rpartition(" ")[2] for line in day.splitlines() if line[0] != "#"
    }
    del series["bangui_bans_span_seconds"]
    assert series == {
        'bangui_bans{country_code="DE",country="Germany"}': "1",
        'bangui_bans{country_code="EU",country=""}': "1",
        'bangui_bans{country_code="SG",country="Singapore"}': "1",
        'bangui_bans_by_asn{asn="AS1",org="<b>One</b>"}': "2",
        'bangui_bans_by_asn{asn="other",org=""}': "2",
        'bangui_bans_by_jail{jail="sshd"}': "2",
        'bangui_bans_by_jail{jail="web"}': "1",
        'bangui_bans_by_jail{jail="]]><script>"}': "1",
        'bangui_bans_by_instance{instance="web1"}': "3",
        'bangui_bans_by_instance{instance="web2"}': "1",
        "bangui_banned_addresses": "4",
        "bangui_bans_unknown": "1",
    }


@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool is not installed")
def test_both_files_of_metrics_stand_in_one_directory(history):
    """node_exporter reads them as one document: no name may be in both."""
    both = (
        history.ok("status", "--format", "prometheus").stdout
        + history.ok("report", "--format", "prometheus").stdout
    )

    checked = subprocess.run(
        ["promtool", "check", "metrics"], input=both, text=True, capture_output=True, check=False
    )

    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")
    types = re.findall(r"^# TYPE (\S+)", both, re.MULTILINE)
    assert len(types) == len(set(types))


@pytest.mark.parametrize(
    "options",
    [
        ["--fail2ban", "--format", "html"],
        ["--fail2ban", "--format", "prometheus"],
        ["--history", "--title", "x"],
        ["--history", "--format", "prometheus", "--title", "x"],
        ["--history", "--format", "html", "--by", "day"],
        ["--format", "prometheus", "--by", "asn"],
    ],
    ids=" ".join,
)
def test_what_does_not_fit_is_refused(history, options):
    """Rather than passed over in silence; the hint is about what was given."""
    ended = history.run("report", *options)

    assert ended.code == 2
    assert options[0] != "--fail2ban" or "--history" not in ended.events[-1]["error"]


def test_a_jail_without_bans_is_named(history):
    """An empty page may be a typing mistake."""
    ended = history.ok("report", "--format", "html", "--jail", "shsd")

    assert ended.event_names == ["jail_without_bans"]
    assert "No bans" in ended.stdout


def test_no_report_but_the_page_pays_for_templates(history):
    """Jinja2 costs as much as the rest of a small report."""
    for layout in ("json", "prometheus"):
        program = [*history.command()[:1], "-X", "importtime", *history.command()[1:]]
        ended = history.ok("report", "--history", "--format", layout, program=program)
        assert "jinja2" not in ended.stderr
