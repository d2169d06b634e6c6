"""Root runs bangui beside files of other users: none of them gets root to write or obey what is theirs."""

import contextlib
import itertools
import os
import signal
import stat
from pathlib import Path

import others
import pytest
from others import NOBODY, give, needs_root

from bangui_cli.host import files
from bangui_cli.states.errors import BanguiError, CannotCreate

pytestmark = needs_root
ATTACKERS_KEY = "ssh-ed25519 AAAA attacker\n"


@pytest.fixture
def place():
    with others.open_place() as directory:
        yield directory


@pytest.fixture
def victim(place):
    """Make a file that only root may read or write."""
    path = place / "victim" / "shadow"
    path.parent.mkdir(mode=0o700)
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

    @pytest.mark.parametrize("command", [["status", "--output"], ["import", "--rejects"]], ids=" ".join)
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
        """The directory is turned into a link, names and drafts into others, all the time."""
        (textfile / "out").mkdir()
        give(textfile / "out")
        path = textfile / "out" / "bangui.prom"
        attacker = others.start_as(NOBODY, lambda: swap_for_ever(path, victim))
        try:
            written = sum(try_to_write(path, mode) for _ in range(1000) for mode in (0o644, 0o600))
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
    directory, away = path.parent, path.parent.with_name("away")
    for turn in itertools.count():
        with contextlib.suppress(OSError):
            for name in os.listdir(directory):
                with contextlib.suppress(OSError):
                    os.unlink(directory / name)
                    os.symlink(victim, directory / name)
            if turn % 2:
                os.rename(directory, away)
                os.symlink(victim.parent, directory)
        with contextlib.suppress(OSError):
            os.unlink(directory)
        with contextlib.suppress(OSError):
            os.rename(away, directory)


class TestEntrustedOutputs:
    """Who has given root's rights up still puts the file where only root may write."""

    def test_what_another_user_writes_stands_in_roots_directory(self, place):
        (place / "textfile").mkdir()
        path = place / "textfile" / "bangui.prom"
        with files.open_output(str(path)) as output:
            output.entrust()
            assert others.succeeds_as(NOBODY, lambda: output.replace(b"new\n"))

        assert path.read_bytes() == b"new\n"
        assert (path.stat().st_uid, stat.S_IMODE(path.stat().st_mode)) == (0, 0o644)
        assert os.listdir(path.parent) == [path.name]

    def test_a_killed_run_leaves_nothing_behind(self, place):
        """The deputy clears up when nobody is left to tell it anything."""
        directory = place / "textfile"
        directory.mkdir()
        reading_end, writing_end = os.pipe()

        def open_and_die():
            files.open_output(str(directory / "bangui.prom")).entrust()
            os.write(writing_end, str(len(os.listdir(directory))).encode())
            os.kill(os.getpid(), signal.SIGKILL)

        assert not others.succeeds_as(0, open_and_die)
        assert os.read(reading_end, 1) == b"1"
        os.close(writing_end)
        assert os.read(reading_end, 1) == b"", "the deputy has ended"
        os.close(reading_end)
        assert os.listdir(directory) == []

    def test_what_cannot_be_put_in_place_is_told(self, place):
        path = place / "bangui.prom"
        with files.open_output(str(path)) as output:
            output.entrust()
            path.mkdir()
            with pytest.raises(CannotCreate, match="cannot write"):
                output.replace(b"new\n")
