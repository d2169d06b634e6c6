"""`doctor` finds each fault, says what to do, and changes nothing."""

import contextlib
import os
import random
import shlex
import shutil
import sqlite3
import stat
import subprocess
import sys
import time

import pytest
from conftest import Bangui
from freshness import pretend_jobs_just_ran

from bangui_cli.cli.commands import doctor
from bangui_cli.health.doctor import checkup, schedule
from bangui_cli.rules import timestamps
from bangui_cli.settings.invocation import Invocation
from bangui_cli.states import checks
from bangui_cli.store.sqlite import checks as engine
from bangui_cli.store.sqlite import place
from bangui_cli.store.sqlite.versions import wal_is_sound

JOBS = ("geo_cache_flush", "scheduler_lock_heartbeat")
# What these tests cannot arrange on the machine they run on.
OF_THE_DISK = {"free_space", "file_system"}
OF_THE_HOST = {"schedule", "scheduler", "geoip_db", *OF_THE_DISK}

not_as_root = pytest.mark.skipif(os.geteuid() == 0, reason="root may do anything")
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="root's group is not an ordinary owner's")


@pytest.fixture(scope="module")
def worked(tmp_path_factory):
    """Make a database whose jobs have just run."""
    bangui = Bangui(tmp_path_factory.mktemp("worked"))
    bangui.ok("init")
    entries = [(f"192.0.2.{last}", "x" * 150, "2026-01-01T00:00:00.000Z") for last in range(200)]
    with contextlib.closing(bangui.connect()) as connection:
        connection.executemany(
            "INSERT INTO geo_cache (ip, country_name, cached_at) VALUES (?, ?, ?)", entries
        )
    bangui.ok("flush")
    bangui.ok("heartbeat")
    return bangui.database


@pytest.fixture
def healthy(bare, worked):
    """Run bangui with a copy of that database, in a directory of its own."""
    directory = bare.home / "data"
    directory.mkdir(mode=0o700)
    bare.database = directory / "bangui.db"
    bare.environment["BANGUI_DATABASE_PATH"] = str(bare.database)
    shutil.copy(worked, bare.database)
    pretend_jobs_just_ran(bare)
    return bare


def examine(bangui, **environment):
    """Check in this process, as a process of its own would; return exit code and checks by name."""
    found = checkup.examine(Invocation({**bangui.environment, **environment}, started_s=0.0))
    code = checks.exit_code(check for check in found if check.name not in OF_THE_HOST)
    return code, {check.name: check for check in found}


def picture(directory):
    """Return everything that a change in a directory would show in."""
    found = {}
    for path in sorted(directory.iterdir()):
        status = path.lstat()
        data = path.read_bytes() if stat.S_ISREG(status.st_mode) else None
        found[path.name] = (status.st_mode, status.st_uid, status.st_mtime_ns, data)
    return found


# The report.


def test_a_sound_installation_has_nothing_to_remedy(healthy):
    """Every check that does not depend on the host is ok, and the exit code is 0."""
    code, found = examine(healthy)

    assert code == 0
    assert {name for name, check in found.items() if check.verdict != "ok"} <= OF_THE_HOST


def test_the_json_has_the_worst_verdict_and_a_remedy_for_each_fault(healthy):
    """A script reads `.verdict`; each check has the same four keys."""
    healthy.database.chmod(0o640)
    report = healthy.run("doctor", "--format", "json").json

    assert report["verdict"] == "warning"
    for check in report["checks"]:
        assert list(check) == ["name", "verdict", "detail", "remedy"]
        assert (check["remedy"] is None) == (check["verdict"] == "ok")


def test_the_table_shows_the_remedy_below_the_fault(healthy):
    """A person pastes the line behind the arrow."""
    healthy.database.chmod(0o640)
    lines = healthy.ok("doctor").stdout.splitlines()

    fault = next(number for number, line in enumerate(lines) if "permissions" in line)
    assert lines[fault].startswith("warning")
    assert lines[fault + 1].strip() == f"-> chmod 600 {healthy.database}"


