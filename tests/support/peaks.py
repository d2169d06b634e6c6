"""How much memory a command takes at its peak."""

import sys

_MEASURE = """
import resource, subprocess, sys
code = subprocess.run(sys.argv[1:]).returncode
print(code, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024)
"""


def peak_mib(bangui, *arguments):
    """Run a command and return its code and peak; a small process in between keeps that of pytest out."""
    ended = bangui.run(*arguments, under=[sys.executable, "-c", _MEASURE])
    code, peak = ended.stdout.splitlines()[-1].split()
    return int(code), float(peak)
