"""The schedule as systemd units, a service and a timer a job: pure text, made from a plan."""

import math
import os

from bangui_cli.jobs.catalogue import LOCK_KEEPERS, Job
from bangui_cli.scheduling.plan import HEADING, ROOT, File, Plan, PlannedJob
from bangui_cli.states.errors import UsageFault

_DIRECTORY = "/etc/systemd/system"
# A job ends itself at its own timeout; systemd is there for the one that cannot.
_TIMEOUT_MARGIN_S = 10
_TEMPORARY = ("/tmp/", "/var/tmp/")  # noqa: S108

# No Documentation=man:…: `systemd-analyze verify` fails where the page is not on the manual's path.
_SERVICE = """\
{heading}
# {job.id}: see bangui-{job.command}(1)
[Unit]
Description=bangui {job.command} ({job.id})
{mounts}# Systemd's own limit, 5 starts in 10 s, would stop a timer of less than 2 s.
StartLimitIntervalSec=0

[Service]
Type=oneshot
ExecStart=:{command}
{user}SyslogIdentifier=bangui
# 75: the lease passed to another instance during the run.
SuccessExitStatus=75
TimeoutStartSec={timeout_s}
UMask=0077
CapabilityBoundingSet={capabilities}
LockPersonality=yes
MemoryDenyWriteExecute=yes
NoNewPrivileges=yes
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
{writable}RestrictAddressFamilies=AF_UNIX
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
"""

# Root becomes the user whose database it is, and leaves the group of its own to what lies beside it.
_CAPABILITIES_OF_ROOT = "CAP_CHOWN CAP_SETGID CAP_SETUID"

_TIMER = """\
{heading}
# {job.id}: see bangui-schedule(1)
[Unit]
Description=bangui {job.command} every {interval} ({job.id})

[Timer]
OnActiveSec=0
OnUnitActiveSec={interval}
AccuracySec=100ms

[Install]
WantedBy=timers.target
"""


def path(job: Job, kind: str) -> str:
    """Return where the `service` or the `timer` of a job is installed."""
    return f"{_DIRECTORY}/bangui-{job.command}.{kind}"


PATHS = tuple(path(job, kind) for job in LOCK_KEEPERS for kind in ("service", "timer"))
TIMERS = " ".join(os.path.basename(path(job, "timer")) for job in LOCK_KEEPERS)
# What `systemctl enable` makes.
LINKS = tuple(f"{_DIRECTORY}/timers.target.wants/bangui-{job.command}.timer" for job in LOCK_KEEPERS)


def render(plan: Plan) -> tuple[File, ...]:
    """Return a service and a timer a job. Raise UsageFault for a command that systemd refuses."""
    files = []
    for planned in plan.jobs:
        files.append(File(path(planned.job, "service"), _service(plan, planned)))
        files.append(File(path(planned.job, "timer"), _timer(planned)))
    return tuple(files)


def quote(word: str) -> str:
    """Quote a word for a unit file, where % begins a specifier and a backslash an escape."""
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{escaped}"' if set(escaped) & set(" \"'\\;") else escaped


def span(seconds: float) -> str:
    """Write a span of time as systemd reads it, to the millisecond."""
    return f"{seconds:.3f}".rstrip("0").rstrip(".") + "s"


def _service(plan: Plan, planned: PlannedJob) -> str:
    program = planned.command_line[0]
    if set(program) & set("\"'\\"):
        raise UsageFault(
            f"systemd starts no program with a quote or a backslash in its path: {program}",
            hint="give another path with --command",
        )
    directory = plan.database.directory
    seen = (*planned.command_line, f"{directory}/" if directory else "")
    return _SERVICE.format(
        heading=HEADING,
        job=planned.job,
        command=" ".join(map(quote, planned.command_line)),
        user="" if plan.user == ROOT else f"User={plan.user}\n",
        capabilities=_CAPABILITIES_OF_ROOT if plan.user == ROOT else "",
        timeout_s=math.ceil(planned.timeout_s) + _TIMEOUT_MARGIN_S,
        mounts=f"RequiresMountsFor={quote(directory)}\n" if directory else "",
        # Where it is missing, bangui itself says so, and what to do.
        writable=f"ReadWritePaths={quote(f'-{directory}')}\n" if directory else "",
        # A private /tmp would hide what lies in the real one.
        private_tmp="no" if any(word.startswith(_TEMPORARY) for word in seen) else "yes",
    )


def _timer(planned: PlannedJob) -> str:
    return _TIMER.format(heading=HEADING, job=planned.job, interval=span(planned.interval_s))
