"""Lay the state out as one line of a Nagios plugin, with its exit code.

The format is that of the Monitoring Plugins' guidelines: text, a bar, performance data.
"""

import math
from typing import Any, NamedTuple

from bangui_cli.health.ages import OK, WARNING, Age
from bangui_cli.host import terminal
from bangui_cli.rules.durations import format_duration
from bangui_cli.states import errors, exit_codes
from bangui_cli.states.errors import BanguiError, ConfigInvalid, PermissionRefused, UsageFault
from bangui_cli.telling.readable import counted

# What keeps this check from looking, but not the jobs from working.
_BLINDING = (ConfigInvalid, PermissionRefused, UsageFault)
_NAMES = [row.meaning.partition(":")[0] for row in exit_codes.NAGIOS]


class Result(NamedTuple):
    """What the plugin prints and returns."""

    exit_code: int
    line: str


def render(state: dict[str, Any], ages: list[Age]) -> Result:
    """Return the worst verdict, what is late (else what there is), and the performance data."""
    worst = max(age.verdict for age in ages)
    late = [_explain(age) for age in ages if age.verdict == worst != OK]
    if not any(job["last_success_at"] or job["is_scheduled"] for job in state["jobs"].values()):
        worst = max(worst, WARNING)
        late = late or ["no job has succeeded yet: install the schedule"]
    waiting = counted(state["dirty"]["rows"], "dirty row")
    text = "; ".join(late or [waiting, *(age.text for age in ages[1:])])
    return _result(worst, f"{text} | {' '.join(_performance(state, ages))}")


def explain(error: Exception) -> Result:
    """Return the line for a state that could not be read: mostly the jobs cannot work then, either."""
    state = errors.named(error)
    jobs_fail_too = isinstance(state, BanguiError) and not isinstance(state, _BLINDING)
    code = exit_codes.NAGIOS_CRITICAL if jobs_fail_too else exit_codes.NAGIOS_UNKNOWN
    return _failed(code, errors.explain(state).error)


def unknown(reason: str) -> Result:
    """Return the line for a check that could not even begin."""
    return _failed(exit_codes.NAGIOS_UNKNOWN, reason)


def _failed(code: int, reason: str) -> Result:
    # A path may hold the bar that ends the text.
    return _result(code, reason.replace("|", "/"))


def _result(code: int, text: str) -> Result:
    return Result(code, f"BANGUI {_NAMES[code]} - {terminal.safe(text)}")


def _explain(age: Age) -> str:
    limit_s = age.limits[age.verdict - 1]
    return f"{age.text} (limit {format_duration(limit_s)})"


def _performance(state: dict[str, Any], ages: list[Age]) -> list[str]:
    flushed = sum(job["flushed_total"] for job in state["jobs"].values())
    return [
        *map(_age_performance, ages),
        f"dirty_rows={state['dirty']['rows']};;;0",
        f"cache_rows={state['cache']['rows']};;;0",
        f"history_rows={state['history']['rows']};;;0",
        *_known_age("newest_ban", state["history"]["newest_age_s"]),
        *_known_age("geoip", state["geoip"]["oldest_age_s"]),
        f"database_size={state['database']['size_bytes']}B;;;0",
        f"flushed={flushed}c",
    ]


def _known_age(name: str, age_s: float | None) -> list[str]:
    return [] if age_s is None else [f"{name}_age={age_s:.3f}s;;;0"]


def _age_performance(age: Age) -> str:
    limits = ";".join("" if limit == math.inf else f"{limit:.15g}" for limit in age.limits)
    return f"{age.name}_age={age.age_s or 0.0:.3f}s;{limits};0"
