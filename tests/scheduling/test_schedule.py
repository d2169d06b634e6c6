"""The schedule: what stands in the files, and that only bangui's own files are touched."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import Bangui, Ended
from others import needs_root
from schedules import ALWAYS, JOB_IDS, job_lines

from bangui_cli.scheduling import crontab, daemons, formats, sentences, units
from bangui_cli.scheduling.plan import File
from bangui_cli.states.errors import ConfigInvalid

ROOT = Path(__file__).parents[2]
CRONTAB = "etc/cron.d/bangui"
UNITS = [
    f"etc/systemd/system/bangui-{job}.{kind}"
    for job in ("flush", "heartbeat", "prune")
    for kind in ("service", "timer")
]
# A path with everything that one of the two quotings has to deal with.
AWKWARD = r"""/srv/it's 5% "$HOME" \%s \n `id`/;#x.db"""


@pytest.fixture
def bare(bare: Bangui) -> Bangui:
    """Run bangui with default settings: not even a database is named."""
    del bare.environment["BANGUI_DATABASE_PATH"], bare.environment["BANGUI_INSTANCE"]
    return bare


def scheduled(ended: Ended) -> list[dict]:
    """Return the events of the jobs that were installed."""
    return [event for event in ended.events if event["event"].endswith("_scheduled")]


# What stands in the files.


@needs_root
def test_the_file_in_the_repository_is_what_show_prints(bare: Bangui):
    """Whoever copies cron.d/bangui gets what `schedule install --all` would have written."""
    shown = bare.ok("schedule", "show", "--all", "--command", "/usr/local/bin/bangui")

    assert at_any_time_of_day(shown.stdout) == at_any_time_of_day((ROOT / "cron.d/bangui").read_text())
    assert {event["event"] for event in shown.events} <= {"scheduled_as_root", "schedule_left_out"}


def at_any_time_of_day(text: str) -> str:
    """Leave out when daily jobs start, which the instance's name decides."""
    return re.sub(r"^\d+ \d+ \* \* \*", "M H * * *", text, flags=re.MULTILINE)


@needs_root
def test_a_line_is_one_that_a_person_reads(bare: Bangui):
    """To the letter: who reads it knows what cron starts, and that it says nothing once it is gone."""
    shown = bare.ok("schedule", "show", "--command", "/usr/local/bin/bangui").stdout

    assert job_lines(shown)[0] == (
        "* * * * * root [ ! -x /usr/local/bin/bangui ] || "
        "/usr/local/bin/bangui flush --held-ok --verbose --log-target journal"
    )


def test_show_prints_what_install_writes(bare: Bangui, tmp_path: Path):
    """Of several files, each stands under its path."""
    root = tmp_path / "root"
    for format_, paths in (("cron", [CRONTAB]), ("systemd", UNITS)):
        shown = bare.ok("schedule", "show", "--format", format_, "--root", root).stdout
        bare.ok("schedule", "install", "--format", format_, "--root", root)

        heading = "# {}\n" if len(paths) > 1 else ""
        texts = [heading.format(root / path) + (root / path).read_text() for path in paths]
        assert shown == "\n".join(texts)


@pytest.mark.parametrize(
    ("interval_s", "cadence_s", "first", "count"),
    [
        (1, 1, ("* * * * *", 0), 60),
        (5, 5, ("* * * * *", 0), 12),
        (7, 6, ("* * * * *", 0), 10),
        (45.5, 30, ("* * * * *", 0), 2),
        (60, 60, ("* * * * *", 0), 1),
        (90, 60, ("* * * * *", 0), 1),
        (300, 300, ("*/5 * * * *", 0), 1),
        (7 * 60, 6 * 60, ("*/6 * * * *", 0), 1),
        (3600, 3600, ("0 * * * *", 0), 1),
        (2 * 3600, 2 * 3600, ("0 */2 * * *", 0), 1),
        (86400, 86400, ("7 21 * * *", 0), 1),
        (30 * 86400, 86400, ("7 21 * * *", 0), 1),
    ],
)
def test_cron_keeps_an_interval_or_the_next_shorter_one(
    interval_s: float, cadence_s: int, first: tuple[str, int], count: int
):
    """A job is never started less often than the settings ask for."""
    starts = crontab.starts(crontab.cadence_s(interval_s), (21, 7))

    assert crontab.cadence_s(interval_s) == cadence_s
    assert starts[0] == first
    assert len(starts) == count
    assert [delay_s for _, delay_s in starts] == [n * cadence_s for n in range(count)]


