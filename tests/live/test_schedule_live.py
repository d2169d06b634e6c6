"""The schedule with the real cron, systemd and journald, each on a machine of its own."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from conftest import Bangui
from machine import ROOT, Machine, needs

from bangui_cli.rules import timestamps

_SCHEDULE = """
schedule() { bangui schedule "$@" --command "${COMMAND:-$(command -v bangui)}"; }
"""
# Cron starts its jobs on the minute. Its own clock is set two seconds before one: jobs do not see that.
_CRON = (
    _SCHEDULE
    + """
rmdir /run/systemd/system  # systemd does not run here
sbin=/run/sbin; mkdir -p $sbin/upper $sbin/work /run/mail; chmod 777 /run/mail
mount -t overlay overlay -o lowerdir=/usr/sbin,upperdir=$sbin/upper,workdir=$sbin/work /usr/sbin
printf '#!/bin/sh\\ncat > /run/mail/$$\\n' > /usr/sbin/sendmail; chmod 755 /usr/sbin/sendmail
start_cron() { faketime -f "+$(( (118 - 10#$(date +%S)) % 60 ))s" /usr/sbin/cron -f -L 15 & }
"""
)
_SYSTEMD = (
    _SCHEDULE
    + """
export XDG_RUNTIME_DIR=/run/user/0 HOME=/run/home
mkdir -p $XDG_RUNTIME_DIR $HOME/.config/systemd
chmod 700 $XDG_RUNTIME_DIR
use_units() { cp -r "$1/etc/systemd/system" $HOME/.config/systemd/user; }
start_systemd() {
  /lib/systemd/systemd --user &
  wait_for eval 'systemctl --user show -p Version > /run/version 2>&1'
}
"""
)
_JOURNAL = """
journalctl --sync
journalctl -q --no-pager -o json > $OUT/journal
"""


@pytest.fixture(scope="module", autouse=True)
def machines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Machine]]:
    """Start at once, and ahead of the other tests, what mostly waits for a timer."""
    wanted = {
        "cron": (CRON_RUNS, needs("cron", "faketime")),
        "systemd": (SYSTEMD_RUNS, needs("systemctl")),
        "limits": (LIMIT_RUNS, needs("systemctl")),
        "owner": (OWNER_RUNS, needs("systemctl")),
    }
    started = {
        name: Machine(tmp_path_factory.mktemp(name), script, {"CHECKOUT": str(ROOT)})
        for name, (script, skip) in wanted.items()
        if not skip.args[0]
    }
    yield started
    for machine in started.values():
        machine.stop()


@needs("cron")
def test_cron_finds_no_fault_with_the_files(tmp_path: Path):
    """One bad line, and cron ignores the whole file; a broken one shows that it was asked."""
    machine = Machine(
        tmp_path,
        _CRON
        + """
cp "$CHECKOUT/cron.d/bangui" /etc/cron.d/
BANGUI_HEARTBEAT_INTERVAL=1 BANGUI_FLUSH_INTERVAL=2h schedule show --all > /etc/cron.d/often
COMMAND=/$LONG schedule show > /etc/cron.d/long
printf '* * * * * root true' > /etc/cron.d/broken
/usr/sbin/cron -f -L 0 &
wait_for eval "journalctl -t cron | grep -q 'Running @reboot'"
"""
        + _JOURNAL,
        {"CHECKOUT": str(ROOT), "LONG": "x" * 400},
    ).finish()
    said = [e["MESSAGE"] for e in machine.lines("journal") if e.get("SYSLOG_IDENTIFIER") == "cron"]

    assert [message for message in said if not message.startswith("(CRON) INFO")] == [
        "(*system*broken) ERROR (Missing newline before EOF, this crontab file will be ignored)"
    ]


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed")
@pytest.mark.parametrize("database", ["/var/lib/bangui/bangui.db", '/srv/5% "$HOME" \\n it\'s/x.db'])
def test_systemd_finds_no_fault_with_the_units(bare: Bangui, tmp_path: Path, database: str):
    """Not even a warning, whatever is in a path."""
    command = tmp_path / "ban $x% gui"
    command.write_text("#!/bin/sh\n")
    command.chmod(0o755)
    bare.ok(
        "schedule", "install", "--format", "systemd", "--root", tmp_path, "--command", command,
        "--database", database, "--user", "daemon", "--all",
        env={
            "BANGUI_HEARTBEAT_INTERVAL": "5s",
            "BANGUI_RE_RESOLVE_INTERVAL": "7d",
            "BANGUI_REPORT_PATH": "/srv/www/it's 5%/bans.html",
            "BANGUI_METRICS_PATH": "/var/lib/node exporter",
        },
    )  # fmt: skip
    units = sorted((tmp_path / "etc/systemd/system").iterdir())
    verify = ["systemd-analyze", "verify", *units]
    ended = subprocess.run(verify, capture_output=True, text=True, check=False)

    assert len(units) == 16
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")


@needs("jq")
def test_the_journal_tells_by_correlation_id_what_a_flush_did(tmp_path: Path):
    """The commands of the manual, each level with its priority."""
    machine = Machine(
        tmp_path,
        """
