"""`bangui resolve`: addresses from anywhere become staged entries."""

import io
import os
import signal
import sqlite3
import subprocess
import time
from datetime import UTC, datetime

import geoip
import pytest
from freezegun import freeze_time
from hypothesis import given
from hypothesis import strategies as st

from bangui_cli.resolving import addresses

DAY_S = 86400


def write_country(path, built_s):
    """Write a country file, made at that time, that knows 192.0.2.0/24 and 2001:db8::/32."""
    germany, france = geoip.country("DE", "Germany"), geoip.country("FR", "France")
    with freeze_time(datetime.fromtimestamp(built_s, UTC)):
        geoip.write_mmdb(path, {"192.0.2.0/24": germany, "2001:db8::/32": france})
    os.utime(path, (built_s, built_s))
    return path


@pytest.fixture
def country(tmp_path):
    """Make a country file some days ago."""
    return write_country(tmp_path / "country.mmdb", time.time() - 9 * DAY_S)


@pytest.fixture
def asn(tmp_path):
    """Make an ASN file that knows 192.0.2.0/25 and 198.51.100.0/24."""
    record = geoip.asn(64496, "Example AG")
    return geoip.write_mmdb(tmp_path / "asn.mmdb", {"192.0.2.0/25": record, "198.51.100.0/24": record})


def staged(bangui):
    query = "SELECT ip, country_code, country_name, asn, org FROM geo_cache_dirty ORDER BY ip"
    return bangui.rows(query)


def test_a_timeout_that_would_bound_nothing_is_refused(bangui, country):
    """It is that of the job; who gives it elsewhere counts on it."""
    ended = bangui.run("resolve", "192.0.2.1", "--geoip-db", country, "--timeout", "5")

    assert (ended.code, ended.events[-1]["error"]) == (2, "--timeout is for --cached alone")
    assert staged(bangui) == []
    bangui.ok("resolve", "192.0.2.1", "--geoip-db", country, env={"BANGUI_RE_RESOLVE_TIMEOUT": "5"})


def test_addresses_are_staged_with_what_all_files_know(bangui, country, asn):
    """Country and ASN come from different files; what no file knows is staged without a country."""
    bangui.ok(
        "resolve", "192.0.2.1", "2001:DB8::1", "203.0.113.9", "--geoip-db", country, "--geoip-db", asn
    )

    assert staged(bangui) == [
        ("192.0.2.1", "DE", "Germany", "AS64496", "Example AG"),
        ("2001:db8::1", "FR", "France", None, None),
        ("203.0.113.9", None, None, None, None),
    ]


def test_of_two_files_the_first_that_knows_counts(bangui, country, tmp_path):
    """The order of --geoip-db is the order of trust."""
    other = geoip.write_mmdb(tmp_path / "o.mmdb", {"192.0.2.0/23": geoip.country("NL", "Netherlands")})

    bangui.ok("resolve", "192.0.2.1", "192.0.3.1", "--geoip-db", country, "--geoip-db", other)

    assert [row[1] for row in staged(bangui)] == ["DE", "NL"]


def test_the_summary_counts_every_address_once(bangui, country):
    """Read = staged + rejected + skipped + fresh; staged = resolved + unresolved."""
    ended = bangui.run(
        "resolve", "192.0.2.1", "203.0.113.9", "192.0.2.0/24", "--json", "--geoip-db", country
    )

    assert ended.json.items() >= {
        "read": 3, "staged": 2, "rejected": 1, "skipped": 0, "fresh": 0, "resolved": 1, "unresolved": 1,
    }.items()  # fmt: skip


def test_what_was_found_is_told_with_the_files_that_say_it(bangui, country, asn):
    """Of the addresses that were named, not of those that came by the thousands."""
    options = ["--json", "--geoip-db", asn, "--geoip-db", country]
    ended = bangui.ok(
        "resolve", "192.0.2.1", "203.0.113.9", "2001:DB8::1", "-", *options, input="192.0.2.2"
    )
    unknown = {"country_code": None, "country_name": None, "asn": None, "org": None}

    assert ended.json["staged"] == 4
    assert ended.json["addresses"] == [
        {
            "ip": "192.0.2.1", "country_code": "DE", "country_name": "Germany", "asn": "AS64496",
            "org": "Example AG", "files": [str(country), str(asn)],
        },
        {"ip": "203.0.113.9", **unknown, "files": []},
        {"ip": "2001:db8::1", **unknown, "country_code": "FR", "country_name": "France", "files": [str(country)]},
    ]  # fmt: skip