def test_an_interval_that_cron_cannot_keep_is_refused_with_a_way_out(bare: Bangui):
    """Below a second there is only systemd."""
    with pytest.raises(ConfigInvalid, match=r"every 0\.5 s") as refused:
        crontab.cadence_s(0.5)
    assert "systemd" in refused.value.hint

    ended = bare.run("schedule", "show", env={"BANGUI_HEARTBEAT_INTERVAL": "0.5"})
    assert ended.code == 78


def test_a_cadence_that_is_not_the_interval_is_told(bare: Bangui, tmp_path: Path):
    """In the file, and in the event."""
    ended = bare.ok("schedule", "install", "--root", tmp_path, env={"BANGUI_FLUSH_INTERVAL": "90s"})

    assert "# geo_cache_flush: every 1m, as near as" in (tmp_path / CRONTAB).read_text()
    assert [(event["interval_seconds"], event["cadence_seconds"]) for event in scheduled(ended)] == [
        (90, 60),
        (60, 60),
        (86400, 86400),
    ]


def test_a_heartbeat_of_five_seconds_is_twelve_staggered_lines(bare: Bangui):
    """Cron itself starts jobs on the minute only."""
    shown = bare.ok("schedule", "show", env={"BANGUI_HEARTBEAT_INTERVAL": "5s"}).stdout
    beats = [line for line in job_lines(shown) if " heartbeat " in line]

    assert len(beats) == 12
    assert "sleep" not in beats[0]
    assert " root sleep 55; [ ! -x " in beats[11]


def test_timers_take_the_interval_and_services_a_limit_above_the_timeout(bare: Bangui, tmp_path: Path):
    """The job ends itself first; systemd is for the one that cannot."""
    settings = {"BANGUI_HEARTBEAT_INTERVAL": "7.5", "BANGUI_HEARTBEAT_TIMEOUT": "3.2"}
    bare.ok("schedule", "install", "--format", "systemd", "--root", tmp_path, env=settings)

    assert "OnUnitActiveSec=7.5s\n" in (tmp_path / UNITS[3]).read_text()
    assert "TimeoutStartSec=14\n" in (tmp_path / UNITS[2]).read_text()


@pytest.mark.parametrize(
    ("interval", "when"),
    [
        ("1d", r"OnCalendar=\*-\*-\* \d\d:\d\d:00\nRandomizedDelaySec=1h\nPersistent=true\n"),
        ("7d", r"OnActiveSec=0\nOnUnitActiveSec=604800s\nRandomizedDelaySec=1h\nPersistent=true\n"),
        ("12h", r"OnActiveSec=0\nOnUnitActiveSec=43200s\nAccuracySec=100ms\n"),
    ],
)
def test_a_rare_timer_is_spread_and_catches_up(bare: Bangui, tmp_path: Path, interval: str, when: str):
    """A fleet does not start at once, not even after a power cut."""
    settings = {"BANGUI_PRUNE_INTERVAL": interval}
    bare.ok("schedule", "install", "--format", "systemd", "--root", tmp_path, env=settings)

    assert re.search(rf"\[Timer\]\n{when}", (tmp_path / UNITS[5]).read_text())


