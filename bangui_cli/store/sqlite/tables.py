"""The tables: what `init` makes, and only `init` needs to know."""

from bangui_cli.store.sqlite.foreign_rows import is_spelt_otherwise
from bangui_cli.store.sqlite.statements import JOB_STATE_COLUMNS

_OTHER_SPELLINGS = is_spelt_otherwise("ip")
_TIMESTAMP = (
    "[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9].[0-9][0-9][0-9]Z"
)

_CREATE_JOB_STATE = """
CREATE TABLE IF NOT EXISTS job_state (
    job_id TEXT NOT NULL,
    instance TEXT NOT NULL DEFAULT '',
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
    flushed_total INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (job_id, instance)
) STRICT, WITHOUT ROWID"""

# BanGUI's own inserts must keep working on geo_cache, so it has no CHECK (they would treble the time
# of a flush, too). They stand on the dirty set: no row gets in that could later block a flush.
CREATE_TABLES = (
    """
CREATE TABLE IF NOT EXISTS geo_cache (
    ip TEXT NOT NULL PRIMARY KEY,
    country_code TEXT,
    country_name TEXT,
    asn TEXT,
    org TEXT,
    cached_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    last_seen TEXT
) STRICT, WITHOUT ROWID""",
    f"CREATE INDEX IF NOT EXISTS geo_cache_other_spellings ON geo_cache (ip) WHERE {_OTHER_SPELLINGS}",
    f"""
CREATE TABLE IF NOT EXISTS geo_cache_dirty (
    ip TEXT NOT NULL PRIMARY KEY
        CHECK (length(ip) BETWEEN 2 AND 39 AND ip NOT GLOB '*[^0-9a-f.:]*'),
    country_code TEXT CHECK (country_code GLOB '[A-Z][A-Z]'),
    country_name TEXT CHECK (length(country_name) BETWEEN 1 AND 200),
    asn TEXT CHECK (asn GLOB 'AS[0-9]*' AND substr(asn, 3) NOT GLOB '*[^0-9]*' AND length(asn) <= 12),
    org TEXT CHECK (length(org) BETWEEN 1 AND 200),
    resolved_at TEXT NOT NULL CHECK (resolved_at GLOB '{_TIMESTAMP}')
) STRICT, WITHOUT ROWID""",
    """
CREATE TABLE IF NOT EXISTS scheduler_lock (
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
) STRICT""",
    _CREATE_JOB_STATE,
    """
CREATE TABLE IF NOT EXISTS ban_history (
    instance TEXT NOT NULL,
    jail TEXT NOT NULL,
    ip TEXT NOT NULL,
    banned_at TEXT NOT NULL,
    bantime_s INTEGER NOT NULL,
    bancount INTEGER NOT NULL,
    failures INTEGER,
    PRIMARY KEY (banned_at, instance, jail, ip)
) STRICT, WITHOUT ROWID""",
    # With the key, which every index has, it holds all that bans are counted by, in order of address.
    "CREATE INDEX IF NOT EXISTS ban_history_addresses ON ban_history (ip, bantime_s)",
    # A few rows: to look which networks hold an address, all of these are read.
    "CREATE INDEX IF NOT EXISTS ban_history_networks ON ban_history (ip) WHERE instr(ip, '/') > 0",
    """
CREATE TABLE IF NOT EXISTS collect_state (
    instance TEXT NOT NULL PRIMARY KEY,
    mark TEXT NOT NULL
) STRICT, WITHOUT ROWID""",
)

# The first schema had one row a job. SQLite cannot change a primary key: the rows move house.
KEY_JOBS_BY_INSTANCE = (
    "ALTER TABLE job_state RENAME TO former_job_state",
    _CREATE_JOB_STATE,
    f"""
INSERT INTO job_state (job_id, last_token, {", ".join(JOB_STATE_COLUMNS)})
SELECT job_id, last_token, {", ".join(JOB_STATE_COLUMNS)} FROM former_job_state""",
    "DROP TABLE former_job_state",
)
ADD_COLUMN = "ALTER TABLE {table} ADD COLUMN {column} {definition}"
