"""Who has given root's rights up still puts a file where only root may write."""

import os
import signal
import stat

import others
import pytest
from others import NOBODY, needs_root

from bangui_cli.host import files
from bangui_cli.states.errors import CannotCreate

pytestmark = needs_root


@pytest.fixture
def place():
    with others.open_place() as directory:
        yield directory


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

    def test_a_killed_run_leaves_nothing_behind(self, place, monkeypatch):
        """The deputy clears up, where a draft has a name, when nobody is left to tell it anything."""
        monkeypatch.setattr(files, "_DESCRIPTORS", "/nowhere")
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
