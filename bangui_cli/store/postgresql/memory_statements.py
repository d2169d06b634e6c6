"""The SQL of the history of bans, named; `statements` has the rest."""

READ_MARK = "SELECT mark FROM bangui.collect_state WHERE instance = %(instance)s"

# Compare and swap, as with the lock: what was read before still counts.
_FIRST_MARK = """
    INSERT INTO bangui.collect_state (instance, mark) VALUES (%(instance)s, %(after)s)
    ON CONFLICT (instance) DO NOTHING RETURNING 1"""
_NEXT_MARK = """
    UPDATE bangui.collect_state SET mark = %(after)s
     WHERE instance = %(instance)s AND mark = %(before)s RETURNING 1"""

_VALUES = "bantime_s, bancount, failures"
# Whether a row was there is told by the conflict itself, in a variable of the transaction: a look before
# would miss what another session records meanwhile, and a table in partitions does not say it of a row.
_CHANGED = "current_setting('bangui.changed')::bigint"
_COUNTED = f"set_config('bangui.changed', ({_CHANGED} + 1)::text, true) IS NOT NULL"
_RECORD = f"""
SET LOCAL bangui.changed = '0';
WITH marked AS ({{mark}}
), given AS MATERIALIZED (
    SELECT %(instance)s AS instance, ban ->> 0 AS jail, ban ->> 1 AS ip, ban ->> 2 AS banned_at,
           (ban ->> 3)::bigint AS bantime_s, (ban ->> 4)::bigint AS bancount,
           (ban ->> 5)::bigint AS failures
      FROM json_array_elements(%(bans)s::json) AS ban
     WHERE EXISTS (SELECT 1 FROM marked)
), recorded AS (
    INSERT INTO bangui.ban_history AS b (instance, jail, ip, banned_at, {_VALUES})
    SELECT instance, jail, ip, banned_at, {_VALUES} FROM given
    ON CONFLICT (banned_at, instance, jail, ip) DO UPDATE
       SET bantime_s = excluded.bantime_s, bancount = excluded.bancount, failures = excluded.failures
     WHERE CASE WHEN (b.bantime_s, b.bancount, b.failures)
                     IS DISTINCT FROM (excluded.bantime_s, excluded.bancount, excluded.failures)
                THEN {_COUNTED} END
    RETURNING 1
)
SELECT (SELECT count(*) FROM marked), done.rows - {_CHANGED}, {_CHANGED}
  FROM (SELECT count(*) AS rows FROM recorded) AS done"""
RECORD_FIRST, RECORD_NEXT = _RECORD.format(mark=_FIRST_MARK), _RECORD.format(mark=_NEXT_MARK)

# One step of the index an address, however many bans it has.
FIND_UNKNOWN = """
WITH RECURSIVE looked_at (ip) AS (
    (SELECT ip FROM bangui.ban_history WHERE ip > %(after)s ORDER BY ip LIMIT 1)
    UNION ALL
    SELECT (SELECT b.ip FROM bangui.ban_history AS b WHERE b.ip > looked_at.ip ORDER BY b.ip LIMIT 1)
      FROM looked_at WHERE looked_at.ip IS NOT NULL
), place AS (
    SELECT ip, split_part(ip, '/', 1) AS first FROM looked_at WHERE ip IS NOT NULL LIMIT %(limit_rows)s
)
SELECT ip,
       CASE WHEN EXISTS (SELECT 1 FROM bangui.ban_history AS b
                          WHERE b.ip = place.ip AND b.instance = %(instance)s)
             AND NOT EXISTS (SELECT 1 FROM bangui.geo_cache AS c WHERE c.ip = first)
             AND NOT EXISTS (SELECT 1 FROM bangui.geo_cache_dirty AS d WHERE d.ip = first)
            THEN first END
  FROM place"""
