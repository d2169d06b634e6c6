"""When in the day a daily job runs: a fleet is not to start all at once."""

import hashlib

_DAY_MINUTES = 24 * 60


def time_of_day(instance: str, job_id: str) -> tuple[int, int]:
    """Return hour and minute of a daily job: always the same for one instance, spread over many."""
    digest = hashlib.sha256(f"{instance}\0{job_id}".encode("utf-8", "surrogateescape")).digest()
    return divmod(int.from_bytes(digest[:8]) % _DAY_MINUTES, 60)
