"""Timestamps as the database and the log write them: UTC, milliseconds, fixed width, so they sort."""

import time
from datetime import UTC, datetime

WIDTH_CHARACTERS = len("2026-01-31T23:59:59.999Z")


def to_text(wall_s: float) -> str:
    """Format seconds since the epoch as `YYYY-MM-DDTHH:MM:SS.mmmZ`."""
    seconds, milliseconds = divmod(round(wall_s * 1000), 1000)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{milliseconds:03d}Z"


def to_wall_s(text: str) -> float:
    """Parse ISO 8601; without a zone it is UTC. Raise ValueError for anything else."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return moment.timestamp()
