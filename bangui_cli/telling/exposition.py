"""Prometheus' text format: metrics as lines, with their HELP and TYPE."""

import math
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from bangui_cli.host import terminal


class Sample(NamedTuple):
    """One value of a metric; None is left out."""

    value: object
    labels: Mapping[str, object] = {}


class Metric(NamedTuple):
    """One metric family, `bangui_` not yet before its name."""

    name: str
    kind: str
    help: str
    samples: Iterable[Sample]


def render(metrics: Iterable[Metric]) -> str:
    """Return the document without its last newline; a metric without a number is left out."""
    return "\n".join(line for metric in metrics for line in _lines(metric))


def _lines(metric: Metric) -> list[str]:
    name = f"bangui_{metric.name}"
    samples = [
        f"{name}{_labels(sample.labels)} {_number(sample.value)}"
        for sample in metric.samples
        if _is_number(sample.value)
    ]
    head = [f"# HELP {name} {_escape(metric.help)}", f"# TYPE {name} {metric.kind}"]
    return head + samples if samples else []


def _labels(labels: Mapping[str, object]) -> str:
    pairs = ",".join(f'{key}="{_escape_label(str(value))}"' for key, value in labels.items())
    return f"{{{pairs}}}" if pairs else ""


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n")


def _escape_label(text: str) -> str:
    # Read on a terminal, too; of all controls the format itself has an escape for the newline only.
    harmless = "\n".join(map(terminal.safe, text.split("\n")))
    return _escape(harmless).replace('"', '\\"')


def _is_number(value: object) -> bool:
    # The columns of scheduler_lock may hold anything that another program put there.
    return isinstance(value, int | float) and math.isfinite(value)


def _number(value: object) -> str:
    return str(int(value)) if isinstance(value, bool) else repr(value)
