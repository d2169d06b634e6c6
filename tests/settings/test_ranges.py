"""The ranges that the manual tells are those that the settings keep."""

import re

import pytest

from bangui_cli.settings import ranges
from bangui_cli.settings import table as settings

CENTURY_DAYS = 36525
EDGES = {
    "a time, more than 0 and at most a hundred years": (
        ["0.001", f"{CENTURY_DAYS}d"],
        ["0", f"{CENTURY_DAYS + 1}d"],
    ),
    "a time, more than 0 and at most a hundred years, or never": (
        ["0.001", f"{CENTURY_DAYS}d", "never", "Never"],
        ["0", f"{CENTURY_DAYS + 1}d", "ever"],
    ),
    "a whole number from 1 to 1000000": (["1", "1000000"], ["0", "1000001", "1.5"]),
    "a text of 1 to 128 characters, none of them a control character": (
        ["x", "x" * 128],
        ["x" * 129, "a\nb"],
    ),
    "a path of at most 4095 characters": (["/x", "/" * 4095], ["/" * 4096]),
    "a list of paths; in the variable, with colons between them": (["/a:/b"], ["/" * 4096]),
    "true or false": (["true", "false"], ["maybe"]),
}


@pytest.mark.parametrize("setting", settings.TABLE, ids=lambda setting: setting.key)
def test_every_setting_tells_what_it_takes(setting):
    """Beside its meaning, or where that lists the words."""
    told = ranges.describe(setting)
    if told is None:
        words = re.split(r"[:,] ", setting.meaning)[1:]
        assert words
        assert [setting.parse(word) for word in words] == words
    elif setting.key != "lock_ttl":
        fit, unfit = EDGES[told]
        for text in fit:
            setting.parse(text)
        for text in unfit:
            with pytest.raises(ValueError, match=r"."):
                setting.parse(text)


@pytest.mark.parametrize(
    ("ttl", "is_fit"), [("3m", True), ("1h", True), ("179", False), ("3601", False)]
)
def test_the_ttl_keeps_its_own_range(ttl, is_fit):
    """With a heartbeat each minute, from 3 minutes to an hour."""
    effective = settings.load({"BANGUI_LOCK_TTL": ttl, "BANGUI_DATABASE_PATH": "/x.db"}, {}, None)

    assert ranges.describe(settings.BY_KEY["lock_ttl"]).endswith(
        "at least 3 x heartbeat_interval and at most 1h"
    )
    assert (settings.lock_ttl_fault(effective) is None) == is_fit
