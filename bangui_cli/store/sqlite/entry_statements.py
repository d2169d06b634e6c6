"""The SQL of the dirty set and the cache, named: what an empty pass does not say."""

from bangui_cli.store.merging import merge, staged, wins_whole
from bangui_cli.store.sqlite.foreign_rows import (
    cached,
    cached_time,
    is_spelt_otherwise,
    knows_country,
)

# Where the whole row is the key, as in a WITHOUT ROWID table, a transaction in `ip` order writes
# each page once; in random order the same flush takes five times as long.
#
# Counting each batch took up to a fifth of a flush's CPU time; to skip to its end takes little of it.
BATCH_END = "SELECT ip FROM geo_cache_dirty WHERE ip > ? ORDER BY ip LIMIT 1 OFFSET ?"
LAST_BATCH = "SELECT max(ip), count(*) FROM geo_cache_dirty WHERE ip > ?"
_BATCH = "ip > :after AND ip <= :through"

_CACHED, _DIRTY = cached("geo_cache"), staged("geo_cache_dirty")

_MOVE_BATCH = f"""
INSERT INTO geo_cache (ip, country_code, country_name, asn, org, cached_at, last_seen)
SELECT ip, country_code, country_name, asn, org, resolved_at, :seen_at
  FROM geo_cache_dirty WHERE {_BATCH} ORDER BY ip
ON CONFLICT (ip) DO UPDATE SET"""
_NEW = staged("excluded", "cached_at")
_WINS_WHOLE = wins_whole(_NEW, _CACHED, ":latest")

UPSERT_BATCH = f"""{_MOVE_BATCH}
    country_code = excluded.country_code, country_name = excluded.country_name,
    asn = excluded.asn, org = excluded.org,
    cached_at = excluded.cached_at, last_seen = excluded.last_seen
 WHERE {_WINS_WHOLE}"""

# What that has left alone: a half of the cached row may win, and it has been seen in any case.
MERGE_BATCH = f"""{_MOVE_BATCH} {merge(_NEW, _CACHED, ":latest")}, last_seen = excluded.last_seen
 WHERE NOT ({_WINS_WHOLE})"""

DELETE_BATCH = f"DELETE FROM geo_cache_dirty WHERE {_BATCH}"

# Many rows in one statement save a fifth of the time of as many statements, and the thread beside one
# that reads asks less often for the interpreter.
STAGED_TOGETHER_ROWS = 400


def _stage(rows: int) -> str:
    """Stage so many rows; the first parameter is the last time that is not of the future."""
    # A number ("?1") would be a name to Python, which wants a dictionary then: that is slower to fill.
    return f"""
WITH now (latest) AS (VALUES (?))
INSERT INTO geo_cache_dirty (ip, country_code, country_name, asn, org, resolved_at)
VALUES {", ".join(["(?, ?, ?, ?, ?, ?)"] * rows)}
ON CONFLICT (ip) DO UPDATE SET {merge(staged("excluded"), _DIRTY, "(SELECT latest FROM now)")}"""


STAGE, STAGE_TOGETHER = _stage(1), _stage(STAGED_TOGETHER_ROWS)

_COLUMNS = ("country_code", "country_name", "asn", "org")
# Into BanGUI's own table numbers and blobs get, too.
_CACHED_COLUMNS = ", ".join(f"nullif(CAST(geo_cache.{name} AS TEXT), '') AS {name}" for name in _COLUMNS)
_DIRTY_COLUMNS = ", ".join(f"geo_cache_dirty.{name}" for name in _COLUMNS)
_READ_CACHED = f"SELECT ip, {_CACHED_COLUMNS}, {cached_time('geo_cache')} FROM geo_cache"
_READ_DIRTY = f"SELECT ip, {_DIRTY_COLUMNS}, resolved_at FROM geo_cache_dirty"
# One statement for any number of addresses: a JSON array.
FIND_CACHED = f"{_READ_CACHED} WHERE ip IN (SELECT value FROM json_each(?))"
FIND_DIRTY = f"{_READ_DIRTY} WHERE ip IN (SELECT value FROM json_each(?))"

# BanGUI may have cached an address in a spelling that is not its normal form. An index holds those
# alone, so that it costs nothing to see that there is none.
_OTHER_SPELLINGS = is_spelt_otherwise("ip")
OTHER_SPELLINGS = f"SELECT ip FROM geo_cache WHERE {_OTHER_SPELLINGS}"
FIND_OTHER_SPELLINGS = f"{_READ_CACHED} WHERE {_OTHER_SPELLINGS} ORDER BY ip"
# Only where a flush has something to say of the address.
RESPELL = f"""
INSERT INTO geo_cache (ip, country_code, country_name, asn, org, cached_at, last_seen)
SELECT :ip, country_code, country_name, asn, org, cached_at, last_seen
  FROM geo_cache WHERE ip = :spelling AND EXISTS (SELECT 1 FROM geo_cache_dirty WHERE ip = :ip)
ON CONFLICT (ip) DO UPDATE SET {merge(cached("excluded"), _CACHED, ":latest")}"""
DELETE_SPELLING = "DELETE FROM geo_cache WHERE ip = :spelling"


def _count_by(key: str, name: str) -> str:
    # Files of two makers may name one key differently.
    key, name = f"CAST({key} AS TEXT)", f"CAST({name} AS TEXT)"
    return f"SELECT nullif({key}, '') AS key, {name}, count(*) FROM geo_cache GROUP BY 1, 2"


COUNT_BY = {
    "country": _count_by("country_code", "country_name"),
    "asn": _count_by("asn", "org"),
    "org": _count_by("org", "NULL"),
}
COUNT_CACHE = f"""
SELECT count(*), count(*) - count(CASE WHEN {knows_country("geo_cache")} THEN 1 END) FROM geo_cache"""
