"""Which jobs are to be on time: those that are scheduled, or at work, and that this host has a use for."""

import json
import shutil
import subprocess
import time

import pytest
from conftest import Bangui
from freshness import pretend_jobs_just_ran
from geoip import country, write_mmdb
from others import needs_root

from bangui_cli.rules import timestamps

COLLECT, PRUNE, RE_RESOLVE = "history_sync", "geo_cache_cleanup", "geo_re_resolve"


def ago(seconds: float) -> str:
    return timestamps.to_text(time.time() - seconds)


@pytest.fixture
def at_work(bangui: Bangui) -> Bangui:
    """Run bangui on a database whose flushes are on time, on a host with fail2ban."""
    bangui.ok("flush")
    pretend_jobs_just_ran(bangui)
    bangui.environment["BANGUI_FAIL2BAN_DB"] = str(bangui.home / "fail2ban.sqlite3")
    return bangui


def ran(bangui: Bangui, job_id: str, age_s: float, instance: str = "web1") -> None:
    bangui.execute(
        "INSERT INTO job_state (job_id, instance, runs_total, last_success_at, last_outcome) "
        "VALUES (?, ?, 1, ?, 'ok')",
        job_id,
        instance if job_id in (COLLECT, RE_RESOLVE) else "",
        ago(age_s),
    )


def alarm(bangui: Bangui, *options: object, **environment: str) -> tuple[int, str]:
    ended = bangui.run("status", "--format", "nagios", *options, env=environment)
    return ended.code, ended.stdout.partition(" | ")[0]


@pytest.mark.parametrize(("age_s", "code"), [(1000, 0), (2000, 1), (5000, 2)])
def test_a_collect_that_stops_is_an_alarm(at_work, age_s, code):
    """By its own interval, and by this instance's own runs: another's say nothing of this host."""
    ran(at_work, COLLECT, age_s)
    ran(at_work, COLLECT, 0, instance="web2")

    found, text = alarm(at_work)

    assert found == code
    assert (COLLECT in text.partition("(limit")[0]) or code == 0


@pytest.mark.parametrize(
    ("job_id", "environment"),
    [
        (COLLECT, {"BANGUI_COLLECT_INTERVAL": "never"}),
        (PRUNE, {"BANGUI_PRUNE_INTERVAL": "never"}),
        (RE_RESOLVE, {"BANGUI_GEOIP_DB_PATH": "/nowhere/x.mmdb"}),
    ],
)
def test_what_is_never_to_run_or_of_no_use_is_no_alarm(at_work, job_id, environment):
    """Neither to Nagios, nor to Prometheus, which alarms by the interval, nor to doctor."""
    ran(at_work, job_id, 1e7)
    document = at_work.ok("status", "--format", "prometheus", env=environment).stdout
    checks = at_work.run("doctor", "--format", "json", env=environment).json["checks"]

    assert alarm(at_work, **environment)[0] == 0
    assert f'bangui_job_interval_seconds{{job_id="{job_id}"' not in document
    assert job_id not in [check["name"] for check in checks]


def test_what_nobody_has_scheduled_and_nothing_has_done_is_not_awaited(at_work):
    """README's one line that flushes is a whole installation, also beside fail2ban."""
    at_work.execute("UPDATE _sqlite_migrations SET applied_at = '2026-01-01 00:00:00+00:00'")
    state = at_work.ok("status", "--json").json

    assert alarm(at_work)[0] == 0
    assert list(state["jobs"]) == ["geo_cache_flush", "scheduler_lock_heartbeat"]


def test_limits_of_minutes_leave_a_daily_job_its_day(at_work):
    """They were given for what runs each minute; a daily one would alarm all day."""
    ran(at_work, PRUNE, 89_000)
    ran(at_work, COLLECT, 1000)

    found, text = alarm(at_work, "--warning-age", "10m")

    assert (found, PRUNE in text) == (1, False)
    assert f"{COLLECT} last succeeded 17 min ago (limit 10m)" in text


def test_limits_of_minutes_tell_of_a_daily_run_that_did_not_come(at_work):
    """Who gave them does not want to wait for days."""
    ran(at_work, PRUNE, 91_000)

    found, text = alarm(at_work, "--warning-age", "10m")

    assert found == 1
    assert f"{PRUNE} last succeeded 25 h ago (limit 25h)" in text


def test_metrics_name_the_instance_of_a_job_that_is_its_own(at_work):
    """Of a fleet's hosts each writes its own."""
    ran(at_work, COLLECT, 10)
    ran(at_work, PRUNE, 10)
    document = at_work.ok("status", "--format", "prometheus").stdout

    assert f'bangui_job_interval_seconds{{job_id="{COLLECT}",instance="web1"}} 300.0' in document
    assert f'bangui_job_interval_seconds{{job_id="{PRUNE}"}} 86400.0' in document


# What is remembered, and by what data.


