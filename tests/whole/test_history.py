"""Random histories of one database agree with a model of it that fits on a page.

The model knows the contract in other words than the program: the lock as a holder and a time, the
dirty set and the cache as dictionaries, a batch as a slice.
"""

import ipaddress
from collections import Counter
from typing import NamedTuple

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from invariants import check_integrity, check_run, read_entries
from simulation import Machine

from bangui_cli.rules import timestamps
from bangui_cli.rules.entry import Entry

TTL_S = 300
INSTANCES = ("web1", "web2", "web3")
# It lives in a container that has a boot ID of its own.
CONTAINED = "web3"
ADDRESSES = ("10.0.0.1", "10.0.0.2", "192.0.2.7", "198.51.100.9", "2001:db8::1", "2001:db8::2")
DAY_S = 86400
YEAR_S = 365 * DAY_S

TOTALS = "SELECT job_id, runs_total, flushed_total FROM job_state"
BANS = "SELECT ip, banned_at FROM ban_history"
SEEN = "SELECT ip, cached_at, last_seen FROM geo_cache"
LOCK = "SELECT owner, token, heartbeat_boottime, heartbeat_at FROM scheduler_lock"
# What a row cannot be proven fresh with; the time is unreadable, or in the future.
FAULTS = ("heartbeat_timeout = -1", "heartbeat_timeout = NULL", "lease_id = NULL", "token = 0",
          "heartbeat_boottime = 1e12")  # fmt: skip

instances = st.sampled_from(INSTANCES)
statements = st.integers(1, 60)
batches = st.integers(1, 4)
ips = st.sampled_from(ADDRESSES)
ages_s = st.sampled_from([0, 1, 60])
retention_ages_s = st.sampled_from([1, 61, 7200, 2 * DAY_S])
SOME_ENTRY = {
    "ip": ips,
    "country": st.sampled_from([None, "DE", "US"]),
    "asn": st.sampled_from([None, "AS1", "AS2"]),
    "age_s": ages_s,
}
# How BanGUI may write an address, a country and a time.
SPELLINGS = (str, lambda ip: ip.upper(), lambda ip: ipaddress.ip_address(ip).exploded)
TIMES = (
    lambda time: time[:19] + "Z",
    lambda time: time[:19].lower() + "z",
    lambda time: time[:19].replace("T", " "),
    lambda time: time if time < "1974" else str(int(timestamps.to_wall_s(time))),
)


class Held(NamedTuple):
    """A lock that someone has, and when it was refreshed, on each clock."""

    owner: str | None
    boot: tuple[int, bool]
    uptime_s: float
    wall_s: float
    ttl_s: float = TTL_S


def _time_s(entry):
    time = entry.resolved_at
    return float(time) if time.isdigit() else timestamps.to_wall_s(time)


def _better(new, old, knows, now_s):
    """Return which of two entries of one address counts for the half that `knows` asks for."""
    for counts in (knows, lambda entry: _time_s(entry) <= now_s + DAY_S):
        if counts(new) != counts(old):
            return new if counts(new) else old
    return old if _time_s(new) < _time_s(old) else new


def _both(new, old, now_s):
    """Return what two entries of one address come to: two halves, and the newer time of them."""
    if old is None:
        return new
    country = _better(new, old, lambda entry: bool(entry.country_code), now_s)
    network = _better(new, old, lambda entry: bool(entry.asn or entry.org), now_s)
    time = max((new, old), key=lambda entry: (entry in (country, network), _time_s(entry)))
    return Entry(new.ip, *country[1:3], *network[3:5], time.resolved_at)


def _normal(ip):
    return str(ipaddress.ip_address(ip))


def _network(ip):
    return str(ipaddress.ip_network(f"{ip}/{24 if '.' in ip else 32}", strict=False))


def _is_in(text, target):
    inner, outer = map(ipaddress.ip_network, (text, target))
    return inner.version == outer.version and inner.subnet_of(outer)


