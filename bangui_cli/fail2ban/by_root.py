"""Read bans by a child that stays root, for a process that is another user once it knows its mark."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext

from bangui_cli.fail2ban import bans
from bangui_cli.fail2ban.bans import Page
from bangui_cli.fail2ban.by_owner import as_bytes
from bangui_cli.rules import watermark
from bangui_cli.rules.watermark import Mark
from bangui_cli.states.errors import Unavailable

# What the child is asked for is but a mark, and what it looks at was named before.
Read = Callable[[Mark], Page]


@contextmanager
def reading(path: str) -> Iterator[Read]:
    """Yield what reads a page as `bans.read_page` does; it raises Unavailable where the child is gone.

    Raise OSError.
    """
    from bangui_cli.host.errand import Ended, Errand

    def answer(mark: str) -> list[object]:
        page = bans.read_page(path, watermark.unpack(mark))
        return [page.bans, watermark.pack(page.mark).encode(), page.is_last]

    with Errand(lambda: nullcontext(answer)) as errand:

        def read(mark: Mark) -> Page:
            try:
                rows, behind, is_last = as_bytes(errand.ask(watermark.pack(mark)))
            except Ended as error:
                raise Unavailable(f"who reads {path} for bangui gave no answer: {error}") from None
            return Page(list(rows), watermark.unpack(behind.decode()), is_last)

        yield read
