"""The SQL, named. Every name is qualified: a pooler shares the search path with other programs.

Several statements in one message are one transaction. A moment is the server's, read where the row in
question is already ours: `now()`, and a clock beside FOR UPDATE, would tell when the wait began.
"""

from bangui_cli.rules.lease import TOKEN_CEILING, LockRow
from bangui_cli.store.merging import merge, staged

_S = "extract(epoch FROM clock_timestamp())::float8"


def _text(moment: str) -> str:
    """Spell a moment as `timestamps.to_text` does."""
    return f"""to_char({moment} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')"""


def bounded(seconds: float) -> str:
    """Begin a message that the server works on no longer than this."""
    return f"SET LOCAL statement_timeout = {max(int(seconds * 1000), 1)}; "


def unless_late(ends_at_s: float) -> str:
    """Let the server refuse a message that arrives after its sender's time, with `faults.LATE`.

    A network that was away delivers what a run sent that has ended since.
    """
    return f"SELECT (clock_timestamp()::text || ' is too late')::int WHERE {_S} > {ends_at_s:.3f}; "


# A role or a database may say otherwise.
DURABLE = "SET LOCAL synchronous_commit = on; "

# What `init` finds.
SCHEMA = """
SELECT to_regnamespace('bangui') IS NOT NULL, to_regclass('bangui.schema_migrations') IS NOT NULL,
       current_setting('server_encoding')"""
APPLIED_MIGRATIONS = "SELECT name FROM bangui.schema_migrations"
LOCK_MIGRATIONS = "SELECT pg_advisory_xact_lock(7089164522306821)"
RECORD_MIGRATIONS = f"""
INSERT INTO bangui.schema_migrations (name, applied_at)
SELECT name, {_text("clock_timestamp()")} FROM unnest(%(names)s::text[]) AS name"""

# The lock.

_LOCK = LockRow._fields
_LOCK_COLUMNS = ", ".join(_LOCK)
SITUATION = f"""
SELECT {_S}, 'pg:' || (SELECT system_identifier FROM pg_control_system()),
       ARRAY(SELECT name FROM bangui.schema_migrations),
       (SELECT coalesce(max(last_token), 0) FROM bangui.job_state WHERE last_token < {TOKEN_CEILING}),
       (SELECT ip FROM bangui.geo_cache_dirty ORDER BY ip LIMIT 1) IS NOT NULL,
       l.id IS NOT NULL, {", ".join(f"l.{column}" for column in _LOCK)}
  FROM (SELECT 1) AS one LEFT JOIN bangui.scheduler_lock AS l ON l.id = 1"""

# Somebody has deleted it.
SEED_LOCK = "INSERT INTO bangui.scheduler_lock (id) VALUES (1) ON CONFLICT (id) DO NOTHING; "

_FOUND = ", ".join(f"%(found_{column})s" for column in _LOCK)
_HEARTBEAT = "CASE WHEN %(beats)s THEN moment.s ELSE %(heartbeat_at)s END"
_STARTED_AT = _text("(moment.at - make_interval(secs => %(elapsed_s)s))")

_MOMENT = f"""
), moment AS MATERIALIZED (
    SELECT clock_timestamp() AS at, {_S} AS s FROM mine"""

# Compare and swap: the row is written if it is still the one that was judged.
SWAP_LOCK = f"""
WITH mine AS MATERIALIZED (
    SELECT id FROM bangui.scheduler_lock
     WHERE id = 1 AND ({_LOCK_COLUMNS}) IS NOT DISTINCT FROM ({_FOUND})
       FOR UPDATE{_MOMENT}
), swapped AS (
    UPDATE bangui.scheduler_lock AS l
       SET pid = %(pid)s, hostname = %(hostname)s, created_at = %(created_at)s,
           heartbeat_at = {_HEARTBEAT}, heartbeat_timeout = %(heartbeat_timeout)s,
           owner = %(owner)s, lease_id = %(lease_id)s, token = %(token)s, boot_id = %(boot_id)s,
           heartbeat_boottime = {_HEARTBEAT}, heartbeat_written = {_HEARTBEAT}
      FROM moment WHERE l.id = 1 AND moment.s < %(good_until_s)s
    RETURNING 1
)"""

