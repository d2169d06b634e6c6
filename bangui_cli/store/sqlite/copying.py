"""Copy what a statement says, so that it can be read when nobody waits for it any more.

A reader holds up every commit of a file without a WAL, and who reads what is asked for may be slow: a
pager, a compressor, a network. So one statement copies it into a temporary table, and from there it may
be read as long as it takes.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from bangui_cli.rules.rereading import Copied
from bangui_cli.store.ban_questions import Fetch, Parameters

# A connection's copies are numbered by what it holds already: none of them goes before it does.
_NEXT_NUMBER = "SELECT count(*) + 1 FROM sqlite_temp_master"
_CREATE = "CREATE TEMP TABLE {table} AS {statement}"
_COUNT = "SELECT coalesce(max(rowid), 0) FROM temp.{table}"
_PAGE = "SELECT rowid, * FROM temp.{table} WHERE rowid > :after ORDER BY rowid LIMIT :rows"
_PAGE_ROWS = 2_000


def copy(fetch: Fetch, statement: str, parameters: Parameters) -> Copied[Sequence[Any]]:
    """Copy the rows of a statement, in their order, for as long as the connection lasts."""
    ((number,),) = fetch(_NEXT_NUMBER, {})
    table = f"copy_{number}"
    fetch(_CREATE.format(table=table, statement=statement), parameters)
    ((rows,),) = fetch(_COUNT.format(table=table), {})
    return Copied(lambda: _read(fetch, _PAGE.format(table=table)), rows)


def _read(fetch: Fetch, page_statement: str) -> Iterator[Sequence[Any]]:
    after = 0
    while page := fetch(page_statement, {"after": after, "rows": _PAGE_ROWS}):
        after = page[-1][0]
        yield from (row[1:] for row in page)
