"""Say why a row is refused, and name the field as the row names it."""

from collections.abc import Callable
from functools import partial
from typing import Any

from bangui_cli.rules import extraction, layouts
from bangui_cli.rules.validation import (
    Rejected,
    clean_text,
    normalise_asn,
    normalise_country_code,
    normalise_ip,
    normalise_time,
)


def explain(value: Any, reason: Rejected, now_s: float) -> str:
    """Return the reason with the field it is about, where it is about one."""
    if not isinstance(value, dict):
        return str(reason)
    names, values = layouts.names_in(value), extraction.extract(value)
    judges: tuple[tuple[tuple[layouts.Path, ...], Callable[[Any], Any]], ...] = (
        (names.address, normalise_ip),
        (names.code + names.country, normalise_country_code),
        (names.country_name + names.country, clean_text),
        (names.asn + names.as_text + names.org, normalise_asn),
        (names.org + names.as_text + names.as_name, clean_text),
        (names.time, partial(normalise_time, now_s=now_s)),
    )
    for (paths, judge), found in zip(judges, values, strict=True):
        try:
            judge(found)
        except Rejected as error:
            if paths:  # of all the parts only the address must be there
                why = "no address" if found is None else error
                return f"{extraction.name_of(value, paths, found)}: {why}"
    return str(reason)
