"""`bangui add`: stage one entry."""

import click

from bangui_cli.access import staging
from bangui_cli.cli import options
from bangui_cli.host import clocks
from bangui_cli.rules import timestamps
from bangui_cli.rules.entry import Entry
from bangui_cli.rules.validation import Rejected, make_entry
from bangui_cli.settings.invocation import Invocation
from bangui_cli.states.errors import BadData


@options.command("add", example="bangui add 192.0.2.1 --country-code DE --country-name Germany")
@click.argument("ip")
@click.option(
    "--country-code", metavar="CODE",
    help="Two letters.  [default: those of the name, else a failed resolution]",
)  # fmt: skip
@click.option("--country-name", metavar="NAME", help="Its name.  [default: that of ISO 3166]")
@click.option("--asn", metavar="ASN", help="The autonomous system: AS64496 or 64496.")
@click.option("--org", metavar="NAME", help="The organisation.")
@click.option(
    "--resolved-at", metavar="TIME", help="ISO 8601, UTC unless it has a zone.  [default: now]"
)
@click.pass_obj
def command(invocation: Invocation, /, ip: str, **fields: str | None) -> None:
    """Stage one entry: the next flush moves it into the cache."""
    try:
        entry = make_entry(ip, **fields, now_s=clocks.wall_s())
    except Rejected as error:
        raise BadData(
            f"{ip!r} was rejected: {error}", hint="correct it; see bangui add --help"
        ) from None
    with staging.open_staging(invocation.settings.database_path) as store:
        if fields["resolved_at"] is None:
            entry = entry._replace(resolved_at=timestamps.to_text(store.now().wall_s))
        staging.stage(store, entry)
    invocation.tell(_sentence(entry))


def _sentence(entry: Entry) -> str:
    halves = (entry.country_code, entry.country_name), (entry.asn, entry.org)
    known = [" ".join(filter(None, half)) for half in halves if any(half)]
    facts = ", ".join(known) if entry.knows_anything else "a failed resolution"
    return f"staged {entry.ip} ({facts}); the next flush moves it into the cache"
