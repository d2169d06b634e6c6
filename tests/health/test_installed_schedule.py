"""doctor judges a schedule by what is in it: each thing that went wrong since is found and named."""

import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import others
import pytest
from conftest import Bangui
from geoip import country, write_mmdb
from others import NOBODY, give, needs_root
from schedules import RUNNING_SYSTEMD, job_lines, look

from bangui_cli.states.checks import Check

pytestmark = needs_root
CRONTAB = "etc/cron.d/bangui"


@pytest.fixture
def app(initialised: Path) -> Iterator[Bangui]:
    """Run bangui where every user can reach it, on a host with neither fail2ban nor MMDB files."""
    with others.open_place() as place:
        home = place / "app"
        home.mkdir(mode=0o755)
        bangui = Bangui(home)
        shutil.copy(initialised, bangui.database)
        del bangui.environment["BANGUI_INSTANCE"]
        yield bangui


def install(app: Bangui, *options: object, **environment: str) -> Path:
    """Install below a root; return the crontab."""
    app.ok("schedule", "install", "--root", app.home, *options, env=environment)
    return app.home / CRONTAB


def judge(app: Bangui, **environment: str) -> Check:
    """Return what doctor says of the schedule."""
    return look(app, app.home, **environment)[0]


SERVER = "postgresql://bangui@db.example/bangui"


@pytest.mark.parametrize("format_", ["cron", "systemd"])
@pytest.mark.parametrize("names", [["PGPASSFILE"], ["PGSERVICEFILE"], ["PGPASSFILE", "PGSERVICEFILE"]])
def test_a_schedule_for_a_server_leads_to_the_files_of_libpq(
    app: Bangui, format_: str, names: list[str]
):
    """The password itself is in no line, and a service is known to its file; doctor reads both back."""
    given = {"BANGUI_DATABASE_PATH": SERVER, **dict.fromkeys(names, "/etc/bangui/pass 100%")}
    install(app, "--format", format_, **given)
    files = [path for path in (app.home / "etc").rglob("bangui*") if path.suffix != ".timer"]
    kinds = [RUNNING_SYSTEMD._replace(links=lambda _files: [])] if format_ == "systemd" else []

    texts = [path.read_text() for path in files if path.is_file()]
    assert all(f"{name}=" in text for name in names for text in texts)
    assert look(app, app.home, *kinds, BANGUI_DATABASE_PATH=SERVER)[0].verdict == "ok"


@pytest.mark.parametrize("format_", ["cron", "systemd"])
@pytest.mark.parametrize(
    "options",
    [
        [],
        ["--all"],
        ["--instance", "web 1"],
        ["--user", "daemon"],
        ["--command", "/bin/true"],
        ["--config", "own.toml"],
    ],
    ids=lambda options: " ".join(options) or "plain",
)
def test_what_was_just_installed_is_as_it_should_be(app: Bangui, format_: str, options: list[str]):
    """With whatever options: they are read back from the lines."""
    (app.home / "own.toml").write_text('flush_interval = "5m"\n')
    options = [str(app.home / word) if word == "own.toml" else word for word in options]
    if "daemon" in options:
        give_to_daemon(app)
    install(app, "--format", format_, *options)
    kinds = [RUNNING_SYSTEMD._replace(links=lambda _files: [])] if format_ == "systemd" else []

    check = look(app, app.home, *kinds)[0]

    assert (check.verdict, check.detail.partition(":")[0]) == ("ok", f"installed for {format_}")


def give_to_daemon(app: Bangui) -> None:
    for path in (app.home, app.database):
        give(path, user_id=1)


def edit(pattern: str, replacement: str, count: int = 0) -> Callable[[Path], None]:
    def act(file: Path) -> None:
        file.write_text(re.sub(pattern, replacement, file.read_text(), count=count, flags=re.MULTILINE))

    return act


