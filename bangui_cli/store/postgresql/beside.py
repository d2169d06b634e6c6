"""Do what may hang in a thread of its own."""

import _thread
from collections.abc import Callable
from typing import Any


def beside(work: Callable[[], object]) -> Any:
    """Begin the work, whose failures are its own; return a lock that is free once it is done."""
    done = _thread.allocate_lock()
    done.acquire()

    def run() -> None:
        try:
            work()
        except Exception:
            pass  # it was to be tried
        finally:
            done.release()

    try:
        _thread.start_new_thread(run, ())
    except RuntimeError:
        run()  # no thread is to be had
    return done
