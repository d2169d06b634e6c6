"""What each command prints, for a person and for a script."""

import contextlib
import json
import os
import re
import subprocess
import time

import pytest
from banguis import TABLES

from bangui_cli.rules import timestamps

ENTRY = [
    "--country-code",
    "de",
    "--country-name",
    "Germany",
    "--asn",
    "64496",
    "--org",
    "Example [b]GmbH[/b]",
]
HOSTILE = "\x1b[31m[red]evil[/red]\x1b]0;title\x07\u202e"


def stage(bangui, ip="192.0.2.1", *fields):
    bangui.ok("add", ip, *(fields or ENTRY))


def on_stdout(bangui, *arguments, **options):
    """Return what a person reads on stdout, the log left out."""
    return bangui.on_terminal(*arguments, stderr=subprocess.DEVNULL, **options)[1]


# add and lookup.


def test_an_entry_is_looked_up_before_and_after_the_flush(bangui):
    """In normal form, from wherever it is, with every field."""
    stage(bangui, "::ffff:192.0.2.1", *ENTRY, "--resolved-at", "2026-03-01T13:00:00+01:00")
    dirty = bangui.ok("lookup", "192.0.2.1", "--json").json
    bangui.ok("flush")
    cached = bangui.ok("lookup", "::ffff:c000:201", "--json").json

    assert dirty == [
        {
            "ip": "192.0.2.1",
            "state": "dirty",
            "country_code": "DE",
            "country_name": "Germany",
            "asn": "AS64496",
            "org": "Example [b]GmbH[/b]",
            "resolved_at": "2026-03-01T12:00:00.000Z",
            "bans": [],
        }
    ]
    assert cached == [{**dirty[0], "state": "cached"}]


def test_what_is_unknown_is_said_and_is_exit_code_1(bangui):
    """One line or object for each address that was asked, in that order, also twice."""
    stage(bangui)
    asked = ["2001:DB8::1", "192.0.2.1", "2001:db8::1"]
    ended = bangui.run("lookup", "--json", *asked)
    unknown = dict.fromkeys(["country_code", "country_name", "asn", "org", "resolved_at"])

    assert ended.code == 1
    assert ended.stderr == ""
    assert [row["state"] for row in ended.json] == ["unknown", "dirty", "unknown"]
    assert ended.json[0] == {"ip": "2001:db8::1", "state": "unknown", **unknown, "bans": []}


@pytest.mark.parametrize(
    ("dirty", "state", "code"),
    [
        (["--country-code", "FR"], "dirty", "FR"),
        (["--country-code", "FR", "--resolved-at", "2020-01-01"], "cached", "DE"),
        ([], "cached", "DE"),
    ],
    ids=["a newer one", "an older one", "a failed resolution"],
)
def test_the_entry_that_a_flush_would_leave_is_the_one_that_is_shown(bangui, dirty, state, code):
    """One rule decides: a country beats none, then the newer."""
    stage(bangui)
    bangui.ok("flush")
    bangui.ok("add", "192.0.2.1", *dirty)
    shown = bangui.ok("lookup", "192.0.2.1", "--json").json[0]
    bangui.ok("flush")
    left = bangui.ok("lookup", "192.0.2.1", "--json").json[0]

    assert (shown["state"], shown["country_code"]) == (state, code)
    assert left == {**shown, "state": "cached"}


def test_an_entry_without_a_country_is_a_failed_resolution(bangui):
    """It is known to be unresolved, which is not unknown."""
    bangui.ok("add", "192.0.2.1")
    shown = bangui.ok("lookup", "192.0.2.1", "--json").json[0]
    bangui.ok("flush")

    assert (shown["state"], shown["country_code"]) == ("dirty", None)
    assert bangui.ok("status", "--format", "json").json["cache"] == {"rows": 1, "unresolved": 1}


