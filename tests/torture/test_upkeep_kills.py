"""Whatever moment `kill -9` finds what deletes or takes back: what stays is there, each ban once."""

import random
import sys
import time

import pytest
from invariants import check_integrity
from kills import count_writes, killed, killed_at_call
from workload import SMALL_BATCHES, needs_strace

KILLS = 60
FEW_AND_MANY = (3, pytest.param(KILLS, marks=pytest.mark.torture))
# So few that each write can be counted, and so many that a run takes its time.
FEW_ROWS, MANY_ROWS = 120, 3000
SMALL = [sys.executable, "-c", SMALL_BATCHES]

NUMBERS = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :rows)"
IP = "'10.0.' || (i >> 8) || '.' || (i & 255)"
OLD, LATER = "2020-01-01T00:00:00.000Z", "2120-01-01T00:00:00.000Z"
# Of each four addresses the first and third are of no use any more: an old ban, or none. The second is
# old, and kept for a ban that stays; the fourth is kept for its own sake.
CACHE = f"""{NUMBERS}
INSERT INTO geo_cache (ip, country_code, cached_at)
SELECT {IP}, 'DE', iif(i % 4, '{OLD}', '{LATER}') FROM n"""
BANS = f"""{NUMBERS}
INSERT INTO ban_history
SELECT 'web1', 'sshd', {IP}, iif(i % 4 = 1, '{OLD}', '{LATER}'), 600, 1, 5 FROM n WHERE i % 4 < 3"""
DIRTY = f"INSERT INTO geo_cache_dirty (ip, resolved_at) SELECT ip, '{OLD}' FROM geo_cache"
TABLES = ("geo_cache", "geo_cache_dirty", "ban_history")


def _ips(bangui, table):
    return {ip for (ip,) in bangui.rows(f"SELECT ip FROM {table}")}


def _fill(bangui, rows):
    for table in TABLES:
        bangui.execute(f"DELETE FROM {table}")
    bangui.execute(CACHE, rows=rows)
    bangui.execute(BANS, rows=rows)


class Pruned:
    """What a prune has to leave, and what it may."""

    def __init__(self, bangui, rows):
        self.bangui, self.rows = bangui, rows
        numbers = range(1, rows + 1)
        self.kept, self.old_cached, self.old_bans = (
            {f"10.0.{i >> 8}.{i & 255}" for i in numbers if i % 4 in which}
            for which in ((0, 2), (1, 3), (1,))
        )

    def fill(self):
        _fill(self.bangui, self.rows)

    def check(self):
        """Check what a killed prune has left; return whether that is a part. Let it go on from there."""
        check_integrity(self.bangui.database)
        cached, bans = self._found()
        assert self.kept <= cached <= self.kept | self.old_cached
        assert self.kept <= bans <= self.kept | self.old_bans
        left = len(cached | bans) - len(self.kept)
        self.bangui.ok("prune")
        assert self._found() == (self.kept, self.kept)
        return 0 < left < len(self.old_cached)

    def _found(self):
        return _ips(self.bangui, "geo_cache"), _ips(self.bangui, "ban_history")


class Forgotten:
    """What is known before and after a forget, and nothing in between."""

    command = ("forget", "10.0.0.0/17", "10.0.0.1", "10.0.128.1")

    def __init__(self, bangui, rows):
        self.bangui, self.rows = bangui, rows
        self.fill()
        self.before = self._known()
        bangui.ok(*self.command)
        self.after = self._known()
        assert self.after != self.before

    def fill(self):
        """Make the database anew."""
        _fill(self.bangui, self.rows)
        self.bangui.execute(DIRTY)

    def check(self, *, was_killed=True):
        check_integrity(self.bangui.database)
        assert self._known() in ([self.before, self.after] if was_killed else [self.after])

    def _known(self):
        return [_ips(self.bangui, table) for table in TABLES]


class TakenIn:
    """A history that is imported, and what of it a killed import may have left."""

    def __init__(self, bangui, rows):
        self.bangui, self.path = bangui, bangui.home / "history.jsonl"
        _fill(bangui, rows)
        bangui.execute("UPDATE ban_history SET banned_at = '2021' || substr(banned_at, 5), bancount = 2")
        self.exported = bangui.ok("export", "history").stdout
        self.path.write_text(self.exported)
        self.command = ("import", "--history", self.path)

    def fill(self):
        """Begin anew: all bans but the first are to come, and that one is to be corrected."""
        self.bangui.execute("DELETE FROM ban_history WHERE ip <> '10.0.0.1'")
        self.bangui.execute("UPDATE ban_history SET bancount = 1")

    def check(self):
        """Check what a killed import has left; return whether that is a part. Repeat it."""
        check_integrity(self.bangui.database)
        found, wanted = (set(text.splitlines()) for text in (self._export(), self.exported))
        [corrected] = [line for line in wanted if '"10.0.0.1"' in line]
        assert found - wanted <= {corrected.replace('"bancount":2', '"bancount":1')}
        self.bangui.ok(*self.command)
        assert self._export() == self.exported
        return 1 < len(found) < len(wanted)

    def _export(self):
        return self.bangui.ok("export", "history").stdout


