"""Become another user for good: what is a user's, root touches as that user."""

import errno
import os
from collections.abc import Callable

from bangui_cli.host import modules
from bangui_cli.host.trust import ROOT_ID
from bangui_cli.states.errors import PermissionRefused

_NO_ANSWER = 255
_NOBODY_ID = 65534


def take(user_id: int, group_id: int) -> None:
    """Take a user's ID, group and groups; `group_id` is for one whom the system does not know.

    What is open stays open, modules are found as before, all threads change. Raise PermissionRefused.
    """
    group_id, groups = _groups_of(user_id, group_id)
    closed = modules.closed_to(user_id, [group_id, *groups])
    if closed:
        raise PermissionRefused(
            f"user {user_id}, as whom this is to be done, may not read all of {closed}",
            hint="bangui is imported from there: chmod -R a+rX FILE",
            path=closed,
        )
    try:
        with modules.held_open():
            os.setgroups(groups)
            os.setresgid(group_id, group_id, group_id)
            os.setresuid(user_id, user_id, user_id)
    except OSError as error:
        raise _refused(user_id, str(error.strerror)) from None
    if _can_return():
        raise _refused(user_id, "root could come back")


def shed(user_id: int, group_id: int) -> None:
    """Take a user's ID and group for good, and no more: for who imports nothing after. Raise OSError."""
    os.setgroups([])
    os.setresgid(group_id, group_id, group_id)
    os.setresuid(user_id, user_id, user_id)
    if _can_return():
        raise PermissionError(errno.EPERM, "root could come back")


def ask_as(user_id: int, group_id: int, question: Callable[[], int]) -> int | None:
    """Return a user's answer, from 0 to 254, to a question; None where he cannot be asked."""
    child = os.fork()
    if child == 0:
        answer = _NO_ANSWER
        try:
            take(user_id, group_id)
            answer = question()
        finally:
            os._exit(answer)
    _, status = os.waitpid(child, 0)
    answer = os.waitstatus_to_exitcode(status)
    return answer if 0 <= answer < _NO_ANSWER else None


def group_of(user_id: int) -> int:
    """Return the group of a user; of one whom the system does not know, the one that owns nothing."""
    import pwd

    try:
        return pwd.getpwuid(user_id).pw_gid
    except KeyError:  # a container's bare user ID
        return _NOBODY_ID


def _groups_of(user_id: int, group_id: int) -> tuple[int, list[int]]:
    import pwd

    try:
        user = pwd.getpwuid(user_id)
    except KeyError:  # a container's bare user ID
        return group_id, []
    return user.pw_gid, os.getgrouplist(user.pw_name, user.pw_gid)


def _can_return() -> bool:
    """Tell whether the change is not for good, as where capabilities outlive it."""
    try:
        os.setresuid(ROOT_ID, ROOT_ID, ROOT_ID)
    except PermissionError:
        return False
    return True


def _refused(user_id: int, reason: str) -> PermissionRefused:
    return PermissionRefused(
        f"cannot become user {user_id}: {reason}",
        hint="run as that user, or with the capabilities CAP_SETUID and CAP_SETGID",
    )