def test_a_daily_job_starts_when_the_name_of_the_instance_says(bare: Bangui):
    """Another one at another time, and each always at the same."""
    hosts = ("web1", "web2", "web1")
    shown = [bare.ok("schedule", "show", "--instance", name).stdout for name in hosts]
    times = [job_lines(text)[2].split()[:2] for text in shown]

    assert times[0] == times[2] != times[1]


@pytest.mark.parametrize("format_", ["cron", "systemd"])
def test_the_frequent_jobs_of_a_fleet_wait_for_their_turns(bare: Bangui, tmp_path: Path, format_: str):
    """Those on a server, which all hosts would ask at the same second; the daily ones are spread already."""
    (tmp_path / "own.toml").write_text(
        f'metrics_path = "{tmp_path}"\nreport_path = "{tmp_path}/b.html"\n'
    )
    shown = [
        bare.ok("schedule", "show", "--format", format_, "--all", "-d", database,
                "--config", tmp_path / "own.toml", "--root", tmp_path).stdout
        for database in ("postgresql://bangui@db.example/bangui", bare.database)
    ]  # fmt: skip
    starts = [[line for line in text.splitlines() if "--log-target" in line] for text in shown]

    commands = ("flush", "heartbeat", "collect", "report", "report", "status")
    assert sorted(
        re.search(r" (\w+) ", line.partition("bangui_cli" if "bangui_cli" in line else "bangui")[2])[1]
        for line in starts[0]
        if "--spread" in line
    ) == sorted(commands)
    assert len(starts[0]) == len(commands) + 2
    assert not [line for line in starts[1] if "--spread" in line]


@pytest.mark.parametrize("format_", ["cron", "systemd"])
def test_each_job_keeps_its_id_in_the_file(bare: Bangui, format_: str):
    """Who looks for a job by its ID finds it."""
    shown = bare.ok("schedule", "show", "--format", format_).stdout

    for job_id in ALWAYS:
        assert f"# {job_id}: " in shown


def test_the_jobs_carry_what_install_was_given(bare: Bangui, tmp_path: Path):
    """As absolute paths, whether by option or by variable: a job sees neither."""
    config = tmp_path / "own.toml"
    config.write_text('log_level = "info"\n')
    shown = bare.ok(
        "schedule", "show", "-d", "x.db", "--config", "own.toml", cwd=tmp_path,
        env={"BANGUI_INSTANCE": "web 1", "PYTHONPATH": str(ROOT)},
    ).stdout  # fmt: skip

    for line in job_lines(shown):
        assert f" --database {tmp_path}/x.db --config {config} --instance 'web 1' --log-target" in line


def test_what_variables_say_of_time_reaches_the_jobs(bare: Bangui):
    """A prune that knew nothing of them would delete what the operator keeps."""
    given = {
        "BANGUI_HISTORY_RETENTION": "never",
        "BANGUI_CACHE_RETENTION": "36h",
        "BANGUI_PRUNE_TIMEOUT": "90",
    }
    shown = bare.ok("schedule", "show", env=given).stdout

    (prune,) = (line for line in job_lines(shown) if " prune " in line)
    assert " prune --held-ok --verbose --timeout 90s --cache-age 36h --history-age never --log-" in prune
    assert shown.count("--timeout") == 1


def test_what_the_settings_file_says_is_left_to_it(bare: Bangui, tmp_path: Path):
    """The jobs read the same file: its database and log level are not written down twice."""
    config = tmp_path / "bangui.toml"
    config.write_text('database_path = "/srv/x.db"\nlog_level = "warning"\n')
    shown = bare.ok("schedule", "show", "--config", config).stdout

    for line in job_lines(shown):
        assert f" --held-ok --config {config} --log-target journal" in line


def test_a_dedicated_user_is_led_to_the_database_of_the_system(bare: Bangui):
    """The default of that user would be a file in its home directory."""
    shown = bare.ok("schedule", "show", "--user", "www-data").stdout

    for line in job_lines(shown):
        assert " * * * www-data [ ! -x " in line
        assert " --database /var/lib/bangui/bangui.db " in line


