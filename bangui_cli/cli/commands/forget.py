"""`bangui forget`: delete all that is known of addresses."""

from collections.abc import Sequence

import click

from bangui_cli.cli import options
from bangui_cli.fail2ban.database import read_addresses
from bangui_cli.host import clocks
from bangui_cli.rules import networks
from bangui_cli.rules.validation import Rejected
from bangui_cli.settings.invocation import Invocation
from bangui_cli.states import events
from bangui_cli.states.errors import BadData, BanguiError
from bangui_cli.store import open_upkeep
from bangui_cli.store.upkeep import Forgotten
from bangui_cli.telling import output
from bangui_cli.telling.readable import counted


@options.command("forget", example="bangui forget 192.0.2.1 2001:db8::/32")
@click.argument("texts", metavar="IP|NETWORK...", nargs=-1, required=True)
@options.format_option("text", "json")
@click.pass_obj
def command(invocation: Invocation, *, texts: tuple[str, ...], layout: str) -> None:
    """Delete all that is known of addresses: in the cache, the dirty set and the history of bans.

    Of a NETWORK, such as 192.0.2.0/24, it is all addresses and all networks in it. Where any of the
    arguments is neither, nothing is deleted.
    """
    targets = [_normalise(text) for text in texts]
    settings = invocation.settings
    # Before the store is opened: fail2ban's database is root's.
    held = _still_banned(settings.fail2ban_db, targets)
    with open_upkeep(settings.database_path, durable=True) as store:
        forgotten = store.forget(targets)
    if layout == "json":
        _print_json(invocation, forgotten, held)
    else:
        invocation.log.emit(events.FORGOTTEN, **_counts(forgotten))
        invocation.tell(_sentence(forgotten))
    if held:
        hint = "unban it there first: fail2ban-client unban IP; its history ends with its dbpurgeage"
        invocation.log.emit(events.FORGOTTEN_STILL_BANNED, held=held, hint=hint)


def _normalise(text: str) -> str:
    try:
        return networks.normalise(text)
    except Rejected as error:
        hint = "give addresses and networks, such as 192.0.2.0/24 or 2001:db8::/48; nothing was deleted"
        raise BadData(f"{text!r} was rejected: {error}", hint=hint) from None


def _still_banned(path: str, targets: Sequence[str]) -> int | None:
    """Count the targets that fail2ban holds something of; None where its database cannot be read."""
    try:
        texts = [found for text in read_addresses(path) if (found := _normal_or_none(text))]
    except BanguiError:
        return None
    return sum(bool(networks.within(texts, target)) for target in targets)


def _normal_or_none(text: str) -> str | None:
    try:
        return networks.normalise(text)
    except Rejected:
        return None


def _print_json(invocation: Invocation, forgotten: Forgotten, held: int | None) -> None:
    counts = {**_counts(forgotten), "held_by_fail2ban": held}
    duration_s = round(clocks.monotonic_s() - invocation.started_s, 3)
    identity = {"duration_s": duration_s, "correlation_id": invocation.correlation_id}
    output.print_summary(output.json_text({**counts, **identity}))


def _counts(forgotten: Forgotten) -> dict[str, int]:
    return dict(zip(("cache", "dirty", "history"), forgotten, strict=True))


def _sentence(forgotten: Forgotten) -> str:
    if not any(forgotten):
        return "nothing was known of it"
    entries = counted(forgotten.cache_rows + forgotten.dirty_rows, "entry", "entries")
    return f"forgot {entries} and {counted(forgotten.history_rows, 'ban')}"
