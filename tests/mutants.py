"""Break the program in one place at a time and show which test notices: `python tests/mutants.py`.

A promise that no test holds is only a hope. Each mutant here breaks one, and names the test that must
fail for it; the same test must pass on the program as it is. With names as arguments only those
mutants are tried. Exits with 1 where one survives, or no longer fits the source.
"""

import ast
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

from mutant_table import MUTANTS, Mutant

ROOT = Path(__file__).parent.parent
COPIED = ("bangui_cli", "tests", "pyproject.toml")
SLOWEST_TEST_S = 120


def _copy_program(directory: Path) -> None:
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, directory / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, directory)


def _passes(directory: Path, tests: Iterable[str]) -> bool:
    """Run tests on a copy of the program; a test that hangs has noticed, too."""
    nodes = [f"tests/{test}" for test in tests]
    pytest = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *nodes]
    # Wherever a test runs bangui, it is the copy.
    environment = {**os.environ, "PYTHONPATH": str(directory), "PYTHONDONTWRITEBYTECODE": "1"}
    options = {"cwd": directory, "env": environment, "capture_output": True, "text": True}
    try:
        ended = subprocess.run(pytest, **options, timeout=SLOWEST_TEST_S, check=False)
    except subprocess.TimeoutExpired:
        return False
    assert ended.returncode in (0, 1), ended.stdout  # anything else ran no test
    return ended.returncode == 0


def _mutated(mutant: Mutant, directory: Path) -> str:
    """Return the source with the promise broken: a program that does not compile is no mutant."""
    source = (directory / mutant.path).read_text()
    if source.count(mutant.old) != 1:
        raise SystemExit(f"{mutant.name}: {mutant.old!r} is not once in {mutant.path}")
    mutated = source.replace(mutant.old, mutant.new)
    ast.parse(mutated, mutant.path)
    return mutated


def _is_killed(mutant: Mutant, directory: Path) -> bool:
    path = directory / mutant.path
    source, mutated = path.read_text(), _mutated(mutant, directory)
    path.write_text(mutated)
    try:
        return not _passes(directory, [mutant.test])
    finally:
        path.write_text(source)


def _try(mutants: list[Mutant], directory: Path) -> int:
    """Try mutants on a copy of the program, which is sound before and after each; count survivors."""
    for mutant in mutants:
        _mutated(mutant, directory)  # a row that no longer fits is told before minutes of tests
    for test in sorted({mutant.test for mutant in mutants}):
        if not _passes(directory, [test]):
            raise SystemExit(f"{test} fails on the program as it is: mend that first")
    survivors = 0
    for mutant in mutants:
        killed = _is_killed(mutant, directory)
        survivors += not killed
        print(f"{'killed  ' if killed else 'SURVIVED'}  {mutant.name:<55}  {mutant.test}", flush=True)
    return survivors


def run(names: Iterable[str]) -> int:
    """Try the mutants with these names, all where there are none; return the exit status."""
    wanted, began_s = set(names), time.monotonic()
    mutants = [mutant for mutant in MUTANTS if not wanted or mutant.name in wanted]
    with tempfile.TemporaryDirectory(prefix="bangui-mutants-") as name:
        _copy_program(Path(name))
        survivors = _try(mutants, Path(name))
    print(f"{len(mutants)} mutants, {survivors} survivors, {time.monotonic() - began_s:.0f} s")
    return int(survivors > 0)


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
