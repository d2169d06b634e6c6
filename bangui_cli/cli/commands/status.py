"""`bangui status`: lock, dirty set, cache, last runs, for people, scripts and monitors."""

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import click

from bangui_cli.access import locking, reading, turns
from bangui_cli.cli import options, parameters, results
from bangui_cli.health import outlook
from bangui_cli.health.collect import collect
from bangui_cli.host import terminal
from bangui_cli.host.files import Output
from bangui_cli.jobs.catalogue import FLUSH
from bangui_cli.settings.invocation import Invocation
from bangui_cli.states import events, exit_codes
from bangui_cli.states.errors import CheckUnknown, UsageFault
from bangui_cli.store import gives_up_rights
from bangui_cli.telling.output import json_text, print_text, section_text

# What a person is told otherwise, or need not know.
_FOR_SCRIPTS = ("success_age_s", "is_scheduled", "is_awaited")
_FLUSHED = "flushed_total"
_FORMATS = ("table", "json", "prometheus", "nagios")


class _Status(options.Command):
    """To a monitor, exit code 2 is a critical state; a wrong option is an unknown one."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse as ever, but explain a mistake to a monitor in its own terms."""
        asked = tuple(args)
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            if "nagios" in asked or "--format=nagios" in asked:
                from bangui_cli.health import nagios

                print_text(nagios.unknown(error.format_message()).line)
                raise CheckUnknown(error.format_message()) from None
            raise


@click.command("status", cls=_Status, example="bangui status --format json | jq .dirty")
@options.format_option(*_FORMATS)
@results.output_option
@click.option(
    "--warning-age", "warning_s", type=parameters.DURATION, metavar="TIME",
    help="nagios: the age of the oldest dirty row, or of a job's last success, that is a warning."
    "  [default: 5 intervals of the job]",
)  # fmt: skip
@click.option(
    "--critical-age", "critical_s", type=parameters.DURATION, metavar="TIME",
    help="nagios: the age that is critical.  [default: 15 intervals of the job]",
)  # fmt: skip
@options.spread_option
@click.pass_obj
def command(
    invocation: Invocation,
    *,
    layout: str,
    path: str | None,
    warning_s: float | None,
    critical_s: float | None,
) -> int:
    """Show lock, dirty set, cache and last runs.

    With --format nagios the exit code is 0 OK, 1 WARNING, 2 CRITICAL (also without a usable
    database) or 3 UNKNOWN. With --format prometheus a state that cannot be read is bangui_up 0.
    """
    with _open(invocation, layout, path) as output:
        if layout == "nagios":
            return _alarm(invocation, output, warning_s, critical_s)
        try:
            state = _collect(invocation, output)
        except Exception:
            if layout == "prometheus":
                from bangui_cli.health import prometheus

                _deliver(prometheus.render_down(), output)
            raise
        columns = None if path else terminal.stdout_columns()
        _deliver(_render(invocation, state, layout, columns), output)
    return exit_codes.DONE


def _open(
    invocation: Invocation, layout: str, path: str | None
) -> AbstractContextManager[Output | None]:
    """Open the output before anything is read: what cannot be delivered need not be collected."""
    if path is None:
        return nullcontext()
    try:
        return invocation.open_output(path)
    except UsageFault as fault:
        if layout == "nagios":
            raise CheckUnknown(fault.error, hint=fault.hint) from None
        raise


def _collect(invocation: Invocation, output: Output | None) -> dict[str, Any]:
    turns.wait(invocation, "status")
    settings = invocation.settings
    if output and gives_up_rights(settings.database_path):
        output.entrust()
    seen = outlook.look(invocation)
    with reading.open_snapshot(settings.database_path) as store:
        return collect(store, settings.instance, seen)


def _render(invocation: Invocation, state: dict[str, Any], layout: str, columns: int | None) -> str:
    if layout == "json":
        return json_text(state)
    if layout == "prometheus":
        from bangui_cli.health import prometheus

        return prometheus.render(state, invocation.settings)
    return "\n".join(section_text(title, values, columns) for title, values in _sections(state).items())


def _sections(state: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return what a person wants to see of the state, under its headings."""
    sections = {title: values for title, values in state.items() if title != "jobs"}
    sections["lock"] = locking.outline(state["lock"])
    sections["history"] = _without_ages(state["history"])
    sections["geoip"] = _without_ages({**state["geoip"], "files": list(state["geoip"]["files"])})
    sections["instances"] = _outline_instances(state["instances"])
    return sections | {f"job {job_id}": _outline(job_id, job) for job_id, job in state["jobs"].items()}


def _outline_instances(instances: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Name who is active, and who has collected bans, and when; names are shown as they are."""
    collected = {name: each["last_collect_at"] for name, each in instances.items()}
    return {
        "active": next((name for name, each in instances.items() if each["active"]), None),
        "collecting": ", ".join(f"{name} ({last})" for name, last in collected.items() if last),
    }


def _without_ages(values: dict[str, Any]) -> dict[str, Any]:
    """Leave out the ages, which stand beside the moments already."""
    return {key: value for key, value in values.items() if not key.endswith("_age_s")}


def _outline(job_id: str, job: dict[str, Any]) -> dict[str, Any]:
    if not job["runs_total"]:
        return {"runs_total": "none yet"}
    unwanted = _FOR_SCRIPTS if job_id == FLUSH.id else (*_FOR_SCRIPTS, _FLUSHED)
    return {key: value for key, value in job.items() if key not in unwanted}


def _alarm(
    invocation: Invocation, output: Output | None, warning_s: float | None, critical_s: float | None
) -> int:
    """Report to Nagios; a state that cannot be read is a failure, too, and gets its event."""
    from bangui_cli.health import ages, nagios

    try:
        state = _collect(invocation, output)
        result = nagios.render(state, ages.judge_ages(state, invocation.settings, warning_s, critical_s))
    except Exception as error:
        result = nagios.explain(error)
        failure = invocation.explain(error)._replace(exit_code=result.exit_code)
        invocation.log.emit_failure(events.COMMAND_FAILED, failure)
    _deliver(result.line, output)
    return result.exit_code


def _deliver(text: str, output: Output | None) -> None:
    if output is None:
        print_text(text)
    else:
        output.replace(f"{text}\n".encode())
