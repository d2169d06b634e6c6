"""Processes of bangui without the start of an interpreter, which is most of what a command costs.

A template reads the modules of bangui once and forks for each command. Each fork is a process of its own,
with its own streams, environment, directory, signals and timeout; only the modules are there already.
"""

import importlib
import os
import pickle
import pkgutil
import select
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

# What each command reads anew; of anything else an interpreter may make something at its start.
_READ_LATE = ("BANGUI_", "PG", "HOME", "PATH", "TERM", "COLUMNS", "NO_COLOR")
_OPTIONS = {"stdin", "stdout", "stderr", "cwd", "encoding", "errors"}
_COERCED = "LC_CTYPE"  # by the interpreter, where no locale is set (PEP 538)


class Template:
    """The process that forks."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self.orders, theirs = socket.socketpair(type=socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, __file__, str(theirs.fileno())],
                pass_fds=[theirs.fileno()], env=environment,
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            )  # fmt: skip

    def close(self) -> None:
        self.orders.close()
        self._process.wait(60)

    def suits(self, environment: Mapping[str, str], options: Mapping[str, object]) -> bool:
        """Tell whether a fork is what an interpreter of its own would be."""
        differs = dict(environment.items() ^ self._environment.items())
        return options.keys() <= _OPTIONS and all(name.startswith(_READ_LATE) for name in differs)


@contextmanager
def open_template() -> Iterator[Template | None]:
    """Run a template; give none where the kernel cannot tell of the end of a process."""
    try:
        os.close(os.pidfd_open(os.getpid()))
    except (AttributeError, OSError):
        yield None
        return
    template = Template({name: os.environ.get(name, "") for name in ("PATH", "PYTHONPATH")})
    try:
        yield template
    finally:
        template.close()


class Fork(subprocess.Popen[str]):
    """A process that a template forks, to be handled as any other of this process."""

    def __init__(self, template: Template, arguments: list[str], **options: Any) -> None:
        self._orders = template.orders
        super().__init__(arguments, text=True, **options)

    def _execute_child(self, arguments, *others) -> None:
        directory, environment, pipes = others[4], others[5], others[9:15]
        streams = (fd if fd >= 0 else own for own, fd in enumerate((pipes[0], pipes[3], pipes[5])))
        place = os.path.join(os.getcwd(), directory or "")
        self._line, theirs = socket.socketpair()
        with theirs:
            socket.send_fds(self._orders, [b"."], [theirs.fileno(), *streams])
        self._line.sendall(pickle.dumps((arguments, environment, place)))
        self._line.shutdown(socket.SHUT_WR)
        self.pid = self._hear()
        self._child_created = True
        self._close_pipe_fds(*pipes)

    def _hear(self) -> int:
        told = self._line.recv(4, socket.MSG_WAITALL)
        if not told:
            raise RuntimeError("the template has gone")
        return int.from_bytes(told)

    def _internal_poll(self, _deadstate: int | None = None, **_: object) -> int | None:
        if self.returncode is None and self._line.fileno() < 0:  # it was left alone
            self.returncode = _deadstate
        return self._end(0)

    def _wait(self, timeout: float | None) -> int:
        code = self._end(timeout)
        if code is None:
            raise subprocess.TimeoutExpired(self.args, timeout or 0)
        return code

    def _end(self, within_s: float | None) -> int | None:
        if self.returncode is None and _is_readable(self._line, within_s):
            self.returncode = os.waitstatus_to_exitcode(self._hear())
            self._line.close()
        return self.returncode


def _is_readable(line: socket.socket, within_s: float | None) -> bool:
    poll = select.poll()
    poll.register(line, select.POLLIN)
    return bool(poll.poll(None if within_s is None else max(within_s, 0) * 1000))


def _serve(orders: socket.socket) -> None:
    """Fork for each order, and tell of each end; in the forks, return what there is to be done."""
    poll, running = select.poll(), dict[int, tuple[int, socket.socket]]()
    poll.register(orders, select.POLLIN)
    while True:
        for ready, _ in poll.poll():
            if ready in running:
                pid, line = running.pop(ready)
                poll.unregister(ready)
                os.close(ready)
                _tell(line, os.waitpid(pid, 0)[1])
                line.close()
                continue
            _, received, _, _ = socket.recv_fds(orders, 1, 4)
            if not received:
                return
            line, streams = socket.socket(fileno=received[0]), received[1:]
            pid = os.fork()
            if not pid:
                _become(line, streams)
            for stream in streams:
                os.close(stream)
            _tell(line, pid)
            handle = os.pidfd_open(pid)
            running[handle] = pid, line
            poll.register(handle, select.POLLIN)


def _tell(line: socket.socket, number: int) -> None:
    try:
        line.sendall(number.to_bytes(4))
    except OSError:
        pass  # nobody waits for it


def _become(line: socket.socket, streams: list[int]) -> None:
    """Run the command that is asked for, in a process that is like one of its own."""
    try:
        for own, stream in enumerate(streams):
            os.dup2(stream, own)
        with line.makefile("rb") as file:
            arguments, environment, place = pickle.load(file)
        os.closerange(3, 1 << 16)
        os.chdir(place)
        for name in os.environ.keys() - environment.keys() - {_COERCED}:
            del os.environ[name]
        os.environ.update(environment)
        sys.argv[1:], sys.path[0] = arguments, os.getcwd()
        _open_streams()
        main.run()
    finally:
        os._exit(1)


def _open_streams() -> None:
    """Open the streams of Python as it does at its start."""
    for number, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        before, buffering = getattr(sys, name), 1 if name == "stderr" else -1
        stream = open(number, mode, buffering, before.encoding, before.errors, "\n", closefd=False)  # noqa: SIM115
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)


if __name__ == "__main__":
    sys.path[0] = os.getcwd()
    import bangui_cli
    from bangui_cli.cli import main

    for module in pkgutil.walk_packages(bangui_cli.__path__, "bangui_cli."):
        if not module.name.endswith("__main__"):
            with suppress(ModuleNotFoundError):  # a driver may be missing
                importlib.import_module(module.name)
    orders = socket.socket(fileno=int(sys.argv[1]))
    sys.argv = [os.path.join(bangui_cli.__path__[0], "__main__.py")]
    _serve(orders)
