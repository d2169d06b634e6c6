"""`bangui flush`: one flush pass."""

import click

from bangui_cli.cli import options, parameters
from bangui_cli.host import terminal
from bangui_cli.jobs import flush
from bangui_cli.jobs.catalogue import FLUSH, OK
from bangui_cli.jobs.frame import run_job
from bangui_cli.jobs.report import Report
from bangui_cli.jobs.run import Run
from bangui_cli.settings.invocation import Invocation
from bangui_cli.states import exit_codes


@options.command("flush", example="bangui flush --timeout 30s --json")
@options.setting_option(
    "--timeout", setting="flush_timeout", metavar="TIME", help="The longest the run may take."
)
@options.setting_option(
    "--batch-size", setting="batch_size", metavar="ROWS", help="The most rows of one transaction."
)
@click.option(
    "--wait",
    "wait_s",
    type=parameters.WAIT,
    metavar="TIME",
    default="0",
    help="Wait for a lock that is held, within the timeout.  [default: do not wait]",
)
@click.option("--dry-run", is_flag=True, help="Change nothing; report what a flush would do.")
@options.held_ok_option
@options.spread_option
@options.format_option("text", "json")
@click.pass_obj
def command(invocation: Invocation, *, wait_s: float, dry_run: bool, held_ok: bool, layout: str) -> int:
    """Move the dirty entries into the cache, under the scheduler lock."""
    as_json = layout == "json"

    def work(run: Run) -> None:
        if dry_run:
            flush.rehearse(run)
        else:
            flush.flush(run, wait_s)

    report = run_job(FLUSH, invocation, work, held_ok=held_ok, as_json=as_json, dry_run=dry_run)
    if report.exit_code == exit_codes.DONE and not as_json and terminal.stdout_is_terminal():
        invocation.tell(_intention(report) if dry_run else _result(report))
    return report.exit_code


def _intention(report: Report) -> str:
    from bangui_cli.telling.readable import counted

    if report.outcome != OK:
        return "would do nothing: another instance holds the lock"
    rows, lock = report.counts["flushed"], report.lock_intention
    return (
        f"would flush {counted(rows, 'row')} and {lock}" if rows else f"nothing to flush; would {lock}"
    )


def _result(report: Report) -> str:
    from bangui_cli.telling.readable import counted

    if report.outcome != OK:
        return "nothing done: another instance holds the lock"
    rows, left = report.counts["flushed"], report.counts["remaining"]
    if not rows:
        return "nothing to flush"
    rest = f", {left:,} staged meanwhile" if left else ""
    return f"flushed {counted(rows, 'row')} in {report.duration_s():.2f} s{rest}"
