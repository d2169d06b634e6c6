"""`bangui import`: stage many entries from files or stdin."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING

import click

from bangui_cli import store
from bangui_cli.cli import options
from bangui_cli.host import clocks, terminal
from bangui_cli.host.files import PRIVATE, Output
from bangui_cli.settings.invocation import Invocation
from bangui_cli.states.errors import BadData
from bangui_cli.telling import output
from bangui_cli.telling.progress import ProgressBar

if TYPE_CHECKING:
    from bangui_cli.importing.sources import Source

_EXAMPLE = """\
bangui import answers.json more.csv --rejects rejected.txt
curl -s http://ip-api.com/batch -d '["192.0.2.1"]' | bangui import"""


@options.command("import", example=_EXAMPLE)
@click.argument("files", metavar="[FILE...|-]", nargs=-1)
@click.option(
    "--format", "wanted_format", type=click.Choice(["auto", "jsonl", "json", "csv"]), default="auto",
    show_default=True, help="The form of the input; auto looks at its first line, not at its name.",
)  # fmt: skip
@click.option(
    "--rejects", "rejects_path", metavar="FILE",
    help="Write the rows that were refused to this file, as they stood. It is made anew, for you alone.",
)  # fmt: skip
@options.json_option
@click.pass_obj
def command(
    invocation: Invocation,
    *,
    files: tuple[str, ...],
    wanted_format: str,
    rejects_path: str | None,
    as_json: bool,
) -> None:
    """Stage many entries; the next flush moves them into the cache.

    Reads files, or stdin where there is none or "-": JSON Lines, JSON (an array, objects one after the
    other, a batch answer keyed by address) or CSV with a header (comma, semicolon or tab).

    Knows the field names of ip-api.com (query, countryCode, country, as, org, isp, status), of
    ipinfo.io (ip, country, org; country_code, asn, as_name), of MaxMind's JSON (country.iso_code,
    traits.ip_address, autonomous_system_number) and its own (ip, country_code, country_name, asn, org,
    resolved_at or cached_at). Other fields are ignored. Without a country an entry records a failed
    resolution.

    Good rows are staged, also where others are refused; then the exit code is 65. Importing the same
    again is harmless.
    """
    from bangui_cli.access.staging import Staging, open_staging
    from bangui_cli.importing import sources
    from bangui_cli.importing.rejects import Rejects
    from bangui_cli.importing.run import Import
    from bangui_cli.importing.sources import Source

    paths = files or (sources.STDIN,)
    inputs = [Source(path) for path in paths]
    database_path = invocation.settings.database_path
    total_bytes = sources.total_bytes(inputs)
    bar = ProgressBar("importing", lambda: total_bytes, "rows" if total_bytes is None else "bytes")
    with (
        _open_files(invocation, inputs, rejects_path) as output,
        open_staging(database_path) as opened,
        Rejects(output, invocation.log) as rejects,
    ):
        work = Import(Staging(opened), rejects, bar, in_bytes=total_bytes is not None)
        try:
            with bar, opened.bulk_staging():
                work.run(inputs, wanted_format)
        finally:
            _report(work.counts(), invocation, as_json=as_json)
    if rejects.rows:
        raise _rejected(work.counts(), rejects_path)


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


def _report(counts: dict[str, int], invocation: Invocation, *, as_json: bool) -> None:
    duration_s = round(clocks.monotonic_s() - invocation.started_s, 3)
    if as_json:
        identity = {"duration_s": duration_s, "correlation_id": invocation.correlation_id}
        output.print_summary(output.json_text({**counts, **identity}))
    elif terminal.stdout_is_terminal():
        rejected = f", rejected {counts['rejected']:,}" if counts["rejected"] else ""
        output.print_summary(
            f"staged {counts['staged']:,} of {counts['read']:,} rows{rejected} in {duration_s:.2f} s"
        )


def _rejected(counts: dict[str, int], rejects_path: str | None) -> BadData:
    others = "the others are staged; " if counts["staged"] else ""
    kept = f"they are in {rejects_path}" if rejects_path else "--rejects FILE keeps them"
    return BadData(
        f"{counts['rejected']} of {counts['read']} rows rejected",
        hint=f"{others}correct the rejected ones ({kept}) and import them again",
        **counts,
    )
