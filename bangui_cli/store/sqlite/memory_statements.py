"""The SQL of the history of bans, named; `statements` has the rest."""

# In KiB: the pages of 75,000 bans of one time take 6 MB, and those of their addresses pass by.
CACHE_OF_A_BATCH = "PRAGMA cache_size = -16000"

READ_MARK = "SELECT mark FROM collect_state WHERE instance = ?"

WRITE_MARK = """
INSERT INTO collect_state (instance, mark) VALUES (?, ?)
ON CONFLICT (instance) DO UPDATE SET mark = excluded.mark"""

RECORD = """
INSERT INTO ban_history (instance, jail, ip, banned_at, bantime_s, bancount, failures)
VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"""

CORRECT = """
UPDATE ban_history SET bantime_s = :bantime_s, bancount = :bancount, failures = :failures
 WHERE banned_at = :banned_at AND instance = :instance AND jail = :jail AND ip = :ip
   AND (bantime_s, bancount, failures) IS NOT (:bantime_s, :bancount, :failures)"""

_FIRST_ADDRESS = "iif(instr(ip, '/'), substr(ip, 1, instr(ip, '/') - 1), ip)"

# One step of the index an address, however many bans it has.
FIND_UNKNOWN = f"""
WITH RECURSIVE looked_at (ip) AS (
    SELECT min(ip) FROM ban_history WHERE ip > :after
    UNION ALL
    SELECT (SELECT min(ip) FROM ban_history WHERE ip > looked_at.ip)
      FROM looked_at WHERE ip IS NOT NULL
     LIMIT :rows
), place (ip, first) AS (SELECT ip, {_FIRST_ADDRESS} FROM looked_at WHERE ip IS NOT NULL)
SELECT ip, iif(EXISTS (SELECT 1 FROM ban_history WHERE ip = place.ip AND instance = :instance)
           AND NOT EXISTS (SELECT 1 FROM geo_cache WHERE ip = first)
           AND NOT EXISTS (SELECT 1 FROM geo_cache_dirty WHERE ip = first), first, NULL)
  FROM place"""
