"""How much memory it takes to hand a history over and back."""

import json

from peaks import peak_mib

BANS = 100_000


def test_a_history_comes_back_in_little_memory(bangui):
    """A million took 41 MiB, where 40 are promised: what waits to be sorted is bounded."""
    bans = (
        {"instance": "web1", "jail": "sshd", "ip": f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}", "bantime_s": 600,
         "banned_at": f"2026-01-01T00:{n % 3600 // 60:02}:{n % 60:02}.000Z", "bancount": 1, "failures": 5}
        for n in range(BANS)
    )  # fmt: skip
    source = bangui.home / "history.jsonl"
    source.write_text("".join(f"{json.dumps(ban)}\n" for ban in bans))

    code, peak = peak_mib(bangui, "import", "--history", source)

    assert code == 0
    assert peak <= 40