@pytest.mark.parametrize(
    ("spoil", "verdict", "code", "said"),
    [
        (edit(r"(?<= )/\S+/bangui(?= )", "/nowhere/bangui"), "error", 66, "there is no /nowhere/bangui"),
        (edit(r"(?<= )/\S+/bangui(?= )", "/etc/passwd"), "error", 77, "cannot run /etc/passwd"),
        (edit(r" root ", " nosuch "), "error", 69, "there is no user nosuch"),
        (edit(r"\n\Z", ""), "error", 69, "its last line has no end"),
        (edit(r"\Z", "flush at noon\n"), "error", 69, "the line 'flush at noon'"),
        (edit(r" root .* heartbeat .*$", " root"), "error", 69, "scheduler_lock_heartbeat should be"),
        (edit(r"^.* heartbeat .*\n", ""), "error", 69, "scheduler_lock_heartbeat should be started"),
        (edit(r"^# geo_cache_flush.*\n.*\n\n", ""), "error", 69, "geo_cache_flush should be started"),
        (edit(r" --database \S+", " --database /srv/x.db"), "error", 78, "work on /srv/x.db, and not on"),
        (edit(r"^\* (?=.* flush)", "*/7 "), "warning", 0, "it has '*/7 * * * * root"),
        (edit(r"^MAILTO=root", "MAILTO=me"), "warning", 0, "it has 'MAILTO=me', and not 'MAILTO=root'"),
    ],
    ids=["program", "no program", "user", "newline", "line", "line emptied", "line deleted", "job deleted", "database",
         "interval", "variable"],
)  # fmt: skip
def test_what_a_hand_has_spoilt_is_named(
    app: Bangui, spoil: Callable[[Path], None], verdict: str, code: int, said: str
):
    """With the code in which the jobs would end, or that of a service that is not there."""
    file = install(app)
    before = file.read_text()
    spoil(file)
    assert file.read_text() != before

    check = judge(app)

    assert (check.verdict, check.exit_code) == (verdict, code)
    assert said in check.detail
    assert check.remedy


def test_a_change_of_the_settings_is_told_until_it_is_installed(app: Bangui):
    """Which line it would change, and into what."""
    install(app)
    changed = {"BANGUI_FLUSH_INTERVAL": "5m"}
    stale = judge(app, **changed)
    install(app, **changed)

    assert (stale.verdict, stale.remedy) == ("warning", "bangui schedule install")
    assert "'# geo_cache_flush: every 5m'" in stale.detail
    assert judge(app, **changed).verdict == "ok"


def test_a_job_that_the_host_has_a_use_for_now_is_missed(app: Bangui):
    """An MMDB file came after the schedule; a job that is never to run is not missed."""
    install(app)
    file = write_mmdb(app.home / "x.mmdb", {"192.0.2.0/24": country("DE", "Germany")})
    use = {"BANGUI_GEOIP_DB_PATH": str(file)}

    assert "geo_re_resolve should be started" in judge(app, **use).detail
    assert judge(app, BANGUI_RE_RESOLVE_INTERVAL="never", **use).verdict == "ok"


def test_what_could_not_be_scheduled_is_not_missed(app: Bangui):
    """The directory of the metrics is not there yet: install leaves them out, and says why."""
    metrics = {"BANGUI_METRICS_PATH": str(app.home / "metrics")}
    install(app)
    assert judge(app, **metrics).verdict == "ok"
    (app.home / "metrics").mkdir()

    assert "status_metrics and ban_metrics should be started" in judge(app, **metrics).detail


def test_a_user_who_cannot_reach_the_database_is_found(app: Bangui):
    """The installation was for a user who has lost the right since."""
    give_to_daemon(app)
    install(app, "--user", "daemon")
    assert judge(app).verdict == "ok"
    os.chown(app.database, NOBODY, NOBODY)

    check = judge(app)

    assert (check.verdict, check.exit_code) == ("error", 77)
    assert check.detail == f"daemon cannot write {app.database}"


def test_an_ordinary_user_is_told_of_his_own_database_alone(app: Bangui):
    """What root has scheduled for another database is none of his business."""
    file = install(app)
    assert job_lines(file.read_text())
    child = others.start_as(NOBODY, lambda: _require_missing(app))

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def _require_missing(app: Bangui) -> None:
    app.home.stat()
    check = judge(app, BANGUI_DATABASE_PATH="/srv/mine.db")
    assert (check.verdict, check.detail) == ("warning", "no schedule of bangui is installed")


SIZE = 4 * 1024 * 1024
START = "* * * * * root /bin/true "
HUGE = {
    "a word": START + "x" * SIZE,
    "words": START + "x " * (SIZE // 2),
    "quotes": START + "'" * (SIZE - 1),
    "backslashes": START + "\\" * SIZE,
    "alternatives": "* * * * * root " + "||" * (SIZE // 2),
    "lines": f"{START}flush\n" * (SIZE // 40),
    "comments": "# x\n" * (SIZE // 4),
    "blanks": " " * SIZE,
    "variables": "A=b\n" * (SIZE // 4),
}


@pytest.mark.parametrize("content", HUGE)
def test_a_huge_crontab_is_judged_in_time(app: Bangui, content: str):
    """To split a line into words took the square of its length: doctor would have needed days."""
    crontab = install(app)
    crontab.write_text(crontab.read_text() + HUGE[content] + "\n")

    found = judge(app)

    assert found.verdict in ("warning", "error")
    assert len(found.detail) < 10_000
