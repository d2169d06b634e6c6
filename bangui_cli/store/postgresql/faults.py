"""Name the state behind what a server, or the way to it, refuses."""

from bangui_cli.states.errors import (
    BanguiError,
    DatabaseBusy,
    DatabaseCorrupt,
    DiskFull,
    IoFailed,
    NoDatabase,
    NoTables,
    OutOfResources,
    PermissionRefused,
    RowRefused,
    Unavailable,
)
from bangui_cli.states.records import Record
from bangui_cli.store.postgresql import address
from bangui_cli.store.postgresql.address import Address
from bangui_cli.store.postgresql.wire import Fault, Unconnectable

CANCELLED, TOO_MANY, READ_ONLY = "57014", "53300", "25006"
NO_SCHEMA, NO_TABLE, NO_RIGHT, NO_ROLE = "3F000", "42P01", "42501", "42704"
# Another transaction was in the way, and the same statement may succeed now.
TRANSIENT = ("40P01", "40001")
# What is written to fail where a message is too late: the text of a time is no number.
LATE = "22P02"
# Somebody else has made the same thing meanwhile.
MADE_MEANWHILE = ("42P06", "42P07", "23505")

_LOOK_AT_SERVER = "see whether the server runs and can be reached from here: pg_isready -d 'URL'"
_AGAIN = "the next run tries again; if this repeats, look at the server's log"


class _Meaning(Record):
    state: type[BanguiError]
    words: str
    hint: str


_AWAY = _Meaning(Unavailable, "cannot be reached", _LOOK_AT_SERVER)
_LOST = _Meaning(Unavailable, "broke off the connection", _AGAIN)
_GOING = _Meaning(Unavailable, "is starting up or shutting down", _AGAIN)
_BUSY = _Meaning(
    DatabaseBusy, "was kept busy by others", "try again; who waits for whom: pg_stat_activity"
)
_NO_TABLES = _Meaning(
    NoTables,
    "lacks bangui's tables",
    "create or upgrade them, as a role that may: bangui init --database 'URL'",
)
_REFUSED = _Meaning(
    PermissionRefused,
    "lets this role not do that",
    "let the owner of bangui's tables grant it: bangui init --grant-writer ROLE "
    "(or --grant-stager, --grant-reader)",
)
_UNKNOWN_USER = _Meaning(
    PermissionRefused,
    "does not let this user in",
    "check user and password: PGPASSFILE, or ~/.pgpass with mode 0600, and pg_hba.conf of the server",
)
_READ_ONLY = _Meaning(
    PermissionRefused,
    "is read-only",
    "a standby answers what only reads; give the primary, or both with target_session_attrs=read-write",
)
_NO_ROOM = _Meaning(DiskFull, "has no space left", "free some on the server; the next run goes on")
_SHORT = _Meaning(OutOfResources, "is short of memory or locks", "look at the server's log and limits")
_DAMAGED = _Meaning(
    DatabaseCorrupt, "found a damaged table or index", "look at the server's log; restore a backup"
)
_UNFIT = _Meaning(
    RowRefused,
    "refuses a row",
    "look what was added to bangui's tables (psql 'URL' -c '\\d bangui.*'), and remove it",
)
_TOO_MANY = _Meaning(
    DatabaseBusy,
    "has no connection left",
    "raise max_connections on the server, or put a pooler before it; of a pooler raise max_client_conn; "
    "the next run tries again",
)
# Where the time of the run is over, it says so itself: here it was an administrator, or the time of a
# message was over whose answer nobody took.
_STOPPED = _Meaning(
    Unavailable,
    "was told to stop",
    "an administrator did so, or this process stood still for long; try again",
)
_MEANINGS = {
    TOO_MANY: _TOO_MANY,
    "53100": _NO_ROOM,
    "57P01": _LOST,
    "57P02": _LOST,
    "57P03": _GOING,
    "55P03": _BUSY,
    "40P01": _BUSY,
    "40001": _BUSY,
    "28P01": _UNKNOWN_USER,
    "28000": _UNKNOWN_USER,
    NO_RIGHT: _REFUSED,
    READ_ONLY: _READ_ONLY,
    "3D000": _Meaning(NoDatabase, "does not exist", "correct it if it is mistyped, else: createdb NAME"),
    NO_SCHEMA: _NO_TABLES,
    NO_TABLE: _NO_TABLES,
    "42703": _NO_TABLES,
    CANCELLED: _STOPPED,
    "XX001": _DAMAGED,
    "XX002": _DAMAGED,
    # By class.
    "08": _LOST,
    "22": _UNFIT,
    "23": _UNFIT,
    "53": _SHORT,
    "57": _LOST,
    "58": _Meaning(IoFailed, "cannot read or write its files", "look at the server's log"),
    "XX": _Meaning(Unavailable, "failed by itself", _AGAIN),
}
# pgbouncer, whose code for it is that of any breach of the protocol.
_POOLER_IS_FULL = "no more connections allowed"
# libpq, where the server asks for one.
_NO_PASSWORD = "no password supplied"
# What libpq says of an address, before it asks anybody; all else is about the way.
_ABOUT_THE_ADDRESS = ("invalid ", "definition of service", "service file", "could not match", "syntax")


def is_crowded(fault: Fault) -> bool:
    """Tell whether there was no connection left, and may be one at the next moment."""
    return fault.sqlstate == TOO_MANY or _POOLER_IS_FULL in fault.words


def translate(fault: Fault, where: Address) -> BaseException:
    """Name the state behind a fault; an unknown one is returned as it is (a bug)."""
    words = where.redact(fault.words)
    if isinstance(fault, Unconnectable) and not fault.was_asked and words.startswith(_ABOUT_THE_ADDRESS):
        return address.unfit(where, words)
    meaning = _meaning_of(fault, words)
    if meaning is None:
        return fault
    if where.unused and words.startswith(_NO_PASSWORD):
        return _without_pass_file(where, *where.unused)
    said = f"{fault.sqlstate}: {words}" if fault.sqlstate else words
    hint = meaning.hint.replace("URL", where.shown)
    return meaning.state(f"{where.shown} {meaning.words} ({said})", hint=hint, database=where.shown)


def _without_pass_file(where: Address, path: str, fault: str) -> BaseException:
    return PermissionRefused(
        f"{where.shown} asks for a password, and the pass file {path} is not used: it {fault}",
        hint=f"make it a file of the user whom bangui runs as, and of nobody else: chmod 600 {path}",
        database=where.shown,
    )


def _meaning_of(fault: Fault, words: str) -> _Meaning | None:
    code = TOO_MANY if is_crowded(fault) else fault.sqlstate
    if code is None:
        return _without_code(fault, words)
    return _MEANINGS.get(code) or _MEANINGS.get(code[:2])


def _without_code(fault: Fault, words: str) -> _Meaning | None:
    if words.startswith(_NO_PASSWORD):
        return _UNKNOWN_USER
    if isinstance(fault, Unconnectable):
        return _AWAY
    return _LOST if fault.is_lost else None