def test_the_ages_of_the_memory_and_of_the_mmdb_data_are_told(at_work):
    """In every format, and by doctor."""
    for number, age_s in enumerate((7200, 90_000, 864_000)):
        at_work.execute(
            "INSERT INTO ban_history VALUES ('web1', 'sshd', ?, ?, 600, 1, NULL)",
            f"192.0.2.{number}",
            ago(age_s),
        )
    file = write_mmdb(at_work.home / "x.mmdb", {"192.0.2.0/24": country("DE", "Germany")})
    at_work.environment["BANGUI_GEOIP_DB_PATH"] = str(file)
    state = at_work.ok("status", "--json").json
    document = at_work.ok("status", "--format", "prometheus").stdout
    performance = at_work.ok("status", "--format", "nagios").stdout.partition(" | ")[2]
    checks = {each["name"]: each for each in at_work.run("doctor", "--json").json["checks"]}

    assert state["history"]["rows"] == 3
    assert state["history"]["newest_age_s"] == pytest.approx(7200, abs=60)
    assert state["history"]["oldest_age_s"] == pytest.approx(864_000, abs=60)
    assert list(state["geoip"]["files"]) == [str(file)]
    assert 0 <= state["geoip"]["oldest_age_s"] < 3600
    assert "\nbangui_history_rows 3\n" in document
    assert "\nbangui_history_newest_ban_timestamp_seconds " in document
    assert f'\nbangui_geoip_build_timestamp_seconds{{path="{file}"}} ' in document
    assert "history_rows=3;;;0 newest_ban_age=72" in performance
    assert checks["history"]["detail"] == "3 bans, the newest 2 h ago, the oldest 10 d ago"


def test_an_empty_memory_and_a_damaged_file_break_nothing(at_work):
    """No ban has come, and what cannot be read has no age."""
    (at_work.home / "x.mmdb").write_text("no MMDB")
    at_work.environment["BANGUI_GEOIP_DB_PATH"] = str(at_work.home / "x.mmdb")
    state = at_work.ok("status", "--json").json

    assert state["history"]["newest_age_s"] is None
    assert list(state["geoip"]["files"].values()) == [None]
    assert "bangui_history_newest" not in at_work.ok("status", "--format", "prometheus").stdout
    assert "newest_ban_age" not in at_work.ok("status", "--format", "nagios").stdout


# A schedule of bangui's own.


@pytest.fixture
def installing(bangui: Bangui):
    """Return what runs a script with an /etc/cron.d of its own, and what it printed, as JSON."""
    try_out = ["unshare", "--mount", "mount", "-t", "tmpfs", "tmpfs", "/etc/cron.d"]
    if subprocess.run(try_out, capture_output=True, check=False).returncode:
        pytest.skip("nothing can be mounted on /etc/cron.d here")
    mount = "mount -t tmpfs -o mode=755 tmpfs /etc/cron.d; "

    def run(script: str, **environment: str) -> str:
        words = " ".join(bangui.command())
        whole = mount + f'bangui() {{ {words} "$@"; }}; ' + script
        ended = subprocess.run(
            ["unshare", "--mount", shutil.which("bash"), "-c", whole],
            env={**bangui.environment, **environment},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        return ended.stdout

    return run


@needs_root
def test_right_after_an_installation_nothing_is_late(bangui, installing):
    """The database is a year old, and no job has run yet: each has its time."""
    bangui.execute("UPDATE _sqlite_migrations SET applied_at = '2026-01-01 00:00:00+00:00'")
    shown = installing(
        "bangui schedule install --all -q; bangui status --format nagios; bangui doctor --json;"
        "bangui status --format prometheus",
        BANGUI_FAIL2BAN_DB=str(bangui.home / "fail2ban.sqlite3"),
    )
    line, report, *document = shown.splitlines()
    checks = {each["name"]: each for each in json.loads(report)["checks"]}

    assert line.startswith("BANGUI OK - 0 dirty rows; geo_cache_flush has not succeeded yet")
    for job_id in ("geo_cache_flush", COLLECT, PRUNE):
        assert checks[job_id]["verdict"] == "ok"
        assert "has not succeeded yet, scheduled " in checks[job_id]["detail"]
    assert not [each for each in document if each.startswith("bangui_job_interval") and PRUNE in each]


@needs_root
def test_a_scheduled_job_that_never_succeeds_is_an_alarm_in_time(bangui, installing):
    """From the day on which it was scheduled."""
    bangui.execute("UPDATE _sqlite_migrations SET applied_at = '2026-01-01 00:00:00+00:00'")
    shown = installing(
        "bangui schedule install --all -q; bangui flush; bangui heartbeat;"
        "touch -d '10 days ago' /etc/cron.d/bangui; bangui status --format nagios",
        BANGUI_FAIL2BAN_DB=str(bangui.home / "fail2ban.sqlite3"),
    )

    assert shown.startswith("BANGUI CRITICAL - ")
    assert COLLECT in shown.partition(" | ")[0]


@needs_root
def test_a_schedule_for_another_database_says_nothing_of_this_one(bangui, installing):
    """Of a trial beside the real one."""
    shown = installing(
        'bangui init -q -d "$HOME/other.db"; bangui schedule install -q -d "$HOME/other.db";'
        "bangui status --json"
    )

    assert not json.loads(shown)["jobs"]["geo_cache_flush"]["is_scheduled"]
