"""`bangui import`: stage many entries from files or stdin."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

import click

from bangui_cli import store
from bangui_cli.cli import options, parameters
from bangui_cli.host import clocks
from bangui_cli.host.files import PRIVATE, Output
from bangui_cli.settings.invocation import Invocation
from bangui_cli.states import events
from bangui_cli.states.errors import BadData, explain
from bangui_cli.telling import output
from bangui_cli.telling.progress import ProgressBar

if TYPE_CHECKING:
    from bangui_cli.importing.contents import Refusal
    from bangui_cli.importing.run import Import
    from bangui_cli.importing.sources import Source

_EXAMPLE = """\
bangui import answers.json more.csv --rejects rejected.txt
curl -s http://ip-api.com/batch -d '["192.0.2.1"]' | bangui import"""


@options.command("import", example=_EXAMPLE)
@click.argument("files", metavar="[FILE...|-]", nargs=-1, shell_complete=parameters.complete_files)
@click.option(
    "--format", "wanted_format", type=click.Choice(["auto", "jsonl", "json", "csv"]), default="auto",
    show_default=True, help="The form of the input; auto looks at its first line, not at its name.",
)  # fmt: skip
@click.option(
    "--rejects", "rejects_path", type=parameters.OUTPUT_PATH, metavar="FILE",
    shell_complete=parameters.complete_files,
    help="Write the rows that were refused to this file, to be corrected; it is new and yours alone.",
)  # fmt: skip
@click.option(
    "--history", is_flag=True,
    help="Read bans, as export history writes them, into the history.",
)  # fmt: skip
@options.json_option
@click.pass_obj
def command(
    invocation: Invocation,
    *,
    files: tuple[str, ...],
    wanted_format: str,
    rejects_path: str | None,
    history: bool,
    as_json: bool,
) -> None:
    """Stage many entries; the next flush moves them into the cache.

    Reads files, or stdin where there is none or "-": JSON Lines, JSON (an array, objects one after the
    other, a batch answer keyed by address) or CSV with a header (comma, semicolon or tab).

    Knows the field names of ip-api.com, ipinfo.io, MaxMind, DB-IP, IPLocate, GeoOpen, ipapi.is,
    ipwho.is, ipregistry, ipgeolocation.io, ipquery.io and its own: ip, country_code, country_name, asn,
    org, resolved_at or cached_at. Other fields are ignored; a warning tells of rows that have no others.
    Without a country an entry records a failed resolution.

    Good rows are staged, also where others are refused; then the exit code is 65. Importing the same
    again is harmless. A JSON document ends where it is broken. A file of another kind (gzip, UTF-16,
    HTML, ...) is one error that says what it is.
    """
    from bangui_cli.access.staging import open_staging
    from bangui_cli.importing import sources
    from bangui_cli.importing.rejects import Rejects
    from bangui_cli.importing.sources import Source

    paths = files or (sources.STDIN,)
    inputs = [Source(path) for path in paths]
    database_path = invocation.settings.database_path
    total_bytes = sources.total_bytes(inputs)
    bar = ProgressBar("importing", lambda: total_bytes, "rows" if total_bytes is None else "bytes")
    with (
        _open_files(invocation, inputs, rejects_path) as output,
        open_staging(database_path, store.open_handover if history else store.open_store) as opened,
        Rejects(output) as rejects,
    ):
        make = _make_history_import if history else _make_import
        work = make(opened, rejects, invocation.log, bar, in_bytes=total_bytes is not None)
        if sources.STDIN in paths:
            invocation.announce_stdin()
        try:
            with bar, opened.bulk_staging():
                work.run(inputs, wanted_format)
        finally:
            _report(work, invocation, as_json=as_json)
    _tell_failures(work, rejects_path, invocation)


def _make_import(opened: store.Store, *parts: Any, in_bytes: bool) -> "Import":
    from bangui_cli.access.staging import Staging
    from bangui_cli.importing.run import Import

    return Import(Staging(opened), *parts, in_bytes=in_bytes)


def _make_history_import(opened: store.Store, *parts: Any, in_bytes: bool) -> "Import":
    from bangui_cli.importing.history import BanStaging, HistoryImport

    return HistoryImport(BanStaging(opened), *parts, in_bytes=in_bytes)


@contextmanager
def _open_files(
    invocation: Invocation, inputs: Sequence["Source"], rejects_path: str | None
) -> Iterator[Output | None]:
    """Open the rejects, and what else wants the rights of now."""
    from bangui_cli.importing import sources

    with _open_rejects(invocation, inputs, rejects_path) as output:
        if store.gives_up_rights(invocation.settings.database_path):
            sources.open_all(inputs)
            if output:
                output.entrust()
        yield output


def _open_rejects(
    invocation: Invocation, inputs: Sequence["Source"], path: str | None
) -> AbstractContextManager[Output | None]:
    if path is None:
        return nullcontext()
    names = ["/dev/stdin" if source.path == "-" else source.path for source in inputs]
    # Addresses are nobody else's business.
    return invocation.open_output(path, names, mode=PRIVATE)


def _report(work: "Import", invocation: Invocation, *, as_json: bool) -> None:
    counts = work.counts()
    duration_s = round(clocks.monotonic_s() - invocation.started_s, 3)
    if as_json:
        identity = {"duration_s": duration_s, "correlation_id": invocation.correlation_id}
        output.print_summary(output.json_text({**counts, **identity}))
    elif counts["read"]:
        rejected = f", rejected {counts['rejected']:,}" if counts["rejected"] else ""
        staged = "?" if counts["staged"] is None else f"{counts['staged']:,}"
        without = counts["staged"] and counts.get("unresolved")  # of bans there is none
        unresolved = f", {without:,} without a country" if without else ""
        rows = f"{staged} of {counts['read']:,} rows"
        invocation.tell(f"{work.done} {rows}{rejected}{unresolved} in {duration_s:.2f} s")


def _tell_failures(work: "Import", rejects_path: str | None, invocation: Invocation) -> None:
    """Raise what there is to correct; of several inputs that were refused each is one error."""
    counts = work.counts()
    refused = [
        BadData(f"{_name_of(path)}: {refusal.reason}", hint=_hint(refusal, path), path=path, **counts)
        for path, refusal in work.refused.items()
    ]
    for error in refused[:-1]:
        invocation.log.emit_failure(events.IMPORT_SOURCE_REFUSED, explain(error))
    if refused:
        raise refused[-1]
    if work.rejected_rows:
        raise _rejected(work, rejects_path)


def _hint(refusal: "Refusal", path: str) -> str:
    return refusal.hint.removeprefix("cat FILE | ") if path == "-" else refusal.hint


def _name_of(path: str) -> str:
    return "stdin" if path == "-" else path


def _rejected(work: "Import", rejects_path: str | None) -> BadData:
    counts = work.counts()
    others = f"the others are {work.done}; " if counts["staged"] else ""
    kept = f"they are in {rejects_path}" if rejects_path else "--rejects FILE keeps them"
    return BadData(
        f"{counts['rejected']} of {counts['read']} rows rejected",
        hint=f"{others}correct the rejected ones ({kept}) and import them again",
        **counts,
    )
