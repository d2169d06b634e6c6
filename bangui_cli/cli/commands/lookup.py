"""`bangui lookup`: what is known of an address."""

from collections.abc import Iterable, Iterator
from typing import Any

import click

from bangui_cli.cli import options, parameters
from bangui_cli.host.stdin import open_stdin
from bangui_cli.resolving.addresses import words
from bangui_cli.resolving.lookup import UNKNOWN, Found, look_up, look_up_resolving
from bangui_cli.rules.validation import (
    Rejected,
    normalise_country,
    normalise_country_code,
    normalise_ip,
)
from bangui_cli.settings.invocation import Invocation
from bangui_cli.states import exit_codes
from bangui_cli.states.errors import BadData
from bangui_cli.store.bans import Ban
from bangui_cli.telling import output

_STDIN = "-"
_OF_BAN = ("banned_at", "ip", "jail", "instance", "bantime_s", "bancount", "failures")
_EXAMPLE = """\
bangui lookup 192.0.2.1 2001:db8::1 --json
bangui lookup 192.0.2.1 --in DE,AT,CH && echo welcome"""


def _parse_countries(text: object) -> frozenset[str]:
    """Parse the value of --in. Raise ValueError."""
    codes = frozenset(map(normalise_country_code, str(text).split(",")))
    if None in codes:
        raise ValueError("a code in it stands for no country")
    return frozenset(code for code in codes if code)


_COUNTRIES = parameters.Parsed(_parse_countries, "countries")


@options.command("lookup", example=_EXAMPLE)
@click.argument("addresses", metavar="IP...|-", nargs=-1, required=True)
@click.option(
    "--resolve", is_flag=True,
    help="Ask the MMDB files for what has no country, writing nothing.",
)  # fmt: skip
@click.option(
    "--in", "countries", type=_COUNTRIES, metavar="CC[,CC...]",
    help="Print nothing; exit 0 if there are addresses and all are in one of these countries, else 1.",
)  # fmt: skip
@options.setting_option(
    "--geoip-db", setting="geoip_db", metavar="PATH", multiple=True,
    help="An MMDB file to ask, which implies --resolve; more than once for several.",
)  # fmt: skip
@options.format_option("table", "json")
@click.pass_obj
def command(
    invocation: Invocation,
    *,
    addresses: tuple[str, ...],
    resolve: bool,
    countries: frozenset[str] | None,
    layout: str,
) -> int:
    """Show what is known of addresses, flushed or still dirty, and their bans.

    The exit code is 1 if of any there is nothing but bans.

    Each IP is an address, and - reads them from stdin, separated by white space.
    """
    if _STDIN in addresses:
        invocation.announce_stdin()
    ips = [_normalise(text) for text in _given(addresses)]
    resolve = resolve or "geoip_db" in invocation.flags
    found = _find(invocation, ips, resolve=resolve, with_bans=countries is None)
    if countries is not None:
        # Where there is no address, none is welcome.
        return _verdict([*(found[ip].entry.country_code in countries for ip in ips), bool(ips)])
    rows = [_describe(found[ip]) for ip in ips]
    if layout == "json":
        bans = ({"bans": list(map(_as_json, found[ip].bans))} for ip in ips)
        output.print_json([row | more for row, more in zip(rows, bans, strict=True)])
    else:
        _print_tables(rows, [ban for ip in dict.fromkeys(ips) for ban in found[ip].bans])
    return _verdict(row["state"] != UNKNOWN for row in rows)


def _find(invocation: Invocation, ips: list[str], *, resolve: bool, with_bans: bool) -> dict[str, Found]:
    settings = invocation.settings
    if not resolve:
        return look_up(settings.database_path, ips, with_bans=with_bans)
    return look_up_resolving(
        settings.database_path,
        ips,
        settings.geoip_db,
        registered=settings.geoip_registered,
        with_bans=with_bans,
    )


def _print_tables(rows: list[dict[str, Any]], bans: list[Ban]) -> None:
    """Print what is known, and below it the bans, if there are any, each once."""
    output.print_table(rows)
    if bans:
        from bangui_cli.reporting import ban_layout

        output.print_text("")
        output.print_table(list(map(ban_layout.without_origin, dict.fromkeys(bans))))


def _as_json(ban: Ban) -> dict[str, Any]:
    """Return a ban without its origin, which may be that of a network."""
    return {name: value for name, value in ban._asdict().items() if name in _OF_BAN}


def _given(texts: Iterable[str]) -> Iterator[str]:
    """Yield what the command line names, and in the place of - what stdin does."""
    for text in texts:
        if text != _STDIN:
            yield text
            continue
        yield from (word for _, word in words(open_stdin()))


def _normalise(address: str) -> str:
    try:
        return normalise_ip(address)
    except Rejected as error:
        raise BadData(
            f"{address!r} was rejected: {error}", hint="give addresses, no names or networks"
        ) from None


def _verdict(answers: Iterable[bool]) -> int:
    return exit_codes.DONE if all(answers) else exit_codes.UNKNOWN_ADDRESS


def _describe(found: Found) -> dict[str, Any]:
    entry = found.entry
    values = entry._asdict() | {"resolved_at": entry.resolved_at or None}
    if entry.country_code and not entry.country_name:
        values["country_name"] = normalise_country(entry.country_code, None)[1]
    return {"ip": values.pop("ip"), "state": found.state, **values}
