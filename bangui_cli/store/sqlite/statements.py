"""The SQL of every connection and every pass, named.

No statement reads a clock: every time is a parameter.
"""

from bangui_cli.rules.lease import TOKEN_CEILING

APPLIED_MIGRATIONS = "SELECT name FROM _sqlite_migrations WHERE migration_set = 'bangui'"

# Forces the shared lock, so that a snapshot begins here and not somewhere in the middle of its reads.
TOUCH = "SELECT 1 FROM sqlite_schema LIMIT 1"
JOURNAL_MODE = "PRAGMA journal_mode"
SET_JOURNAL_MODE = "PRAGMA journal_mode = {mode}"
QUICK_CHECK = "PRAGMA quick_check(1)"
JOURNAL_PERSIST = "PRAGMA journal_mode = PERSIST"
JOURNAL_DELETE = "PRAGMA journal_mode = DELETE"
SYNCHRONOUS_EXTRA = "PRAGMA synchronous = EXTRA"
# Debian's SQLite overwrites what it deletes with zeros, a third of a flush's CPU time. The rows that a
# flush deletes are in the cache, in the same file.
SECURE_DELETE_OFF = "PRAGMA secure_delete = OFF"
# How every connection begins. A spill in the middle of a transaction needs the exclusive lock where
# nobody can wait for it. The rest is for a file that another hand may have written.
BEGIN_CONNECTION = """
PRAGMA cache_spill = OFF;
PRAGMA trusted_schema = OFF;
PRAGMA cell_size_check = ON"""
# Only where there is no temporary directory: a sort in memory takes 75 MB for a million rows.
TEMP_STORE_MEMORY = "PRAGMA temp_store = MEMORY"
CACHE_SPILL_ON = "PRAGMA cache_spill = ON"
# The CHECKs of the dirty set are more than half of the work of an insert, and who stages many rows has
# brought each into its normal form, which is all that they ask for. NOT NULL and STRICT still hold.
CHECKS_OFF = "PRAGMA ignore_check_constraints = ON"
BEGIN_READ = "BEGIN"
BEGIN_WRITE = "BEGIN IMMEDIATE"
COMMIT = "COMMIT"
ROLLBACK = "ROLLBACK"

READ_LOCK = """
SELECT pid, hostname, created_at, heartbeat_at, heartbeat_timeout,
       owner, lease_id, token, boot_id, heartbeat_boottime, heartbeat_written
  FROM scheduler_lock WHERE id = 1"""

WRITE_LOCK = """
INSERT INTO scheduler_lock (id, pid, hostname, created_at, heartbeat_at, heartbeat_timeout,
                            owner, lease_id, token, boot_id, heartbeat_boottime, heartbeat_written)
VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (id) DO UPDATE SET
    pid = excluded.pid, hostname = excluded.hostname, created_at = excluded.created_at,
    heartbeat_at = excluded.heartbeat_at, heartbeat_timeout = excluded.heartbeat_timeout,
    owner = excluded.owner, lease_id = excluded.lease_id, token = excluded.token,
    boot_id = excluded.boot_id, heartbeat_boottime = excluded.heartbeat_boottime,
    heartbeat_written = excluded.heartbeat_written"""

# The fence and the heartbeat of a batch in one: no row changes where the lease is no longer ours.
RENEW_LEASE = """
UPDATE scheduler_lock
   SET heartbeat_at = :wall_s, heartbeat_written = :wall_s, heartbeat_boottime = :boottime_s,
       boot_id = :boot_id
 WHERE id = 1 AND lease_id = :lease_id AND heartbeat_written = heartbeat_at"""

# BanGUI deletes the row when it stops; job_state remembers the last token all the same. The next one
# must fit, too.
HIGHEST_TOKEN = f"""
SELECT coalesce(max(last_token), 0) FROM job_state
 WHERE typeof(last_token) = 'integer' AND last_token < {TOKEN_CEILING}"""

JOB_STARTED = """
INSERT INTO job_state (job_id, instance, last_started_at, last_correlation_id, last_token, runs_total)
VALUES (:job_id, :instance, :started_at, :correlation_id, :token, 1)
ON CONFLICT (job_id, instance) DO UPDATE SET
    last_started_at = excluded.last_started_at, last_correlation_id = excluded.last_correlation_id,
    last_token = max(coalesce(last_token, 0), excluded.last_token), runs_total = runs_total + 1"""

JOB_FINISHED = """
UPDATE job_state
   SET last_finished_at = :finished_at, last_outcome = :outcome, last_duration_s = :duration_s,
       last_count = :rows, last_correlation_id = :correlation_id,
       last_success_at = CASE WHEN :outcome = 'ok' THEN :finished_at ELSE last_success_at END,
       failures_total = failures_total + (:outcome <> 'ok'),
       consecutive_failures = CASE WHEN :outcome = 'ok' THEN 0 ELSE consecutive_failures + 1 END
 WHERE job_id = :job_id AND instance = :instance"""

ADD_FLUSHED = "UPDATE job_state SET flushed_total = flushed_total + ? WHERE job_id = ? AND instance = ''"

JOB_STATE_COLUMNS = (
    "last_started_at",
    "last_finished_at",
    "last_outcome",
    "last_success_at",
    "last_duration_s",
    "last_count",
    "last_correlation_id",
    "runs_total",
    "failures_total",
    "consecutive_failures",
    "flushed_total",
)
NEVER_RAN = (None,) * 7 + (0,) * 4


def _job_state_value(column: str, never: int | None) -> str:
    """Read what another tool may have written in any type; a moment, also in seconds, as a text."""
    is_number = f"typeof({column}) IN ('integer', 'real')"
    if column.endswith("_at"):
        moment = f"strftime('%Y-%m-%dT%H:%M:%fZ', {column}, 'unixepoch')"
        return f"iif({is_number}, {moment}, CAST({column} AS TEXT))"
    if column in ("last_outcome", "last_correlation_id"):
        return f"CAST({column} AS TEXT)"
    return f"iif({is_number}, {column}, {'NULL' if never is None else never})"


_JOB_STATE = ", ".join(map(_job_state_value, JOB_STATE_COLUMNS, NEVER_RAN))
READ_JOB_STATE = f"SELECT {_JOB_STATE} FROM job_state WHERE job_id = ? AND instance = ?"

_LAST_SUCCESS = _job_state_value("last_success_at", None)
LAST_SUCCESSES = f"""
SELECT instance, {_LAST_SUCCESS} FROM job_state WHERE job_id = ? AND instance <> '' ORDER BY instance"""

ANY_DIRTY = "SELECT 1 FROM geo_cache_dirty LIMIT 1"
COUNT_DIRTY = "SELECT count(*) FROM geo_cache_dirty"
OLDEST_DIRTY = "SELECT min(resolved_at) FROM geo_cache_dirty"

LAST_MIGRATION = APPLIED_MIGRATIONS + " ORDER BY id DESC LIMIT 1"
INITIALISED_AT = "SELECT min(applied_at) FROM _sqlite_migrations WHERE migration_set = 'bangui'"
TABLE_NAMES = (
    "SELECT name FROM sqlite_schema WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite%'"
)
