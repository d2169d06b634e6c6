"""The tables of BanGUI, as its web application writes them."""

TABLES = """
CREATE TABLE geo_cache (
    ip TEXT PRIMARY KEY, country_code TEXT, country_name TEXT, asn TEXT, org TEXT,
    cached_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ', 'now'))
);
CREATE TABLE scheduler_lock (
    id INTEGER PRIMARY KEY CHECK (id = 1), pid INTEGER NOT NULL, hostname TEXT NOT NULL,
    created_at REAL NOT NULL, heartbeat_at REAL NOT NULL, heartbeat_timeout INTEGER NOT NULL DEFAULT 300
);
"""