@pytest.mark.parametrize(
    "word", ["plain", "50%", AWKWARD, "\\%", "%", "a\\\\%%b\\", "it's\\%'s", "\\\\", "\\\\\\n", ""]
)
def test_a_word_survives_cron_and_the_shell(word: str):
    """A bare % would end the command, and a quote or $ be another one; of two backslashes one goes."""
    command = as_cron_runs_it(f"printf '[\\%s]' {crontab.quote(word)}")

    assert crontab.unquote(crontab.quote(word)) == shlex.quote(word)

    assert subprocess.check_output(["/bin/sh", "-c", command], text=True) == f"[{word}]"


def as_cron_runs_it(command: str) -> str:
    """Unescape a command as Debian's cron does (do_command.c)."""
    taken, escaped = "", False
    for character in command:
        if escaped:
            taken = taken[:-1] + character if character in "%\\" else taken + character
            escaped = False
            continue
        assert character != "%", f"the command ends at a bare %: {command}"
        taken += character
        escaped = character == "\\"
    return taken


@pytest.mark.parametrize("word", ["/srv/new\nline", "/srv/\x1b[0m", "/srv/\udc80"])
@pytest.mark.parametrize("format_", ["cron", "systemd"])
def test_what_no_line_can_hold_is_refused(bare: Bangui, format_: str, word: str):
    """A newline in a path must not become a line of its own, that root runs."""
    ended = bare.run("schedule", "show", "--format", format_, "--database", word)

    assert ended.code == 2
    assert ended.stdout == ""
    assert "cannot be scheduled" in ended.events[-1]["hint"]


def test_a_line_longer_than_cron_takes_is_refused(bare: Bangui):
    """Cron would ignore the whole file for it; 998 bytes it takes, the sleep of a late line included."""
    show = ("schedule", "show", "--command", "/x", "--database")
    beats = {"BANGUI_HEARTBEAT_INTERVAL": "30"}
    short = bare.ok(*show, "/srv", env=beats).stdout
    longest = max(len(line) for line in job_lines(short)) - len("* * * * * root ")
    database = "/srv" + "y" * (998 - longest)

    assert bare.run(*show, database, env=beats).code == 0
    ended = bare.run(*show, database + "y", env=beats)
    assert ended.code == 2
    assert "longer than cron takes" in ended.events[-1]["error"]


@pytest.mark.parametrize("name", ["", "a b", "root\n* * * * * x", "0day", "-x"])
def test_a_user_name_that_is_none_is_refused(bare: Bangui, name: str):
    """It stands in the file as it is."""
    assert bare.run("schedule", "show", "--user", name).code == 2


def test_settings_that_contradict_each_other_are_refused(bare: Bangui, tmp_path: Path):
    """A schedule that loses its lock between two heartbeats is not installed."""
    ended = bare.run("schedule", "install", "--root", tmp_path, env={"BANGUI_LOCK_TTL": "90s"})

    assert ended.code == 78
    assert list(tmp_path.iterdir()) == []


def test_who_sets_by_a_variable_what_reaches_no_job_is_told(bare: Bangui, tmp_path: Path):
    """The page would be masked all the same; what the settings file says is heard by all."""
    install = ["schedule", "install", "--root", tmp_path]
    given = {"BANGUI_MASK_IPS": "false", "BANGUI_LOCK_TTL": "10m", "BANGUI_FLUSH_TIMEOUT": "30"}
    (bare.home / "own.toml").write_text("mask_ips = false\n")

    warnings = [event for event in bare.ok(*install, env=given).events if event["level"] == "warning"]
    heard = bare.ok(*install, "--config", bare.home / "own.toml")

    assert [(each["event"], each["variable"]) for each in warnings] == [
        ("variable_not_scheduled", "BANGUI_LOCK_TTL"),
        ("variable_not_scheduled", "BANGUI_MASK_IPS"),
    ]
    assert "mask_ips" in warnings[1]["hint"]
    assert "variable_not_scheduled" not in heard.event_names


