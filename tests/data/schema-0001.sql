PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE IF NOT EXISTS "_sqlite_migrations" (
   "id" INTEGER PRIMARY KEY,
   "migration_set" TEXT,
   "name" TEXT,
   "applied_at" TEXT
);
INSERT INTO _sqlite_migrations VALUES(1,'bangui','0001_initial','2026-11-26 10:58:25.283808+00:00');
CREATE TABLE geo_cache (
    ip TEXT NOT NULL PRIMARY KEY,
    country_code TEXT,
    country_name TEXT,
    asn TEXT,
    org TEXT,
    cached_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    last_seen TEXT
) STRICT, WITHOUT ROWID;
INSERT INTO geo_cache VALUES('192.0.2.1','DE','Germany','AS64496','Example Org','2026-01-02T03:04:05.000Z','2026-11-26T10:58:25.698Z');
INSERT INTO geo_cache VALUES('2001:db8::1','FR','France',NULL,NULL,'2026-01-02T03:04:06.000Z','2026-11-26T10:58:25.698Z');
CREATE TABLE geo_cache_dirty (
    ip TEXT NOT NULL PRIMARY KEY
        CHECK (length(ip) BETWEEN 2 AND 39 AND ip NOT GLOB '*[^0-9a-f.:]*'),
    country_code TEXT CHECK (country_code GLOB '[A-Z][A-Z]'),
    country_name TEXT CHECK (length(country_name) BETWEEN 1 AND 200),
    asn TEXT CHECK (asn GLOB 'AS[0-9]*' AND substr(asn, 3) NOT GLOB '*[^0-9]*' AND length(asn) <= 12),
    org TEXT CHECK (length(org) BETWEEN 1 AND 200),
    resolved_at TEXT NOT NULL CHECK (resolved_at GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9].[0-9][0-9][0-9]Z')
) STRICT, WITHOUT ROWID;
INSERT INTO geo_cache_dirty VALUES('192.0.2.1','AT','Austria',NULL,NULL,'2026-01-04T00:00:00.000Z');
INSERT INTO geo_cache_dirty VALUES('198.51.100.7',NULL,NULL,NULL,NULL,'2026-01-03T00:00:00.000Z');
CREATE TABLE scheduler_lock (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    pid INTEGER,
    hostname TEXT,
    created_at REAL,
    heartbeat_at REAL,
    heartbeat_timeout REAL,
    owner TEXT,
    lease_id TEXT,
    token INTEGER,
    boot_id TEXT,
    heartbeat_boottime REAL,
    heartbeat_written REAL
) STRICT;
INSERT INTO scheduler_lock VALUES(1,8439,'web1',1795690705.677781105,1795690705.6977801322,300.0,'web1','5933a35a-7d69-40aa-939f-de2a93d55aeb',1,'5ffdc2f1-d7b0-403e-aed3-dd9045dcd69f',16234.536539831000482,1795690705.6977801322);
CREATE TABLE job_state (
    job_id TEXT NOT NULL PRIMARY KEY,
    last_started_at TEXT,
    last_finished_at TEXT,
    last_outcome TEXT,
    last_success_at TEXT,
    last_duration_s REAL,
    last_count INTEGER,
    last_correlation_id TEXT,
    last_token INTEGER,
    runs_total INTEGER NOT NULL DEFAULT 0,
    failures_total INTEGER NOT NULL DEFAULT 0,
    consecutive_failures INTEGER NOT NULL DEFAULT 0,
    flushed_total INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
INSERT INTO job_state VALUES('geo_cache_flush','2026-11-26T10:58:25.521Z','2026-11-26T10:58:25.698Z','ok','2026-11-26T10:58:25.698Z',0.17699999999999999067,2,'d229fbe6-0df2-48d3-96c2-95fdf9c53e14',1,1,0,0,2);
CREATE UNIQUE INDEX "idx__sqlite_migrations_migration_set_name"
    ON "_sqlite_migrations" ("migration_set", "name");
CREATE INDEX geo_cache_other_spellings ON geo_cache (ip) WHERE (instr(ip, ':') > 0 AND (ip GLOB '*[^0-9a-f:]*' OR ip GLOB '::ffff:*'
    OR ':' || ip || ':' GLOB '*:0[^:]*' OR ':' || ip || ':' GLOB '*:0:0:*' OR ':' || ip || ':' GLOB '*:0::*'
    OR ':' || ip || ':' GLOB '*::0:*' OR (ip GLOB '*::*' AND ip GLOB '*:*:*:*:*:*:*:*')));
COMMIT;
