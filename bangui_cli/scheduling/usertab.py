"""The crontab of an ordinary user, through crontab(1): bangui's lines stand between two marks in it."""

import shutil
import subprocess
from collections.abc import Sequence

from bangui_cli.scheduling import crontab
from bangui_cli.scheduling.crontab import BEGIN, END
from bangui_cli.scheduling.plan import MARK, File, Plan
from bangui_cli.scheduling.runner import oneself
from bangui_cli.states.errors import BadData, PermissionRefused, Unavailable

_PROGRAM = "crontab"
# What the implementations say of a user who has none.
_NONE_YET = (b"no crontab for", b"No such file or directory")


def path() -> str:
    """Return what stands for a path: the file itself is crontab's own."""
    return f"the crontab of {oneself().name}"


def render(plan: Plan) -> tuple[File, ...]:
    """Return the lines with their marks. Raise as `crontab.render_own`."""
    return (File(path(), crontab.render_own(plan)),)


def installed(_root: str) -> tuple[File, ...]:
    """Return what is there of bangui's lines. Raise BadData, and what `read` raises."""
    block = block_in(read())
    return () if block is None else (File(path(), block),)


def install(wanted: Sequence[File], _root: str, _force: bool) -> list[str]:
    """Put the lines into the crontab; return what changed. Raise BadData, and what `write` raises."""
    return _change(wanted[0].text)


def remove(_root: str) -> list[str]:
    """Take the lines out of the crontab; return what changed. Raise BadData, and what `write` raises."""
    return _change("")


def _change(block: str) -> list[str]:
    before = read()
    after = with_block(before, block)
    if after == before:
        return []
    write(after)
    return [path()]


def read() -> bytes:
    """Return the crontab of this user; one who has none has an empty one. Raise as `write`."""
    ended = _run("-l")
    if ended.returncode == 0:
        return ended.stdout
    if any(words in ended.stderr for words in _NONE_YET):
        return b""
    raise _refused(ended.stderr)


def write(content: bytes) -> None:
    """Replace the crontab of this user; an empty one goes. Raise Unavailable or PermissionRefused."""
    ended = _run("-", content) if content.strip() else _run("-r")
    if ended.returncode:
        raise _refused(ended.stderr)


def block_in(content: bytes) -> str | None:
    """Return bangui's lines with their marks, None where there are none. Raise BadData."""
    _, block, _ = _split(content)
    return block.decode("utf-8", "surrogateescape") if block else None


def with_block(content: bytes, block: str) -> bytes:
    """Return a crontab with new lines of bangui's in the place of the old ones, or at its end.

    Raise BadData.
    """
    before, former, after = _split(content)
    if not former and before and not before.endswith(b"\n"):
        before += b"\n"
    return before + block.encode("utf-8", "surrogateescape") + after


def _split(content: bytes) -> tuple[bytes, bytes, bytes]:
    """Return what is before bangui's lines, they themselves with both marks, and what is behind.

    Raise BadData where the marks are not one pair: nobody knows then which lines are bangui's.
    """
    lines = content.splitlines(keepends=True)
    begins = [number for number, line in enumerate(lines) if line.startswith(MARK.encode())]
    ends = [number for number, line in enumerate(lines) if line.rstrip() == END.encode()]
    if not begins and not ends:
        return content, b"", b""
    if len(begins) != 1 or len(ends) != 1 or begins > ends:
        raise BadData(
            "one of the two marks round the lines of bangui is missing in the crontab",
            hint=f"crontab -e: delete the lines of bangui, and what is left of {BEGIN!r} and {END!r}",
        )
    first, last = begins[0], ends[0] + 1
    return b"".join(lines[:first]), b"".join(lines[first:last]), b"".join(lines[last:])


def _run(option: str, content: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    path = shutil.which(_PROGRAM)
    if path is None:
        raise Unavailable("crontab(1) is not installed", hint="install cron, or use --format systemd")
    return subprocess.run([path, option], input=content, capture_output=True, check=False)  # noqa: S603


def _refused(said: bytes) -> PermissionRefused:
    words = " ".join(said.decode("utf-8", "backslashreplace").split())
    return PermissionRefused(
        f"crontab(1) refused: {words or 'it did not say why'}",
        hint="see /etc/cron.allow and /etc/cron.deny; or use --format systemd",
    )