def test_json_has_two_names(bangui, country):
    """--json is what --format json is."""
    command = ["resolve", "192.0.2.1", "--geoip-db", country]

    assert bangui.ok(*command, "--json").json == bangui.ok(*command, "--format", "json").json


def test_a_rejected_address_is_told_and_the_others_are_kept(bangui, country):
    """Exit 65 after the work, an event for each with its place and reason."""
    ended = bangui.run("resolve", "192.0.2.1", "host.example", "fe80::1%eth0", "--geoip-db", country)

    assert ended.code == 65
    assert ended.event_names == ["import_row_rejected", "import_row_rejected", "command_failed"]
    assert [(event["line"], event["address"], event["reason"]) for event in ended.events[:2]] == [
        (2, "host.example", "not an IP address"),
        (3, "fe80::/48%eth0", "an address with a zone ID"),
    ]
    assert "2 of 3 addresses were rejected" in ended.events[-1]["error"]
    assert len(staged(bangui)) == 1


def test_what_was_typed_is_shown_as_typed_on_that_terminal_alone(bangui, country):
    """In a log it is masked, as every address is."""
    command = ["resolve", "192.0.2.77/32", "--geoip-db", country]
    code, shown = bangui.on_terminal(*command)
    logged = bangui.run(*command).stderr

    assert code == 65
    assert "192.0.2.77/32" in shown
    assert "1 of 1 address was rejected" in shown
    assert "192.0.2.77" not in logged
    assert "192.0.2.0/24" in logged


def test_stdin_gives_addresses_between_blanks(bangui, country):
    """Comments are passed over; an endless word is one rejected address, told by its line."""
    lines = ["\ufeff192.0.2.1 192.0.2.4\t192.0.2.5", "", "# a comment 192.0.2.9", "  2001:db8::2  # 192.0.2.9",
             "x" * 100_000, "192.0.2.3"]  # fmt: skip

    ended = bangui.run("resolve", "-", "--json", "--geoip-db", country, input="\n".join(lines))

    assert [row[0] for row in staged(bangui)] == [
        "192.0.2.1", "192.0.2.3", "192.0.2.4", "192.0.2.5", "2001:db8::2",
    ]  # fmt: skip
    assert (ended.json["read"], ended.json["rejected"]) == (6, 1)
    assert ended.events[0]["line"] == 5


blanks = st.sampled_from([" ", "\t", "\n", "\r\n", "  \n\n ", " \v\f ", " # 192.0.2.1 comment\n", "#\n"])
written = st.lists(st.tuples(st.sampled_from(["a", "bb", "x" * 5000]), blanks))


@given(written, st.integers(1, 9))
def test_words_are_those_between_blanks_wherever_a_line_is_cut(parts, piece_bytes):
    """The number is that of the line; what is longer than any address is cut."""
    wanted, line, content = [], 1, ""
    for word, blank in parts:
        wanted.append((line, word))
        content += word + blank
        line += blank.count("\n")

    found = list(addresses.words(io.BytesIO(content.encode()), piece_bytes))

    def cut(words):
        return [(number, word[:4096]) for number, word in words]

    assert cut(wanted) == cut(found)


def test_success_is_silent_where_nobody_watches(bangui, country):
    """A crontab line mails nothing."""
    ended = bangui.ok("resolve", "192.0.2.1", "--geoip-db", country)

    assert (ended.stdout, ended.stderr) == ("", "")


def test_the_addresses_of_fail2ban_are_resolved(bangui, country, tmp_path):
    """Those of its history and those whose ban is all that is left of them, each once."""
    now = int(time.time())
    path = geoip.write_fail2ban(
        tmp_path / "f2b.sqlite3",
        [("sshd", "192.0.2.1", now, 600), ("web", "192.0.2.1", now, 600)],
        [("sshd", "2001:db8::1", now - 400 * DAY_S, -1)],
    )

    ended = bangui.ok("resolve", "--fail2ban", path, "--json", "--geoip-db", country)

    assert [row[:2] for row in staged(bangui)] == [("192.0.2.1", "DE"), ("2001:db8::1", "FR")]
    assert ended.json["read"] == 2


