"""The schedule as systemd units, a service and a timer a task: pure text, made from a plan."""

import math
import os

from bangui_cli.scheduling.plan import HEADING, ROOT, File, Plan, PlannedTask
from bangui_cli.scheduling.tasks import TASKS, Task
from bangui_cli.states.errors import UsageFault

SYSTEM_DIRECTORY = "/etc/systemd/system"
# A task ends itself at its own timeout; systemd is there for the one that cannot.
_TIMEOUT_MARGIN_S = 10
_DAY_S = 86400
_TEMPORARY = ("/tmp/", "/var/tmp/")  # noqa: S108

# No Documentation=man:…: `systemd-analyze verify` fails where the page is not on the manual's path.
_SERVICE = """\
{heading}
# {task.id}: see bangui-{command}(1)
[Unit]
Description=bangui {command} ({task.id})
{mounts}# Systemd's own limit, 5 starts in 10 s, would stop a timer of less than 2 s.
StartLimitIntervalSec=0

[Service]
Type=oneshot
ExecStart=:{command_line}
{user}{environment}SyslogIdentifier=bangui
# 75: the lease passed to another instance during the run.
SuccessExitStatus=75
TimeoutStartSec={timeout_s}
UMask=0077
LockPersonality=yes
MemoryDenyWriteExecute=yes
NoNewPrivileges=yes
RestrictAddressFamilies={families}
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
{of_system}"""

# A user's own systemd could do this in a user namespace only, in which what is root's looks foreign.
_OF_SYSTEM = """\
CapabilityBoundingSet={capabilities}
PrivateDevices=yes
PrivateTmp={private_tmp}
ProtectClock=yes
ProtectControlGroups=yes
ProtectHome=read-only
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectSystem=strict
{writable}"""

# Root becomes the user whose database it is, and leaves the group of its own to what lies beside it.
_CAPABILITIES_OF_ROOT = "CAP_CHOWN CAP_SETGID CAP_SETUID"
# The directory of a file that is made anew may be another user's, as that of a collector's metrics is.
_CAPABILITIES_TO_WRITE = f"{_CAPABILITIES_OF_ROOT} CAP_DAC_OVERRIDE"

_TIMER = """\
{heading}
# {task.id}: see bangui-schedule(1)
[Unit]
Description=bangui {task.unit} every {interval} ({task.id})

[Timer]
{when}
AccuracySec={accuracy}

[Install]
WantedBy=timers.target
"""
# What was missed while the host was off is done at its next start, and a fleet does not do it at once.
_SPREAD = "RandomizedDelaySec=1h\nPersistent=true"


def name(task: Task, kind: str) -> str:
    """Return the name of the `service` or the `timer` of a task."""
    return f"bangui-{task.unit}.{kind}"


def paths(directory: str) -> tuple[str, ...]:
    """Return the paths of all units that there may be in a directory."""
    return tuple(f"{directory}/{name(task, kind)}" for task in TASKS for kind in ("service", "timer"))


def links(directory: str) -> dict[str, str]:
    """Return what `systemctl enable` makes, by the path of the timer."""
    timers = (name(task, "timer") for task in TASKS)
    return {f"{directory}/{timer}": f"{directory}/timers.target.wants/{timer}" for timer in timers}


def render(directory: str, plan: Plan) -> tuple[File, ...]:
    """Return a service and a timer a task. Raise UsageFault for a command that systemd refuses."""
    files = []
    for planned in plan.tasks:
        files.append(File(f"{directory}/{name(planned.task, 'service')}", _service(plan, planned)))
        files.append(File(f"{directory}/{name(planned.task, 'timer')}", _timer(planned)))
    return tuple(files)


def quote(word: str) -> str:
    """Quote a word for a unit file, where % begins a specifier and a backslash an escape."""
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{escaped}"' if set(escaped) & set(" \"'\\;") else escaped


def span(seconds: float) -> str:
    """Write a span of time as systemd reads it, to the millisecond."""
    return f"{seconds:.3f}".rstrip("0").rstrip(".") + "s"


def _service(plan: Plan, planned: PlannedTask) -> str:
    program = planned.command_line[0]
    if set(program) & set("\"'\\"):
        raise UsageFault(
            f"systemd starts no program with a quote or a backslash in its path: {program}",
            hint="give another path with --command",
        )
    directory = plan.database.directory
    return _SERVICE.format(
        heading=HEADING,
        task=planned.task,
        command=planned.task.command,
        command_line=" ".join(map(quote, planned.command_line)),
        user="" if plan.is_own or planned.user == ROOT else f"User={planned.user}\n",
        environment="".join(f"Environment={quote(each)}\n" for each in planned.variables),
        timeout_s=math.ceil(planned.timeout_s) + _TIMEOUT_MARGIN_S,
        mounts=f"RequiresMountsFor={quote(directory)}\n" if directory and not plan.is_own else "",
        families="AF_UNIX" if directory else "AF_UNIX AF_INET AF_INET6",
        of_system="" if plan.is_own else _of_system(planned, directory),
    )


def _of_system(planned: PlannedTask, directory: str | None) -> str:
    written = [directory, planned.output and os.path.dirname(planned.output)]
    directories = list(dict.fromkeys(filter(None, written)))
    seen = (*planned.command_line, *(f"{each}/" for each in directories))
    capabilities = _CAPABILITIES_TO_WRITE if planned.output else _CAPABILITIES_OF_ROOT
    return _OF_SYSTEM.format(
        capabilities=capabilities if planned.user == ROOT else "",
        # A private /tmp would hide what lies in the real one.
        private_tmp="no" if any(word.startswith(_TEMPORARY) for word in seen) else "yes",
        # Where one is missing, bangui itself says so, and what to do.
        writable="".join(f"ReadWritePaths={quote(f'-{each}')}\n" for each in directories),
    )


def _timer(planned: PlannedTask) -> str:
    interval = span(planned.interval_s)
    is_rare = planned.interval_s >= _DAY_S
    if planned.interval_s == _DAY_S:
        when = "OnCalendar=*-*-* {:02}:{:02}:00".format(*planned.time_of_day)
    else:
        when = f"OnActiveSec=0\nOnUnitActiveSec={interval}"
    return _TIMER.format(
        heading=HEADING,
        task=planned.task,
        interval=interval,
        when=f"{when}\n{_SPREAD}" if is_rare else when,
        accuracy="1min" if is_rare else "100ms",
    )
