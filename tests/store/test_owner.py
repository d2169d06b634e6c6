"""Whose database it is, that user does it: root takes his identity before it looks at anything of his."""

import os
import shutil
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import everything
import others
import pytest
from conftest import Bangui, wait_until
from fail2bans import Fail2banDatabase
from geoip import country, write_fail2ban, write_mmdb
from others import NOBODY, become, give, needs_root

import bangui_cli

pytestmark = needs_root
# No passwd knows them, as a container's.
BARE_USER, BARE_GROUP = 54321, 54322


@pytest.fixture
def place():
    with others.open_place() as directory:
        yield directory


@pytest.fixture
def app(place, initialised):
    """Run bangui, as root, on a database that another user has in a directory of his own."""
    home = place / "app"
    home.mkdir(mode=0o700)
    bangui = Bangui(home)
    bangui.environment["PYTHONDONTWRITEBYTECODE"] = "1"
    shutil.copy(initialised, bangui.database)
    give(bangui.database, 0o600)
    give(home)
    return bangui


@pytest.fixture
def private(place):
    """Make a directory that only root can enter."""
    directory = place / "private"
    directory.mkdir(mode=0o700)
    return directory


def without(*capabilities):
    """Return how to run as a root that lacks capabilities, as in a container or under a unit."""
    return [
        "setpriv",
        "--inh-caps=-all",
        "--bounding-set=" + ",".join(f"-{name}" for name in capabilities),
    ]


def owners(directory):
    """Return who owns what is in a directory, and the directory itself."""
    return {path.stat().st_uid for path in (directory, *directory.rglob("*"))}


# What he owns stays his.


@pytest.mark.parametrize("command", everything.COMMANDS)
def test_every_command_works_for_root_as_for_the_owner(app, command):
    """Nothing that it leaves is root's: the owner's own next run could not use it."""
    everything.run(app, "add 192.0.2.1")
    ended = everything.run(app, command)
    shutil.rmtree(app.home / "country.mmdb", ignore_errors=True)
    (app.home / "country.mmdb").unlink(missing_ok=True)

    assert ended.code == 0 or command == "doctor", ended
    assert owners(app.home) == {NOBODY}


def test_what_init_makes_in_a_users_directory_is_the_users(app):
    """With the modes that a database has anywhere."""
    database = app.home / "new" / "deeper" / "bangui.db"
    app.ok("init", "--database", database)

    made = (database, database.parent, database.parent.parent)
    assert {path.stat().st_uid for path in made} == {NOBODY}
    assert [path.stat().st_mode & 0o777 for path in made] == [0o600, 0o700, 0o700]
    app.ok("heartbeat", "--database", database)


def test_a_user_whom_the_system_does_not_know_has_his_files_group(app):
    """So it is in a container, and with a volume of one."""
    for path in (app.home, app.database):
        os.chown(path, BARE_USER, BARE_GROUP)
    database = app.home / "new.db"

    app.ok("heartbeat")
    app.ok("init", "--database", database)

    assert (database.stat().st_uid, database.stat().st_gid) == (BARE_USER, BARE_GROUP)