HOSTILE = ["198.51.100.0/33", "", "host.example", "'; DROP TABLE bans; --", "\x1b[2J", "x" * 100_000, None, 7,
           b"\xff\xfe", "1.2.3", "fe80::1%eth0", "::ffff:999.1.1.1"]  # fmt: skip


def test_nonsense_in_fail2bans_table_is_skipped(bangui, country, tmp_path):
    """It is counted, and no failure: an attacker chooses host names."""
    bans = [("sshd", ip, 1, 600) for ip in [*HOSTILE, "192.0.2.1"]]
    path = geoip.write_fail2ban(tmp_path / "f2b.sqlite3", bans)

    ended = bangui.ok("resolve", "--fail2ban", path, "--json", "--geoip-db", country)

    assert (ended.json["skipped"], ended.json["staged"]) == (len(HOSTILE), 1)
    assert ended.stderr == ""


def test_a_network_that_is_banned_is_looked_up_by_its_first_address(bangui, country, tmp_path):
    """Each address once, in whatever forms it is banned."""
    bans = [
        ("sshd", ip, 1, 600) for ip in ("192.0.2.7/24", "192.0.2.0", "192.0.2.0/32", "2001:DB8::/32")
    ]
    path = geoip.write_fail2ban(tmp_path / "f2b.sqlite3", bans)

    ended = bangui.ok("resolve", "--fail2ban", path, "--json", "--geoip-db", country)

    assert [row[:2] for row in staged(bangui)] == [("192.0.2.0", "DE"), ("2001:db8::", "FR")]
    assert (ended.json["read"], ended.json["skipped"], ended.json["staged"]) == (2, 0, 2)


@pytest.mark.parametrize("flushed", [False, True])
def test_max_age_decides_what_of_fail2ban_is_asked_again(bangui, country, tmp_path, flushed):
    """What was resolved within it is fresh, whether it is cached or still dirty; what is older is not."""
    now = time.time()
    for ip, age_days in (("192.0.2.1", 5), ("192.0.2.2", 40)):
        resolved_at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now - age_days * DAY_S))
        bangui.ok("add", ip, "--country-code", "SE", "--resolved-at", resolved_at)
    if flushed:
        bangui.ok("flush")
    bans = [("sshd", f"192.0.2.{n}", int(now), 600) for n in (1, 2, 3)]
    path = geoip.write_fail2ban(tmp_path / "f2b.sqlite3", bans)

    default = bangui.ok("resolve", "--fail2ban", path, "--json", "--geoip-db", country)
    shorter = bangui.ok(
        "resolve", "--fail2ban", path, "--max-age", "3d", "--json", "--geoip-db", country
    )

    assert (default.json["fresh"], default.json["staged"]) == (1, 2)
    assert (shorter.json["fresh"], shorter.json["staged"]) == (2, 1)


@pytest.mark.parametrize(
    ("resolved_days", "file_days", "asked"),
    [(0.5, 10, False), (1.1, 10, True), (0.5, 0.4, True), (0.5, 0.6, False)],
)
def test_a_failed_resolution_is_soon_asked_for_again(bangui, tmp_path, resolved_days, file_days, asked):
    """After a day, or once a file is newer: another month without a country would help nobody."""
    now = time.time()
    country = write_country(tmp_path / "country.mmdb", built_s=now - file_days * DAY_S)
    bangui.ok("add", "192.0.2.1", "--asn", "1", "--resolved-at", f"{now - resolved_days * DAY_S:.0f}")
    bangui.ok("add", "192.0.2.2", "--country-code", "DE", "--resolved-at", f"{now - 2 * DAY_S:.0f}")
    bans = [("sshd", f"192.0.2.{n}", int(now), 600) for n in (1, 2)]
    path = geoip.write_fail2ban(tmp_path / "f2b.sqlite3", bans)

    ended = bangui.ok("resolve", "--fail2ban", path, "--json", "--geoip-db", country)

    assert (ended.json["fresh"], ended.json["staged"]) == ((1, 1) if asked else (2, 0))


