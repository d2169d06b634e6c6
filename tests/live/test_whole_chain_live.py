"""From a log line to a report, with nobody at the keyboard: what two commands set up, on a real host."""

import json
import sys
from pathlib import Path

import geoip
import pytest
from fail2ban_servers import write_conf
from machine import Machine, needs

# A minute of this cron is six seconds; its jobs see the real clock.
_CHAIN = """
for directory in /etc /var/lib /usr/share /usr/sbin; do
  mkdir -p /run/over$directory/{upper,work}
  mount -t overlay overlay $directory \\
    -o lowerdir=$directory,upperdir=/run/over$directory/upper,workdir=/run/over$directory/work
done
rm -rf /etc/cron.d/* /etc/bangui /var/lib/bangui /var/lib/fail2ban /usr/share/GeoIP
printf '#!/bin/sh\\ncat >> /run/mail\\n' > /usr/sbin/sendmail; chmod 755 /usr/sbin/sendmail
mkdir -p /usr/share/GeoIP /var/lib/fail2ban /run/fail2ban /etc/bangui /run/www /run/textfile
touch /run/fail2ban/app.log /run/mail
cp $OUT/country.mmdb /usr/share/GeoIP
server="-c $OUT/conf -s /run/fail2ban/socket -p /run/fail2ban/pid"
fail2ban-server $server -f start > /run/fail2ban.log 2>&1 &
wait_for eval 'fail2ban-client $server ping > /run/pong 2>&1'
cat > /etc/bangui/bangui.toml <<EOF
collect_interval = "1m"
report_interval = "1m"
report_path = "/run/www/bans.html"
metrics_path = "/run/textfile"
EOF
faketime -f "+$(( (118 - 10#$(date +%S)) % 60 ))s x10" /usr/sbin/cron -f -L 15 &

bangui init -q
bangui schedule install --command $(command -v bangui) --log-format json 2> $OUT/events
echo "$(date +%Y-%m-%dT%H:%M:%S) failed login from 192.0.2.1" >> /run/fail2ban/app.log

wait_long() { for _ in $(seq 3); do wait_for "$@" && return; done; return 1; }
wait_long eval 'bangui lookup 192.0.2.1 --json | grep -q cached'
wait_long grep -q Germany /run/www/bans.html
wait_long grep -q 'bangui_bans{country_code="DE"' /run/textfile/bangui_bans.prom
wait_long grep -q 'bangui_history_rows 1' /run/textfile/bangui_status.prom
cp /run/www/bans.html /run/textfile/*.prom $OUT
bangui lookup 192.0.2.1 --json > $OUT/lookup
bangui report --history --json > $OUT/report
bangui status --json > $OUT/status
bangui doctor --json > $OUT/doctor
cp /run/mail $OUT/mail
journalctl --sync
journalctl BANGUI_JOB=history_sync -o json > $OUT/journal
"""


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    home = tmp_path_factory.mktemp("chain")
    geoip.write_mmdb(home / "country.mmdb", {"192.0.2.0/24": geoip.country("DE", "Germany")})
    write_conf(home / "conf", Path("/run/fail2ban"), Path("/var/lib/fail2ban/fail2ban.sqlite3"))
    return Machine(home, _CHAIN, {"PYTHON": sys.executable}).finish()


pytestmark = needs("cron", "faketime", "fail2ban-server")


def test_a_log_line_becomes_a_row_of_the_report(chain: Machine):
    """fail2ban bans, collect remembers and looks up, flush caches: only cron has started anything."""
    (found,) = json.loads(chain.text("lookup"))
    report = json.loads(chain.text("report"))

    assert (found["state"], found["country_code"]) == ("cached", "DE")
    assert [(row["key"], row["count"]) for row in report["rows"]] == [("DE", 1)]
    assert json.loads(chain.text("status"))["history"]["rows"] == 1


def test_the_page_and_the_metrics_tell_of_it(chain: Machine):
    """Made anew each minute by the schedule, for a web server and for Prometheus."""
    assert 'bangui_bans{country_code="DE",country="Germany"} 1' in chain.text("bangui_bans.prom")
    assert "bangui_history_rows 1" in chain.text("bangui_status.prom")
    assert "Germany" in chain.text("bans.html")


def test_everything_that_the_host_has_a_use_for_was_scheduled(chain: Machine):
    """By `schedule install` alone; the rest is said, with the reason."""
    events = chain.lines("events")
    left_out = {event["job"] for event in events if event["event"] == "schedule_left_out"}

    assert [event["event"] for event in events][:5] == [
        "geo_cache_flush_scheduled",
        "scheduler_lock_heartbeat_scheduled",
        "geo_cache_cleanup_scheduled",
        "history_sync_scheduled",
        "geo_re_resolve_scheduled",
    ]
    assert {event["event"].removesuffix("_scheduled") for event in events[5:]} == {
        "ban_report",
        "status_metrics",
        "ban_metrics",
    }
    assert left_out == set()


def test_doctor_finds_all_well_and_nothing_was_mailed(chain: Machine):
    """Not even a warning."""
    report = json.loads(chain.text("doctor"))

    assert {check["name"] for check in report["checks"] if check["verdict"] != "ok"} == set()
    assert chain.text("mail") == ""


def test_what_collect_did_is_in_the_journal(chain: Machine):
    """Found by its job, as the manual says."""
    messages = [json.loads(entry["MESSAGE"]) for entry in chain.lines("journal")]

    assert [(each["event"], each["recorded"], each["resolved"]) for each in messages] == [
        ("history_sync_ran", 1, 1)
    ]
