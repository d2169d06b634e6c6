"""A wrong file is one error that says what it is, not an error a row; odd but good data gets in."""

import bz2
import contextlib
import gzip
import io
import json
import lzma
import sqlite3
import tarfile
import zipfile

import pytest

from bangui_cli.importing.report import HOPELESS_ROWS, MOST_REPORTED_ROWS

ROWS = b"ip,country_code\n192.0.2.1,DE\n192.0.2.2,FR\n"


def staged(bangui):
    rows = bangui.rows("SELECT ip, country_code, asn, org FROM geo_cache_dirty ORDER BY ip")
    return {ip: tuple(values) for ip, *values in rows}


def as_zip(data):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("rows.csv", data)
    return buffer.getvalue()


def as_tar(data):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        member = tarfile.TarInfo("rows.csv")
        member.size = len(data)
        archive.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


def as_database(_):
    with contextlib.closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("CREATE TABLE rows (ip)")
        return connection.serialize()


LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"
HTML = b"\n<html><head><title>429 Too Many Requests</title></head><body>429</body></html>\n"
WRAPPINGS = {
    "gzip": (gzip.compress, "gzip", "zcat FILE | bangui import"),
    "bzip2": (bz2.compress, "bzip2", "bzcat FILE | bangui import"),
    "xz": (lzma.compress, "xz", "xzcat FILE | bangui import"),
    "zstd": (lambda data: b"\x28\xb5\x2f\xfd" + data, "zstd", "zstdcat FILE | bangui import"),
    "zip": (as_zip, "a ZIP archive", "unzip -p FILE | bangui import"),
    "tar": (as_tar, "a tar archive", "tar -xOf FILE NAME | bangui import"),
    "UTF-16": (lambda data: data.decode().encode("utf-16"), "UTF-16", "iconv -f UTF-16 -t UTF-8 FILE | bangui import"),
    "UTF-16 without a mark": (lambda data: data.decode().encode("utf-16-be"), "UTF-16", "iconv -f UTF-16 -t UTF-8 FILE | bangui import"),
    "SQLite": (as_database, "an SQLite database", "export a table of it: sqlite3 -csv -header FILE"),
    "LFS": (lambda _: LFS, "a Git LFS pointer, not the file itself", "fetch the file: git lfs pull"),
    "HTML": (lambda _: HTML, "HTML or XML, titled '429 Too Many Requests'", "look at it: a server may have answered with an error; fetch it again"),
}  # fmt: skip


@pytest.mark.parametrize("wanted", ["auto", "csv"])
@pytest.mark.parametrize("name", WRAPPINGS)
def test_a_file_in_the_wrong_wrapping_is_one_error_that_says_how_to_unwrap_it(bangui, name, wanted):
    """At once, by its first bytes; the hint can be pasted."""
    wrap, what, hint = WRAPPINGS[name]
    source = bangui.home / "the rows"
    source.write_bytes(wrap(ROWS))
    ended = bangui.run("import", source, "--format", wanted)
    (event,) = ended.events

    assert (ended.code, staged(bangui)) == (65, {})
    assert (event["event"], event["error"]) == ("command_failed", f"{source}: {what}")
    assert event["hint"] == hint.replace("FILE", f"'{source}'")


@pytest.mark.parametrize("name", ["gzip", "bzip2", "xz", "UTF-16", "tar"])
def test_the_hint_works(bangui, name):
    """What it tells to run makes rows of the file."""
    wrap, _, hint = WRAPPINGS[name]
    source = bangui.home / "rows.csv"
    source.write_bytes(wrap(ROWS))
    command = hint.replace("FILE", str(source)).replace(" NAME", " rows.csv")
    command = command.replace("| bangui", "| " + " ".join(bangui.command()))
    with bangui.start(program=["sh", "-c", command]) as process:
        assert process.wait(60) == 0

    assert list(staged(bangui)) == ["192.0.2.1", "192.0.2.2"]


def test_a_wrong_file_among_others_costs_no_other(bangui):
    """Each is an error by itself; the rows of the good ones are staged."""
    contents = {"a": gzip.compress(ROWS), "b": ROWS, "c": LFS, "d": b'{"ip": "192.0.2.3"}\n{"ip": 1}\n'}
    files = [bangui.home / name for name in contents]
    for file, content in zip(files, contents.values(), strict=True):
        file.write_bytes(content)
    ended = bangui.run("import", *files, "--json")

    assert (ended.code, list(staged(bangui))) == (65, ["192.0.2.1", "192.0.2.2", "192.0.2.3"])
    assert ended.event_names == ["import_row_rejected", "import_source_refused", "command_failed"]
    assert [event.get("error") for event in ended.events[1:]] == [
        f"{files[0]}: gzip",
        f"{files[2]}: a Git LFS pointer, not the file itself",
    ]
    assert (ended.json["read"], ended.json["staged"], ended.json["rejected"]) == (4, 3, 1)