def test_max_age_0_looks_everything_up(bangui, country, tmp_path):
    """Also what a clock that was wrong has resolved in the future."""
    now = time.time()
    bangui.ok("add", "192.0.2.1", "--country-code", "DE")
    bangui.ok("add", "192.0.2.2", "--country-code", "DE", "--resolved-at", f"{now + DAY_S / 2:.0f}")
    bans = [("sshd", f"192.0.2.{n}", int(now), 600) for n in (1, 2)]
    path = geoip.write_fail2ban(tmp_path / "f2b.sqlite3", bans)
    command = ["resolve", "--fail2ban", path, "--max-age", "0", "--json", "--geoip-db", country]

    assert bangui.ok(*command).json["staged"] == 2


def test_files_that_know_no_country_are_told_once(bangui, asn, country):
    """All would be staged without a country, and nobody told why the report is empty."""
    alone = bangui.ok("resolve", "192.0.2.1", "192.0.2.2", "--geoip-db", asn)
    both = bangui.ok("resolve", "192.0.2.1", "--geoip-db", asn, "--geoip-db", country)

    assert alone.event_names == ["geoip_without_countries"]
    assert alone.events[0]["files"] == [str(asn)]
    assert both.stderr == ""


def test_an_address_that_is_given_is_looked_up_however_fresh_it_is(bangui, country):
    """--max-age is for fail2ban's addresses: who names one wants it resolved."""
    bangui.ok("add", "192.0.2.1", "--country-code", "XX")

    bangui.ok("resolve", "192.0.2.1", "--geoip-db", country)

    assert staged(bangui)[0][1] == "DE"


@pytest.mark.parametrize("arguments", [["--fail2ban", "192.0.2.1"], ["192.0.2.1", "--fail2ban"]])
def test_an_address_after_fail2ban_is_an_address(bangui, country, tmp_path, arguments):
    """The optional path of --fail2ban does not swallow it."""
    path = geoip.write_fail2ban(tmp_path / "f2b.sqlite3", [("sshd", "192.0.2.9", 1, 600)])

    bangui.ok("resolve", *arguments, "--geoip-db", country, env={"BANGUI_FAIL2BAN_DB": str(path)})

    assert [row[0] for row in staged(bangui)] == ["192.0.2.1", "192.0.2.9"]


def test_stdin_after_fail2ban_is_stdin(bangui, country, tmp_path):
    """So is the - for it."""
    path = geoip.write_fail2ban(tmp_path / "f2b.sqlite3", [("sshd", "192.0.2.9", 1, 600)])
    environment = {"BANGUI_FAIL2BAN_DB": str(path)}

    bangui.ok("resolve", "--fail2ban", "-", "--geoip-db", country, env=environment, input="192.0.2.1\n")

    assert [row[0] for row in staged(bangui)] == ["192.0.2.1", "192.0.2.9"]


def test_the_files_may_be_set_once_and_for_all(bangui, country, asn):
    """The setting takes several, with colons in the variable; the option overrides it."""
    environment = {"BANGUI_GEOIP_DB_PATH": f"{country}:{asn}"}

    bangui.ok("resolve", "192.0.2.1", env=environment)
    bangui.ok("resolve", "192.0.2.2", "--geoip-db", country, env=environment)

    assert [row[3] for row in staged(bangui)] == ["AS64496", None]


def test_the_country_of_registration_may_count(bangui, tmp_path):
    """Where the setting says so; without it the address is unresolved."""
    record = {"registered_country": {"iso_code": "US", "names": {"en": "United States"}}}
    anycast = geoip.write_mmdb(tmp_path / "anycast.mmdb", {"192.0.2.0/24": record})
    command = ["resolve", "192.0.2.1", "--geoip-db", anycast, "--json"]

    assert bangui.ok(*command).json["unresolved"] == 1
    assert bangui.ok(*command, env={"BANGUI_GEOIP_REGISTERED": "true"}).json["resolved"] == 1
    assert staged(bangui) == [("192.0.2.1", "US", "United States", None, None)]


