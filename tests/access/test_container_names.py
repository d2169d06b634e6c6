"""A container's random host name is told as what it is, wherever it costs the lock."""

import os
import shutil
import subprocess

import pytest
from test_lock import change_lock, expire_lock

from bangui_cli.health.doctor import work
from bangui_cli.rules.instance_names import is_random
from bangui_cli.settings.table import Sourced

FIRST, SECOND = "3f2a9c41d07b", "9b01c2d3e4f5"


@pytest.mark.parametrize(
    ("name", "verdict"),
    [
        (FIRST, True),
        ("web1", False),
        ("3f2a9c41d07", False),
        ("3f2a9c41d07b1", False),
        ("3F2A9C41D07B", False),
        ("database-one", False),
        ("", False),
    ],
)
def test_a_random_name_is_twelve_hex_digits(name, verdict):
    """As docker and podman make them, from the container's ID."""
    assert is_random(name) == verdict


def may_make_containers():
    if os.geteuid() != 0 or not shutil.which("unshare"):
        return False
    try_out = ["unshare", "--mount", "--uts", "mount", "-t", "tmpfs", "tmpfs", "/run"]
    return subprocess.run(try_out, capture_output=True, check=False).returncode == 0


needs_containers = pytest.mark.skipif(not may_make_containers(), reason="wants root and namespaces")


@pytest.fixture
def unnamed(bangui):
    """Run bangui without a set instance."""
    del bangui.environment["BANGUI_INSTANCE"]
    return bangui


def in_container(name):
    """Return a command to run another with: its host name is its container's."""
    script = 'mount -t tmpfs tmpfs /run && touch /run/.containerenv && hostname "$0" && exec "$@"'
    return ["unshare", "--mount", "--uts", "sh", "-c", script, name]


def tells_name(hint, name):
    return (
        f"{name} is the random host name" in hint and "--instance" in hint and "BANGUI_INSTANCE" in hint
    )


@needs_containers
@pytest.mark.parametrize("job", ["flush", "heartbeat"])
def test_the_next_container_is_told_why_it_has_to_wait(unnamed, job):
    """It was started anew, and finds itself held by a name that nobody will have again."""
    unnamed.ok("heartbeat", under=in_container(FIRST))

    ended = unnamed.run(job, under=in_container(SECOND))

    assert ended.code == 75
    assert tells_name(ended.events[-1]["hint"], FIRST)


@needs_containers
def test_who_takes_over_from_such_a_name_is_told_too(unnamed):
    """The gap between the two was the TTL, each time."""
    unnamed.ok("heartbeat", under=in_container(FIRST))
    expire_lock(unnamed)

    (event,) = unnamed.ok("heartbeat", under=in_container(SECOND)).events

    assert event["event"] == "scheduler_lock_taken_over"
    assert tells_name(event["hint"], FIRST)


@needs_containers
def test_a_container_that_is_held_by_the_host_is_told_of_its_own_name(unnamed):
    """The holder has a good one; its own will not last."""
    unnamed.ok("heartbeat", "--instance", "web1")

    ended = unnamed.run("flush", under=in_container(SECOND))

    assert tells_name(ended.events[-1]["hint"], SECOND)


@needs_containers
def test_a_container_with_a_set_instance_is_told_nothing(unnamed):
    """There is nothing to remedy: the next one has the same name."""
    unnamed.ok("heartbeat", "--instance", "web1", under=in_container(FIRST))

    ended = unnamed.run("flush", "--instance", "web2", under=in_container(SECOND))

    assert "random" not in ended.events[-1]["hint"]


def test_the_host_is_told_of_a_container_that_holds_the_lock(bangui):
    """It cannot look into the container: a name of that kind, and the same as its host's, is enough."""
    bangui.ok("heartbeat", "--instance", FIRST)
    mere_name = bangui.run("flush")
    change_lock(bangui, hostname=FIRST)
    host_name = bangui.run("flush")

    assert "random" not in mere_name.events[-1]["hint"]
    assert tells_name(host_name.events[-1]["hint"], FIRST)


@pytest.mark.parametrize(
    ("name", "source", "is_in_container", "verdict"),
    [
        (FIRST, "default", True, "warning"),
        (FIRST, "default", False, "ok"),
        (FIRST, "environment BANGUI_INSTANCE", True, "ok"),
        ("web1", "default", True, "ok"),
    ],
)
def test_doctor_finds_a_container_without_a_set_instance(name, source, is_in_container, verdict):
    """A host may be called so; who set the name has decided."""
    check = work.check_instance(Sourced(name, source), is_in_container=is_in_container)

    assert (check.name, check.verdict) == ("instance", verdict)
    assert (check.remedy is None) == (verdict == "ok")


@needs_containers
def test_doctor_sees_that_it_is_in_a_container(unnamed):
    """By the mark that podman leaves, as by docker's."""
    checks = unnamed.run("doctor", "--json", under=in_container(FIRST)).json["checks"]

    assert [check["verdict"] for check in checks if check["name"] == "instance"] == ["warning"]
