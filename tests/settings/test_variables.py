"""A variable that looks like a setting and is none is told, with the one that was probably meant."""

import pytest

from bangui_cli.settings import table as settings
from bangui_cli.settings import variables

EVENT = "environment_variable_unknown"


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("BANGUI_LOCK_TIL", "BANGUI_LOCK_TTL"),
        ("BANGUI_DATABASE", "BANGUI_DATABASE_PATH"),
        ("BANGUI_FLUSH_TIMOUT", "BANGUI_FLUSH_TIMEOUT"),
        ("BANGUI_MASKIPS", "BANGUI_MASK_IPS"),
        ("BANGUI_flush_timeout", "BANGUI_FLUSH_TIMEOUT"),
    ],
)
def test_the_nearest_variable_is_found(name, nearest):
    """A typing mistake is read over; beside the right name it is not."""
    assert variables.misnamed({name: "x", "HOME": "/"}) == {name: nearest}


def test_what_is_known_or_empty_is_passed_over():
    """Every setting's own variable, the two that are none, and an empty one, which counts as unset."""
    known = {setting.variable: "x" for setting in settings.TABLE}
    others = {"BANGUI_CONFIG": "x", "BANGUI_CORRELATION_ID": "x", "_BANGUI_COMPLETE": "x"}

    assert variables.misnamed({**known, **others, "BANGUI_NONSENSE": ""}) == {}


@pytest.mark.parametrize(
    "command", [["heartbeat"], ["flush"], ["lookup", "192.0.2.1"], ["status", "--format", "prometheus"]]
)
def test_a_run_warns_once_and_goes_on(bangui, command):
    """It is no error: another program may own the variable."""
    ended = bangui.run(*command, env={"BANGUI_LOCK_TIL": "1h"})
    (event,) = ended.events

    assert ended.code == (1 if command[0] == "lookup" else 0)
    assert (event["event"], event["level"]) == (EVENT, "warning")
    assert (event["variable"], event["nearest"]) == ("BANGUI_LOCK_TIL", "BANGUI_LOCK_TTL")
    assert "BANGUI_LOCK_TTL" in event["hint"]


def test_a_job_names_itself_in_the_warning(bangui):
    """In the journal it stands among the lines of the job whose setting has no effect."""
    (event,) = bangui.ok("heartbeat", env={"BANGUI_LOCK_TIL": "1h"}).events

    assert event["job"] == "scheduler_lock_heartbeat"


def test_a_run_without_such_a_variable_does_not_look_for_a_nearest(bangui):
    """The comparison of names takes longer than many a run has."""
    silent = bangui.ok("heartbeat", env={"PYTHONPROFILEIMPORTTIME": "1"})

    assert "difflib" not in {line.rpartition("|")[2].strip() for line in silent.stderr.splitlines()}


def test_doctor_tells_it_as_a_check(bangui):
    """Where one looks when a setting has no effect."""
    first = bangui.run("doctor", "--json", env={"BANGUI_LOCK_TIL": "1h"}).json["checks"][0]

    assert (first["name"], first["verdict"]) == ("settings", "warning")
    assert "BANGUI_LOCK_TIL" in first["detail"]
    assert "BANGUI_LOCK_TTL" in first["remedy"]
