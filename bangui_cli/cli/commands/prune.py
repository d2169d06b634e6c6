"""`bangui prune`: one pass that deletes what is no longer kept."""

import click

from bangui_cli.cli import options, parameters
from bangui_cli.host import terminal
from bangui_cli.host.deadline import Deadline
from bangui_cli.jobs import prune
from bangui_cli.jobs.catalogue import OK, PRUNE
from bangui_cli.jobs.frame import run_job
from bangui_cli.jobs.report import Report
from bangui_cli.jobs.run import Run
from bangui_cli.settings.invocation import Invocation
from bangui_cli.settings.table import Settings
from bangui_cli.states import exit_codes
from bangui_cli.states.errors import UsageFault
from bangui_cli.store import open_upkeep, place_of
from bangui_cli.telling.progress import ProgressBar


@options.command("prune", example="bangui prune --cache-age 90d --history-age never --dry-run")
@options.setting_option(
    "--cache-age", setting="cache_retention", metavar="TIME",
    help="Delete cached addresses that nothing has referred to for this time; never keeps all.",
)  # fmt: skip
@options.setting_option(
    "--history-age", setting="history_retention", metavar="TIME",
    help="Delete bans that are older; never keeps all.",
)  # fmt: skip
@options.setting_option(
    "--timeout", setting="prune_timeout", metavar="TIME", help="The longest the run may take."
)
@options.setting_option(
    "--batch-size", setting="batch_size", metavar="ROWS",
    help="The most rows that one transaction looks at.", default_text="40000",
)  # fmt: skip
@click.option(
    "--wait",
    "wait_s",
    type=parameters.WAIT,
    metavar="TIME",
    default="0",
    help="Wait for a lock that is held, within the timeout.  [default: do not wait]",
)
@click.option("--dry-run", is_flag=True, help="Change nothing; report what a prune would do.")
@click.option(
    "--compact", is_flag=True,
    help="Give the space back to the file system afterwards; takes as much free space as the file.",
)  # fmt: skip
@options.held_ok_option
@options.spread_option
@options.format_option("text", "json")
@click.pass_obj
def command(
    invocation: Invocation, *, wait_s: float, dry_run: bool, compact: bool, held_ok: bool, layout: str
) -> int:
    """Delete cached addresses and bans that nobody needs any more, under the scheduler lock.

    An address stays as long as it is dirty, or a ban of it is remembered.
    """
    as_json = layout == "json"

    def work(run: Run) -> None:
        if dry_run:
            prune.rehearse(run, compact=compact)
            return
        with ProgressBar("pruning", lambda: prune.total_rows(run)) as bar:
            prune.prune(run, wait_s, bar.update, compact=compact)

    report = run_job(
        PRUNE,
        invocation,
        work,
        held_ok=held_ok,
        as_json=as_json,
        dry_run=dry_run,
        prepare=_require_file if compact else None,
        opens=open_upkeep,
    )
    if report.exit_code == exit_codes.DONE and not as_json and terminal.stdout_is_terminal():
        invocation.tell(_intention(report) if dry_run else _result(report))
    return report.exit_code


def _require_file(settings: Settings, _: Deadline) -> None:
    """Raise UsageFault where the database is no file whose space is bangui's to give back."""
    if place_of(settings.database_path).directory is None:
        raise UsageFault(
            "--compact is for a database file", hint="leave it out: the server's autovacuum does it"
        )


def _intention(report: Report) -> str:
    if report.outcome != OK:
        return "would do nothing: another instance holds the lock"
    found = _pruned(report)
    if found is None:
        return f"nothing to prune; would {report.lock_intention}"
    return f"would prune {found}, and {report.lock_intention}"


def _result(report: Report) -> str:
    from bangui_cli.telling.readable import size

    if report.outcome != OK:
        return "nothing done: another instance holds the lock"
    found, freed_bytes = _pruned(report), report.counts["freed_bytes"]
    done = "nothing to prune" if found is None else f"pruned {found}"
    return f"{done}, freed {size(freed_bytes)}" if freed_bytes else done


def _pruned(report: Report) -> str | None:
    """Say how much it is, None where that is nothing."""
    from bangui_cli.telling.readable import counted

    cached, bans = (report.counts[key] or 0 for key in ("pruned_cache", "pruned_history"))
    if not cached and not bans:
        return None
    return f"{counted(cached, 'cached address', 'cached addresses')} and {counted(bans, 'ban')}"