def _writing(bangui):
    """Return what tells another thing each time the file was written: nobody is to wait for this."""
    return lambda: bangui.database.stat().st_mtime_ns


def _kill_at_random(bangui, kills, work, command, progress, **options):
    """Kill a command until it was killed so often before its end; return how often halfway."""
    chance, done, halfway = random.Random(kills), 0, 0
    work.fill()
    began_s = time.monotonic()
    bangui.ok(*command, **options)
    took_s = time.monotonic() - began_s
    while done < kills:
        work.fill()
        if killed(bangui.start(*command, **options), chance, progress, took_s):
            done += 1
            halfway += bool(work.check())
    return halfway


@pytest.mark.parametrize("kills", FEW_AND_MANY)
@pytest.mark.parametrize("compact", [[], ["--compact"]], ids=["prune", "compact"])
def test_a_prune_killed_at_random_deletes_nothing_that_stays(bangui, kills, compact):
    """What is old may be there or not; the next run goes on from there, and the file is sound."""
    work, prune = Pruned(bangui, MANY_ROWS), ("prune", "--batch-size", 50, *compact)

    halfway = _kill_at_random(bangui, kills, work, prune, _writing(bangui))

    print(f"prune {compact}: {kills} kills at random, {halfway} halfway, nothing lost, nothing kept")


@needs_strace
@pytest.mark.parametrize("kills", FEW_AND_MANY)
@pytest.mark.parametrize("compact", [[], ["--compact"]], ids=["prune", "compact"])
def test_a_prune_killed_at_a_write_or_sync_deletes_nothing_that_stays(bangui, kills, compact):
    """Each write and each sync of it is a moment at which it may die."""
    work, prune = Pruned(bangui, FEW_ROWS), ("prune", "--batch-size", 10, *compact)
    work.fill()
    calls, died = count_writes(bangui, *prune), 0
    for number in range(kills):
        work.fill()
        died += killed_at_call(bangui, 1 + number * calls // kills, *prune)
        work.check()

    assert died
    print(f"prune {compact}: {died} kills at {calls} writes and syncs")


@pytest.mark.parametrize("kills", FEW_AND_MANY)
def test_a_forget_killed_at_random_forgets_all_or_nothing(bangui, kills):
    """In cache, dirty set and history it is one transaction, which a journal beside the file betrays."""
    work, journal = Forgotten(bangui, MANY_ROWS), bangui.database.with_name("bangui.db-journal")

    _kill_at_random(bangui, kills, work, work.command, journal.exists)

    print(f"forget: {kills} kills at random, all or nothing")


@needs_strace
@pytest.mark.parametrize("kills", FEW_AND_MANY)
def test_a_forget_killed_at_a_write_or_sync_forgets_all_or_nothing(bangui, kills):
    """Also where its one transaction is written."""
    work = Forgotten(bangui, FEW_ROWS)
    work.fill()
    calls, died = count_writes(bangui, *work.command), 0
    for number in range(kills):
        work.fill()
        was_killed = killed_at_call(bangui, 1 + number * calls // kills, *work.command)
        work.check(was_killed=was_killed)
        died += was_killed

    assert died
    print(f"forget: {died} kills at {calls} writes and syncs")


@pytest.mark.parametrize("kills", FEW_AND_MANY)
def test_an_import_of_the_history_killed_at_random_can_be_repeated(bangui, kills):
    """Each ban once, as it was exported; none comes in half, and what was there is corrected or stays."""
    work = TakenIn(bangui, MANY_ROWS)

    halfway = _kill_at_random(bangui, kills, work, work.command, _writing(bangui), program=SMALL)

    print(f"import --history: {kills} kills at random, {halfway} halfway, each ban once")


@needs_strace
@pytest.mark.parametrize("kills", FEW_AND_MANY)
def test_an_import_of_the_history_killed_at_a_write_or_sync_can_be_repeated(bangui, kills):
    """What was committed before is there once, too."""
    work = TakenIn(bangui, FEW_ROWS)
    work.fill()
    calls, died = count_writes(bangui, *work.command), 0
    for number in range(kills):
        work.fill()
        died += killed_at_call(bangui, 1 + number * calls // kills, *work.command)
        work.check()

    assert died
    print(f"import --history: {died} kills at {calls} writes and syncs")
