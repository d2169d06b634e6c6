"""How a timestamp is written, apart from how one is read, which takes more to import."""

import time


def to_text(wall_s: float) -> str:
    """Format seconds since the epoch as `YYYY-MM-DDTHH:MM:SS.mmmZ`."""
    seconds, milliseconds = divmod(round(wall_s * 1000), 1000)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{milliseconds:03d}Z"
