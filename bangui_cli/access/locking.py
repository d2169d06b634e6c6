"""Read, take, renew and hand over the scheduler lock in a store; `lease` judges it."""

import os
import uuid
from typing import Any, NamedTuple

from bangui_cli.host import clocks
from bangui_cli.rules import lease
from bangui_cli.rules.lease import Instant, Judgement, LockRow
from bangui_cli.states import events
from bangui_cli.states.errors import LockHeld
from bangui_cli.store import Store
from bangui_cli.telling.log import Log


class Holding(NamedTuple):
    """The lock as one instance found it, and as it stands after the pass judged it."""

    judgement: Judgement
    before: LockRow | None
    after: LockRow

    @property
    def lease_id(self) -> str:
        """Return the lease that a pass writes under."""
        return str(self.after.lease_id)


def inspect(store: Store, instance: str) -> tuple[LockRow | None, Judgement]:
    """Judge the lock without touching it. Wants a snapshot or a transaction."""
    row = store.read_lock()
    return row, lease.judge(row, clocks.now(), instance)


def acquire(store: Store, instance: str, ttl_s: float) -> Holding:
    """Take, refresh or take over the lock. Wants a transaction; raise LockHeld, nothing written."""
    holding = rehearse(store, instance, ttl_s)
    store.write_lock(holding.after)
    return holding


def rehearse(store: Store, instance: str, ttl_s: float) -> Holding:
    """Tell what `acquire` would find and write. Wants a snapshot or a transaction; raise LockHeld."""
    now = clocks.now()
    row = store.read_lock()
    judgement = lease.judge(row, now, instance)
    if judgement.outcome == lease.HELD:
        raise held_error(row, judgement)
    return Holding(judgement, row, _next_row(row, judgement, now, instance, ttl_s, store))


def _next_row(
    row: LockRow | None, judgement: Judgement, now: Instant, instance: str, ttl_s: float, store: Store
) -> LockRow:
    if row is not None and judgement.outcome == lease.REFRESHED:
        lease_id, token, created_at = row.lease_id, row.token, row.created_at
    else:
        known = max(row.known_token if row else 0, store.highest_token())
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


def held_error(row: LockRow | None, judgement: Judgement) -> LockHeld:
    """Return the error that tells who holds the lock, since when and for how long."""
    view = describe(row, judgement)
    age_s, expires_in_s = judgement.age_s or 0.0, judgement.expires_in_s or 0.0
    return LockHeld(
        f"the lock is held by {holder(view)}, pid {view['pid']} on {view['hostname']}: "
        f"last heartbeat {age_s:.0f} s ago, expires in {expires_in_s:.0f} s",
        **{key: view[key] for key in ("owner", "hostname", "pid", "lease_id", "token")},
        **{key: view[key] for key in ("age_s", "ttl_s", "expires_in_s")},
    )


def holder(view: dict[str, Any]) -> str:
    """Name who has the lock, given what `describe` said of it."""
    if view["verdict"] == lease.FREE:
        return "nobody"
    return view["owner"] or f"another program (BanGUI) on {view['hostname']}"


def describe(row: LockRow | None, judgement: Judgement) -> dict[str, Any]:
    """Return the lock as `lock show` and `status` print it."""
    # What another program left in this tool's columns says nothing about the holder.
    ours = row if row and not row.is_foreign else None
    return {
        "verdict": judgement.verdict,
        "owner": ours.owner if ours else None,
        "hostname": row.hostname if row else None,
        "pid": row.pid if row else None,
        "lease_id": ours.lease_id if ours else None,
        "token": row.token if row else None,
        "age_s": _rounded(judgement.age_s),
        "ttl_s": _rounded(judgement.ttl_s),
        "expires_in_s": _rounded(judgement.expires_in_s),
        "created_at": row.created_at if row else None,
        "heartbeat_at": row.heartbeat_at if row else None,
    }


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
        log.emit(events.LOCK_TAKEN_OVER, **_previous(before, judgement), **new)


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

    Allowed for one's own lock, for the lease that `lease_id` names, or by force. Wants a
    transaction; raise LockHeld where it is another's, or no longer the lease that was named.
    """
    row, judgement = inspect(store, instance)
    ours = row if row and not row.is_foreign else None
    if lease_id and not force and (ours is None or ours.lease_id != lease_id):
        raise LockHeld(
            f"the lease {lease_id} is not the current one",
            hint="it has changed hands since; look again with bangui lock show",
            **describe(row, judgement),
        )
    if row is None or judgement.verdict == lease.FREE:
        return None
    if not force and not lease_id and (ours is None or ours.owner != instance):
        raise LockHeld(
            f"the lock belongs to {holder(describe(row, judgement))}",
            hint="name its lease (bangui lock show) with --lease, or use --force",
            **describe(row, judgement),
        )
    store.free_lock()
    return describe(row, judgement)