@pytest.mark.parametrize(
    ("verdicts", "line"),
    [
        (["ok", "ok"], "all well"),
        (["ok", "warning"], "1 warning: check1"),
        (["error", "ok", "warning", "warning"], "2 warnings, 1 error: check0, check2, check3"),
    ],
)
def test_the_last_line_sums_up(verdicts, line):
    """Twenty lines of "ok" hide the one that is not."""
    found = [
        checks.Check(f"check{number}", verdict, "detail") for number, verdict in enumerate(verdicts)
    ]

    assert doctor._lines(found, None, colours=False)[-1] == line


def test_the_verdicts_are_coloured_as_the_log_is(healthy):
    """Where the terminal can, and the person wants it."""
    healthy.database.chmod(0o640)
    _, coloured = healthy.on_terminal("doctor")
    plain = [
        healthy.on_terminal("doctor", env={"NO_COLOR": "1"})[1],
        healthy.on_terminal("doctor", env={"TERM": "dumb"})[1],
        healthy.run("doctor").stdout,
    ]

    assert "\x1b[32mok\x1b[0m       quick_check" in coloured
    assert "\x1b[33mwarning\x1b[0m  permissions" in coloured
    assert [text for text in plain if "\x1b" in text] == []


def test_on_a_narrow_terminal_the_details_stand_below_the_names(healthy):
    """Beside the longest name there would be room for a word."""
    _, shown = healthy.on_terminal("doctor", env={"COLUMNS": "40", "NO_COLOR": "1"})

    assert "\nok       quick_check\n  no damaged page\n" in shown


def test_an_error_ends_with_the_event_of_every_failure(bare):
    """Cron mails it: which checks failed, and the code."""
    ended = bare.run("doctor", "-q")

    assert ended.code == 66
    assert ended.events[-1]["error"] == "errors in database_readable"
    assert ended.events[-1]["exit_code"] == 66


# It changes nothing.


def leave_hot_journal(bangui):
    """Leave the database as a run does that is killed in the middle of a transaction."""
    original = bangui.database
    copy = original.with_name("killed.db")
    with contextlib.closing(bangui.connect()) as connection:
        # A small cache spills: journal and half of the transaction reach the disk before the commit.
        connection.execute("PRAGMA cache_size = 2")
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("UPDATE geo_cache SET country_name = upper(country_name)")
        shutil.copy(original, copy)
        shutil.copy(f"{original}-journal", f"{copy}-journal")
    original.unlink()
    bangui.database = copy
    bangui.environment["BANGUI_DATABASE_PATH"] = str(copy)


def convert_to_wal(bangui):
    bangui.ok("init", "--journal-mode", "wal", "--force")


def damage_page(bangui):
    """Overwrite the head of a page of the cache's tree."""
    content = bytearray(bangui.database.read_bytes())
    page = content.index(b"192.0.2.150") // 4096
    content[page * 4096 + 8 : page * 4096 + 208] = random.Random(1).randbytes(200)
    bangui.database.write_bytes(content)


@pytest.mark.parametrize(
    "arrange",
    [
        lambda _: None,
        leave_hot_journal,
        convert_to_wal,
        damage_page,
        lambda bangui: bangui.database.unlink(),
        lambda bangui: bangui.database.write_bytes(b"no database"),
        lambda bangui: bangui.database.write_bytes(b""),
        lambda bangui: bangui.database.chmod(0o666),
        lambda bangui: bangui.execute("DELETE FROM _sqlite_migrations"),
    ],
    ids=["sound", "killed", "wal", "damaged", "missing", "foreign", "empty", "loose", "schema"],
)
def test_nothing_changes_whatever_is_found(healthy, arrange):
    """Neither content, modes and times of the files nor which files there are."""
    arrange(healthy)
    before = picture(healthy.database.parent)

    healthy.run("doctor")

    assert picture(healthy.database.parent) == before


def test_nothing_changes_while_another_program_has_a_wal_database_open(healthy):
    """The last one to close a WAL database writes its -wal back: doctor must not be the one."""
    convert_to_wal(healthy)
    with contextlib.closing(healthy.connect()) as connection:
        connection.execute("UPDATE geo_cache SET org = 'x'")
        shutil.copytree(healthy.database.parent, healthy.home / "killed")
    healthy.database = healthy.home / "killed" / "bangui.db"
    (healthy.home / "killed" / "bangui.db-shm").unlink(missing_ok=True)
    before = picture(healthy.home / "killed")

    found = examine(healthy, BANGUI_DATABASE_PATH=str(healthy.database))[1]
    after = picture(healthy.home / "killed")

    assert found["database_readable"].verdict == "ok"
    assert {name: after[name] for name in before} == before


