"""The SQL of what is handed over, named; `statements` has the rest."""

from bangui_cli.store.merging import merge, staged
from bangui_cli.store.sqlite.foreign_rows import NORMAL_IP, cached, cached_time, is_spelt_otherwise

_KNOWN = "country_code, country_name, asn, org"
_SPELT_OTHERWISE = f"SELECT ip FROM geo_cache WHERE {is_spelt_otherwise('ip')}"
_LATEST = ":latest"

CREATE_CACHE_COPY = f"""
CREATE TEMP TABLE cache_copy (
    ip TEXT NOT NULL PRIMARY KEY, {_KNOWN}, cached_at
) WITHOUT ROWID"""
# Of what is older than asked for, only what something else has still to be merged with.
COPY_CACHE = f"""
INSERT INTO cache_copy
SELECT ip, {_KNOWN}, cached_at FROM geo_cache
 WHERE ip IS NOT NULL AND ip NOT IN ({_SPELT_OTHERWISE})
   AND (:since = '' OR {cached_time("geo_cache")} >= :since OR ip IN (SELECT ip FROM geo_cache_dirty)
        OR ip IN (SELECT {NORMAL_IP}(ip) FROM ({_SPELT_OTHERWISE})))
 ORDER BY ip"""
_INTO_COPY = "ON CONFLICT (ip) DO UPDATE SET"
MERGE_OTHER_SPELLINGS = f"""
INSERT INTO cache_copy
SELECT {NORMAL_IP}(ip), {_KNOWN}, cached_at FROM geo_cache WHERE ip IN ({_SPELT_OTHERWISE}) ORDER BY ip
{_INTO_COPY} {merge(cached("excluded"), cached("cache_copy"), _LATEST)}"""
MERGE_DIRTY = f"""
INSERT INTO cache_copy
SELECT ip, {_KNOWN}, resolved_at FROM geo_cache_dirty WHERE true ORDER BY ip
{_INTO_COPY} {merge(staged("excluded", "cached_at"), cached("cache_copy"), _LATEST)}"""

_TEXTS = ", ".join(f"nullif(CAST({name} AS TEXT), '')" for name in _KNOWN.split(", "))
CACHE_PAGE = f"""
SELECT ip, {_TEXTS}, {cached_time("cache_copy")} AS time
  FROM cache_copy WHERE ip > :after AND time >= :since ORDER BY ip LIMIT :rows"""

_BAN = "instance, jail, ip, banned_at, bantime_s, bancount, failures"
_KEY = "banned_at, instance, jail, ip"
HISTORY = f"SELECT {_BAN} FROM ban_history WHERE banned_at >= :since ORDER BY {_KEY}"

KEEP_BAN = f"""
INSERT INTO ban_history ({_BAN}) VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT ({_KEY}) DO UPDATE SET
    bantime_s = excluded.bantime_s, bancount = excluded.bancount, failures = excluded.failures"""
