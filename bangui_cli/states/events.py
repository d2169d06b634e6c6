"""The log events, once. Their names are an interface: monitors and scripts match them."""

from bangui_cli.states.records import Record

# By level, sd-daemon(3): journald strips the prefix `<N>` of a line into PRIORITY.
PRIORITY = {"debug": 7, "info": 6, "warning": 4, "error": 3, "critical": 2}
LEVELS = tuple(PRIORITY)


class Event(Record):
    """A name, its usual level, and what it tells."""

    name: str
    level: str
    meaning: str


FLUSH_RAN = Event("geo_cache_flush_ran", "debug", "rows were moved into the cache")
FLUSH_TIMEOUT = Event("geo_cache_flush_timeout", "error", "the timeout ended a flush pass")
FLUSH_ERROR = Event("geo_cache_flush_error", "error", "a flush pass failed")
FLUSH_LOCK_LOST = Event("geo_cache_flush_lock_lost", "error", "the lease was lost during a flush")
HEARTBEAT_UPDATED = Event("scheduler_lock_heartbeat_updated", "debug", "the lock was refreshed")
HEARTBEAT_FAILED = Event(
    "scheduler_lock_heartbeat_failed", "warning", "the lock is held by another instance"
)
HEARTBEAT_TIMEOUT = Event(
    "scheduler_lock_heartbeat_timeout", "error", "the timeout ended a heartbeat pass"
)
HEARTBEAT_ERROR = Event("scheduler_lock_heartbeat_error", "error", "a heartbeat pass failed")
LOCK_CREATED = Event("scheduler_lock_created", "debug", "a free lock was taken")
LOCK_REACQUIRED = Event(
    "scheduler_lock_reacquired", "warning", "this instance's own lock had expired; new lease"
)
LOCK_TAKEN_OVER = Event(
    "scheduler_lock_taken_over", "warning", "another instance's expired lock was taken over"
)
LOCK_HELD = Event("scheduler_lock_held_by_other_instance", "warning", "another instance is active")
LOCK_MALFORMED = Event(
    "scheduler_lock_malformed", "error", "the lock row made no sense and was replaced"
)
LOCK_RELEASED = Event("scheduler_lock_released", "info", "the lock was handed over")
DATABASE_INITIALISED = Event(
    "database_initialised", "info", "the database was created, upgraded or found current"
)
DATABASE_HAS_SECOND_NAME = Event(
    "database_has_second_name", "warning", "who opens the database by its other name may damage it"
)
IMPORT_ROW_REJECTED = Event("import_row_rejected", "warning", "one input row was refused")
GEOIP_WITHOUT_COUNTRIES = Event(
    "geoip_without_countries", "warning", "no MMDB file knows countries, so that nothing gets one"
)
JAIL_WITHOUT_BANS = Event(
    "jail_without_bans", "warning", "there is no ban of the jail that was asked for"
)
INSTANCE_WITHOUT_BANS = Event(
    "instance_without_bans", "warning", "there is no ban of the instance that was asked for"
)
BANS_LEFT_OUT = Event("bans_left_out", "info", "more bans fit than were asked for")
IMPORT_ROWS_REJECTED = Event(
    "import_rows_rejected", "warning", "more rows of an input were refused than are told one by one"
)
IMPORT_FIELDS_UNKNOWN = Event(
    "import_fields_unknown", "warning", "rows of an input have fields, but none that is known"
)
IMPORT_COUNTRY_UNKNOWN = Event(
    "import_country_unknown", "warning", "rows of an input name a country that ISO 3166 does not know"
)
IMPORT_SOURCE_REFUSED = Event(
    "import_source_refused", "error", "an input holds no rows that can be used"
)
FLUSH_SCHEDULED = Event("geo_cache_flush_scheduled", "info", "the flush job was installed")
HEARTBEAT_SCHEDULED = Event(
    "scheduler_lock_heartbeat_scheduled", "info", "the heartbeat job was installed"
)
PRUNE_RAN = Event("geo_cache_cleanup_ran", "debug", "rows were deleted that nothing refers to any more")
PRUNE_TIMEOUT = Event("geo_cache_cleanup_timeout", "error", "the timeout ended a prune pass")
PRUNE_ERROR = Event("geo_cache_cleanup_error", "error", "a prune pass failed")
PRUNE_LOCK_LOST = Event("geo_cache_cleanup_lock_lost", "error", "the lease was lost during a prune")
PRUNE_SCHEDULED = Event("geo_cache_cleanup_scheduled", "info", "the prune job was installed")
FORGOTTEN = Event("addresses_forgotten", "info", "what was known of addresses was deleted")
FORGOTTEN_STILL_BANNED = Event(
    "forgotten_still_banned", "warning", "fail2ban holds what was forgotten: collect brings it back"
)
COLLECT_RAN = Event("history_sync_ran", "debug", "bans of fail2ban were recorded")
COLLECT_TIMEOUT = Event("history_sync_timeout", "error", "the timeout ended a collect pass")
COLLECT_ERROR = Event("history_sync_error", "error", "a collect pass failed")
COLLECT_SCHEDULED = Event("history_sync_scheduled", "info", "the collect job was installed")
RE_RESOLVE_RAN = Event("geo_re_resolve_ran", "debug", "cached addresses were looked up again")
RE_RESOLVE_TIMEOUT = Event(
    "geo_re_resolve_timeout", "error", "the timeout ended a pass that looks cached addresses up again"
)
RE_RESOLVE_ERROR = Event(
    "geo_re_resolve_error", "error", "a pass that looks cached addresses up again failed"
)
RE_RESOLVE_SCHEDULED = Event(
    "geo_re_resolve_scheduled", "info", "the job that looks cached addresses up again was installed"
)
REPORT_SCHEDULED = Event("ban_report_scheduled", "info", "the job that makes the page was installed")
STATUS_METRICS_SCHEDULED = Event(
    "status_metrics_scheduled", "info", "the job that writes metrics of the state was installed"
)
BAN_METRICS_SCHEDULED = Event(
    "ban_metrics_scheduled", "info", "the job that writes metrics of the bans was installed"
)
SCHEDULE_LEFT_OUT = Event("schedule_left_out", "info", "a job was not installed, for a reason")
VARIABLE_NOT_SCHEDULED = Event(
    "variable_not_scheduled", "warning", "a variable that is set here does not reach the jobs"
)
SCHEDULE_REMOVED = Event("schedule_removed", "info", "the files of the schedule were deleted")
SCHEDULED_TWICE = Event(
    "scheduled_twice", "warning", "the jobs are installed for another scheduler, too"
)
SCHEDULE_REMAINS = Event(
    "schedule_remains", "warning", "the jobs are still installed for another scheduler"
)
SCHEDULED_AS_ROOT = Event(
    "scheduled_as_root", "info", "the owner of the database cannot run the jobs: root starts them"
)
SCHEDULER_NOT_RUNNING = Event(
    "scheduler_not_running", "warning", "the jobs are installed, but nothing is there to start them"
)
VARIABLE_UNKNOWN = Event(
    "environment_variable_unknown", "warning", "a variable BANGUI_... is no setting and has no effect"
)
UNTRUSTED = Event(
    "schedule_untrusted", "warning", "others could change the program or settings of root's schedule"
)
COMMAND_FAILED = Event("command_failed", "error", "a command that is no job failed")

TABLE: tuple[Event, ...] = tuple(value for value in list(globals().values()) if type(value) is Event)
