"""Write, read and delete files by their own names: never what a symbolic link there leads to."""

import os
import re
import stat
from collections.abc import Iterable
from typing import BinaryIO, Self

from bangui_cli.host import obstacles, terminal
from bangui_cli.host.deputy import Deputy
from bangui_cli.host.directories import open_directory
from bangui_cli.states import errors
from bangui_cli.states.errors import BanguiError, CannotCreate, PermissionRefused

PUBLIC, PRIVATE = 0o644, 0o600
_DESCRIPTORS = "/proc/self/fd"
_STREAMS = ("stdin", "stdout", "stderr")
_STREAM = re.compile(r"/dev/(?P<name>stdin|stdout|stderr)|(?:/dev|/proc/self)/fd/(?P<number>\d{1,9})")


class Place:
    """A name in a directory that is held open, whatever becomes of the way there; a context manager."""

    def __init__(self, path: str, *, make_directories: bool = False) -> None:
        """Open the directory. Raise CannotCreate, PermissionRefused or IoFailed."""
        directory, self.name = os.path.split(path)
        self.path = path
        try:
            self.directory = open_directory(directory, make=make_directories)
        except OSError as error:
            raise failure(error, f"cannot reach {path}", path) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let the directory go."""
        os.close(self.directory)

    def status(self) -> os.stat_result | None:
        """Return what the system says of the name itself, None where there is nothing. Raise OSError."""
        try:
            return os.stat(self.name, dir_fd=self.directory, follow_symlinks=False)
        except FileNotFoundError:
            return None

    def read(self) -> bytes | None:
        """Return the content of a regular file, None where there is nothing or something else."""
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        try:
            status = self.status()
            if status is None or not stat.S_ISREG(status.st_mode):
                return None
            with open(os.open(self.name, flags, dir_fd=self.directory), "rb") as file:
                return file.read()
        except OSError as error:
            raise failure(error, f"cannot read {self.path}") from None

    def delete(self) -> None:
        """Delete the name, so that a power cut does not bring it back."""
        try:
            os.unlink(self.name, dir_fd=self.directory)
            os.fsync(self.directory)
        except OSError as error:
            raise failure(error, f"cannot delete {self.path}", self.path) from None


class Output:
    """A stream of this process to be written to as it is; a context manager."""

    def __init__(self, path: str, descriptor: int) -> None:
        self.path = path
        self.descriptor = descriptor

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give it up; what is not in its place by now leaves nothing behind."""
        os.close(self.descriptor)

    def entrust(self) -> None:
        """Let what wants the rights of now be done with them, also after the process gave them up."""

    def replace(self, content: bytes) -> None:
        """Write the whole content. Raise CannotCreate, PermissionRefused, DiskFull or IoFailed."""
        self.replace_with([content])

    def replace_with(self, contents: Iterable[bytes]) -> None:
        """Write all that comes, in its place only once that is whole. Raise as `replace`."""
        try:
            for content in contents:
                terminal.write_all(self.descriptor, content)
            self._put_in_place()
        except BrokenPipeError:
            pass  # whoever reads has seen enough
        except OSError as error:
            raise failure(error, f"cannot write {self.path}", self.path) from None

    def begin(self) -> BinaryIO:
        """Return a file to be written piece by piece, in its place from now on. Raise as `replace`."""
        try:
            self._put_in_place()
        except OSError as error:
            raise failure(error, f"cannot create {self.path}", self.path) from None
        return open(self.descriptor, "wb", closefd=False)

    def _put_in_place(self) -> None:
        pass


