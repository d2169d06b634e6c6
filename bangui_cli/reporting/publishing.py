"""Make of the memory of bans what others show: a page, or metrics. Everything here wants a snapshot."""

from bangui_cli.reporting import metrics
from bangui_cli.reporting.metrics import BanCounts
from bangui_cli.reporting.page.gathering import TITLE, Asked, gather, span_s
from bangui_cli.reporting.selection import Selection
from bangui_cli.store import Store

__all__ = ["TITLE", "Asked", "metrics_text", "page_text"]


def page_text(store: Store, asked: Asked) -> str:
    """Return the page."""
    from bangui_cli.reporting.page.rendering import render  # Jinja2 costs 30 ms

    return render(gather(store.bans, asked))


def metrics_text(store: Store, selection: Selection, now_s: float, top: int | None) -> str:
    """Return the document of metrics, without its last newline."""
    bans, which = store.bans, selection.as_filter(now_s)
    origins = bans.count_by_origin(which)
    since_s, until_s = span_s(bans, selection, now_s)
    counts = BanCounts(
        countries=((one.country_code, one.country_name, one.bans) for one in origins),
        networks=((one.asn, one.org, one.bans) for one in origins),
        jails=bans.count_by("jail", which),
        instances=bans.count_by("instance", which),
        addresses=sum(one.addresses for one in origins),
        span_s=round(until_s - since_s),
    )
    return metrics.render(counts, top or metrics.TOP_NETWORKS)
