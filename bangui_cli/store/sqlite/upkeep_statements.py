"""The SQL of what deletes, named; `statements` has the rest."""

from bangui_cli.store.sqlite.foreign_rows import NORMAL_IP, cached_time, is_spelt_otherwise

# The table's own order, and its key.
_BAN = "banned_at, instance, jail, ip"
HISTORY_BATCH_END = f"""
SELECT {_BAN} FROM ban_history WHERE banned_at < ? ORDER BY {_BAN} LIMIT 1 OFFSET ?"""
PRUNE_HISTORY_UNTIL = f"""
DELETE FROM ban_history WHERE banned_at < ? AND ({_BAN}) <= (?, ?, ?, ?)"""
PRUNE_HISTORY = "DELETE FROM ban_history WHERE banned_at < ?"
COUNT_OLD_HISTORY = "SELECT count(*) FROM ban_history WHERE banned_at < ?"

CACHE_BATCH_END = "SELECT ip FROM geo_cache WHERE ip > ? ORDER BY ip LIMIT 1 OFFSET ?"
# Sorts behind every text.
BEHIND_ALL = b""

_BATCH = "geo_cache.ip > :after AND geo_cache.ip <= :through"
# The list is made once for each statement, from an index on few rows.
_NORMAL_IP = f"""
    CASE WHEN geo_cache.ip IN (SELECT ip FROM geo_cache
                                WHERE {is_spelt_otherwise("ip")} AND ip > :after AND ip <= :through)
         THEN {NORMAL_IP}(geo_cache.ip) ELSE geo_cache.ip END"""
# Behind the last character of an address comes a slash, in a network, or nothing: one step of the index
# on `ip` finds both. The plus keeps SQLite from walking all the bans since that time instead.
_NEEDED = f"""(
       EXISTS (SELECT 1 FROM geo_cache_dirty AS dirty WHERE dirty.ip = {_NORMAL_IP})
    OR EXISTS (SELECT 1 FROM ban_history AS ban
                WHERE ban.ip >= {_NORMAL_IP} AND ban.ip < {_NORMAL_IP} || '0'
                  AND +ban.banned_at >= :history_before))"""
_OLD = f"""
       {cached_time("geo_cache")} < :cache_before
   AND (geo_cache.last_seen IS NULL OR {cached_time("geo_cache", "last_seen")} < :cache_before)"""
FIND_SPARED = f"SELECT ip FROM geo_cache WHERE {_BATCH} AND {_OLD} AND {_NEEDED} ORDER BY ip LIMIT :most"
COUNT_PRUNABLE_CACHE = f"SELECT count(*) FROM geo_cache WHERE {_BATCH} AND {_OLD} AND NOT {_NEEDED}"
# Without a question to another table SQLite deletes while it walks, in half the time. So what is needed
# is found before, and these go from one such address to the next.
PRUNE_THROUGH = f"DELETE FROM geo_cache WHERE {_BATCH} AND {_OLD}"
PRUNE_BETWEEN = f"DELETE FROM geo_cache WHERE ip > :after AND ip < :spared AND {_OLD}"
# Tells whether another connection has committed since it was told last.
DATA_VERSION = "PRAGMA data_version"

VACUUM = "VACUUM"
# In WAL mode the file gets shorter only now.
CHECKPOINT = "PRAGMA wal_checkpoint(TRUNCATE)"
LIVE_BYTES = """
SELECT (page_count - freelist_count) * page_size
  FROM pragma_page_count, pragma_freelist_count, pragma_page_size"""

SECURE_DELETE_ON = "PRAGMA secure_delete = ON"
# A function of the connection: whether an address or network is in a network.
IS_WITHIN = "is_within"
_KNOWING = ("geo_cache", "geo_cache_dirty", "ban_history")
FORGET = tuple(f"DELETE FROM {table} WHERE ip IN (SELECT value FROM json_each(?))" for table in _KNOWING)
# Between two texts stands all that is in the network, and perhaps more.
FORGET_NETWORK = tuple(
    f"DELETE FROM {table} WHERE ip >= ? AND ip < ? AND {IS_WITHIN}(ip, ?)" for table in _KNOWING
)
READ_ALL_BANS_ANEW = "DELETE FROM collect_state"
