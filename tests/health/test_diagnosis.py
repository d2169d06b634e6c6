"""The decisions of `doctor`, on values that no test can arrange on a real host."""

import time

import pytest
from geoip import country, write_mmdb
from others import needs_root
from schedules import RUNNING_CRON, RUNNING_SYSTEMD, look

from bangui_cli.health.doctor import geoip, work
from bangui_cli.rules.lease import Instant
from bangui_cli.rules.timestamps import to_wall_s
from bangui_cli.scheduling.formats import CRON, SYSTEMD
from bangui_cli.states import checks
from bangui_cli.store.sqlite import place
from bangui_cli.store.sqlite.checks import check_boot_clock

NOW_S = to_wall_s("2026-06-01")
STOPPED_CRON = CRON._replace(is_running=lambda: False)

MOUNTS = [
    "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw",
    "40 22 0:35 / /srv rw shared:5 - nfs4 server:/export rw",
    "41 40 8:2 / /srv/local rw - xfs /dev/sdb rw",
    "42 22 0:36 / /mnt/with\\040blank rw - cifs //server/share rw",
    "43 22 0:37 / /twice rw - ext4 /dev/sdc rw",
    "44 22 0:38 / /twice rw - fuse.sshfs me@host: rw",
]


# The place.


@pytest.mark.parametrize(
    ("path", "file_system", "verdict"),
    [
        ("/var/lib/bangui", "ext4", "ok"),
        ("/srv", "nfs4", "warning"),
        ("/srv/bangui", "nfs4", "warning"),
        ("/srvother", "ext4", "ok"),
        ("/srv/local/bangui", "xfs", "ok"),
        ("/mnt/with blank/x", "cifs", "warning"),
        ("/twice", "fuse.sshfs", "warning"),
    ],
)
def test_a_network_file_system_is_told_by_the_mount_that_is_seen(path, file_system, verdict):
    """The innermost mount counts, and of two on one point the later."""
    assert place.file_system_of(path, MOUNTS) == file_system
    assert place.check_file_system(path, file_system).verdict == verdict


def test_the_mounts_of_this_host_are_read(tmp_path):
    """Each host has a file system under every file."""
    (tmp_path / "bangui.db").touch()
    found = {check.name: check for check in place.examine(str(tmp_path / "bangui.db"))}

    assert found["file_system"].detail.startswith(f"{tmp_path} is on ")
    assert "unknown" not in found["file_system"].detail


@pytest.mark.parametrize(
    ("free_mib", "verdict", "code"), [(0.5, "error", 74), (10, "warning", 0), (100, "ok", 0)]
)
def test_a_full_disk_is_an_error_and_a_nearly_full_one_a_warning(free_mib, verdict, code):
    """The code is the one that the next flush would end with."""
    check = place.check_room("/var/lib/bangui", int(free_mib * 2**20))

    assert (check.verdict, check.exit_code) == (verdict, code)


# The schedule.


def install(bare, *options):
    """Install below a root; doctor looks at it with `look`."""
    bare.ok("init")
    bare.ok("schedule", "install", "--root", bare.home, *options)


def enable(bare, kind):
    for link in kind.links(kind.installed(str(bare.home))):
        path = bare.home / link[1:]
        path.parent.mkdir(exist_ok=True)
        path.symlink_to("../" + path.name)


def test_a_missing_schedule_is_a_warning(bare):
    """A crontab of one's own may start the jobs: nobody can see that from here."""
    found = look(bare, bare.home, STOPPED_CRON, SYSTEMD._replace(is_running=lambda: False))

    assert [(check.name, check.verdict) for check in found] == [
        ("schedule", "warning"),
        ("scheduler", "warning"),
    ]


@pytest.mark.parametrize(
    ("cron", "verdict", "code"), [(RUNNING_CRON, "ok", 0), (STOPPED_CRON, "error", 69)]
)
def test_an_installed_schedule_wants_its_scheduler(bare, cron, verdict, code):
    """A cron.d file in a container without cron starts nothing."""
    install(bare)

    scheduler = look(bare, bare.home, cron)[-1]

    assert (scheduler.name, scheduler.verdict, scheduler.exit_code) == ("scheduler", verdict, code)


@needs_root
def test_a_file_that_cron_ignores_is_an_error(bare):
    """Cron reads only what root owns and nobody else may write."""
    install(bare)
    sound = look(bare, bare.home)[0]
    (bare.home / "etc/cron.d/bangui").chmod(0o664)
    loose = look(bare, bare.home)[0]

    assert (sound.verdict, loose.verdict, loose.exit_code) == ("ok", "error", 69)


@needs_root
def test_units_that_are_not_enabled_are_an_error(bare):
    """Systemd starts a timer only after `systemctl enable`."""
    install(bare, "--format", "systemd")
    disabled = look(bare, bare.home, RUNNING_SYSTEMD)[0]
    enable(bare, SYSTEMD)
    enabled = look(bare, bare.home, RUNNING_SYSTEMD)[0]

    assert (disabled.verdict, enabled.verdict) == ("error", "ok")
    assert "systemctl enable --now bangui-flush.timer bangui-heartbeat.timer" in disabled.remedy


