"""When an instance has its turn: a fleet is not to start all at once."""

import hashlib

_DAY_MINUTES = 24 * 60
_DIGEST_BYTES = 8
_DIGESTS = 2.0**64


def time_of_day(instance: str, job_id: str) -> tuple[int, int]:
    """Return hour and minute of a daily job: always the same for one instance, spread over many."""
    return divmod(_digest(instance, job_id) % _DAY_MINUTES, 60)


def turn_s(instance: str, job: str, timeout_s: float, interval_s: float) -> float:
    """Return how long a frequent job waits for its turn: always as long for one instance.

    Half of the timeout is left for the work, and half of the interval, so that no run meets the next.
    """
    return _digest(instance, job) / _DIGESTS * min(timeout_s, interval_s) / 2


def _digest(instance: str, job: str) -> int:
    digest = hashlib.sha256(f"{instance}\0{job}".encode("utf-8", "surrogateescape")).digest()
    return int.from_bytes(digest[:_DIGEST_BYTES])