def test_one_bad_address_refuses_the_whole_lookup(bangui):
    """65 before anything is printed: a script must not take half an answer for the whole."""
    ended = bangui.run("lookup", "192.0.2.1", "192.0.2.0/24", "--json")

    assert (ended.code, ended.stdout) == (65, "")
    assert "a network" in ended.events[0]["error"]


def test_a_table_is_aligned_whatever_the_letters(bangui):
    """Wide letters take two columns, accents none; what is missing is a dash."""
    stage(bangui, "192.0.2.1", "--country-code", "JP", "--country-name", "日本", "--org", "x")
    stage(
        bangui, "192.0.2.2", "--country-code", "AT", "--country-name", "O\u0308sterreich", "--org", "y"
    )
    shown = bangui.run("lookup", "192.0.2.1", "192.0.2.2", "192.0.2.3").stdout.splitlines()

    assert shown[0].split() == [
        "ip",
        "state",
        "country_code",
        "country_name",
        "asn",
        "org",
        "resolved_at",
    ]
    start = shown[0].index("asn")
    assert shown[1].index("-  ") == start - 2
    assert shown[2].index("-  ") == start + 1
    assert shown[3].split() == ["192.0.2.3", "unknown", "-", "-", "-", "-", "-"]


def test_text_from_outside_is_shown_not_obeyed(bangui):
    """What another program wrote into the cache reaches the terminal as text."""
    row = "INSERT INTO geo_cache (ip, country_code, country_name, org, cached_at) VALUES (?, 'DE', ?, ?, ?)"
    bangui.execute(row, "192.0.2.1", HOSTILE, "a\nb", "2026-03-01T12:00:00.000Z")
    code, table = bangui.on_terminal("lookup", "192.0.2.1", env={"COLUMNS": "200"})
    answer = bangui.ok("lookup", "192.0.2.1", "--json")

    assert code == 0
    assert table.count("\n") == 2
    assert r"\x1b[31m[red]evil[/red]\x1b]0;title\x07\u202e" in table
    assert not {"\x1b", "\x07", "\u202e"} & set(table + answer.stdout)
    assert answer.json[0]["country_name"] == HOSTILE


@pytest.mark.parametrize(
    "cached_at", ["2026-03-01 12:00:00", "2026-03-01T12:00:00+00:00", "", "garbage"]
)
def test_what_bangui_wrote_is_read_in_its_own_forms(bangui, cached_at):
    """Its times have no milliseconds; one that is none is no reason to fail."""
    row = "INSERT INTO geo_cache (ip, country_code, cached_at) VALUES ('192.0.2.1', 'DE', ?)"
    bangui.execute(row, cached_at)
    known = bangui.ok("lookup", "192.0.2.1", "--json").json[0]

    assert known["country_code"] == "DE"
    assert known["resolved_at"] == ("2026-03-01T12:00:00.000Z" if cached_at.startswith("2026") else None)


def test_a_field_of_any_length_is_cut_at_200_characters(bangui):
    """A command line takes 128 KiB of it."""
    stage(bangui, "192.0.2.1", "--country-code", "DE", "--org", "x" * 100_000)

    assert bangui.rows("SELECT length(org) FROM geo_cache_dirty") == [(200,)]


def test_bytes_that_are_no_text_are_stripped_or_refused(bangui):
    """What is no UTF-8 in an argument: a name loses it, an address is none."""
    stage(bangui, "192.0.2.1", "--country-code", "DE", "--org", "\udcff\udcfeExample")

    assert bangui.rows("SELECT org FROM geo_cache_dirty") == [("Example",)]
    assert bangui.run("add", "192.0.2.1\udcff").code == 65
    assert bangui.run("lookup", "\udcff").code == 65
    assert bangui.run("flush", "--instance", "\udcff").code == 2


