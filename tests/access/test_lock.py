"""The lock as instances, BanGUI and damaged rows leave it, in real processes on a real file."""

import os
import re
import shutil
import sqlite3
import subprocess
import time
from contextlib import closing
from pathlib import Path

import pytest

UUID4 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def uptime_s() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def change_lock(bangui, **columns: object) -> None:
    """Change the lock row, a heartbeat in both its columns, as if this tool had written it."""
    if "heartbeat_at" in columns:
        columns.setdefault("heartbeat_written", columns["heartbeat_at"])
    assignments = ", ".join(f"{column} = ?" for column in columns)
    bangui.execute(f"UPDATE scheduler_lock SET {assignments}", *columns.values())


def expire_lock(bangui, age_s: float = 60.0, ttl_s: float = 20.0) -> None:
    """Let the last heartbeat be so old; a machine that has just started has no longer past."""
    heartbeat = {"heartbeat_at": time.time() - age_s, "heartbeat_boottime": uptime_s() - age_s}
    change_lock(bangui, **heartbeat, heartbeat_timeout=ttl_s)


def lock_row(bangui) -> dict:
    with closing(bangui.connect()) as connection:
        connection.row_factory = sqlite3.Row
        row = connection.execute("SELECT * FROM scheduler_lock").fetchone()
    return dict(row) if row else {}


def as_banguis(bangui) -> None:
    """Give the lock table BanGUI's own columns, as an adopted database has them."""
    bangui.execute("DROP TABLE scheduler_lock")
    bangui.execute(
        "CREATE TABLE scheduler_lock (id INTEGER PRIMARY KEY CHECK (id = 1), pid INTEGER NOT NULL, "
        "hostname TEXT NOT NULL, created_at REAL NOT NULL, heartbeat_at REAL NOT NULL, "
        "heartbeat_timeout INTEGER NOT NULL DEFAULT 300)"
    )
    for column in ("owner", "lease_id", "token", "boot_id", "heartbeat_boottime", "heartbeat_written"):
        bangui.execute(f"ALTER TABLE scheduler_lock ADD COLUMN {column}")


def banguis_insert(bangui, age_s: float = 0.0) -> None:
    """Take the lock as BanGUI does."""
    bangui.execute(
        "INSERT INTO scheduler_lock (id, pid, hostname, created_at, heartbeat_at) VALUES (1, ?, ?, ?, ?)",
        4711,
        "banguihost",
        time.time() - age_s,
        time.time() - age_s,
    )


@pytest.fixture(params=["heartbeat", "flush"])
def job(request) -> str:
    return request.param


def test_the_first_pass_creates_the_lock(bangui, job):
    """The row says who holds it, since when, on which boot, under which lease."""
    before_s = time.time()

    ended = bangui.ok(job, "--json", "-v")

    row = lock_row(bangui)
    assert ended.json["lock"]["outcome"] == "created"
    assert {key: row[key] for key in ("owner", "lease_id", "token")} == {
        key: ended.json["lock"][key] for key in ("owner", "lease_id", "token")
    }
    assert ("web1", 1, os.uname().nodename) == (row["owner"], row["token"], row["hostname"])
    assert UUID4.fullmatch(row["lease_id"])
    assert row["boot_id"] == BOOT_ID.read_text().strip()
    assert (
        before_s <= row["created_at"] == row["heartbeat_at"] == row["heartbeat_written"] <= time.time()
    )
    assert 0 <= uptime_s() - row["heartbeat_boottime"] < 60
    assert row["heartbeat_timeout"] == 300
    (created,) = [event for event in ended.events if event["event"] == "scheduler_lock_created"]
    assert ("debug", "web1", row["lease_id"], 1) == (
        created["level"],
        created["owner"],
        created["lease_id"],
        created["token"],
    )


