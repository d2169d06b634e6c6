"""Make of the memory of bans what others show: a page, or metrics.

What is asked of the store wants a snapshot. Writers wait for its end: the text is made behind it.
"""

from bangui_cli.reporting import metrics
from bangui_cli.reporting.metrics import BanCounts
from bangui_cli.reporting.page.contents import Contents
from bangui_cli.reporting.page.gathering import TITLE, Asked, gather, span_s
from bangui_cli.reporting.selection import Selection
from bangui_cli.store import Store

__all__ = ["TITLE", "Asked", "count_bans", "gather", "metrics_text", "page_text"]


def page_text(contents: Contents) -> str:
    """Return the page of what was gathered."""
    from bangui_cli.reporting.page.rendering import render  # Jinja2 costs 30 ms

    return render(contents)


def count_bans(store: Store, selection: Selection, now_s: float) -> BanCounts:
    """Return what the metrics tell. Wants a snapshot."""
    bans, which = store.bans, selection.as_filter(now_s)
    origins = bans.count_by_origin(which)
    since_s, until_s = span_s(bans, selection, now_s)
    return BanCounts(
        countries=((one.country_code, one.country_name, one.bans) for one in origins),
        networks=((one.asn, one.org, one.bans) for one in origins),
        jails=bans.count_by("jail", which),
        instances=bans.count_by("instance", which),
        addresses=sum(one.addresses for one in origins),
        span_s=round(until_s - since_s),
    )


def metrics_text(counts: BanCounts, top: int | None) -> str:
    """Return the document of metrics, without its last newline."""
    return metrics.render(counts, top or metrics.TOP_NETWORKS)
