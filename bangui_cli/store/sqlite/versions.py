"""What is known of SQLite's versions."""

import sqlite3

RUNNING = sqlite3.sqlite_version_info
STRICT_SINCE = (3, 37, 0)


def wal_is_sound(version: tuple[int, ...]) -> bool:
    """Tell whether this SQLite has the WAL-reset fault mended (3.51.3, 3.50.7, 3.44.6)."""
    return version >= (3, 51, 3) or (3, 50, 7) <= version < (3, 51) or (3, 44, 6) <= version < (3, 45)
