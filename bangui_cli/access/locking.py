"""Read, take, renew and hand over the scheduler lock in a store; `lease` judges it."""

import os
import uuid
from typing import Any

from bangui_cli.rules import lease
from bangui_cli.rules.lease import Judgement, LockRow
from bangui_cli.settings.table import BY_KEY
from bangui_cli.states import events
from bangui_cli.states.errors import LockHeld
from bangui_cli.states.records import Record
from bangui_cli.store import Decision, Situation, Store
from bangui_cli.telling.log import Log


class Holding(Record):
    """The lock as one instance found it, and as it stands after the pass judged it."""

    judgement: Judgement
    before: LockRow | None
    after: LockRow

    @property
    def lease_id(self) -> str:
        """Return the lease that a pass writes under."""
        return str(self.after.lease_id)

    @property
    def token(self) -> int:
        """Return the fencing token of that lease."""
        return self.after.known_token


def inspect(store: Store, instance: str) -> tuple[LockRow | None, Judgement]:
    """Judge the lock without touching it. Wants a snapshot."""
    situation = store.situation()
    return situation.lock, lease.judge(situation.lock, situation.now, instance)


def hold(situation: Situation, instance: str, ttl_s: float) -> Holding:
    """Tell how an instance comes by the lock in a situation. Raise LockHeld."""
    row = situation.lock
    judgement = lease.judge(row, situation.now, instance)
    if judgement.outcome == lease.HELD:
        raise held_error(row, judgement, instance)
    return Holding(judgement, row, _next_row(situation, judgement, instance, ttl_s))


def _next_row(situation: Situation, judgement: Judgement, instance: str, ttl_s: float) -> LockRow:
    row, now = situation.lock, situation.now
    if row is not None and judgement.outcome == lease.REFRESHED:
        lease_id, token, created_at = row.lease_id, row.token, row.created_at
    else:
        known = max(row.known_token if row else 0, situation.highest_token)
        lease_id, token, created_at = str(uuid.uuid4()), known + 1, now.wall_s
    return LockRow(
        pid=os.getpid(),
        hostname=os.uname().nodename,
        created_at=created_at,
        heartbeat_at=now.wall_s,
        heartbeat_timeout=ttl_s,
        owner=instance,
        lease_id=lease_id,
        token=token,
        boot_id=now.boot_id,
        heartbeat_boottime=now.boottime_s,
        heartbeat_written=now.wall_s,
    )


def held_error(row: LockRow | None, judgement: Judgement, instance: str) -> LockHeld:
    """Return the error that tells `instance` who holds the lock, since when and for how long."""
    view = describe(row, judgement)
    age_s, expires_in_s = judgement.age_s or 0.0, judgement.expires_in_s or 0.0
    return LockHeld(
        f"the lock is held by {_owner(view)}, {_process(view)}: "
        f"last heartbeat {age_s:.0f} s ago, expires in {expires_in_s:.0f} s",
        hint=_naming_hint(row, instance),
        **{key: view[key] for key in ("owner", "hostname", "pid", "lease_id", "token")},
        **{key: view[key] for key in ("age_s", "ttl_s", "expires_in_s")},
    )


def _naming_hint(row: LockRow | None, instance: str) -> str | None:
    """Say what to do about a name that no later run will have, the holder's or this instance's."""
    name = _holders_random_name(row) or _own_random_name(instance)
    if name is None:
        return None
    option, variable = "--instance NAME", BY_KEY["instance"].variable
    return (
        f"{name} is the random host name of a container, and the next one has another: "
        f"give its runs a name that lasts, with {option} or {variable}; see bangui lock show"
    )


def _holders_random_name(row: LockRow | None) -> str | None:
    if row is None or row.is_foreign or row.owner != row.hostname:
        return None
    return row.owner if isinstance(row.owner, str) and _is_random(row.owner) else None


def _own_random_name(instance: str) -> str | None:
    if instance != os.uname().nodename or not _is_random(instance):
        return None
    from bangui_cli.host import container

    return instance if container.is_inside() else None


def _is_random(name: str) -> bool:
    from bangui_cli.rules.instance_names import is_random  # of names that somebody gave nobody asks

    return is_random(name)


def holder(view: dict[str, Any]) -> str:
    """Name who has the lock, given what `describe` said of it."""
    if view["verdict"] == lease.FREE:
        return "nobody"
    if view["owner"] or view["hostname"] is None:
        return _owner(view)
    return f"{_owner(view)} on {view['hostname']}"


