"""Whatever bytes come in, a run ends well or says what is wrong, and what it stages is in normal form."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from invariants import check_run, read_entries
from simulation import Machine

from bangui_cli.rules.validation import make_entry

FRAGMENTS = [
    *(
        b"[",
        b"]",
        b"{",
        b"}",
        b",",
        b":",
        b'"',
        b"\n",
        b"\r\n",
        b";",
        b"\t",
        b"\0",
        b"\\",
        b"\xff",
        b"NaN",
    ),
    *(
        b"\xef\xbb\xbf",
        b"1e999",
        b"null",
        b"true",
        b'"\\ud800"',
        b"[" * 2000,
        b"9" * 5000,
        b"\xf0\x9f\x92\xa9",
    ),
    *(b'"ip"', b'"query":', b'"192.0.2.1"', b'"::ffff:192.0.2.2"', b'"country":"DE"', b'"asn":64496'),
    *(
        b'"resolved_at":',
        b'"status":"fail"',
        b'"as":"AS64496 Example"',
        b"ip,country,asn\n",
        b"query;org\n",
    ),
    b'{"ip":"192.0.2.3","country_code":"de","asn":"as1","org":"\\u202e\\u001b[2J","resolved_at":NaN}\n',
    b'{"query":"2001:DB8::1","status":"success","countryCode":"DE","as":"AS1 x"}\n',
    b'{"192.0.2.4":{"ip":"192.0.2.4","country":"FR"},"8.8.8.8/country":"US"}',
    b'{"ip_address":"192.0.2.5","country":{"iso_code":"DE","names":{"en":"Germany"}}}\n',
    b'192.0.2.6,DE,"AS\n64496"\n192.0.2.7,"x\n',
]
INPUTS = st.lists(st.one_of(st.sampled_from(FRAGMENTS), st.binary(max_size=20)), max_size=25).map(
    b"".join
)
FORMATS = st.sampled_from(["auto", "jsonl", "json", "csv"])

SETTINGS = [
    *(b"=", b"\n", b'"', b"'", b"[", b"]", b"{", b"}", b",", b".", b"#", b"\0", b"\xff", b"[[", b'"""'),
    *(
        b"lock_ttl = ",
        b"flush_timeout = ",
        b"batch_size = ",
        b"instance = ",
        b"mask_ips = ",
        b"geoip_db = ",
    ),
    *(b"[settings]\n", b"300", b"-1", b"1e400", b"inf", b"nan", b"true", b'"10m"', b'"x"', b"9" * 5000),
    *(b"[" * 2000, b"1979-05-27", b'"\\ud800"', b'["a", "b"]', b"log_level = "),
]


@pytest.mark.torture
@settings(max_examples=1500)
@given(INPUTS, FORMATS)
@example(b"".join(FRAGMENTS), "auto")
def test_any_bytes_can_be_imported(content, wanted_format):
    """No input is a crash, and no row gets in that a second validation would change."""
    with Machine() as machine:
        machine.run("init")
        path = machine.home / "input"
        path.write_bytes(content)
        outcome = machine.run("import", "--format", wanted_format, path)
        check_run(outcome.code, outcome.stderr)
        assert outcome.code in (0, 65)
        _, dirty = read_entries(machine.database)
        for entry in dirty.values():
            assert make_entry(*entry, now_s=machine.wall_s) == entry


@pytest.mark.torture
@settings(max_examples=1500)
@given(st.lists(st.one_of(st.sampled_from(SETTINGS), st.binary(max_size=5)), max_size=15).map(b"".join))
def test_any_bytes_can_be_settings(content):
    """A settings file is taken, or it is named as what is wrong: 78."""
    with Machine() as machine:
        path = machine.home / "bangui.toml"
        path.write_bytes(content)
        outcome = machine.run("heartbeat", "--config", path)
        check_run(outcome.code, outcome.stderr)
        assert outcome.code in (66, 78)
        assert outcome.code == 66 or str(path) in outcome.stderr or "lock_ttl" in outcome.stderr
