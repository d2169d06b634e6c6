"""bangui beside a real fail2ban server: it reads its database, and costs it no ban."""

import shutil
import time

import geoip
import pytest
from conftest import wait_until
from fail2ban_servers import Fail2ban
from geoip import query_plan

from bangui_cli.fail2ban.counting import ADDRESS, history_query

pytestmark = pytest.mark.skipif(not shutil.which("fail2ban-server"), reason="fail2ban is not installed")


@pytest.fixture
def server(tmp_path):
    """Yield a function that starts a server, and stop the servers."""
    servers = []

    def start() -> Fail2ban:
        servers.append(Fail2ban(tmp_path / f"fail2ban{len(servers)}"))
        servers[-1].start()
        return servers[-1]

    yield start
    for each in servers:
        each.stop()


@pytest.fixture
def geo(bangui, tmp_path):
    """Give bangui an MMDB file."""
    germany, france = geoip.country("DE", "Germany"), geoip.country("FR", "France")
    file = geoip.write_mmdb(
        tmp_path / "country.mmdb", {"192.0.2.0/24": germany, "2001:db8::/32": france}
    )
    bangui.environment["BANGUI_GEOIP_DB_PATH"] = str(file)


def test_bans_are_looked_up_where_they_stand(bangui, server, geo):
    """It asks only for what is new, networks included."""
    fail2ban = server()
    fail2ban.see_failed_logins(["192.0.2.1", "192.0.2.2"])
    wait_until(lambda: len(fail2ban.banned()) == 2)
    fail2ban.client("set", "app", "banip", "192.0.2.128/25")

    environment = {"BANGUI_FAIL2BAN_DB": str(fail2ban.database)}
    first = bangui.ok("resolve", "--fail2ban", "-q", env=environment)
    again = bangui.ok("resolve", "--fail2ban", "--json", env=environment)

    assert (first.stdout, first.stderr) == ("", "")
    assert bangui.rows("SELECT ip FROM geo_cache_dirty WHERE country_code = 'DE' ORDER BY ip") == [
        ("192.0.2.1",), ("192.0.2.128",), ("192.0.2.2",),
    ]  # fmt: skip
    assert (again.json["staged"], again.json["fresh"], again.json["skipped"]) == (0, 3, 0)


def test_its_own_indexes_are_what_is_asked(bangui, server, geo):
    """The server makes them; no row of its history is read, and its jails are known by name."""
    fail2ban = server()
    fail2ban.see_failed_logins(["192.0.2.1", "192.0.2.2"])
    wait_until(lambda: len(fail2ban.banned()) == 2)

    for of_jail in (False, True):
        for recent in (False, True):
            query = history_query(ADDRESS, of_jail=of_jail, timed=recent)
            steps = query_plan(str(fail2ban.database), query)
            assert all("COVERING INDEX bans_" in step for step in steps), steps
    report = bangui.ok("report", f"--fail2ban={fail2ban.database}", "--jail", "apps", "--since", "1d")

    assert report.events[0]["jails"] == ["app"]


def test_the_server_loses_no_ban_while_it_is_read(bangui, server, geo):
    """Readers come and go while it bans: each ban is in its database, none was refused."""
    fail2ban = server()
    ips = [f"192.0.2.{number}" for number in range(100)]
    readers = []

    for start in range(0, 100, 10):
        fail2ban.see_failed_logins(ips[start : start + 10])
        readers += [bangui.start("resolve", f"--fail2ban={fail2ban.database}", "--max-age", "1s")]
        readers += [bangui.start("collect", f"--fail2ban={fail2ban.database}")]
        readers += [bangui.start("report", f"--fail2ban={fail2ban.database}")]
        time.sleep(0.2)
    wait_until(lambda: fail2ban.banned() == set(ips))
    codes = [reader.wait(timeout=60) for reader in readers]
    for reader in readers:
        reader.communicate()
    report = bangui.ok("report", f"--fail2ban={fail2ban.database}", "--format", "json").json

    assert set(codes) == {0}
    assert report["total"] == 100
    assert "locked" not in fail2ban.log()