def test_a_person_is_told_what_was_done(bangui):
    """On a terminal a command that succeeds says so in one line."""
    _, added = bangui.on_terminal("add", "192.0.2.1")
    _, rehearsed = bangui.on_terminal("flush", "--dry-run")
    _, flushed = bangui.on_terminal("flush")
    _, beaten = bangui.on_terminal("heartbeat")

    assert added.startswith("staged 192.0.2.1 ")
    assert rehearsed == "would flush 1 row and take the free lock\n"
    assert flushed.startswith("flushed 1 row in ")
    assert beaten == "refreshed the lock for web1: it is fresh for 5 min\n"


def test_what_a_flush_would_do_is_said_in_english(bangui):
    """What happens to the lock is no word of the code."""
    _, free = bangui.on_terminal("flush", "--dry-run")
    bangui.ok("heartbeat")
    _, mine = bangui.on_terminal("flush", "--dry-run")
    bangui.ok("add", "192.0.2.1")
    bangui.execute("UPDATE scheduler_lock SET heartbeat_timeout = 0")
    _, expired = bangui.on_terminal("flush", "--dry-run")
    _, taken_over = bangui.on_terminal("flush", "--dry-run", "--instance", "web2")

    assert [free, mine, expired, taken_over] == [
        "nothing to flush; would take the free lock\n",
        "nothing to flush; would refresh the lock\n",
        "would flush 1 row and take the lock again, which has expired\n",
        "would flush 1 row and take over the expired lock of another instance\n",
    ]
    assert bangui.on_terminal("heartbeat")[1].count("\n") == 2  # a warning, and what was done


def test_what_a_prune_would_do_is_said_in_english(bangui):
    """As of a flush; nothing to do is not counted."""
    _, nothing = bangui.on_terminal("prune", "--dry-run")
    old = "INSERT INTO geo_cache (ip, cached_at) VALUES ('192.0.2.1', '2020-01-01T00:00:00.000Z')"
    bangui.execute(old)
    _, something = bangui.on_terminal("prune", "--dry-run")
    _, done = bangui.on_terminal("prune")
    _, again = bangui.on_terminal("prune")

    assert [nothing, something, done, again] == [
        "nothing to prune; would take the free lock\n",
        "would prune 1 cached address and 0 bans, and take the free lock\n",
        "pruned 1 cached address and 0 bans\n",
        "nothing to prune\n",
    ]


@pytest.mark.parametrize(
    "arguments",
    [
        ["init"],
        ["add", "192.0.2.1"],
        ["flush"],
        ["flush", "--dry-run"],
        ["heartbeat"],
        ["import", "rows"],
    ],
    ids=" ".join,
)
def test_who_asks_for_errors_alone_is_told_of_errors_alone(bangui, arguments):
    """-q is for a terminal, too."""
    (bangui.home / "rows").write_text('{"ip": "192.0.2.1"}\n')

    assert bangui.on_terminal(*arguments, "-q", cwd=bangui.home) == (0, "")


def test_an_empty_flush_says_so(bangui):
    """Not how long it took to do nothing."""
    assert bangui.on_terminal("flush") == (0, "nothing to flush\n")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["flush"], "nothing done: another instance holds the lock\n"),
        (["flush", "--dry-run"], "would do nothing: another instance holds the lock\n"),
        (["heartbeat"], "nothing done: another instance holds the lock\n"),
    ],
    ids=" ".join,
)
def test_a_person_is_told_that_nothing_was_done(bangui, arguments, sentence):
    """With --held-ok a held lock is silent in the log; who watches wants to know all the same."""
    bangui.ok("heartbeat")

    assert bangui.on_terminal(*arguments, "--held-ok", "--instance", "web2") == (0, sentence)


def test_a_person_is_told_where_the_database_is_and_what_comes_next(bare):
    """The command to go on with leads to the same database; nothing of it is in a pipe."""
    made = on_stdout(bare, "init")
    again = on_stdout(bare, "init")
    path = bare.home / "a b" / "x.db"

    assert made == (
        f"the database is {bare.database}, newly made; "
        f"next: bangui schedule install --database {bare.database}\n"
    )
    assert again == (
        f"the database is {bare.database}, up to date already; "
        f"next: bangui doctor --database {bare.database}\n"
    )
    assert f"next: bangui schedule install --database '{path}'" in on_stdout(bare, "init", "-d", path)
    assert bare.ok("init").stdout == ""


