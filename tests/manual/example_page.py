"""Make the example page and its picture: `python tests/manual/example_page.py` (fail2ban, chromium).

A real fail2ban server reads two months of failed logins and bans whoever they come from; bangui collects
the bans and makes the page, by the commands of the manual. The addresses are of 198.18.0.0/15, which is
nobody's, and so are the networks and the countries that an MMDB file, written here, gives them.
"""

import os
import random
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).parents[2]
sys.path.insert(0, str(REPOSITORY / "tests/support"))

import geoip  # noqa: E402
from chromium import Looks, window  # noqa: E402

PAGE, PICTURE = REPOSITORY / "tests/data/page/bans.html", REPOSITORY / "tests/data/page/bans.png"
PICTURE_WIDTH, PICTURE_HEIGHT, MOST_BYTES = 1120, 1345, 200_000
DAYS, DAYS_BEFORE, BANS = 30, 30, 6_500
# Code, name and how often it is seen.
COUNTRIES = """
CN China 210|US United States 160|RU Russian Federation 90|IN India 74|BR Brazil 66|VN Vietnam 52|KR South Korea 47
ID Indonesia 44|DE Germany 40|SG Singapore 38|NL Netherlands 34|HK Hong Kong 31|FR France 28|GB United Kingdom 25
IR Iran 21|TW Taiwan 19|JP Japan 17|TR Türkiye 15|TH Thailand 14|MX Mexico 13|UA Ukraine 12|PK Pakistan 11|AR Argentina 11
IT Italy 10|BD Bangladesh 9|PL Poland 8|RO Romania 8|CA Canada 8|ES Spain 7|EG Egypt 7|BG Bulgaria 6|CO Colombia 6
ZA South Africa 5|PH Philippines 5|MY Malaysia 5|SE Sweden 4|CL Chile 4|KZ Kazakhstan 3|MA Morocco 3|NG Nigeria 3|KE Kenya 2
AU Australia 2|SC Seychelles 2|LT Lithuania 2|MD Moldova 2|AE United Arab Emirates 2|VE Venezuela 1|PE Peru 1|TN Tunisia 1
XK Kosovo 1|MT Malta 1|MO Macao 1|MU Mauritius 1|MN Mongolia 1|UZ Uzbekistan 1|FI Finland 1
"""
ORGANISATIONS = (
    "Example Hosting", "Sample Cloud", "Demo Telecom", "Specimen Networks", "Pattern Broadband", "Placeholder Data Centres",
    "Illustration Mobile", "Model Internet Exchange", "Instance Compute", "Case Study Fibre", "Template VPS", "Prototype Transit",
)  # fmt: skip
JAILS = {"sshd": 60, "postfix-sasl": 20, "nginx-http-auth": 10, "dovecot": 6, "recidive": 4}

FAIL2BAN_CONF = """\
[DEFAULT]
loglevel = INFO
logtarget = {run}/fail2ban.log
syslogsocket = auto
socket = {run}/socket
pidfile = {run}/pid
dbfile = {run}/fail2ban.sqlite3
dbpurgeage = 90d
dbmaxmatches = 1
[Definition]
"""
JAIL_CONF = """\
[{jail}]
enabled = true
backend = polling
usedns = no
filter = example
logpath = {run}/{jail}.log
maxretry = 1
findtime = 70d
bantime = 70d
ignoreself = false
ignoreip =
action =
"""
FILTER_CONF = """\
[Definition]
failregex = ^\\s*failed login from <ADDR>$
datepattern = ^%%Y-%%m-%%dT%%H:%%M:%%S
"""