def test_nothing_of_root_is_left_in_any_thread(app):
    """The watchdog's, too: while the run waits for SQLite, all of it is the owner's."""
    with closing(sqlite3.connect(app.database, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        process = app.start("heartbeat", "--timeout", "20s")
        try:
            tasks = Path(f"/proc/{process.pid}/task")
            wait_until(lambda: f"\nUid:\t{NOBODY}" in Path(f"/proc/{process.pid}/status").read_text())
            statuses = [(task / "status").read_text().split("\n") for task in tasks.iterdir()]
        finally:
            other.execute("ROLLBACK")
        ended = app.end(process)

    assert ended.code == 0
    assert len(statuses) == 2
    for lines in statuses:
        said = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
        assert said["Uid"] == "\t".join([str(NOBODY)] * 4)
        assert "0" not in said["Gid"].split("\t") + said["Groups"].split()
        assert (said["CapPrm"], said["CapEff"]) == ("0" * 16, "0" * 16)


def test_the_timeout_holds_for_who_has_changed_identity(app):
    """The watchdog lives on, and what it logs is imported then."""
    with closing(sqlite3.connect(app.database, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        ended = app.run("heartbeat", "--timeout", "0.5")

    assert (ended.code, ended.events[-1]["event"]) == (124, "scheduler_lock_heartbeat_timeout")


def test_a_damaged_database_of_a_users_is_told_from_a_disk_that_fails(app):
    """SQLite says the same of both; to tell them apart, the open file is read once more."""
    content = app.database.read_bytes()
    app.database.write_bytes(content[:5000])

    assert app.run("status").code == 65


# What only root may read is read before.


def test_root_brings_its_own_settings(app, private):
    file = private / "bangui.toml"
    file.write_text('instance = "roots"\n')
    file.chmod(0o600)
    del app.environment["BANGUI_INSTANCE"]

    app.ok("heartbeat", "--config", file)

    assert app.rows("SELECT owner FROM scheduler_lock") == [("roots",)]


def test_root_brings_fail2bans_addresses_and_mmdb_files(app, private):
    """Both closed to the owner, as fail2ban's own database is."""
    geoip = write_mmdb(private / "country.mmdb", {"192.0.2.0/24": country("DE", "Germany")})
    banned = write_fail2ban(private / "fail2ban.sqlite3", [("sshd", "192.0.2.7", 0, 600)])
    for path in (geoip, banned):
        path.chmod(0o600)

    ended = app.ok("resolve", f"--fail2ban={banned}", "192.0.2.8", "--geoip-db", geoip, "--json")

    assert (ended.json["staged"], ended.json["resolved"]) == (2, 2)
    configured = {"BANGUI_GEOIP_DB_PATH": str(geoip)}
    looked_up = app.ok("lookup", "192.0.2.9", "--resolve", "--json", env=configured)
    assert looked_up.json[0]["country_code"] == "DE"
    app.ok("flush")
    report = app.ok("report", f"--fail2ban={banned}", "--format", "json").json
    assert [(row["key"], row["count"]) for row in report["rows"]] == [("DE", 1)]


def bans_of(app):
    return app.rows("SELECT ip, bancount FROM ban_history ORDER BY ip")


@pytest.mark.parametrize("whose", [0, BARE_USER], ids=["root's", "a user's"])
def test_root_brings_fail2bans_bans_behind_the_owners_mark(app, private, whose):
    """By a child, which is asked where to read on once the owner's database is open."""
    geoip = write_mmdb(private / "country.mmdb", {"192.0.2.0/24": country("DE", "Germany")})
    fail2ban = Fail2banDatabase(private / "fail2ban.sqlite3")
    geoip.chmod(0o600)
    give(fail2ban.path, user_id=whose)
    give(private, user_id=whose)
    command = ["collect", "--json", f"--fail2ban={fail2ban.path}", "--geoip-db", geoip]
    now_s = int(time.time())
    for number in range(300):
        fail2ban.ban(f"192.0.2.{number % 200}", now_s + number)

    first = app.ok(*command).json
    fail2ban.ban("192.0.2.1", now_s + 1, bancount=2)
    fail2ban.ban(b"\xff", now_s)
    second = app.ok(*command).json

    assert (first["read"], first["recorded"], first["staged"], first["resolved"]) == (300, 300, 200, 200)
    assert (second["read"], second["updated"], second["skipped"]) == (2, 1, 1)
    assert len(bans_of(app)) == 300


def test_what_is_wrong_with_fail2bans_database_is_told_by_the_owner(app, private):
    """As where no child is needed."""
    ended = app.run("collect", f"--fail2ban={private / 'missing'}")

    assert ended.code == 66
    assert "fail2ban-client get dbfile" in ended.events[-1]["hint"]
    assert app.rows("SELECT job_id, last_outcome FROM job_state") == [("history_sync", "error")]


def test_the_child_that_stays_root_ends_with_a_killed_run(app, private):
    """It hears nothing more."""
    fail2ban = Fail2banDatabase(private / "fail2ban.sqlite3")
    with closing(sqlite3.connect(app.database, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        process = app.start("collect", f"--fail2ban={fail2ban.path}")
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        wait_until(lambda: children.read_text().split())
        [child] = children.read_text().split()
        wait_until(lambda: f"\nUid:\t{NOBODY}" in Path(f"/proc/{process.pid}/status").read_text())
        root_is_left = "\nUid:\t0" in Path(f"/proc/{child}/status").read_text()
        process.kill()
        app.end(process)

    assert root_is_left
    wait_until(lambda: not Path(f"/proc/{child}").exists())


def test_root_brings_the_bans_of_fail2bans_database(app, private):
    """A child of root's reads on from where the owner's database says, and says what is wrong."""
    bans = [("sshd", f"192.0.2.{number}", int(time.time()), 600) for number in range(3)]
    banned = write_fail2ban(private / "fail2ban.sqlite3", bans)
    banned.chmod(0o600)
    collect = ("collect", f"--fail2ban={banned}", "--json")

    first, again = app.ok(*collect).json, app.ok(*collect).json
    banned.unlink()
    missing = app.run(*collect)

    assert [first[key] for key in ("read", "recorded")] == [3, 3]
    assert again["recorded"] == 0
    assert (missing.code, missing.events[-1]["path"]) == (66, str(banned))
    assert app.rows("SELECT jail, ip FROM ban_history ORDER BY ip")[0] == ("sshd", "192.0.2.0")


def test_root_brings_the_inputs_of_an_import(app, private):
    """All that the command line names are opened as root, a pipe that is written later, too."""
    plain, pipe = private / "plain.jsonl", private / "pipe"
    plain.write_text('{"ip": "192.0.2.1"}\n')
    os.mkfifo(pipe, 0o600)
    process = app.start("import", plain, pipe, "-", "--json", stdin=subprocess.PIPE)
    wait_until(lambda: app.rows("SELECT count(*) FROM geo_cache_dirty") == [(1,)])
    with pipe.open("w") as writer:
        writer.write('{"ip": "192.0.2.2"}\n')

    ended = app.end(process, '{"ip": "192.0.2.3"}\n')

    assert (ended.code, ended.json["staged"]) == (0, 3)


def test_pipes_are_read_in_their_order(app, private):
    """Whoever writes one after the other waits for none that is not its turn."""
    pipes = [private / "first", private / "second"]
    for pipe in pipes:
        os.mkfifo(pipe)
    process = app.start("import", "--json", *pipes)
    for number, pipe in enumerate(pipes):
        with pipe.open("w") as writer:
            for row in range(5000):
                writer.write(f'{{"ip": "10.{number}.{row >> 8}.{row & 255}", "org": "{"x" * 50}"}}\n')

    ended = app.end(process)

    assert (ended.code, ended.json["staged"]) == (0, 10_000)


def test_root_brings_more_inputs_than_a_process_may_open_by_itself(app, private):
    """As many as the system allows, not as the shell is set to."""
    if not shutil.which("prlimit"):
        pytest.skip("prlimit is not installed")
    paths = [private / f"{number}.jsonl" for number in range(200)]
    for number, path in enumerate(paths):
        path.write_text(f'{{"ip": "192.0.2.{number}"}}\n')

    ended = app.ok("import", "--json", *paths, under=["prlimit", "--nofile=50:1000"])
    refused = app.run("import", *paths, under=["prlimit", "--nofile=50:100"])

    assert ended.json["staged"] == 200
    assert (refused.code, "ulimit" in refused.events[-1]["hint"]) == (69, True)


def test_root_writes_what_the_owner_could_not_write(app, private):
    """The outputs are named by root; the owner does the rest."""
    metrics, rejects, bans = private / "bangui.prom", private / "rejected.txt", private / "bans.csv"

    app.ok("status", "--format", "prometheus", "--output", metrics)
    app.ok("report", "--history", "--by", "day", "--format", "csv", "--output", bans)
    ended = app.run("import", "--rejects", rejects, input="{}\n")

    assert "bangui_up 1" in metrics.read_text()
    assert bans.read_text() == '"key","name","count","share"\n'
    assert (ended.code, rejects.read_text()) == (65, "{}\n")
    assert {path.stat().st_uid for path in private.iterdir()} == {0}
    assert owners(app.home) == {NOBODY}


def test_root_may_have_bangui_where_the_owner_cannot_go(app, private):
    """As pipx puts it below /root: what is imported late, as for a log line, is found all the same."""
    package = private / "lib" / "bangui_cli"
    shutil.copytree(Path(bangui_cli.__file__).parent, package)
    run = {
        "program": [sys.executable, "-c", "from bangui_cli.cli.main import run; run()"],
        "env": {"PYTHONPATH": str(package.parent)},
        "cwd": "/",
    }
    assert (
        str(package)
        in app.ok("-c", program=[sys.executable, "-c", FROM], env=run["env"], cwd="/").stdout
    )

    assert app.ok("heartbeat", "-v", **run).event_names == [
        "scheduler_lock_created",
        "scheduler_lock_heartbeat_updated",
    ]
    assert app.run("add", "192.0.2.1", "--resolved-at", "never", **run).code == 65
    assert "lock" in app.ok("status", **run).stdout
    app.ok("import", "--json", input='[{"ip": "192.0.2.1"}]', **run)
    app.ok("init", "--database", app.home / "new.db", **run)


def test_an_installation_that_the_owner_may_not_read_is_named(app, private):
    """As under an umask of 027: what is imported late would be missing, in the middle of a report."""
    library = private / "lib"
    shutil.copytree(Path(bangui_cli.__file__).parent, library / "bangui_cli")
    closed = library / "bangui_cli" / "states" / "errors.py"
    closed.chmod(0o640)
    run = {
        "program": [sys.executable, "-c", "from bangui_cli.cli.main import run; run()"],
        "env": {"PYTHONPATH": str(library)},
        "cwd": "/",
    }

    (event,) = app.run("heartbeat", **run).events
    assert (event["exit_code"], event["path"]) == (77, str(library))
    assert event["hint"].endswith(f"chmod -R a+rX {library}")

    subprocess.run(["chmod", "-R", "a+rX", str(library)], check=True)
    app.ok("heartbeat", **run)


def test_a_page_is_made_by_an_installation_that_the_owner_cannot_reach(app, private):
    """Templates and shapes are read after root has become the owner, as modules are imported."""
    library = private / "lib"
    shutil.copytree(Path(bangui_cli.__file__).parent, library / "bangui_cli")
    subprocess.run(["chmod", "-R", "a+rX", str(library)], check=True)
    page = private / "bans.html"

    app.ok(
        "report", "--history", "--format", "html", "--output", page,
        program=[sys.executable, "-c", "from bangui_cli.cli.main import run; run()"],
        env={"PYTHONPATH": str(library)}, cwd="/",
    )  # fmt: skip

    assert "No bans" in page.read_text()
    assert page.stat().st_uid == 0


FROM = "import bangui_cli; print(bangui_cli.__file__)"


# Where it cannot be done.


def test_a_root_that_may_not_become_him_says_so(app):
    """As in a container without capabilities: the hint names the two."""
    before = app.database.read_bytes()
    bound = without("setuid", "setgid")
    for command in (["heartbeat"], ["status"], ["init"], ["add", "192.0.2.1"]):
        (event,) = (ended := app.run(*command, under=bound)).events
        assert ended.code == 77
        assert event["error"].startswith(f"cannot become user {NOBODY}")
        assert "CAP_SETUID" in event["hint"]
    checks = app.run("doctor", "--format", "json", under=bound).json["checks"]

    assert next(each["name"] for each in checks if each["verdict"] == "error") == "ownership"
    assert app.database.read_bytes() == before


def test_a_root_that_may_become_him_needs_no_other_right(app):
    """Under a unit root cannot enter the owner's directory before it is he."""
    app.ok("heartbeat", under=without("dac_override", "dac_read_search", "fowner", "chown"))


def test_a_database_that_its_owner_cannot_reach_is_refused(place, app, private):
    """The event says who cannot, for root could; the hint shows where."""
    database = Path(shutil.move(app.database, private))

    event = app.run("heartbeat", "--database", database).events[-1]

    assert (event["exit_code"], event["error"]) == (
        77,
        f"user nobody has no permission to reach {database}",
    )
    assert event["hint"].endswith(f"namei -l {database}")


def test_a_directory_that_the_owner_cannot_write_is_named(app):
    """Root used to write there for him; now the journal has no place."""
    os.chown(app.home, 0, 0)
    app.home.chmod(0o755)

    event = app.run("heartbeat").events[-1]

    assert (event["exit_code"], f"ls -ld {app.home}" in event["hint"]) == (77, True)
    app.ok("status")


def test_a_file_of_roots_is_looked_at_as_its_directorys_owner(app):
    """He can do with it what he likes: root lets him, and does not open what he may have prepared."""
    os.chown(app.database, 0, 0)

    assert app.run("heartbeat", "-v").code == 77
    assert app.run("init", "--database", app.database).code == 77
    assert owners(app.home) == {0, NOBODY}
    assert (
        app.run("status", under=without("setuid", "setgid"))
        .events[-1]["error"]
        .startswith("cannot become")
    )


# Who runs as himself.


def test_a_job_of_another_user_than_the_owner_is_a_warning_of_doctor(app):
    """What he leaves behind the owner may not be able to use."""
    app.home.chmod(0o755)
    app.database.chmod(0o644)
    as_daemon = become(1)

    checks = app.run("doctor", "--format", "json", under=as_daemon).json["checks"]

    check = next(each for each in checks if each["name"] == "ownership")
    assert (check["verdict"], check["detail"]) == (
        "warning",
        f"{app.database} belongs to nobody, and this runs as daemon",
    )


def test_root_stays_root_for_what_is_roots(place, initialised):
    """Its own database is nobody else's business."""
    bangui = Bangui(place)
    shutil.copy(initialised, bangui.database)
    os.chown(bangui.database, 0, 0)

    bangui.ok("heartbeat", under=without("setuid", "setgid"))
