"""What root obeys or writes is in nobody else's hands, all the way down to it."""

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import others
import pytest
from geoip import country, write_mmdb
from hypothesis import given, settings
from hypothesis import strategies as st
from others import NOBODY, give, needs_root

from bangui_cli.host import trust
from bangui_cli.states.errors import Untrusted

WEB, DAEMON = 33, 1


@pytest.fixture
def file(place):
    """Make a file of root's, some directories below a sound place."""
    path = place / "etc" / "bangui" / "bangui.toml"
    path.parent.mkdir(parents=True)
    path.touch(0o644)
    return path


def foreign_place(path, owner_id=0, *, group_counts=True):
    found = trust.find_foreign_hands(str(path), owner_id, group_counts=group_counts)
    return found and found.path


@needs_root
def test_a_file_that_only_root_can_reach_for_is_sound(file):
    """Also below /tmp, where others may create and not rename."""
    assert foreign_place(file) is None


@needs_root
@pytest.mark.parametrize("mode", [0o666, 0o646, 0o664, 0o620])
def test_a_file_that_others_may_write_is_in_their_hands(file, mode):
    file.chmod(mode)

    assert foreign_place(file) == str(file)


@needs_root
def test_the_group_of_an_owners_file_does_not_count_where_it_may_write(file):
    """Of a database that an ordinary user shares with a group, doctor warns."""
    give(file, 0o664)

    assert foreign_place(file, NOBODY, group_counts=False) is None
    assert foreign_place(file, NOBODY) == str(file)
    file.chmod(0o666)
    assert foreign_place(file, NOBODY, group_counts=False) == str(file)


@needs_root
def test_the_owner_is_trusted_with_what_is_his_and_nobody_else(file):
    """Root's and the owner's directories lead to the owner's file."""
    give(file)
    give(file.parent)

    assert foreign_place(file, NOBODY) is None
    assert foreign_place(file) == str(file.parent)
    assert foreign_place(file, WEB) == str(file.parent)


@needs_root
@pytest.mark.parametrize("level", [1, 2])
@pytest.mark.parametrize("mode", [0o777, 0o775, 0o757])
def test_each_directory_up_to_the_root_counts(file, level, mode):
    """Who may rename a directory can put another in its place."""
    above = list(file.parents)[level - 1]
    above.chmod(mode)

    assert foreign_place(file) == str(above)


@needs_root
@pytest.mark.parametrize("level", [1, 2])
def test_a_directory_of_another_user_counts(file, level):
    above = give(list(file.parents)[level - 1])

    assert foreign_place(file) == str(above)


@needs_root
def test_a_sticky_directory_will_do_higher_up_and_not_for_the_file_itself(file):
    """Whoever may create beside a database makes its journal."""
    file.parent.parent.chmod(0o1777)
    assert foreign_place(file) is None

    file.parent.parent.chmod(0o755)
    file.parent.chmod(0o1777)
    assert foreign_place(file) == str(file.parent)


@needs_root
def test_in_a_sticky_directory_the_next_name_must_be_roots_or_the_owners(file):
    """Its owner may rename it."""
    file.parent.parent.chmod(0o1777)
    give(file.parent)

    assert foreign_place(file, NOBODY) is None
    assert foreign_place(file, WEB) == str(file.parent.parent)


@needs_root
def test_what_is_missing_could_be_created(file):
    """The directory that would hold it counts as if it did."""
    file.unlink()
    assert foreign_place(file) is None
    assert foreign_place(file.parent / "a" / "b") is None

    file.parent.chmod(0o1777)
    assert foreign_place(file) == str(file.parent)
    assert foreign_place(file.parent / "a" / "b") == str(file.parent)


@needs_root
def test_a_link_counts_with_its_own_directory_and_with_its_targets_way(place, file):
    """Both who can turn the link and who can change what it leads to decide what is read."""
    links = place / "links"
    links.mkdir()
    link = links / "settings"
    link.symlink_to("../etc/bangui/bangui.toml")
    assert foreign_place(link) is None

    file.parent.chmod(0o777)
    assert foreign_place(link) == str(file.parent)

    file.parent.chmod(0o755)
    links.chmod(0o777)
    assert foreign_place(link) == str(links)


@needs_root
def test_a_link_in_a_sticky_directory_must_be_roots_or_the_owners(place, file):
    links = place / "links"
    links.mkdir()
    links.chmod(0o1777)
    link = links / "settings"
    link.symlink_to(file)
    assert foreign_place(link) is None

    os.chown(link, NOBODY, NOBODY, follow_symlinks=False)
    assert foreign_place(link) == str(links)


@needs_root
def test_a_linked_directory_is_left_by_its_real_parent(place, file):
    """As the kernel goes up, and not as the text of the path does."""
    elsewhere = place / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "link").symlink_to(file.parent)
    other = file.parent.parent / "other"
    other.touch()
    give(other)

    assert foreign_place(elsewhere / "link" / ".." / "other") == str(other)


@needs_root
def test_a_circle_of_links_ends(place):
    (place / "a").symlink_to("b")
    (place / "b").symlink_to("a")

    with pytest.raises(OSError, match="symbolic links"):
        foreign_place(place / "a")


@needs_root
def test_a_relative_path_goes_from_the_working_directory(file, monkeypatch):
    monkeypatch.chdir(file.parent)
    assert foreign_place(file.name) is None

    file.parent.parent.chmod(0o777)
    assert foreign_place(file.name) == str(file.parent.parent)


