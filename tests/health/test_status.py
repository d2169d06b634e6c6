"""`status` for people, scripts and monitors: what each sees of one and the same state."""

import json
import os
import re
import shutil
import stat
import subprocess
import time
from pathlib import Path

import pytest
from conftest import Bangui
from freshness import pretend_jobs_just_ran

from bangui_cli.health import nagios as nagios_format
from bangui_cli.health.ages import Age, Thresholds, thresholds
from bangui_cli.rules import timestamps
from bangui_cli.telling import exposition
from bangui_cli.telling.exposition import Metric, Sample

FLUSH, HEARTBEAT = "geo_cache_flush", "scheduler_lock_heartbeat"


def ago(seconds):
    return timestamps.to_text(time.time() - seconds)


def succeeded_ago(bangui, job_id, seconds):
    bangui.execute("UPDATE job_state SET last_success_at = ? WHERE job_id = ?", ago(seconds), job_id)


@pytest.fixture(scope="module")
def worked(tmp_path_factory):
    """Make a database whose jobs have just run, with one entry cached and one dirty."""
    bangui = Bangui(tmp_path_factory.mktemp("worked"))
    bangui.ok("init")
    bangui.ok("add", "192.0.2.1", "--country-code", "DE")
    bangui.ok("flush")
    bangui.ok("heartbeat")
    bangui.ok("add", "192.0.2.2")
    return bangui.database


@pytest.fixture
def at_work(bare, worked):
    """Run bangui with a copy of that database."""
    shutil.copy(worked, bare.database)
    pretend_jobs_just_ran(bare)
    return bare


def metrics(text):
    """Return the samples of a document by name and labels, as Prometheus reads them."""
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines)}


# JSON and table.


def test_json_tells_how_long_ago_each_job_succeeded(at_work):
    """A script needs no date arithmetic, neither for a job that ran nor for one that never did."""
    succeeded_ago(at_work, FLUSH, 100)
    at_work.execute("DELETE FROM job_state WHERE job_id = ?", HEARTBEAT)

    jobs = at_work.ok("status", "--format", "json").json["jobs"]

    assert 100 <= jobs[FLUSH]["success_age_s"] < 130
    assert jobs[HEARTBEAT]["last_success_at"] is None
    assert 0 <= jobs[HEARTBEAT]["success_age_s"] < 3600


def test_a_dirty_row_whose_time_is_no_time_does_not_break_the_status(at_work):
    """The CHECK on the column lets a 99th month pass; the status must still come."""
    at_work.execute("UPDATE geo_cache_dirty SET resolved_at = '2026-99-01T00:00:00.000Z'")

    assert at_work.ok("status", "--format", "json").json["dirty"]["oldest_age_s"] is None
    assert "bangui_dirty_rows 1" in at_work.ok("status", "--format", "prometheus").stdout


def section(text, title):
    """Return the lines of one section of the table, by name."""
    lines = text.partition(f"{title}\n")[2].splitlines()
    ended = next((place for place, line in enumerate(lines) if not line.startswith("  ")), None)
    return dict(re.split(" {2,}", line.strip(), maxsplit=1) for line in lines[:ended])


def test_the_table_tells_of_flushed_rows_where_a_job_flushes(at_work):
    """A collect that has "flushed 0" looks as if it had failed."""
    at_work.ok("prune")
    table = at_work.ok("status").stdout

    assert section(table, f"job {FLUSH}")["flushed"] == "1"
    assert "flushed" not in section(table, f"job {HEARTBEAT}")
    assert "flushed" not in section(table, "job geo_cache_cleanup")


def test_the_table_says_where_there_are_no_files_and_names_instances_one_by_one(at_work):
    """An empty line looks like a fault, and a colon belongs to the paths of a variable."""
    at_work.environment["BANGUI_GEOIP_DB_PATH"] = ""
    at_work.execute("INSERT INTO job_state (job_id, instance) VALUES ('history_sync', 'a')")
    at_work.execute("INSERT INTO job_state (job_id, instance) VALUES ('history_sync', 'b_at')")
    at_work.execute(
        "UPDATE job_state SET last_success_at = ? WHERE job_id = 'history_sync'",
        "2026-01-02T03:04:05.000Z",
    )
    table = at_work.ok("status").stdout

    assert section(table, "geoip")["files"] == "-"
    collected = "2026-01-02T03:04:05.000Z"
    assert section(table, "instances")["collecting"] == f"a ({collected}), b_at ({collected})"