# A run, at its start or whole: its end is there where it `ends`.
_FINISHED_AT = f"CASE WHEN %(ends)s THEN {_text('moment.at')} END"
_SUCCEEDED_AT = f"CASE WHEN %(ends)s AND %(outcome)s = 'ok' THEN {_text('moment.at')} END"
_RUN = f"""
    INSERT INTO bangui.job_state AS j
        (job_id, instance, last_started_at, last_correlation_id, last_token, runs_total,
         last_finished_at, last_outcome, last_success_at, last_duration_s, last_count,
         failures_total, consecutive_failures)
    SELECT %(job_id)s, %(instance)s, {_STARTED_AT}, %(correlation_id)s, %(token)s, 1,
           {_FINISHED_AT}, %(outcome)s, {_SUCCEEDED_AT}, %(duration_s)s, %(rows)s,
           %(failures)s, %(failures)s
      FROM moment
    ON CONFLICT (job_id, instance) DO UPDATE SET
        last_started_at = excluded.last_started_at, last_correlation_id = excluded.last_correlation_id,
        last_token = greatest(j.last_token, excluded.last_token), runs_total = j.runs_total + 1,
        last_finished_at = coalesce(excluded.last_finished_at, j.last_finished_at),
        last_outcome = coalesce(excluded.last_outcome, j.last_outcome),
        last_success_at = coalesce(excluded.last_success_at, j.last_success_at),
        last_duration_s = coalesce(excluded.last_duration_s, j.last_duration_s),
        last_count = CASE WHEN %(ends)s THEN excluded.last_count ELSE j.last_count END,
        failures_total = j.failures_total + excluded.failures_total,
        consecutive_failures = CASE WHEN %(outcome)s = 'ok' THEN 0
                                    ELSE j.consecutive_failures + excluded.consecutive_failures END"""
# Each run leaves a part of its machine's ID, so that two machines under one name can be told.
_MACHINE = f"""
    INSERT INTO bangui.instance_machines (instance, machine_id, seen_at)
    SELECT %(owner)s, %(machine_id)s, {_text("moment.at")} FROM moment WHERE %(machine_id)s <> ''
    ON CONFLICT (instance, machine_id) DO UPDATE SET seen_at = excluded.seen_at"""
SWAP_LOCK_AND_RUN = f"""{SWAP_LOCK}, run AS ({_RUN.replace("FROM moment", "FROM moment, swapped")}
), machine AS ({_MACHINE.replace("FROM moment", "FROM moment, swapped")}
)
SELECT count(*) FROM swapped"""
SWAP_LOCK += "\nSELECT count(*) FROM swapped"
RECORD_RUN = f"""
WITH moment AS MATERIALIZED (SELECT clock_timestamp() AS at, {_S} AS s){_RUN}"""

END_OF_RUN = f"""
           last_finished_at = {_text("moment.at")}, last_outcome = %(outcome)s,
           last_duration_s = %(duration_s)s, last_count = %(rows)s,
           last_correlation_id = %(correlation_id)s,
           last_success_at = CASE WHEN %(outcome)s = 'ok' THEN {_text("moment.at")}
                                  ELSE last_success_at END,
           failures_total = failures_total + (%(outcome)s <> 'ok')::int,
           consecutive_failures = CASE WHEN %(outcome)s = 'ok' THEN 0
                                       ELSE consecutive_failures + 1 END"""