@needs_root
def test_the_refusal_names_place_owner_and_mode_and_what_to_do(file):
    """Who reads it need not look anything up."""
    give(file.parent, 0o750, DAEMON)

    with pytest.raises(Untrusted) as refused:
        trust.require_own_hands(str(file))
    state = refused.value
    assert (
        state.error == f"{file.parent} is another user's (owner daemon, mode 0750) on the way to {file}"
    )
    assert state.hint.startswith("keep it in a directory that only root may write; or ")
    assert state.hint.endswith(f"chown root: {file.parent}; chmod go-w {file.parent}")
    assert (state.exit_code, state.fields["owner"], state.fields["mode"]) == (77, "daemon", "0750")


@needs_root
def test_nobody_is_told_to_change_the_mode_of_a_sticky_directory(file):
    """/tmp stays as it is; what lies in it moves."""
    file.parent.chmod(0o1777)

    with pytest.raises(Untrusted) as refused:
        trust.require_own_hands(str(file))
    assert "chmod" not in refused.value.hint
    assert "keep it in" in refused.value.hint


def attempt(path: Path, above: list[Path]) -> None:
    """Try all that a user can do to a file or to the names on its way; fail if nothing works."""
    tries = [lambda: os.close(os.open(path, os.O_WRONLY)), lambda: path.chmod(0o666)]
    tries += [lambda name=name: os.rename(name, f"{name}.away") for name in (path, *above)]
    tries += [lambda: os.mknod(f"{path}-journal", 0o600 | stat.S_IFREG)]
    for act in tries:
        try:
            act()
        except OSError:
            continue
        return
    raise AssertionError


modes = st.sampled_from([0o700, 0o755, 0o775, 0o757, 0o777, 0o1777, 0o1775, 0o1755])
owners = st.sampled_from([0, 0, NOBODY, WEB])
rungs = st.lists(st.tuples(owners, modes, st.none() | owners), min_size=1, max_size=4)


@needs_root
@settings(max_examples=150)
@given(rungs, owners, modes, st.sampled_from([0, WEB]))
def test_what_is_found_sound_another_user_cannot_change(ladder, file_owner_id, file_mode, owner_id):
    """The kernel is asked: nobody tries everything, on the real way and on that of each link."""
    with others.open_place() as directory:
        named, above = directory, []
        for number, (user_id, mode, link_owner_id) in enumerate(ladder):
            real = directory / f"real{number}"
            real.mkdir()
            os.chown(real, user_id, user_id)
            real.chmod(mode)
            step = named / f"step{number}"
            if link_owner_id is not None:
                step.symlink_to(real)
                give(step, user_id=link_owner_id)
                above.append(real)
            else:
                real.rename(step)
            above.append(step)
            named = step
        file = named / "file"
        file.touch()
        os.chown(file, file_owner_id, file_owner_id)
        file.chmod(file_mode & 0o777)

        if foreign_place(file, owner_id) is None:
            assert not others.succeeds_as(NOBODY, lambda: attempt(file, above))


KNOWN_ALL = "         0          0 4294967295\n"
KNOWN_ONE, KNOWN_MANY = "0 1000 1\n", "0 1000 1\n1 100000 65536\n"


@pytest.mark.parametrize(
    ("known", "is_outside"),
    [(KNOWN_ALL, False), (KNOWN_ONE, True), (KNOWN_MANY, False), ("", False), ("0 0 65534\n", True)],
)
def test_an_id_that_a_container_does_not_know_stands_for_all_of_outside(known, is_outside):
    """Where it knows it, that is a user like any other."""
    assert trust.is_outside(NOBODY, known) is is_outside


class TestInAUserNamespace:
    """Root of a rootless container, to whom all of the host's is nobody's."""

    @pytest.fixture
    def inside(self, bangui, place):
        """Return what runs a program there, as root, in a directory that is that root's own."""
        under = [*others.become(NOBODY), "unshare", "--user", "--map-root-user"]
        try_out = [*under, sys.executable, "-c", "import click"]
        if subprocess.run(try_out, capture_output=True, check=False).returncode:
            pytest.skip("an ordinary user gets no user namespace here, or no Python in it")
        bangui.home = give(Path(shutil.copytree(place, f"{place}-own")))
        yield under
        shutil.rmtree(bangui.home)

    @needs_root
    def test_the_directories_of_the_host_lock_nobody_out(self, bangui, inside):
        database = bangui.home / "bangui.db"

        for command in ("init", "add 192.0.2.1", "flush", "status"):
            bangui.ok(*command.split(), "--database", database, under=inside, cwd=bangui.home)

    @needs_root
    def test_what_holds_the_file_is_to_be_its_owners_all_the_same(self, bangui, inside):
        """Whoever of outside has the directory lays another file there."""
        settings_file = bangui.home / "below" / "bangui.toml"
        settings_file.parent.mkdir()
        settings_file.touch()
        give(settings_file)
        give(settings_file.parent, 0o755, WEB)
        ended = bangui.run("config", "show", "--config", settings_file, under=inside)

        assert (ended.code, ended.events[-1]["path"]) == (77, str(settings_file.parent))

    @needs_root
    def test_a_file_of_the_host_is_read_by_whom_there_is(self, bangui, inside, place):
        """Nobody in the container can be the user who wrote it."""
        hosts = write_mmdb(place / "country.mmdb", {"192.0.2.0/24": country("DE", "Germany")})
        bangui.ok("init", "--database", bangui.home / "bangui.db", under=inside)
        options = ["--database", bangui.home / "bangui.db", "--geoip-db", hosts, "--json"]

        assert bangui.ok("resolve", "192.0.2.1", *options, under=inside).json["resolved"] == 1
