"""The schedule as a file for /etc/cron.d: pure text, made from a plan."""

import shlex

from bangui_cli.scheduling.plan import HEADING, File, Plan, PlannedJob
from bangui_cli.states.errors import ConfigInvalid, UsageFault

# A name with a dot is passed over by cron in silence.
PATH = "/etc/cron.d/bangui"

_MINUTE_S, _HOUR_S, _DAY_S = 60, 3600, 86400
# MAX_COMMAND of Debian's cron, which ignores the whole file for one longer line.
_COMMAND_LIMIT_BYTES = 998

_HEAD = f"""\
{HEADING}
SHELL=/bin/sh
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
# What a run logs goes to the journal, else to syslog; cron mails it, too, if the run failed.
MAILTO=root
"""
# systemd-cat COMMAND would not run the job without a journal, and COMMAND | systemd-cat would hide
# its exit code: so the job runs first, alone, and what it logged is sent off afterwards.
_REPORT = (
    r"""[ -z "$log" ] || printf '\%s\n' "$log" | """
    "{ systemd-cat -t bangui || logger -t bangui --prio-prefix --size 4096; } 2>/dev/null; "
    r"""[ $code = 0 ] || printf 'exit code \%s: \%s\n' $code "$log"; exit $code"""
)


def cadence_s(interval_s: float) -> int:
    """Return the longest span that cron can keep evenly and that is no longer than the interval.

    Raise ConfigInvalid below a second.
    """
    spans = [s for s in range(1, _MINUTE_S) if _MINUTE_S % s == 0]
    spans += [m * _MINUTE_S for m in range(1, 60) if 60 % m == 0]
    spans += [h * _HOUR_S for h in range(1, 25) if 24 % h == 0]
    if interval_s < spans[0]:
        raise ConfigInvalid(
            f"cron cannot start a job every {interval_s:g} s",
            hint="use --format systemd, or an interval of at least 1 s",
        )
    return max(span for span in spans if span <= interval_s)


def starts(cadence_s: int) -> list[tuple[str, int]]:
    """Return the time fields of the lines, each with the seconds to sleep before the job."""
    if cadence_s < _MINUTE_S:
        return [("* * * * *", delay_s) for delay_s in range(0, _MINUTE_S, cadence_s)]
    if cadence_s < _HOUR_S:
        return [(f"{_every(cadence_s // _MINUTE_S)} * * * *", 0)]
    if cadence_s < _DAY_S:
        return [(f"0 {_every(cadence_s // _HOUR_S)} * * *", 0)]
    return [("0 0 * * *", 0)]


def render(plan: Plan) -> tuple[File, ...]:
    """Return the one file. Raise ConfigInvalid or UsageFault for what cron would not take."""
    return (File(PATH, "\n".join([_HEAD, *(_job(plan, planned) for planned in plan.jobs)])),)


def quote(word: str) -> str:
    """Quote a word for the shell inside a crontab, where a bare % ends the command.

    Cron pairs backslashes before it looks for an escaped %, so the quotes keep the two apart.
    """
    return shlex.quote(word).replace("\\%", "\\''%").replace("%", "\\%")


def _job(plan: Plan, planned: PlannedJob) -> str:
    cadence = cadence_s(planned.interval_s)
    comment = f"# {planned.job.id}: every {cadence} s"
    if cadence != planned.interval_s:
        comment += f", as near as cron comes to the interval of {planned.interval_s:g} s"
    lines = [f"{fields} {plan.user} {_command(planned, delay_s)}" for fields, delay_s in starts(cadence)]
    return "\n".join([comment, *lines, ""])


def _command(planned: PlannedJob, delay_s: int) -> str:
    words = " ".join(map(quote, planned.command_line))
    command = f"log=$({words} --log-format journald 2>&1); code=$?; {_REPORT}"
    if delay_s:
        command = f"sleep {delay_s}; {command}"
    if len(command.encode()) > _COMMAND_LIMIT_BYTES:
        raise UsageFault(
            "the command line is longer than cron takes",
            hint="use shorter paths, or put the settings into /etc/bangui/bangui.toml",
        )
    return command


def _every(count: int) -> str:
    return "*" if count == 1 else f"*/{count}"