def test_a_table_without_a_header_ends_after_its_first_rows(bangui):
    """400,000 lines of another kind are not 400,000 events; the error says what is missing."""
    rejects = bangui.home / "rejects"
    lines = [f"192.0.{n >> 8 & 255}.{n & 255},DE\n" for n in range(400_000)]
    ended = bangui.run("import", "--json", "--rejects", rejects, input="".join(lines))
    *told, rest, last = ended.events

    assert (ended.code, ended.json["read"], ended.json["rejected"]) == (65, HOPELESS_ROWS, HOPELESS_ROWS)
    assert len(told) == MOST_REPORTED_ROWS
    assert (rest["event"], rest["rows"]) == ("import_rows_rejected", HOPELESS_ROWS - MOST_REPORTED_ROWS)
    assert last["error"] == (
        "stdin: no row could be used, of 1,000 read; it is a table of 2 columns without a header"
    )
    assert "(echo ip,country_code,...; cat -) | bangui import" in last["hint"]
    assert rejects.read_text() == "".join(lines[:HOPELESS_ROWS])


@pytest.mark.parametrize("begin", ["192.0.2.1\n2001:db8::1\n", "\n\n 192.0.2.1", "\ufeff192.0.2.1\n"])
def test_a_list_of_addresses_is_to_be_resolved(bangui, begin):
    """It holds nothing to import; the command that takes it is named."""
    (bangui.home / "a list").write_text(begin)
    piped = bangui.run("import", input=begin).events[-1]
    read = bangui.run("import", "a list", cwd=bangui.home).events[-1]

    assert piped["error"].endswith("; it is a list of addresses, and nothing about them")
    assert (piped["hint"], read["hint"]) == (
        "bangui resolve -", "cat 'a list' | bangui resolve -"
    )  # fmt: skip


def test_a_country_by_name_is_found_by_iso_3166(bangui):
    """A table of names gets their codes; what is none is told of, once, and not left out in silence."""
    rows = "ip,country\n192.0.2.1,Germany\n192.0.2.2,USA\n192.0.2.3,\n192.0.2.4,Utopia\n"
    ended = bangui.ok("import", "--json", input=rows)
    (event,) = ended.events
    found = bangui.ok("lookup", "192.0.2.1", "192.0.2.2", "--json").json

    assert [(row["country_code"], row["country_name"]) for row in found] == [
        ("DE", "Germany"), (None, "USA")
    ]  # fmt: skip
    assert (event["event"], event["rows"], event["country"]) == ("import_country_unknown", 2, "USA")
    assert "country_code" in event["hint"]
    assert (ended.json["resolved"], ended.json["unresolved"]) == (1, 3)


def test_one_good_row_among_the_first_is_hope_enough(bangui):
    """A file that begins badly may still be the right one."""
    bad = "nonsense\n" * (HOPELESS_ROWS - 1)
    ended = bangui.run(
        "import", "--json", input=f'{bad}{{"ip": "192.0.2.1"}}\n{bad}{{"ip": "192.0.2.2"}}\n'
    )

    assert (ended.code, list(staged(bangui))) == (65, ["192.0.2.1", "192.0.2.2"])
    assert ended.json["rejected"] == 2 * (HOPELESS_ROWS - 1)


@pytest.mark.parametrize(
    ("text", "begins"),
    [
        ("Too many requests", "Too many requests"),
        ('{"error": "quota"}\n', '{"error": "quota"}'),
        ("\n\n" + "x" * 500, "x" * 100 + "..."),
        ('{\n "detail": "rate limit"\n}', "{"),
    ],
)
def test_an_answer_that_is_no_row_is_shown(bangui, text, begins):
    """A service that is asked too often says so in words of its own."""
    ended = bangui.run("import", input=text)

    assert ended.code == 65
    assert (
        ended.events[-1]["error"] == f"stdin: no row could be used, of 1 read; it begins with '{begins}'"
    )