# Prometheus.


@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool is not installed")
@pytest.mark.parametrize("has_database", [True, False])
def test_promtool_has_nothing_to_say_about_the_metrics(at_work, has_database):
    """Prometheus' own linter accepts names, types, units and help."""
    if not has_database:
        at_work.database.unlink()
    document = at_work.run("status", "--format", "prometheus").stdout

    checked = subprocess.run(
        ["promtool", "check", "metrics"], input=document, text=True, capture_output=True, check=False
    )

    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")


def test_metrics_carry_the_numbers_of_the_status(at_work):
    """Each number an alarm needs is there, moments as seconds since the epoch."""
    state = at_work.ok("status", "--format", "json").json
    found = metrics(at_work.ok("status", "--format", "prometheus").stdout)
    success_s = timestamps.to_wall_s(state["jobs"][FLUSH]["last_success_at"])

    assert found["bangui_up"] == 1
    assert found["bangui_dirty_rows"] == 1
    assert found["bangui_cache_rows"] == 1
    assert found["bangui_flushed_rows_total"] == 1
    assert found['bangui_lock_state{state="mine"}'] == 1
    assert found['bangui_lock_state{state="held"}'] == 0
    assert found[f'bangui_job_runs_total{{job_id="{HEARTBEAT}"}}'] == 1
    assert found[f'bangui_job_last_success_timestamp_seconds{{job_id="{FLUSH}"}}'] == success_s
    assert found["bangui_dirty_oldest_resolved_timestamp_seconds"] == timestamps.to_wall_s(
        state["dirty"]["oldest_resolved_at"]
    )


def test_a_job_that_never_succeeded_is_older_than_any_limit(bangui):
    """An absent metric would never fire an alarm: `time() - 0` does."""
    found = metrics(bangui.ok("status", "--format", "prometheus").stdout)

    assert found[f'bangui_job_last_success_timestamp_seconds{{job_id="{FLUSH}"}}'] == 0
    assert "bangui_dirty_oldest_resolved_timestamp_seconds" not in found


def test_without_a_database_the_metrics_say_down(bare):
    """Written, not left out: the collector would go on serving the file of yesterday."""
    path = bare.home / "bangui.prom"
    path.write_text("bangui_up 1\n")

    ended = bare.run("status", "--format", "prometheus", "--output", path)

    assert (ended.code, ended.stdout) == (66, "")
    assert metrics(path.read_text())["bangui_up"] == 0
    assert ended.events[-1]["exit_code"] == 66


def test_label_values_are_escaped():
    """An instance may be called anything."""
    metric = Metric("x", "gauge", "a\nb", [Sample(1, {"owner": 'a"b\\c\nd'})])

    assert exposition.render([metric]) == (
        '# HELP bangui_x a\\nb\n# TYPE bangui_x gauge\nbangui_x{owner="a\\"b\\\\c\\nd"} 1'
    )


def test_labels_carry_no_terminal_control():
    """What another program wrote into the lock may be looked at on a terminal."""
    metric = Metric("x", "gauge", "help", [Sample(1, {"hostname": "a\x1b[31mb\x9bc\u202e"})])

    assert exposition.render([metric]).isascii()
    assert 'hostname="a\\\\x1b[31mb\\\\x9bc\\\\u202e"' in exposition.render([metric])


@pytest.mark.parametrize("value", [None, "text", b"bytes", float("nan"), float("inf")])
def test_what_is_no_number_is_left_out_with_its_help(value):
    """A lock row that another program damaged must not damage the whole document."""
    assert exposition.render([Metric("x", "gauge", "help", [Sample(value)])]) == ""


