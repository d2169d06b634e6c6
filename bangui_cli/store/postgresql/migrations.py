"""Create and upgrade the schema; only `init` imports this."""

from collections.abc import Sequence
from itertools import chain
from typing import NamedTuple

from bangui_cli.states.errors import ConfigInvalid, PermissionRefused, SchemaNewer, UsageFault
from bangui_cli.store.places import Grant, Initialised
from bangui_cli.store.postgresql import faults, schema, tables
from bangui_cli.store.postgresql import statements as sql
from bangui_cli.store.postgresql.store import PostgresqlStore
from bangui_cli.store.postgresql.wire import Fault

_OF_A_FILE = "what belongs to a file, as its journal, a server does not have"


class _Found(NamedTuple):
    """What there is of the schema."""

    has_schema: bool
    has_migrations: bool
    applied: frozenset[str]

    @property
    def pending(self) -> list[str]:
        """Return what is to be applied, in order."""
        return [name for name in schema.MIGRATIONS if name not in self.applied]


def initialise(
    url: str, *, journal_mode: str | None, force: bool, grants: Sequence[Grant] = ()
) -> Initialised:
    """Create or upgrade the schema, and grant rights on it; nothing happens to one that is current.

    Raise UsageFault for what only a file has, SchemaNewer, ConfigInvalid, and what the store raises.
    """
    for option, value in (("--journal-mode", journal_mode), ("--force", force)):
        if value:
            raise UsageFault(f"{option} is for an SQLite file", hint=f"leave it out: {_OF_A_FILE}")
    with _Initialisation(url) as database:
        while (found := database.find()).pending or grants:
            if database.apply(found, grants):
                break
        return Initialised(
            database.path,
            created=bool(found.pending) and not found.applied,
            adopted=False,
            migrations_applied=found.pending,
            journal_mode=None,
        )


class _Initialisation(PostgresqlStore):
    """An open database whose tables may be missing."""

    def find(self) -> _Found:
        """Look what there is. Raise SchemaNewer or ConfigInvalid."""
        has_schema, has_migrations, encoding = self._ask(sql.SCHEMA)[0]
        if encoding != "UTF8":
            raise ConfigInvalid(
                f"{self.path} has the encoding {encoding}",
                hint="names come from all the world: createdb --encoding UTF8 --template template0 NAME",
            )
        rows = self._ask(sql.APPLIED_MIGRATIONS) if has_migrations else []
        found = _Found(has_schema, has_migrations, frozenset(name for (name,) in rows))
        if found.applied - set(schema.MIGRATIONS):
            raise SchemaNewer(f"{self.path} was upgraded by a newer bangui", database=self.path)
        return found

    def apply(self, found: _Found, grants: Sequence[Grant]) -> bool:
        """Apply what is pending to what was found, and grant, whole or not at all.

        Return False where another process was faster: then something is there that was not.
        """
        steps = [*_steps(found), *chain(*(tables.grant(*each) for each in grants))]
        expected = (*faults.MADE_MEANWHILE, faults.NO_ROLE, faults.READ_ONLY)
        try:
            self._ask(sql.DURABLE + ";\n".join(steps), {"names": found.pending}, expected)
        except Fault as fault:
            if fault.sqlstate == faults.READ_ONLY:
                raise faults.translate(fault, self._address) from None
            if fault.sqlstate == faults.NO_ROLE:
                raise ConfigInvalid(
                    f"{self.path} has no such role: {fault.words}",
                    hint="create it first: createuser NAME",
                ) from None
            return False
        except PermissionRefused as state:
            hint = "run init as a role that may make a schema: GRANT CREATE ON DATABASE NAME TO ROLE"
            raise PermissionRefused(state.error, hint=hint, **state.fields) from None
        return True


def _steps(found: _Found) -> list[str]:
    """Return the statements of one transaction, of which those that meet another's work come first.

    Whoever waits for the lock of another, and finds that done then, fails at them.
    """
    steps = [sql.LOCK_MIGRATIONS]
    if not found.has_schema:
        steps.append(tables.CREATE_SCHEMA)
    if not found.has_migrations:
        steps.append(tables.CREATE_MIGRATIONS)
    if found.pending:
        steps.append(sql.RECORD_MIGRATIONS)
    return [*steps, *(tables.MIGRATIONS[name] for name in found.pending)]
