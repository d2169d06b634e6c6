"""The order of the modules, as pyproject.toml writes it down, holds."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_modules_import_only_downwards():
    """A module that imports upwards, or is missing from the order, is named."""
    lint = [
        sys.executable,
        "-c",
        "from importlinter.cli import lint_imports_command as c; c()",
        "--no-cache",
    ]
    ended = subprocess.run(lint, cwd=ROOT, capture_output=True, text=True, check=False)

    assert ended.returncode == 0, ended.stdout
