"""Compare `bangui collect` with the `sqlite3` shell, and with a heartbeat.

Run it by hand: `python tests/benchmarks/collect.py [BANS] [RUNS]`. The first collect of so many bans of a
fifth as many addresses stands beside the shell that copies the same columns, with ATTACH, into a database
that `init` made; then each run finds ten new bans and an MMDB file, and stands beside a heartbeat. It
prints wall and CPU time, their ratios, and for how long fail2ban's file was held at most.
"""

import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests/support"))

import geoip  # noqa: E402
from fail2bans import Fail2banDatabase  # noqa: E402

FIRST_LIMIT, TEN_LIMIT, HELD_LIMIT_S = 2.0, 2.0, 0.05
BANGUI = [sys.executable, "-m", "bangui_cli"]
# bangui, which says at its end for how long it held fail2ban's file at most.
WATCHED = """
import time
from contextlib import contextmanager
from bangui_cli.cli import main
from bangui_cli.fail2ban import bans
opened, held_s = bans.open_reading, [0.0]
@contextmanager
def open_reading(path):
    began_s = time.monotonic()
    with opened(path) as reading:
        yield reading
    held_s.append(time.monotonic() - began_s)
bans.open_reading, leave = open_reading, main._end
main._end = lambda code: (print(max(held_s)), leave(code))
main.run()
"""
COPY = """
ATTACH '{path}' AS fail2ban;
BEGIN IMMEDIATE;
INSERT INTO ban_history (instance, jail, ip, banned_at, bantime_s, bancount, failures)
SELECT 'bench', jail, ip, strftime('%Y-%m-%dT%H:%M:%fZ', timeofban, 'unixepoch'), bantime, bancount,
       json_extract(data, '$.failures')
  FROM fail2ban.bans WHERE true ON CONFLICT DO NOTHING;
COMMIT;
"""
BAN = "INSERT INTO bans (jail, ip, timeofban, bantime, bancount, data) VALUES (?, ?, ?, 600, ?, ?)"
LATEST = "INSERT OR REPLACE INTO bips SELECT ip, jail, timeofban, bantime, bancount, data FROM bans"
DATA = (
    '{{"matches": ["Jan  1 00:00:00 host sshd[1]: Failed password for root from {}"], "failures": {}}}'
)


def write_bans(fail2ban: Fail2banDatabase, count: int, chance: random.Random) -> None:
    """Write bans of the last months, in the order of their time."""
    ips = [".".join(str(chance.randrange(1, 224)) for _ in range(4)) for _ in range(max(count // 5, 1))]
    start_s = int(time.time()) - 10 * count
    connection = fail2ban.connect()
    connection.execute("BEGIN")
    for number in range(count):
        ip = chance.choice(ips)
        row = ("sshd", ip, start_s + 10 * number, 1, DATA.format(ip, chance.randrange(1, 9)))
        connection.execute(BAN, row)
    connection.execute(LATEST)
    connection.execute("COMMIT")
    connection.close()


def measure(command: list[str], **options: object) -> tuple[float, float, str]:
    """Return the wall and the CPU seconds of a process that must end well, and what it said."""
    before_s, began_s = cpu_of_children_s(), time.monotonic()
    ended = subprocess.run(command, check=True, capture_output=True, text=True, **options)
    return time.monotonic() - began_s, cpu_of_children_s() - before_s, ended.stdout


def cpu_of_children_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def compare_first(home: Path, fail2ban: Fail2banDatabase, environment: dict[str, str]) -> None:
    """Print what the first run takes, beside the shell."""
    copy = home / "copy.db"
    subprocess.run([*BANGUI, "init", "-q", "-d", copy], check=True, env=environment)
    subprocess.run([*BANGUI, "init", "-q"], check=True, env=environment)
    script = COPY.format(path=fail2ban.path)
    shell_s, shell_cpu_s, _ = measure(["sqlite3", str(copy)], input=script)
    command = [sys.executable, "-c", WATCHED, "collect", "--no-resolve", "--timeout", "1h"]
    wall_s, cpu_s, held_s = measure(command, env=environment)
    print(f"first: wall {wall_s:.2f} s, shell {shell_s:.2f} s, ratio {wall_s / shell_s:.2f}", end="; ")
    print(f"CPU {cpu_s:.2f} s, shell {shell_cpu_s:.2f} s, ratio {cpu_s / shell_cpu_s:.2f}", end="; ")
    print(f"aim {FIRST_LIMIT}; held {float(held_s) * 1000:.0f} ms at most")


def compare_ten(fail2ban: Fail2banDatabase, environment: dict[str, str], runs: int) -> None:
    """Print what a run takes that finds ten new bans, beside a heartbeat."""
    subprocess.run([*BANGUI, "collect", "--timeout", "1h"], check=True, env=environment)
    heartbeats_s, collects_s, held_s = [], [], []
    for run in range(runs):
        for number in range(10):
            fail2ban.ban(f"10.9.{run % 256}.{number}", int(time.time()))
        heartbeats_s.append(measure([*BANGUI, "heartbeat"], env=environment)[1])
        command = [sys.executable, "-c", WATCHED, "collect"]
        _, cpu_s, said = measure(command, env=environment)
        collects_s.append(cpu_s)
        held_s.append(float(said))
    ratio = statistics.median(collects_s) / statistics.median(heartbeats_s)
    print(f"ten new: CPU {statistics.median(collects_s) * 1000:.0f} ms", end=", ")
    print(f"heartbeat {statistics.median(heartbeats_s) * 1000:.0f} ms, ratio {ratio:.2f}", end="; ")
    print(f"aim {TEN_LIMIT}; held {max(held_s) * 1000:.1f} ms at most, aim {HELD_LIMIT_S * 1000:.0f}")


def main(bans: int = 1_000_000, runs: int = 9) -> None:
    """Compare in a directory of its own."""
    with tempfile.TemporaryDirectory(prefix="bangui-bench-") as name:
        home = Path(name)
        fail2ban = Fail2banDatabase(home / "fail2ban.sqlite3")
        write_bans(fail2ban, bans, random.Random(1))
        file = geoip.write_mmdb(home / "country.mmdb", {"10.0.0.0/8": geoip.country("DE", "Germany")})
        environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "BANGUI_DATABASE_PATH": str(home / "bangui.db"),
            "BANGUI_INSTANCE": "bench",
            "BANGUI_FAIL2BAN_DB": str(fail2ban.path),
            "BANGUI_GEOIP_DB_PATH": str(file),
        }
        compare_first(home, fail2ban, environment)
        compare_ten(fail2ban, environment, runs)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
