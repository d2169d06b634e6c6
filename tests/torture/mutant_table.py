"""The mutants: each breaks one promise, and names the test that must notice."""

from typing import NamedTuple


class Mutant(NamedTuple):
    """A promise, how it is broken, and the test that must notice."""

    name: str
    path: str
    old: str
    new: str
    test: str


LEASE, LOCKING = "bangui_cli/rules/lease.py", "bangui_cli/access/locking.py"
SQL, MERGING, SESSION, SQLITE = (
    f"bangui_cli/store/sqlite/{name}.py" for name in ("statements", "merging", "session", "store")
)
ENTRY = "bangui_cli/rules/entry.py"
FLUSH, FRAME, RUN, WATCHDOG = (
    f"bangui_cli/jobs/{name}.py" for name in ("flush", "frame", "run", "watchdog")
)
TRUST, FILES = "bangui_cli/host/trust.py", "bangui_cli/host/files.py"
STAGING, IMPORT = "bangui_cli/access/staging.py", "bangui_cli/importing/run.py"

MUTANTS = (
    # The lock's judgement.
    Mutant(
        "a lock as old as its TTL is fresh",
        LEASE,
        "    age_s = max(age_s, 0.0)\n    return age_s, ttl_s, age_s < ttl_s",
        "    age_s = max(age_s, 0.0)\n    return age_s, ttl_s, age_s <= ttl_s",
        "rules/test_lease.py::test_judgement",
    ),
    Mutant(
        "after a reboot a lock is fresh one moment too long",
        LEASE,
        "return uptime_s, ttl_s, uptime_s < ttl_s",
        "return uptime_s, ttl_s, uptime_s <= ttl_s",
        "rules/test_lease.py::test_judgement",
    ),
    Mutant(
        "a lock of another boot counts by its old boot clock",
        LEASE,
        "if row.boot_id != boot_id:",
        "if False:",
        "access/test_lock.py::test_a_lock_of_another_boot_is_fresh_only_while_the_uptime_is_below_its_ttl",
    ),
    Mutant(
        "the wall clock for the boot clock",
        LEASE,
        "if row.boot_id is not None and now.boot_id is not None and now.boottime_s is not None:",
        "if False:",
        "rules/test_lease.py::test_a_step_of_the_wall_clock_changes_nothing",
    ),
    Mutant(
        "the time namespace's clock for the host's",
        "bangui_cli/host/clocks.py",
        "time.clock_gettime(time.CLOCK_BOOTTIME) - _time_namespace_offset_s()",
        "time.clock_gettime(time.CLOCK_BOOTTIME)",
        "access/test_lock.py::test_a_time_namespace_makes_no_difference",
    ),
    Mutant(
        "a heartbeat in the future is trusted",
        LEASE,
        "if age_s < -FUTURE_TOLERANCE_S:",
        "if False:",
        "rules/test_lease.py::test_a_row_that_cannot_be_proven_fresh_is_expired",
    ),
    Mutant(
        "BanGUI's heartbeat in the future is trusted",
        LEASE,
        "if age_s < -ttl_s:",
        "if False:",
        "rules/test_lease.py::test_judgement",
    ),
    Mutant(
        "any TTL counts, however long",
        LEASE,
        'min(_number(row.heartbeat_timeout, "heartbeat_timeout"), TTL_CEILING_S)',
        '_number(row.heartbeat_timeout, "heartbeat_timeout")',
        "rules/test_lease.py::test_judgement",
    ),
    Mutant(
        "what BanGUI wrote over is still ours",
        LEASE,
        "return self.heartbeat_written is None or self.heartbeat_written != self.heartbeat_at",
        "return self.heartbeat_written is None",
        "rules/test_lease.py::test_judgement",
    ),
    Mutant(
        "a held lock is taken",
        LEASE,
        "(MINE, REFRESHED) if is_mine else (HELD, HELD)",
        "(MINE, REFRESHED) if is_mine else (HELD, TAKEN_OVER)",
        "access/test_lock.py::test_a_held_lock_is_respected_and_nothing_is_written",
    ),
    # The lock's row.
    Mutant(
        "BEGIN for BEGIN IMMEDIATE",
        SQL,
        'BEGIN_WRITE = "BEGIN IMMEDIATE"',
        'BEGIN_WRITE = "BEGIN"',
        "torture/test_hard_deadlines.py::test_a_job_gets_its_turn_when_another_writer_is_done",
    ),
    Mutant(
        "a new lease keeps the old token",
        LOCKING,
        "str(uuid.uuid4()), known + 1, now.wall_s",
        "str(uuid.uuid4()), max(known, 1), now.wall_s",
        "access/test_lock.py::test_tokens_never_fall",
    ),
    Mutant(
        "the token is forgotten with the row",
        LOCKING,
        "max(row.known_token if row else 0, situation.highest_token)",
        "row.known_token if row else 0",
        "access/test_lock.py::test_tokens_never_fall",
    ),
    Mutant(
        "a takeover keeps the lease of before",
        LOCKING,
        "if row is not None and judgement.outcome == lease.REFRESHED:",
        "if row is not None and row.lease_id:",
        "torture/test_lost_lease.py",
    ),
    Mutant(
        "a released lock looks alive to BanGUI",
        LEASE,
        "        heartbeat_at=0,\n        heartbeat_written=0,\n",
        "        heartbeat_written=row.heartbeat_at,\n",
        "access/test_lock.py::test_bangui_finds_a_released_row_expired",
    ),
    # The fence and the heartbeat of a batch.
    Mutant(
        "no fence",
        SQL,
        " WHERE id = 1 AND lease_id = :lease_id AND heartbeat_written = heartbeat_at",
        " WHERE id = 1",
        "torture/test_lost_lease.py",
    ),
    Mutant(
        "the fence lets a write of BanGUI pass",
        SQL,
        "AND lease_id = :lease_id AND heartbeat_written = heartbeat_at",
        "AND lease_id = :lease_id",
        "jobs/test_flush.py::test_bangui_taking_the_row_stops_the_flush",
    ),
    Mutant(
        "the fence stands outside the transaction",
        SQLITE,
        "        with self.transaction():\n            began_s, now = clocks.monotonic_s(), self.now()\n"
        "            if not self._renew_lease(lease_id, now):\n                return None\n",
        "        began_s, now = clocks.monotonic_s(), self.now()\n"
        "        if not self._renew_lease(lease_id, now):\n            return None\n"
        "        with self.transaction():\n",
        "jobs/test_paused_runs.py::test_a_flush_that_stood_still_at_any_statement_writes_nothing_after_a_takeover",
    ),
    Mutant(
        "a batch does not refresh the heartbeat",
        SQL,
        "SET heartbeat_at = :wall_s, heartbeat_written = :wall_s, heartbeat_boottime = :boottime_s,",
        "SET",
        "jobs/test_paused_runs.py::test_every_batch_refreshes_the_heartbeat",
    ),
    # What moves.
    Mutant(
        "the whole rest is deleted, not the batch",
        SQL,
        'DELETE_BATCH = f"DELETE FROM geo_cache_dirty WHERE {_BATCH}"',
        'DELETE_BATCH = "DELETE FROM geo_cache_dirty WHERE ip > :after"',
        "jobs/test_flush.py::test_every_row_moves_whatever_the_batch_size",
    ),
    Mutant(
        "a row is deleted that was staged behind the batch",
        SQL,
        'DELETE_BATCH = f"DELETE FROM geo_cache_dirty WHERE {_BATCH}"',
        'DELETE_BATCH = "DELETE FROM geo_cache_dirty WHERE ip IN (SELECT ip FROM geo_cache)"',
        "jobs/test_paused_runs.py::test_a_flush_killed_at_any_statement_loses_nothing",
    ),
    Mutant(
        "the delete is a transaction of its own",
        SQLITE,
        "        self._execute(sql.DELETE_BATCH, bounds)\n",
        '        self._execute("COMMIT")\n        self._execute("BEGIN IMMEDIATE")\n'
        "        self._execute(sql.DELETE_BATCH, bounds)\n",
        "jobs/test_paused_runs.py::test_a_flush_killed_at_any_statement_loses_nothing",
    ),
    Mutant(
        "the total is counted after the commit",
        SQLITE,
        "            self._execute(sql.ADD_FLUSHED, (rows, finish.job_id))\n            if through is None:\n"
        "                self._finish(finish._replace(rows=(finish.rows or 0) + rows), now)\n"
        "            worked_s = clocks.monotonic_s()\n",
        "            if through is None:\n"
        "                self._finish(finish._replace(rows=(finish.rows or 0) + rows), now)\n"
        "            worked_s = clocks.monotonic_s()\n"
        "        self._execute(sql.ADD_FLUSHED, (rows, finish.job_id))\n",
        "jobs/test_paused_runs.py::test_a_flush_killed_at_any_statement_loses_nothing",
    ),
    Mutant(
        "a failed resolution replaces a country",
        MERGING,
        'f"({knows}, {time} <= {latest}, {time})"',
        'f"(1, {time} <= {latest}, {time})"',
        "jobs/test_flush.py::test_the_rule_decides_what_stays_of_each_half",
    ),
    Mutant(
        "a time of the future is the newest",
        MERGING,
        'f"({knows}, {time} <= {latest}, {time})"',
        'f"({knows}, 1, {time})"',
        "jobs/test_flush.py::test_the_rule_decides_what_stays_of_each_half",
    ),
    Mutant(
        "a time of the future is the newest of what wins whole",
        MERGING,
        "{new.time} <= {latest} AND {new.time}",
        "{new.time}",
        "jobs/test_flush.py::test_the_rule_decides_what_stays_of_each_half",
    ),
    Mutant(
        "of two times the older stays",
        MERGING,
        'f"({knows}, {time} <= {latest}, {time})"',
        'f"({knows}, {time} <= {latest}, 1)"',
        "jobs/test_flush.py::test_the_rule_decides_what_stays_of_each_half",
    ),
    Mutant(
        "of equal times the first stays",
        MERGING,
        'return f"({_rank(new_knows, new.time, latest)} >= ',
        'return f"({_rank(new_knows, new.time, latest)} > ',
        "jobs/test_flush.py::test_the_stores_sql_decides_as_the_rule_does",
    ),
    Mutant(
        "the network goes with the country",
        MERGING,
        "    network = _wins(new, new.knows_network, old, old.knows_network, latest)",
        "    network = country",
        "jobs/test_flush.py::test_the_rule_decides_what_stays_of_each_half",
    ),
    Mutant(
        "a half that wins leaves no time",
        MERGING,
        "THEN {is_newer} OR {network} ELSE",
        "THEN {network} ELSE",
        "jobs/test_flush.py::test_the_rule_decides_what_stays_of_each_half",
    ),
    Mutant(
        "the rule in Python knows no future",
        ENTRY,
        "(new_knows, new.resolved_at <= latest, new.resolved_at)",
        "(new_knows, True, new.resolved_at)",
        "jobs/test_flush.py::test_the_stores_sql_decides_as_the_rule_does",
    ),
    Mutant(
        "an empty code is a country",
        ENTRY,
        'NO_COUNTRY = ("", "-"',
        'NO_COUNTRY = ("-"',
        "jobs/test_flush.py::test_the_rule_decides_what_stays_of_each_half",
    ),
    Mutant(
        "BanGUI's times are compared as they stand",
        MERGING,
        "        cached_time(row),\n",
        '        f"{row}.cached_at",\n',
        "jobs/test_flush.py::test_the_rule_decides_what_stays_of_each_half",
    ),
    Mutant(
        "a time that SQLite cannot read is none",
        MERGING,
        "         ELSE {NORMAL_TIME}({time}) END",
        "         ELSE '' END",
        "jobs/test_flush.py::test_the_rule_decides_what_stays_of_each_half",
    ),
    Mutant(
        "a row that loses has not been seen",
        SQLITE,
        "            self._execute(sql.MERGE_BATCH, bounds)\n",
        "            pass\n",
        "jobs/test_flush.py::test_the_rule_decides_what_stays_of_each_half",
    ),
    Mutant(
        "a row of another spelling is doubled",
        SQLITE,
        "        self._respell(after, through, latest)\n",
        "",
        "store/test_other_spellings.py::test_a_row_of_another_spelling_is_found_and_replaced",
    ),
    Mutant(
        "a row of another spelling is lost where nothing replaces it",
        SQL,
        " AND EXISTS (SELECT 1 FROM geo_cache_dirty WHERE ip = :ip)",
        "",
        "store/test_other_spellings.py::test_a_row_of_another_spelling_stays_until_its_address_is_flushed",
    ),
    Mutant(
        "others find no gap in a long sweep",
        FLUSH,
        "clocks.sleep_s(min(run.store.rest_s, run.deadline.remaining_s()))",
        "pass",
        "jobs/test_paused_runs.py::test_a_long_sweep_leaves_gaps_for_those_who_wait",
    ),
    Mutant(
        "a batch is one row longer than it says",
        SQLITE,
        "sql.BATCH_END, (after, limit_rows - 1)",
        "sql.BATCH_END, (after, limit_rows)",
        "jobs/test_flush.py::test_every_row_moves_whatever_the_batch_size",
    ),
    Mutant(
        "a batch is one row shorter than it says",
        SQLITE,
        "sql.BATCH_END, (after, limit_rows - 1)",
        "sql.BATCH_END, (after, max(limit_rows - 2, 0))",
        "jobs/test_flush.py::test_every_row_moves_whatever_the_batch_size",
    ),
    Mutant(
        "the last batch counts no row without a country",
        SQL,
        '"SELECT max(ip), count(*) FROM geo_cache_dirty WHERE ip > ?"',
        '"SELECT max(ip), count(country_code) FROM geo_cache_dirty WHERE ip > ?"',
        "jobs/test_flush.py::test_the_rule_decides_what_stays_of_each_half",
    ),
    Mutant(
        "the next batch begins at the last row of this one",
        SQL,
        '_BATCH = "ip > :after AND ip <= :through"',
        '_BATCH = "ip > :after AND ip < :through"',
        "jobs/test_flush.py::test_every_row_moves_whatever_the_batch_size",
    ),
    Mutant(
        "a batch takes as many rows as it likes",
        FLUSH,
        "rows = pacing.next_batch_rows(rows, batch.work_s, most_rows, commit_s=batch.commit_s)",
        "rows *= 2",
        "jobs/test_paused_runs.py::test_the_timeout_ends_a_run_between_two_batches",
    ),
    Mutant(
        "a flush leaves its journal",
        SQL,
        'JOURNAL_DELETE = "PRAGMA journal_mode = DELETE"',
        'JOURNAL_DELETE = "PRAGMA journal_mode = PERSIST"',
        "jobs/test_flush.py::test_every_row_moves_whatever_the_batch_size",
    ),
    Mutant(
        "a held pass leaves its mark",
        LOCKING,
        "    if judgement.outcome == lease.HELD:\n        raise held_error(row, judgement, instance)\n",
        "    if judgement.outcome == lease.HELD:\n        store.job_started('geo_cache_flush', '', '', 0)\n"
        "        store._execute('COMMIT')\n        raise held_error(row, judgement, instance)\n",
        "access/test_lock.py::test_a_held_lock_is_respected_and_nothing_is_written",
    ),
    Mutant(
        "staging does not sync the directory",
        SQL,
        'SYNCHRONOUS_EXTRA = "PRAGMA synchronous = EXTRA"',
        'SYNCHRONOUS_EXTRA = "PRAGMA synchronous = FULL"',
        "torture/test_power_cut.py",
    ),
    Mutant(
        "staging is synced by and by",
        SQL,
        'SYNCHRONOUS_EXTRA = "PRAGMA synchronous = EXTRA"',
        'SYNCHRONOUS_EXTRA = "PRAGMA synchronous = OFF"',
        "torture/test_power_cut.py",
    ),
    Mutant(
        "an import counts what it has not committed",
        STAGING,
        '        """Stage what is pending. Entries of one address stay in the order in which they came."""\n',
        "        self.staged_rows += len(self.pending)\n",
        "importing/test_import_streams.py::test_rows_are_committed_when_the_pipe_pauses",
    ),
    Mutant(
        "an import drops what was read when it is ended",
        IMPORT,
        "            self._staging.save_pending()\n",
        "",
        "importing/test_import_streams.py::test_rows_that_wait_for_the_database_are_kept_when_a_signal_comes",
    ),
    Mutant(
        "rows of a pipe wait for a full batch",
        IMPORT,
        "            if record is None:\n                self._end_batch(self._staging.commit)\n",
        "            if record is None:\n",
        "importing/test_import_streams.py::test_rows_are_committed_when_the_pipe_pauses",
    ),
    Mutant(
        "a document that breaks off is taken for whole",
        "bangui_cli/importing/json_documents.py",
        "        self.fault = self.fault or fault\n",
        "        pass\n",
        "importing/test_import.py::test_a_truncated_array_is_noticed",
    ),
    Mutant(
        "what is remembered of rows has no bound",
        "bangui_cli/importing/normaliser.py",
        "            self._makers.clear()\n",
        "            pass\n",
        "importing/test_hostile_inputs.py::test_rows_that_all_differ_in_their_fields_do_not_add_up",
    ),
    Mutant(
        "a file of another kind is read to its end",
        IMPORT,
        "                if report.rejected_rows == HOPELESS_ROWS:\n",
        "                if report.rejected_rows < 0:\n",
        "importing/test_wrong_files.py::test_a_table_without_a_header_ends_after_its_first_rows",
    ),
    Mutant(
        "each of a million rejected rows is an event",
        "bangui_cli/importing/report.py",
        "        if self.rejected_rows <= MOST_REPORTED_ROWS:\n",
        "        if self.rejected_rows > 0:\n",
        "importing/test_import_layouts.py::test_many_rejects_are_told_in_one_event_but_the_first",
    ),
    Mutant(
        "a batch that fails beside the reading is lost in silence",
        STAGING,
        "self._failure = error",
        "pass",
        "access/test_staging.py::test_what_fails_beside_is_raised_by_the_next_commit",
    ),
    # The deadline and the end.
    Mutant(
        "a run that has no time left begins its work",
        FRAME,
        "                run_deadline.check()  # the start of the interpreter may have used it up\n",
        "",
        "jobs/test_deadline.py::test_a_timeout_below_the_cost_of_a_start_is_a_timeout",
    ),
    Mutant(
        "a run that its watchdog ends says what it cannot know",
        FRAME,
        "    result.flushed = result.remaining = None\n",
        "",
        "jobs/test_deadline.py::test_a_disk_that_hangs_does_not_delay_the_end",
    ),
    Mutant(
        "a report that hangs keeps the process",
        WATCHDOG,
        "        elif self._ended.wait(_REPORT_S):\n            return\n",
        "        else:\n            return\n",
        "cli/test_failures.py::test_a_report_that_hangs_does_not_keep_a_job",
    ),
    Mutant(
        "the watchdog waits for its own report",
        WATCHDOG,
        "            reporter.join(_REPORT_S)\n",
        "            reporter.join()\n",
        "cli/test_failures.py::test_a_report_that_hangs_does_not_keep_a_job",
    ),
    Mutant(
        "a wait for SQLite's lock knows no timeout",
        SESSION,
        "wait = self.deadline or lock_wait(self.path, LOCK_WAIT_S)\n        pause_s = _FIRST_PAUSE_S\n"
        "        while True:\n            try:\n                return self._all(statement)\n"
        "            except DatabaseBusy:\n                wait = self.deadline or wait",
        "wait = lock_wait(self.path, LOCK_WAIT_S)\n        pause_s = _FIRST_PAUSE_S\n"
        "        while True:\n            try:\n                return self._all(statement)\n"
        "            except DatabaseBusy:\n                pass",
        "torture/test_hard_deadlines.py::test_a_wait_for_a_lock_ends_at_the_timeout",
    ),
    Mutant(
        "SQLite's own busy handler waits",
        "bangui_cli/store/sqlite/opening.py",
        "timeout=0",
        "timeout=5",
        "torture/test_hard_deadlines.py::test_a_wait_for_a_lock_ends_at_the_timeout",
    ),
    Mutant(
        "a commit that is busy fails",
        SESSION,
        "            self._patiently(sql.COMMIT)\n",
        "            self._execute(sql.COMMIT)\n",
        "importing/test_import_streams.py::test_a_reader_does_not_stop_an_import",
    ),
    Mutant(
        "nobody watches a run that hangs",
        WATCHDOG,
        "threading.Thread(target=self._watch, daemon=True).start()",
        "pass",
        "torture/test_hard_deadlines.py::test_a_slow_disk_does_not_delay_the_end",
    ),
    Mutant(
        "a sweep does not look at the clock",
        FLUSH,
        "        run.deadline.check()\n        batch = ",
        "        batch = ",
        "jobs/test_paused_runs.py::test_the_timeout_ends_a_run_between_two_batches",
    ),
    Mutant(
        "a signal does not end a pass",
        "bangui_cli/host/deadline.py",
        "        self._ends_at_s = 0.0\n",
        "",
        "jobs/test_flush.py::test_a_signal_ends_a_flush_between_two_batches",
    ),
    Mutant(
        "a signal interrupts an import",
        "bangui_cli/host/signals.py",
        "    if _is_importing(frame):",
        "    if False:",
        "host/test_signals_while_importing.py",
    ),
    # The file.
    Mutant(
        "a disk that fails to read is called damage",
        "bangui_cli/store/sqlite/faults.py",
        "if code == sqlite3.SQLITE_CORRUPT and _is_unreadable(path):",
        "if False:",
        "torture/test_failing_disks.py::test_an_error_of_the_disk_loses_nothing",
    ),
    Mutant(
        "others may read a new database",
        "bangui_cli/store/sqlite/migrations.py",
        "umask = os.umask(0o077)",
        "umask = os.umask(0o022)",
        "store/test_schema.py::test_the_file_is_private_whatever_the_umask",
    ),
    Mutant(
        "several inits migrate at once",
        "bangui_cli/store/sqlite/migrations.py",
        "    with store.transaction():\n        tables",
        "    if True:\n        tables",
        "jobs/test_paused_runs.py::test_nobody_sees_half_a_migration",
    ),
    # What others have written: MMDB files, fail2ban's database.
    Mutant(
        "a killed run leaves its child",
        "bangui_cli/resolving/isolation.py",
        "        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)\n",
        "        pass\n",
        "resolving/test_isolation.py::test_a_run_that_is_killed_takes_its_child_along",
    ),
    Mutant(
        "an MMDB file may fill the memory",
        "bangui_cli/resolving/isolation.py",
        "is_limited_here = _limit(resource.RLIMIT_AS, memory_bytes)",
        "is_limited_here = memory_bytes > 0",
        "resolving/test_isolation.py::test_a_child_that_wants_too_much_memory_is_given_up",
    ),
    Mutant(
        "a shortage of memory is blamed on the file",
        "bangui_cli/resolving/isolation.py",
        "        if is_limited_here:\n",
        "        if True:\n",
        "resolving/test_isolation.py::test_a_limit_from_outside_is_no_fault_of_the_file",
    ),
    Mutant(
        "a failed resolution is fresh for a month",
        "bangui_cli/resolving/freshness.py",
        "(self.resolved if entry.country_code else self.unresolved)",
        "self.resolved",
        "resolving/test_resolve.py::test_a_failed_resolution_is_soon_asked_for_again",
    ),
    Mutant(
        "fail2ban's rows are read, and not its indexes",
        "bangui_cli/fail2ban/database.py",
        "+rowid IN",
        "rowid IN",
        "fail2ban/test_fail2ban.py::test_the_history_is_counted_along_indexes_alone",
    ),
    Mutant(
        "a column of fail2ban's may compute what it likes",
        "bangui_cli/fail2ban/reading.py",
        " if not hidden}",
        "}",
        "fail2ban/test_fail2ban.py::test_only_real_tables_are_read",
    ),
    Mutant(
        "a virtual table of fail2ban's is taken for a table",
        "bangui_cli/fail2ban/reading.py",
        "WHERE type = 'table' AND rootpage > 0",
        "WHERE type = 'table'",
        "fail2ban/test_fail2ban.py::test_only_real_tables_are_read",
    ),
    Mutant(
        "a value of fail2ban's may have any length",
        "bangui_cli/fail2ban/reading.py",
        "    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _VALUE_LIMIT_BYTES)\n",
        "",
        "fail2ban/test_fail2ban.py::test_a_value_longer_than_any_address_is_not_taken_into_memory",
    ),
    Mutant(
        "what was typed is shown in every log",
        "bangui_cli/telling/log.py",
        'self.typed if terminal.stderr_is_terminal() else ""',
        "self.typed",
        "resolving/test_resolve.py::test_what_was_typed_is_shown_as_typed_on_that_terminal_alone",
    ),
    Mutant(
        "a formula behind a separator runs",
        "bangui_cli/rules/spreadsheets.py",
        "(?:^|[,;|\\t\\r\\n])",
        "(?:^)",
        "reporting/test_report.py::test_a_name_from_outside_is_no_control_and_no_formula",
    ),
    # Root among others.
    Mutant(
        "a directory of another user is trusted",
        TRUST,
        "if status.st_uid not in trusted:",
        "if False:",
        "host/test_trust.py::test_a_directory_of_another_user_counts",
    ),
    Mutant(
        "a file in a directory for all is trusted",
        TRUST,
        "return stat.S_ISDIR(below.st_mode) or stat.S_ISLNK(below.st_mode)",
        "return True",
        "host/test_trust.py::test_a_sticky_directory_will_do_higher_up_and_not_for_the_file_itself",
    ),
    Mutant(
        "a link is trusted whatever its target",
        TRUST,
        'names += target.split("/")[::-1]',
        "pass",
        "host/test_trust.py::test_a_link_counts_with_its_own_directory_and_with_its_targets_way",
    ),
    Mutant(
        "root follows a link that others have put on the way to an output",
        "bangui_cli/host/directories.py",
        "if os.geteuid() == trust.ROOT_ID and trust.judge(self.place, os.fstat(self.here), below=status):",
        "if False:",
        "whole/test_root_among_others.py::TestOutputs::test_a_link_to_another_directory_is_not_followed",
    ),
    Mutant(
        "an output is looked for by its path again",
        FILES,
        "os.replace(self._draft, self._place.name, src_dir_fd=directory, dst_dir_fd=directory)",
        "os.replace(self._draft, self._place.path, src_dir_fd=directory)",
        "host/test_files.py::test_the_directory_is_the_one_that_was_there_when_the_output_was_opened",
    ),
    Mutant(
        "an output may be the database",
        "bangui_cli/settings/invocation.py",
        "if files.is_over(path, taken):",
        "if False:",
        "health/test_status.py::test_output_onto_what_bangui_reads_is_refused",
    ),
    Mutant(
        "rejects are written into a file of another user",
        FILES,
        "if self._mode == PRIVATE and not is_own:",
        "if False:",
        "whole/test_root_among_others.py::TestOutputs::test_rejects_are_not_written_into_a_file_of_another_user",
    ),
    Mutant(
        "root obeys anybody's settings",
        "bangui_cli/settings/invocation.py",
        "if path and not self.trusts_settings else None",
        "if False else None",
        "whole/test_root_among_others.py::TestSettings::test_a_settings_file_of_others_is_refused",
    ),
    Mutant(
        "the modules of a program do not count",
        "bangui_cli/scheduling/program.py",
        "yield from _doubts_below(path)",
        "pass",
        "scheduling/test_program.py::TestPrograms::test_a_program_of_others_is_not_scheduled",
    ),
    # What a person is told.
    Mutant(
        "whoever types one address sees all",
        "bangui_cli/rules/masking.py",
        "str(address) in spared",
        "spared",
        "rules/test_masking.py::test_an_address_that_is_spared_stays_however_it_is_written",
    ),
    Mutant(
        "a log file shows what was typed",
        "bangui_cli/telling/log.py",
        'self.typed if terminal.stderr_is_terminal() else ""',
        "self.typed",
        "telling/test_log.py::test_who_typed_an_address_sees_it_as_it_was_typed",
    ),
    Mutant(
        "flushes that are too rare for the lock excuse heartbeats",
        "bangui_cli/health/ages.py",
        " and bool(settings.flush_interval < settings.lock_ttl)",
        "",
        "health/test_doctor.py::test_flushes_that_do_not_keep_the_lock_excuse_no_heartbeat",
    ),
    Mutant(
        "a container's random name is nobody's fault",
        LOCKING,
        "hint=_naming_hint(row, instance),",
        "",
        "access/test_container_names.py::test_the_host_is_told_of_a_container_that_holds_the_lock",
    ),
)