# The faults.


def test_a_missing_database_is_an_error_and_the_rest_is_checked_all_the_same(bare):
    """The code is that of every command; clocks and schedule do not need a database."""
    code, found = examine(bare)

    assert code == 66
    assert found["database_readable"].remedy == (
        "the path comes from environment BANGUI_DATABASE_PATH; correct it if it is mistyped, "
        f"else create it with: bangui init --database {bare.database}"
    )
    assert {"lock_ttl", "schedule", "scheduler", "clock", "boot_clock"} <= found.keys()


@pytest.mark.parametrize("kind", ["directory", "symlink", "text", "fifo"])
def test_what_is_no_database_is_an_error(bare, kind):
    """Doctor says so, and neither hangs nor follows a link."""
    if kind == "directory":
        bare.database.mkdir()
    elif kind == "symlink":
        bare.database.symlink_to("/etc/passwd")
    elif kind == "fifo":
        os.mkfifo(bare.database)
    else:
        bare.database.write_text("no database at all, but text " * 100)

    code, found = examine(bare)

    assert (code, found["database_readable"].verdict) == (65, "error")


@pytest.mark.parametrize(
    ("mode", "directory_mode", "verdict", "code"),
    [
        (0o600, 0o700, "ok", 0),
        (0o400, 0o700, "ok", 0),
        (0o640, 0o700, "warning", 0),
        (0o600, 0o755, "warning", 0),
        (0o600, 0o1777, "error", 77),
        pytest.param(0o660, 0o700, "error", 77, marks=as_root),
        pytest.param(0o660, 0o700, "warning", 0, marks=not_as_root),
        (0o666, 0o700, "error", 77),
        (0o600, 0o777, "error", 77),
    ],
)
def test_a_wrong_mode_is_found(healthy, mode, directory_mode, verdict, code):
    """Who may read sees whom this host met; who may write can feed it anything."""
    healthy.database.chmod(mode)
    healthy.database.parent.chmod(directory_mode)

    found_code, found = examine(healthy)
    healthy.database.parent.chmod(0o700)

    assert found["permissions"].verdict == verdict
    assert found_code == code or found["database_writable"].verdict == "error"
    assert (found["permissions"].remedy is None) == (verdict == "ok")
    assert ("database_readable" in found) == (verdict != "error")


@not_as_root
@pytest.mark.parametrize(
    ("place", "mode", "name"),
    [
        ("file", 0o400, "database_writable"),
        ("directory", 0o500, "database_writable"),
        ("file", 0o000, "database_readable"),
        ("directory", 0o000, "database_readable"),
    ],
)
def test_a_missing_permission_is_an_error(healthy, place, mode, name):
    """To write, the file alone is not enough: its journal goes beside it."""
    target = healthy.database if place == "file" else healthy.database.parent
    target.chmod(mode)
    code, found = examine(healthy)
    healthy.database.parent.chmod(0o700)

    assert code == 77
    assert next(check.name for check in found.values() if check.verdict == "error") == name


@pytest.mark.parametrize(
    ("owner_ids", "remedy"),
    [
        ((0, 0), "run jobs and commands as root"),
        ((0, 65534), "run jobs and commands as root, or as root: chown nobody '/a b/x.db'"),
    ],
)
def test_who_has_only_come_to_look_is_not_told_to_take_the_database(owner_ids, remedy):
    """Root's database in root's directory is no mistake of its owner; root's file in another's is."""
    owners = dict(zip(("/a b/x.db", "/a b"), owner_ids, strict=True))

    assert place.check_owners(owners, 65534).remedy == remedy
    assert place.check_owners(dict.fromkeys(owners, 65534), 65534).verdict == "ok"


def test_a_damaged_page_is_found(healthy):
    """SQLite goes on inserting beside it; only a check of all pages sees it."""
    damage_page(healthy)

    code, found = examine(healthy)

    assert (code, found["quick_check"].verdict) == (65, "error")
    assert ".recover" in found["quick_check"].remedy


