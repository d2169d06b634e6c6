"""Random histories of fail2ban and of collects agree with a model: what was in its tables at a look."""

from fail2bans import Fail2banDatabase
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test
from invariants import check_integrity, check_run
from simulation import Machine

from bangui_cli.rules import timestamps

OURS = "SELECT jail, ip, banned_at, bancount FROM ban_history WHERE instance = ?"
THEIRS = "SELECT jail, ip, timeofban, bancount FROM {} ORDER BY rowid"

jails = st.sampled_from(["sshd", "web"])
ips = st.sampled_from(["192.0.2.1", "192.0.2.2", "198.51.100.0/24", "2001:db8::1"])
times_s = st.integers(1, 6).map(lambda number: 1_700_000_000 + number)
instances = st.sampled_from(["web1", "web2"])


class Remembering(RuleBasedStateMachine):
    """What fail2ban writes, purges and forgets, and runs that read it, come to their end or do not."""

    def __init__(self):
        super().__init__()
        self.machine = Machine().__enter__()
        assert self.machine.run("init").code == 0
        self.fail2ban = Fail2banDatabase(self.machine.home / "fail2ban.sqlite3")
        self.remembered = {"web1": {}, "web2": {}}
        self.bans = 0

    def teardown(self):
        self.machine.__exit__()

    def tables(self):
        """Return what fail2ban's tables tell, the later of two rows of one ban."""
        connection = self.fail2ban.connect()
        rows = [row for table in ("bips", "bans") for row in connection.execute(THEIRS.format(table))]
        connection.close()
        return {(jail, ip, timestamps.to_text(at_s)): count for jail, ip, at_s, count in rows}

    def ours(self, instance):
        return {tuple(key): count for *key, count in self.machine.rows(OURS, instance)}

    def run(self, instance):
        return self.machine.run(
            "collect", f"--fail2ban={self.fail2ban.path}", "--no-resolve", "--json",
            instance=instance, history_retention="never",
        )  # fmt: skip

    @rule(ip=ips, at_s=times_s, jail=jails)
    def ban(self, ip, at_s, jail):
        self.bans += 1
        self.fail2ban.ban(ip, at_s, jail, bantime=-1, bancount=self.bans)

    @rule(ip=ips, jail=jails)
    def unban(self, ip, jail):
        self.fail2ban.unban(ip, jail)

    @rule(before_s=times_s)
    def purge(self, before_s):
        self.fail2ban.purge(before_s)

    @rule()
    def vacuum(self):
        self.fail2ban.execute("VACUUM")

    @precondition(lambda self: self.bans > 3)
    @rule()
    def make_anew(self):
        self.fail2ban.create()

    @rule(instance=instances)
    def collect(self, instance):
        new = self.tables()
        outcome = self.run(instance)
        check_run(outcome.code, outcome.stderr)
        recorded = len(new.keys() - self.remembered[instance].keys())
        self.remembered[instance] |= new

        assert (outcome.code, outcome.json["recorded"]) == (0, recorded)
        assert self.ours(instance) == self.remembered[instance]

    @rule(instance=instances, statement=st.integers(1, 60))
    def collect_and_die(self, instance, statement):
        self.machine.kill_at(statement)
        self.run(instance)
        before, possible, after = self.remembered[instance], self.tables(), self.ours(instance)
        self.remembered[instance] = after

        check_integrity(self.machine.database)
        assert before.keys() <= after.keys()
        assert all(count in (before.get(key), possible.get(key)) for key, count in after.items())


def test_random_histories_of_bans():
    """Each ban once, with its later values, whatever happens to either database."""
    run_state_machine_as_test(Remembering, settings=settings(max_examples=60, stateful_step_count=30))
