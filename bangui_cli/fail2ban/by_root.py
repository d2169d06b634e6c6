"""Read fail2ban's bans by a child that keeps root's rights, for a run that is to give them up."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from bangui_cli.fail2ban import by_owner
from bangui_cli.fail2ban.bans import Page, read_page
from bangui_cli.host.errand import Ended, Errand
from bangui_cli.rules import watermark
from bangui_cli.rules.watermark import Mark


@contextmanager
def reading_pages(path: str) -> Iterator[Callable[[Mark], Page]]:
    """Yield what `read_page` is with the rights of now. Raise what it raises, and OSError."""
    with Errand(lambda: _answering(path)) as errand:

        def read(mark: Mark) -> Page:
            try:
                bans, packed, is_last = errand.ask(watermark.pack(mark))
            except Ended as error:
                raise by_owner.died(path, error) from None
            return Page(list(by_owner.as_bytes(bans)), watermark.unpack(packed), is_last)

        yield read


@contextmanager
def _answering(path: str) -> Iterator[Callable[[str], tuple[object, ...]]]:
    def answer(packed: str) -> tuple[object, ...]:
        page = read_page(path, watermark.unpack(packed))
        return page.bans, watermark.pack(page.mark), page.is_last

    yield answer
