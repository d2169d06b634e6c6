"""An ordinary user's own schedule: lines in the real crontab, run by the real cron, and user units."""

import json

import pytest
from machine import Machine, needs

_NOBODY = """
mkdir -m 700 /run/nobody; chown nobody:nogroup /run/nobody
as_nobody() {
  setpriv --reuid=65534 --regid=65534 --clear-groups \\
    env HOME=/run/nobody XDG_RUNTIME_DIR=/run/user/65534 BANGUI_LOG_FORMAT=json "$@"
}
schedule() { as_nobody bangui schedule "$@" -d /run/nobody/b.db; }
as_nobody bangui init -q -d /run/nobody/b.db
as_nobody bangui add -q -d /run/nobody/b.db 192.0.2.1 --country-code DE
"""
# Where a user may not list them, crontab(1) keeps its files.
_CRONTAB = (
    _NOBODY
    + """
chgrp crontab /var/spool/cron/crontabs; chmod 1730 /var/spool/cron/crontabs
printf '# mine\\nMAILTO=me\\n1 2 3 4 * /bin/mine 50\\\\%%\\n' | as_nobody crontab -
as_nobody crontab -l > $OUT/before
schedule show > $OUT/shown
schedule install 2> $OUT/events
as_nobody crontab -l > $OUT/installed
BANGUI_FLUSH_INTERVAL=5m schedule install -q
BANGUI_FLUSH_INTERVAL=5m schedule show > $OUT/shown-again
as_nobody crontab -l > $OUT/again
schedule install -q
faketime -f "+$(( (118 - 10#$(date +%S)) % 60 ))s" /usr/sbin/cron -f -L 15 &
wait_for eval 'as_nobody bangui lookup -d /run/nobody/b.db 192.0.2.1 --json | grep -q cached'
as_nobody bangui doctor -d /run/nobody/b.db --json > $OUT/doctor || true
as_nobody crontab -l | grep -v 'The end of' | as_nobody crontab -
as_nobody crontab -l > $OUT/broken
schedule install 2> $OUT/refused || echo $? > $OUT/code
as_nobody crontab -l > $OUT/still-broken
as_nobody crontab $OUT/installed
as_nobody bangui schedule remove -q
as_nobody crontab -l > $OUT/removed
as_nobody bangui schedule remove -q
schedule install -q --user daemon 2> $OUT/other || echo $? >> $OUT/other
"""
)
_UNITS = (
    _NOBODY
    + """
mkdir -p /run/user/65534; chown nobody /run/user/65534; chmod 700 /run/user/65534
for hierarchy in /sys/fs/cgroup/{unified,systemd,.}; do
  [ -d $hierarchy/$MACHINE ] || continue
  mkdir -p $hierarchy/$MACHINE/nobody
  chown -R nobody $hierarchy/$MACHINE/nobody
  echo $$ > $hierarchy/$MACHINE/nobody/cgroup.procs
done
schedule install --format systemd --now 2> $OUT/without || echo $? > $OUT/code
as_nobody /lib/systemd/systemd --user &
wait_for eval 'as_nobody systemctl --user show -p Version > /run/version 2>&1'
schedule install --format systemd --now 2> $OUT/events
wait_for eval 'as_nobody bangui lookup -d /run/nobody/b.db 192.0.2.1 --json | grep -q cached'
as_nobody bangui doctor -d /run/nobody/b.db --json > $OUT/doctor || true
as_nobody bangui schedule remove --now --format systemd -q
as_nobody systemctl --user list-timers --all > $OUT/timers
find /run/nobody/.config -type f > $OUT/files
"""
)


@pytest.fixture(scope="module")
def crontab(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    return Machine(tmp_path_factory.mktemp("crontab"), _CRONTAB).finish()


@pytest.fixture(scope="module")
def units(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    return Machine(tmp_path_factory.mktemp("units"), _UNITS).finish()


def verdicts(machine: Machine) -> dict[str, str]:
    checks = json.loads(machine.text("doctor"))["checks"]
    return {check["name"]: check["verdict"] for check in checks}


needs_cron = needs("cron", "crontab", "faketime")


@needs_cron
def test_the_lines_stand_behind_those_of_the_users_own(crontab: Machine):
    """Which stay to the byte; what is shown is just what is written, and sets no variable."""
    assert crontab.text("installed") == crontab.text("before") + crontab.text("shown")
    assert crontab.text("again") == crontab.text("before") + crontab.text("shown-again")
    assert not [line for line in crontab.text("shown").splitlines() if line[:1].isupper()]
    assert "\n*/5 * * * * [ ! -x " in crontab.text("again")


@needs_cron
def test_cron_runs_them_and_doctor_finds_all_well(crontab: Machine):
    """With nobody at the keyboard: the entry is cached, by the wait of the script."""
    assert {verdicts(crontab)[name] for name in ("schedule", "scheduler", "geo_cache_flush")} == {"ok"}


@needs_cron
def test_removing_leaves_the_users_own_lines(crontab: Machine):
    assert crontab.text("removed") == crontab.text("before")


@needs_cron
def test_one_mark_alone_says_not_which_lines_are_bangui_s(crontab: Machine):
    """Nothing is changed, and the hint says what to look for."""
    (event,) = crontab.lines("refused")

    assert crontab.text("code") == "65\n"
    assert "crontab -e" in event["hint"]
    assert crontab.text("still-broken") == crontab.text("broken")


@needs_cron
def test_only_root_schedules_for_another_user(crontab: Machine):
    assert crontab.text("other").splitlines()[-1] == "77"


@needs("systemctl")
def test_user_units_run_under_the_users_own_systemd(units: Machine):
    """Started by --now, judged by doctor, and stopped and gone afterwards."""
    assert {verdicts(units)[name] for name in ("schedule", "scheduler", "geo_cache_flush")} == {"ok"}
    assert units.text("files") == ""
    assert "0 timers listed" in units.text("timers")


@needs("systemctl")
def test_now_without_a_systemd_of_the_users_own_has_written_the_units(units: Machine):
    """And says so."""
    assert units.text("code") == "69\n"
    assert "the files are written" in units.lines("without")[-1]["error"]
    assert {event.get("changed", False) for event in units.lines("events")} == {False}