ODD_BUT_GOOD = {
    "a table of a spreadsheet": (
        '\ufeffip;country_code;country_name;asn;org\r\n198.51.100.20;CI;Côte d\'Ivoire;AS64496;"Müller; Söhne"\r\n',
        {"198.51.100.20": ("CI", "AS64496", "Müller; Söhne")},
    ),
    "whole numbers as pandas writes them": (
        "ip,asn,country_code\n192.0.2.20,13335.0,US\n192.0.2.21,,DE\n",
        {"192.0.2.20": ("US", "AS13335", None), "192.0.2.21": ("DE", None, None)},
    ),
    "whole numbers as pandas writes them, as JSON": (
        '{"ip":"192.0.2.22","asn":13335.0,"country_code":"US"}\n{"ip":"192.0.2.23","asn":null,"country_code":"DE"}\n',
        {"192.0.2.22": ("US", "AS13335", None), "192.0.2.23": ("DE", None, None)},
    ),
    "whole numbers in a document": (
        '[{"ip":"192.0.2.22","asn":13335.0,"country_code":"US","n":1e400,"big":340282366920938463463374607431768211456}]',
        {"192.0.2.22": ("US", "AS13335", None)},
    ),
    "a dash for nothing": (
        '{"ip":"192.168.1.7","country_code":"-","country_name":"-","asn":"-","as":"-","is_proxy":false}\n',
        {"192.168.1.7": (None, None, None)},
    ),
    "a dash as an organisation": (
        "ip,country_code,asn,org\n192.0.2.9,DE,AS64496,-\n",
        {"192.0.2.9": ("DE", "AS64496", None)},
    ),
    "emoji, and half of one": (
        '[{"query":"192.0.2.1","org":"\\ud83d\\ude80 \\ud83d","countryCode":"DE"},\n {"query":"192.0.2.2","status":"fail"}]',
        {"192.0.2.1": ("DE", None, "\N{ROCKET} ?"), "192.0.2.2": (None, None, None)},
    ),
    "half an emoji, a number that is none, on lines": (
        '{"query":"192.0.2.1","org":"x\\ud83d","countryCode":"DE"}\n{"ip":"192.0.2.2","score":NaN,"country":"FR"}\n',
        {"192.0.2.1": ("DE", None, "x"), "192.0.2.2": ("FR", None, None)},
    ),
    "codes that are no country of ISO 3166": (
        "ip,country_code\n192.0.2.3,EU\n192.0.2.4,AP\n192.0.2.8,XK\n",
        {f"192.0.2.{n}": (code, None, None) for n, code in ((3, "EU"), (4, "AP"), (8, "XK"))},
    ),
    "times of several spellings": (
        "ip,country_code,resolved_at\n192.0.2.30,DE,1764129600.0\n192.0.2.33,DE,2025-11-26 10:00:00+00\n192.0.2.34,DE,2025-11-26T10:00:00.123456789Z\n",
        {f"192.0.2.{n}": ("DE", None, None) for n in (30, 33, 34)},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ODD_BUT_GOOD)
def test_odd_but_good_data_gets_in(bangui, name):
    """As it was found in public bug reports of other tools."""
    text, expected = ODD_BUT_GOOD[name]
    source = bangui.home / "source"
    source.write_text(text)
    bangui.ok("import", source)

    assert staged(bangui) == expected


ODD_AND_BAD = [
    ("192.0.2.5,T1,", "country_code: the country code is not two letters"),
    ("192.0.2.31,DE,1764129600000", "resolved_at: the time is more than 24 h ahead"),
    ("192.0.2.32,DE,26/11/2025 10:00", "resolved_at: not a time in ISO 8601 or seconds since 1970"),
    ("192.0.2.22,C\udce9,", "not UTF-8 (if it is Latin-1: iconv -f LATIN1 -t UTF-8)"),
]


@pytest.mark.parametrize(("line", "reason"), ODD_AND_BAD)
def test_odd_and_bad_rows_cost_themselves(bangui, line, reason):
    """Each with what to correct."""
    source = bangui.home / "source"
    text = f"ip,country_code,resolved_at\n{line}\n192.0.2.1,DE,\n"
    source.write_bytes(text.encode("utf-8", "surrogateescape"))
    ended = bangui.run("import", source)

    assert (ended.code, list(staged(bangui))) == (65, ["192.0.2.1"])
    assert (ended.events[0]["line"], ended.events[0]["reason"]) == (2, reason)


def test_failures_of_ip_api_are_entries_without_a_country(bangui):
    """An invalid query has no address and is refused, by its place in the answer."""
    answer = [
        {"status": "fail", "message": "private range", "query": "10.0.0.5"},
        {"status": "fail", "message": "invalid query", "query": "not-an-ip"},
        {"status": "success", "countryCode": "XK", "country": "Kosovo", "query": "198.51.100.52"},
    ]
    ended = bangui.run("import", "--json", input=json.dumps(answer))

    assert staged(bangui) == {"10.0.0.5": (None, None, None), "198.51.100.52": ("XK", None, None)}
    assert (ended.events[0]["element"], ended.events[0]["reason"]) == (2, "query: not an IP address")
    assert (ended.json["resolved"], ended.json["unresolved"], ended.json["rejected"]) == (1, 1, 1)
