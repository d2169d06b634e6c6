"""Root runs bangui beside files of other users: none of them gets root to write or obey what is theirs."""

import contextlib
import itertools
import os
import signal
import stat
import time
from pathlib import Path

import others
import pytest
from others import NOBODY, give, needs_root, spoil

from bangui_cli.host import files
from bangui_cli.states.errors import BanguiError

pytestmark = needs_root
ATTACKERS_KEY = "ssh-ed25519 AAAA attacker\n"


@pytest.fixture
def victim(place):
    """Make a file that only root may read or write."""
    path = place / "victim" / "deep" / "shadow"
    path.parent.mkdir(parents=True)
    path.parents[1].chmod(0o700)
    path.write_text("secret\n")
    path.chmod(0o600)
    return path


@pytest.fixture
def textfile(place):
    """Make a directory that the metrics' collector owns."""
    (place / "textfile").mkdir()
    return give(place / "textfile")


def untouched(victim):
    """Tell whether a victim, and the directory that it is in, are as they were."""
    is_alone = os.listdir(victim.parent) == [victim.name]
    return is_alone and victim.read_text() == "secret\n" and stat.S_IMODE(victim.stat().st_mode) == 0o600


def import_with_rejects(bangui, path):
    return bangui.run("import", "--rejects", path, input=f'{{"ip": "192.0.2.1"}}\n{ATTACKERS_KEY}')


class TestOutputs:
    """Where root writes, a link of another user leads nowhere."""

    def test_a_link_in_place_of_a_report_is_replaced(self, bangui, textfile, victim):
        link = textfile / "bans.csv"
        link.symlink_to(victim)
        give(link)

        bangui.ok("report", "--history", "--format", "csv", "--output", link)

        assert untouched(victim)
        assert not link.is_symlink()

    def test_a_link_in_place_of_the_metrics_is_replaced(self, bangui, textfile, victim):
        link = textfile / "bangui.prom"
        link.symlink_to(victim)
        give(link)

        bangui.ok("status", "--format", "prometheus", "--output", link)

        assert untouched(victim)
        assert not link.is_symlink()
        assert link.read_text().startswith("# HELP bangui_")

    def test_a_link_in_place_of_the_rejects_is_replaced(self, bangui, textfile, victim):
        """They hold whatever the attacker wrote, a key for root to trust."""
        link = textfile / "rejected.txt"
        link.symlink_to(victim)
        give(link)

        assert import_with_rejects(bangui, link).code == 65

        assert untouched(victim)
        assert link.read_text() == ATTACKERS_KEY
        assert (link.lstat().st_uid, stat.S_IMODE(link.lstat().st_mode)) == (0, 0o600)

    def test_rejects_are_not_written_into_a_file_of_another_user(self, bangui, textfile):
        """He would read which addresses this host has seen."""
        path = textfile / "rejected.txt"
        path.write_text("his own\n")
        give(path, 0o644)
        ended = import_with_rejects(bangui, path)

        assert (ended.code, path.read_text()) == (77, "his own\n")
        assert "another user's" in ended.events[-1]["error"]
        assert bangui.rows("SELECT * FROM geo_cache_dirty") == []

    @pytest.mark.parametrize(
        "command",
        [["status", "--output"], ["report", "--output"], ["import", "--rejects"]],
        ids=" ".join,
    )
    def test_a_link_to_another_directory_is_not_followed(self, bangui, textfile, victim, command):
        """The file would be made there, under a name that root has chosen."""
        (textfile / "out").symlink_to(victim.parent)
        give(textfile / "out")
        ended = bangui.run(*command, textfile / "out" / "authorized_keys", input="")

        assert ended.code == 77
        assert untouched(victim)
        assert f"{textfile}/out is a symbolic link that others could turn" in ended.events[-1]["error"]

    def test_a_schedule_is_written_by_the_same_rules(self, bangui, textfile, victim):
        """A package may be made in the directory of another user."""
        (textfile / "etc").mkdir()
        (textfile / "etc" / "cron.d").symlink_to(victim.parent)
        give(textfile / "etc")
        ended = bangui.run("schedule", "install", "--root", textfile)
        assert (ended.code, untouched(victim)) == (77, True)

        (textfile / "etc" / "cron.d").unlink()
        (textfile / "etc" / "cron.d").mkdir()
        (textfile / "etc" / "cron.d" / "bangui").symlink_to(victim)
        bangui.ok("schedule", "install", "--root", textfile, "--force")
        assert untouched(victim)
        assert (textfile / "etc" / "cron.d" / "bangui").read_text().startswith("# Written by bangui")

    def test_nobody_wins_the_race_between_look_and_write(self, bangui, textfile, victim):
        """Both directories are turned into links, names and drafts into others, all the time."""
        path = textfile / "out" / "deep" / "bangui.prom"
        path.parent.mkdir(parents=True)
        give(path.parent)
        give(path.parents[1])
        attacker = others.start_as(NOBODY, lambda: swap_for_ever(path, victim))
        try:
            ends_at_s, written = time.monotonic() + 3, 0
            while time.monotonic() < ends_at_s:
                written += try_to_write(path, files.PUBLIC) + try_to_write(path, files.PRIVATE)
            for _ in range(5):
                bangui.run("status", "--output", path)
                import_with_rejects(bangui, path)
        finally:
            os.kill(attacker, signal.SIGKILL)
            os.waitpid(attacker, 0)

        assert untouched(victim)
        assert written > 0


