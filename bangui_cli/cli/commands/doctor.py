"""`bangui doctor`: checks of the installation, each with a verdict and a remedy."""

import click

from bangui_cli.cli import options
from bangui_cli.health.doctor import checkup
from bangui_cli.host import terminal
from bangui_cli.settings.invocation import Invocation
from bangui_cli.states import checks, events
from bangui_cli.states.checks import Check
from bangui_cli.states.errors import BanguiError, Failure
from bangui_cli.telling import output, tables
from bangui_cli.telling.readable import counted

_COLOURS = {checks.OK: "green", checks.WARNING: "yellow", checks.ERROR: "red"}
# With less room beside the names the details go below them.
_LEAST_COLUMNS = 30


@options.command("doctor", example="bangui doctor --format json | jq '.checks[] | select(.remedy)'")
@options.format_option("table", "json")
@click.pass_obj
def command(invocation: Invocation, *, layout: str) -> int:
    """Check the installation: each check has a verdict, and a remedy where one is needed.

    Nothing is changed and nothing is repaired. The exit code is 0 also with warnings, else that of
    the first error.
    """
    found = _examine(invocation)
    verdict = checks.overall(found)
    if layout == "json":
        shown = [{key: getattr(check, key) for key in Check._fields[:4]} for check in found]
        output.print_json({"verdict": verdict, "checks": shown})
    else:
        colours, columns = terminal.stdout_wants_colour(), terminal.stdout_columns()
        output.print_text("\n".join(_lines(found, columns, colours=colours)))
    exit_code = checks.exit_code(found)
    if verdict == checks.ERROR:
        names = ", ".join(check.name for check in found if check.verdict == checks.ERROR)
        failure = Failure(f"errors in {names}", exit_code, "follow the remedies", {})
        invocation.log.emit_failure(events.COMMAND_FAILED, failure)
    return exit_code


def _examine(invocation: Invocation) -> list[Check]:
    try:
        invocation.unchecked_settings  # noqa: B018
    except BanguiError as error:
        return [checks.failed("settings", error), *checkup.examine_host()]
    return checkup.examine(invocation)


def _lines(found: list[Check], columns: int | None, *, colours: bool) -> list[str]:
    """Return what a person reads: the checks, each with its remedy, and what they come to."""
    lines = [line for check in found for line in _describe(check, found, columns, colours=colours)]
    return [*lines, *tables.hang("", _sum_up(found), columns)]


def _describe(check: Check, found: list[Check], columns: int | None, *, colours: bool) -> list[str]:
    name_columns = max(len(check.name) for check in found)
    head, indent = f"{check.verdict:<7}  {check.name:<{name_columns}}  ", 7 + 2 + name_columns + 2
    text = tables.hang(head, terminal.safe(check.detail), columns)
    if columns is not None and columns - indent < _LEAST_COLUMNS:
        indent = 2
        text = [head.rstrip(), *tables.hang(" " * indent, terminal.safe(check.detail), columns)]
    if check.remedy:
        text += tables.hang(f"{'':<{indent}}-> ", terminal.safe(check.remedy), columns)
    if colours:
        text[0] = text[0].replace(check.verdict, click.style(check.verdict, _COLOURS[check.verdict]), 1)
    return text


def _sum_up(found: list[Check]) -> str:
    """Say in one line what all checks come to."""
    faults = [check for check in found if check.verdict != checks.OK]
    numbers = [
        counted(number, verdict)
        for verdict in (checks.WARNING, checks.ERROR)
        if (number := sum(check.verdict == verdict for check in faults))
    ]
    names = ", ".join(check.name for check in faults)
    return f"{', '.join(numbers)}: {names}" if faults else "all well"
