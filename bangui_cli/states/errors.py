"""The states in which a run can fail. Each owns its exit code and tells the operator what to do."""

import errno

from bangui_cli.states import exit_codes
from bangui_cli.states.records import Record

TYPE_CHECKING = False  # as in records
if TYPE_CHECKING:
    from typing import ClassVar


class BanguiError(Exception):
    """A failure that the operator can act on; `fields` go into its event.

    In a hint, FILE stands for the field `path`, quoted to be pasted.
    """

    exit_code: "ClassVar[int]" = exit_codes.UNEXPECTED
    default_hint: "ClassVar[str]" = "run the command again with -v"

    def __init__(self, error: str, *, hint: str | None = None, **fields: object) -> None:
        super().__init__(error)
        self.error = error
        self.hint = _fill_in(hint or self.default_hint, fields.get("path"))
        self.fields = fields


def _fill_in(hint: str, path: object) -> str:
    if path is None or "FILE" not in hint:
        return hint
    import shlex  # 1 ms

    name = str(path)
    # A name that begins like an option must not become one where the hint is pasted.
    return hint.replace(
        "FILE", shlex.quote(f"./{name}" if name.startswith("-") and name != "-" else name)
    )


class UsageFault(BanguiError):
    """The command line asks for something that makes no sense."""

    exit_code = exit_codes.USAGE
    default_hint = "see --help"


class CheckUnknown(UsageFault):
    """The command line of a check for Nagios is wrong; its code 2 would be a critical state."""

    exit_code = exit_codes.NAGIOS_UNKNOWN
    default_hint = "see bangui status --help"


class BadData(BanguiError):
    """An address or an input row was rejected."""

    exit_code = exit_codes.BAD_DATA
    default_hint = "correct the input and run the command again; what was accepted is kept"


class NotADatabase(BanguiError):
    """The path leads to something that is no SQLite file of this tool or of BanGUI."""

    exit_code = exit_codes.BAD_DATA
    default_hint = "check database_path (bangui config show); bangui wants a regular SQLite file"


class DatabaseCorrupt(BanguiError):
    """SQLite found the file damaged."""

    exit_code = exit_codes.BAD_DATA
    default_hint = (
        "copy the file aside, then recover it: sqlite3 FILE .recover | sqlite3 NEW; bangui init -d NEW"
    )


class MmdbUnusable(BanguiError):
    """An MMDB file is damaged, cut short, being written, or of another kind."""

    exit_code = exit_codes.BAD_DATA
    default_hint = "fetch the file again, and replace it with mv, which never shows half a file"


class RowRefused(BanguiError):
    """A constraint or a trigger that is not of this tool's making refuses a row."""

    exit_code = exit_codes.BAD_DATA
    default_hint = "see what was added to bangui's tables (sqlite3 FILE .schema), and remove it"


class ForeignSchema(BanguiError):
    """Something of another hand stands in the place of a table of this tool, or on it."""

    exit_code = exit_codes.BAD_DATA
    default_hint = (
        "look at it (sqlite3 FILE .schema), remove or rename it, then: bangui init --database FILE"
    )


IF_MISTYPED = "correct it if it is mistyped, else "


class NoDatabase(BanguiError):
    """There is no file, and only `init` makes one."""

    exit_code = exit_codes.NO_INPUT
    default_hint = f"{IF_MISTYPED}create it with: bangui init --database FILE"


class NoTables(BanguiError):
    """The database lacks this tool's tables, or some of its migrations."""

    exit_code = exit_codes.NO_INPUT
    default_hint = "create or upgrade its tables with: bangui init --database FILE"


class NoInput(BanguiError):
    """A file to read from is missing."""

    exit_code = exit_codes.NO_INPUT
    default_hint = "check the path"


class Unavailable(BanguiError):
    """A service or a library feature that is needed is not there."""

    exit_code = exit_codes.UNAVAILABLE
    default_hint = "start or upgrade what is named, then run the command again"


class OutOfResources(BanguiError):
    """Memory, file descriptors or processes have run out."""

    exit_code = exit_codes.UNAVAILABLE
    default_hint = "free memory or raise the limit (ulimit -a), then run the command again"


class CannotCreate(BanguiError):
    """The database or an output file cannot be created."""

    exit_code = exit_codes.CANNOT_CREATE
    default_hint = "check that the directory exists and is writable"


class NotOurs(BanguiError):
    """A file that bangui did not write stands where it would write, or remove, its own."""

    exit_code = exit_codes.CANNOT_CREATE
    default_hint = "look at the file, and move it away"


class DiskFull(BanguiError):
    """No space is left; nothing of the interrupted transaction was written."""

    exit_code = exit_codes.IO_ERROR
    default_hint = "free some space (df -h), and run the command again: what was done is kept"


class FileTooLarge(DiskFull):
    """A limit on this process, and not the disk, lets no file grow further."""

    default_hint = "raise the limit of the file size (ulimit -f), and run the command again"


class IoFailed(BanguiError):
    """The operating system could not read or write."""

    exit_code = exit_codes.IO_ERROR
    default_hint = "look for disk errors (dmesg), and run the command again: what was done is kept"


class DatabaseReplaced(IoFailed):
    """Another file has taken the place of the database during the run."""

    default_hint = "run the command again: it opens the new file; what it did before is in the old one"


class DatabaseBusy(BanguiError):
    """Another process kept SQLite's lock for the whole of the wait."""

    exit_code = exit_codes.TRY_LATER
    default_hint = "try again; to see who keeps the file open: fuser -v FILE"


