"""The tables of the schema `bangui`: what `init` makes, and only `init` needs to know."""

# Texts sort as Python and SQLite sort them, whatever the database's own order is.
_TEXT = 'text COLLATE "C"'
_TIMESTAMP = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$"

CREATE_SCHEMA = "CREATE SCHEMA bangui"
CREATE_MIGRATIONS = f"""
CREATE TABLE bangui.schema_migrations (name {_TEXT} PRIMARY KEY, applied_at {_TEXT} NOT NULL)"""

_CREATE_TABLES = f"""
CREATE TABLE bangui.geo_cache (
    ip {_TEXT} PRIMARY KEY,
    country_code {_TEXT},
    country_name {_TEXT},
    asn {_TEXT},
    org {_TEXT},
    cached_at {_TEXT} NOT NULL,
    last_seen {_TEXT}
);
-- No row gets in that could later block a flush. Each flush leaves as many dead rows as it moves: they
-- are cleared by their number, not by their share of a table that is empty most of the time.
CREATE TABLE bangui.geo_cache_dirty (
    ip {_TEXT} PRIMARY KEY CHECK (length(ip) BETWEEN 2 AND 39 AND ip ~ '^[0-9a-f.:]+$'),
    country_code {_TEXT} CHECK (country_code ~ '^[A-Z][A-Z]$'),
    country_name {_TEXT} CHECK (length(country_name) BETWEEN 1 AND 200),
    asn {_TEXT} CHECK (asn ~ '^AS[0-9]{{1,10}}$'),
    org {_TEXT} CHECK (length(org) BETWEEN 1 AND 200),
    resolved_at {_TEXT} NOT NULL CHECK (resolved_at ~ '{_TIMESTAMP}')
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000);
CREATE TABLE bangui.scheduler_lock (
    id integer PRIMARY KEY CHECK (id = 1),
    pid bigint,
    hostname text,
    created_at double precision,
    heartbeat_at double precision,
    heartbeat_timeout double precision,
    owner text,
    lease_id text,
    token bigint,
    boot_id text,
    heartbeat_boottime double precision,
    heartbeat_written double precision
) WITH (fillfactor = 10);
-- A row that is not there cannot be waited for.
INSERT INTO bangui.scheduler_lock (id) VALUES (1);
CREATE TABLE bangui.job_state (
    job_id {_TEXT} NOT NULL,
    instance {_TEXT} NOT NULL DEFAULT '',
    last_started_at {_TEXT},
    last_finished_at {_TEXT},
    last_outcome {_TEXT},
    last_success_at {_TEXT},
    last_duration_s double precision,
    last_count bigint,
    last_correlation_id {_TEXT},
    last_token bigint,
    runs_total bigint NOT NULL DEFAULT 0,
    failures_total bigint NOT NULL DEFAULT 0,
    consecutive_failures bigint NOT NULL DEFAULT 0,
    flushed_total bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (job_id, instance)
) WITH (fillfactor = 50);
CREATE TABLE bangui.ban_history (
    instance {_TEXT} NOT NULL,
    jail {_TEXT} NOT NULL,
    ip {_TEXT} NOT NULL,
    banned_at {_TEXT} NOT NULL,
    bantime_s bigint NOT NULL,
    bancount bigint NOT NULL,
    failures bigint,
    PRIMARY KEY (banned_at, instance, jail, ip)
);
CREATE INDEX ban_history_addresses ON bangui.ban_history (ip);
CREATE TABLE bangui.collect_state (instance {_TEXT} PRIMARY KEY, mark {_TEXT} NOT NULL);
CREATE TABLE bangui.instance_machines (
    instance {_TEXT} NOT NULL,
    machine_id {_TEXT} NOT NULL,
    seen_at {_TEXT} NOT NULL,
    PRIMARY KEY (instance, machine_id)
)"""

# What each kind of role may do, beside what the one before it may.
_RIGHTS = {
    "reader": {},
    "stager": {
        "geo_cache_dirty": "INSERT, UPDATE",
        "ban_history": "INSERT, UPDATE",
        "collect_state": "INSERT, UPDATE",
        "job_state": "INSERT, UPDATE",
    },
    "writer": {
        "scheduler_lock": "INSERT, UPDATE",
        "geo_cache": "INSERT, UPDATE, DELETE",
        "geo_cache_dirty": "DELETE",
        "ban_history": "DELETE",
        "collect_state": "DELETE",
        "instance_machines": "INSERT, UPDATE",
    },
}


def grant(kind: str, role: str) -> list[str]:
    """Return the statements that give a role the rights of a kind."""
    name = '"' + role.replace('"', '""').replace("%", "%%") + '"'
    kinds = list(_RIGHTS)[: list(_RIGHTS).index(kind) + 1]
    rights = [each for one in kinds for each in _RIGHTS[one].items()]
    return [
        f"GRANT USAGE ON SCHEMA bangui TO {name}",
        f"GRANT SELECT ON ALL TABLES IN SCHEMA bangui TO {name}",
        *(f"GRANT {right} ON bangui.{table} TO {name}" for table, right in rights),
    ]


# By the names of `schema.MIGRATIONS`.
MIGRATIONS = {"0001_initial": _CREATE_TABLES}
