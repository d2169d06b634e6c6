"""Random lives of a host agree with a model: each ban once, nothing lost, nothing that should be gone.

The model is a dictionary of bans. It knows what fail2ban's tables hold at a look, and what a run that is
killed may have left: of what was to change each part, and nothing else.
"""

import ipaddress
import json

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test
from lives import Host, Key, Value

from bangui_cli.rules import timestamps

DAY_S = 86400
KEPT_S = 30 * DAY_S
SEEN = "SELECT ip, cached_at, last_seen FROM {}geo_cache"

jails = st.sampled_from(["sshd", "web"])
ips = st.sampled_from(["192.0.2.1", "192.0.2.2", "198.51.100.0/24", "198.51.100.7", "2001:db8::1"])
targets = st.sampled_from(["192.0.2.1", "192.0.2.0/24", "198.51.100.0/25", "2001:db8::/32", "0.0.0.0/0"])
instances = st.sampled_from(["web1", "web2"])
bantimes_s = st.sampled_from([-1, 600])
# Some so old that nobody is to remember them, as where fail2ban reads an old log.
ages_s = st.sampled_from([1, 2, 3, DAY_S, 12 * DAY_S, KEPT_S - DAY_S // 2, KEPT_S + DAY_S // 2])
retention_ages_s = st.sampled_from([DAY_S // 2, 10 * DAY_S, KEPT_S])
statements = st.integers(1, 80)
rows_of_bans = st.lists(
    st.tuples(st.sampled_from(["web1", "old"]), jails, ips, ages_s, bantimes_s, st.integers(1, 9)),
    min_size=1, max_size=4,
)  # fmt: skip


def _first(ip):
    return ip.partition("/")[0]


def _is_in(text, target):
    inner, outer = map(ipaddress.ip_network, (text, target))
    return inner.version == outer.version and inner.subnet_of(outer)


def _parse(line):
    """Return a ban as an export tells it."""
    row = json.loads(line)
    return Key(*map(row.get, Key._fields)), Value(*map(row.get, Value._fields))


class Remembering(RuleBasedStateMachine):
    """What fail2ban writes, purges and forgets, what time and an operator do, and the runs of bangui."""

    url = None

    def __init__(self):
        super().__init__()
        self.host = Host(self.url)
        self.history, self.bans = {}, 0
        # Bans of which fail2ban may tell what was told otherwise, or deleted, since.
        self.disputed = set()

    def teardown(self):
        self.host.close()

    # fail2ban.

    @rule(ip=ips, age_s=ages_s, jail=jails, bantime_s=bantimes_s)
    def ban(self, ip, age_s, jail, bantime_s):
        self.bans += 1
        at_s = int(self.host.machine.wall_s - age_s)
        self.host.fail2ban.ban(ip, at_s, jail, bantime=bantime_s, bancount=self.bans)

    @rule(ip=ips, jail=jails)
    def unban(self, ip, jail):
        self.host.fail2ban.unban(ip, jail)

    @rule(age_s=ages_s)
    def purge(self, age_s):
        self.host.fail2ban.purge(self.host.machine.wall_s - age_s)

    @rule()
    def vacuum(self):
        self.host.fail2ban.execute("VACUUM")

    @rule()
    def back_up(self):
        self.host.back_up()

    @precondition(lambda self: self.bans > 3)
    @rule()
    def restore(self):
        """Go back to a backup, which may tell an older value of a ban than is remembered."""
        self.host.restore()
        self.disputed |= self.history.keys()

    @precondition(lambda self: self.bans > 3)
    @rule()
    def make_anew(self):
        self.host.fail2ban.create()

    # Time, and files.

    @precondition(lambda self: self.url is None)
    @rule(seconds=st.sampled_from([1, DAY_S, 9 * DAY_S, 25 * DAY_S]))
    def time_passes(self, seconds):
        self.host.machine.pass_time(seconds)

    @rule(code=st.sampled_from(["DE", "FR"]))
    def get_mmdb(self, code):
        self.host.get_mmdb(code)

    # Runs that come to their end.

    @rule(instance=instances)
    def collect(self, instance):
        may = self.after_collect(instance)
        outcome = self.host.ok(*self.collecting(), "--json", instance=instance, **self.kept())
        found = self.host.history()
        assert outcome.json["recorded"] == len(found.keys() - self.history.keys())
        assert self.is_possible(found, may)
        self.history = found
        if self.host.country:
            needed = {_first(key.ip) for key in found if key.instance == instance}
            assert needed <= self.known()

    def collecting(self):
        return "collect", f"--fail2ban={self.host.fail2ban.path}", *self.host.resolving

    def kept(self):
        return {"history_retention": KEPT_S}

    def after_collect(self, instance):
        """Return what may be told of each ban after a collect; None is that it is not remembered."""
        may = {key: {value} for key, value in self.history.items()}
        oldest = self.host.before(KEPT_S)
        for key, value in self.host.banned(instance).items():
            if key.banned_at >= oldest:
                may[key] = {value} | ({self.history.get(key)} if key in self.disputed else set())
        return may

    def is_possible(self, found, may):
        assert found.keys() <= may.keys()
        return all(found.get(key) in values for key, values in may.items())

    def known(self):
        return self.host.known("geo_cache").keys() | self.host.known("geo_cache_dirty").keys()

    @rule()
    def flush(self):
        known = self.known()
        self.host.ok("flush", "--batch-size", 2)
        assert self.host.known("geo_cache_dirty") == {}
        assert self.host.known("geo_cache").keys() == known

    @rule(ages=st.tuples(retention_ages_s, retention_ages_s), batch_rows=st.integers(1, 4))
    def prune(self, ages, batch_rows):
        kept, old_ips = self.after_prune(*ages)
        cached = self.host.known("geo_cache").keys()
        pruned = self.host.ok(*self.pruning(ages, batch_rows), "--json").json
        left = len(self.history) - len(kept)
        assert (pruned["pruned_cache"], pruned["pruned_history"]) == (len(old_ips), left)
        assert self.host.known("geo_cache").keys() == cached - old_ips
        self.settle(kept)

    def pruning(self, ages, batch_rows):
        return (
            "prune", "--batch-size", batch_rows, "--cache-age", ages[0], "--history-age", ages[1],
        )  # fmt: skip

    def after_prune(self, cache_age_s, history_age_s):
        """Return the bans that stay, and the cached addresses that go."""
        before = self.host.before(history_age_s)
        kept = {key: value for key, value in self.history.items() if key.banned_at >= before}
        needed = {_first(key.ip) for key in kept} | self.host.known("geo_cache_dirty").keys()
        before = self.host.before(cache_age_s)
        seen = {ip: max(filter(None, times)) for ip, *times in self.host.rows(SEEN)}
        return kept, {ip for ip, time in seen.items() if time < before} - needed

    def settle(self, kept):
        """Take note of what is gone: what fail2ban still holds of it may come back."""
        self.disputed |= self.history.keys() - kept.keys()
        self.history = kept

    @rule(network=targets)
    def forget(self, network):
        kept = self.after_forget(network)
        outcome = self.host.ok("forget", network, "--json")
        assert outcome.json["history"] == len(self.history) - len(kept)
        assert self.host.history() == kept
        assert not any(_is_in(ip, network) for ip in self.known())
        # All is read again, also what was pruned too early, or restored.
        self.settle(kept)

    def after_forget(self, network):
        return {key: value for key, value in self.history.items() if not _is_in(key.ip, network)}

    @rule(rows=rows_of_bans)
    def import_history(self, rows):
        path, bans = self.write(rows)
        self.host.ok("import", "--history", path)
        self.history |= bans
        self.disputed |= bans.keys()
        assert self.host.history() == self.history

    def write(self, rows):
        """Write an input; return its path, and its bans."""
        now_s = int(self.host.machine.wall_s)
        bans = {
            Key(instance, jail, ip, timestamps.to_text(now_s - age_s)): Value(*value)
            for instance, jail, ip, age_s, *value in rows
        }
        return self.host.write_lines({**k._asdict(), **v._asdict()} for k, v in bans.items()), bans

    @precondition(lambda self: self.host.country)
    @rule()
    def resolve_cached(self):
        known, cached = self.known(), self.host.known("geo_cache")
        self.host.ok("resolve", "--cached", "--max-age", 0, *self.host.resolving)
        dirty = self.host.known("geo_cache_dirty")
        assert dirty.keys() >= cached.keys()
        assert {dirty[ip] for ip in cached if self.host.is_known(ip)} <= {self.host.country}
        assert self.known() == known

    # What is told.

    @rule()
    def hand_over(self):
        """Compare what another database tells once it has taken all in."""
        self.host.empty_other()
        for what, how in (("cache", []), ("history", ["--history"])):
            lines = self.host.ok("export", what).stdout
            path = self.host.write_text(lines)
            self.host.ok("import", *how, path, database_path=self.host.other)
            again = self.host.ok("export", what, database_path=self.host.other).stdout
            assert again == lines
        assert dict(map(_parse, lines.splitlines())) == self.history

    # Runs that die.

    @precondition(lambda self: self.url is None)
    @rule(instance=instances, statement=statements)
    def collect_and_die(self, instance, statement):
        may = self.after_collect(instance)
        for key, value in self.history.items():
            may[key].add(value)
        may |= {key: values | {None} for key, values in may.items() if key not in self.history}
        self.die(statement, *self.collecting(), instance=instance, **self.kept())
        found = self.host.history()
        assert self.is_possible(found, may)
        self.history = found

    @precondition(lambda self: self.url is None)
    @rule(age_s=retention_ages_s, batch_rows=st.integers(1, 4), statement=statements)
    def prune_and_die(self, age_s, batch_rows, statement):
        kept, old_ips = self.after_prune(age_s, age_s)
        known = self.known()
        self.die(statement, *self.pruning((age_s, age_s), batch_rows))
        found = self.host.history()
        assert kept.items() <= found.items() <= self.history.items()
        assert known - old_ips <= self.known() <= known
        self.settle(found)

    @precondition(lambda self: self.url is None)
    @rule(network=targets, statement=statements)
    def forget_and_die(self, network, statement):
        before, kept = (self.history, self.known()), self.after_forget(network)
        gone = {ip for ip in before[1] if _is_in(ip, network)}
        self.die(statement, "forget", network)
        found = self.host.history(), self.known()
        assert found in (before, (kept, before[1] - gone))
        self.settle(found[0])

    @precondition(lambda self: self.url is None)
    @rule(rows=rows_of_bans, statement=statements)
    def import_and_die(self, rows, statement):
        path, bans = self.write(rows)
        self.die(statement, "import", "--history", path)
        found = self.host.history()
        assert self.history.keys() <= found.keys() <= self.history.keys() | bans.keys()
        assert all(value in (self.history.get(key), bans.get(key)) for key, value in found.items())
        self.disputed |= bans.keys()
        self.history = found

    @precondition(lambda self: self.url is None)
    @rule(statement=statements)
    def flush_and_die(self, statement):
        known = self.known()
        self.die(statement, "flush", "--batch-size", 2)
        assert self.known() == known

    def die(self, statement, *command, **settings):
        self.host.machine.kill_at(statement)
        self.host.run(*command, **settings)
        self.host.check()


def test_random_histories_of_bans():
    """Each ban once, with its later values, whatever happens to either database."""
    run_state_machine_as_test(
        Remembering, settings=settings(max_examples=15, stateful_step_count=30, derandomize=True)
    )


def test_random_histories_of_bans_on_a_server(server):
    """The same, on the other engine."""

    class OnServer(Remembering):
        @property
        def url(self):
            return self._url

        def __init__(self):
            self._url = server.make_database()
            super().__init__()

    run_state_machine_as_test(
        OnServer, settings=settings(max_examples=4, stateful_step_count=30, derandomize=True)
    )


@pytest.mark.torture
def test_many_random_histories_of_bans():
    """As many as some minutes hold, each time others."""
    run_state_machine_as_test(Remembering, settings=settings(max_examples=500, stateful_step_count=50))
