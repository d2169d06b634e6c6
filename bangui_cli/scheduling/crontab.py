"""The schedule as lines for cron: pure text, made from a plan."""

import shlex

from bangui_cli.rules.durations import format_duration
from bangui_cli.scheduling.plan import HEADING, File, Plan, PlannedTask
from bangui_cli.states.errors import ConfigInvalid, UsageFault

# A name with a dot is passed over by cron in silence.
PATH = "/etc/cron.d/bangui"
# The lines of an ordinary user stand between these, among those of his own.
BEGIN = HEADING
END = "# The end of what bangui schedule install wrote."

_MINUTE_S, _HOUR_S, _DAY_S = 60, 3600, 86400
# MAX_COMMAND of Debian's cron, which ignores the whole file for one longer line.
_COMMAND_LIMIT_BYTES = 998

_HEAD = f"""\
{HEADING}
SHELL=/bin/sh
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
# What a run logs goes to the journal. What explains a failure is printed, too, and cron mails it.
MAILTO=root
"""


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


def starts(cadence_s: int, time_of_day: tuple[int, int]) -> list[tuple[str, int]]:
    """Return the time fields of the lines, each with the seconds to sleep before the job.

    A daily job starts at a time of day, hour and minute, of its own.
    """
    if cadence_s < _MINUTE_S:
        return [("* * * * *", delay_s) for delay_s in range(0, _MINUTE_S, cadence_s)]
    if cadence_s < _HOUR_S:
        return [(f"{_every(cadence_s // _MINUTE_S)} * * * *", 0)]
    if cadence_s < _DAY_S:
        return [(f"0 {_every(cadence_s // _HOUR_S)} * * *", 0)]
    hour, minute = time_of_day
    return [(f"{minute} {hour} * * *", 0)]


def render(plan: Plan) -> tuple[File, ...]:
    """Return the one file. Raise ConfigInvalid or UsageFault for what cron would not take."""
    return (File(PATH, "\n".join([_HEAD, *(_block(planned, planned.user) for planned in plan.tasks)])),)


def render_own(plan: Plan) -> str:
    """Return the lines for the crontab of a user, with the marks around them; raise as `render`.

    They set no variable, which would count for the lines below them, too.
    """
    return "\n".join([BEGIN, *(_block(planned) for planned in plan.tasks)]) + f"{END}\n"


def quote(word: str) -> str:
    """Quote a word for the shell inside a crontab.

    Cron takes one of two backslashes away, and ends the command at a % that has none before it.
    """
    return shlex.quote(word).replace("\\", "\\\\").replace("%", "\\%")


def unquote(command: str) -> str:
    """Return a command as cron hands it to the shell; what follows a bare % is its input."""
    taken, escaped = "", False
    for character in command:
        if escaped:
            taken = taken[:-1] + character if character in "%\\" else taken + character
            escaped = False
        elif character == "%":
            break
        else:
            taken += character
            escaped = character == "\\"
    return taken


def _block(planned: PlannedTask, *user: str) -> str:
    """Return the lines of a task below its ID; the system's have a user column."""
    cadence = cadence_s(planned.interval_s)
    comment = f"# {planned.task.id}: every {format_duration(cadence)}"
    if cadence != planned.interval_s:
        wanted = format_duration(planned.interval_s)
        comment += f", as near as cron comes to the interval of {wanted}"
    lines = [
        " ".join([fields, *user, _command(planned, delay_s)])
        for fields, delay_s in starts(cadence, planned.time_of_day)
    ]
    return "\n".join([comment, *lines, ""])


def _command(planned: PlannedTask, delay_s: int) -> str:
    """Return a command that says nothing once its program is gone."""
    program, *words = map(quote, planned.command_line)
    given = map(_assign, planned.variables)
    command = f"[ ! -x {program} ] || {' '.join([*given, program, *words])}"
    if delay_s:
        command = f"sleep {delay_s}; {command}"
    if len(command.encode()) > _COMMAND_LIMIT_BYTES:
        raise UsageFault(
            "the command line is longer than cron takes",
            hint="use shorter paths, or put the settings into /etc/bangui/bangui.toml",
        )
    return command


def _assign(variable: str) -> str:
    name, _, value = variable.partition("=")
    return f"{name}={quote(value)}"


def _every(count: int) -> str:
    return "*" if count == 1 else f"*/{count}"
