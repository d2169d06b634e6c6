"""A signal that comes while a module is imported waits for its end."""

import signal

from invariants import check_run

SIGNAL_DURING_IMPORT = """
import os, signal, sys

class Signaller:
    def find_spec(self, name, path=None, target=None):
        if name == "asyncio.queues":  # structlog brings asyncio with it
            sys.meta_path.remove(self)
            os.kill(os.getpid(), signal.SIGTERM)

sys.meta_path.insert(0, Signaller())
"""


def test_a_signal_during_an_import_does_not_break_the_report(bare):
    """The final event needs the very packages that the signal would have left half imported."""
    (bare.home / "sitecustomize.py").write_text(SIGNAL_DURING_IMPORT)
    bare.environment["PYTHONPATH"] = f"{bare.home}:{bare.environment['PYTHONPATH']}"
    ended = bare.run("init")

    check_run(ended.code, ended.stderr)
    assert ended.code in (0, 128 + signal.SIGTERM)
