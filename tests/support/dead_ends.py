"""Ways to a server that end nowhere, without a word."""

import os
import select
import shutil
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

_SYN_SENT = "02"


@contextmanager
def open_deaf_port() -> Iterator[str]:
    """Give an address that nobody gets through to: its queue is full, and the kernel drops each SYN."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        # One is taken in, and the others wait for ever.
        callers = [stack.enter_context(socket.socket()) for _ in range(4)]
        for caller in callers:
            caller.setblocking(False)
            caller.connect_ex(listener.getsockname())
        assert select.select([], callers, [], 0.2)[1] != callers, "the queue takes everybody"
        yield f"127.0.0.1:{listener.getsockname()[1]}"


def count_calling(address: str) -> int:
    """Count who has sent a SYN to an address, and no more."""
    port = f"{int(address.rpartition(':')[2]):04X}"
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(line[2].endswith(f":{port}") and line[3] == _SYN_SENT for line in lines)


@contextmanager
def open_silent_resolver(home: Path) -> Iterator[tuple[list[str], socket.socket]]:
    """Give the beginning of a command line that runs the rest where no name is ever resolved.

    And the socket to which the questions come.
    """
    if os.geteuid() or not shutil.which("unshare"):
        pytest.skip("another resolv.conf needs root, and unshare")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as resolver:
        address = f"127.53.{os.getpid() >> 8 & 255}.{os.getpid() & 255}"
        resolver.bind((address, 53))
        configuration = home / "resolv.conf"
        configuration.write_text(f"nameserver {address}\noptions timeout:30\n")
        mount = f'mount --bind "{configuration}" /etc/resolv.conf && exec "$@"'
        yield ["unshare", "--mount", "sh", "-c", mount, "sh"], resolver
