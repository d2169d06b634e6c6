"""The exit codes, once: commands raise them, `--help`, the man pages and the tests read them."""

from bangui_cli.states.records import Record

DONE = 0
UNEXPECTED = 1
UNKNOWN_ADDRESS = 1
USAGE = 2
BAD_DATA = 65
NO_INPUT = 66
UNAVAILABLE = 69
CANNOT_CREATE = 73
IO_ERROR = 74
TRY_LATER = 75
NO_PERMISSION = 77
CONFIG = 78
TIMEOUT = 124
SIGNAL_BASE = 128
NAGIOS_CRITICAL = 2
NAGIOS_UNKNOWN = 3


class ExitCode(Record):
    """One row of the table that operators read."""

    code: str
    meaning: str


TABLE = (
    ExitCode("0", "done, also when there was nothing to do"),
    ExitCode("1", "unexpected error (a bug); for lookup: some address is unknown, or not --in"),
    ExitCode("2", "wrong usage"),
    ExitCode("65", "bad data: not a database, corrupt, input rows or an address rejected"),
    ExitCode("66", "no database or one without bangui's tables, no input file, no MMDB file"),
    ExitCode("69", "a service that is needed is unavailable"),
    ExitCode("73", "cannot create the database or an output file"),
    ExitCode("74", "disk full or I/O error"),
    ExitCode("75", "try later: another instance holds the lock, or the lease was lost"),
    ExitCode("77", "no permission, or read-only"),
    ExitCode("78", "configuration invalid, or the database is newer than this bangui"),
    ExitCode("124", "the timeout ended the pass; progress made before it is kept"),
    ExitCode("128+n", "ended by signal n (130 Ctrl-C, 143 SIGTERM)"),
)

NAGIOS = (
    ExitCode("0", "OK: nothing is late"),
    ExitCode("1", "WARNING: something is older than --warning-age, or no job has succeeded yet"),
    ExitCode("2", "CRITICAL: something is older than --critical-age, or no usable database"),
    ExitCode("3", "UNKNOWN: wrong options or settings, or no permission to look"),
)
