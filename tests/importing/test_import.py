"""`bangui import`: every row of an input is staged or rejected, whoever wrote it."""

import json
import os
import subprocess
import time

import pytest

from bangui_cli.importing import json_documents

IP_API_BATCH = [
    {
        "status": "success", "country": "Canada", "countryCode": "CA", "region": "QC", "city": "Montreal",
        "lat": 45.6026, "lon": -73.5167, "isp": "Le Groupe Videotron Ltee", "org": "Videotron Ltee",
        "as": "AS5769 Videotron Ltee", "asname": "VIDEOTRON", "query": "24.48.0.1",
    },
    {"status": "fail", "message": "private range", "query": "192.168.1.1"},
    {"status": "success", "country": "Germany", "countryCode": "DE", "isp": "", "org": "", "as": "", "query": "203.0.113.9"},
]  # fmt: skip
IPINFO = {
    "ip": "8.8.8.8", "hostname": "dns.google", "anycast": True, "city": "Mountain View", "region": "California",
    "country": "US", "loc": "37.4056,-122.0775", "org": "AS15169 Google LLC", "postal": "94043",
}  # fmt: skip
IPINFO_LITE = {
    "ip": "1.1.1.1", "asn": "AS13335", "as_name": "Cloudflare, Inc.", "as_domain": "cloudflare.com",
    "country_code": "AU", "country": "Australia", "continent_code": "OC", "continent": "Oceania",
}  # fmt: skip
IPINFO_CORE = {
    "ip": "9.9.9.9", "geo": {"city": "Zurich", "country": "Switzerland", "country_code": "CH"},
    "as": {"asn": "AS19281", "name": "Quad9", "domain": "quad9.net"}, "is_anycast": True,
}  # fmt: skip
MAXMIND = {
    "continent": {"code": "EU", "names": {"en": "Europe"}},
    "country": {"geoname_id": 2635167, "iso_code": "GB", "names": {"de": "Vereinigtes Königreich", "en": "United Kingdom"}},
    "registered_country": {"iso_code": "FR", "names": {"en": "France"}},
    "traits": {
        "ip_address": "2.125.160.216", "autonomous_system_number": 64496,
        "autonomous_system_organization": "Example Ltd", "network": "2.125.160.216/29",
    },
}  # fmt: skip
MAXMIND_ASN = {
    "ip_address": "1.128.0.0", "autonomous_system_number": 1221,
    "autonomous_system_organization": "Telstra Pty Ltd", "network": "1.128.0.0/11",
}  # fmt: skip
OWN = {
    "ip": "2001:DB8:0::1", "country_code": "fr", "country_name": "France", "asn": 64500, "org": "Example SA",
    "resolved_at": "2026-01-02T03:04:05+01:00",
}  # fmt: skip
EXPECTED = {
    "24.48.0.1": ("CA", "Canada", "AS5769", "Videotron Ltee"),
    "192.168.1.1": (None, None, None, None),
    "203.0.113.9": ("DE", "Germany", None, None),
    "8.8.8.8": ("US", "United States", "AS15169", "Google LLC"),
    "1.1.1.1": ("AU", "Australia", "AS13335", "Cloudflare, Inc."),
    "9.9.9.9": ("CH", "Switzerland", "AS19281", "Quad9"),
    "2.125.160.216": ("GB", "United Kingdom", "AS64496", "Example Ltd"),
    "1.128.0.0": (None, None, "AS1221", "Telstra Pty Ltd"),
    "2001:db8::1": ("FR", "France", "AS64500", "Example SA"),
}
ROWS = [*IP_API_BATCH, IPINFO, IPINFO_LITE, IPINFO_CORE, MAXMIND, MAXMIND_ASN, OWN]


def staged(bangui):
    rows = bangui.rows("SELECT ip, country_code, country_name, asn, org FROM geo_cache_dirty")
    return {ip: tuple(values) for ip, *values in rows}


def as_lines(rows):
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


