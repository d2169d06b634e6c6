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
_RECORD = f"""
WITH marked AS ({{mark}}
), recorded AS (
    INSERT INTO bangui.ban_history AS b (instance, jail, ip, banned_at, {_VALUES})
    SELECT %(instance)s, ban ->> 0, ban ->> 1, ban ->> 2,
           (ban ->> 3)::bigint, (ban ->> 4)::bigint, (ban ->> 5)::bigint
      FROM json_array_elements(%(bans)s::json) AS ban
     WHERE EXISTS (SELECT 1 FROM marked)
    ON CONFLICT (banned_at, instance, jail, ip) DO UPDATE
       SET bantime_s = excluded.bantime_s, bancount = excluded.bancount, failures = excluded.failures
     WHERE (b.bantime_s, b.bancount, b.failures)
           IS DISTINCT FROM (excluded.bantime_s, excluded.bancount, excluded.failures)
    RETURNING xmax = 0 AS is_new
)
SELECT (SELECT count(*) FROM marked),
       count(*) FILTER (WHERE is_new), count(*) FILTER (WHERE NOT is_new) FROM recorded"""
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
