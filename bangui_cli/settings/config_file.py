"""Find and read the settings file."""

import os
import stat
from collections.abc import Mapping

from bangui_cli.states.errors import ConfigInvalid, PermissionRefused, Untrusted

CONFIG_VARIABLE = "BANGUI_CONFIG"
SYSTEM_PATH = "/etc/bangui/bangui.toml"
_SIZE_LIMIT_BYTES = 1_000_000
# No key of ours has a dot, and tomllib takes the square of as many as a key has.
_MOST_DOTS = 1000


def find(environment: Mapping[str, str]) -> str | None:
    """Return the path of the settings file: what the environment names, else the first that exists."""
    if environment.get(CONFIG_VARIABLE):
        return environment[CONFIG_VARIABLE]
    own = base_directory(environment, "XDG_CONFIG_HOME", ".config")
    for path in (f"{own}/bangui/bangui.toml" if own else "", SYSTEM_PATH):
        if path and os.path.exists(path):
            return path
    return None


def base_directory(environment: Mapping[str, str], variable: str, fallback: str) -> str | None:
    """Return the XDG base directory in `variable`, else `fallback` at home, None without a home."""
    # A relative one is to be ignored (XDG Base Directory Specification).
    directory = environment.get(variable) or ""
    if os.path.isabs(directory):
        return directory
    home = environment.get("HOME") or _home_of_this_user()
    return f"{home}/{fallback}" if os.path.isabs(home) else None


def _home_of_this_user() -> str:
    import pwd

    try:
        return pwd.getpwuid(os.geteuid()).pw_dir
    except KeyError:
        return ""  # a container's bare user ID


def doubt(path: str) -> Untrusted | None:
    """Return why root is not to obey a settings file, if so; others obey what they were given."""
    if os.geteuid() != 0:
        return None
    from bangui_cli.host import trust

    return trust.doubt(path, way_out=f"keep the settings in {SYSTEM_PATH}")


def read(path: str) -> dict[str, object]:
    """Return the keys and values of a settings file.

    Raise ConfigInvalid or PermissionRefused, Untrusted for a device to which others have led root.
    """
    import tomllib  # 1.5 ms that most runs need not pay

    try:
        return tomllib.loads(_read_text(path))
    except PermissionError:
        from bangui_cli.host import obstacles

        hint = obstacles.hint_to_read(path)
        raise PermissionRefused(f"no permission to read {path}", hint=hint) from None
    except OSError as error:
        raise ConfigInvalid(
            f"cannot read {path}: {error.strerror}", hint=f"check --config and {CONFIG_VARIABLE}"
        ) from None
    except (ValueError, RecursionError) as error:
        raise ConfigInvalid(f"{path} is not TOML: {error}", hint="correct the file") from None


def _read_text(path: str) -> str:
    from bangui_cli.host import inode

    # Not all of it: /dev/zero may not fill a job.
    with open(inode.open_seen(path, lambda status: _require_readable(path, status)), "rb") as file:
        content = file.read(_SIZE_LIMIT_BYTES + 1) or b""
    if len(content) > _SIZE_LIMIT_BYTES:
        raise ValueError(f"it has more than {_SIZE_LIMIT_BYTES} bytes")
    if any(line.count(b".") > _MOST_DOTS for line in content.split(b"\n")):
        raise ValueError(f"it has a line of more than {_MOST_DOTS} dots")
    return content.decode()


def _require_readable(path: str, status: os.stat_result) -> None:
    from bangui_cli.host import inode

    if stat.S_ISFIFO(status.st_mode):
        raise ValueError("it is a FIFO")
    inode.require_own_device(path, status)
