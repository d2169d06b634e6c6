"""Whether a database is whole, and its tables are those of bangui: the file is not trusted."""

from bangui_cli.states.errors import (
    DatabaseCorrupt,
    DeadlineExceeded,
    ForeignSchema,
    NoTables,
    SchemaNewer,
)
from bangui_cli.store.sqlite import schema, shapes
from bangui_cli.store.sqlite import statements as sql
from bangui_cli.store.sqlite.session import Session
from bangui_cli.store.sqlite.shapes import Part

# Writers wait while the pages are read: less than the shortest default timeout of a job.
_LOOK_FOR_DAMAGE_S = 3.0


class CheckedSession(Session):
    """An open database that can tell what is in it. Everything here wants a snapshot."""

    def require_schema(self) -> None:
        """Raise NoTables, SchemaNewer or ForeignSchema unless the schema is that of this bangui."""
        try:
            shape, applied = self.examine_schema()
            if missing := shapes.find_missing(shape):
                raise NoTables(
                    f"{self.path} lacks bangui's tables: there is no {missing}", path=self.path
                )
            if set(schema.MIGRATIONS) - applied:
                raise NoTables(f"{self.path} has not been upgraded to this bangui", path=self.path)
        except (ForeignSchema, NoTables, SchemaNewer):
            self._look_for_damage()
            raise

    def examine_schema(self) -> tuple[list[Part], set[str]]:
        """Return the shape of this tool's tables, and the names of the migrations that are applied.

        Raise SchemaNewer, and ForeignSchema where something else stands in their place.
        """
        shape = [Part(*row) for row in self._all(shapes.READ_SHAPE)]
        self._require_own(shapes.find_foreign(shape, [shapes.MIGRATIONS_TABLE]))
        is_there = any(part.table == shapes.MIGRATIONS_TABLE for part in shape)
        applied = {name for (name,) in self._all(sql.APPLIED_MIGRATIONS)} if is_there else set()
        if applied - set(schema.MIGRATIONS):
            raise SchemaNewer(f"{self.path} was upgraded by a newer bangui", path=self.path)
        self._require_own(shapes.find_foreign(shape))
        return shape, applied

    def quick_check(self) -> str | None:
        """Return the first fault that SQLite finds in its pages. Raise the deadline's overrun."""
        fault = str(self._scalar(sql.QUICK_CHECK)).removeprefix("*** in database main ***\n")
        return None if fault == "ok" else fault

    def require_whole(self) -> None:
        """Raise DatabaseCorrupt where SQLite finds a fault in its pages."""
        if fault := self.quick_check():
            raise DatabaseCorrupt(f"{self.path} is damaged ({fault})", path=self.path)

    def _require_own(self, fault: str | None) -> None:
        if fault:
            error = f"{self.path} holds what neither bangui nor BanGUI made: {fault}"
            raise ForeignSchema(error, path=self.path)

    def _look_for_damage(self) -> None:
        """Raise DatabaseCorrupt where a table or a row may have been lost with an overwritten page."""
        overrun = DeadlineExceeded("the check was not finished")
        try:
            with self.bounded(_LOOK_FOR_DAMAGE_S, overrun):
                self.require_whole()
        except DeadlineExceeded as error:
            if error is not overrun:
                raise
