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
SQL, SESSION, SQLITE = (
    f"bangui_cli/store/sqlite/{name}.py" for name in ("statements", "session", "store")
)
FLUSH, FRAME, REPORT = (f"bangui_cli/jobs/{name}.py" for name in ("flush", "frame", "report"))
SIGNALS, VITALS, WATCHDOG = (f"bangui_cli/host/{name}.py" for name in ("signals", "vitals", "watchdog"))
START_UP = "bangui_cli/rules/start_up.py"
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
        SQL,
        "({new}.country_code IS NOT NULL) > ({old}.country_code IS NOT NULL)\n        OR",
        "",
        "jobs/test_flush.py::test_the_rule_decides_which_row_stays",
    ),
    Mutant(
        "of equal times the first stays",
        SQL,
        "AND {new_time} >= {old_time}",
        "AND {new_time} > {old_time}",
        "jobs/test_flush.py::test_the_rule_decides_which_row_stays",
    ),
    Mutant(
        "of two times the older stays",
        SQL,
        "AND {new_time} >= {old_time}",
        "AND {new_time} <= {old_time}",
        "jobs/test_flush.py::test_the_stores_sql_decides_as_the_rule_does",
    ),
    Mutant(
        "BanGUI's times are compared as they stand",
        SQL,
        '_beats("excluded", "excluded.cached_at", "geo_cache", _CANONICAL_CACHED_AT)',
        '_beats("excluded", "excluded.cached_at", "geo_cache", "geo_cache.cached_at")',
        "jobs/test_flush.py::test_the_rule_decides_which_row_stays",
    ),
    Mutant(
        "a row that loses has not been seen",
        SQLITE,
        "            self._execute(sql.TOUCH_BATCH, bounds)\n",
        "            pass\n",
        "jobs/test_flush.py::test_the_rule_decides_which_row_stays",
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
        "jobs/test_flush.py::test_the_rule_decides_which_row_stays",
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
        "    if judgement.outcome == lease.HELD:\n        raise held_error(row, judgement)\n",
        "    if judgement.outcome == lease.HELD:\n        store.job_started('geo_cache_flush', '', '', 0)\n"
        "        store._execute('COMMIT')\n        raise held_error(row, judgement)\n",
        "access/test_lock.py::test_a_held_lock_is_respected_and_nothing_is_written",
    ),
    # Staging.
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
        REPORT,
        "            self.flushed = self.remaining = None\n",
        "",
        "jobs/test_deadline.py::test_a_disk_that_hangs_does_not_delay_the_end",
    ),
    Mutant(
        "a report that hangs keeps the process",
        WATCHDOG,
        "self._finisher.acquire(timeout=within_s)",
        "self._finisher.acquire()",
        "cli/test_failures.py::test_a_report_that_hangs_does_not_keep_a_job",
    ),
    Mutant(
        "the watchdog waits for its own report",
        WATCHDOG,
        "    done.acquire(timeout=within_s)\n",
        "    done.acquire()\n",
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
        "_thread.start_new_thread(self._watch, ())",
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
        "        self.ends_at_s = 0.0\n",
        "",
        "jobs/test_flush.py::test_a_signal_ends_a_flush_between_two_batches",
    ),
    Mutant(
        "a signal interrupts an import",
        SIGNALS,
        "    if _is_importing(frame):",
        "    if False:",
        "host/test_signals_while_importing.py",
    ),
    Mutant(
        "a signal waits for SQLite's system call",
        SIGNALS,
        "        _signal.set_wakeup_fd(bell, warn_on_full_buffer=False)\n",
        "        pass\n",
        "host/test_watchdog.py::test_a_second_signal_ends_it_at_once",
    ),
    Mutant(
        "a second signal breaks into the handling of the first",
        SIGNALS,
        "    if _has_come:\n        return\n",
        "",
        "importing/test_import_streams.py::test_rows_that_wait_for_the_database_are_kept_when_a_signal_comes",
    ),
    Mutant(
        "the two signals of timeout(1) are two",
        WATCHDOG,
        "_ONE_REQUEST_S = 0.2",
        "_ONE_REQUEST_S = 0.0",
        "host/test_watchdog.py::test_two_signals_at_once_are_one_request",
    ),
    Mutant(
        "a transaction that a signal left open is in the way of the next",
        SESSION,
        "        self._roll_back()  # one that a signal left, and that the exception still holds\n",
        "",
        "access/test_staging.py::test_a_transaction_that_a_signal_left_open_is_none_of_the_next",
    ),
    Mutant(
        "a dead file system is waited for",
        WATCHDOG,
        "self._still_looks + 1 if is_still else 0",
        "0",
        "host/test_watchdog.py::test_a_command_without_a_timeout_ends_on_a_dead_file_system",
    ),
    Mutant(
        "a pipe that pauses is a dead file system",
        "bangui_cli/importing/sources.py",
        "            with vitals.patience():\n                self._poll.poll()\n",
        "            self._poll.poll()\n",
        "host/test_watchdog.py::test_an_import_waits_for_a_pipe_as_long_as_it_takes",
    ),
    Mutant(
        "a child at work is a dead file system",
        VITALS,
        '    calls += [f"{clocks.cpu_of_s(child):.5f}" for child in tuple(_children)]\n',
        "",
        "host/test_watchdog.py::test_a_child_that_works_is_none",
    ),
    Mutant(
        "a shell's sleep is part of the run",
        START_UP,
        "return busy_s if idle_s > longest_idle_s else max(busy_s, min(since_fork_s, CEILING_S))",
        "return max(busy_s, min(since_fork_s, CEILING_S))",
        "jobs/test_deadline.py::test_a_clock_that_disagrees_ends_no_pass",
    ),
    Mutant(
        "a slow start is none of the run",
        START_UP,
        "return busy_s if idle_s > longest_idle_s else max(busy_s, min(since_fork_s, CEILING_S))",
        "return busy_s",
        "jobs/test_deadline.py::test_a_start_from_a_slow_disk_is_part_of_the_run",
    ),
    Mutant(
        "settings are read without a timeout",
        "bangui_cli/cli/glance.py",
        "        invocation.watchdog.keep(ends, report, warm_up=lambda: None)\n",
        "        pass\n",
        "jobs/test_deadline.py::test_settings_that_hang_do_not_delay_the_end",
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
)
