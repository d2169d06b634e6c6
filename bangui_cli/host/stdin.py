"""Standard input, which a person or another program may fill as slowly as it likes."""

import io
import os
from typing import BinaryIO, cast

from bangui_cli.host import vitals

_STDIN = 0


class _Stdin(io.RawIOBase):
    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override] # what a BufferedReader gives
        with vitals.patience_with(_STDIN):
            return os.readv(_STDIN, [buffer])


def open_stdin() -> BinaryIO:
    """Return the bytes of standard input, which stays open."""
    return cast(BinaryIO, io.BufferedReader(_Stdin()))