def test_the_next_pass_refreshes_the_lease_and_says_nothing(bangui, job):
    """Lease, token and creation stay; heartbeat and process move on."""
    bangui.ok("heartbeat")
    first = lock_row(bangui)

    ended = bangui.ok(job, "--log-level", "info")

    second = lock_row(bangui)
    kept = ("lease_id", "token", "created_at", "owner")
    assert (ended.stdout, ended.stderr) == ("", "")
    assert {key: first[key] for key in kept} == {key: second[key] for key in kept}
    assert second["heartbeat_at"] > first["heartbeat_at"]
    assert second["heartbeat_boottime"] > first["heartbeat_boottime"]
    assert second["pid"] != first["pid"]


def test_the_lock_stays_after_a_run(bangui):
    """The instance keeps it until its TTL: another one is held off between two runs."""
    bangui.ok("flush")

    assert bangui.run("flush", "--instance", "web2").code == 75


def test_a_late_instance_reacquires_its_lock(bangui, job):
    """A new lease, and a warning that says how late it is."""
    bangui.ok("heartbeat")
    first = lock_row(bangui)
    expire_lock(bangui, 60, ttl_s=20)

    ended = bangui.ok(job, "--json")

    (event,) = ended.events
    assert (event["event"], event["level"]) == ("scheduler_lock_reacquired", "warning")
    assert event["late_s"] == pytest.approx(40, abs=15)
    assert (event["previous_owner"], event["previous_lease_id"]) == ("web1", first["lease_id"])
    assert (ended.json["lock"]["outcome"], lock_row(bangui)["token"]) == ("reacquired", 2)
    assert lock_row(bangui)["lease_id"] != first["lease_id"]


def test_another_instance_takes_an_expired_lock_over(bangui, job):
    """A new lease, and a warning that names the previous owner and the age."""
    bangui.ok("heartbeat")
    first = lock_row(bangui)
    expire_lock(bangui, 60, ttl_s=20)

    ended = bangui.ok(job, "--json", "--instance", "web2")

    (event,) = ended.events
    assert (event["event"], event["level"]) == ("scheduler_lock_taken_over", "warning")
    assert (event["previous_owner"], event["previous_pid"]) == ("web1", first["pid"])
    assert event["age_s"] == pytest.approx(60, abs=15)
    assert tuple(ended.json["lock"][key] for key in ("outcome", "owner", "token")) == (
        "taken_over",
        "web2",
        2,
    )
    assert (lock_row(bangui)["owner"], lock_row(bangui)["token"]) == ("web2", 2)


@pytest.mark.parametrize(
    ("job", "event_name"),
    [
        ("flush", "scheduler_lock_held_by_other_instance"),
        ("heartbeat", "scheduler_lock_heartbeat_failed"),
    ],
)
def test_a_held_lock_is_respected_and_nothing_is_written(bangui, job, event_name):
    """Exit 75, one warning that says who holds it and for how long, and not one changed byte."""
    bangui.ok("add", "192.0.2.1", "--country-code", "DE")
    bangui.ok("heartbeat")
    content = bangui.database.read_bytes()

    ended = bangui.run(job, "--instance", "web2", "--json")

    (event,) = ended.events
    assert (75, event_name, "warning") == (ended.code, event["event"], event["level"])
    assert ("web1", os.uname().nodename, 300) == (event["owner"], event["hostname"], event["ttl_s"])
    assert 0 <= event["age_s"] < 60 < event["expires_in_s"] <= 300
    assert (event["exit_code"], event["error"] != "", event["hint"] != "") == (75, True, True)
    assert (
        ended.json["outcome"],
        ended.json["lock"]["outcome"],
        ended.json["lock"]["owner"],
    ) == ("held", "held", "web1")
    assert content == bangui.database.read_bytes()


def test_held_ok_makes_a_held_lock_an_ordinary_outcome(bangui, job):
    """Exit 0 and silence, still without a changed byte; the event is there at debug."""
    bangui.ok("heartbeat")
    content = bangui.database.read_bytes()

    silent = bangui.ok(job, "--instance", "web2", "--held-ok")
    loud = bangui.ok(job, "--instance", "web2", "--held-ok", "-v", "--json")

    assert (silent.stdout, silent.stderr) == ("", "")
    assert (loud.json["outcome"], [event["level"] for event in loud.events]) == ("held", ["debug"])
    assert content == bangui.database.read_bytes()


