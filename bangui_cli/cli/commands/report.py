"""`bangui report`: where the addresses, or the bans, come from."""

from collections.abc import Mapping

import click

from bangui_cli.access import reading
from bangui_cli.cli import options
from bangui_cli.host import terminal
from bangui_cli.reporting import collect
from bangui_cli.reporting.summary import KEYS, Report, summarise
from bangui_cli.settings.invocation import Invocation
from bangui_cli.states import events
from bangui_cli.states.errors import UsageFault
from bangui_cli.telling import output


@options.command("report", example="bangui report --fail2ban --jail sshd --since 7d --by asn --top 10")
@click.option(
    "--by", type=click.Choice(KEYS), default="country", show_default=True, help="What to count by."
)
@click.option(
    "--top", type=options.ROWS, metavar="N", help="Show the N most frequent; the rest is summed up."
)
@options.fail2ban_option("Count the bans of fail2ban's database instead of the addresses.")
@click.option("--jail", metavar="NAME", help="With --fail2ban: only this jail's bans.")
@click.option(
    "--since", "within_s", type=options.DURATION, metavar="TIME",
    help="With --fail2ban: only the bans of this last time, such as 7d.",
)  # fmt: skip
@click.option("--active", is_flag=True, help="With --fail2ban: only the bans that are in force now.")
@options.format_option("table", "json", "csv")
@click.pass_obj
def command(
    invocation: Invocation,
    *,
    by: str,
    top: int | None,
    fail2ban: bool,
    jail: str | None,
    within_s: float | None,
    active: bool,
    layout: str,
) -> None:
    """Show where the cached addresses, or with --fail2ban the bans, come from.

    What has no country (or ASN, or organisation) is counted as unknown.
    """
    if not fail2ban and (jail is not None or within_s is not None or active):
        raise UsageFault("--jail, --since and --active are about bans", hint="add --fail2ban")
    settings = invocation.settings
    bans = None
    if fail2ban:
        bans = collect.read_bans(settings.fail2ban_db, jail=jail, within_s=within_s, active=active)
        _warn_of_no_bans(invocation, bans, jail)
    with reading.open_snapshot(settings.database_path) as store:
        if bans is None:
            counted = collect.count_addresses(store, by)
        else:
            counted = collect.count_bans(store, bans, by)
        report = summarise(by, counted, top)
    _print(report, layout)


def _warn_of_no_bans(invocation: Invocation, bans: Mapping[str, int], jail: str | None) -> None:
    """Name a jail that has no ban: it may be a typing mistake."""
    if jail is not None and not bans:
        jails = collect.other_jails(invocation.settings.fail2ban_db, jail)
        if jails is not None:
            invocation.log.emit(events.JAIL_WITHOUT_BANS, jail=jail, jails=jails)


def _print(report: Report, layout: str) -> None:
    if layout == "json":
        output.print_json(report.as_json())
        return
    from bangui_cli.reporting.layout import csv_text, table_rows

    if layout == "csv":
        output.print_text(csv_text(report))
    else:
        columns = terminal.stdout_columns()
        output.print_table(table_rows(report, columns), columns)