def _owner(view: dict[str, Any]) -> str:
    return view["owner"] or "another program (BanGUI)"


def _process(view: dict[str, Any]) -> str:
    """Name the process that wrote the row, as far as it says."""
    pid = "a process" if view["pid"] is None else f"pid {view['pid']}"
    return pid if view["hostname"] is None else f"{pid} on {view['hostname']}"


def describe(row: LockRow | None, judgement: Judgement) -> dict[str, Any]:
    """Return the lock as `lock show` and `status` print it."""
    # What a release leaves behind are marks, no heartbeat of 1970, and tells of nobody who holds it.
    held = row if judgement.verdict != lease.FREE else None
    # What another program left in this tool's columns says nothing about the holder.
    ours = held if held and not held.is_foreign else None
    return {
        "verdict": judgement.verdict,
        "owner": ours.owner if ours else None,
        "hostname": held.hostname if held else None,
        "pid": held.pid if held else None,
        "lease_id": ours.lease_id if ours else None,
        "token": row.token if row else None,
        "age_s": _rounded(judgement.age_s),
        "ttl_s": _rounded(judgement.ttl_s),
        "expires_in_s": _rounded(judgement.expires_in_s),
        "created_at": held.created_at if held else None,
        "heartbeat_at": held.heartbeat_at if held else None,
    }


def outline(view: dict[str, Any]) -> dict[str, Any]:
    """Return what of that a person wants to see: a free lock has no holder."""
    return {"verdict": view["verdict"]} if view["verdict"] == lease.FREE else view


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)


def log_outcome(log: Log, holding: Holding) -> None:
    """Log how the lock was come by. Call it after the commit."""
    judgement, before = holding.judgement, holding.before
    new = {"lease_id": holding.after.lease_id, "token": holding.after.token}
    if judgement.malformed and before:
        log.emit(events.LOCK_MALFORMED, reason=judgement.malformed, old_row=before._asdict())
    if judgement.outcome == lease.CREATED:
        log.emit(events.LOCK_CREATED, owner=holding.after.owner, **new)
    if judgement.outcome == lease.REACQUIRED:
        late_s = (judgement.age_s or 0.0) - (judgement.ttl_s or 0.0)
        late = None if judgement.age_s is None else _rounded(late_s)
        log.emit(events.LOCK_REACQUIRED, late_s=late, **_previous(before, judgement), **new)
    if judgement.outcome == lease.TAKEN_OVER:
        hint = _naming_hint(before, str(holding.after.owner))
        about_names = {"hint": hint} if hint else {}
        log.emit(events.LOCK_TAKEN_OVER, **_previous(before, judgement), **new, **about_names)


def _previous(before: LockRow | None, judgement: Judgement) -> dict[str, Any]:
    view = describe(before, judgement)
    return {
        "previous_owner": view["owner"],
        "previous_hostname": view["hostname"],
        "previous_pid": view["pid"],
        "previous_lease_id": view["lease_id"],
        "age_s": view["age_s"],
        "ttl_s": view["ttl_s"],
    }


def release(store: Store, instance: str, *, lease_id: str | None, force: bool) -> dict[str, Any] | None:
    """Mark the lock free; return what `describe` said of it before, None where it was free already.

    Allowed for one's own lock, for the lease that `lease_id` names, or by force. Raise LockHeld where
    it is another's, or no longer the lease that was named.
    """

    def judge(situation: Situation) -> tuple[Decision | None, dict[str, Any] | None]:
        row, judgement = situation.lock, lease.judge(situation.lock, situation.now, instance)
        view = describe(row, judgement)
        _require_release(row, view, instance, lease_id=lease_id, force=force)
        if row is None or judgement.verdict == lease.FREE:
            return None, None
        return Decision(lease.freed(row)), view

    return store.decide(judge)


def _require_release(
    row: LockRow | None, view: dict[str, Any], instance: str, *, lease_id: str | None, force: bool
) -> None:
    ours = row if row and not row.is_foreign else None
    if force:
        return
    if lease_id and (ours is None or ours.lease_id != lease_id):
        raise LockHeld(
            f"the lease {lease_id} is not the current one",
            hint="it has changed hands since; look again with bangui lock show",
            **view,
        )
    is_taken = row is not None and view["verdict"] != lease.FREE
    if is_taken and not lease_id and (ours is None or ours.owner != instance):
        raise LockHeld(
            f"the lock belongs to {holder(view)}",
            hint="name its lease (bangui lock show) with --lease, or use --force",
            **view,
        )