def test_a_person_is_told_that_bangui_was_adopted(bare):
    """Who points at another program's database wants to know that it was left whole."""
    with contextlib.closing(bare.connect()) as connection:
        connection.executescript(TABLES)

    assert f"the database is {bare.database}, adopted from BanGUI, " in on_stdout(bare, "init")


def test_a_person_is_told_whose_lock_was_released(bangui):
    """The next one may take it."""
    bangui.ok("heartbeat")

    assert on_stdout(bangui, "lock", "release") == (
        "released the lock of web1: any instance can take it now\n"
    )


# status and lock.


def test_a_table_shows_numbers_as_a_person_reads_them(bangui):
    """How long ago and when, in units; JSON has the raw values."""
    bangui.ok("heartbeat")
    resolved_s = time.time() - 7300
    bangui.ok("add", "192.0.2.1", "--resolved-at", timestamps.to_text(resolved_s))
    status = bangui.ok("status").stdout
    lock = bangui.ok("lock", "show").stdout
    heartbeat_s = bangui.ok("lock", "show", "--json").json["heartbeat_at"]

    assert re.search(r"  size          \d+ KiB\n", status)
    assert "  oldest age       2 h\n" in status
    assert f"  oldest resolved  2 h ago, {timestamps.to_text(resolved_s)[:19]}Z\n" in status
    assert "  ttl         5 min\n" in lock
    assert re.search(rf"  heartbeat   \d+ s ago, {timestamps.to_text(heartbeat_s)[:19]}Z\n", lock)
    assert str(heartbeat_s) not in status + lock
    labels = re.findall("^  (.+?)  ", status + lock, re.MULTILINE)
    assert [label for label in labels if "_" in label] == []


def test_what_has_not_been_is_told_in_a_line(bangui):
    """A job that never ran has no age, a lock that was released no pid."""
    bangui.ok("heartbeat")
    bangui.ok("lock", "release")

    assert bangui.ok("lock", "show").stdout == "lock\n  verdict  free\n"
    status = bangui.ok("status").stdout
    assert "\nlock\n  verdict  free\ndirty\n" in status
    assert "\njob geo_cache_flush\n  runs  none yet\njob " in status
    assert "success age" not in status


def words(text):
    return {word for word in text.replace("_", " ").split() if word.isalpha()}


