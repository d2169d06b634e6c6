"""`bangui collect`: remember fail2ban's bans, and resolve their addresses."""

from contextlib import ExitStack
from functools import partial

import click

from bangui_cli.cli import options, parameters
from bangui_cli.fail2ban.bans import read_page
from bangui_cli.host import terminal
from bangui_cli.host.deadline import Deadline
from bangui_cli.jobs import collect
from bangui_cli.jobs.catalogue import COLLECT
from bangui_cli.jobs.collect import Read
from bangui_cli.jobs.frame import run_job
from bangui_cli.jobs.report import Report
from bangui_cli.jobs.run import Run
from bangui_cli.resolving import files
from bangui_cli.resolving.resolver import Resolver
from bangui_cli.settings.invocation import Invocation
from bangui_cli.settings.table import Settings
from bangui_cli.states import exit_codes
from bangui_cli.store import gives_up_rights, open_memory


@options.command("collect", example="bangui collect --json")
@options.fail2ban_option("The database to read, if it is not where the setting says.")
@options.setting_option(
    "--timeout", setting="collect_timeout", metavar="TIME", help="The longest the run may take."
)
@options.setting_option(
    "--geoip-db", setting="geoip_db", metavar="PATH", multiple=True,
    help="An MMDB file; more than once for several, of which the first that knows counts.",
)  # fmt: skip
@click.option(
    "--max-age", "max_age_s", type=parameters.WAIT, metavar="TIME", default="30d", show_default=True,
    help="Resolve again what was resolved before this time; 0 resolves each address anew.",
)  # fmt: skip
@click.option("--no-resolve", is_flag=True, help="Only remember the bans; resolve no address.")
@options.spread_option
@options.format_option("text", "json")
@click.pass_obj
def command(
    invocation: Invocation, *, fail2ban: bool, max_age_s: float, no_resolve: bool, layout: str
) -> int:
    """Remember the bans of fail2ban's database, and stage what MMDB files know of their addresses.

    Without an MMDB file the bans are remembered all the same.
    """
    as_json = layout == "json"
    with ExitStack() as stack:
        resolvers: list[Resolver] = []
        reads: list[Read] = []

        def prepare(settings: Settings, _: Deadline) -> None:
            reads.append(_reader(stack, settings))
            if not no_resolve and files.are_there(settings.geoip_db):
                resolvers.append(_resolver(stack, settings, max_age_s))

        def work(run: Run) -> None:
            collect.collect(run, reads[0], resolvers[0] if resolvers else None)

        report = run_job(
            COLLECT, invocation, work,
            held_ok=False, as_json=as_json, prepare=prepare, opens=open_memory, durable=True,
        )  # fmt: skip
    if report.exit_code == exit_codes.DONE and not as_json and terminal.stdout_is_terminal():
        invocation.tell(_result(report, resolves=bool(resolvers), no_resolve=no_resolve))
    return report.exit_code


def _reader(stack: ExitStack, settings: Settings) -> Read:
    """Return what reads fail2ban's database, with the rights of now."""
    if not gives_up_rights(settings.database_path):
        return partial(read_page, settings.fail2ban_db)
    from bangui_cli.fail2ban import by_root

    return stack.enter_context(by_root.reading_pages(settings.fail2ban_db))


def _resolver(stack: ExitStack, settings: Settings, max_age_s: float) -> Resolver:
    opened = partial(files.open_files, settings.geoip_db, registered=settings.geoip_registered)
    resolver = Resolver(lambda: stack.enter_context(opened()), max_age_s)
    if gives_up_rights(settings.database_path):
        resolver.open()
    return resolver


def _result(report: Report, *, resolves: bool, no_resolve: bool) -> str:
    from bangui_cli.telling.readable import counted

    counts = {key: count or 0 for key, count in report.counts.items()}
    told = f"recorded {counted(counts['recorded'], 'ban')}" if counts["recorded"] else "no new ban"
    told += f", {counts['updated']:,} with other values than before" if counts["updated"] else ""
    told += f", skipped {counts['skipped']:,} without an address or a time" if counts["skipped"] else ""
    if resolves:
        staged = counted(counts["staged"], "address", "addresses")
        return f"{told}; staged {staged}, {counts['resolved']:,} with a country"
    return told if no_resolve else f"{told}; there is no MMDB file to look addresses up in"
