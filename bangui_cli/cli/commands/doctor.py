"""`bangui doctor`: checks of the installation, each with a verdict and a remedy."""

import click

from bangui_cli.cli import options
from bangui_cli.health.doctor import checkup
from bangui_cli.host import terminal
from bangui_cli.settings.invocation import Invocation
from bangui_cli.states import checks, events
from bangui_cli.states.checks import Check
from bangui_cli.states.errors import BanguiError, Failure
from bangui_cli.telling import output


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
        output.print_text("\n".join(_lines(found)))
    exit_code = checks.exit_code(found)
    if verdict == checks.ERROR:
        names = ", ".join(check.name for check in found if check.verdict == checks.ERROR)
        failure = Failure(f"errors in {names}", exit_code, "follow the remedies", {})
        invocation.log.emit_failure(events.COMMAND_FAILED, failure)
    return exit_code


def _examine(invocation: Invocation) -> list[Check]:
    try:
        settings = invocation.unchecked_settings
    except BanguiError as error:
        return [checks.failed("settings", error), *checkup.examine_host()]
    return checkup.examine(settings)


def _lines(found: list[Check]) -> list[str]:
    width = max(len(check.name) for check in found)
    return [line for check in found for line in _describe(check, width)]


def _describe(check: Check, width: int) -> list[str]:
    lines = [f"{check.verdict:<7}  {check.name:<{width}}  {terminal.safe(check.detail)}"]
    if check.remedy:
        lines.append(f"{'':<7}  {'':<{width}}  -> {terminal.safe(check.remedy)}")
    return lines