@pytest.mark.parametrize("columns", [80, 40])
@pytest.mark.parametrize(
    "arguments",
    [
        ["status"], ["lock", "show"], ["config", "show"], ["doctor"],
        ["lookup", "192.0.2.1", "2001:db8:1234:5678:9abc:def0:1:2"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_a_table_fits_the_terminal(bangui, columns, arguments):
    """Nothing runs over the edge, where a terminal would break it anywhere, and nothing is left out."""
    stage(bangui)
    bangui.ok("flush")
    env = {"COLUMNS": str(columns), "NO_COLOR": "1", "BANGUI_LOG_FORMAT": "json"}
    _, shown = bangui.on_terminal(*arguments, env=env, stderr=subprocess.DEVNULL)
    # The path of the database has no place to break it but within a word.
    piped = bangui.run(*arguments).stdout.replace(str(bangui.database), "")

    assert max(map(len, shown.splitlines())) <= columns
    assert words(piped) - words(shown) == set()


@pytest.mark.parametrize("columns", [1, 2, 3, 7])
def test_a_terminal_of_no_width_gets_its_answer(bangui, columns):
    """Of a window that was dragged to nothing; no table is a reason to fail."""
    stage(bangui)

    assert bangui.on_terminal("lookup", "192.0.2.1", env={"COLUMNS": str(columns)})[0] == 0


@pytest.mark.parametrize(
    "values",
    [
        {"heartbeat_at": "1e300", "created_at": "9e999"},
        {"hostname": "'\x1b[2J'", "owner": "x'00ff'", "pid": "NULL"},
        {"heartbeat_timeout": "9e999", "heartbeat_boottime": "-1"},
    ],
    ids=["times", "texts", "spans"],
)
def test_a_lock_row_that_makes_no_sense_is_shown_all_the_same(bare, values):
    """A table that BanGUI made holds anything; the verdict is that it has expired."""
    bare.execute(
        "CREATE TABLE scheduler_lock (id INTEGER PRIMARY KEY, pid, hostname, created_at, heartbeat_at, heartbeat_timeout)"
    )
    bare.ok("init")
    bare.ok("heartbeat")
    bare.execute(
        f"UPDATE scheduler_lock SET {', '.join(f'{key} = {value}' for key, value in values.items())}"
    )
    lock = bare.ok("lock", "show").stdout
    view = bare.ok("lock", "show", "--json").stdout

    assert "  verdict     expired\n" in lock
    assert json.loads(view, parse_constant=int)["verdict"] == "expired"
    assert "\x1b" not in lock
    bare.ok("status")


def test_lock_show_has_the_keys_that_scripts_rely_on(bangui):
    """Held, free or never taken: the same keys, null where there is nothing to say."""
    keys = [
        "verdict",
        "owner",
        "hostname",
        "pid",
        "lease_id",
        "token",
        "age_s",
        "ttl_s",
        "expires_in_s",
        "created_at",
        "heartbeat_at",
    ]
    never = bangui.ok("lock", "show", "--json").json
    run = bangui.ok("heartbeat", "--json").json
    mine = bangui.ok("lock", "show", "--json").json
    held = bangui.ok("lock", "show", "--json", "--instance", "web2").json

    assert list(never) == list(mine) == keys
    assert never == {"verdict": "free", **dict.fromkeys(keys[1:])}
    assert (mine["verdict"], mine["owner"], mine["hostname"]) == ("mine", "web1", os.uname().nodename)
    assert (mine["lease_id"], mine["token"]) == (run["lock"]["lease_id"], 1)
    assert mine["age_s"] + mine["expires_in_s"] == pytest.approx(mine["ttl_s"])
    assert held["verdict"] == "held"


def test_a_release_names_what_was_released(bangui):
    """The event tells who held it and for how long; a second release has nothing to do."""
    bangui.ok("heartbeat")
    lease_id = bangui.ok("lock", "show", "--json").json["lease_id"]
    (event,) = bangui.ok("lock", "release").events
    code, again = bangui.on_terminal("lock", "release")

    assert (event["event"], event["level"], event["job"]) == ("scheduler_lock_released", "info", None)
    assert (event["owner"], event["lease_id"], event["token"]) == ("web1", lease_id, 1)
    assert event["age_s"] >= 0
    assert (code, again) == (0, "the lock was free already\n")


def test_a_released_row_of_bangui_names_none_of_our_leases(bangui):
    """What it left in this tool's columns is not what was released."""
    bangui.ok("heartbeat")
    bangui.execute("UPDATE scheduler_lock SET heartbeat_at = ?, hostname = 'app', pid = 7", time.time())
    (event,) = bangui.ok("lock", "release", "--force").events

    assert (event["owner"], event["lease_id"]) == (None, None)
    assert (event["hostname"], event["pid"]) == ("app", 7)


@pytest.mark.parametrize("lease_id", ["", "\x1b[2J", "x" * 200])
def test_a_lease_that_no_run_ever_had_is_a_mistake(bangui, lease_id):
    """An empty variable in a script must not release whatever lock there is."""
    bangui.ok("heartbeat")

    assert bangui.run("lock", "release", "--lease", lease_id).code == 2
    assert bangui.ok("lock", "show", "--json").json["verdict"] == "mine"


# Files to write.

WRITERS = {
    "status": (("status", "--json", "--output"), '{"database": {"path": '),
    "report": (("report", "--format", "csv", "--output"), '"key","name","count","share"\n'),
    "export": (("export", "--output"), '{"ip":"192.0.2.1",'),
    "rejects": (("import", "rows", "--rejects"), "no row\n"),
}


@pytest.mark.parametrize(("writer", "beginning"), WRITERS.values(), ids=WRITERS)
def test_a_dash_is_stdout_and_nothing_is_no_file(bangui, writer, beginning):
    """A file of that name would be hard to delete; an empty variable of a script must be told."""
    bangui.ok("add", "192.0.2.1")
    (bangui.home / "rows").write_text("no row\n")
    shown, empty = bangui.run(*writer, "-", cwd=bangui.home), bangui.run(*writer, "", cwd=bangui.home)

    assert shown.stdout.startswith(beginning)
    assert not (bangui.home / "-").exists()
    assert (empty.code, empty.stdout) == (2, "")
    assert "'': not a path" in empty.events[-1]["error"]


# config.


def test_config_show_prints_what_one_would_write(bare):
    """Times in units, truth values as words, no value as a dash."""
    given = {"BANGUI_FLUSH_TIMEOUT": "90", "BANGUI_PRUNE_INTERVAL": "never"}
    table = bare.ok("config", "show", "--instance", "web2", env=given).stdout
    rows = {line.split()[0]: line.split(maxsplit=2)[1:] for line in table.splitlines()}

    assert rows["setting"] == ["value", "source"]
    assert rows["lock_ttl"] == ["5m", "default"]
    assert rows["flush_timeout"] == ["90s", "environment BANGUI_FLUSH_TIMEOUT"]
    assert rows["cache_retention"] == ["90d", "default"]
    assert rows["prune_interval"] == ["never", "environment BANGUI_PRUNE_INTERVAL"]
    assert rows["mask_ips"] == ["true", "default"]
    assert rows["geoip_db"] == ["-", "default"]
    assert rows["instance"] == ["web2", "flag --instance"]


def test_config_show_needs_no_database(bare):
    """It is where one looks when there is none."""
    bare.ok("config", "show")

    assert not bare.database.exists()


# init.


def test_init_tells_what_it_did(bare):
    """Created, then found current: the same event, and nothing else."""
    (made,) = bare.ok("init").events
    (again,) = bare.ok("init").events

    assert (made["event"], made["created"], again["created"]) == ("database_initialised", True, False)
    assert made["migrations_applied"]
    assert again["migrations_applied"] == []
    assert made["path"] == str(bare.database)


def test_init_makes_a_file_that_is_nobody_elses(bare):
    """0600 in a directory 0700, whatever the umask."""
    for name, umask in (("open", 0), ("closed", 0o777)):
        path = bare.home / name / "bangui.db"
        bare.ok("init", "-d", path, umask=umask)

        assert path.stat().st_mode & 0o777 == 0o600
        assert path.parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(
    ("options", "facts"),
    [
        (["--country-code=DE", "--asn=64496", "--org=Example [b]AG[/b]"], "DE Germany, AS64496 Example [b]AG[/b]"),
        (["--country-code=EU"], "EU"),
        (["--asn=64496"], "AS64496"),
        ([], "a failed resolution"),
    ],
)  # fmt: skip
def test_add_says_in_a_sentence_what_it_staged(bangui, options, facts):
    """To a person; a script is told nothing."""
    code, shown = bangui.on_terminal("add", "2001:DB8::1", *options)

    assert (code, shown) == (
        0,
        f"staged 2001:db8::1 ({facts}); the next flush moves it into the cache\n",
    )
    assert bangui.ok("add", "192.0.2.1", *options) == (0, "", "")