export BANGUI_DATABASE_PATH=/run/db/bangui.db
bangui init -q
bangui add 192.0.2.1 --country-code DE
flush() { bangui flush --log-format journald "$@" 2>&1 | systemd-cat -t bangui; }
flush -v --correlation-id night-1
flush --correlation-id night-2 --instance other
flush --correlation-id night-3 --database /run/missing.db
journalctl --sync
id=$(bangui status --format json | jq -r .jobs.geo_cache_flush.last_correlation_id)
journalctl -t bangui -o cat | jq -c --arg id "$id" 'select(.correlation_id == $id)' > $OUT/last
journalctl -t bangui -o cat -p warning | jq -c '[.correlation_id, .event]' > $OUT/alarms
"""
        + _JOURNAL,
    ).finish()
    entries = [e for e in machine.lines("journal") if e.get("SYSLOG_IDENTIFIER") == "bangui"]

    assert [e["PRIORITY"] for e in entries] == ["7", "7", "4", "3"]
    assert [(e["correlation_id"], e["event"]) for e in machine.lines("last")] == [
        ("night-1", "scheduler_lock_created"),
        ("night-1", "geo_cache_flush_ran"),
    ]
    assert machine.lines("last")[1]["flushed"] == 1
    assert machine.lines("alarms") == [
        ["night-2", "scheduler_lock_held_by_other_instance"],
        ["night-3", "geo_cache_flush_error"],
    ]


_WITHOUT_JOURNAL = (
    _SCHEDULE
    + """
export BANGUI_DATABASE_PATH=/run/db/bangui.db
bangui init -q
bangui add 192.0.2.1 --country-code DE
end_journald() {
  kill $(cat /run/journald.pid)
  wait_for eval '! systemd-cat true 2> /run/error'
}
line() { # JOB: the command of its line, as cron gives it to the shell
  schedule show -q "${@:2}" | grep " $1 " | sed 's/^[*0-9/ ]*root //; s/\\\\%/%/g'
}
"""
)


@needs()
def test_a_job_of_cron_works_without_a_journal(tmp_path: Path):
    """It does its work, and what it would have logged is printed, for cron to mail."""
    machine = Machine(
        tmp_path,
        _WITHOUT_JOURNAL
        + """
end_journald
env -i /bin/sh -c "$(line flush)" > $OUT/printed 2>&1
bangui lookup 192.0.2.1 --json > $OUT/found
env -i /bin/sh -c "$(line heartbeat)" > $OUT/silent 2>&1
env -i /bin/sh -c "$(line flush -d /run/missing.db)" > $OUT/failed 2>&1 || echo $? > $OUT/code
""",
    ).finish()

    assert [event["event"] for event in machine.lines("printed")] == [
        "scheduler_lock_created",
        "geo_cache_flush_ran",
    ]
    assert json.loads(machine.text("found"))[0]["state"] == "cached"
    assert machine.text("silent") == ""
    assert machine.text("code") == "66\n"
    assert [event["event"] for event in machine.lines("failed")] == ["geo_cache_flush_error"]


@needs()
def test_a_program_that_was_uninstalled_makes_no_mail(tmp_path: Path):
    """Nothing is printed, and nothing has failed, of all the lines that there are."""
    machine = Machine(
        tmp_path,
        _WITHOUT_JOURNAL
        + """