class _Replacement(Output):
    """A new file that takes the place of a name in one step; a run that is killed leaves none behind.

    Where the file system has no files without a name, a dot lets cron and collectors pass over it.
    """

    def __init__(self, place: Place, mode: int) -> None:
        self._place = place
        self._mode = mode
        self._draft = f".bangui-{os.urandom(8).hex()}.tmp"
        self._is_in_place = False
        self._deputy: Deputy | None = None
        self._is_named = not os.path.isdir(_DESCRIPTORS)
        self._require_replaceable()
        super().__init__(place.path, self._open())
        os.fchmod(self.descriptor, mode)

    def _open(self) -> int:
        directory, flags = self._place.directory, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC
        if not self._is_named:
            try:
                return os.open(".", flags | os.O_TMPFILE, PRIVATE, dir_fd=directory)
            except OSError:
                pass  # not here, or not at all: that of a file with a name says why
        self._is_named = True
        return os.open(self._draft, flags | os.O_CREAT | os.O_EXCL, PRIVATE, dir_fd=directory)

    def entrust(self) -> None:
        self._deputy = Deputy(self._rename, self._discard)

    def close(self) -> None:
        super().close()
        if self._deputy:
            self._deputy.dismiss()
        elif not self._is_in_place:
            self._discard()
        self._place.close()

    def _put_in_place(self) -> None:
        os.fsync(self.descriptor)
        if self._deputy:
            self._deputy.act()
        else:
            self._rename()
        self._is_in_place = True

    def _rename(self) -> None:
        self._require_replaceable()
        directory = self._place.directory
        if not self._is_named:
            os.link(f"{_DESCRIPTORS}/{self.descriptor}", self._draft, dst_dir_fd=directory)
        try:
            os.replace(self._draft, self._place.name, src_dir_fd=directory, dst_dir_fd=directory)
        except OSError:
            self._discard()
            raise
        os.fsync(directory)

    def _discard(self) -> None:
        try:
            os.unlink(self._draft, dir_fd=self._place.directory)
        except OSError:
            pass  # whoever may write the directory was faster

    def _require_replaceable(self) -> None:
        """Raise CannotCreate or PermissionRefused for what may not lose its name."""
        status = self._place.status()
        if status is None or stat.S_ISLNK(status.st_mode):
            return
        if not stat.S_ISREG(status.st_mode):
            kind = "a directory" if stat.S_ISDIR(status.st_mode) else "no regular file"
            raise CannotCreate(
                f"cannot write {self._place.path}: it is {kind}", hint="name another file"
            )
        is_own = status.st_uid == os.geteuid() and status.st_nlink == 1
        if self._mode == PRIVATE and not is_own:
            fault = "has a second name" if status.st_uid == os.geteuid() else "is another user's"
            raise PermissionRefused(
                f"cannot write {self._place.path}: the file that is there {fault}",
                hint="name another file, or move that one away",
            )


def open_output(path: str, mode: int = PUBLIC, *, make_directories: bool = False) -> Output:
    """Open what a path names to be written: a new file of a mode, whatever the umask, or a stream.

    Of a PRIVATE one, what is there before must be the caller's own. /dev/stdout and its like are what
    the process was given. Raise CannotCreate, PermissionRefused, DiskFull or IoFailed.
    """
    try:
        stream = _stream_of(path)
        if stream is not None:
            return Output(path, os.dup(stream))
        place = Place(path, make_directories=make_directories)
        try:
            return _Replacement(place, mode)
        except BaseException:
            place.close()
            raise
    except OSError as error:
        raise failure(error, f"cannot write {path}", path) from None


def is_over(path: str, other: str) -> bool:
    """Tell whether an output would take the place of a file, also of one that is yet to be made.

    It is told by what both lead to, and by the name in its directory. A terminal may be both.
    """
    one, two = _status(path), _status(other)
    if one and two and os.path.samestat(one, two):
        return not stat.S_ISCHR(one.st_mode)
    (directory, name), (other_directory, other_name) = os.path.split(path), os.path.split(other)
    one, two = _status(directory or "."), _status(other_directory or ".")
    return name == other_name and bool(one and two and os.path.samestat(one, two))


def _status(path: str) -> os.stat_result | None:
    try:
        stream = _stream_of(path)
        return os.stat(path if stream is None else stream)
    except (OSError, ValueError):
        return None


def failure(error: OSError, what: str, written_path: str | None = None) -> BanguiError:
    """Name the state behind an error with a file; where it was to be written, say what is in the way."""
    barrier = obstacles.find(written_path) if written_path and obstacles.is_refusal(error) else None
    hint = obstacles.hint(*barrier) if barrier else None
    return errors.of_os_error(error, what, otherwise=CannotCreate, hint=hint)


def _stream_of(path: str) -> int | None:
    """Return the descriptor that a path means, None where it means a file."""
    stream = _STREAM.fullmatch(os.path.normpath(path))
    if stream is None:
        return None
    return _STREAMS.index(stream["name"]) if stream["name"] else int(stream["number"])