def test_a_unit_hides_no_tmp_from_a_database_there(bare: Bangui):
    """A private /tmp is another directory."""
    shown = [
        bare.ok("schedule", "show", "--format", "systemd", "--command", "/bin/x", "-d", path).stdout
        for path in ("/srv/x.db", "/tmp/x.db")
    ]

    assert ["PrivateTmp=yes" in text for text in shown] == [True, False]


def test_quoting_for_a_unit_leaves_plain_words_alone():
    """Specifiers and escapes are doubled; what splits words is quoted."""
    words = ["/usr/bin/bangui", "50%", "a b", 'say "x"', "back\\slash"]

    assert list(map(units.quote, words)) == [
        "/usr/bin/bangui",
        "50%%",
        '"a b"',
        '"say \\"x\\""',
        '"back\\\\slash"',
    ]


# What happens to the files.


def test_installing_logs_each_job_with_its_interval(bare: Bangui, tmp_path: Path):
    """The events keep the names that they had in BanGUI."""
    ended = bare.ok("schedule", "install", "--all", "--root", tmp_path)

    assert ended.event_names[:5] == [f"{job_id}_scheduled" for job_id in JOB_IDS]
    assert [event["interval_seconds"] for event in scheduled(ended)] == [60, 60, 86400, 300, 86400]
    assert {event["level"] for event in scheduled(ended)} == {"info"}
    assert {event["path"] for event in scheduled(ended)} == {str(tmp_path / CRONTAB)}


@pytest.mark.parametrize("format_", formats.NAMES)
def test_below_a_root_nothing_is_said_of_this_hosts_scheduler(
    bare: Bangui, tmp_path: Path, format_: str
):
    """The files are another host's, and so is what starts the jobs."""
    ended = bare.ok("schedule", "install", "--format", format_, "--root", tmp_path)

    assert "scheduler_not_running" not in ended.event_names
    assert "hint" not in scheduled(ended)[0]


@pytest.mark.parametrize(("format_", "paths"), [("cron", [CRONTAB]), ("systemd", UNITS)])
def test_installing_again_changes_nothing(bare: Bangui, tmp_path: Path, format_: str, paths: list[str]):
    """Not even the files' own times: a configuration manager sees no change."""
    install = ("schedule", "install", "--format", format_, "--root", tmp_path)
    first = bare.ok(*install)
    before = [changed_last(tmp_path / path) for path in paths]
    again = bare.ok(*install)

    assert [changed_last(tmp_path / path) for path in paths] == before
    changed = [event["changed"] for ended in (first, again) for event in scheduled(ended)]
    assert changed == [True] * 3 + [False] * 3
    assert sorted(str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_file()) == paths