def test_a_lock_of_another_boot_is_fresh_only_while_the_uptime_is_below_its_ttl(bangui):
    """Its holder died with its boot: with a TTL shorter than this uptime it is taken over."""
    bangui.ok("heartbeat")
    before_this_boot_s = time.time() - uptime_s() - 60
    change_lock(bangui, boot_id="another-boot", heartbeat_at=before_this_boot_s)
    change_lock(bangui, heartbeat_timeout=uptime_s() + 60)
    if uptime_s() < 3500:  # the ceiling of the TTL
        assert bangui.run("heartbeat", "--instance", "web2").code == 75

    change_lock(bangui, heartbeat_timeout=uptime_s() / 2)

    assert bangui.ok("heartbeat", "--instance", "web2").event_names == ["scheduler_lock_taken_over"]


@pytest.mark.skipif(not shutil.which("unshare") or os.geteuid() != 0, reason="wants unshare and root")
def test_a_time_namespace_makes_no_difference(bangui):
    """A container whose boot clock is shifted neither steals a fresh lock nor keeps a dead one."""
    shifted = ["unshare", "-T", "--boottime", "100000"]
    probe = subprocess.run([*shifted, "true"], capture_output=True, check=False)
    if probe.returncode:
        pytest.skip(f"no time namespaces here: {probe.stderr.decode().strip()}")
    bangui.ok("heartbeat", under=shifted)
    inside = lock_row(bangui)["heartbeat_boottime"]

    assert abs(uptime_s() - inside) < 60
    assert bangui.run("heartbeat", "--instance", "web2").code == 75
    assert bangui.run("heartbeat", "--instance", "web2", under=shifted).code == 75
    expire_lock(bangui)
    assert bangui.ok("heartbeat", "--instance", "web2", under=shifted).event_names == [
        "scheduler_lock_taken_over"
    ]


@pytest.mark.skipif(not shutil.which("unshare") or os.geteuid() != 0, reason="wants unshare and root")
def test_a_container_with_a_boot_id_of_its_own_makes_no_difference(bangui):
    """As systemd-nspawn and LXC make them: neither takes the other's fresh lock, both take a dead one."""
    boot_id = bangui.home / "boot_id"
    boot_id.write_text("6b0d0c4e-0000-4000-8000-00000000abcd\n")
    mount = f'mount --bind {boot_id} {BOOT_ID} && exec "$@"'
    within = {"under": ["unshare", "--mount", "sh", "-c", mount, "sh"]}
    probe = subprocess.run([*within["under"], "true"], capture_output=True, check=False)
    if probe.returncode:
        pytest.skip(f"no mounts here: {probe.stderr.decode().strip()}")

    bangui.ok("heartbeat", "--instance", "container", **within)
    assert lock_row(bangui)["boot_id"] == boot_id.read_text().strip()
    assert bangui.run("heartbeat", "--instance", "host").code == 75
    assert bangui.ok("heartbeat", "--instance", "container", "--json").json["lock"]["token"] == 1
    assert bangui.run("heartbeat", "--instance", "host", **within).code == 75

    expire_lock(bangui)
    taken = bangui.ok("heartbeat", "--instance", "host", "--json", **within)
    assert (taken.json["lock"]["outcome"], taken.json["lock"]["token"]) == ("taken_over", 2)


