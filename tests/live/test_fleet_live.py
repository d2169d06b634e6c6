"""What the README shows of a fleet happens, on a server that is made for it."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from servers import find_program

ROOT = Path(__file__).parents[2]


def test_two_instances_take_turns_on_a_throw_away_server(place: Path):
    """The command is the README's; nothing of its server is left."""
    if find_program("initdb") is None:
        pytest.skip("no PostgreSQL server is installed")
    (command,) = re.findall(
        r"^bash (tests/rigs/fleet\.sh) \S+$", (ROOT / "README.md").read_text(), re.MULTILINE
    )
    bangui = place / "bangui"
    bangui.write_text(f'#!/bin/sh\nexec {sys.executable} -m bangui_cli "$@"\n')
    bangui.chmod(0o755)
    environment = {"PATH": os.environ["PATH"], "HOME": str(place), "TMPDIR": str(place)}
    ended = subprocess.run(
        ["bash", ROOT / command, bangui],
        cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip

    assert (ended.returncode, ended.stderr) == (0, "")
    assert re.search(r"192\.0\.2\.1 +cached", ended.stdout)
    assert re.search(r"owner +web2", ended.stdout)
    assert list(place.iterdir()) == [bangui]
