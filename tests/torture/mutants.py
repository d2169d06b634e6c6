"""Break the program in one place at a time and show which test notices: `python tests/torture/mutants.py`.

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
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import repeat
from pathlib import Path

from mutant_table import MUTANTS, Mutant

ROOT = Path(__file__).parents[2]
COPIED = ("bangui_cli", "tests", "pyproject.toml")
SLOWEST_TEST_S = 120


class Snapshot:
    """The program as it was at the start, to be copied: no mutant touches the tree itself."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        for name in COPIED:
            source = ROOT / name
            if source.is_dir():
                shutil.copytree(source, directory / name, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(source, directory)

    def passes(self, test: str, changes: Mapping[str, str]) -> bool:
        """Run a test on a copy in which some files differ."""
        with tempfile.TemporaryDirectory(prefix="bangui-mutant-") as name:
            directory = Path(name)
            shutil.copytree(self.directory, directory, dirs_exist_ok=True)
            directory.chmod(0o755)  # for tests that run it as another user
            for path, source in changes.items():
                (directory / path).write_text(source)
            return _passes(directory, test)


def mutated(mutant: Mutant, directory: Path = ROOT) -> str:
    """Return the source with the promise broken. Raise ValueError where the mutant does not fit it."""
    source = (directory / mutant.path).read_text()
    if source.count(mutant.old) != 1:
        raise ValueError(f"{mutant.name}: {mutant.old!r} is not once in {mutant.path}")
    broken = source.replace(mutant.old, mutant.new)
    ast.parse(broken, mutant.path)  # a program that does not compile breaks no promise
    return broken


def _passes(directory: Path, test: str) -> bool:
    """Run a test in a directory; one that hangs has noticed, too."""
    pytest = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", f"tests/{test}"]
    # Wherever a test runs bangui, it is the copy.
    environment = {**os.environ, "PYTHONPATH": str(directory), "PYTHONDONTWRITEBYTECODE": "1"}
    options = {"cwd": directory, "env": environment, "capture_output": True, "text": True}
    try:
        ended = subprocess.run(pytest, **options, timeout=SLOWEST_TEST_S, check=False)
    except subprocess.TimeoutExpired:
        return False
    assert ended.returncode in (0, 1), ended.stdout  # anything else ran no test
    return ended.returncode == 0


def _try(mutants: list[Mutant], snapshot: Snapshot) -> int:
    """Try mutants, as many at a time as there are cores; return how many no test has noticed."""
    broken = [{mutant.path: mutated(mutant, snapshot.directory)} for mutant in mutants]
    tests = [mutant.test for mutant in mutants]
    each, survivors = sorted(set(tests)), 0
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for test, passed in zip(each, pool.map(snapshot.passes, each, repeat({})), strict=True):
            if not passed:
                raise SystemExit(f"{test} fails on the program as it is: mend that first")
        for mutant, passed in zip(mutants, pool.map(snapshot.passes, tests, broken), strict=True):
            survivors += passed
            verdict = "SURVIVED" if passed else "killed"
            print(f"{verdict:<8}  {mutant.name:<55}  {mutant.test}", flush=True)
    return survivors


def run(names: Iterable[str]) -> int:
    """Try the mutants with these names, all where there are none; return the exit status."""
    wanted, began_s = set(names), time.monotonic()
    mutants = [mutant for mutant in MUTANTS if not wanted or mutant.name in wanted]
    with tempfile.TemporaryDirectory(prefix="bangui-program-") as name:
        survivors = _try(mutants, Snapshot(Path(name)))
    print(f"{len(mutants)} mutants, {survivors} survivors, {time.monotonic() - began_s:.0f} s")
    return int(survivors > 0)


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
