"""A dirty set to flush, and the moments of a flush to wait for."""

from conftest import Bangui, wait_until

NEW = "2026-01-02T00:00:00.000Z"
MANY_ROWS = """
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
INSERT INTO geo_cache_dirty
SELECT format('10.%d.%d.%d', i >> 16, (i >> 8) & 255, i & 255), 'DE', 'Germany', 'AS1', NULL, ? FROM n"""


def stage_many(bangui: Bangui, rows: int, resolved_at: str = NEW) -> None:
    bangui.execute(MANY_ROWS, rows, resolved_at)


def count(bangui: Bangui, table: str) -> int:
    return bangui.rows(f"SELECT count(*) FROM {table}")[0][0]


def wait_until_some_moved(bangui: Bangui) -> None:
    """Wait until a flush that was started has committed its first batch."""
    wait_until(lambda: count(bangui, "geo_cache"))