def changed_last(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_ino, status.st_ctime_ns


def test_installing_replaces_and_never_duplicates(bare: Bangui, tmp_path: Path):
    """The interval of before is gone."""
    bare.ok("schedule", "install", "--root", tmp_path, env={"BANGUI_FLUSH_INTERVAL": "5m"})
    bare.ok("schedule", "install", "--root", tmp_path)

    assert "*/5" not in (tmp_path / CRONTAB).read_text()
    assert len(job_lines((tmp_path / CRONTAB).read_text())) == 3


def test_a_mode_that_cron_refuses_is_put_right(bare: Bangui, tmp_path: Path):
    """Cron ignores a file that its group may write; directories made on the way are open to all."""
    bare.ok("schedule", "install", "--root", tmp_path, umask=0o077)
    file = tmp_path / CRONTAB
    assert [file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777] == [0o644, 0o755]

    file.chmod(0o664)
    bare.ok("schedule", "install", "--root", tmp_path)
    assert file.stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("content", ["* * * * * root /usr/bin/true\n", "", None])
def test_a_file_of_another_hand_is_left_alone(bare: Bangui, tmp_path: Path, content: str | None):
    """Neither replaced nor removed; a link, as systemctl mask makes it, is such a file, too."""
    unit = tmp_path / UNITS[3]
    unit.parent.mkdir(parents=True)
    if content is None:
        unit.symlink_to("/dev/null")
    else:
        unit.write_text(content)
    target = ("--format", "systemd", "--root", tmp_path)

    for verb in ("install", "remove"):
        ended = bare.run("schedule", verb, *target)
        assert ended.code == 73
        assert list(unit.parent.iterdir()) == [unit]
        assert content is None or unit.read_text() == content

    assert "--force" in bare.run("schedule", "install", *target).events[-1]["hint"]
    bare.ok("schedule", "install", "--force", *target)
    assert not unit.is_symlink()
    assert "OnUnitActiveSec" in unit.read_text()


@pytest.mark.parametrize("format_", ["cron", "systemd"])
def test_removing_leaves_nothing_and_may_be_repeated(bare: Bangui, tmp_path: Path, format_: str):
    """Files of others in the same directories stay; so do the directories."""
    target = ("--format", format_, "--root", tmp_path)
    bare.ok("schedule", "install", *target)
    directory = next(path.parent for path in tmp_path.rglob("*") if path.is_file())
    other = directory / "other"
    other.write_text("not bangui's\n")
    wants = directory / "timers.target.wants/bangui-flush.timer"
    wants.parent.mkdir()
    wants.symlink_to("../bangui-flush.timer")

    removed = bare.ok("schedule", "remove", *target)
    assert removed.event_names == ["schedule_removed"]
    assert other.exists()
    assert os.path.lexists(wants) == (format_ == "cron")
    assert not list(directory.glob("bangui*"))
    assert bare.ok("schedule", "remove", *target).events == []


def test_a_schedule_in_both_places_is_told(bare: Bangui, tmp_path: Path):
    """After a change from cron to systemd the jobs would run twice as often."""
    bare.ok("schedule", "install", "--root", tmp_path)
    ended = bare.ok("schedule", "install", "--format", "systemd", "--root", tmp_path)

    assert ended.event_names[-1] == "scheduled_twice"
    assert ended.events[-1]["hint"] == f"bangui schedule remove --format cron --root {tmp_path}"

    removed = bare.ok("schedule", "remove", "--root", tmp_path)
    assert removed.event_names[-1] == "schedule_remains"
    assert removed.events[-1]["hint"].startswith("bangui schedule remove --format systemd")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_missing_permission_says_who_may(bare: Bangui):
    """An ordinary user does not install into /etc."""
    ended = bare.run("schedule", "install")

    assert ended.code in (73, 77)


def test_a_root_that_is_no_directory_is_told(bare: Bangui, tmp_path: Path):
    """Nothing is written to it."""
    (tmp_path / "file").write_text("")
    ended = bare.run("schedule", "install", "--root", tmp_path / "file")

    assert ended.code == 73
    assert ended.event_names == ["command_failed"]


def test_a_cron_daemon_is_found_by_its_name(tmp_path: Path):
    """A pid file would outlive its daemon."""
    daemon = tmp_path / "crond"
    daemon.symlink_to(os.path.realpath("/bin/sh"))
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([daemon, "-c", "echo ready; read -r end"], **pipes) as process:
        process.stdout.readline()
        found = daemons.cron_is_running()
        process.kill()

    assert found


def test_the_commands_own_path_is_absolute(bare: Bangui):
    """Cron's PATH does not lead to a virtual environment."""
    command = job_lines(bare.ok("schedule", "show").stdout)[0].partition("|| ")[2].split()[0]

    assert os.path.isabs(command)
    assert Path(command).parent == Path(sys.executable).parent


def left_out(ended: Ended) -> dict[str, str]:
    """Return the reasons for what was left out, by job."""
    return {e["job"]: e["reason"] for e in ended.events if e["event"] == "schedule_left_out"}


def test_show_says_what_install_would_leave_out(bare: Bangui, tmp_path: Path):
    """On stderr, so that what is printed can be made a file."""
    shown, installed = (
        bare.ok("schedule", verb, "--root", tmp_path / "root") for verb in ("show", "install")
    )
    _, said = bare.on_terminal("schedule", "show", "--root", tmp_path / "root")

    assert left_out(shown) == left_out(installed)
    assert left_out(shown)["ban_report"] == "report_path is not set"
    assert "not scheduled: history_sync (there is no /var/lib/fail2ban/fail2ban.sqlite3), " in said


@pytest.mark.parametrize("root", ["", "root"])
def test_a_page_that_would_take_the_place_of_a_directory_is_left_out(
    bare: Bangui, tmp_path: Path, root: str
):
    """It would fail each hour; the other jobs are scheduled all the same."""
    page = "/pages" if root else f"{tmp_path}/pages"
    (tmp_path / root / "pages").mkdir(parents=True)
    under = ["--root", tmp_path / root] if root else []
    shown = bare.ok("schedule", "show", *under, env={"BANGUI_REPORT_PATH": page})

    assert left_out(shown)["ban_report"] == f"{page} is a directory, and not a file to write"
    assert " report " not in shown.stdout
    assert " flush " in shown.stdout


@pytest.mark.parametrize("root", ["", "root"])
def test_metrics_that_would_go_into_a_file_are_left_out(bare: Bangui, tmp_path: Path, root: str):
    """`metrics_path` is a directory: who names the file itself would get two mails a minute."""
    metrics = "/bangui.prom" if root else f"{tmp_path}/bangui.prom"
    (tmp_path / root).mkdir(exist_ok=True)
    (tmp_path / root / "bangui.prom").touch()
    under = ["--root", tmp_path / root] if root else []
    shown = bare.ok("schedule", "show", *under, env={"BANGUI_METRICS_PATH": metrics})

    reason = f"{metrics} is a file, and no directory to write into"
    assert [left_out(shown)[job] for job in ("status_metrics", "ban_metrics")] == [reason, reason]
    assert " flush " in shown.stdout


def told(bare: Bangui, *arguments: object) -> str:
    """Return what a person reads on stdout, the log left out."""
    return bare.on_terminal("schedule", *arguments, stderr=subprocess.DEVNULL)[1]


def test_a_person_is_told_which_files_there_are_and_what_they_start(bare: Bangui, tmp_path: Path):
    """The first time, again, and when they go; and what is not scheduled, with the reason."""
    jobs = "geo_cache_flush every 1m, scheduler_lock_heartbeat every 1m, geo_cache_cleanup every 1d"
    rest = (
        "not scheduled: history_sync (there is no /var/lib/fail2ban/fail2ban.sqlite3), "
        "geo_re_resolve (no MMDB file is in /usr/share/GeoIP or /var/lib/GeoIP), "
        "ban_report (report_path is not set), "
        "status_metrics and ban_metrics (metrics_path is not set)\n"
    )
    file, root = tmp_path / CRONTAB, ("--root", tmp_path)

    assert told(bare, "install", *root) == f"wrote {file}: {jobs}; {rest}"
    assert told(bare, "install", *root) == f"{file} is as before: {jobs}; {rest}"
    assert told(bare, "remove", *root) == f"deleted {file}\n"
    assert told(bare, "remove", *root) == "there was no schedule for cron to delete\n"


@pytest.mark.parametrize("is_running", [True, False])
def test_a_person_is_told_what_is_still_missing(is_running: bool):
    """Files that nothing reads start nothing; for systemd there is a command to paste."""
    waiting = formats.SYSTEMD._replace(is_running=lambda: is_running)
    said = sentences.next_step(waiting, [File("/x/bangui-flush.timer", "")], now=False)

    assert said == (
        "next: systemctl daemon-reload && systemctl enable --now bangui-flush.timer"
        if is_running
        else "nothing starts them yet: systemd does not run this system: use --format cron"
    )
