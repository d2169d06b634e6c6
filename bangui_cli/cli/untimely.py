"""Tell of a timeout that was over before the program was read, with as little of it as can be."""

import os

from bangui_cli.host import clocks
from bangui_cli.jobs.catalogue import TIMEOUT, Job, find_job
from bangui_cli.rules.command_line import last_value, wants_json
from bangui_cli.rules.json_text import to_json
from bangui_cli.rules.timestamp_text import to_text
from bangui_cli.settings import run_id
from bangui_cli.states import errors

_STDOUT, _STDERR = 1, 2


def tell(arguments: list[str], started_s: float, timeout_s: float) -> bool:
    """Write the event of the job whose timeout it was, and the object where that is asked for.

    Return False, having written nothing, where no job is named: no timeout is over then.
    """
    job = find_job(arguments)
    if job is None:
        return False
    left: dict[str, object] = {
        **dict.fromkeys(job.counts),
        "duration_s": round(clocks.monotonic_s() - started_s, 3),
        "correlation_id": last_value("--correlation-id", arguments) or run_id.of_environment(),
    }
    _write(_STDERR, {**_event(job, timeout_s), **left})
    if wants_json(arguments):
        _write(_STDOUT, job.result(TIMEOUT, left) | _rehearsed(arguments))
    return True


def _rehearsed(arguments: list[str]) -> dict[str, object]:
    return {"dry_run": True} if "--dry-run" in arguments else {}


def _event(job: Job, timeout_s: float) -> dict[str, object]:
    failure = errors.explain(errors.timed_out(timeout_s))
    return {
        "timestamp": to_text(clocks.wall_s()),
        "level": job.timeout.level,
        "event": job.timeout.name,
        "job": job.id,
        "error": failure.error,
        "exit_code": failure.exit_code,
        "hint": failure.hint,
        **failure.fields,
    }


def _write(stream: int, value: dict[str, object]) -> None:
    os.write(stream, f"{to_json(value)}\n".encode())