def write_mmdb(path: Path, chance: random.Random) -> list[str]:
    """Give each /24 a country and a network; return them as often as they are seen."""
    entries = [item.split(" ", 1) for item in COUNTRIES.strip().replace("\n", "|").split("|")]
    records: dict[str, Any] = {}
    seen = []
    for place, (code, rest) in enumerate(entries):
        name, _, weight = rest.rpartition(" ")
        for part in range(1 + int(weight) // 12):
            prefix = f"198.{18 + place % 2}.{(place * 7 + part) % 256}"
            number = chance.choices(
                range(len(ORGANISATIONS)), [1 / (n + 1) for n in range(len(ORGANISATIONS))]
            )[0]
            records[f"{prefix}.0/24"] = geoip.country(code, name) | geoip.asn(
                64496 + number, ORGANISATIONS[number]
            )
            seen += [prefix] * (int(weight) // (1 + int(weight) // 12) + 1)
    seen += ["198.19.255"] * (len(seen) // 60)
    geoip.write_mmdb(path, records)
    return seen


def write_logs(run: Path, seen: list[str], chance: random.Random, now: datetime) -> int:
    """Write the failed logins of two months, each from another address; return how many."""
    lines: dict[str, list[str]] = {jail: [] for jail in JAILS}
    logins = set()
    # A weekly rhythm, a slow rise, and an attack of two days.
    weights = [
        3 + 2 * (n % 7 in (1, 2)) + 7 * (n in (41, 42)) + n / 25 for n in range(DAYS_BEFORE + DAYS)
    ]
    for _ in range(BANS):
        day = chance.choices(range(DAYS_BEFORE + DAYS), weights)[0]
        at = (
            now
            - timedelta(days=DAYS_BEFORE + DAYS - day)
            + timedelta(seconds=chance.randrange(60, 86_000))
        )
        jail = chance.choices(list(JAILS), list(JAILS.values()))[0]
        ip = f"{chance.choice(seen)}.{chance.randrange(1, 255)}"
        if (jail, ip) not in logins:
            logins.add((jail, ip))
            lines[jail].append(f"{at:%Y-%m-%dT%H:%M:%S} failed login from {ip}\n")
    for jail, entries in lines.items():
        (run / f"{jail}.log").write_text("".join(sorted(entries)))
    return len(logins)


def ban_with_fail2ban(home: Path, seen: list[str], chance: random.Random) -> Path:
    """Let a real server read the logs; return its database once it has banned everyone."""
    conf, run = home / "conf", home / "run"
    for directory in (run, conf / "filter.d", conf / "action.d"):
        directory.mkdir(parents=True)
    expected = write_logs(run, seen, chance, datetime.now(UTC))
    (conf / "fail2ban.conf").write_text(FAIL2BAN_CONF.format(run=run))
    (conf / "jail.conf").write_text("".join(JAIL_CONF.format(jail=jail, run=run) for jail in JAILS))
    (conf / "filter.d/example.conf").write_text(FILTER_CONF)
    options = ["-c", conf, "-s", run / "socket", "-p", run / "pid"]
    server = subprocess.Popen(
        ["fail2ban-server", *options, "-f", "start"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    log = run / "fail2ban.log"
    while not log.exists() or (banned := log.read_text().count("] Ban ")) < expected:
        assert server.poll() is None
        time.sleep(1)
    print(f"fail2ban has banned {banned} of {expected}")
    subprocess.run(["fail2ban-client", *options, "stop"], check=True, stdout=subprocess.DEVNULL)
    server.wait()
    return run / "fail2ban.sqlite3"


def main() -> None:
    """Make page and picture."""
    os.environ["TZ"] = "UTC"
    chance = random.Random(20)
    with tempfile.TemporaryDirectory() as directory:
        home = Path(directory)
        mmdb = home / "example.mmdb"
        fail2ban = ban_with_fail2ban(home, write_mmdb(mmdb, chance), chance)
        bangui = [sys.executable, "-m", "bangui_cli"]
        where = ["-d", str(home / "bangui.db"), "--instance", "web1"]
        geo = ["--geoip-db", str(mmdb)]
        PAGE.parent.mkdir(exist_ok=True)
        for words in (
            ["init", *where], ["collect", "--fail2ban", str(fail2ban), *geo, *where], ["flush", *where],
            ["report", "--history", "--since", f"{DAYS}d", "--format", "html", "--title", "Bans of web1.example.org",
             "--output", str(PAGE), *where],
        ):  # fmt: skip
            subprocess.run(
                [*bangui, *words], check=True, env=os.environ | {"BANGUI_GEOIP_DB_PATH": str(mmdb)}
            )
    take_picture()


def take_picture() -> None:
    """Photograph the upper part of the page."""
    with window() as browser:
        browser.open(PAGE, Looks(PICTURE_WIDTH))
        PICTURE.write_bytes(browser.picture(height=PICTURE_HEIGHT, scale=0.9))
    print(f"{PICTURE}: {PICTURE.stat().st_size} bytes")
    assert PICTURE.stat().st_size < MOST_BYTES


if __name__ == "__main__":
    main()