@pytest.mark.parametrize(
    ("options", "code"),
    [(["\udcff"], 65), (["192.0.2.1", "--geoip-db", "\udcff"], 66), (["--fail2ban=\udcff"], 66),
     (["-", "--max-age", "\udcff"], 2), (["-", "--format", "\udcff"], 2), (["-", "-d", "\udcff"], 66)],
)  # fmt: skip
def test_bytes_that_are_no_utf_8_are_an_ordinary_mistake(bangui, country, options, code):
    """A shell can give any; they end as an address, a file or a value that is none."""
    ended = bangui.run("resolve", *options, env={"BANGUI_GEOIP_DB_PATH": str(country)})

    assert ended.code == code
    assert "traceback" not in ended.stderr.lower()


def test_nothing_to_resolve_is_wrong_usage(bangui):
    """Without addresses, - and --fail2ban there is nothing to do."""
    assert bangui.run("resolve").code == 2


def test_no_addresses_in_what_was_given_is_nothing_to_do(bangui, country):
    """An empty list, as a pipe may give, is no failure."""
    assert bangui.ok("resolve", "-", "--json", "--geoip-db", country, input="").json["read"] == 0


def test_a_file_of_another_kind_is_refused(bangui, country, tmp_path):
    """Where it was asked for, it is a mistake: it would never resolve anything."""
    other = geoip.write_mmdb(tmp_path / "anonymous.mmdb", {"192.0.2.0/24": {"is_anonymous": True}})

    ended = bangui.run("resolve", "192.0.2.1", "--geoip-db", country, "--geoip-db", other)

    assert (ended.code, staged(bangui)) == (65, [])
    assert f"{other} holds neither countries nor ASNs" in ended.events[0]["error"]


def test_a_missing_file_is_no_input(bangui, tmp_path):
    """66, and the path."""
    ended = bangui.run("resolve", "192.0.2.1", "--geoip-db", tmp_path / "none.mmdb")

    assert ended.code == 66
    assert "none.mmdb" in ended.events[0]["error"]


def test_a_damaged_file_ends_the_run_and_not_the_process(bangui, tmp_path):
    """The one event says which file, and the exit code is an ordinary 65."""
    path = tmp_path / "damaged.mmdb"
    content = (geoip.MAXMIND / "GeoIP2-City-Test.mmdb").read_bytes()
    path.write_bytes(content[:11_000] + b"\xff" * 9000 + content[20_000:])

    ended = bangui.run("resolve", "192.0.2.1", "--geoip-db", path)

    assert ended.code == 65
    assert ended.event_names == ["command_failed"]
    assert str(path) in ended.events[0]["error"]


def test_a_terminal_gets_what_was_found_and_one_line_of_what_was_done(bangui, country):
    """No bar for what takes no time; an address is shown as it was typed."""
    code, shown = bangui.on_terminal("resolve", "2001:DB8::1", "203.0.113.9", "--geoip-db", country)
    _, single = bangui.on_terminal("resolve", "192.0.2.1", "--geoip-db", country)

    assert (code, shown.splitlines()) == (
        0,
        [
            f"2001:DB8::1: FR France ({country})",
            "203.0.113.9: unknown",
            "staged 2 addresses, 1 with a country",
        ],
    )
    assert single.endswith("staged 1 address, 1 with a country\n")


def test_who_asks_for_errors_alone_gets_the_answers_and_no_more(bangui, country):
    """What was found was asked for; what was done was not."""
    _, shown = bangui.on_terminal("resolve", "192.0.2.1", "--geoip-db", country, "-q")

    assert shown == f"192.0.2.1: DE Germany ({country})\n"


def test_long_work_shows_how_far_it_is(bangui, country, tmp_path):
    """A bar on a terminal, which is gone at the end."""
    lines = (f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}\n" for n in range(250_000))
    (tmp_path / "addresses").write_text("".join(lines))
    with (tmp_path / "addresses").open() as addresses:
        code, shown = bangui.on_terminal("resolve", "-", "--geoip-db", country, stdin=addresses)

    assert code == 0
    assert "resolving" in shown
    assert shown.endswith("staged 250,000 addresses, 0 with a country\n")


def test_an_interrupted_run_ends_as_the_signal_says(bangui, country):
    """Ctrl-C while it waits for more of stdin is told in one event, with its exit code."""
    process = bangui.start("resolve", "-", "--geoip-db", country, stdin=subprocess.PIPE)
    process.stdin.write("nonsense\n")
    process.stdin.flush()
    process.stderr.readline()
    process.send_signal(signal.SIGINT)
    ended = bangui.end(process)

    assert ended.code == 130
    assert [event["exit_code"] for event in ended.events] == [130]


