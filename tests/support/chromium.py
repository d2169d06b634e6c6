"""Chromium without a window, driven through a pair of pipes: to measure a page, and to look at it."""

import base64
import json
import os
import select
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

PROGRAM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
needs_chromium = pytest.mark.skipif(PROGRAM is None, reason="needs chromium")
_FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run",
    "--disable-background-networking", "--remote-debugging-pipe",
)  # fmt: skip
_PATIENCE_S = 60


class Looks(NamedTuple):
    """How a page is looked at: the width of the window, and what its style sheet may ask for."""

    width: int
    scheme: str = "light"
    media: str = "screen"


class Chromium:
    """One window. What the page says on the console and what it asks the network for is kept."""

    def __init__(self, commands: int, answers: int) -> None:
        self._commands, self._answers = commands, answers
        self._buffer, self._last_id, self._session = b"", 0, {}
        self.console: list[str] = []
        self.requests: list[str] = []
        self._loaded = False
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        attached = self.ask("Target.attachToTarget", targetId=target, flatten=True)
        self._session = {"sessionId": attached["sessionId"]}
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.ask(f"{domain}.enable")

    def ask(self, method: str, **params: Any) -> dict[str, Any]:
        """Send a command and wait for its answer."""
        self._last_id += 1
        message = {"id": self._last_id, "method": method, "params": params, **self._session}
        os.write(self._commands, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._receive()
            if answer.get("id") == self._last_id:
                assert "error" not in answer, answer["error"]
                return answer["result"]

    def open(self, page: Path | str, looks: Looks) -> None:
        """Show a file, or an address, and wait until it has loaded."""
        self.ask(
            "Emulation.setDeviceMetricsOverride",
            width=looks.width, height=900, deviceScaleFactor=1, mobile=False,
        )  # fmt: skip
        self.ask(
            "Emulation.setEmulatedMedia", media=looks.media,
            features=[{"name": "prefers-color-scheme", "value": looks.scheme}],
        )  # fmt: skip
        self.console, self.requests, self._loaded = [], [], False
        self.ask("Page.navigate", url=page if isinstance(page, str) else page.as_uri())
        while not self._loaded:
            self._receive()

    def evaluate(self, expression: str) -> Any:
        """Return the value of a JavaScript expression."""
        answer = self.ask("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def picture(self, *, height: int | None = None, scale: float = 1) -> bytes:
        """Return the page, or its upper part, as a PNG."""
        width, whole = self.evaluate("[innerWidth, document.documentElement.scrollHeight]")
        clip = {"x": 0, "y": 0, "width": width, "height": height or whole, "scale": scale}
        shot = self.ask("Page.captureScreenshot", clip=clip, captureBeyondViewport=True)
        return base64.b64decode(shot["data"])

    def paper(self) -> bytes:
        """Return the page printed, as a PDF, without backgrounds."""
        self.ask("Emulation.setEmulatedMedia", media="")
        return base64.b64decode(self.ask("Page.printToPDF", paperWidth=8.27, paperHeight=11.7)["data"])

    def _receive(self) -> dict[str, Any]:
        deadline_s = time.monotonic() + _PATIENCE_S
        while b"\0" not in self._buffer:
            ready = select.select([self._answers], [], [], max(0, deadline_s - time.monotonic()))[0]
            assert ready, "chromium does not answer"
            received = os.read(self._answers, 1 << 20)
            assert received, "chromium has ended"
            self._buffer += received
        line, _, self._buffer = self._buffer.partition(b"\0")
        message = json.loads(line)
        self._note(message.get("method"), message.get("params", {}))
        return message

    def _note(self, method: str | None, params: dict[str, Any]) -> None:
        if method == "Page.loadEventFired":
            self._loaded = True
        elif method == "Log.entryAdded":
            self.console.append(params["entry"]["text"])
        elif method in ("Runtime.consoleAPICalled", "Runtime.exceptionThrown"):
            self.console.append(json.dumps(params))
        elif method == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])


@contextmanager
def window() -> Iterator[Chromium]:
    """Start a Chromium with an empty profile; end it, and all its processes, with the block."""
    assert PROGRAM
    (theirs_in, commands), (answers, theirs_out) = os.pipe(), os.pipe()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        # It reads from descriptor 3 and writes to 4, whatever numbers these pipes have here.
        shuffle = f'exec 3<&{theirs_in} 4>&{theirs_out}; exec "$@"'
        program = subprocess.Popen(
            ["bash", "-c", shuffle, "-", PROGRAM, *_FLAGS, f"--user-data-dir={profile}"],
            pass_fds=(theirs_in, theirs_out),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        os.close(theirs_in)
        os.close(theirs_out)
        try:
            yield Chromium(commands, answers)
        finally:
            os.killpg(program.pid, signal.SIGKILL)
            program.wait()
            os.close(commands)
            os.close(answers)