def test_a_row_without_anything_in_it_is_free(bangui):
    """Another program may empty a row and keep it: nobody holds the lock, and nothing is malformed."""
    bangui.ok("heartbeat")
    change_lock(bangui, **dict.fromkeys(set(lock_row(bangui)) - {"id"}))

    shown = bangui.ok("lock", "show", "--json").json
    ended = bangui.ok("heartbeat", "--instance", "web2", "--json")

    assert shown["verdict"] == "free"
    assert (ended.stderr, ended.json["lock"]["outcome"]) == ("", "created")
    assert ended.json["lock"]["token"] == 2


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"heartbeat_at": "soon"}, "heartbeat_at"),
        ({"heartbeat_timeout": None}, "heartbeat_timeout"),
        ({"heartbeat_boottime": 1e15}, "heartbeat_boottime"),
        ({"token": "seven"}, "token"),
        ({"lease_id": b"\xff", "hostname": "\x1b]0;owned\x07"}, "lease_id"),
    ],
)
def test_a_malformed_row_heals_and_its_old_content_is_told(bangui, columns, reason):
    """It counts as expired, whatever it holds, and the event at level error shows what stood there."""
    bangui.execute("DROP TABLE scheduler_lock")
    bangui.execute(
        "CREATE TABLE scheduler_lock (id INTEGER PRIMARY KEY, pid, hostname, created_at, heartbeat_at, "
        "heartbeat_timeout, owner, lease_id, token, boot_id, heartbeat_boottime, heartbeat_written)"
    )
    bangui.ok("heartbeat")
    change_lock(bangui, **columns)

    ended = bangui.ok("heartbeat", "--instance", "web2", "--json")

    malformed, taken = ended.events
    assert (malformed["event"], malformed["level"]) == ("scheduler_lock_malformed", "error")
    assert malformed["reason"].startswith(reason)
    assert malformed["old_row"][next(iter(columns))] in (*columns.values(), "\\xff")
    assert (taken["event"], ended.json["lock"]["token"]) == ("scheduler_lock_taken_over", 2)
    assert ("\x1b" in ended.stderr) is False
    assert bangui.ok("heartbeat", "--instance", "web2").stderr == ""


def test_tokens_never_fall(bangui):
    """Not with takeovers, releases, a damaged token, nor when BanGUI deletes the row at its end."""
    tokens = []

    def take(instance: str) -> None:
        tokens.append(bangui.ok("flush", "--instance", instance, "--json").json["lock"]["token"])

    take("web1")
    bangui.ok("lock", "release", "--instance", "web1")
    take("web2")
    expire_lock(bangui)
    take("web3")
    bangui.execute("DELETE FROM scheduler_lock")
    take("web4")
    change_lock(bangui, token=-1)
    take("web5")
    bangui.execute("DELETE FROM scheduler_lock")
    banguis_insert(bangui, age_s=1000)
    take("web6")
    bangui.ok("lock", "release", "--instance", "web6")
    bangui.execute("DELETE FROM scheduler_lock")
    take("web6")
    change_lock(bangui, token=41)
    expire_lock(bangui)
    take("web7")

    assert tokens == [1, 2, 3, 4, 5, 6, 7, 42]


@pytest.mark.parametrize("arguments", [(), ("--lease", "LEASE"), ("--force",)])
def test_a_released_lock_goes_to_the_next_instance_at_once(bangui, arguments):
    """The row stays, marked free, with its token; the event says what was handed over."""
    bangui.ok("heartbeat")
    lease_id = lock_row(bangui)["lease_id"]
    arguments = [argument.replace("LEASE", lease_id) for argument in arguments]

    released = bangui.ok("lock", "release", *arguments)

    assert (released.events[0]["event"], released.events[0]["lease_id"]) == (
        "scheduler_lock_released",
        lease_id,
    )
    assert (lock_row(bangui)["owner"], lock_row(bangui)["token"]) == (None, 1)
    assert bangui.ok("lock", "show", "--json").json["verdict"] == "free"
    assert bangui.ok("heartbeat", "--instance", "web2", "--json").json["lock"] | {"lease_id": ""} == {
        "outcome": "created",
        "owner": "web2",
        "lease_id": "",
        "token": 2,
    }


def test_releasing_a_free_lock_is_no_failure(bangui):
    """There is nothing to do, before the first pass and after a release."""
    assert bangui.ok("lock", "release").stderr == ""
    bangui.ok("heartbeat")
    bangui.ok("lock", "release")
    content = bangui.database.read_bytes()

    assert bangui.ok("lock", "release").stderr == ""
    assert bangui.ok("lock", "release", "--force", "--instance", "web2").stderr == ""
    assert content == bangui.database.read_bytes()