def try_to_write(path: Path, mode: int) -> bool:
    try:
        with files.open_output(str(path), mode) as output:
            output.begin().write(ATTACKERS_KEY.encode())
    except BanguiError:
        return False
    return True


def swap_for_ever(path: Path, victim: Path) -> None:
    """Turn everything that root may be about to write into a link to a victim, and back."""
    for level in itertools.cycle([0, 1]):
        with contextlib.suppress(OSError):
            for name in os.listdir(path.parent):
                (path.parent / name).unlink()
                (path.parent / name).symlink_to(victim)
        directory = path.parents[level]
        away = directory.with_name("away")
        with contextlib.suppress(OSError):
            directory.rename(away)
            directory.symlink_to(victim.parents[level])
        with contextlib.suppress(OSError):
            directory.unlink()
        with contextlib.suppress(OSError):
            away.rename(directory)


@pytest.fixture
def device(place):
    """Make a device of root's that no driver serves: to open it is an error of its own (ENXIO)."""
    path = place / "device"
    try:
        os.mknod(path, stat.S_IFCHR | 0o644, os.makedev(1, 250))
    except PermissionError:
        pytest.skip("this root may make no devices")
    return path


@pytest.fixture
def led(device, textfile):
    """Make a link of another user's that leads there."""
    link = textfile / "file"
    link.symlink_to(device)
    return give(link)


class TestDevices:
    """Root opens no device because of another user's link: it could be a watchdog, or a tape."""

    def test_one_in_place_of_an_mmdb_file_is_not_opened(self, bangui, led, device):
        """Whoever led there."""
        for path in (led, device):
            ended = bangui.run("resolve", "192.0.2.1", "--geoip-db", path)
            assert (ended.code, ended.events[-1]["error"]) == (65, f"{path} is no regular file")

    def test_one_in_place_of_an_input_is_not_opened(self, bangui, led, textfile):
        ended = bangui.run("import", led)

        assert ended.code == 77
        assert ended.events[-1]["error"].startswith(f"{textfile} is another user's")
        assert "give the path of the device itself" in ended.events[-1]["hint"]

    def test_one_that_root_names_is_read(self, bangui, device):
        """As a tape is, or /dev/null, whoever may write to it."""
        bangui.ok("import", "/dev/null")

        assert "No such device or address" in bangui.run("import", device).events[-1]["error"]

    @pytest.mark.parametrize("link", ["/dev/stdin", "/proc/self/fd/0"])
    def test_what_root_was_given_is_read(self, bangui, link):
        """A device, by the links of the system."""
        with open("/dev/null") as nothing:
            assert bangui.run("import", link, stdin=nothing).code == 0

    def test_one_in_place_of_fail2bans_database_is_not_opened(self, bangui, led, textfile):
        ended = bangui.run("collect", "--fail2ban", led)

        assert ended.code == 77
        assert ended.events[-1]["error"].startswith(f"{textfile} is another user's")

    def test_one_in_place_of_the_settings_of_another_host_is_not_opened(
        self, bangui, led, textfile, tmp_path
    ):
        """Those are read, whoever else could change them."""
        ended = bangui.run("schedule", "install", "--root", tmp_path, "--config", led)

        assert ended.code == 77
        assert ended.events[-1]["error"].startswith(f"{textfile} is another user's")


