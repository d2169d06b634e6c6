"""Compare `bangui resolve` with a bare script that looks the same addresses up and inserts the rows.

Run it by hand: `python tests/benchmarks/resolve.py [ADDRESSES] [RUNS]`. Both read the addresses from
stdin and use the same two files, of 20,000 networks each; the script inserts into a table of the same
columns without CHECKs. It prints the median CPU and wall time of each and their ratio, to stay under 1.5.
"""

import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests/support"))

import geoip  # noqa: E402

LIMIT = 1.5
NETWORKS = 20_000
BARE = """
import sqlite3, sys, maxminddb
country, asn = (maxminddb.open_database(path) for path in sys.argv[2:])
rows = []
for line in sys.stdin:
    ip = line.strip()
    place, network = (country.get(ip) or {}).get("country") or {}, asn.get(ip) or {}
    number = network.get("autonomous_system_number")
    rows.append((ip, place.get("iso_code"), place["names"]["en"] if place else None,
                 f"AS{number}" if number else None, network.get("autonomous_system_organization"),
                 "2026-01-01T00:00:00.000Z"))
connection = sqlite3.connect(sys.argv[1])
with connection:
    connection.execute("CREATE TABLE geo (ip TEXT PRIMARY KEY, country_code TEXT, country_name TEXT,"
                       " asn TEXT, org TEXT, resolved_at TEXT) WITHOUT ROWID")
    connection.executemany("INSERT INTO geo VALUES (?, ?, ?, ?, ?, ?)", rows)
connection.close()
"""


def make_files(directory: Path, chance: random.Random) -> list[str]:
    """Write a country file and an ASN file, as varied as real ones."""
    networks = [f"{n >> 8 & 255}.{n & 255}.0.0/16" for n in range(256, 224 * 256)]
    codes = [a + b for a in "ABCDEFGHIJKLMNOPQRSTUVWXYZ" for b in "ABCDEFGHI"]
    countries, networks_of = {}, {}
    for network in chance.sample(networks, NETWORKS):
        code, number = chance.choice(codes), chance.randrange(1, 70_000)
        countries[network] = geoip.country(code, f"The Country of {code}")
        networks_of[network] = geoip.asn(number, f"Organisation {number} Ltd")
    return [
        str(geoip.write_mmdb(directory / "country.mmdb", countries)),
        str(geoip.write_mmdb(directory / "asn.mmdb", networks_of)),
    ]


def measure(command: list[str], addresses: Path) -> tuple[float, float]:
    """Return the CPU and the wall seconds of a process that must end well, its children included."""
    began_s = time.monotonic()
    with addresses.open() as stdin:
        process = subprocess.Popen(
            command, stdin=stdin, env={"PYTHONPATH": str(ROOT), "PATH": os.defpath}
        )
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, command
    return usage.ru_utime + usage.ru_stime, time.monotonic() - began_s


def main(count: int, runs: int) -> int:
    """Compare by turns; return 1 where the figure is missed."""
    chance = random.Random(1)
    ours, bare = [], []
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as name:
        directory = Path(name)
        country, asn = make_files(directory, chance)
        addresses = directory / "addresses"
        ips = (
            f"{chance.randrange(1, 224)}.{n >> 16 & 255}.{n >> 8 & 255}.{n & 255}" for n in range(count)
        )
        addresses.write_text("\n".join(chance.sample(list(ips), count)) + "\n")
        bangui = [sys.executable, "-m", "bangui_cli"]
        for run in range(runs):
            mine, theirs = str(directory / f"mine{run}.db"), str(directory / f"bare{run}.db")
            measure([*bangui, "init", "-q", "--database", mine], addresses)
            resolve = [
                *bangui,
                "resolve",
                "-",
                "--database",
                mine,
                "--geoip-db",
                country,
                "--geoip-db",
                asn,
            ]
            ours.append(measure(resolve, addresses))
            bare.append(measure([sys.executable, "-c", BARE, theirs, country, asn], addresses))
    ratios = []
    for what, mine_s, bare_s in zip(
        ("CPU", "wall"), zip(*ours, strict=True), zip(*bare, strict=True), strict=True
    ):
        ratios.append(statistics.median(mine_s) / statistics.median(bare_s))
        print(f"{what:<5} {statistics.median(mine_s):6.2f} s  bare {statistics.median(bare_s):6.2f} s"
              f"  ratio {ratios[-1]:.2f}  (limit {LIMIT})")  # fmt: skip
    return 0 if ratios[0] <= LIMIT else 1


if __name__ == "__main__":
    numbers = [int(text) for text in sys.argv[1:]] + [300_000, 3][len(sys.argv) - 1 :]
    sys.exit(main(*numbers))