export COMMAND=/run/gone/bangui BANGUI_HEARTBEAT_INTERVAL=30s
for job in flush heartbeat prune collect resolve; do
  env -i /bin/sh -c "$(line $job --all | tail -n 1 | sed 's/sleep 30/sleep 0/')" >> $OUT/printed 2>&1
done
""",
    ).finish()

    assert machine.text("printed") == ""


@needs()
def test_a_journal_that_goes_away_ends_no_pass(tmp_path: Path):
    """Its next line has nowhere to go; the rows are moved all the same."""
    machine = Machine(
        tmp_path,
        _WITHOUT_JOURNAL
        + """
$PYTHON -c '
import sqlite3
connection = sqlite3.connect("/run/db/bangui.db", isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("held", flush=True)
open("/run/go").read()' > /run/holder &
mkfifo /run/go
wait_for grep -q held /run/holder
systemd-cat -t bangui bangui flush -v --timeout 20s &
flush=$!
wait_for grep -q bangui_cli /proc/$flush/cmdline
sleep .3
end_journald
echo > /run/go
wait $flush
bangui lookup 192.0.2.1 --json > $OUT/found
""",
    ).finish()

    assert json.loads(machine.text("found"))[0]["state"] == "cached"


CRON_RUNS = (
    _CRON
    + """
declare -A database=([root]=/run/root/bangui.db [nobody]="/run/nobody/5% it's \\"\\$HOME\\" \\\\%s.db")
mkdir /run/root /run/nobody; chown nobody /run/nobody
for user in root nobody; do
  setpriv --reuid=$user --clear-groups bangui init -q -d "${database[$user]}"
  setpriv --reuid=$user --clear-groups bangui add -d "${database[$user]}" 192.0.2.1 --country-code DE
done

schedule install --user nosuch --log-format json 2> $OUT/nosuch || ls -A /etc/cron.d >> $OUT/nosuch
schedule install -d /run/mistyped.db --log-format json 2> $OUT/mistyped || ls -A /etc/cron.d >> $OUT/mistyped
COMMAND=/run/gone schedule install -d /run/root/bangui.db --log-format json 2> $OUT/gone ||
  ls -A /etc/cron.d >> $OUT/gone
schedule install -d /run/root/bangui.db --log-format json 2> $OUT/without-cron
schedule install -d /run/root/bangui.db --log-format json --format systemd 2> $OUT/units
schedule install -d /run/root/bangui.db --log-format json --format systemd --now 2> $OUT/now || echo $? > $OUT/now-code
bangui schedule remove --log-format json --format systemd 2> $OUT/removed
BANGUI_HEARTBEAT_INTERVAL=2s schedule install -q -d /run/root/bangui.db
cp /etc/cron.d/bangui $OUT/installed
schedule show -d "${database[nobody]}" > /etc/cron.d/nobody
schedule show -d /run/missing.db > /etc/cron.d/missing
start_cron
sleep 1
BANGUI_HEARTBEAT_INTERVAL=2s schedule install -d /run/root/bangui.db --log-format json \\
  2> $OUT/beside-cron
sleep 6.5

for user in root nobody; do bangui status -d "${database[$user]}" --format json > $OUT/$user; done
stat -c '%n %a %U' /etc/cron.d/* > $OUT/modes
cat /run/mail/* > $OUT/mail
"""
    + _JOURNAL
)


@pytest.fixture
def cron(machines: dict[str, Machine]) -> Machine:
    return machines["cron"].finish()


@needs("cron", "faketime")
@pytest.mark.parametrize("user", ["root", "nobody"])
def test_cron_turns_a_dirty_entry_into_a_cached_one(cron: Machine, user: str):
    """In cron's bare environment, as root and as a dedicated user, with nobody at the keyboard."""
    status = json.loads(cron.text(user))

    assert status["cache"]["rows"] == 1
    assert status["dirty"]["rows"] == 0
    assert status["jobs"]["geo_cache_flush"]["last_outcome"] == "ok"
    assert status["jobs"]["scheduler_lock_heartbeat"]["last_outcome"] == "ok"


@needs("cron", "faketime")
def test_cron_starts_a_job_of_less_than_a_minute_in_between(cron: Machine):
    """At 0, 2 and 4 seconds; nothing has to stay in memory for it."""
    assert json.loads(cron.text("root"))["jobs"]["scheduler_lock_heartbeat"]["runs_total"] >= 3
    assert json.loads(cron.text("nobody"))["jobs"]["scheduler_lock_heartbeat"]["runs_total"] == 1


@needs("cron", "faketime")
def test_a_job_of_cron_logs_to_the_journal_with_its_priority(cron: Machine):
    """The correlation ID leads from `status` to the lines of that run."""
    run = json.loads(cron.text("nobody"))["jobs"]["geo_cache_flush"]["last_correlation_id"]
    entries = [entry for entry in cron.lines("journal") if run in entry["MESSAGE"]]
    messages = [json.loads(entry["MESSAGE"]) for entry in entries]

    assert messages[-1]["event"] == "geo_cache_flush_ran"
    assert messages[-1]["flushed"] == 1
    assert {
        (entry["SYSLOG_IDENTIFIER"], entry["PRIORITY"], entry["_TRANSPORT"]) for entry in entries
    } == {("bangui", "7", "journal")}
    assert {entry["BANGUI_JOB"] for entry in entries} == {"geo_cache_flush"}


@needs("cron", "faketime")
def test_cron_mails_what_failed_and_nothing_else(cron: Machine):
    """Of three schedules, one has no database: a mail for each of its jobs, with the hint."""
    mail = cron.text("mail")

    assert mail.count("\nSubject: ") == mail.count("\nTo: root\n") == 2
    assert mail.count('"exit_code": 66') == 2
    assert mail.count("create it with: bangui init") == 2


@needs("cron", "faketime")
def test_cron_learns_the_exit_code_of_a_job(cron: Machine):
    """Its own log names the job that failed, although the output went through a pipe."""
    failed = [e["MESSAGE"] for e in cron.lines("journal") if "failed with exit status" in e["MESSAGE"]]

    assert len(failed) == 2
    assert all("exit status 66" in message for message in failed)


@needs("cron", "faketime")
def test_install_refuses_a_user_whom_cron_would_not_find(cron: Machine):
    """Cron ignores a file with an unknown user; nothing is written, and the hint makes one."""
    (event,) = cron.lines("nosuch")

    assert event["exit_code"] == 2
    assert event["hint"] == "create it: useradd --system nosuch"


@needs("cron", "faketime")
def test_units_are_left_to_the_operator_to_start(cron: Machine):
    """Writing them starts nothing; the event says what does, and that cron has the jobs, too."""
    events = cron.lines("units")

    assert events[0]["path"] == "/etc/systemd/system/bangui-flush.timer"
    assert events[0]["hint"] == (
        "systemctl daemon-reload && "
        "systemctl enable --now bangui-flush.timer bangui-heartbeat.timer bangui-prune.timer"
    )
    (twice,) = [event for event in events if event["event"] == "scheduled_twice"]
    assert twice["hint"] == "bangui schedule remove --format cron"


@needs("cron", "faketime")
def test_now_without_systemd_has_written_the_files(cron: Machine):
    """And says so, with the code of a service that is not there; removing says what stops timers."""
    assert cron.text("now-code") == "69\n"
    assert "the files are written" in cron.lines("now")[-1]["error"]
    removed, remains = cron.lines("removed")
    assert removed["hint"].startswith("systemctl stop bangui-flush.timer")
    assert (remains["event"], remains["hint"]) == (
        "schedule_remains",
        "bangui schedule remove --format cron",
    )


@needs("cron", "faketime")
@pytest.mark.parametrize(
    ("name", "said"), [("mistyped", "bangui init --database /run/mistyped.db"), ("gone", "--command")]
)
def test_install_refuses_what_could_not_work(cron: Machine, name: str, said: str):
    """A mistyped database, a program that is not there: 66, with the hint, and nothing is written."""
    (event,) = cron.lines(name)

    assert event["exit_code"] == 66
    assert said in event["hint"]


@needs("cron", "faketime")
def test_install_warns_where_no_cron_daemon_runs(cron: Machine):
    """A file that nobody reads looks like a schedule."""
    names = [event["event"] for event in cron.lines("without-cron")]
    assert names[-1] == "scheduler_not_running"
    assert cron.lines("without-cron")[-1]["level"] == "warning"
    assert cron.lines("without-cron")[-1]["hint"] == (
        "cron is installed, and does not run: service cron start"
    )

    names = {event["event"] for event in cron.lines("beside-cron")}
    assert "scheduler_not_running" not in names
    assert {"geo_cache_flush_scheduled", "scheduler_lock_heartbeat_scheduled"} <= names
    assert f"{cron.command} flush" in cron.text("installed")
    assert "/etc/cron.d/bangui 644 root\n" in cron.text("modes")


SYSTEMD_RUNS = (
    _SYSTEMD
    + """
export BANGUI_DATABASE_PATH=$OUT/db/bangui.db
bangui init -q
bangui add 192.0.2.1 --country-code DE
printf 'log_level = "debug"\\nheartbeat_interval = "5s"\\n' > /run/bangui.toml
schedule install -q --format systemd --root /run/root --config /run/bangui.toml
use_units /run/root
start_systemd
systemctl --user enable --now bangui-flush.timer bangui-heartbeat.timer
# On a busy machine the manager itself starts late: what is waited for is the third heartbeat.
for _ in $(seq 40); do sleep 1; bangui status --format json | grep -q '"runs_total": [3-9]' && break; done
systemctl --user show -p Result,ExecMainStatus bangui-flush.service > $OUT/flush
bangui status --format json > $OUT/status
$PYTHON -c '
import os, sqlite3
print(*sqlite3.connect(os.environ["BANGUI_DATABASE_PATH"]).execute("SELECT boot_id FROM scheduler_lock").fetchone())' \\
  > $OUT/boot-id
"""
    + _JOURNAL
)


@pytest.fixture
def systemd(machines: dict[str, Machine]) -> Machine:
    return machines["systemd"].finish()


@needs("systemctl")
def test_a_timer_turns_a_dirty_entry_into_a_cached_one(systemd: Machine):
    """Under all the hardening of the unit, with the database outside of it."""
    status = json.loads(systemd.text("status"))

    assert systemd.text("flush") == "Result=success\nExecMainStatus=0\n"
    assert [status["cache"]["rows"], status["dirty"]["rows"]] == [1, 0]


@needs("systemctl")
def test_a_timer_keeps_a_heartbeat_of_five_seconds(systemd: Machine):
    """From the first second on; the load of the machine may delay a single one."""
    beats = [
        timestamps.to_wall_s(json.loads(entry["MESSAGE"])["timestamp"])
        for entry in systemd.lines("journal")
        if '"scheduler_lock_heartbeat_updated"' in entry["MESSAGE"]
    ]

    assert len(beats) >= 3
    assert [later - before for before, later in pairwise(beats[:3])] == [
        pytest.approx(5, abs=1.5),
        pytest.approx(5, abs=1.5),
    ]


@needs("systemctl")
def test_under_a_unit_the_log_needs_no_option(systemd: Machine):
    """The stream is recognised: the priority arrives as a field, not as text."""
    entries = [e for e in systemd.lines("journal") if '"geo_cache_flush_ran"' in e["MESSAGE"]]

    assert [(e["SYSLOG_IDENTIFIER"], e["PRIORITY"]) for e in entries] == [("bangui", "7")]
    assert json.loads(entries[0]["MESSAGE"])["flushed"] == 1


@needs("systemctl")
def test_a_hardened_unit_still_sees_which_boot_it_is(systemd: Machine):
    """Without the boot clock the lock would be judged by the wall clock."""
    assert systemd.text("boot-id") == Path("/proc/sys/kernel/random/boot_id").read_text()


LIMIT_RUNS = (
    _SYSTEMD
    + """
export BANGUI_DATABASE_PATH=/run/db/bangui.db BANGUI_HEARTBEAT_TIMEOUT=3
printf 'heartbeat_timeout = 3\\nflush_timeout = "30s"\\n' > /run/bangui.toml
bangui init -q
bangui heartbeat --instance other
schedule install -q --format systemd --root /run/root --config /run/bangui.toml
use_units /run/root
mkdir $HOME/.config/systemd/user/bangui-flush.service.d
printf '[Service]\\nTimeoutStartSec=2\\n' > $HOME/.config/systemd/user/bangui-flush.service.d/test.conf
start_systemd
run() { # NAME JOB: note what systemd makes of it; it forgets a unit that succeeded
  systemctl --user start bangui-$2.service 2> /run/error && echo success > $OUT/$1 ||
    systemctl --user show -p Result,ExecMainStatus bangui-$2.service > $OUT/$1
}
run held heartbeat
sed -i s/--held-ok// $HOME/.config/systemd/user/bangui-heartbeat.service
systemctl --user daemon-reload
run held-75 heartbeat
hold_database() { $PYTHON -c '
import sqlite3, time
connection = sqlite3.connect("/run/db/bangui.db", isolation_level=None)
connection.execute("BEGIN EXCLUSIVE")
print("held", flush=True)
time.sleep(60)'; }
hold_database > /run/holder &
wait_for grep -q held /run/holder
run timeout heartbeat
run hung flush
"""
    + _JOURNAL
)


@needs("systemctl")
def test_a_held_lock_is_no_failure_of_a_unit_but_a_timeout_is(machines: dict[str, Machine]):
    """A standby stays quiet; a job that could not work, or had to be ended by systemd, alarms."""
    machine = machines["limits"].finish()

    logged = [
        json.loads(e["MESSAGE"]) for e in machine.lines("journal") if '"exit_code": 75' in e["MESSAGE"]
    ]

    assert [event["event"] for event in logged] == ["scheduler_lock_heartbeat_failed"]
    assert machine.text("held") == machine.text("held-75") == "success\n"
    assert machine.text("timeout") == "Result=exit-code\nExecMainStatus=124\n"
    assert machine.text("hung").startswith("Result=timeout\n")


OWNER_RUNS = (
    _SYSTEMD
    + """
mkdir -m 700 /run/nobody; chown nobody /run/nobody
bangui init -q -d /run/nobody/bangui.db
bangui add -d /run/nobody/bangui.db 192.0.2.1 --country-code DE
mkdir -m 700 /run/fail2ban
$PYTHON -c "
import sys; sys.path[:0] = '$CHECKOUT/tests $CHECKOUT/tests/support'.split()
import geoip, pathlib, time
geoip.write_mmdb(pathlib.Path('/run/country.mmdb'), {'192.0.2.0/24': geoip.country('FR', 'France')})
bans = [('sshd', '192.0.2.2', int(time.time()), 600)]
geoip.write_fail2ban(pathlib.Path('/run/fail2ban/fail2ban.sqlite3'), bans)"
chmod 600 /run/country.mmdb
mkdir /run/metrics /run/www; chown daemon /run/metrics
cat > /run/bangui.toml <<EOF
fail2ban_db = "/run/fail2ban/fail2ban.sqlite3"
geoip_db = ["/run/country.mmdb"]
metrics_path = "/run/metrics"
report_path = "/run/www/bans.html"
EOF
schedule install -q --format systemd --root /run/root -d /run/nobody/bangui.db --config /run/bangui.toml
grep -q '^User=' /run/root/etc/systemd/system/*.service && exit 1
use_units /run/root
start_systemd
for job in heartbeat collect flush prune resolve report status-metrics ban-metrics; do
  systemctl --user start bangui-$job.service
done
cat /run/metrics/*.prom > $OUT/metrics
cp /run/www/bans.html $OUT/page
bangui status -d /run/nobody/bangui.db --format json > $OUT/status
stat -c %U /run/nobody/* > $OUT/owners
"""
)


@needs("systemctl")
def test_a_unit_of_roots_becomes_the_owner_of_the_database(machines: dict[str, Machine]):
    """Under all its hardening, and without a right to pass over permissions, but for a directory of metrics.

    What the owner may not read, fail2ban's database and the MMDB file, is read all the same.
    """
    machine = machines["owner"].finish()
    status = json.loads(machine.text("status"))

    assert [status["cache"][key] for key in ("rows", "unresolved")] == [2, 0]
    assert status["history"]["rows"] == 1
    assert {job["last_outcome"] for job in status["jobs"].values()} == {"ok"}
    assert machine.text("owners") == "nobody\n"
    assert "bangui_history_rows 1\n" in machine.text("metrics")
    assert "bangui_bans{" in machine.text("metrics")
    assert "France" in machine.text("page")
