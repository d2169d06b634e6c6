"""On a server, whoever has very many bans may keep them in partitions, by the time of the ban."""

import json
import time

from fail2bans import Fail2banDatabase
from failures import final_event
from servers import OnServer

IN_PARTITIONS = """
ALTER TABLE bangui.ban_history RENAME TO whole;
CREATE TABLE bangui.ban_history (
    LIKE bangui.whole INCLUDING DEFAULTS, PRIMARY KEY (banned_at, instance, jail, ip)
) PARTITION BY RANGE (banned_at);
CREATE TABLE bangui.early PARTITION OF bangui.ban_history FOR VALUES FROM (MINVALUE) TO ('2026-02');
CREATE TABLE bangui.late PARTITION OF bangui.ban_history FOR VALUES FROM ('2026-02') TO (MAXVALUE);
CREATE INDEX ON bangui.ban_history (ip);
DROP TABLE bangui.whole"""
BANS = [("192.0.2.1", "2026-01-10T00:00:00.000Z"), ("192.0.2.2", "2026-02-10T00:00:00.000Z")]


def line(ip: str, banned_at: str, bantime_s: int) -> str:
    keys = {"instance": "web9", "jail": "sshd", "ip": ip, "banned_at": banned_at}
    return json.dumps(keys | {"bantime_s": bantime_s, "bancount": 1, "failures": None})


def totals(on_server: OnServer) -> dict[str, int]:
    rows = on_server.rows("SELECT tableoid::regclass::text, count(*) FROM bangui.ban_history GROUP BY 1")
    return dict(rows)


def test_what_remembers_bans_works_on_partitions(on_server: OnServer):
    """New bans, bans that have changed, those handed over, and those that go."""
    fail2ban = Fail2banDatabase(on_server.home / "fail2ban.sqlite3")
    fail2ban.ban("192.0.2.3", time.time() - 60)
    on_server.execute(IN_PARTITIONS)
    on_server.ok("import", "--history", input="\n".join(line(*ban, 600) for ban in BANS))
    on_server.ok("import", "--history", input="\n".join(line(*ban, 700) for ban in BANS))
    collected = [on_server.ok("collect", f"--fail2ban={fail2ban.path}", "--json").json for _ in range(2)]

    assert [each["recorded"] for each in collected] == [1, 0]
    assert totals(on_server) == {"bangui.early": 1, "bangui.late": 2}
    assert on_server.ok("report", "--history", "--json", "--since", "2026-01-01").json["total"] == 3
    assert len(on_server.ok("export", "history").stdout.splitlines()) == 3
    assert on_server.ok("forget", "192.0.2.2", "--json").json["history"] == 1
    on_server.ok("prune", "--history-age", "30d")
    assert totals(on_server) == {"bangui.late": 1}
    on_server.ok("init")


def test_a_refusal_that_nothing_foresaw_is_not_tried_again(on_server: OnServer):
    """Only what another transaction was in the way of may succeed the next time."""
    on_server.execute("CREATE SEQUENCE bangui.tries")
    on_server.execute(
        """CREATE FUNCTION bangui.refuse() RETURNS trigger LANGUAGE plpgsql AS
           $$ BEGIN PERFORM nextval('bangui.tries'); RAISE 'no' USING ERRCODE = 'P0001'; END $$"""
    )
    on_server.execute(
        """CREATE TRIGGER refuse BEFORE INSERT ON bangui.geo_cache_dirty
           FOR EACH STATEMENT EXECUTE FUNCTION bangui.refuse()"""
    )
    ended = on_server.run("add", "192.0.2.1", "--country-code", "DE")

    assert final_event(ended)["exit_code"] == ended.code == 1
    assert on_server.rows("SELECT last_value FROM bangui.tries") == [(1,)]
