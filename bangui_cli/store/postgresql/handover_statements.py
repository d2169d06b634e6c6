"""The SQL of what is handed over, named; `statements` has the rest."""

_KNOWN = "{row}.country_code, {row}.country_name, {row}.asn, {row}.org"
CACHE = f"""
SELECT c.ip, {_KNOWN.format(row="c")}, c.cached_at, d.ip, {_KNOWN.format(row="d")}, d.resolved_at
  FROM bangui.geo_cache AS c FULL JOIN bangui.geo_cache_dirty AS d ON d.ip = c.ip
 ORDER BY coalesce(c.ip, d.ip)"""
HISTORY = """
SELECT instance, jail, ip, banned_at, bantime_s, bancount, failures FROM bangui.ban_history
 WHERE banned_at >= %(since)s ORDER BY banned_at, instance, jail, ip"""

KEEP_BANS = """
WITH kept AS (
    INSERT INTO bangui.ban_history (instance, jail, ip, banned_at, bantime_s, bancount, failures)
    SELECT ban ->> 0, ban ->> 1, ban ->> 2, ban ->> 3,
           (ban ->> 4)::bigint, (ban ->> 5)::bigint, (ban ->> 6)::bigint
      FROM json_array_elements(%(bans)s::json) AS ban
    ON CONFLICT (banned_at, instance, jail, ip) DO UPDATE
       SET bantime_s = excluded.bantime_s, bancount = excluded.bancount, failures = excluded.failures
    RETURNING 1
)
SELECT extract(epoch FROM clock_timestamp() - statement_timestamp())::float8
  FROM (SELECT count(*) FROM kept) AS done"""