def test_what_is_missing_is_told_before_anything_is_staged(bangui, country, tmp_path):
    """A wrong path of fail2ban's database costs no work on the other addresses."""
    ended = bangui.run("resolve", "192.0.2.1", f"--fail2ban={tmp_path}/none", "--geoip-db", country)

    assert (ended.code, staged(bangui)) == (66, [])


class TestFail2banDatabase:
    """fail2ban's own database in every bad state."""

    def run(self, bangui, country, path):
        ended = bangui.run("resolve", f"--fail2ban={path}", "--geoip-db", country)
        assert ended.event_names == ["command_failed"]
        assert str(path) in ended.events[0]["error"]
        return ended.code

    def test_missing_is_no_input(self, bangui, country, tmp_path):
        """66, and the file is not created."""
        path = tmp_path / "none.sqlite3"

        assert self.run(bangui, country, path) == 66
        assert not path.exists()

    def test_locked_is_try_later(self, bangui, country, tmp_path):
        """75 after a short wait: a writer of fail2ban's holds it for moments only."""
        path = geoip.write_fail2ban(tmp_path / "f2b.sqlite3", [("sshd", "192.0.2.9", 1, 600)])
        holder = sqlite3.connect(path, isolation_level=None)
        holder.execute("BEGIN EXCLUSIVE")

        assert self.run(bangui, country, path) == 75
        holder.close()

    def test_damaged_is_bad_data(self, bangui, country, tmp_path):
        """65 for pages of rubbish, and for what is no database at all."""
        path = geoip.write_fail2ban(
            tmp_path / "f2b.sqlite3", [("sshd", f"192.0.2.{n}", 1, 600) for n in range(250)] * 20
        )
        content = path.read_bytes()
        path.write_bytes(content[:8192] + b"\xa5" * (len(content) - 8192))
        assert self.run(bangui, country, path) == 65

        path.write_bytes(b"rubbish" * 1000)
        assert self.run(bangui, country, path) == 65

    def test_a_database_of_another_program_is_bad_data(self, bangui, country, tmp_path):
        """65: a wrong path is the likeliest mistake."""
        path = tmp_path / "other.sqlite3"
        with sqlite3.connect(path) as connection:
            connection.execute("CREATE TABLE bans (x)")
        connection.close()

        assert self.run(bangui, country, path) == 65

    def test_what_is_no_file_is_bad_data(self, bangui, country, tmp_path):
        """65 for a directory, and for a pipe without waiting for its writer."""
        os.mkfifo(tmp_path / "pipe")

        assert self.run(bangui, country, tmp_path) == 65
        assert self.run(bangui, country, tmp_path / "pipe") == 65

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
    def test_unreadable_is_a_matter_of_permission(self, bangui, country, tmp_path):
        """77: the file is root's, 0600."""
        path = geoip.write_fail2ban(tmp_path / "f2b.sqlite3", [("sshd", "192.0.2.9", 1, 600)])
        path.chmod(0)

        assert self.run(bangui, country, path) == 77

    def test_a_hot_journal_is_left_to_fail2ban(self, bangui, country, tmp_path):
        """69: only the server may roll back what it left half-done; nothing is touched."""
        path = geoip.write_fail2ban(tmp_path / "f2b.sqlite3", [("sshd", "192.0.2.9", 1, 600)])
        writer = sqlite3.connect(path, isolation_level=None)
        writer.execute("PRAGMA cache_size = 1")
        writer.execute("BEGIN")
        rows = [("sshd", "192.0.2.8", 1, 600)] * 5000
        writer.executemany("INSERT INTO bans (jail, ip, timeofban, bantime) VALUES (?, ?, ?, ?)", rows)
        half_done = tmp_path / "half.sqlite3"
        journal = tmp_path / "half.sqlite3-journal"
        half_done.write_bytes(path.read_bytes())
        journal.write_bytes((tmp_path / "f2b.sqlite3-journal").read_bytes())
        before = half_done.read_bytes()

        assert self.run(bangui, country, half_done) == 69
        assert half_done.read_bytes() == before
        assert journal.exists()
        writer.close()
