"""Whatever a name or a text holds, it stays in its place: no line, no event, no control of its own."""

import json
import re
import time
from typing import Any

import geoip
import pytest

# What would end a line, begin an event with a priority, or move a terminal; the addresses are masked.
EVIL = (
    '\n<3>{"event": "fake", "level": "error"}\r\x1b[2J\x1b]0;title\x07\x9b31m\u202e\u2028\x85'
    "\n192.0.2.77 \x1b[31m192.0.2.78"
)
NAME = EVIL.replace("/", "_")
CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028-\u202e]")
ADDRESS = re.compile(r"192\.0\.2\.7[78]")
EVENT = re.compile(r'<[2-7]>\{"timestamp": ')
HELD = """
    UPDATE scheduler_lock
    SET owner = :evil, hostname = :evil, lease_id = :evil, heartbeat_at = :now, heartbeat_written = NULL
"""

COMMANDS: dict[str, list[str]] = {
    "lookup": ["lookup", EVIL],
    "stdin": ["lookup", "-"],
    "add": ["add", "192.0.2.1", "--country-code", EVIL],
    "added": ["add", "192.0.2.1", "--country-code", "DE", "--country-name", EVIL, "--org", EVIL],
    "database": ["flush", "-d", NAME],
    "made": ["init", "-d", f"made{NAME}"],
    "rows": ["import", f"rows{NAME}"],
    "elements": ["import", f"elements{NAME}"],
    "page": ["import", f"page{NAME}"],
    "rejects": ["import", f"rows{NAME}", "--rejects", f"nowhere/{NAME}"],
    "resolve": ["resolve", EVIL, "192.0.2.1", "--geoip-db", f"mmdb{NAME}"],
    "wrapping": ["resolve", "192.0.2.1", "--geoip-db", f"rows{NAME}"],
    "banned": ["resolve", "--fail2ban", "fail2ban", "--geoip-db", f"mmdb{NAME}"],
    "collect": ["collect", "--fail2ban", "fail2ban", "--geoip-db", f"mmdb{NAME}"],
    "forget": ["forget", EVIL],
    "jail": ["report", "--fail2ban", "fail2ban", "--jail", f"ssh{EVIL}"],
    "history": ["bans", "--jail", EVIL, "--from-instance", EVIL],
    "bans": ["bans"],
    "bans as CSV": ["bans", "--format", "csv"],
    "counted": ["report", "--history", "--by", "jail"],
    "counted as CSV": ["report", "--history", "--by", "jail", "--format", "csv"],
    "metrics": ["report", "--history", "--format", "prometheus"],
    "held": ["flush"],
    "taken over": ["flush", "-v", "--instance", "web2"],
    "released": ["lock", "release", "--force"],
    "key": ["status", "--config", "key.toml"],
    "value": ["status", "--config", "value.toml"],
    "output": ["status", "--output", f"nowhere/{NAME}"],
    "command": [EVIL],
    "option": ["flush", f"--{EVIL}"],
    "choice": ["report", "--by", EVIL],
    "instance": ["flush", "--instance", EVIL],
    "variable": ["status"],
}


@pytest.fixture
def beset(bangui):
    """Run bangui where everything that it reads has been written by an enemy."""
    home = bangui.home
    rows = EVIL.replace('"', "'")
    (home / f"rows{NAME}").write_text(f'ip,country_code,org\n192.0.2.0/24,DE,x\n1.1.1.1,DEU,"{rows}"\n')
    (home / f"elements{NAME}").write_text(json.dumps([{EVIL: 1, "ip": "192.0.2.9"}, {"ip": EVIL}]))
    (home / f"page{NAME}").write_text(f"<title>{EVIL}</title>")
    (home / "key.toml").write_text(f"{json.dumps(EVIL)} = 1\n")
    (home / "value.toml").write_text(f"lock_ttl = {json.dumps(EVIL)}\n")
    geoip.write_fail2ban(home / "fail2ban", [(EVIL, "192.0.2.5", 1, 600), ("sshd", EVIL, 1, 600)])
    networks = {"192.0.2.0/24": geoip.country("DE", EVIL), "1.0.0.0/8": geoip.asn(64500, EVIL)}
    geoip.write_mmdb(home / f"mmdb{NAME}", networks)
    bangui.ok("heartbeat")
    bangui.ok("collect", "--fail2ban", home / "fail2ban", "--geoip-db", home / f"mmdb{NAME}")
    return bangui


def prepare(beset: Any, name: str) -> dict[str, Any]:
    """Put the lock, or a variable, into the state that a command is about; return how to run it."""
    if name in ("held", "taken over"):
        beset.execute(HELD, evil=EVIL, now=time.time() if name == "held" else 1.0)
    variable = {f"BANGUI_X{EVIL}": "1"} if name == "variable" else {}
    return {"cwd": beset.home, "env": variable}


@pytest.mark.parametrize("name", COMMANDS)
def test_no_text_makes_a_line_of_its_own_in_the_journal(beset, name):
    """Each line is an event of bangui's, with its priority, and shows no address whole."""
    ended = beset.run(*COMMANDS[name], "--log-format=journald", input=EVIL, **prepare(beset, name))

    for line in ended.stderr.splitlines(keepends=True):
        assert line.endswith("\n")
        assert EVENT.match(line), line
        assert json.loads(line[3:])["event"] != "fake"
    assert ADDRESS.search(ended.stderr) is None
    assert CONTROL.search(ended.stdout + ended.stderr) is None


@pytest.mark.parametrize("name", COMMANDS)
def test_no_text_moves_a_terminal(beset, name):
    """Neither in what was found nor in what went wrong; nothing begins a line as an error would."""
    process = prepare(beset, name)
    process["env"] |= {"NO_COLOR": "1"}
    _, shown = beset.on_terminal(*COMMANDS[name], **process)

    assert CONTROL.search(shown) is None
    assert re.search(r"^(<3>|\{)", shown, re.MULTILINE) is None
    assert "traceback" not in shown
