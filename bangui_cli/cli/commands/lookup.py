"""`bangui lookup`: what is known of an address."""

from typing import Any

import click

from bangui_cli.access import reading
from bangui_cli.cli import options
from bangui_cli.rules import entry
from bangui_cli.rules.entry import Entry
from bangui_cli.rules.validation import Rejected, normalise_ip
from bangui_cli.settings.invocation import Invocation
from bangui_cli.states import exit_codes
from bangui_cli.states.errors import BadData
from bangui_cli.telling import output


@options.command("lookup", example="bangui lookup 192.0.2.1 2001:db8::1 --json")
@click.argument("addresses", metavar="IP...", nargs=-1, required=True)
@options.format_option("table", "json")
@click.pass_obj
def command(invocation: Invocation, addresses: tuple[str, ...], *, layout: str) -> int:
    """Show what is known of addresses, flushed or still dirty; exit 1 if any is unknown."""
    wanted = [_normalise(address) for address in addresses]
    with reading.open_snapshot(invocation.settings.database_path) as store:
        found = [_describe(ip, *store.find(ip)) for ip in wanted]
    if layout == "json":
        output.print_json(found)
    else:
        output.print_table(found)
    unknown = any(row["state"] == "unknown" for row in found)
    return exit_codes.UNKNOWN_ADDRESS if unknown else exit_codes.DONE


def _normalise(address: str) -> str:
    try:
        return normalise_ip(address)
    except Rejected as error:
        raise BadData(
            f"{address!r} was rejected: {error}", hint="give addresses, no names or networks"
        ) from None


def _describe(ip: str, cached: Entry | None, dirty: Entry | None) -> dict[str, Any]:
    known, state = cached, "cached"
    if dirty and (cached is None or entry.beats(dirty, cached)):
        known, state = dirty, "dirty"
    if known is None:
        known, state = Entry(ip, None, None, None, None, ""), "unknown"
    values = known._asdict()
    return {"ip": values.pop("ip"), "state": state, **values, "resolved_at": known.resolved_at or None}
