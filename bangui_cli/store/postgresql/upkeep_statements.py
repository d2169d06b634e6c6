"""The SQL of what deletes, named; `statements` has the rest."""

from bangui_cli.store.postgresql.statements import END_OF_RUN, FENCE

_HELD_S = "extract(epoch FROM clock_timestamp() - fence.at)::float8"

PRUNE_HISTORY = f"""{FENCE}
, pick AS MATERIALIZED (
    SELECT ctid AS place FROM bangui.ban_history
     WHERE banned_at < %(history_before)s AND EXISTS (SELECT 1 FROM fence)
     ORDER BY banned_at, instance, jail, ip LIMIT %(limit_rows)s FOR UPDATE
), gone AS (
    DELETE FROM bangui.ban_history WHERE ctid = ANY (ARRAY(SELECT place FROM pick)) RETURNING 1
)
SELECT done.rows, CASE WHEN (SELECT count(*) FROM pick) = %(limit_rows)s THEN 'more' END, {_HELD_S}
  FROM (SELECT count(*) AS rows FROM gone) AS done, fence"""
COUNT_OLD_HISTORY = "SELECT count(*) FROM bangui.ban_history WHERE banned_at < %(history_before)s"

# Behind the last character of an address comes a slash, in a network, or nothing: one step of the index
# on `ip` finds both.
_PRUNABLE = """
       c.cached_at < %(cache_before)s AND (c.last_seen IS NULL OR c.last_seen < %(cache_before)s)
   AND NOT EXISTS (SELECT 1 FROM bangui.geo_cache_dirty AS d WHERE d.ip = c.ip)
   AND NOT EXISTS (SELECT 1 FROM bangui.ban_history AS b
                    WHERE b.ip >= c.ip AND b.ip < c.ip || '0' AND b.banned_at >= %(history_before)s)"""
COUNT_PRUNABLE_CACHE = f"SELECT count(*) FROM bangui.geo_cache AS c WHERE {_PRUNABLE}"

# In the order of addresses, in which a flush locks them, too.
_END = END_OF_RUN.replace("%(rows)s", "%(rows)s + done.rows")
PRUNE_CACHE = f"""{FENCE}
, page AS MATERIALIZED (
    SELECT ip FROM bangui.geo_cache
     WHERE ip > %(after)s AND %(cache_before)s <> '' AND EXISTS (SELECT 1 FROM fence)
     ORDER BY ip LIMIT %(limit_rows)s
), looked AS MATERIALIZED (
    SELECT count(*) AS rows, max(ip) AS through FROM page
), pick AS MATERIALIZED (
    SELECT c.ctid AS place FROM bangui.geo_cache AS c
     WHERE c.ip > %(after)s AND c.ip <= (SELECT through FROM looked) AND {_PRUNABLE}
     ORDER BY c.ip FOR UPDATE
), gone AS (
    DELETE FROM bangui.geo_cache WHERE ctid = ANY (ARRAY(SELECT place FROM pick)) RETURNING 1
), done AS MATERIALIZED (
    SELECT count(*) AS rows FROM gone
), ended AS (
    UPDATE bangui.job_state AS j SET {_END}
      FROM done, looked, moment, fence
     WHERE j.job_id = %(job_id)s AND j.instance = %(instance)s AND looked.rows < %(limit_rows)s
    RETURNING 1
)
SELECT done.rows, CASE WHEN looked.rows = %(limit_rows)s THEN looked.through END, {_HELD_S}
  FROM done, looked, fence"""

# What a flush is moving, a statement that begins before the batch is committed sees in neither table;
# nor what a collect is recording. So they are waited for in statements of their own.
ALONE = """
SELECT id FROM bangui.scheduler_lock WHERE id = 1 FOR UPDATE;
SELECT instance FROM bangui.collect_state ORDER BY instance FOR UPDATE;"""

# First the lock and the marks, then dirty and cached rows in the order of their addresses, as a flush
# does: so nobody waits in a circle. By address, and not by place: what is staged meanwhile, too.
_KNOWING = ("geo_cache_dirty", "geo_cache", "ban_history")


def _forget(table: str, after: str) -> str:
    return f"""
, {table}_found AS MATERIALIZED (
    SELECT x.ip FROM bangui.{table} AS x
     WHERE x.ip IN (SELECT y.ip FROM asked
                      JOIN bangui.{table} AS y ON y.ip >= asked.first AND y.ip < asked.behind
                       AND y.ip::inet <<= asked.network::inet)
       AND (SELECT count(*) FROM {after}) >= 0
     ORDER BY x.ip FOR UPDATE
), {table}_gone AS (
    DELETE FROM bangui.{table} WHERE ip IN (SELECT ip FROM {table}_found) RETURNING 1
)"""


_FORGOTTEN = " + ".join(f"(SELECT count(*) FROM {table}_gone)" for table in _KNOWING)
FORGET = f"""
WITH asked AS MATERIALIZED (
    SELECT * FROM unnest(%(firsts)s::text[], %(behinds)s::text[], %(networks)s::text[])
        AS asked (first, behind, network)
){_forget("geo_cache_dirty", "asked")}{_forget("geo_cache", "geo_cache_dirty_gone")}
{_forget("ban_history", "geo_cache_gone")}
, anew AS (
    DELETE FROM bangui.collect_state WHERE {_FORGOTTEN} > 0 RETURNING 1
)
SELECT (SELECT count(*) FROM geo_cache_gone), (SELECT count(*) FROM geo_cache_dirty_gone),
       (SELECT count(*) FROM ban_history_gone), (SELECT count(*) FROM anew)"""