@needs_root
@pytest.mark.parametrize(("kind", "said"), [("timer", "is missing"), ("service", "should be started")])
def test_a_unit_that_is_missing_is_an_error(bare, kind, said):
    """Half a schedule flushes and never beats, or the other way round."""
    install(bare, "--format", "systemd")
    (bare.home / f"etc/systemd/system/bangui-prune.{kind}").unlink()
    enable(bare, SYSTEMD)

    check = look(bare, bare.home, RUNNING_SYSTEMD)[0]

    assert (check.verdict, check.exit_code) == ("error", 69)
    assert said in check.detail


@needs_root
def test_two_schedules_are_a_warning(bare):
    """Each job would start twice."""
    install(bare)
    install(bare, "--format", "systemd")
    enable(bare, SYSTEMD)

    check = look(bare, bare.home, RUNNING_CRON, RUNNING_SYSTEMD)[0]

    assert check.verdict == "warning"
    assert check.remedy == "keep one: bangui schedule remove --format systemd"


# The clocks.


def state(heartbeat_at=None, finished_at=None):
    return {"lock": {"heartbeat_at": heartbeat_at}, "jobs": {"x": {"last_finished_at": finished_at}}}


@pytest.mark.parametrize(
    ("now_s", "found", "verdict"),
    [
        (NOW_S, None, "ok"),
        (NOW_S, state(), "ok"),
        (NOW_S, state(NOW_S - 10, "2026-05-31T00:00:00.000Z"), "ok"),
        (NOW_S, state(NOW_S + 4), "ok"),
        (NOW_S, state(NOW_S + 60), "warning"),
        (NOW_S, state("tomorrow", "2026-06-02T00:00:00.000Z"), "warning"),
        (0.0, None, "error"),
        (to_wall_s("2000-01-01"), None, "error"),
        (to_wall_s("2150-01-01"), None, "error"),
    ],
)
def test_a_wall_clock_that_makes_no_sense_is_found(now_s, found, verdict):
    """Before the last heartbeat, or in a year in which this program was not."""
    assert work.check_clock(now_s, found).verdict == verdict


@pytest.mark.parametrize(
    ("boottime_s", "boot_id", "verdict"),
    [(1.0, "x", "ok"), (None, "x", "warning"), (1.0, None, "warning")],
)
def test_a_boot_clock_that_cannot_be_read_is_a_warning(boottime_s, boot_id, verdict):
    """The lock is then judged by the wall clock."""
    assert check_boot_clock(Instant(NOW_S, boottime_s, boot_id)).verdict == verdict


# The MMDB files.


@pytest.mark.parametrize(("age_days", "verdict"), [(0, "ok"), (40, "ok"), (50, "warning")])
def test_an_old_mmdb_file_is_a_warning(age_days, verdict):
    """Addresses move; the makers publish at least each month."""
    assert geoip.check_age("x.mmdb", NOW_S - age_days * 86400, NOW_S).verdict == verdict


@pytest.mark.parametrize(
    ("built_s", "verdict", "detail"),
    [
        (NOW_S + 3600, "ok", "0 days ago"),
        (NOW_S + 40 * 86400, "warning", "in the future"),
        (99_999_999_999_999.0, "warning", "makes no sense"),
        (float(2**64 - 1), "warning", "makes no sense"),
        (0.0, "warning", "built on 1970-01-01"),
    ],
)
def test_a_build_time_that_cannot_be_is_a_warning(built_s, verdict, detail):
    """The file says it, and may say anything: no date of the year 3170843, and no failure."""
    check = geoip.check_age("x.mmdb", built_s, NOW_S)

    assert check.verdict == verdict
    assert detail in check.detail


def test_mmdb_files_are_opened_and_a_damaged_one_is_an_error(tmp_path):
    """Each configured file is judged by itself."""
    good = write_mmdb(tmp_path / "good.mmdb", {"192.0.2.0/24": country("DE", "Germany")})
    damaged = tmp_path / "damaged.mmdb"
    damaged.write_bytes(b"no MMDB")

    first, second = geoip.examine([str(good), str(damaged)], time.time())

    assert (first.verdict, second.verdict, second.exit_code) == ("ok", "error", 65)


# The whole.


@pytest.mark.parametrize(
    ("verdicts", "worst", "code"),
    [
        ([], "ok", 0),
        (["ok"], "ok", 0),
        (["ok", "warning"], "warning", 0),
        (["warning", 66, "ok", 78], "error", 66),
    ],
)
def test_the_worst_check_decides(verdicts, worst, code):
    """Warnings end with 0; of errors the first counts, from which the others follow."""
    made = {"ok": checks.ok("x", ""), "warning": checks.warning("x", "", "")}
    found = [made[each] if each in made else checks.error("x", "", "", each) for each in verdicts]

    assert (checks.overall(found), checks.exit_code(found)) == (worst, code)
