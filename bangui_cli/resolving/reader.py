"""Come by the reader of MMDB files without what else its package brings."""

import sys
from collections.abc import Callable
from functools import cache
from importlib import import_module
from importlib.machinery import PathFinder
from typing import Any

_PACKAGE = "maxminddb"


@cache
def open_with() -> Callable[[str], Any]:
    """Return what opens a file: the C reader alone, else what the package has.

    The package asks for its own version, and for locks between processes: 20 ms, or 5,000 look-ups.
    """
    if _PACKAGE not in sys.modules and (spec := PathFinder.find_spec(_PACKAGE)):
        bare = type(sys)(_PACKAGE)
        bare.__path__, bare.__spec__ = list(spec.submodule_search_locations or ()), spec
        sys.modules[_PACKAGE] = bare
        try:
            reader: Callable[[str], Any] = import_module(f"{_PACKAGE}.extension").Reader
            return reader
        except ImportError:  # built without it
            for name in [name for name in sys.modules if name.partition(".")[0] == _PACKAGE]:
                del sys.modules[name]
    opener: Callable[[str], Any] = import_module(_PACKAGE).open_database
    return opener
