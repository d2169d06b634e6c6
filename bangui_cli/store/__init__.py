"""The store: everything that knows which database engine is below, and the only place with SQL.

What the modules above use of it is `Store`, and `store.migrations.initialise` to make one. A second
engine is a second class with the same methods.
"""

from bangui_cli.store.sqlite.store import Batch, Store

__all__ = ["Batch", "Store"]
