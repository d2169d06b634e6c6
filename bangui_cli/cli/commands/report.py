"""`bangui report`: where the addresses, or the bans, come from."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import click

from bangui_cli.access import reading, turns
from bangui_cli.cli import options, parameters, results
from bangui_cli.cli.ban_options import selection_options, warn_of_no_bans
from bangui_cli.host import clocks, terminal
from bangui_cli.reporting import collect, history
from bangui_cli.reporting.selection import Selection
from bangui_cli.reporting.summary import BAN_KEYS, COUNTRY, KEYS, Report, summarise
from bangui_cli.settings.invocation import Invocation
from bangui_cli.states.errors import UsageFault
from bangui_cli.store import open_store
from bangui_cli.telling import output

_EXAMPLE = """\
bangui report --history --since 30d --by asn --top 10
bangui report --history --by day --format csv --output bans.csv"""
_INSTANCE = "instance"
_HTML = "html"
# They tell of the history, and of all keys at once.
_PUBLISHED = (_HTML, "prometheus")


@options.command("report", example=_EXAMPLE)
@click.option(
    "--history", "of_history", is_flag=True, help="Count the bans that bangui remembers: see collect."
)
@options.fail2ban_option("Count the bans of fail2ban's database instead of the addresses.")
@click.option(
    "--by", type=click.Choice(KEYS), default=COUNTRY, show_default=True,
    help=f"What to count by; {', '.join(BAN_KEYS)}: bans alone.",
)  # fmt: skip
@click.option(
    "--top", type=parameters.ROWS, metavar="N",
    help="Show the N most frequent; the rest is summed up.  [default: all; html: 10, and 100 at most; "
    "prometheus: 50]",
)  # fmt: skip
@selection_options
@options.format_option("table", "json", "csv", *_PUBLISHED)
@results.output_option
@options.spread_option
@click.option("--title", metavar="TEXT", help="html: the heading of the page.  [default: Bans]")
@click.pass_obj
def command(
    invocation: Invocation,
    *,
    of_history: bool,
    fail2ban: bool,
    by: str,
    top: int | None,
    selection: Selection,
    layout: str,
    path: str | None,
    title: str | None,
) -> None:
    """Show where the cached addresses, or with --history or --fail2ban the bans, come from.

    What has no country (or ASN, or organisation) is counted as unknown. Times are local.
    """
    is_published = layout in _PUBLISHED
    if is_published and fail2ban:
        raise UsageFault(f"--format {layout} is of the history", hint="leave --fail2ban out")
    if is_published and by != COUNTRY:
        raise UsageFault(f"--format {layout} counts by all keys at once", hint="leave --by out")
    _require_fitting(by, selection, of_history=of_history or is_published, fail2ban=fail2ban)
    if title is not None and layout != _HTML:
        raise UsageFault("--title is the heading of a page", hint="add --format html")
    turns.wait(invocation, layout)
    with results.open_result(invocation, path) as deliver:
        if is_published:
            deliver([_publish(invocation, selection, layout, title, top)])
            return
        source = _of_fail2ban if fail2ban else _of_history if of_history else _of_cache
        with source(invocation, selection, by, top) as report:
            deliver(_render(report, layout, None if path else terminal.stdout_columns()))


def _require_fitting(by: str, selection: Selection, *, of_history: bool, fail2ban: bool) -> None:
    """Raise UsageFault for what the source does not know, and would pass over in silence."""
    if of_history and fail2ban:
        raise UsageFault("--history and --fail2ban are two sources", hint="give one of them")
    if not (of_history or fail2ban) and (selection != Selection() or by in BAN_KEYS):
        what = f"--by {by}" if by in BAN_KEYS else "to choose jails, instances and times"
        raise UsageFault(f"{what} is about bans", hint="add --history or --fail2ban")
    if fail2ban and (selection.instances or by == _INSTANCE):
        raise UsageFault("fail2ban's database knows no instances", hint="count with --history")


@contextmanager
def _of_cache(invocation: Invocation, _: Selection, by: str, top: int | None) -> Iterator[Report]:
    with reading.open_snapshot(invocation.settings.database_path) as store:
        counted = list(collect.count_addresses(store, by))
    yield summarise(by, counted, top)


@contextmanager
def _of_history(
    invocation: Invocation, selection: Selection, by: str, top: int | None
) -> Iterator[Report]:
    now_s = clocks.wall_s()
    with open_store(invocation.settings.database_path) as store:
        with reading.one_state(store):
            counted = history.read_bans(store, selection, by, top, now_s)
            known = history.find_sources(store, selection)
        # Writers wait for the end of a read: what can be done behind it is.
        warn_of_no_bans(invocation, selection, known)
        yield history.summarise_bans(counted, selection, by, top, now_s)


@contextmanager
def _of_fail2ban(
    invocation: Invocation, selection: Selection, by: str, top: int | None
) -> Iterator[Report]:
    settings, now_s = invocation.settings, clocks.wall_s()
    # fail2ban's file is root's: it is read before root becomes the user whose the database is.
    counted = collect.read_bans(settings.fail2ban_db, selection, by, now_s)
    known = collect.read_sources(settings.fail2ban_db, selection)
    warn_of_no_bans(invocation, selection, known)
    with reading.open_snapshot(settings.database_path) as store:
        report = collect.summarise_bans(store, counted, selection, by, top, now_s)
    yield report


def _publish(
    invocation: Invocation, selection: Selection, layout: str, title: str | None, top: int | None
) -> str:
    """Return the page, or the metrics, of the history."""
    from bangui_cli.reporting import publishing
    from bangui_cli.resolving import files

    settings, now_s = invocation.settings, clocks.wall_s()
    # What only root may read is read before root becomes the user whose the database is.
    built_s = files.oldest_build_s(settings.geoip_db, now_s) if layout == _HTML else None
    with reading.open_snapshot(settings.database_path) as store:
        if layout == _HTML:
            asked = publishing.Asked(
                selection, now_s, title or publishing.TITLE, top, settings.mask_ips, built_s
            )
            text = partial(publishing.page_text, publishing.gather(store.bans, asked))
        else:
            counts = publishing.count_bans(store, selection, now_s)
            text = partial(publishing.metrics_text, counts, top)
        known = history.find_sources(store, selection)
    warn_of_no_bans(invocation, selection, known)
    # Writers wait for the end of a read: the text is made behind it.
    return text()


def _render(report: Report, layout: str, columns: int | None) -> Iterator[str]:
    from bangui_cli.reporting.layout import csv_texts, json_texts, table_rows

    if layout == "table":
        return output.table_texts(table_rows(report, columns), columns)
    return json_texts(report) if layout == "json" else csv_texts(report)