class NoAnswer(BanguiError):
    """One call into the file system has not come back for so long that it may never do so."""

    exit_code = exit_codes.TRY_LATER
    default_hint = (
        "a disk or a network file system does not answer: look at dmesg and df, then try again"
    )


class LockHeld(BanguiError):
    """Another instance holds a fresh scheduler lock."""

    exit_code = exit_codes.TRY_LATER
    default_hint = (
        "see bangui lock show; flush and prune can --wait; --held-ok is for schedules that overlap"
    )


class LeaseLost(BanguiError):
    """Another instance took the lock over during the pass; nothing was written since."""

    exit_code = exit_codes.TRY_LATER
    default_hint = "nothing is lost: the new holder goes on; see bangui lock show"


class PermissionRefused(BanguiError):
    """The operating system refuses access, or the database is read-only for this user."""

    exit_code = exit_codes.NO_PERMISSION
    default_hint = "run as the owner of the database (ls -l FILE), or mount it writable"


class Untrusted(PermissionRefused):
    """Others could change what is about to be obeyed or written; `owner` and `mode` are the place's."""

    default_hint = "chown root: FILE; chmod go-w FILE"


class JournalLeft(PermissionRefused):
    """A run was killed in a transaction, and who only reads may not roll it back."""

    default_hint = (
        "nothing is lost: the owner's next job rolls it back; at once, as the owner: bangui status"
    )


class ConfigInvalid(BanguiError):
    """A setting is unknown, ill-typed or impossible."""

    exit_code = exit_codes.CONFIG
    default_hint = "correct it; bangui config show lists every setting and its source"


class SchemaNewer(BanguiError):
    """The database was upgraded by a newer bangui."""

    exit_code = exit_codes.CONFIG
    default_hint = "upgrade this bangui to the version that upgraded the database"


class DeadlineExceeded(BanguiError):
    """The wall-clock timeout of the pass is over."""

    exit_code = exit_codes.TIMEOUT
    default_hint = "the next run goes on from here; if this repeats, raise --timeout"


def timed_out(timeout_s: float) -> DeadlineExceeded:
    """Return the state of a run whose timeout is over."""
    return DeadlineExceeded(f"the timeout of {timeout_s:g} s ended the pass", timeout_seconds=timeout_s)


class Interrupted(BaseException):
    """A signal asks the process to end; no handler for ordinary errors may swallow it."""

    hint = "to go on, run the command again: what was done is kept"

    def __init__(self, signal_number: int, signal_name: str) -> None:
        super().__init__(signal_name)
        self.error = f"ended by {signal_name}"
        self.exit_code = exit_codes.SIGNAL_BASE + signal_number
        self.fields: dict[str, object] = {}


_NO_PERMISSION = (PermissionRefused, "run as a user who may do that: root for /etc")
_NO_SPACE = (DiskFull, "free some space (df -h), and run the command again")
_NO_RESOURCES = (OutOfResources, None)
_BY_ERRNO: dict[int | None, tuple[type[BanguiError], str | None]] = {
    errno.EACCES: _NO_PERMISSION,
    errno.EPERM: _NO_PERMISSION,
    errno.EROFS: (PermissionRefused, "the file system is read-only: give another path"),
    errno.ENOSPC: _NO_SPACE,
    errno.EDQUOT: _NO_SPACE,
    errno.EFBIG: (FileTooLarge, None),
    errno.ENOMEM: _NO_RESOURCES,
    errno.EMFILE: _NO_RESOURCES,
    errno.ENFILE: _NO_RESOURCES,
    errno.EAGAIN: _NO_RESOURCES,  # fork() at the limit of processes
    errno.EIO: (IoFailed, "look for disk errors (dmesg)"),
}


def of_os_error(
    error: OSError, what: str, *, otherwise: type[BanguiError] = IoFailed, hint: str | None = None
) -> BanguiError:
    """Name the state behind an error of the operating system; `what` says what could not be done.

    `hint` is for this very case, if there is one.
    """
    state, usual_hint = _BY_ERRNO.get(error.errno, (otherwise, None))
    return state(f"{what}: {error.strerror or error}", hint=hint or usual_hint)


def named(error: BaseException) -> BaseException:
    """Name the state behind an error that nothing foresaw, or return it as it is: a bug."""
    if isinstance(error, MemoryError):
        return OutOfResources("out of memory")
    if isinstance(error, FileNotFoundError) and error.filename is None:
        return NoInput("the working directory has been deleted", hint="change to one that exists: cd /")
    if isinstance(error, OSError):
        return of_os_error(error, str(error.filename or "the operating system refused"))
    return error


class Failure(Record):
    """What an operator is told of a failure; `fields` are those of its event."""

    error: str
    exit_code: int
    hint: str
    fields: dict[str, object]


def explain(error: BaseException) -> Failure:
    """Return what to tell of any error; one that is no state of ours is a bug, with its traceback."""
    error = named(error)
    if isinstance(error, BanguiError | Interrupted):
        return Failure(error.error, error.exit_code, error.hint, error.fields)
    import traceback  # 2 ms

    # Its end first, to survive a cut.
    text = "".join(traceback.format_exception(error)[::-1])
    message, hint = f"{type(error).__name__}: {error}", "this is a bug: report it with this line"
    return Failure(message, exit_codes.UNEXPECTED, hint, {"traceback": text})
