"""What is said of an end that nothing else can tell of."""

import os

from bangui_cli.host import descriptors, terminal
from bangui_cli.states import errors, events, exit_codes
from bangui_cli.telling import bare

_OUT_OF_MEMORY = (
    b'{"error": "out of memory", "exit_code": %d, "hint": "free memory"}\n' % exit_codes.UNAVAILABLE
)


def say(error: BaseException) -> int:
    """Log a failure whose report failed itself, for want of memory or descriptors: import nothing."""
    try:
        state = errors.named(descriptors.shortage() or error)
        words = {
            "error": getattr(state, "error", type(error).__name__),
            "exit_code": getattr(state, "exit_code", exit_codes.UNEXPECTED),
            "hint": getattr(state, "hint", "look at ulimit -a"),
        }
        log_format = "terminal" if terminal.stderr_is_terminal() else "json"
        exit_code, line = (
            int(words["exit_code"]),
            bare.render(log_format, events.COMMAND_FAILED, {}, words),
        )
    except MemoryError:
        exit_code, line = exit_codes.UNAVAILABLE, _OUT_OF_MEMORY
    try:
        os.write(2, line)
    except OSError:
        pass
    return exit_code
