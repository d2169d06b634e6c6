"""Root asks no server, and believes none, because of a file that root did not write."""

import os

import pytest
from others import NOBODY, give, needs_root, spoil

from bangui_cli.store.postgresql import custody

SERVICE = "[theirs]\nhost=127.0.0.1\nport=1\ndbname=d\nuser=u\n"


@pytest.fixture
def home(place):
    """Make a home that another user cannot write, with the files that libpq looks for there."""
    path = place / "home"
    (path / ".postgresql").mkdir(parents=True)
    (path / ".pg_service.conf").write_text(SERVICE)
    (path / ".postgresql" / "root.crt").write_text("a certificate\n")
    return path


NAMED = {
    "a service at home": ("postgresql://?service=theirs", ".pg_service.conf", {}),
    "a service by its variable": ("postgresql://", ".pg_service.conf", {"PGSERVICE": "theirs"}),
    "a service file": ("postgresql://?service=theirs", "s.conf", {"PGSERVICEFILE": "{home}/s.conf"}),
    "the host's services": (
        "postgresql://?service=theirs",
        "pg_service.conf",
        {"PGSYSCONFDIR": "{home}"},
    ),
    "a certificate at home": ("postgresql://u@127.0.0.1:1/d", ".postgresql/root.crt", {}),
    "a certificate": ("postgresql://u@127.0.0.1:1/d?sslrootcert={home}/r.crt", "r.crt", {}),
    "a certificate by its variable": ("postgresql://u@h/d", "r.crt", {"PGSSLROOTCERT": "{home}/r.crt"}),
}


@needs_root
@pytest.mark.parametrize("how", ["owner", 0o666], ids=str)
@pytest.mark.parametrize("case", NAMED)
def test_what_another_user_may_write_is_not_obeyed(bangui, home, case, how):
    """It would send the memory of bans, and the password, to a server of that user's."""
    url, name, variables = NAMED[case]
    file = home / name
    file.write_text(SERVICE)
    spoil(file, how)
    variables = {name: value.format(home=home) for name, value in variables.items()}
    environment = {"HOME": str(home), "BANGUI_DATABASE_PATH": url.format(home=home), **variables}
    ended = bangui.run("heartbeat", env=environment)

    assert (ended.code, ended.events[-1]["path"]) == (77, str(file))
    assert str(file) in ended.events[-1]["hint"]


@needs_root
def test_what_is_roots_own_is_obeyed(bangui, home):
    """And what libpq would not look at may be anybody's."""
    give(home / ".postgresql" / "root.crt")
    url = "postgresql://?service=theirs&sslrootcert=system&sslmode=verify-full"
    ended = bangui.run("heartbeat", env={"HOME": str(home), "BANGUI_DATABASE_PATH": url})

    assert ended.code == 69
    assert "Connection refused" in ended.events[-1]["error"]


def test_all_files_that_libpq_would_look_for_are_judged():
    """The system's own, too, and the one that an address names since libpq 18."""
    options = {"service": "s", "servicefile": "/srv/services", "sslrootcert": "system"}
    of_system = "/etc/postgresql-common/pg_service.conf"

    assert list(custody.obeyed(options, {})) == ["/srv/services", of_system]
    assert list(custody.obeyed({"sslrootcert": "system"}, {})) == []


def test_who_is_not_root_obeys_what_was_given(home, monkeypatch):
    """It is that user's server."""
    monkeypatch.setattr(os, "geteuid", lambda: NOBODY)
    monkeypatch.setenv("HOME", str(home))
    (home / ".pg_service.conf").chmod(0o666)

    custody.require({"service": "theirs"})
