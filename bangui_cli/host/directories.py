"""Open a directory to work in: nobody who swaps a name on the way to it leads that work astray."""

import errno
import os
import stat

from bangui_cli.host import trust
from bangui_cli.states.errors import Untrusted

_MOST_LINKS = 40
_ITSELF = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
# With it, what is to be mounted there on demand is mounted.
_DIRECTORY = _ITSELF | os.O_DIRECTORY


def open_directory(path: str, *, make: bool = False) -> int:
    """Open a directory name by name; return its descriptor.

    A symbolic link on the way is followed, but by root only one that nobody else could have put there.
    `make` makes what is missing, 0755 whatever the umask. Raise OSError or Untrusted.
    """
    way = _Way(path, make)
    try:
        while way.names:
            way.step(way.names.pop())
        return os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=way.here)
    finally:
        os.close(way.here)


class _Way:
    """How far the walk has come: the descriptor of a directory, and the names that are left."""

    def __init__(self, path: str, make: bool) -> None:
        self._path = path
        self._make = make
        self._links = 0
        self.place = "/" if path.startswith("/") else ""
        self.names: list[str] = []
        self.here = os.open(self.place or ".", _ITSELF)
        self._lead_on(path)

    def step(self, name: str) -> None:
        """Go on to the next name, or to where it leads."""
        below = self._open(name)
        try:
            status = os.fstat(below)
            if stat.S_ISLNK(status.st_mode):
                self._follow(name, below, status)
            else:
                below, self.here = self.here, below
                self.place = os.path.join(self.place, name)
        finally:
            os.close(below)

    def _open(self, name: str) -> int:
        try:
            return os.open(name, _DIRECTORY, dir_fd=self.here)
        except NotADirectoryError:
            return os.open(name, _ITSELF, dir_fd=self.here)
        except FileNotFoundError:
            if not self._make:
                raise
        self._make_directory(name)
        return os.open(name, _DIRECTORY, dir_fd=self.here)

    def _make_directory(self, name: str) -> None:
        umask = os.umask(0o022)
        try:
            os.mkdir(name, dir_fd=self.here)
        except FileExistsError:
            pass  # another process was faster
        finally:
            os.umask(umask)

    def _follow(self, name: str, link: int, status: os.stat_result) -> None:
        self._links += 1
        if self._links > _MOST_LINKS:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
        if os.geteuid() == trust.ROOT_ID and trust.judge(self.place, os.fstat(self.here), below=status):
            raise Untrusted(
                f"{os.path.join(self.place, name)} is a symbolic link that others could turn, "
                f"on the way to {self._path}",
                hint="give the path that it leads to",
            )
        target = os.readlink("", dir_fd=link)
        if target.startswith("/"):
            os.close(self.here)
            self.place, self.here = "/", os.open("/", _ITSELF)
        self._lead_on(target)

    def _lead_on(self, path: str) -> None:
        self.names += [name for name in reversed(path.split("/")) if name]