def test_a_released_lock_tells_of_no_holder_and_no_heartbeat(bangui):
    """What marks the row free is no heartbeat of 1970, for which a monitor would raise the alarm."""
    bangui.ok("heartbeat")
    bangui.ok("lock", "release")

    shown = bangui.ok("lock", "show", "--json").json
    metrics = bangui.ok("status", "--format", "prometheus").stdout

    assert (shown.pop("verdict"), shown.pop("token")) == ("free", 1)
    assert set(shown.values()) == {None}
    assert "bangui_lock_leases_total 1\n" in metrics
    assert "bangui_lock_heartbeat_timestamp_seconds " not in metrics
    assert "bangui_lock_holder_info{" not in metrics


@pytest.mark.parametrize(
    ("missing", "told"),
    [
        ("pid", "held by web1, a process on box: last"),
        ("hostname", "held by web1, pid 7: last"),
        ("owner", "held by another program (BanGUI), pid 7 on box: last"),
    ],
)
def test_a_holder_that_does_not_say_all_of_itself_is_told_without_a_none(bangui, missing, told):
    """BanGUI's columns take a row without them, and an operator reads sentences."""
    bangui.ok("heartbeat", "--instance", "web1")
    bangui.execute("UPDATE scheduler_lock SET pid = 7, hostname = 'box'")
    bangui.execute(f"UPDATE scheduler_lock SET {missing} = NULL")
    if missing == "owner":
        bangui.execute("UPDATE scheduler_lock SET heartbeat_written = NULL")

    held = bangui.run("heartbeat", "--instance", "web2")

    assert (held.code, held.events[-1]["error"].count(told)) == (75, 1)


def test_only_ones_own_lock_is_released_without_more_words(bangui):
    """Another's, even an expired one, wants its lease to be named, or force."""
    bangui.ok("heartbeat")
    lease_id = lock_row(bangui)["lease_id"]
    content = bangui.database.read_bytes()

    refused = bangui.run("lock", "release", "--instance", "web2")

    assert (
        refused.code,
        refused.events[0]["event"],
        refused.events[0]["owner"],
    ) == (75, "command_failed", "web1")
    assert "--lease" in refused.events[0]["hint"]
    assert content == bangui.database.read_bytes()
    expire_lock(bangui)
    assert bangui.run("lock", "release", "--instance", "web2").code == 75
    assert bangui.ok("lock", "release", "--instance", "web2", "--lease", lease_id).code == 0


def test_a_lease_that_has_changed_hands_is_not_released(bangui):
    """Whoever names a lease has looked at the lock before; what he saw must still be so."""
    bangui.ok("heartbeat")
    seen = lock_row(bangui)["lease_id"]
    expire_lock(bangui)
    bangui.ok("heartbeat")

    refused = bangui.run("lock", "release", "--lease", seen)

    assert (refused.code, lock_row(bangui)["owner"]) == (75, "web1")
    bangui.ok("lock", "release")
    assert bangui.run("lock", "release", "--lease", seen).code == 75


def test_lock_show_judges_without_touching(bangui):
    """The verdict is that of the instance that asks, and every part of the lock is there."""
    free = bangui.ok("lock", "show", "--json").json
    bangui.ok("heartbeat")
    content = bangui.database.read_bytes()

    mine = bangui.ok("lock", "show", "--json").json
    held = bangui.ok("lock", "show", "--json", "--instance", "web2").json

    row = lock_row(bangui)
    assert [free["verdict"], mine["verdict"], held["verdict"]] == ["free", "mine", "held"]
    assert set(mine) == {
        "verdict", "owner", "hostname", "pid", "lease_id", "token", "age_s", "ttl_s", "expires_in_s",
        "created_at", "heartbeat_at",
    }  # fmt: skip
    assert {key: mine[key] for key in ("pid", "token", "lease_id", "heartbeat_at")} == {
        key: row[key] for key in ("pid", "token", "lease_id", "heartbeat_at")
    }
    assert mine["age_s"] + mine["expires_in_s"] == pytest.approx(mine["ttl_s"])
    assert content == bangui.database.read_bytes()
    expire_lock(bangui)
    assert bangui.ok("lock", "show", "--json").json["verdict"] == "expired"


