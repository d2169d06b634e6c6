"""Spans of time as operators write them: seconds, or `90s`, `10m`, `1h`, `30d`, `1w`, `1d12h`."""

_UNIT_S = {"w": 604800, "d": 86400, "h": 3600, "m": 60, "s": 1}
# A hundred years: what the system's own timers still take.
CEILING_S = 36525 * 86400.0
UNFIT = "not a time: give seconds or 90s, 10m, 1d12h, 1w"


def parse_duration_s(text: str) -> float:
    """Return the seconds that `text` says. Raise ValueError where it is no span from 0 to a century."""
    seconds = _sum_s(text) if text[-1:] in _UNIT_S else _count(text)
    if seconds > CEILING_S:
        raise ValueError("more than a hundred years")
    return seconds


def _sum_s(text: str) -> float:
    """Add up numbers with units, the larger unit first, each once at most."""
    seconds, number, units = 0.0, "", "".join(_UNIT_S)
    for character in text:
        if character in units:
            seconds += _count(number) * _UNIT_S[character]
            number, units = "", units.partition(character)[2]
        else:
            number += character
    if number:
        raise ValueError(UNFIT)
    return seconds


def _count(number: str) -> float:
    # float() also reads "1_000", " 1 ", "1e3" and "nan".
    if not set(number) <= set("0123456789.") or number.count(".") > 1 or not number.strip("."):
        raise ValueError(UNFIT)
    return float(number)


def format_duration(seconds: float) -> str:
    """Write seconds in the largest unit that divides them, to a microsecond, for the parser above."""
    for unit in "dhm":
        count, rest = divmod(seconds, _UNIT_S[unit])
        if count and not rest:
            return f"{count:.0f}{unit}"
    return f"{seconds:.6f}".rstrip("0").rstrip(".") + "s"


def approximate(seconds: float) -> str:
    """Round a span to what a person takes in at a glance."""
    for unit, unit_s in (("d", 86400), ("h", 3600), ("min", 60)):
        if abs(seconds) >= 2 * unit_s:
            return f"{seconds / unit_s:,.0f} {unit}"
    return f"{seconds:.0f} s"