def test_a_look_at_the_pages_ends_within_one_step_of_it(healthy):
    """SQLite computes a column that a stranger made up in one step, for weeks; nobody could write."""
    with contextlib.closing(healthy.connect()) as other:
        other.execute("CREATE TABLE strange (x, y)")
        other.execute("INSERT INTO strange VALUES (?, ?)", ("a" * 8_000_000, "a" * 4_000_000 + "b"))
        other.execute("PRAGMA writable_schema = ON")
        endless = "CREATE TABLE strange (x, y, z INT GENERATED ALWAYS AS (instr(x, y)) VIRTUAL NOT NULL)"
        other.execute("UPDATE sqlite_schema SET sql = ? WHERE name = 'strange'", (endless,))
    check = engine.check_pages(str(healthy.database), limit_s=0.1)

    assert (check.name, check.verdict) == ("quick_check", "warning")
    assert "not finished" in check.detail
    healthy.ok("flush")


def test_a_check_of_the_pages_that_takes_too_long_is_given_up(healthy):
    """Writers wait for it: the check of a huge database must not cost a heartbeat."""
    rows = [(f"192.0.{last // 256}.{last % 256}", "x") for last in range(10_000)]
    with contextlib.closing(healthy.connect()) as connection:
        connection.execute("BEGIN")
        connection.executemany("INSERT OR REPLACE INTO geo_cache (ip, cached_at) VALUES (?, ?)", rows)
        connection.execute("COMMIT")

    check = engine.check_pages(str(healthy.database), limit_s=0.0)

    assert check.verdict == "warning"
    assert "not finished in 0 s" in check.detail


def test_a_writer_is_waited_for(healthy):
    """Doctor may be asked in the middle of a flush: its commits are no fault."""
    # In another process: what SQLite knows of its own locks a child would go on believing.
    writing = (
        "import sqlite3, sys, time; c = sqlite3.connect(sys.argv[1]); c.execute('BEGIN EXCLUSIVE'); "
    )
    writing += "print('begun', flush=True); time.sleep(0.3)"
    command = [sys.executable, "-c", writing, str(healthy.database)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as writer:
        assert writer.stdout.readline() == b"begun\n"
        check = engine.check_pages(str(healthy.database), limit_s=60.0)

    assert check.verdict == "ok"


@pytest.mark.parametrize(
    ("version", "is_sound"),
    [
        ((3, 40, 1), False), ((3, 44, 5), False), ((3, 44, 6), True), ((3, 45, 0), False),
        ((3, 50, 6), False), ((3, 50, 7), True), ((3, 51, 2), False), ((3, 51, 3), True),
    ],
)  # fmt: skip
def test_wal_on_a_faulty_sqlite_is_found(version, is_sound):
    """The fault is mended in three branches; a rollback journal never had it."""
    assert (engine.check_journal("x.db", "wal", version).verdict == "ok") == is_sound
    assert engine.check_journal("x.db", "delete", version).verdict == "ok"


def test_the_remedy_for_wal_converts_the_database_that_was_examined(healthy):
    """Without its path, `init` would make a database at the default place."""
    check = engine.check_journal(str(healthy.database), "wal", (3, 40, 1))
    *_, command = check.remedy.partition("bangui ")
    healthy.execute("PRAGMA journal_mode = WAL")
    del healthy.environment["BANGUI_DATABASE_PATH"]
    healthy.ok(*shlex.split(command))

    assert healthy.rows("PRAGMA journal_mode") == [("delete",)]


@pytest.mark.parametrize("beside", [None, "hosts"])
def test_a_directory_that_others_need_is_not_to_be_closed(bangui, beside):
    """Pasted for a database in /var/lib, chmod 700 would be the end of the host."""
    bangui.database.parent.chmod(0o755)
    if beside:
        (bangui.database.parent / beside).touch()
    _, found = examine(bangui)

    remedy = found["permissions"].remedy
    assert ("chmod 700" in remedy, "of its own" in remedy) == (not beside, bool(beside))


def test_what_is_no_database_is_not_to_be_changed(bare):
    """A mistyped path may lead to /etc/passwd, which all must read."""
    bare.database.write_text("root:x:0:0:root:/root:/bin/sh\n" * 100)
    bare.database.chmod(0o644)
    ended = bare.run("doctor", "--json")

    assert ended.code == 65
    assert "chmod" not in ended.stdout


def test_a_directory_that_others_need_stays_whose_it_is():
    """What stands in it beside the database is somebody's, too."""
    owners = {"/var/lib/x.db": 65534, "/var/lib": 0}

    assert "chown nobody /var/lib" in place.check_owners(owners, 65534).remedy
    assert "chown" not in place.check_owners(owners, 65534, kept="/var/lib").remedy


def test_remedies_quote_paths():
    """They are there to be pasted."""
    check = place.check_modes("/a b/x.db", "/a b", (0o644, 0o700), is_shared=False)

    assert check.remedy == "chmod 600 '/a b/x.db'"


def test_wal_is_judged_by_the_sqlite_that_runs(healthy):
    """A database in WAL mode is an error exactly where this SQLite has the fault."""
    convert_to_wal(healthy)

    code, found = examine(healthy)

    expected = (0, "ok") if wal_is_sound(sqlite3.sqlite_version_info) else (78, "error")
    assert (code, found["journal_mode"].verdict) == expected


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("DELETE FROM _sqlite_migrations", 66),
        ("DROP TABLE _sqlite_migrations", 66),
        ("INSERT INTO _sqlite_migrations (migration_set, name) VALUES ('bangui', '9999_x')", 78),
    ],
)
def test_another_schema_is_found(healthy, statement, code):
    """One that `init` has still to upgrade, and one of a newer bangui."""
    healthy.execute(statement)

    found_code, found = examine(healthy)

    assert (found_code, found["schema"].verdict) == (code, "error")


