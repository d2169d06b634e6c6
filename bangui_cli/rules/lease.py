"""Judge the scheduler lock: a pure function of the row, the clocks and the instance that asks."""

import math

from bangui_cli.states.records import Record

TTL_CEILING_S = 3600.0
FUTURE_TOLERANCE_S = 5.0
# Two clocks that are read one after the other, and one of them steered, do not agree to the second.
AGREEMENT_S = 5.0
# SQLite's integers end at 2**63; a token is never so near that the next one would not fit.
TOKEN_CEILING = 2**62

FREE, MINE, HELD, EXPIRED = "free", "mine", "held", "expired"
CREATED, REFRESHED, REACQUIRED, TAKEN_OVER = "created", "refreshed", "reacquired", "taken_over"
LOST = "lost"

Value = str | int | float | bytes | None


class Instant(Record):
    """One moment on the clocks that the lock is judged by.

    `wall_s` counts from the epoch; `boottime_s` from the boot of the host, suspend included, whatever
    time namespace this process runs in. Where the kernel does not tell, boot time and ID are None.
    """

    wall_s: float
    boottime_s: float | None
    boot_id: str | None

    @property
    def has_one_clock(self) -> bool:
        """Tell whether this is the clock of a server, which stands for both."""
        return self.wall_s == self.boottime_s


class LockRow(Record):
    """`scheduler_lock` as it stands, whoever wrote it: any column may hold anything."""

    pid: Value
    hostname: Value
    created_at: Value
    heartbeat_at: Value
    heartbeat_timeout: Value
    owner: Value
    lease_id: Value
    token: Value
    boot_id: Value
    heartbeat_boottime: Value
    heartbeat_written: Value

    @property
    def is_foreign(self) -> bool:
        """Tell whether another program (BanGUI) wrote the row last; this tool's columns are void."""
        return self.heartbeat_written is None or self.heartbeat_written != self.heartbeat_at

    @property
    def is_free(self) -> bool:
        """Tell whether the row is what a release leaves behind, or holds nothing at all."""
        is_released = not self.is_foreign and self.heartbeat_at == 0 and self.lease_id is None
        return is_released or all(value is None for value in self)

    @property
    def known_token(self) -> int:
        """Return the fencing token, 0 where the column holds none."""
        return self.token if isinstance(self.token, int) and 0 < self.token < TOKEN_CEILING else 0


def freed(row: LockRow) -> LockRow:
    """Return what a release leaves behind: long expired for BanGUI, too.

    The token stays, so that the next lease counts on.
    """
    return row._replace(
        owner=None,
        lease_id=None,
        boot_id=None,
        heartbeat_at=0,
        heartbeat_written=0,
        heartbeat_boottime=0,
    )


class Judgement(Record):
    """What a lock is worth to one instance at one instant.

    `age_s` is None where it cannot be told; `malformed` says why a row cannot be proven fresh.
    """

    verdict: str
    outcome: str
    age_s: float | None = None
    ttl_s: float | None = None
    malformed: str | None = None

    @property
    def expires_in_s(self) -> float | None:
        """Return the seconds of freshness left, never positive once expired."""
        if self.age_s is None or self.ttl_s is None:
            return None
        left_s = self.ttl_s - self.age_s
        return min(left_s, 0.0) if self.verdict == EXPIRED else left_s


class _Unprovable(Exception):
    """The row does not let anyone prove that it is fresh."""


def judge(row: LockRow | None, now: Instant, instance: str) -> Judgement:
    """Judge the lock for `instance`.

    The boot clock decides where it can, so that neither a step of the wall clock nor suspend can
    steal or freeze the lock; only rows of another program are judged by the wall clock.
    """
    if row is None or row.is_free:
        return Judgement(FREE, CREATED)
    is_mine = not row.is_foreign and row.owner == instance
    try:
        age_s, ttl_s, is_fresh = _freshness(row, now)
    except _Unprovable as reason:
        return Judgement(EXPIRED, REACQUIRED if is_mine else TAKEN_OVER, malformed=str(reason))
    if is_fresh:
        verdict, outcome = (MINE, REFRESHED) if is_mine else (HELD, HELD)
    else:
        verdict, outcome = EXPIRED, REACQUIRED if is_mine else TAKEN_OVER
    return Judgement(verdict, outcome, age_s, ttl_s)


def fresh_for_s(row: LockRow | None, now: Instant) -> float | None:
    """Return how long a row stays fresh if nobody writes it, None where it is not fresh."""
    judgement = judge(row, now, instance="")
    return judgement.expires_in_s if judgement.verdict == HELD else None


def _freshness(row: LockRow, now: Instant) -> tuple[float, float, bool]:
    heartbeat_s = _number(row.heartbeat_at, "heartbeat_at")
    ttl_s = min(_number(row.heartbeat_timeout, "heartbeat_timeout"), TTL_CEILING_S)
    if not row.is_foreign:
        _require_lease(row)
        if row.boot_id is not None and now.boot_id is not None and now.boottime_s is not None:
            return _freshness_by_boot_clock(row, now, now.boottime_s, ttl_s)
    age_s = now.wall_s - heartbeat_s
    if age_s < -ttl_s:
        return age_s, ttl_s, False
    return max(age_s, 0.0), ttl_s, age_s < ttl_s


def _freshness_by_boot_clock(
    row: LockRow, now: Instant, uptime_s: float, ttl_s: float
) -> tuple[float, float, bool]:
    if row.boot_id != now.boot_id and not _is_of_this_boot(row, now, uptime_s):
        # Whoever wrote it died with its boot; the uptime is the least age the row can have.
        return uptime_s, ttl_s, uptime_s < ttl_s
    age_s = uptime_s - _number(row.heartbeat_boottime, "heartbeat_boottime")
    if age_s < -FUTURE_TOLERANCE_S:
        raise _Unprovable("heartbeat_boottime is in the future")
    age_s = max(age_s, 0.0)
    return age_s, ttl_s, age_s < ttl_s


def _is_of_this_boot(row: LockRow, now: Instant, uptime_s: float) -> bool:
    """Tell whether a row with another boot ID is of this boot: a container may have an ID of its own.

    Then it is as old by the wall clock as by the boot clock. A row of an earlier boot agrees only where
    the wall clock said the same at the start of both, as it may without a battery: by that accident a
    takeover comes one TTL later at most, since by the boot clock, too, the row grows old. Where both
    clocks are one, as on a server, they agree about any row, which says nothing.
    """
    try:
        heartbeat_s = _number(row.heartbeat_at, "heartbeat_at")
        uptime_then_s = _number(row.heartbeat_boottime, "heartbeat_boottime")
    except _Unprovable:
        return False
    if now.has_one_clock or uptime_then_s > uptime_s + FUTURE_TOLERANCE_S:
        return False
    return abs((now.wall_s - heartbeat_s) - (uptime_s - uptime_then_s)) <= AGREEMENT_S


def _require_lease(row: LockRow) -> None:
    for name in ("owner", "lease_id"):
        value = getattr(row, name)
        if not isinstance(value, str) or not value:
            raise _Unprovable(f"{name} is not text")
    if not isinstance(row.boot_id, str | None):
        raise _Unprovable("boot_id is not text")
    if not row.known_token:
        raise _Unprovable("token is not a positive integer")


def _number(value: Value, name: str) -> float:
    if not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
        raise _Unprovable(f"{name} is not a number >= 0")
    return float(value)