class History(RuleBasedStateMachine):
    """What instances, BanGUI, time and bad luck do to one database."""

    def __init__(self):
        super().__init__()
        self.machine = Machine().__enter__()
        self.lock, self.token = None, 0
        self.cache, self.dirty = {}, {}
        self.bans = {}
        self.runs, self.flushed, self.names = Counter(), 0, 0
        assert self.machine.run("init").code == 0

    def teardown(self):
        self.machine.__exit__()

    # The model.

    def run(self, *arguments, instance):
        return self.machine.run(*arguments, instance=instance, in_container=instance == CONTAINED)

    def boot_of(self, instance):
        return self.machine.boots, instance == CONTAINED

    def is_fresh(self, instance):
        now, lock = self.machine, self.lock
        if lock.owner is None:
            return -lock.ttl_s <= now.wall_s - lock.wall_s < lock.ttl_s
        starts_s = lock.wall_s - lock.uptime_s, now.wall_s - now.boottime_s
        looks_alike = abs(starts_s[0] - starts_s[1]) <= 5 and now.boottime_s >= lock.uptime_s - 5
        if lock.boot != self.boot_of(instance) and not looks_alike:
            return now.boottime_s < lock.ttl_s
        return -5 <= now.boottime_s - lock.uptime_s < lock.ttl_s

    def expected(self, instance):
        if self.lock is None:
            return "created"
        if self.is_fresh(instance):
            return "refreshed" if self.lock.owner == instance else "held"
        return "reacquired" if self.lock.owner == instance else "taken_over"

    def take(self, instance, job):
        self.token += self.expected(instance) != "refreshed"
        now = self.machine
        self.lock = Held(instance, self.boot_of(instance), now.boottime_s, now.wall_s)
        self.runs[job] += 1

    def move(self, rows):
        for ip in sorted(self.dirty)[:rows]:
            for spelling in self.other_spellings(ip):
                self.put(self.cache, self.cache.pop(spelling)._replace(ip=ip))
            self.put(self.cache, self.dirty.pop(ip))
            self.flushed += 1

    def other_spellings(self, ip):
        return [
            spelling for spelling in sorted(self.cache) if spelling != ip and _normal(spelling) == ip
        ]

    def put(self, place, entry):
        place[entry.ip] = _both(entry, place.get(entry.ip), self.machine.wall_s)

    # What is compared.

    @invariant()
    def database_agrees(self):
        totals = self.machine.rows(TOTALS)
        assert read_entries(self.machine.database) == (self.cache, self.dirty)
        assert Counter({job: runs for job, runs, _ in totals}) == self.runs
        assert dict(self.machine.rows(BANS)) == self.bans
        assert sum(flushed for *_, flushed in totals) == self.flushed
        if self.lock and self.lock.owner:
            columns = "owner, max(token, ?), heartbeat_boottime"
            row = self.machine.rows(f"SELECT {columns} FROM scheduler_lock", self.token)[0]
            assert row == (self.lock.owner, self.token, self.lock.uptime_s)

    def ended(self, outcome, expected, instance):
        """Check how a run of a job ended, against what the model expected of it."""
        check_run(outcome.code, outcome.stderr)
        assert outcome.code == (75 if expected == "held" else 0)
        lock = outcome.json["lock"]
        assert lock["outcome"] == expected
        if expected != "held":
            assert (lock["owner"], lock["token"]) == (instance, self.token)

    # What happens.

    def new_entry(self, ip, country, asn, age_s):
        self.names += 1
        time = timestamps.to_text(max(self.machine.wall_s - age_s, 0))
        return Entry(ip, country, f"name {self.names}", asn, asn and f"org {self.names}", time)

    def add(self, entry):
        options = {"country-code": entry.country_code, "country-name": entry.country_name}
        options |= {"asn": entry.asn, "org": entry.org, "resolved-at": entry.resolved_at}
        given = [f"--{name}={value}" for name, value in options.items() if value]
        return self.machine.run("add", entry.ip, *given)

    @rule(**SOME_ENTRY)
    def stage(self, ip, country, asn, age_s):
        entry = self.new_entry(ip, country, asn, age_s)
        assert self.add(entry).code == 0
        self.put(self.dirty, entry)

    @rule(statement=statements, **SOME_ENTRY)
    def stage_and_die(self, ip, country, asn, age_s, statement):
        entry = self.new_entry(ip, country, asn, age_s)
        self.machine.kill_at(statement)
        if self.add(entry).code == 0 or read_entries(self.machine.database)[1] != self.dirty:
            self.put(self.dirty, entry)

    @rule(ip=ips)
    def look_up(self, ip):
        """Tell before a flush what it would leave."""
        outcome = self.machine.run("lookup", ip, "--json")
        rows = [self.cache[spelling]._replace(ip=ip) for spelling in self.other_spellings(ip)]
        known = None
        for entry in filter(None, [self.cache.get(ip), *rows, self.dirty.get(ip)]):
            known = _both(entry, known, self.machine.wall_s)
        [shown] = outcome.json
        assert outcome.code == (known is None)
        if known:
            code = known.country_code.upper() if known.country_code else None
            assert (shown["country_code"], shown["asn"], shown["org"]) == (code, known.asn, known.org)
            assert timestamps.to_wall_s(shown["resolved_at"]) == pytest.approx(_time_s(known))

    @rule(instance=instances)
    def heartbeat(self, instance):
        expected = self.expected(instance)
        outcome = self.run("heartbeat", "--json", instance=instance)
        if expected != "held":
            self.take(instance, "scheduler_lock_heartbeat")
        self.ended(outcome, expected, instance)

    @rule(instance=instances, batch=batches)
    def flush(self, instance, batch):
        expected, waiting = self.expected(instance), len(self.dirty)
        rehearsed = self.run("flush", "--dry-run", "--json", instance=instance)
        outcome = self.run("flush", "--json", "--batch-size", batch, instance=instance)
        if expected != "held":
            assert [rehearsed.json["flushed"], outcome.json["flushed"]] == [waiting, waiting]
            self.take(instance, "geo_cache_flush")
            self.move(waiting)
        self.ended(outcome, expected, instance)
        assert rehearsed.json["lock"]["outcome"] == expected

    @rule(instance=instances, batch=batches, statement=statements)
    def flush_and_die(self, instance, batch, statement):
        """Keep what a killed run had committed, whole batches of it, and nothing else."""
        self.machine.kill_at(statement)
        outcome = self.run("flush", "--json", "--batch-size", batch, instance=instance)
        self.follow(instance)
        if outcome.code is None:
            check_integrity(self.machine.database)

    def follow(self, instance):
        """Let the model do what a flush has committed, which is told by its counts."""
        if self.has_run():
            assert self.expected(instance) != "held"
            self.take(instance, "geo_cache_flush")
        self.follow_rows()

    def has_run(self, job="geo_cache_flush"):
        runs = {job: runs for job, runs, _ in self.machine.rows(TOTALS)}
        return runs.get(job, 0) > self.runs[job]

    def follow_rows(self):
        left = len(read_entries(self.machine.database)[1])
        self.move(len(self.dirty) - left)

    @rule(instance=instances, other=instances, batch=batches, statement=statements)
    def flush_and_lose_the_lock(self, instance, other, batch, statement):
        """Change nothing more once the other has beaten: the process stood still past its lease."""
        taken_over = []

        def stand_still():
            self.follow(instance)
            self.machine.suspend(TTL_S)
            expected = self.expected(other)
            outcome = self.run("heartbeat", "--json", instance=other)
            if outcome.code == 0:
                self.take(other, "scheduler_lock_heartbeat")
                self.ended(outcome, expected, other)
                taken_over.append(outcome)

        if other == instance:
            return
        self.machine.interrupt_at(statement, stand_still)
        outcome = self.run("flush", "--json", "--batch-size", batch, instance=instance)
        check_run(outcome.code, outcome.stderr)
        if not taken_over and outcome.code == 0:
            self.follow_late(instance)

    def follow_late(self, instance):
        """Do what a flush has committed around a pause, when only its lock row tells."""
        [(owner, token, *clocks_s)] = self.machine.rows(LOCK)
        assert owner == instance
        assert self.token <= token <= self.token + 1
        self.token, self.lock = token, Held(instance, self.boot_of(instance), *clocks_s)
        self.runs["geo_cache_flush"] += self.has_run()
        self.follow_rows()

    @rule(instance=instances, force=st.booleans())
    def release(self, instance, force):
        outcome = self.run("lock", "release", *["--force"] * force, instance=instance)
        refused = self.lock is not None and not force and self.lock.owner != instance
        assert outcome.code == (75 if refused else 0)
        if not refused:
            self.lock = None

    # What is deleted.

    @rule(ip=ips, wide=st.booleans(), age_s=st.sampled_from([0, 60, 3600, 5 * DAY_S]))
    def a_ban_is_recorded(self, ip, wide, age_s):
        target = _network(ip) if wide else ip
        self.bans[target] = timestamps.to_text(max(self.machine.wall_s - age_s, 0))
        with self.machine.open() as connection:
            connection.execute("DELETE FROM ban_history WHERE ip = ?", (target,))
            row = (target, self.bans[target])
            connection.execute("INSERT INTO ban_history VALUES ('web1', 'sshd', ?, ?, 600, 1, 5)", row)

    def old(self, age_s):
        """Return what is older than its age, and nothing that stays refers to: cache, and bans."""
        before = timestamps.to_text(self.machine.wall_s - age_s) if age_s < self.machine.wall_s else ""
        bans = {ip for ip, time in self.bans.items() if time < before}
        needed = {ip.partition("/")[0] for ip in self.bans.keys() - bans} | self.dirty.keys()
        times = {ip: max(map(timestamps.normal_text, seen)) for ip, *seen in self.machine.rows(SEEN)}
        return {ip for ip, time in times.items() if time < before and _normal(ip) not in needed}, bans

    @rule(instance=instances, batch=batches, age_s=retention_ages_s)
    def prune(self, instance, batch, age_s):
        expected, (cached, bans) = self.expected(instance), self.old(age_s)
        ages = ["--cache-age", age_s, "--history-age", age_s]
        rehearsed = self.run("prune", "--dry-run", "--json", *ages, instance=instance)
        outcome = self.run("prune", "--json", "--batch-size", batch, *ages, instance=instance)
        if expected != "held":
            for report in (rehearsed.json, outcome.json):
                assert (report["pruned_cache"], report["pruned_history"]) == (len(cached), len(bans))
            self.take(instance, "geo_cache_cleanup")
            self.lose(cached, bans)
        self.ended(outcome, expected, instance)

    def lose(self, cached, bans):
        self.cache = {ip: entry for ip, entry in self.cache.items() if ip not in cached}
        self.bans = {ip: time for ip, time in self.bans.items() if ip not in bans}

    @rule(instance=instances, batch=batches, age_s=retention_ages_s, statement=statements)
    def prune_and_die(self, instance, batch, age_s, statement):
        """Lose nothing that stays."""
        (cached, bans), ages = self.old(age_s), ["--cache-age", age_s, "--history-age", age_s]
        self.machine.kill_at(statement)
        outcome = self.run("prune", "--json", "--batch-size", batch, *ages, instance=instance)
        if self.has_run("geo_cache_cleanup"):
            self.take(instance, "geo_cache_cleanup")
        left_ips = read_entries(self.machine.database)[0].keys()
        self.lose(cached - left_ips, bans - dict(self.machine.rows(BANS)).keys())
        if outcome.code is None:
            check_integrity(self.machine.database)

    @rule(ip=ips, wide=st.booleans())
    def forget(self, ip, wide):
        target = _network(ip) if wide else ip
        gone = [{known for known in place if _is_in(known, target)} for place in self.known()]
        outcome = self.machine.run("forget", "--json", target, fail2ban_db="/nonexistent")
        told = [outcome.json[key] for key in ("cache", "dirty", "history")]
        assert told == list(map(len, gone))
        self.forgotten(gone)

    def known(self):
        return self.cache, self.dirty, self.bans

    def forgotten(self, gone):
        for place, ips in zip(self.known(), gone, strict=True):
            for ip in ips:
                del place[ip]

    @rule(ip=ips, wide=st.booleans(), statement=statements)
    def forget_and_die(self, ip, wide, statement):
        """Forget it everywhere, or nowhere."""
        target = _network(ip) if wide else ip
        gone = [{known for known in place if _is_in(known, target)} for place in self.known()]
        self.machine.kill_at(statement)
        self.machine.run("forget", target, fail2ban_db="/nonexistent")
        left = read_entries(self.machine.database)
        if any(gone) and (*map(dict.keys, left), dict(self.machine.rows(BANS)).keys()) != tuple(
            map(dict.keys, self.known())
        ):
            self.forgotten(gone)

    # Time.

    @rule(seconds=st.sampled_from([1, 59, TTL_S - 1, TTL_S, TTL_S + 1, 3600, 86400]))
    def time_passes(self, seconds):
        self.machine.pass_time(seconds)

    @rule(seconds=st.sampled_from([-10 * YEAR_S, -3600, -TTL_S, 1, 3600, 10 * YEAR_S]))
    def wall_clock_steps(self, seconds):
        self.machine.set_wall(self.machine.wall_s + seconds)

    @rule()
    def wall_clock_starts_at_1970(self):
        self.machine.set_wall(0)

    @rule(uptime_s=st.sampled_from([5, TTL_S - 1, TTL_S, 5000]))
    def reboot(self, uptime_s):
        self.machine.reboot(uptime_s)

    # Others.

    @rule()
    def bangui_beats(self):
        """BanGUI knows its own columns only, and writes a row where there is none."""
        now_s = self.machine.wall_s + 0.125
        with self.machine.open() as connection:
            connection.execute(
                "INSERT INTO scheduler_lock (id, pid, hostname, created_at, heartbeat_at,"
                " heartbeat_timeout) VALUES (1, 7, 'app', :now_s, :now_s, :ttl_s) ON CONFLICT (id) DO UPDATE"
                " SET pid = 7, hostname = 'app', heartbeat_at = :now_s, heartbeat_timeout = :ttl_s",
                {"now_s": now_s, "ttl_s": TTL_S},
            )
        self.lock = Held(None, self.boot_of(None), 0.0, now_s)

    @rule()
    def bangui_stops(self):
        with self.machine.open() as connection:
            connection.execute("DELETE FROM scheduler_lock")
        self.lock = None

    @rule(
        ip=ips,
        spelling=st.sampled_from(SPELLINGS),
        country=st.sampled_from(["FR", "fr", "", None]),
        asn=st.sampled_from(["AS3", None]),
        form=st.sampled_from(TIMES),
        age_s=ages_s,
    )
    def bangui_caches(self, ip, spelling, country, asn, form, age_s):
        time = form(timestamps.to_text(max(self.machine.wall_s - age_s, 0)))
        entry = Entry(spelling(ip), country, None, asn, None, time)
        with self.machine.open() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO geo_cache (ip, country_code, asn, cached_at) VALUES (?, ?, ?, ?)",
                (entry.ip, country, asn, time),
            )
        self.cache[entry.ip] = entry

    @precondition(lambda self: self.lock and self.lock.owner)
    @rule(fault=st.sampled_from(FAULTS))
    def lock_row_breaks(self, fault):
        with self.machine.open() as connection:
            connection.execute(f"UPDATE scheduler_lock SET {fault}")
        if "boottime" in fault:
            self.lock = self.lock._replace(uptime_s=1e12)
        else:
            self.lock = self.lock._replace(ttl_s=-1)


class TestHistory(History.TestCase):
    """A few histories for every run of the tests."""

    settings = settings(max_examples=15, stateful_step_count=25, derandomize=True)


@pytest.mark.torture
def test_many_long_histories():
    """As many as two minutes hold."""
    run_state_machine_as_test(History, settings=settings(max_examples=300, stateful_step_count=60))
