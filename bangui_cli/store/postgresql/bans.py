"""The memory of bans on a PostgreSQL server."""

from bangui_cli.store.ban_questions import BanQuestions, Copy, Fetch
from bangui_cli.store.postgresql.ban_statements import STATEMENTS


def questions(fetch: Fetch, copy: Copy, latest: str) -> BanQuestions:
    """Return what can be asked of a server; `latest` is the last time that is not of the future."""
    return BanQuestions(STATEMENTS, fetch, copy, {"latest": latest})
