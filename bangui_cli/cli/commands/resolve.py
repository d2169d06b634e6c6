"""`bangui resolve`: look addresses up in local MMDB files."""

from collections.abc import Iterator
from functools import partial
from itertools import chain

import click

from bangui_cli.access import staging
from bangui_cli.access.staging import Staging
from bangui_cli.cli import options
from bangui_cli.host import terminal
from bangui_cli.host.stdin import open_stdin
from bangui_cli.resolving import addresses, mmdb
from bangui_cli.resolving.addresses import Tally
from bangui_cli.resolving.stage import stage_resolved
from bangui_cli.rules.validation import Rejected, normalise_ip
from bangui_cli.settings.invocation import Invocation
from bangui_cli.states import events
from bangui_cli.states.errors import BadData, UsageFault
from bangui_cli.telling import output
from bangui_cli.telling.progress import ProgressBar

_STDIN = "-"
_EXAMPLE = """\
bangui resolve 192.0.2.1 --geoip-db /usr/share/GeoIP/GeoLite2-City.mmdb
bangui resolve --fail2ban --max-age 30d"""


class _Resolve(options.Command):
    """Its --fail2ban takes a path or nothing: an address that follows is an address to resolve."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Keep --fail2ban from swallowing an address or the - for stdin."""
        following = [*args[1:], ""]
        return super().parse_args(ctx, list(map(_without_path, args, following)))


def _without_path(argument: str, following: str) -> str:
    if argument == "--fail2ban" and (following == _STDIN or _is_address(following)):
        return "--fail2ban="
    return argument


def _is_address(text: str) -> bool:
    try:
        return bool(normalise_ip(text))
    except Rejected:
        return False


@click.command("resolve", cls=_Resolve, example=_EXAMPLE)
@click.argument("texts", metavar="[IP...|-]", nargs=-1)
@options.fail2ban_option("Resolve what fail2ban has banned, unless it is known and not too old.")
@options.setting_option(
    "--geoip-db", setting="geoip_db", metavar="PATH", multiple=True,
    help="An MMDB file; more than once for several, of which the first that knows counts.",
)  # fmt: skip
@click.option(
    "--max-age", "max_age_s", type=options.DURATION, metavar="TIME", default="30d", show_default=True,
    help="With --fail2ban, resolve again what was resolved before this time.",
)  # fmt: skip
@options.json_option
@click.pass_obj
def command(
    invocation: Invocation, *, texts: tuple[str, ...], fail2ban: bool, max_age_s: float, as_json: bool
) -> None:
    """Look addresses up in local MMDB files, and stage the results.

    Each IP is an address, and - reads one a line from stdin. An address that no file knows is staged
    without a country.
    """
    if not texts and not fail2ban:
        raise UsageFault("nothing to resolve", hint="give addresses, - for stdin, or --fail2ban")
    settings = invocation.settings
    tally = Tally()
    with (
        mmdb.open_files(settings.geoip_db) as files,
        staging.open_staging(settings.database_path) as store,
        ProgressBar("resolving", lambda: None if _STDIN in texts else tally.read, "addresses") as bar,
        store.bulk_staging(),
    ):
        ips = _given(invocation, texts, tally, bar)
        if fail2ban:
            ips = chain(ips, addresses.banned(settings.fail2ban_db, store, max_age_s, tally))
        try:
            stage_resolved(Staging(store), files, ips, tally, bar.update)
        finally:
            bar.hide()
            _print_summary(tally, as_json=as_json)
    if tally.rejected:
        raise BadData(f"{tally.rejected:,} of {tally.read:,} addresses were rejected")


def _given(
    invocation: Invocation, texts: tuple[str, ...], tally: Tally, bar: ProgressBar
) -> Iterator[str]:
    """Yield the addresses of the command line, then those of stdin; log the others."""

    def reject(source: str, number: int, reason: str) -> None:
        bar.hide()
        invocation.log.emit(events.IMPORT_ROW_REJECTED, file=source, line=number, reason=reason)

    named = [text for text in texts if text != _STDIN]
    yield from addresses.given(named, tally, partial(reject, "arguments"))
    if _STDIN in texts:
        yield from addresses.given(addresses.lines(open_stdin()), tally, partial(reject, _STDIN))


def _print_summary(tally: Tally, *, as_json: bool) -> None:
    if as_json:
        output.print_summary(output.json_text(tally.as_json()))
    elif terminal.stdout_is_terminal():
        left_out = {"still fresh": tally.fresh, "skipped": tally.skipped, "rejected": tally.rejected}
        rest = "".join(f", {count:,} {what}" for what, count in left_out.items() if count)
        output.print_summary(
            f"staged {tally.staged:,} addresses, {tally.resolved:,} with a country{rest}"
        )