ALERT_TESTS = """
rule_files: [rules.yml]
tests:
  - interval: 1m
    input_series:
      - {series: 'bangui_up', values: '1x30'}
      - {series: 'bangui_job_interval_seconds{job_id="runs"}', values: '60x30'}
      - {series: 'bangui_job_interval_seconds{job_id="never"}', values: '60x30'}
      - {series: 'bangui_job_last_success_timestamp_seconds{job_id="runs"}', values: '0+60x30'}
      - {series: 'bangui_job_last_success_timestamp_seconds{job_id="never"}', values: '0x30'}
      - {series: 'bangui_job_interval_seconds{job_id="scheduler_lock_heartbeat"}', values: '60x30'}
      - {series: 'bangui_job_last_success_timestamp_seconds{job_id="scheduler_lock_heartbeat"}', values: '0x30'}
      - {series: 'bangui_lock_state{state="expired"}', values: '0x10 1x20'}
    alert_rule_test:
      - {eval_time: 4m, alertname: BanguiJobLate, exp_alerts: []}
      - {eval_time: 6m, alertname: BanguiJobLate, exp_alerts: [{exp_labels: {job_id: never}}]}
      - {eval_time: 6m, alertname: BanguiDown, exp_alerts: []}
      - {eval_time: 14m, alertname: BanguiNobodyActive, exp_alerts: []}
      - {eval_time: 18m, alertname: BanguiNobodyActive, exp_alerts: [{exp_labels: {state: expired}}]}
  - interval: 1m
    input_series: [{series: 'bangui_up', values: '0x30'}]
    alert_rule_test: [{eval_time: 1m, alertname: BanguiDown, exp_alerts: [{exp_labels: {}}]}]
"""


