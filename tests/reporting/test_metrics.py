"""Bans as metrics: named, bounded and clean, whatever the names are."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from pages import HOSTILE

from bangui_cli.reporting.metrics import BanCounts, label_text, render

NONE = BanCounts([], [], [], [], 0, 0)


def samples(text: str, name: str) -> dict[str, float]:
    return {
        labels: float(value)
        for labels, value in re.findall(rf"^bangui_{name}(?:{{(.*)}})? (\S+)$", text, re.MULTILINE)
    }


def test_a_country_has_its_code_and_its_name():
    """So that a map in Grafana needs no look-up of its own; what has no country is in no series of it."""
    text = render(
        NONE._replace(
            countries=[("DE", None, 3), ("EU", None, 1), (None, None, 7), ("US", "États-Unis", 4)]
        )
    )

    assert samples(text, "bans") == {
        'country_code="US",country="États-Unis"': 4,
        'country_code="DE",country="Germany"': 3,
        'country_code="EU",country=""': 1,
    }
    assert samples(text, "bans_unknown") == {"": 7}


def test_networks_are_bounded_and_nothing_is_dropped():
    """A host that is attacked from everywhere must not fill Prometheus; the rest is one series."""
    networks = [(f"AS{place}", f"Network {place}", 100 - place) for place in range(60)]
    text = render(NONE._replace(networks=[*networks, (None, None, 5)]), top=2)

    assert samples(text, "bans_by_asn") == {
        'asn="AS0",org="Network 0"': 100,
        'asn="AS1",org="Network 1"': 99,
        'asn="other",org=""': sum(bans for *_, bans in networks[2:]) + 5,
    }
    assert len(samples(render(NONE._replace(networks=networks)), "bans_by_asn")) == 51


def test_nothing_left_over_is_no_series():
    """An `other` of 0 would look like a network."""
    text = render(NONE._replace(networks=[("AS1", "One", 2)]), top=1)

    assert samples(text, "bans_by_asn") == {'asn="AS1",org="One"': 2}


def test_a_network_that_is_called_like_the_rest_is_counted_with_it():
    """BanGUI writes into the cache, too; the same series twice would make node_exporter drop the file."""
    text = render(NONE._replace(networks=[("other", None, 2), ("AS1", "One", 3), (None, None, 4)]))

    assert samples(text, "bans_by_asn") == {'asn="AS1",org="One"': 3, 'asn="other",org=""': 6}


def test_a_network_is_one_series_with_its_usual_name():
    """Two files of different age give one network two names: Prometheus would take that for two."""
    text = render(NONE._replace(networks=[("AS1", "Old", 2), ("AS1", "New", 3), ("AS1", None, 9)]))

    assert samples(text, "bans_by_asn") == {'asn="AS1",org="New"': 14}


def test_labels_that_become_equal_are_added_up():
    """The same series twice would make node_exporter drop the whole file."""
    text = render(
        NONE._replace(jails=[("ssh\x07d", None, 2), ("sshd", None, 3), ("ssh\u202ed\udc80", None, 4)])
    )

    assert samples(text, "bans_by_jail") == {'jail="sshd"': 9}


def test_no_bans_are_zeros():
    """A file without a number looks like one that was not written."""
    text = render(NONE)

    assert samples(text, "banned_addresses") == {"": 0}
    assert samples(text, "bans_unknown") == {"": 0}
    assert samples(text, "bans_span_seconds") == {"": 0}
    assert "bangui_bans_by_jail" not in text


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("a\x00b\nc", "abc"),
        ("\u2066x\u2069", "x"),
        ("a\u00a0b\u2028c", "a b c"),
        ("株式会社", "株式会社"),
        (None, ""),
    ],
)
def test_a_label_has_no_controls(text: str | None, label: str):
    assert label_text(text) == label


@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool is not installed")
def test_promtool_has_nothing_to_say():
    """A file that node_exporter refuses would be noticed by nobody."""
    named = [(name, name, place) for place, name in enumerate(HOSTILE, 1)]
    document = (
        render(BanCounts([("DE", HOSTILE[0], 1), (None, None, 2)], named, named, named, 4, 86400)) + "\n"
    )

    checked = subprocess.run(
        ["promtool", "check", "metrics"], input=document.encode(), capture_output=True, check=False
    )

    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")


ALERT_TESTS = """
rule_files: [rules.yml]
evaluation_interval: 1m
tests:
  - interval: 5m
    input_series:
      - {series: 'bangui_bans{country_code="DE"}', values: '100x2400 500x36'}
      - {series: 'bangui_bans{country_code="FR"}', values: '50x2436'}
      - {series: 'bangui_bans_unknown', values: '10x2436'}
    alert_rule_test:
      - {eval_time: 200h, alertname: BanguiManyBans}
      - {eval_time: 203h, alertname: BanguiManyBans, exp_alerts: [{exp_labels: {}}]}
"""


@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool is not installed")
def test_the_alarm_of_the_manual_fires_where_a_day_is_unlike_the_others(tmp_path):
    """Prometheus itself tries it; and README and manual say the same."""
    root = Path(__file__).parents[2]
    manual = (root / "tests/manual/prose/bangui-report.md").read_text()
    rule = re.search(r"^    - alert: BanguiManyBans\n.*?(?:\n\n|\Z)", manual, re.MULTILINE | re.DOTALL)[
        0
    ]
    (tmp_path / "rules.yml").write_text(f"groups:\n- name: bangui\n  rules:\n{rule}")
    (tmp_path / "tests.yml").write_text(ALERT_TESTS)

    tried = subprocess.run(
        ["promtool", "test", "rules", "tests.yml"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert tried.returncode == 0, tried.stdout + tried.stderr
    expression = re.search(r"expr: (.*?)\n +for:", rule, re.DOTALL)[1]
    readme = (root / "README.md").read_text()
    assert "".join(expression.split()) in readme.replace(" ", "")
    query = re.search(r"^    (sum by .*)$", manual, re.MULTILINE)[1]
    assert query in readme
