"""Where a result goes: to stdout, or into a file that it replaces in one step."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import click

from bangui_cli.cli import parameters
from bangui_cli.settings.invocation import Invocation
from bangui_cli.store import gives_up_rights
from bangui_cli.telling.output import print_texts, with_newline

output_option = click.option(
    "--output", "path", type=parameters.OUTPUT_PATH, metavar="FILE",
    shell_complete=parameters.complete_files,
    help="Write to this file, in one step and readable by all; - is stdout.  [default: -]",
)  # fmt: skip

# Takes a result in pieces.
Deliver = Callable[[Iterable[str]], Any]


@contextmanager
def open_result(invocation: Invocation, path: str | None) -> Iterator[Deliver]:
    """Open the place of a result before anything is read: what cannot be delivered is not worked out.

    It is what it was until the result is whole.
    """
    if path is None:
        yield print_texts
        return
    with invocation.open_output(path) as output:
        if gives_up_rights(invocation.settings.database_path):
            output.entrust()
        yield lambda texts: output.replace_with(
            text.encode(errors="backslashreplace") for text in with_newline(texts)
        )