@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool is not installed")
def test_the_alarms_of_the_manual_fire_when_they_should(tmp_path):
    """Prometheus itself tries them: a job that never succeeded fires, one that runs does not."""
    manual = (Path(__file__).parents[1] / "manual/prose/bangui-status.md").read_text()
    rules = re.search(r"^    - alert: .*?\n\n", manual, re.MULTILINE | re.DOTALL)[0]
    (tmp_path / "rules.yml").write_text(f"groups:\n- name: bangui\n  rules:\n{rules}")
    (tmp_path / "tests.yml").write_text(ALERT_TESTS)

    tried = subprocess.run(
        ["promtool", "test", "rules", "tests.yml"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert tried.returncode == 0, tried.stdout + tried.stderr


# --output.


@pytest.mark.parametrize("layout", ["table", "json", "prometheus", "nagios"])
def test_output_goes_to_the_file_alone_and_all_may_read_it(at_work, layout):
    """The collector is another user; a strict umask must not lock it out."""
    path = at_work.home / "status.out"

    ended = at_work.ok("status", "--format", layout, "--output", path, preexec_fn=_strict_umask)

    assert ended.stdout == ""
    assert path.read_text().endswith("\n")
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert not [name for name in os.listdir(at_work.home) if name.endswith(".tmp")]


def _strict_umask():
    os.umask(0o077)


def test_output_takes_the_place_of_a_link_and_leaves_its_target(at_work):
    """The collector's directory is another user's: whatever a link there points to is not asked for."""
    target, link = at_work.home / "target", at_work.home / "link"
    target.write_text("kept")
    link.symlink_to(target)

    at_work.ok("status", "--output", link)

    assert target.read_text() == "kept"
    assert not link.is_symlink()
    assert link.read_text().startswith("database\n")


def test_output_to_a_stream_is_written_there(at_work, tmp_path):
    """/dev/stdout and its like are what the process was given, also where that is a file at its end."""
    shown = at_work.ok("status", "--format", "json", "--output", "/dev/stdout")
    assert shown.json["cache"]

    log = tmp_path / "log"
    log.write_text("before\n")
    with log.open("a") as stream:
        at_work.ok("status", "--output", "/dev/fd/1", stdout=stream)
    assert log.read_text().startswith("before\ndatabase\n")


@pytest.mark.parametrize("layout", ["json", "prometheus", "nagios"])
def test_output_onto_what_bangui_reads_is_refused(at_work, layout):
    """Neither the database nor what SQLite takes for a part of it, nor the settings."""
    settings = at_work.home / "bangui.toml"
    settings.write_text("batch_size = 7\n")
    (at_work.home / "second").hardlink_to(settings)
    (at_work.home / "link").symlink_to(at_work.database)
    before = at_work.database.read_bytes()
    journal = f"{at_work.database}-journal"

    for name in (at_work.database, journal, settings, "second", "link", f"../{at_work.home.name}/link"):
        ended = at_work.run(
            "status", "--format", layout, "--config", settings, "--output", name, cwd=at_work.home
        )
        assert ended.code == (3 if layout == "nagios" else 2), name
        assert "would be written over" in ended.events[-1]["error"]
    assert at_work.database.read_bytes() == before
    assert settings.read_text() == "batch_size = 7\n"
    assert not os.path.lexists(journal)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_output_into_a_directory_without_permission_is_77(at_work):
    """The file of before stays."""
    directory = at_work.home / "textfile"
    directory.mkdir(mode=0o500)

    assert at_work.run("status", "--output", directory / "x.prom").code == 77


def test_output_into_a_missing_directory_is_73(at_work):
    """The event names the file and what to check."""
    ended = at_work.run("status", "--output", at_work.home / "nowhere" / "x.prom")

    assert ended.code == 73
    assert "nowhere/x.prom" in ended.events[-1]["error"]


# Nagios.


def nagios(bangui, *options):
    """Run the check and return its exit code, its text and its performance data."""
    ended = bangui.run("status", "--format", "nagios", *options)
    assert ended.stdout.count("\n") == 1
    text, _, performance = ended.stdout.rstrip("\n").partition(" | ")
    return ended.code, text, dict(item.split("=", 1) for item in performance.split())


def test_nagios_is_ok_while_the_jobs_run(at_work):
    """One line, exit 0, limits derived from the intervals, in the guidelines' form."""
    code, text, performance = nagios(at_work)
    value, *limits = performance[f"{FLUSH}_age"].split(";")

    assert code == 0
    assert text.startswith("BANGUI OK - 1 dirty row; ")
    assert value.endswith("s")
    assert limits == ["300", "900", "0"]
    assert performance["dirty_rows"] == "1;;;0"
    assert performance["flushed"] == "1c"


@pytest.mark.parametrize("job_id", [FLUSH, HEARTBEAT])
@pytest.mark.parametrize(("age_s", "code"), [(250, 0), (400, 1), (1000, 2)])
def test_nagios_alarms_on_the_age_of_the_last_success(at_work, job_id, age_s, code):
    """Five missed runs are a warning, fifteen are critical; flushes are too rare for the lock."""
    succeeded_ago(at_work, job_id, age_s)
    if job_id == HEARTBEAT:
        at_work.environment["BANGUI_FLUSH_INTERVAL"] = "1h"

    found, text, _ = nagios(at_work)

    assert found == code
    assert text.startswith(f"BANGUI {('OK', 'WARNING', 'CRITICAL')[code]} - ")
    assert (job_id in text.partition(" - ")[2].partition("(limit")[0]) or code == 0


@pytest.mark.parametrize("beats", ["never", "long ago"])
def test_nagios_is_ok_where_flushes_alone_are_scheduled(at_work, beats):
    """Each keeps the lock fresh: a heartbeat that nobody schedules is no alarm, however old it is."""
    if beats == "never":
        at_work.execute("DELETE FROM job_state WHERE job_id = ?", HEARTBEAT)
        at_work.execute("UPDATE _sqlite_migrations SET applied_at = ?", ago(100_000))
    else:
        succeeded_ago(at_work, HEARTBEAT, 100_000)
    succeeded_ago(at_work, FLUSH, 200)

    code, text, performance = nagios(at_work)

    assert code == 0
    assert "flush keeps the lock fresh" in text
    assert re.fullmatch(r"10000\d\.\d{3}s;;;0", performance[f"{HEARTBEAT}_age"])


@pytest.mark.parametrize(("limits", "code"), [((7200, 7200), 0), ((600, 7200), 1), ((600, 1800), 2)])
def test_nagios_alarms_on_the_age_of_the_oldest_dirty_row(at_work, limits, code):
    """Given limits count for everything."""
    at_work.ok("add", "192.0.2.3", "--resolved-at", ago(3600))

    found, text, performance = nagios(at_work, "--warning-age", limits[0], "--critical-age", limits[1])

    assert found == code
    assert ("oldest dirty row 60 min old" in text) == (code > 0)
    assert performance["dirty_age"].split(";")[1:3] == [str(limit) for limit in limits]


def test_nagios_warns_of_a_fresh_installation_without_a_schedule(bare):
    """It must not stay silent for ever, nor be critical before cron had a chance."""
    bare.ok("init")

    code, text, _ = nagios(bare)

    assert (code, text) == (1, "BANGUI WARNING - no job has succeeded yet: install the schedule")


def test_nagios_finds_an_old_installation_that_never_ran_critical(bangui):
    """A job without a success is as late as the database is old."""
    bangui.execute("UPDATE _sqlite_migrations SET applied_at = '2026-01-01 00:00:00+00:00'")

    code, text, _ = nagios(bangui, "--critical-age", "1m")

    assert code == 2
    assert f"{FLUSH} never succeeded" in text


def test_nagios_finds_a_missing_database_critical(bare):
    """The event with the hint goes to stderr, the one line to stdout."""
    ended = bare.run("status", "--format", "nagios")

    assert ended.code == 2
    assert ended.stdout == f"BANGUI CRITICAL - no database at {bare.database}\n"
    assert ended.events[-1]["exit_code"] == 2
    assert ended.events[-1]["hint"].startswith("the path comes from environment BANGUI_DATABASE_PATH; ")


def test_nagios_finds_a_damaged_database_critical(bangui):
    """No job can work on it."""
    bangui.database.write_bytes(b"no database" * 1000)

    assert nagios(bangui)[0] == 2


@pytest.mark.parametrize(
    "options",
    [
        ["--warning-age", "soon"],
        ["--warning-age", "10m", "--critical-age", "5m"],
        ["--no-such-option"],
    ],
)
def test_nagios_calls_a_wrong_option_unknown(at_work, options):
    """Exit 2, the code of usage, would be a critical state to the monitor."""
    ended = at_work.run("status", "--format", "nagios", *options)

    assert ended.code == 3
    assert ended.stdout.startswith("BANGUI UNKNOWN - ")
    assert ended.stdout.count("\n") == 1
    assert ended.events[-1]["exit_code"] == 3


def test_a_wrong_option_is_usage_to_everyone_else(at_work):
    """Only a monitor has codes of its own."""
    assert at_work.run("status", "--no-such-option").code == 2


def test_nagios_calls_wrong_settings_unknown(at_work):
    """The monitor's own settings may be at fault, and not the jobs."""
    ended = at_work.run("status", "--format", "nagios", env={"BANGUI_LOCK_TTL": "soon"})

    assert ended.code == 3


def test_nagios_calls_a_bug_unknown():
    """Exit 1, the code of a bug, would be a warning to the monitor."""
    assert nagios_format.explain(RuntimeError("x")) == (3, "BANGUI UNKNOWN - RuntimeError: x")


def test_a_bar_in_a_path_does_not_end_the_text(bare):
    """What follows a bar is performance data to a monitor."""
    ended = bare.run("status", "--format", "nagios", "--database", "/nowhere/a|b.db")

    assert ended.stdout == "BANGUI CRITICAL - no database at /nowhere/a/b.db\n"


@pytest.mark.parametrize(
    ("given", "limits"),
    [
        (["--warning-age", "5m", "--critical-age", "15m"], ["90000", "90000"]),
        (["--warning-age", "23h", "--critical-age", "3d"], ["90000", "259200"]),
        (["--warning-age", "26h"], ["93600", "1296000"]),
        (["--warning-age", "2d"], ["172800", "1296000"]),
        (["--warning-age", "2d", "--critical-age", "3d"], ["172800", "259200"]),
    ],
)
def test_a_limit_that_a_daily_job_cannot_keep_is_the_least_that_it_can(at_work, given, limits):
    """It would alarm all day: a run may be put off by an hour."""
    at_work.ok("prune")

    performance = nagios(at_work, *given)[2]

    assert performance["geo_cache_cleanup_age"].split(";")[1:3] == limits


# The limits.


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ((None, None), (300, 900)),
        ((60, None), (60, 900)),
        ((1200, None), (1200, 1200)),
        ((None, 120), (120, 120)),
        ((None, 3600), (300, 3600)),
        ((10, 20), (10, 20)),
    ],
)
def test_a_missing_limit_never_contradicts_the_given_one(given, expected):
    """One limit alone is enough to give."""
    assert thresholds(60, *given) == Thresholds(*expected)


@pytest.mark.parametrize(("age_s", "verdict"), [(None, 0), (10, 0), (10.1, 1), (20, 1), (20.1, 2)])
def test_an_age_is_late_above_its_limit(age_s, verdict):
    """As the guidelines read a range: an age of just the limit is inside."""
    assert Age("x", age_s, Thresholds(10, 20), "").verdict == verdict


def test_json_of_one_line_can_be_written_to_a_file(at_work):
    """A file for a script holds what stdout would have held."""
    path = at_work.home / "status.json"
    at_work.ok("status", "--format", "json", "--output", path)

    assert json.loads(path.read_text())["dirty"]["rows"] == 1
