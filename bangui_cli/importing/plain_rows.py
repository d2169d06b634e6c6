"""Take rows as they stand in which each field is a part of an entry, in normal form: one pattern tells.

These are most of what bangui or a resolver wrote. What is left out is made one by one.
"""

import re
from collections.abc import Callable, Iterable
from operator import itemgetter
from typing import Any

from bangui_cli.rules.entry import NO_COUNTRY, SAME_COUNTRY, SEPARATOR
from bangui_cli.rules.layouts import Names
from bangui_cli.rules.timestamps import WIDTH_CHARACTERS
from bangui_cli.rules.validation import TEXT_LIMIT_CHARACTERS, is_normal_ip

# How the fields of most entries look that are in normal form: of IPv6 more look so, and of days.
_OCTET = r"(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9][0-9]?|0)"
_V4, _V6 = r"\.".join([_OCTET] * 4), r"[0-9a-f:]{2,39}"
_CODE = rf"(?!{'|'.join(filter(str.isalpha, (*NO_COUNTRY, *SAME_COUNTRY)))})[A-Z]{{2}}"
# ASCII and the letters of Europe; a dash is no name.
_LETTER = "!-~\xa1-\xac\xae-\u017f"
_NAME = rf"(?! |-(?:{SEPARATOR}|\Z))[ {_LETTER}]{{1,{TEXT_LIMIT_CHARACTERS}}}(?<! )"
# A name that begins like `AS64496 Example` may have to be split.
_NETWORK = rf"AS[1-9][0-9]{{0,8}}{SEPARATOR}(?!AS){_NAME}"
_TIME = r"([0-9]{4}-[0-9]{2}-[0-9]{2})T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]\.[0-9]{3}Z"

is_network = re.compile(_NETWORK).fullmatch
match_time = re.compile(_TIME).fullmatch
_match_entry = re.compile(
    SEPARATOR.join((rf"(?:{_V4}|({_V6}))", _CODE, _NAME, _NETWORK, _TIME))
).fullmatch

Values = tuple[Any, ...]


def reader_of(names: Names) -> Callable[[Any], Values] | None:
    """Return what reads the parts of an entry out of a row, where each is a field, and no other is."""
    parts = (names.address, names.code, names.country_name, names.asn, names.org, names.time)
    fields = [paths[0][0] for paths in parts if paths and len(paths[0]) == 1]
    others = {path[0] for paths in names for path in paths} - set(fields)
    return itemgetter(*fields) if len(set(fields)) == len(parts) and not others else None


def take(rows: Iterable[Values], days: set[str], now_text: str) -> list[str]:
    """Return the packed entries of rows, "" for one that may not be in normal form.

    `days` are days that exist; what comes after `now_text` may be of the future.
    """
    return [
        text
        if (match := _match_entry(text))
        and match[2] in days
        and text[-WIDTH_CHARACTERS:] <= now_text
        and (match[1] is None or is_normal_ip(match[1]))
        else ""
        for text in map(_joined, rows)
    ]


def _joined(values: Values) -> str:
    """Pack values that are all texts; of others make nothing."""
    try:
        return SEPARATOR.join(values)
    except TypeError:
        return ""
