"""Make a database look as if its jobs had just run, however long ago a fixture made it."""

import contextlib
import time
from typing import Any

from bangui_cli.rules import timestamps


def pretend_jobs_just_ran(bangui: Any) -> None:
    """Move the last runs and the last heartbeat to now; both are told by what the tests alarm on."""
    now = timestamps.to_text(time.time())
    with contextlib.closing(bangui.connect()) as connection:
        connection.execute("UPDATE job_state SET last_success_at = ?, last_finished_at = ?", (now, now))
        connection.execute(
            "UPDATE scheduler_lock SET heartbeat_boottime = ?",
            (time.clock_gettime(time.CLOCK_BOOTTIME),),
        )
        connection.execute("UPDATE geo_cache_dirty SET resolved_at = ?", (now,))
