"""The memory of bans on SQLite."""

import json
from collections.abc import Sequence
from typing import Any

from bangui_cli.rules.entry import Entry
from bangui_cli.rules.rereading import Copied
from bangui_cli.store.ban_questions import BanQuestions, Fetch, Parameters
from bangui_cli.store.sqlite import copying
from bangui_cli.store.sqlite.ban_statements import STATEMENTS, STATEMENTS_WITH_GIVEN


def questions(fetch: Fetch, given: Sequence[Entry], latest: str) -> BanQuestions:
    """Return what can be asked of an open database file.

    `given` is what counts for the addresses of which the cache has a row that no join finds. `latest`
    is the last time that is not of the future.
    """

    def spelt(parameters: Parameters) -> Parameters:
        return {name: _spelt(value) for name, value in parameters.items()}

    def fetch_rows(statement: str, parameters: Parameters) -> list[Any]:
        return fetch(statement, spelt(parameters))

    def copy_rows(statement: str, parameters: Parameters) -> Copied[Sequence[Any]]:
        return copying.copy(fetch, statement, spelt(parameters))

    statements = STATEMENTS_WITH_GIVEN if given else STATEMENTS
    constants = {"latest": latest, "given": [entry[:-1] for entry in given]}
    return BanQuestions(statements, fetch_rows, copy_rows, constants)


def _spelt(value: Any) -> Any:
    """Return a list as the text that SQLite takes it for."""
    return json.dumps(value) if isinstance(value, list) else value
