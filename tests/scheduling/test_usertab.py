"""Which lines of a crontab are bangui's, and what crontab(1) may answer."""

import shutil
from pathlib import Path

import pytest
from conftest import Bangui
from hypothesis import given
from hypothesis import strategies as st
from others import NOBODY, become, needs_root, open_place

from bangui_cli.scheduling import usertab
from bangui_cli.scheduling.crontab import BEGIN, END
from bangui_cli.states.errors import BadData

BLOCK = f"{BEGIN}\n* * * * * x\n{END}\n"
LINES = st.lists(st.sampled_from([b"* * * * * mine", b"# words", b"", b"A=\xff"]))


@given(LINES, LINES)
def test_what_is_not_bangui_s_stays_to_the_byte(before: list[bytes], after: list[bytes]):
    """Through an installation, another one, and the removal."""
    before, after = (b"".join(line + b"\n" for line in lines) for lines in (before, after))
    own = before + after
    once = usertab.with_block(own, BLOCK)
    between = before + BLOCK.encode() + after
    again = BLOCK.replace("x", "y")

    assert once == own + BLOCK.encode()
    assert usertab.with_block(once, "") == own
    assert usertab.with_block(between, again) == before + again.encode() + after
    assert usertab.block_in(between) == BLOCK


@pytest.mark.parametrize(
    "content", [f"{BEGIN}\n", f"{END}\n", f"{END}\n{BEGIN}\n", BLOCK + BLOCK, BLOCK + BEGIN], ids=repr
)
def test_marks_that_are_no_pair_are_refused(content: str):
    with pytest.raises(BadData, match="marks"):
        usertab.block_in(content.encode())


def test_a_last_line_without_an_end_gets_one():
    """Else bangui's first mark would be a part of it."""
    assert usertab.with_block(b"* * * * * mine", BLOCK).startswith(b"* * * * * mine\n# Written by")


@pytest.fixture
def own(initialised: Path):
    """Run bangui as an ordinary user, by a program that all may run."""
    with open_place() as place:
        bangui = Bangui(place)
        place.chmod(0o777)
        bangui.environment["BANGUI_DATABASE_PATH"] = "/dev/null"
        yield bangui


@needs_root
@pytest.mark.parametrize(
    ("answer", "code", "said"),
    [
        ("echo 'you may not use this program' >&2; exit 1", 77, "you may not use this program"),
        ("[ $1 = -l ] && exit; echo 'errors in crontab file' >&2; exit 1", 77, "errors in crontab"),
        (None, 69, "crontab(1) is not installed"),
    ],
)
def test_what_crontab_refuses_is_told(own: Bangui, answer: str | None, code: int, said: str):
    """With its own words; where it is missing there is systemd."""
    # The search for programs must not lead to the real one.
    as_nobody = [shutil.which("setpriv"), *become(NOBODY)[1:]]
    program = own.home / "crontab"
    if answer:
        program.write_text(f"#!/bin/sh\n{answer}\n")
        program.chmod(0o755)
    ended = own.run("schedule", "install", under=as_nobody, env={"PATH": str(own.home)})

    assert ended.code == code
    assert said in ended.events[-1]["error"]
    assert "--format systemd" in ended.events[-1]["hint"]


@needs_root
def test_units_go_also_where_no_systemd_is_there_to_stop_them(own: Bangui):
    """What does not run needs not be stopped, and the files must not stay for that."""
    as_nobody, systemd = [shutil.which("setpriv"), *become(NOBODY)[1:]], ("--format", "systemd")
    units = own.home / ".config/systemd/user"
    alone = {"HOME": str(own.home), "XDG_RUNTIME_DIR": str(own.home)}
    own.run("schedule", "install", *systemd, under=as_nobody, env=alone)
    assert len(list(units.glob("bangui-*"))) == 6

    removed = own.run("schedule", "remove", "--now", *systemd, under=as_nobody, env=alone)

    assert (removed.code, removed.events[0]["event"]) == (0, "schedule_removed")
    assert list(units.glob("**/bangui-*")) == []
