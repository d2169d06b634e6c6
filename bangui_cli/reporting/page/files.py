"""The files that the package brings along: shapes, templates and the style sheet."""

import os

from bangui_cli.reporting import page


def place(name: str) -> str:
    """Return the path of a file, by the way to the package that is open to this process now.

    `importlib.resources` goes by the way of before, which is closed where root has become another user.
    """
    return os.path.join(page.__path__[0], name)


def read(name: str) -> str:
    """Return the text of a file."""
    with open(place(name), encoding="utf-8") as file:
        return file.read()
