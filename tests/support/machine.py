"""A small machine of its own for a test that needs cron, systemd or journald: see rigs/machine.sh."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
_RIG = ROOT / "tests/rigs/machine.sh"
_LIMIT_S = 300
_PRELUDE = """
wait_for() { # COMMAND...: until it succeeds, for a minute at most
  for _ in $(seq 3000); do "$@" && return; sleep .02; done
  return 1
}
"""
_JOURNALD = "/lib/systemd/systemd-journald"


def missing(*tools: str) -> str | None:
    """Say why no machine can be had, or which tool it lacks."""
    if os.geteuid() != 0:
        return "only root may make a machine of its own"
    if not os.path.exists(_JOURNALD):
        return "systemd-journald is not installed"
    for tool in tools:
        if not shutil.which(tool, path=f"{os.environ['PATH']}:/usr/sbin:/sbin"):
            return f"{tool} is not installed"
    try_out = ["unshare", "--mount", "--pid", "--fork", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
    if subprocess.run(try_out, capture_output=True, check=False).returncode:
        return "this container may not mount"
    return None


def needs(*tools: str) -> pytest.MarkDecorator:
    """Skip a test where no machine with these tools can be had."""
    reason = missing(*tools)
    return pytest.mark.skipif(reason is not None, reason=str(reason))


class Machine:
    """A bash script that runs, or has run, on a machine of its own.

    It finds `bangui` in its PATH and the interpreter in $PYTHON, and leaves its findings in $OUT.
    """

    def __init__(self, home: Path, script: str, environment: dict[str, str] | None = None) -> None:
        """Start it."""
        self.home = home
        self.command = _install_command(home)
        opened = (home, ROOT, Path(sys.prefix), Path(sys.base_prefix), Path(sys.executable).resolve())
        variables = {
            "PATH": f"{self.command.parent}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
            "HOME": "/root",
            "OUT": str(home),
            "PYTHON": sys.executable,
            "MACHINE_OPEN": ":".join(map(str, opened)),
        }
        self._output = ""
        self._process = subprocess.Popen(
            ["bash", _RIG, "bash", "-eu", "-c", _PRELUDE + script],
            env=variables | (environment or {}),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip

    def finish(self) -> "Machine":
        """Wait for the end of the script, which must succeed."""
        if self._process.returncode is None:
            try:
                self._output, _ = self._process.communicate(timeout=_LIMIT_S)
            finally:
                self.stop()
        assert self._process.returncode == 0, self._output
        return self

    def stop(self) -> None:
        """End it if it has not ended."""
        if self._process.poll() is None:
            self._process.terminate()
        if not self._process.stdout.closed:
            self._process.communicate()

    def text(self, name: str) -> str:
        """Return a finding as it is."""
        return (self.home / name).read_text()

    def lines(self, name: str) -> list[Any]:
        """Return a finding of JSON lines."""
        return [json.loads(line) for line in self.text(name).splitlines()]


def _install_command(home: Path) -> Path:
    """Make a `bangui` that works in a bare environment, also from a checkout."""
    home.chmod(0o755)
    command = home / "bin/bangui"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m bangui_cli "$@"\n')
    command.chmod(0o755)
    return command