def test_a_ttl_too_short_is_found_where_every_other_command_refuses_to_run(healthy):
    """Doctor is the one to ask when nothing else works."""
    code, found = examine(healthy, BANGUI_LOCK_TTL="60")

    assert (code, found["lock_ttl"].verdict) == (78, "error")
    assert found["quick_check"].verdict == "ok"


def test_a_setting_that_cannot_be_read_is_found(healthy):
    """What does not depend on the settings is checked all the same."""
    ended = healthy.run("doctor", "--format", "json", env={"BANGUI_BATCH_SIZE": "many"})
    first, *others = ended.json["checks"]

    assert (ended.code, first["name"], first["verdict"]) == (78, "settings", "error")
    assert "BANGUI_BATCH_SIZE" in first["detail"]
    assert "clock" in [check["name"] for check in others]


@pytest.mark.parametrize("job", JOBS)
@pytest.mark.parametrize(("age_s", "verdict", "code"), [(400, "warning", 0), (1000, "error", 69)])
def test_a_stale_job_is_found(healthy, job, age_s, verdict, code):
    """By the limits of the monitors: 5 intervals, 15 intervals; flushes are too rare for the lock."""
    then = timestamps.to_text(time.time() - age_s)
    healthy.execute("UPDATE job_state SET last_success_at = ? WHERE job_id = ?", then, job)
    rare = {"BANGUI_FLUSH_INTERVAL": "1h"} if job == "scheduler_lock_heartbeat" else {}

    found_code, found = examine(healthy, **rare)

    assert (found_code, found[job].verdict) == (code, verdict)
    assert "journalctl" in found[job].remedy


def test_a_job_that_never_ran_is_found(bare):
    """A fresh installation that nobody scheduled looks like this."""
    bare.ok("init")

    code, found = examine(bare)

    assert code == 0
    assert {found[job].verdict for job in JOBS} == {"warning"}


def keep_lock_for(bangui, seconds):
    bangui.execute("UPDATE scheduler_lock SET created_at = heartbeat_at - ?", seconds)


@pytest.mark.parametrize(
    ("kept_s", "interval", "verdict"), [(0, "60s", "warning"), (299, "60s", "warning"), (0, "5m", "ok")]
)
def test_a_flush_by_hand_is_no_schedule(healthy, kept_s, interval, verdict):
    """Who has just tried one out forgets to install it; flushes that are rarer than that leave no trace."""
    healthy.ok("flush")
    keep_lock_for(healthy, kept_s)

    assert examine(healthy, BANGUI_FLUSH_INTERVAL=interval)[1]["schedule"].verdict == verdict


