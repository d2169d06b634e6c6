"""`bangui resolve`: look addresses up in local MMDB files."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any

import click

from bangui_cli.access import staging, turns
from bangui_cli.access.staging import Staging
from bangui_cli.cli import options, parameters
from bangui_cli.fail2ban.database import read_addresses
from bangui_cli.host import terminal
from bangui_cli.host.deadline import Deadline
from bangui_cli.host.stdin import open_stdin
from bangui_cli.resolving import addresses
from bangui_cli.resolving.addresses import Reject, Tally
from bangui_cli.resolving.files import open_files
from bangui_cli.resolving.mmdb import Mmdb
from bangui_cli.resolving.stage import Found, stage_named, stage_resolved
from bangui_cli.rules.validation import Rejected, normalise_ip
from bangui_cli.settings.invocation import Invocation
from bangui_cli.settings.table import Settings
from bangui_cli.states import events, exit_codes
from bangui_cli.states.errors import BadData, BanguiError, UsageFault
from bangui_cli.store import open_handover
from bangui_cli.telling import output
from bangui_cli.telling.progress import ProgressBar
from bangui_cli.telling.readable import counted

if TYPE_CHECKING:
    from bangui_cli.jobs.run import Run

_STDIN, _ARGUMENTS = "-", "arguments"
_TIMEOUT_KEY = "re_resolve_timeout"
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
@click.option(
    "--cached", is_flag=True,
    help="Look up again what is cached without a country, or older than --max-age and than a file.",
)  # fmt: skip
@options.setting_option(
    "--geoip-db", setting="geoip_db", metavar="PATH", multiple=True,
    help="An MMDB file; more than once for several, of which the first that knows counts.",
)  # fmt: skip
@click.option(
    "--max-age", "max_age_s", type=parameters.WAIT, metavar="TIME", default="30d", show_default=True,
    help="Resolve again what fail2ban has banned, or what is cached, and was resolved before this time; "
    "0 resolves everything.",
)  # fmt: skip
@options.setting_option(
    "--timeout", setting=_TIMEOUT_KEY, metavar="TIME",
    help="With --cached, and only there: the longest the run may take.",
)  # fmt: skip
@options.spread_option
@options.format_option("text", "json")
@click.pass_obj
def command(
    invocation: Invocation,
    *,
    texts: tuple[str, ...],
    fail2ban: bool,
    cached: bool,
    max_age_s: float,
    layout: str,
) -> int | None:
    """Look addresses up in local MMDB files, and stage the results.

    Each IP is an address, and - reads addresses from stdin, with any white space between them. An
    address that no file knows is staged without a country.
    """
    _require_sense(invocation, cached=cached, named=bool(texts or fail2ban))
    if cached:
        return _re_resolve(invocation, max_age_s, as_json=layout == "json")
    turns.wait(invocation, "resolve")
    settings, tally = invocation.settings, Tally()
    # Before the store is opened: fail2ban's database is root's.
    banned = read_addresses(settings.fail2ban_db) if fail2ban else []
    shown: list[tuple[str, Found]] = []
    with (
        open_files(settings.geoip_db, registered=settings.geoip_registered) as files,
        staging.open_staging(settings.database_path) as store,
        ProgressBar("resolving", lambda: None if _STDIN in texts else tally.read, "addresses") as bar,
        store.bulk_staging(),
    ):
        _warn_of_no_countries(invocation, files)
        stale = addresses.banned(banned, store, files, max_age_s, tally)
        reject = partial(_reject, invocation, bar)
        named = addresses.named(_named(texts), tally, partial(reject, _ARGUMENTS))
        target = Staging(store)
        try:
            found = stage_named(target, files, [ip for _, ip in named], tally)
            shown += [(text, each) for (text, _), each in zip(named, found, strict=True)]
            if _STDIN in texts:
                invocation.announce_stdin()
            piped = _piped(texts, tally, partial(reject, _STDIN))
            stage_resolved(target, files, chain(piped, stale), tally, bar.update)
        finally:
            bar.hide()
            _print_results(shown, tally, as_json=layout == "json")
            if layout != "json":
                invocation.tell(_summary(tally))
    if tally.rejected:
        were = "was" if tally.rejected == 1 else "were"
        read = counted(tally.read, "address", "addresses")
        raise BadData(f"{tally.rejected:,} of {read} {were} rejected")
    return None


def _require_sense(invocation: Invocation, *, cached: bool, named: bool) -> None:
    if cached and named:
        raise UsageFault("--cached stands alone", hint="resolve addresses, or the bans, in another run")
    if not cached and not named:
        hint = "give addresses, - for stdin, --fail2ban or --cached"
        raise UsageFault("nothing to resolve", hint=hint)
    if not cached and _TIMEOUT_KEY in invocation.flags:
        hint = "leave it out, or let timeout(1) end the run: what was staged is kept"
        raise UsageFault("--timeout is for --cached alone", hint=hint)


def _re_resolve(invocation: Invocation, max_age_s: float, *, as_json: bool) -> int:
    """Run the job that looks the cache up again, in files that were opened with the rights of now."""
    from bangui_cli.jobs import re_resolve
    from bangui_cli.jobs.catalogue import RE_RESOLVE
    from bangui_cli.jobs.frame import run_job

    with ExitStack() as stack:
        files: list[Mmdb] = []
        failures: list[BanguiError] = []

        def prepare(settings: Settings, _: Deadline) -> None:
            opened = open_files(settings.geoip_db, registered=settings.geoip_registered)
            try:
                files.extend(stack.enter_context(opened))
            except BanguiError as error:
                failures.append(error)  # it is to be recorded, too
                return
            _warn_of_no_countries(invocation, files)

        def work(run: "Run") -> None:
            for failure in failures:
                raise failure
            with ProgressBar("resolving", lambda: None, "addresses") as bar:
                re_resolve.re_resolve(run, files, max_age_s, bar.update)

        report = run_job(
            RE_RESOLVE, invocation, work,
            held_ok=False, as_json=as_json, prepare=prepare, opens=open_handover, durable=True,
        )  # fmt: skip
    if report.exit_code == exit_codes.DONE and not as_json:
        staged = counted(report.counts["staged"] or 0, "address", "addresses")
        invocation.tell(f"staged {staged} anew, {report.counts['resolved'] or 0:,} with a country")
    return report.exit_code


def _warn_of_no_countries(invocation: Invocation, files: Sequence[Mmdb]) -> None:
    if not any(file.has_countries for file in files):
        paths = [file.path for file in files]
        hint = "add a Country or City file: all is staged without a country"
        invocation.log.emit(events.GEOIP_WITHOUT_COUNTRIES, files=paths, hint=hint)


def _named(texts: Sequence[str]) -> list[str]:
    return [text for text in texts if text != _STDIN]


def _piped(texts: Sequence[str], tally: Tally, reject: Reject) -> Iterator[str]:
    if _STDIN in texts:
        yield from addresses.given(addresses.words(open_stdin()), tally, reject)


def _reject(
    invocation: Invocation, bar: ProgressBar, source: str, number: int, text: str, reason: str
) -> None:
    bar.hide()
    typed = {"address": text} if source == _ARGUMENTS else {}
    place = {"file": source, "line": number}
    invocation.log.emit(events.IMPORT_ROW_REJECTED, **place, **typed, reason=reason)


def _print_results(shown: Sequence[tuple[str, Found]], tally: Tally, *, as_json: bool) -> None:
    if as_json:
        found = [{**_facts(each), "files": each.files} for _, each in shown]
        output.print_summary(output.json_text({**tally.as_json(), "addresses": found}))
    elif shown and terminal.stdout_is_terminal():
        output.print_summary("\n".join(_line(text, found) for text, found in shown))


def _facts(found: Found) -> dict[str, Any]:
    facts = found.entry._asdict()
    del facts["resolved_at"]
    return facts


def _line(text: str, found: Found) -> str:
    """Say what was found of an address, as it was typed, and where."""
    entry = found.entry
    halves = [(entry.country_code, entry.country_name), (entry.asn, entry.org)]
    known = ", ".join(" ".join(filter(None, half)) for half in halves if any(half))
    files = ", ".join(found.files)
    return terminal.safe(f"{text.strip()}: {known} ({files})" if known else f"{text.strip()}: unknown")


def _summary(tally: Tally) -> str:
    left_out = {
        "still fresh": tally.fresh,
        "skipped as no address": tally.skipped,
        "rejected": tally.rejected,
    }
    rest = "".join(f", {count:,} {what}" for what, count in left_out.items() if count)
    if tally.is_in_doubt:
        return f"staged ? addresses{rest}"
    staged = counted(tally.staged, "address", "addresses")
    return f"staged {staged}, {tally.resolved:,} with a country{rest}"