LAYOUTS = {
    "one a line": as_lines(ROWS),
    "one array on one line": json.dumps(ROWS),
    "a pretty-printed array": json.dumps(ROWS, indent=4),
    "pretty-printed objects, one after the other": "".join(
        json.dumps(row, indent=2) + "\n" for row in ROWS
    ),
    "an array a line": "".join(json.dumps([row]) + "\n" for row in ROWS),
    "batches one after the other": json.dumps(ROWS[:4], indent=1) + json.dumps(ROWS[4:]),
    "lines that end in CRLF, with blank ones": as_lines(ROWS).replace("\n", "\r\n\r\n"),
    "a byte order mark": "\ufeff" + as_lines(ROWS),
    "no newline at the end": as_lines(ROWS).rstrip("\n"),
    "objects on one line": as_lines(ROWS).replace("\n", " "),
    "objects with commas and no brackets": as_lines(ROWS).replace("\n", ",\n"),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_answers_of_every_service_are_staged_in_every_layout(bangui, layout):
    """Each service's documented answer gives the same entry, however the JSON is laid out."""
    ended = bangui.ok("import", "--json", input=LAYOUTS[layout])

    assert staged(bangui) == EXPECTED
    assert (ended.json["read"], ended.json["staged"], ended.json["rejected"]) == (9, 9, 0)


def test_a_batch_answer_keyed_by_address_is_taken_apart(bangui):
    """ipinfo.io's batch endpoint answers with one object; a value in it that is none is a reject."""
    keyed = {
        "8.8.8.8": {"country": "US"},
        "9.9.9.9/country": "CH",
        "2001:db8::5": {"ip": "2001:db8::5", "country": "DE"},
    }
    for text in (
        json.dumps(keyed),
        json.dumps(keyed, indent=2),
        json.dumps(keyed) + "\n" + as_lines([IPINFO_LITE]),
    ):
        ended = bangui.run("import", "-", input=text)

        assert ended.code == 65
        assert ended.event_names == ["import_row_rejected", "command_failed"]
        assert {"8.8.8.8", "2001:db8::5"} <= set(staged(bangui))


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_csv_with_a_header_is_staged(bangui, delimiter):
    """Comma, semicolon and tab separate the columns; quoted fields may hold them, and line breaks."""
    lines = [
        ["IP", "countryCode", "Country", "asn", "org", "unknown"],
        ["24.48.0.1", "CA", "Canada", "5769", f'"Videotron{delimiter} ""Ltee"""', ""],
        ["", "", "", "", "", ""],
        ["2001:DB8::1", "", "", "", '"two\nlines"', "x"],
    ]
    text = "\r\n".join(delimiter.join(line) for line in lines if any(line)) + "\r\n"
    bangui.ok("import", input=text)

    assert staged(bangui) == {
        "24.48.0.1": ("CA", "Canada", "AS5769", f'Videotron{delimiter} "Ltee"'.replace("\t", "")),
        "2001:db8::1": (None, None, None, "twolines"),
    }


def test_a_cache_table_exported_as_csv_keeps_its_times(bangui):
    """`cached_at` is the time of the entry."""
    bangui.ok("import", input="ip,country_code,cached_at\n1.1.1.1,AU,2026-01-02 03:04:05\n")

    assert bangui.rows("SELECT resolved_at FROM geo_cache_dirty") == [("2026-01-02T03:04:05.000Z",)]


def test_a_stray_quote_costs_its_own_line_only(bangui, tmp_path):
    """An unbalanced quote does not swallow the good rows behind it, up to the next quote or the end."""
    lines = [
        b"ip,org,country_code",
        b'1.1.1.1,"broken,AU',
        b"2.2.2.2,good,FR",
        b'3.3.3.3,"good, too",DE',
        b'4.4.4.4,broken"again,DE',
        b"5.5.5.5,good,NL",
        b"6.6.6.6,too,many,fields",
        b'7.7.7.7,"open to the end,GB',
    ]
    source, rejects = tmp_path / "in.csv", tmp_path / "rejects"
    source.write_bytes(b"\n".join(lines))
    ended = bangui.run("import", source, "--rejects", rejects)

    assert ended.code == 65
    assert sorted(staged(bangui)) == ["2.2.2.2", "3.3.3.3", "5.5.5.5"]
    assert rejects.read_bytes().splitlines() == [lines[0], lines[1], lines[4], lines[6], lines[7]]
    assert [event["line"] for event in ended.events[:-1]] == [2, 5, 7, 8]


BAD_LINES = [
    b'{"ip": "1.1.1.1", "country_code": "A',
    b"not json at all",
    b'{"ip": "1.2.3.0/24"}',
    b'{"ip": "fe80::1%eth0"}',
    b'{"ip": "example.org"}',
    b'{"country": "DE"}',
    b'{"ip": "1.1.1.1", "country_code": "DEU"}',
    b'{"ip": "1.1.1.1", "asn": true}',
    b'{"ip": "1.1.1.1", "resolved_at": "2999-01-01"}',
    b'{"ip": "1.1.1.1", "resolved_at": NaN}',
    b'{"ip": "1.1.1.1", "org": ["a", {"b": 1}]}',
    b'{"ip": "1.1.1.1"} {"ip": "1.1.1.2"}',
    b'{"ip": "1.1.1.1", "asn": ' + b"9" * 5000 + b"}",
    b'{"ip": "1.1.1.1", "org": "latin-\xe9"}',
    b'{"ip": "1.1.1.1\x00"}',
    b'{"a":' * 100_000,
    b'"1.1.1.1"',
    b"17",
    b"null",
    b"[]",
    b'["1.1.1.1", 2]',
    b"\xff\xfe\x00{",
    b"{}",
]  # fmt: skip


def test_bad_lines_are_rejected_one_by_one_and_kept_as_they_stood(bangui, tmp_path):
    """Each bad line is reported with its number and reason, without its content; good ones pass."""
    rejects, source = tmp_path / "rejects", tmp_path / "in"
    lines = [b'{"ip": "9.9.9.9", "country": "CH"}']
    for index, bad in enumerate(BAD_LINES):
        lines += [bad, b'{"ip": "10.0.0.%d", "country": "CH"}' % index]
    source.write_bytes(b"\r\n".join(lines))
    ended = bangui.run("import", source, "--rejects", rejects, "--json")

    assert ended.code == 65
    assert {key: ended.json[key] for key in ("read", "staged", "rejected")} == {
        "read": len(lines), "staged": len(BAD_LINES) + 1, "rejected": len(BAD_LINES),
    }  # fmt: skip
    assert rejects.read_bytes() == b"".join(bad + b"\r\n" for bad in BAD_LINES)
    *events, last = ended.events
    assert [event["line"] for event in events] == list(range(2, len(lines), 2))
    assert all(set(event) >= {"file", "reason"} and "1.1.1" not in event["reason"] for event in events)
    assert (last["event"], last["exit_code"], last["hint"] != "") == ("command_failed", 65, True)


@pytest.mark.parametrize(
    "first",
    [
        b'{"ip": "1.1.1.1", "org": "cut of',
        b'{"ip": "1.1.1.1",',
        b'{"ip": "1.1.1.1", "country":',
        b"{",
        b'"ip": "1.1.1.1"}',
        b"garbage, and more",
        b"ip address;country",
        b"\xff\xfe",
        b'{"ip": "1.1.1.1", "org": "\xe9"}',
    ],
)
def test_a_broken_first_line_costs_no_other(bangui, first):
    """The format is judged by more than a first line that is broken."""
    source = bangui.home / "in"
    source.write_bytes(first + b"\n" + as_lines(ROWS).encode())
    ended = bangui.run("import", source)

    assert staged(bangui) == EXPECTED
    assert ended.code == 65
    assert [event["line"] for event in ended.events[:-1]] == [1]


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("old", ['"AU"', '"AU', '"country": "AU"', ": 13335"])
def test_a_document_ends_where_it_is_broken(bangui, indent, old):
    """One error names the element; those before it are staged, and nothing is guessed of what follows."""
    rows = [{"ip": f"10.0.0.{i}", "country": "US"} for i in range(3)]
    broken = {"ip": "1.1.1.1", "asn": 13335, "country": "AU"}
    text = json.dumps([*rows, broken, {"ip": "10.0.0.9", "country": "US"}], indent=indent)
    ended = bangui.run("import", input=text.replace(old, "!"))

    assert (ended.code, sorted(staged(bangui))) == (65, ["10.0.0.0", "10.0.0.1", "10.0.0.2"])
    assert ended.event_names == ["import_row_rejected", "command_failed"]
    assert (ended.events[0]["line"], ended.events[0]["element"]) == (4, 4)
    assert ended.events[0]["reason"].startswith("not JSON from here on: ")
    assert ended.events[-1]["error"] == "1 of 4 rows rejected"


def test_what_is_no_object_in_an_array_costs_itself_only(bangui, tmp_path):
    """Each is counted by its place in the document, and kept as a line of its own."""
    rejects = tmp_path / "rejects"
    text = '[{"ip": "1.1.1.1"}, 42, "1.1.1.2",\nnull, {"ip": "1.1.1.3"},\n  7]\n'
    ended = bangui.run("import", "--rejects", rejects, input=text)

    assert (ended.code, sorted(staged(bangui))) == (65, ["1.1.1.1", "1.1.1.3"])
    assert rejects.read_text() == '42\n"1.1.1.2"\nnull\n7\n'
    assert [event["element"] for event in ended.events[:-1]] == [2, 3, 4, 6]


def test_what_is_no_object_is_counted_alike_wherever_the_input_pauses():
    """A number that is cut in two by the end of a chunk is still one element."""
    text = b'[{"ip": "1.1.1.1"}, 42, "1.1.1.2", null, -1.5e3,  7]'
    whole = [record[2] for record in json_documents.read(iter([text]))]

    assert whole == [{"ip": "1.1.1.1"}, 42, "1.1.1.2", None, -1500.0, 7]
    for at in range(1, len(text)):
        records = json_documents.read(iter([text[:at], None, text[at:]]))
        assert [record[2] for record in records if record] == whole


BROKEN = [
    (b'[{"ip": "1.1.1.1"}, {"ip" "1.1.1.2"}]', "not JSON from here on: ", "yajl2_c"),
    (b'[{"ip": "1.1.1.1"}, {"ip" "1.1.1.2"}]', "not JSON from here on: ", "python"),
    (b'[{"ip": "1.1.1.1"}, {"ip": "1.1.1.2",', "the input ends in the middle", "yajl2_c"),
    (b'[{"ip": "1.1.1.1"}, {"ip": "1.1.1.2",', "the input ends in the middle", "python"),
    (b'[{"ip": "1.1.1.1"}, {"lat": NaN}]', "not JSON from here on: ", "yajl2_c"),
    (b'[{"ip": "1.1.1.1"}, {"lat": NaN}]', "not JSON from here on: ", "python"),
    (b'[{"ip": "1.1.1.1"}, {"org": "\xe9"}]', "not JSON from here on: invalid bytes", "yajl2_c"),
    (b'[{"ip": "1.1.1.1"}, {"n": 1e99999999999999999999}]', "not JSON: a number is too large", "yajl2_c"),
]  # fmt: skip


@pytest.mark.parametrize(("document", "reason", "backend"), BROKEN)
def test_what_breaks_a_document_is_told(bangui, document, reason, backend):
    """By the parser in C, and by the one in Python that takes its place where there is no wheel."""
    source = bangui.home / "source"
    source.write_bytes(document)
    ended = bangui.run("import", source, env={"IJSON_BACKEND": backend})

    assert (ended.code, list(staged(bangui))) == (65, ["1.1.1.1"])
    assert ended.events[0]["element"] == 2
    assert ended.events[0]["reason"].startswith(reason)


def test_a_truncated_array_is_noticed(bangui):
    """A download that was cut off between two elements is not taken for a whole one."""
    ended = bangui.run("import", input='[{"ip": "1.1.1.1"}, {"ip": "1.1.1.2"},')

    assert (ended.code, len(staged(bangui))) == (65, 2)
    assert "middle of a list" in ended.events[0]["reason"]


def test_a_huge_field_in_a_good_row_is_cut(bangui):
    """10 MB in one text is no reason to refuse the row."""
    rows = [{"ip": "1.1.1.1", "org": "x" * 10_000_000}, {"ip": "1.1.1.2", "org": "y"}]
    for text in (
        as_lines(rows),
        json.dumps(rows),
        "ip,org\n" + "".join(f'{r["ip"]},"{r["org"]}"\n' for r in rows),
    ):
        bangui.execute("DELETE FROM geo_cache_dirty")
        bangui.ok("import", input=text)

        assert {ip: len(row[3]) for ip, row in staged(bangui).items()} == {"1.1.1.1": 200, "1.1.1.2": 1}


def test_several_files_are_imported_each_in_its_own_format(bangui, tmp_path):
    """The format is told by the content: the names lie."""
    contents = {
        "a.csv": as_lines(ROWS[:5]),
        "b.json": "ip,country\n9.9.9.8,CH\n",
        "c.txt": json.dumps(ROWS[5:]),
    }
    for name, content in contents.items():
        (tmp_path / name).write_text(content)
    ended = bangui.ok("import", *(tmp_path / name for name in contents), "--json")

    assert ended.json["staged"] == 10
    assert staged(bangui) == EXPECTED | {"9.9.9.8": ("CH", "Switzerland", None, None)}


def test_a_byte_order_mark_alone_is_not_the_end(bangui):
    """A pipe may deliver it by itself."""
    process = bangui.start("import", "--json", stdin=subprocess.PIPE)
    for text in ("\ufeff", "[{", '"ip": "1.1.1.1"}]'):
        process.stdin.write(text)
        process.stdin.flush()
        time.sleep(0.1)

    assert bangui.end(process).json["staged"] == 1


@pytest.mark.parametrize("text", ["", "\n\n", "[]", "ip,country\n", "\ufeff", " [ ] "])
def test_nothing_to_import_is_no_failure(bangui, text):
    """An empty input is done at once, in silence."""
    ended = bangui.ok("import", input=text)

    assert (ended.stdout, ended.stderr) == ("", "")


def test_repeating_an_import_changes_nothing(bangui):
    """The same rows again leave the dirty set as it was."""
    text = as_lines([{**row, "resolved_at": "2026-01-01T00:00:00Z"} for row in ROWS])
    bangui.ok("import", input=text)
    before = bangui.rows("SELECT * FROM geo_cache_dirty")
    bangui.ok("import", input=text)

    assert bangui.rows("SELECT * FROM geo_cache_dirty") == before


def test_of_one_address_the_last_of_equal_rows_counts(bangui):
    """A batch is sorted by address, and keeps the order of the rows of one address."""
    rows = [
        {"ip": "1.1.1.1", "country": "DE", "org": str(i), "resolved_at": "2026-01-01"} for i in range(5)
    ]
    bangui.ok("import", input=as_lines([*rows, {"ip": "1.1.1.1", "resolved_at": "2026-01-02"}]))

    assert staged(bangui) == {"1.1.1.1": ("DE", "Germany", None, "4")}


def test_of_one_address_the_last_counts_whether_it_is_taken_as_it_stands_or_not(bangui):
    """Rows in normal form and others stay in their order, though they are made in two ways."""
    row = {"country_code": "DE", "country_name": "Germany", "asn": "AS64496", "org": "Example"}
    row["resolved_at"] = "2026-01-01T00:00:00.000Z"
    spellings = [row, row | {"asn": 64497}, row | {"country_code": "fr", "country_name": "France"}, row]
    rows = [{"ip": f"192.0.2.{last}", **each} for last in range(4) for each in spellings[: last + 1]]
    bangui.ok("import", input=as_lines(rows))

    assert staged(bangui) == {
        "192.0.2.0": ("DE", "Germany", "AS64496", "Example"),
        "192.0.2.1": ("DE", "Germany", "AS64497", "Example"),
        "192.0.2.2": ("FR", "France", "AS64496", "Example"),
        "192.0.2.3": ("DE", "Germany", "AS64496", "Example"),
    }


class TestInputsAndOutputs:
    """Where the rows come from, and where the rejects go."""

    @pytest.mark.parametrize(
        ("name", "code"), [("missing.json", 66), (".", 66), ("file/inside", 66), ("a\nb", 66)]
    )
    def test_an_input_that_is_not_there_is_66_and_nothing_is_staged(self, bangui, name, code):
        """All inputs are looked at before the first is read."""
        (bangui.home / "file").write_text('{"ip": "1.1.1.1"}')
        ended = bangui.run("import", bangui.home / "file", bangui.home / name)

        assert (ended.code, staged(bangui)) == (code, {})
        assert ended.events[-1]["hint"]

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
    def test_an_unreadable_input_is_77(self, bangui):
        """A file of another user is a matter of permission."""
        source = bangui.home / "secret"
        source.touch(mode=0)

        assert bangui.run("import", source).code == 77

    @pytest.mark.parametrize("name", ["no/such/directory", "."])
    def test_rejects_that_cannot_be_created_are_73(self, bangui, name):
        """The file is made first: no row is staged whose neighbour could not be kept."""
        ended = bangui.run("import", "--rejects", bangui.home / name, input='{"ip": "1.1.1.1"}')

        assert (ended.code, staged(bangui)) == (73, {})

    def test_rejects_do_not_overwrite_an_input_or_the_database(self, bangui):
        """Also under another name, and when the input is stdin."""
        source, link = bangui.home / "in", bangui.home / "link"
        source.write_text('{"ip": "1.1.1.1"}')
        link.symlink_to(source)
        with source.open() as stdin:
            codes = [
                bangui.run("import", source, "--rejects", link).code,
                bangui.run("import", "--rejects", source, stdin=stdin).code,
                bangui.run("import", source, "--rejects", bangui.database).code,
            ]

        assert codes == [2, 2, 2]
        assert source.read_text() == '{"ip": "1.1.1.1"}'
        assert staged(bangui) == {}

    def test_a_full_disk_under_the_rejects_is_74(self, bangui):
        """A reject that could not be kept is a failure."""
        with open("/dev/full", "wb") as full:
            ended = bangui.run("import", "--rejects", "/dev/stdout", input="no json\n", stdout=full)

        assert ended.code == 74

    def test_rejects_take_no_device(self, bangui):
        """Whoever names /dev/sda by mistake keeps the disk."""
        ended = bangui.run("import", "--rejects", "/dev/null", input="no json\n")

        assert (ended.code, staged(bangui)) == (73, {})
        assert "no regular file" in ended.events[-1]["error"]

    def test_rejects_begin_as_a_file_that_nobody_else_reads(self, bangui):
        """Nor does who has opened the one of before, when all might read it."""
        rejects = bangui.home / "rejects"
        rejects.write_text("before\n")
        rejects.chmod(0o644)
        with rejects.open() as reader:
            assert bangui.run("import", "--rejects", rejects, input="no json\n").code == 65
            assert reader.read() == "before\n"

        assert rejects.stat().st_mode & 0o7777 == 0o600
        assert rejects.read_text() == "no json\n"

    def test_rejects_spare_a_file_with_a_second_name(self, bangui):
        """It was not made for them."""
        kept, rejects = bangui.home / "kept", bangui.home / "rejects"
        kept.write_text("kept")
        rejects.hardlink_to(kept)
        ended = bangui.run("import", "--rejects", rejects, input="no json\n")

        assert (ended.code, kept.read_text(), staged(bangui)) == (77, "kept", {})

    def test_without_a_database_nothing_is_read(self, bare):
        """Only `init` makes one."""
        rejects = bare.home / "rejects"
        ended = bare.run("import", "--rejects", rejects, input="x")

        assert (ended.code, rejects.exists()) == (66, False)

    def test_a_named_pipe_is_read_like_stdin(self, bangui):
        """Process substitution of a shell gives one."""
        command = " ".join(bangui.command("import", '<(echo \'{"ip": "1.1.1.1"}\')'))
        subprocess.run(["bash", "-c", command], env=bangui.environment, check=True)

        assert list(staged(bangui)) == ["1.1.1.1"]


def test_a_format_that_is_asked_for_is_not_guessed(bangui):
    """`--format csv` makes JSON a bad CSV, line by line."""
    ended = bangui.run("import", "--format", "csv", "--json", input=as_lines(ROWS[:3]))

    assert (ended.code, ended.json["rejected"]) == (65, 3)


def test_terminal_escapes_and_markup_are_text(bangui):
    """Control characters are stripped; brackets are what they are."""
    bangui.ok("import", input=json.dumps({"ip": "1.1.1.1", "org": "\x1b[2Jbold [red]x[/]\u202e\u0000"}))

    assert staged(bangui)["1.1.1.1"][3] == "[2Jbold [red]x[/]"


def test_help_names_what_it_reads(bare):
    """The help is where the field names are written down."""
    text = bare.ok("import", "--help").stdout

    assert all(
        word in text for word in ("ip-api.com", "ipinfo.io", "MaxMind", "--rejects", "--format", "65")
    )


@pytest.mark.parametrize(
    ("row", "country"),
    [
        ({"country_code": "fr"}, ("FR", "France")),
        ({"country_code": "UK", "country": "Britain"}, ("GB", "Britain")),
        ({"country": "uk"}, ("GB", "United Kingdom")),
        ({"country_code": "EU"}, ("EU", None)),
        ({"country_code": "XX", "country_name": "Unknown"}, (None, None)),
        ({"country": "ZZ"}, (None, None)),
        ({"country_code": "-", "country_name": "-", "asn": "-", "as": "-"}, (None, None)),
        # What another bangui exported comes back as it was.
        ({"country_code": "DE", "country_name": None}, ("DE", None)),
        ({"country_code": "DE", "country_name": ""}, ("DE", None)),
    ],
)
def test_a_country_is_a_code_with_its_name_or_nothing(bangui, row, country):
    """Codes that stand for none record a failed resolution; a name that is not given is ISO's."""
    bangui.ok("import", input=json.dumps({"ip": "192.0.2.1", **row}))

    assert staged(bangui) == {"192.0.2.1": (*country, None, None)}


def test_a_whole_number_may_have_a_point_and_a_zero(bangui):
    """As pandas writes a column of numbers in which some are missing."""
    bangui.ok("import", input="ip,asn,country_code\n192.0.2.20,13335.0,US\n192.0.2.21,,DE\n")

    assert staged(bangui) == {
        "192.0.2.20": ("US", "United States", "AS13335", None),
        "192.0.2.21": ("DE", "Germany", None, None),
    }
