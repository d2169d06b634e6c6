"""What is never needed again does not pile up: after the first year the database grows no more."""

import json
import random

import pytest
from invariants import check_integrity, check_run
from simulation import START_WALL_S, Machine

from bangui_cli.rules import timestamps

pytestmark = pytest.mark.torture

DAY_S = 86400
DAYS, KEPT_DAYS = 730, 365
BANS_A_DAY = 60
DIES = 0.1


def _ip(number):
    return f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"


def _todays_bans(chance, day):
    """Return new addresses, and some that come again."""
    numbers = [day * BANS_A_DAY + i for i in range(BANS_A_DAY)]
    numbers[:5] = [chance.randrange(day * BANS_A_DAY + 1) for _ in range(5)]
    time_s = START_WALL_S + day * DAY_S
    return [(_ip(number), timestamps.to_text(time_s + i)) for i, number in enumerate(numbers)]


def _run(machine, chance, *arguments):
    if chance.random() < DIES:
        machine.kill_at(chance.randint(1, 40))
    outcome = machine.run(*arguments)
    if outcome.code is None:
        check_integrity(machine.database)
        return _run(machine, chance, *arguments)
    check_run(outcome.code, outcome.stderr)
    assert outcome.code == 0, outcome
    return outcome


def _live_a_day(machine, chance, day):
    """Take in the day's bans and addresses, flush and prune, each of which may die and is repeated."""
    bans = _todays_bans(chance, day)
    path = machine.home / "day.jsonl"
    fixed = {"instance": "web1", "jail": "sshd", "bantime_s": 600}
    path.write_text("".join(json.dumps({**fixed, "ip": ip, "banned_at": at}) + "\n" for ip, at in bans))
    _run(machine, chance, "import", "--history", path)
    path.write_text("".join(json.dumps({"ip": ip, "country_code": "DE"}) + "\n" for ip, _ in bans))
    _run(machine, chance, "import", path)
    _run(machine, chance, "flush")
    _run(machine, chance, "prune", "--batch-size", "100")
    return set(bans)


def _in_all(bans_of, days):
    return set().union(*(bans_of[day] for day in days))


def test_the_size_follows_the_retention_and_stays_flat():
    """Two years of bans, a tenth of the runs killed: what stays is the last year's, and nothing else."""
    chance, sizes, bans_of = random.Random(1), [], []
    with Machine() as machine:
        machine.run("init")
        for day in range(DAYS):
            bans_of.append(_live_a_day(machine, chance, day))
            sizes.append(machine.database.stat().st_size)
            machine.set_wall(START_WALL_S + (day + 1) * DAY_S)
        left = {tuple(row) for row in machine.rows("SELECT ip, banned_at FROM ban_history")}
        cached = {ip for (ip,) in machine.rows("SELECT ip FROM geo_cache")}
        check_integrity(machine.database)

    needed = _in_all(bans_of, range(DAYS - KEPT_DAYS + 1, DAYS))
    assert needed <= left <= _in_all(bans_of, range(DAYS - KEPT_DAYS - 1, DAYS))
    assert cached == {ip for ip, _ in left}
    year, later = max(sizes[: KEPT_DAYS + 10]), max(sizes[KEPT_DAYS + 10 :])
    print(f"{DAYS} days: at most {year} bytes in the first year, {later} after it")
    assert later <= 1.05 * year