# The fence and the heartbeat in one: no row changes where the lease is no longer ours.
FENCE = f"""
WITH mine AS MATERIALIZED (
    SELECT id FROM bangui.scheduler_lock
     WHERE id = 1 AND lease_id = %(lease_id)s AND heartbeat_written = heartbeat_at
       FOR UPDATE{_MOMENT}
), fence AS (
    UPDATE bangui.scheduler_lock AS l
       SET heartbeat_at = moment.s, heartbeat_written = moment.s, heartbeat_boottime = moment.s,
           boot_id = %(boot_id)s
      FROM moment WHERE l.id = 1
    RETURNING moment.at
)"""
RECORD_FINISH = f"""{FENCE}
, finished AS (
    UPDATE bangui.job_state SET {END_OF_RUN}
      FROM moment WHERE job_id = %(job_id)s AND instance = %(instance)s
    RETURNING 1
)
SELECT count(*) FROM fence"""

# The dirty set and the cache.

_COLUMNS = "country_code, country_name, asn, org"
_DIRTY, _CACHED = staged("d"), staged("c", "cached_at")

# Packed rows in one parameter. They come in the order of their addresses, in which a flush locks them,
# too, so that nobody waits in a circle. Unless it is materialized, a line is split for each column.
_STAGE = f"""
WITH packed AS MATERIALIZED (
    SELECT string_to_array(line, E'\\x1f') AS f
      FROM unnest(string_to_array(%(rows)s, E'\\n')) AS line
), put AS (
    INSERT INTO bangui.geo_cache_dirty AS d (ip, {_COLUMNS}, resolved_at)
    SELECT f[1], nullif(f[2], ''), nullif(f[3], ''), nullif(f[4], ''), nullif(f[5], ''), f[6]
      FROM packed
    ON CONFLICT (ip) DO UPDATE SET {merge(staged("excluded"), _DIRTY, "%(latest)s")}
    RETURNING 1
)
SELECT extract(epoch FROM clock_timestamp() - statement_timestamp())::float8
  FROM (SELECT count(*) FROM put) AS done"""


def stage(rounds: int) -> str:
    """Stage the rows of so many parameters, `rows_0` and on, of which none holds an address twice."""
    return ";".join(_STAGE.replace("%(rows)s", f"%(rows_{number})s") for number in range(rounds))


# Rows leave the dirty set only into the cache, in one statement: one that is staged meanwhile stays.
# By their place, not by a join: for that the planner once read the whole dirty set for each batch.
# A batch that is lost in a crash of the server leaves its rows dirty; the last one takes all before it
# along when it is made durable.
_END_OF_SWEEP = END_OF_RUN.replace("%(rows)s", "%(rows)s + done.rows")
MOVE_BATCH = f"""{FENCE}
, pick AS MATERIALIZED (
    SELECT d.ip, d.ctid AS place FROM bangui.geo_cache_dirty AS d
     WHERE d.ip > %(after)s AND EXISTS (SELECT 1 FROM fence)
     ORDER BY d.ip LIMIT %(limit_rows)s FOR UPDATE
), moved AS (
    DELETE FROM bangui.geo_cache_dirty AS d WHERE d.ctid = ANY (ARRAY(SELECT place FROM pick))
    RETURNING d.ip, {_COLUMNS}, d.resolved_at
), put AS (
    INSERT INTO bangui.geo_cache AS c (ip, {_COLUMNS}, cached_at, last_seen)
    SELECT ip, {_COLUMNS}, resolved_at, (SELECT {_text("moment.at")} FROM moment)
      FROM moved ORDER BY ip
    ON CONFLICT (ip) DO UPDATE SET {merge(staged("excluded", "cached_at"), _CACHED, "%(latest)s")},
        last_seen = excluded.last_seen
    RETURNING 1
), done AS MATERIALIZED (
    SELECT (SELECT count(*) FROM put) AS rows, picked.rows AS picked_rows, picked.through
      FROM (SELECT count(*) AS rows, max(ip) AS through FROM pick) AS picked
), counted AS (
    UPDATE bangui.job_state AS j SET flushed_total = j.flushed_total + done.rows
      FROM done, fence
     WHERE j.job_id = %(job_id)s AND j.instance = '' AND done.picked_rows = %(limit_rows)s
    RETURNING 1
), ended AS (
    UPDATE bangui.job_state AS j
       SET flushed_total = j.flushed_total + done.rows, {_END_OF_SWEEP}
      FROM done, moment, fence
     WHERE j.job_id = %(job_id)s AND j.instance = '' AND done.picked_rows < %(limit_rows)s
    RETURNING 1
)
SELECT done.rows, CASE WHEN done.picked_rows = %(limit_rows)s THEN done.through END,
       extract(epoch FROM clock_timestamp() - fence.at)::float8,
       set_config('synchronous_commit',
                  CASE WHEN done.picked_rows = %(limit_rows)s THEN 'off' ELSE 'on' END, true)
  FROM done, fence"""