class TestSettings:
    """Root obeys no settings that another user could write."""

    @pytest.fixture
    def settings(self, place):
        """Make a settings file where an ordinary user has his."""
        path = place / "home" / ".config" / "bangui" / "bangui.toml"
        path.parent.mkdir(parents=True)
        path.write_text("batch_size = 7\n")
        return path

    @pytest.mark.parametrize("how", ["owner", 0o666, 0o664], ids=str)
    def test_a_settings_file_of_others_is_refused(self, bangui, settings, how):
        """The event has all that is needed to mend it."""
        spoil(settings, how)
        ended = bangui.run("heartbeat", "--config", settings)
        event = ended.events[-1]

        assert ended.code == 77
        assert str(settings) in event["error"]
        owner, mode = ("nobody", "0644") if how == "owner" else ("root", f"{how:04o}")
        assert (event["owner"], event["mode"]) == (owner, mode)
        assert f"chown root: {settings}; chmod go-w {settings}" in event["hint"]

    @pytest.mark.parametrize(
        "words", ["flush", "status", "add 192.0.2.1", "config show", "lock show", "schedule show"]
    )
    def test_no_command_obeys_it(self, bangui, settings, words):
        spoil(settings, "owner")

        assert bangui.run(*words.split(), "--config", settings).code == 77

    @pytest.mark.parametrize(
        ("variable", "name"),
        [("BANGUI_CONFIG", ".config/bangui/bangui.toml"), ("XDG_CONFIG_HOME", ".config"), ("HOME", "")],
    )
    def test_it_is_refused_whoever_named_it(self, bangui, settings, variable, name):
        """As a variable that sudo has kept."""
        spoil(settings, "owner")

        assert bangui.run("status", env={variable: str(settings.parents[2] / name)}).code == 77

    @pytest.mark.parametrize("level", [0, 1, 2])
    @pytest.mark.parametrize("how", ["owner", 0o777, 0o775], ids=str)
    def test_so_is_one_in_a_directory_of_others(self, bangui, settings, level, how):
        """They would put another file in its place; the directory is named."""
        directory = settings.parents[level]
        spoil(directory, how)
        event = bangui.run("heartbeat", "--config", settings).events[-1]

        assert event["exit_code"] == 77
        assert event["error"].startswith(f"{directory} ")
        assert event["error"].endswith(f"on the way to {settings}")
        assert "/etc/bangui/bangui.toml" in event["hint"]

    def test_what_is_roots_alone_is_obeyed(self, bangui, settings):
        """Also below a directory for all, as /tmp is."""
        settings.parents[2].chmod(0o1777)

        shown = bangui.ok("config", "show", "--format", "json", "--config", settings).json
        assert shown["batch_size"]["value"] == 7

    def test_doctor_says_the_same(self, bangui, settings):
        """As an error, with the remedy."""
        spoil(settings, "owner")
        ended = bangui.run("doctor", "--format", "json", "--config", settings)
        check = ended.json["checks"][0]

        assert (ended.code, check["name"], check["verdict"]) == (77, "settings", "error")
        assert str(settings) in check["detail"]
        assert "chown root:" in check["remedy"]

    def test_what_is_made_for_another_host_is_not_obeyed_here(self, bangui, settings, tmp_path):
        """A package is made of files of whoever makes it."""
        spoil(settings, "owner")

        bangui.ok("schedule", "install", "--root", tmp_path, "--config", settings)
        assert f"--config {settings}" in (tmp_path / "etc/cron.d/bangui").read_text()