@pytest.mark.parametrize("beats", ["never", "once, by hand, a day ago"])
def test_flushes_alone_are_enough(bare, beats):
    """One crontab line that flushes each minute keeps the lock fresh: all is green."""
    directory = bare.home / "data"
    directory.mkdir(mode=0o700)
    bare.environment["BANGUI_DATABASE_PATH"] = str(directory / "bangui.db")
    bare.database = directory / "bangui.db"
    bare.ok("init")
    if beats != "never":
        bare.ok("heartbeat")
        bare.execute("UPDATE job_state SET last_success_at = ?", "2026-01-01T00:00:00.000Z")
    bare.ok("flush")
    keep_lock_for(bare, 301)

    code, found = examine(bare)

    assert code == 0
    assert "flush keeps the lock fresh" in found["scheduler_lock_heartbeat"].detail
    assert {name for name, check in found.items() if check.verdict != "ok"} <= OF_THE_DISK


@pytest.mark.parametrize(
    ("environment", "age_s"), [({"BANGUI_FLUSH_INTERVAL": "10m"}, 0), ({}, 400)], ids=["rare", "late"]
)
def test_flushes_that_do_not_keep_the_lock_excuse_no_heartbeat(healthy, environment, age_s):
    """Between two of them another instance could take over."""
    healthy.execute("DELETE FROM job_state WHERE job_id = 'scheduler_lock_heartbeat'")
    then = timestamps.to_text(time.time() - age_s)
    healthy.execute("UPDATE job_state SET last_success_at = ?", then)

    assert examine(healthy, **environment)[1]["scheduler_lock_heartbeat"].verdict == "warning"


def test_a_schedule_of_ones_own_is_excused_by_its_work():
    """Twice installed stays twice installed, and a stopped cron stays one, of bangui's own schedule."""
    missing, no_cron = schedule._missing(), checks.warning("scheduler", "no cron", "start it")
    twice = checks.warning("schedule", "twice", "remove one")
    stopped = checks.error("scheduler", "stopped", "start it", 69)

    excused = schedule.excuse([missing, no_cron], "geo_cache_flush last succeeded 9 s ago")

    assert [(check.name, check.verdict) for check in excused] == [
        ("schedule", "ok"),
        ("scheduler", "ok"),
    ]
    assert "geo_cache_flush last succeeded 9 s ago" in excused[0].detail
    assert schedule.excuse([twice, stopped], "") == [twice, stopped]


def test_a_dirty_row_that_waits_too_long_is_found(healthy):
    """The jobs may run, and yet not move it."""
    healthy.ok("add", "192.0.2.1", "--resolved-at", "2026-01-01")

    assert examine(healthy)[1]["dirty_rows"].verdict == "error"


def test_an_expired_lock_is_found_and_another_instance_is_not_a_fault(healthy):
    """A standby instance is to be told who does the work."""
    held = examine(healthy, BANGUI_INSTANCE="web2")[1]["lock"]
    healthy.execute("UPDATE scheduler_lock SET heartbeat_boottime = 0, heartbeat_timeout = 1")
    expired = examine(healthy)[1]["lock"]

    assert (held.verdict, held.detail) == (
        "ok",
        "held by another instance, web1: it does the work",
    )
    assert expired.verdict == "warning"
    assert "no instance is active" in expired.detail


def test_the_journal_of_a_killed_run_is_explained(healthy):
    """Nothing is lost, and doctor leaves the roll-back to those who may."""
    leave_hot_journal(healthy)

    _, found = examine(healthy)

    assert found["database_readable"].verdict == "warning"
    assert "killed" in found["database_readable"].detail


def test_a_missing_mmdb_file_is_an_error_where_it_is_configured(healthy):
    """Without a setting, and without files in the usual places, it is a mere warning."""
    check = examine(healthy, BANGUI_GEOIP_DB_PATH="/nowhere/x.mmdb")[1]["geoip_db"]

    assert (check.verdict, check.exit_code) == ("error", 66)


def test_text_from_the_database_never_reaches_the_terminal_raw(healthy):
    """An instance of another host may be called anything."""
    healthy.execute("UPDATE scheduler_lock SET owner = 'a' || char(27) || '[31m'")

    assert "\x1b" not in healthy.ok("doctor").stdout
