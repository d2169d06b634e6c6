"""Wait for the turn of this instance at a server, which a fleet would ask all at once."""

from collections.abc import Callable

from bangui_cli.host import clocks
from bangui_cli.rules import server_urls
from bangui_cli.rules.durations import approximate
from bangui_cli.settings.invocation import Invocation
from bangui_cli.settings.table import Settings

# As long as cron's grain: of what has no timeout of its own.
_UNTIMED_S = 60.0

Sleep = Callable[[float], None]


def wait(invocation: Invocation, job: str) -> None:
    """Wait where that was asked for, before a command without a timeout. Raise ConfigInvalid."""
    if invocation.takes_turns:
        wait_within(invocation, invocation.settings, job, _UNTIMED_S, _UNTIMED_S, clocks.sleep_s)


def wait_within(
    invocation: Invocation,
    settings: Settings,
    job: str,
    timeout_s: float,
    interval_s: float,
    sleep: Sleep,
) -> float:
    """Wait a part of timeout and interval, not at all for a file; return how long."""
    if not server_urls.is_server_url(settings.database_path):
        return 0.0
    from bangui_cli.rules import spreading  # by hand, and on a file, nobody waits

    turn_s = spreading.turn_s(settings.instance, job, timeout_s, interval_s)
    invocation.announce(f"waiting {approximate(turn_s)} for the turn of {settings.instance}")
    sleep(turn_s)
    return turn_s