def test_twenty_contending_instances_have_one_winner(bangui):
    """Whoever finds the lock expired at the same instant, one takes it and all others are held."""
    bangui.ok("heartbeat", "--instance", "dead")
    expire_lock(bangui)

    # As many starts at once may take longer than the five seconds of a heartbeat.
    beat = ("heartbeat", "--timeout", "60s", "--json", "--instance")
    processes = [bangui.start(*beat, f"web{n}") for n in range(20)]
    ended = [bangui.end(process) for process in processes]

    outcomes = [each.json["lock"]["outcome"] for each in ended]
    winner = outcomes.index("taken_over")
    assert sorted(outcomes) == ["held"] * 19 + ["taken_over"]
    assert sorted(each.code for each in ended) == [0] + [75] * 19
    assert (f"web{winner}", 2) == (lock_row(bangui)["owner"], lock_row(bangui)["token"])


def test_overlapping_runs_of_one_instance_share_the_lease(bangui):
    """SQLite's write lock orders them; each of them is counted."""
    bangui.ok("heartbeat")
    lease_id = lock_row(bangui)["lease_id"]

    processes = [bangui.start("flush", "--json") for _ in range(6)]
    ended = [bangui.end(process) for process in processes]

    assert {(each.code, each.json["lock"]["lease_id"]) for each in ended} == {(0, lease_id)}
    assert bangui.rows("SELECT runs_total FROM job_state WHERE job_id = 'geo_cache_flush'") == [(6,)]


def test_banguis_live_lock_is_respected(bangui, job):
    """BanGUI's own row, without any column of ours, holds us off by its own clock."""
    as_banguis(bangui)
    banguis_insert(bangui)

    ended = bangui.run(job, "--json")

    assert (ended.code, ended.json["outcome"], ended.json["lock"]["owner"]) == (75, "held", None)
    assert (ended.events[0]["pid"], ended.events[0]["hostname"]) == (4711, "banguihost")
    bangui.execute("UPDATE scheduler_lock SET heartbeat_at = heartbeat_at - 1000")
    assert bangui.ok(job, "--json").json["lock"]["outcome"] == "taken_over"


def test_bangui_may_refresh_take_and_delete_our_row(bangui):
    """Its statements know nothing of our columns, which then count for nothing."""
    as_banguis(bangui)
    bangui.ok("heartbeat")
    assert bangui.rows("SELECT typeof(heartbeat_timeout), heartbeat_timeout FROM scheduler_lock") == [
        ("integer", 300)
    ]

    bangui.execute("UPDATE scheduler_lock SET heartbeat_at = ? WHERE id = 1", time.time() + 1)
    refreshed = bangui.run("heartbeat")
    assert bangui.run("lock", "release").code == 75
    bangui.execute("DELETE FROM scheduler_lock WHERE id = 1 AND pid = ?", lock_row(bangui)["pid"])
    deleted = bangui.ok("heartbeat", "--json")
    bangui.execute("DELETE FROM scheduler_lock WHERE heartbeat_at < ?", time.time() + 10)
    banguis_insert(bangui)

    assert (
        refreshed.code,
        deleted.json["lock"]["outcome"],
        deleted.json["lock"]["token"],
    ) == (75, "created", 2)
    assert bangui.run("heartbeat").code == 75
    assert bangui.run("lock", "release").code == 75
    assert bangui.ok("lock", "release", "--force").event_names == ["scheduler_lock_released"]


def test_bangui_finds_a_released_row_expired(bangui):
    """It takes a lock whose heartbeat is older than its timeout, and a released one is at 0."""
    as_banguis(bangui)
    bangui.ok("heartbeat")
    bangui.ok("lock", "release")

    expired = "SELECT count(*) FROM scheduler_lock WHERE ? - heartbeat_at > heartbeat_timeout"

    assert bangui.rows(expired, time.time()) == [(1,)]
