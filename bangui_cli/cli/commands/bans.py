"""`bangui bans`: the bans that bangui remembers, one by one."""

from collections.abc import Iterator
from itertools import chain

import click

from bangui_cli.access import reading
from bangui_cli.cli import options, parameters
from bangui_cli.cli.ban_options import selection_options, warn_of_no_bans
from bangui_cli.host import clocks, terminal
from bangui_cli.reporting import ban_layout, history
from bangui_cli.reporting.selection import Selection
from bangui_cli.rules import networks
from bangui_cli.rules.rereading import Copied
from bangui_cli.rules.validation import normalise_country_code
from bangui_cli.settings.invocation import Invocation
from bangui_cli.states import events
from bangui_cli.store import open_store
from bangui_cli.store.bans import Ban
from bangui_cli.telling import output
from bangui_cli.telling.readable import counted

_EXAMPLE = """\
bangui bans --jail sshd --since 7d --country CN,RU
bangui bans --ip 198.51.100.0/24 --limit 1000 --format csv"""
_USUAL_LIMIT_ROWS = 50


def _parse_countries(text: object) -> frozenset[str]:
    codes = [normalise_country_code(code) for code in str(text).split(",")]
    known = frozenset(code for code in codes if code)
    if None in codes:
        raise ValueError("a code that stands for no country")
    return known


_COUNTRIES = parameters.Parsed(_parse_countries, "countries")
_ADDRESS = parameters.Parsed(lambda text: networks.normalise(str(text)), "address")


@options.command("bans", example=_EXAMPLE)
@selection_options
@click.option(
    "--country", "countries", type=_COUNTRIES, multiple=True, metavar="CC[,CC...]",
    help="Only bans of addresses in this country; may be given again.",
)  # fmt: skip
@click.option(
    "--ip", "addresses", type=_ADDRESS, multiple=True, metavar="IP|NETWORK",
    help="Only bans of this address, and of networks that hold it, or of all in this network; "
    "may be given again.",
)  # fmt: skip
@click.option(
    "--limit", "limit_rows", type=parameters.ROWS, default=_USUAL_LIMIT_ROWS, show_default=True,
    metavar="N", help="Show so many, and count what is left out.",
)  # fmt: skip
@options.format_option("table", "json", "csv")
@click.pass_obj
def command(
    invocation: Invocation,
    *,
    selection: Selection,
    countries: tuple[frozenset[str], ...],
    addresses: tuple[str, ...],
    limit_rows: int,
    layout: str,
) -> None:
    """Show the bans that bangui remembers, the newest first.

    They are those that collect has recorded, with the origin that lookup tells. Times are UTC.
    """
    which = selection.as_filter(clocks.wall_s())._replace(
        countries=tuple(sorted(frozenset().union(*countries))), addresses=addresses
    )
    with open_store(invocation.settings.database_path) as store:
        with reading.one_state(store):
            bans, left_out = history.read_newest(store, which, limit_rows)
            known = history.find_sources(store, selection)
        warn_of_no_bans(invocation, selection, known)
        _show(invocation, bans.each(ban_layout.with_name), left_out, layout)


def _show(invocation: Invocation, bans: Copied[Ban], left_out: int, layout: str) -> None:
    if layout == "json":
        rows = (ban._asdict() for ban in bans)
        counts = {"total": len(bans) + left_out, "left_out": left_out}
        output.print_texts(output.json_texts(counts, "bans", rows))
    elif layout == "csv":
        output.print_texts(ban_layout.csv_texts(bans))
        if left_out:
            invocation.log.emit(events.BANS_LEFT_OUT, left_out=left_out)
    else:
        output.print_texts(_table_texts(bans, left_out))


def _table_texts(bans: Copied[Ban], left_out: int) -> Iterator[str]:
    if not bans:
        return iter(["no bans"])
    texts = output.table_texts(bans.each(ban_layout.with_origin), terminal.stdout_columns())
    rest = f"\n\n{counted(left_out, 'more ban')} left out: see --limit" if left_out else ""
    return chain(texts, [rest])
