"""Every command that opens the database, as a command line that has work to do there."""

from pathlib import Path

from conftest import Bangui, Ended
from geoip import country, write_mmdb

COMMANDS = {
    command: command.split()
    for command in (
        "init",
        "flush",
        "flush --dry-run",
        "heartbeat",
        "prune",
        "forget 192.0.2.1",
        "export",
        "prune --dry-run",
        "add 192.0.2.1",
        "import",
        "resolve 192.0.2.1",
        "resolve --cached",
        "lookup 192.0.2.1",
        "report",
        "status",
        "lock show",
        "lock release --force",
        "doctor",
    )
}


def run(bangui: Bangui, command: str, *arguments: object, **options: object) -> Ended:
    """Run one of the commands on what it needs."""
    if command.startswith("resolve"):
        bangui.environment["BANGUI_GEOIP_DB_PATH"] = str(_mmdb(bangui.home))
    if command == "import":
        options["input"] = '{"ip": "192.0.2.1", "country_code": "DE"}\n'
    return bangui.run(*COMMANDS[command], *arguments, **options)


def _mmdb(home: Path) -> Path:
    path = home / "country.mmdb"
    return path if path.exists() else write_mmdb(path, {"192.0.2.0/24": country("DE", "Germany")})
