"""The normal form of an address, or a time, as a function that statements may use."""

import sqlite3

from bangui_cli.rules.validation import Rejected, normalise_ip
from bangui_cli.store.sqlite import foreign_rows
from bangui_cli.store.sqlite.foreign_rows import NORMAL_IP


def teach(connection: sqlite3.Connection) -> None:
    """Let the statements of a connection use them."""
    foreign_rows.teach(connection)
    connection.create_function(NORMAL_IP, 1, _normal_ip, deterministic=True)


def _normal_ip(text: str) -> str:
    """Return the normal form of an address, and what is none as it is."""
    try:
        return normalise_ip(text)
    except Rejected:
        return text
