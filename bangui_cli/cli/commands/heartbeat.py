"""`bangui heartbeat`: one heartbeat pass."""

import click

from bangui_cli.cli import options
from bangui_cli.host import terminal
from bangui_cli.jobs.catalogue import HEARTBEAT, OK
from bangui_cli.jobs.frame import run_job
from bangui_cli.jobs.heartbeat import beat
from bangui_cli.jobs.report import Report
from bangui_cli.rules import lease
from bangui_cli.rules.durations import approximate
from bangui_cli.settings.invocation import Invocation
from bangui_cli.states import exit_codes

_DONE = {
    lease.CREATED: "took the free lock",
    lease.REFRESHED: "refreshed the lock",
    lease.REACQUIRED: "took the lock again, which had expired,",
    lease.TAKEN_OVER: "took over the expired lock of another instance",
}


@options.command("heartbeat", example="bangui heartbeat --held-ok")
@options.setting_option(
    "--timeout", setting="heartbeat_timeout", metavar="TIME", help="The longest the run may take."
)
@options.held_ok_option
@options.spread_option
@options.format_option("text", "json")
@click.pass_obj
def command(invocation: Invocation, *, held_ok: bool, layout: str) -> int:
    """Refresh the scheduler lock, or take it over when it is free or stale."""
    report = run_job(HEARTBEAT, invocation, beat, held_ok=held_ok, as_json=layout == "json")
    if report.exit_code == exit_codes.DONE and layout == "text" and terminal.stdout_is_terminal():
        invocation.tell(_result(report, invocation.settings.lock_ttl))
    return report.exit_code


def _result(report: Report, lock_ttl_s: float) -> str:
    if report.outcome != OK:
        return "nothing done: another instance holds the lock"
    done = _DONE[report.lock["outcome"]]
    return f"{done} for {report.lock['owner']}: it is fresh for {approximate(lock_ttl_s)}"