_ASKED = "WHERE ip = ANY (string_to_array(%(ips)s, ' '))"
# Both in one statement: what a flush moves meanwhile is in one of them.
FIND_MANY = f"""
SELECT false, ip, {_COLUMNS}, cached_at FROM bangui.geo_cache {_ASKED}
 UNION ALL
SELECT true, ip, {_COLUMNS}, resolved_at FROM bangui.geo_cache_dirty {_ASKED}"""


def _count_by(key: str, name: str) -> str:
    # Files of two makers may name one key differently.
    return f"SELECT {key}, {name}, count(*) FROM bangui.geo_cache GROUP BY 1, 2"


COUNT_BY = {
    "country": _count_by("country_code", "country_name"),
    "asn": _count_by("asn", "org"),
    "org": _count_by("org", "NULL::text"),
}

COUNT_DIRTY = "SELECT count(*), min(resolved_at) FROM bangui.geo_cache_dirty"
COUNTS = """
SELECT c.rows, c.unresolved, d.rows, d.oldest
  FROM (SELECT count(*) AS rows, count(*) - count(country_code) AS unresolved
          FROM bangui.geo_cache) AS c,
       (SELECT count(*) AS rows, min(resolved_at) AS oldest FROM bangui.geo_cache_dirty) AS d"""

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
READ_JOB_STATES = f"""
SELECT job_id, instance, {", ".join(JOB_STATE_COLUMNS)} FROM bangui.job_state
 WHERE instance IN ('', %(instance)s)"""

LAST_SUCCESSES = """
SELECT instance, last_success_at FROM bangui.job_state
 WHERE job_id = %(job_id)s AND instance <> '' ORDER BY instance"""

DESCRIBE = """
SELECT max(name), min(applied_at),
       (SELECT sum(pg_total_relation_size(oid))::bigint FROM pg_class
         WHERE relnamespace = to_regnamespace('bangui') AND relkind = 'r')
  FROM bangui.schema_migrations"""

# For `doctor`.

SERVER = f"""
SELECT current_setting('server_version'), pg_is_in_recovery(), {_S},
       CASE WHEN pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn()
                 AND EXISTS (SELECT FROM pg_stat_wal_receiver)
            THEN 0
            ELSE extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp())::float8 END,
       current_setting('max_connections')::int
           - current_setting('superuser_reserved_connections')::int,
       (SELECT sum(numbackends)::int FROM pg_stat_database)"""
_MAY = ", ".join(
    f"has_table_privilege('bangui.{table}', '{right}')"
    for table, right in (
        ("geo_cache", "SELECT"),
        ("geo_cache_dirty", "INSERT"),
        ("scheduler_lock", "UPDATE"),
    )
)
RIGHTS = f"SELECT current_user, {_MAY}"
DEAD_ROWS = """
SELECT n_live_tup, n_dead_tup, pg_total_relation_size(relid)
  FROM pg_stat_user_tables WHERE relid = to_regclass('bangui.geo_cache_dirty')"""
MACHINES = f"""
SELECT instance, array_agg(machine_id ORDER BY machine_id) FROM bangui.instance_machines
 WHERE seen_at > {_text("(clock_timestamp() - interval '1 day')")}
 GROUP BY instance HAVING count(*) > 1 ORDER BY instance"""
