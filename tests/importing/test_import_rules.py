"""The pure parts of an import: the fast way and the reference agree, and no bytes make it stumble."""

import contextlib
import itertools
import json
import random
import sqlite3

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bangui_cli.importing import json_lines
from bangui_cli.importing.detection import Detection
from bangui_cli.importing.normaliser import Normaliser, reference
from bangui_cli.importing.reading import Reader
from bangui_cli.importing.reasons import explain
from bangui_cli.importing.records import Alike
from bangui_cli.importing.report import Unusable
from bangui_cli.rules import pacing, timestamps
from bangui_cli.rules.entry import Entry, flatten, pack
from bangui_cli.rules.validation import Rejected
from bangui_cli.store.sqlite import entry_statements as sql
from bangui_cli.store.sqlite import tables

NOW_S = 1_800_000_000.0
NAMES = st.sampled_from(
    [
        "ip", "IP", "query", "address", "country", "country_code", "countryCode", "country_name", "asn", "as", "org",
        "isp", "asname", "as_name", "status", "resolved_at", "cached_at", "traits", "lat", "geo", "country.names", "names", "name", "en", "iso_code",
        "autonomous_system_number", "autonomous_system_organization", "",
    ]
)  # fmt: skip
IPS = st.one_of(
    st.ip_addresses().map(str),
    st.ip_addresses(v=6).map(lambda ip: ip.exploded.upper()),
    st.integers(0, 2**32 - 1).map(lambda n: f"::ffff:{n >> 24}.{n >> 16 & 255}.{n >> 8 & 255}.{n & 255}"),
    st.sampled_from(
        ["::1.2.3.4", "::", "1::", "0:0:1::", "01.2.3.4", "1.2.3", " 1.2.3.4 ", "1.2.3.4\n", "1.2.3.4\0", "\u0661.2.3.4",
         "fe80::1%lo", "1.2.3.0/24", "::ffff:1.2.3.4", "64:ff9b::1.2.3.4", "\ud800", "2001:db8:0:1:1:1:1:1", "", "x"]
    ),
)  # fmt: skip
TIMES = st.one_of(
    st.datetimes().map(lambda moment: moment.isoformat()),
    st.datetimes().map(lambda moment: moment.isoformat(timespec="milliseconds") + "Z"),
    st.sampled_from(
        ["2026-02-30T00:00:00.000Z", "2024-02-29T23:59:59.999Z", "1969-12-31T23:59:59.999Z", "2026-01-01T24:00:00.000Z",
         "2027-01-15T08:00:00.000Z", "2027-01-15T23:00:00.000Z", "2027-01-16T08:00:00.000Z", "2027-01-16T08:00:00.001Z",
         "2026-01-01T00:00:60.000Z", "२०२६-01-01T00:00:00.000Z", "2026-01-01T00:00:00.000Z\n", "2026-01-01", "  ", 0, 1e9, 1e400]
    ),
)  # fmt: skip
TEXTS = st.one_of(
    st.sampled_from(
        ["DE", "de", "Germany", "D1", "日本", "ÄÖ", "AS15169 Google LLC", "AS15169", "15169", "AS24 Seven", "AS15169 ",
         "AS99999999999 x", "fail", "success", "", " ", "\x00", "-", "as1", "AS1\nx", "x" * 300, "\ud800", "AS0015169 x"]
    ),
    st.text(max_size=8),
)  # fmt: skip
SCALARS = st.one_of(TEXTS, IPS, TIMES, st.none(), st.booleans(), st.integers(-2, 2**33), st.floats())
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(NAMES, inner, max_size=2),
    max_leaves=4,
)
ROWS = st.builds(
    lambda rest, ip, time: rest | ip | time,
    st.dictionaries(NAMES, VALUES, max_size=6),
    st.fixed_dictionaries({}, optional={"ip": IPS}),
    st.fixed_dictionaries({}, optional={"resolved_at": TIMES}),
)


def outcome(make, row):
    try:
        return Entry(*flatten([make(row)]))
    except Rejected:
        return None


@settings(max_examples=100, deadline=None)
@given(st.lists(ROWS, min_size=1, max_size=8))
@example([{"ip": "1.1.1.1", "asn": 1}, {"ip": "1.1.1.1", "asn": True}, {"ip": "1.1.1.1", "asn": 1.0}])
@example([{"ip": "1.1.1.1", "traits": {"autonomous_system_number": 1}}])
@example([{"ip": "1.1.1.1", "country.names": {"en": "Germany"}}])
@example([{"ip": "1.1.1.1", "asn": "1"}, {"ip": "1.1.1.1", "asn": 1}])
@example(
    [{"ip": "1.1.1.1", "resolved_at": {}}, {"ip": "1.1.1.1", "asn": {}, "resolved_at": {"$date": 0}}]
)
@example(
    [
        {"ip": "1.1.1.1", "resolved_at": "2026-01-01T00:00:00.000Z"},
        {"ip": "1.1.1.1", "resolved_at": "2026-01-01T00:00:00.000Z\n"},
    ]
)
def test_the_fast_way_leads_where_the_reference_does(rows):
    """Whatever was remembered of earlier rows, a row gives the entry of the slow way, or none either."""
    normaliser = Normaliser(NOW_S)
    for row in rows + rows:
        assert outcome(normaliser.make, row) == outcome(lambda row: reference(row, NOW_S), row)


PLAIN = {
    "ip": "192.0.2.1", "country_code": "DE", "country_name": "Germany", "asn": "AS64496",
    "org": "Example", "resolved_at": "2026-01-01T00:00:00.000Z",
}  # fmt: skip


@settings(max_examples=50, deadline=None)
@given(
    st.lists(
        st.builds(
            lambda values, key: PLAIN | {key: values[key]},
            st.fixed_dictionaries(
                {"ip": IPS, "resolved_at": TIMES}
                | dict.fromkeys(("country_code", "country_name", "asn", "org"), TEXTS)
            ),
            st.sampled_from(list(PLAIN)),
        ),
        min_size=1,
    )
)
def test_rows_that_are_taken_as_they_stand_stand_as_the_reference_has_them(rows):
    """Many rows at once give the entries of the slow way, or are left to it."""
    normaliser = Normaliser(NOW_S)
    for row in rows:
        outcome(normaliser.make, row)

    for row, plain in zip(rows, normaliser.make_plain(rows), strict=True):
        assert not plain or plain == reference(row, NOW_S)


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"ip": "2001:db8::1"},
        {"country_code": "TR", "country_name": "Türkiye", "org": "Českomoravská"},
        {"resolved_at": timestamps.to_text(NOW_S)},
        {"lat": 1, "city": None},
    ],
)
def test_what_is_in_normal_form_is_taken_as_it_stands(change):
    """What bangui or a resolver wrote is most of a large import; its time hangs on that."""
    normaliser, row = Normaliser(NOW_S), PLAIN | change
    normaliser.make(row)

    assert normaliser.make_plain([row]) == [reference(row, NOW_S)]


EDGES = [
    *({"ip": ip} for ip in ("::1.2.3.4", "2001:DB8::1", "2001:db8::0:1", "::ffff:102:304", "1::2::3", "01.2.3.4",
                            "1.2.3.256", "1.2.3", "1.2.3.4 ", "::", ":", "a", "", None)),
    *({"country_code": code} for code in ("de", "XX", "ZZ", "UK", "D", "DEU", "-", "", None)),
    *({field: text} for field in ("country_name", "org")
      for text in ("-", "--", " x", "x ", "\u00a0x", "x" * 200, "x" * 201, "x" * 199 + " y", "AS64496 x", "AS64496", "AS", "", None, 1)),
    *({"asn": asn} for asn in ("AS0", "AS01", "as1", "AS4294967295", "AS4294967296", "AS9999999999", "1", "AS1.0", "AS1 x", "", None)),
    *({"resolved_at": time} for time in ("2026-01-01T24:00:00.000Z", "2026-01-01T00:00:60.000Z", "2026-02-30T00:00:00.000Z",
                                         "2027-01-16T08:00:00.001Z", "2026-01-01", "", None)),
    *({key: value} for key in ("status", "country", "as", "isp", "as_name", "traits", "address", "ORG", "cached_at", "other")
      for value in ("fail", "FR", "AS1 x", "192.0.2.9", "2026-01-02", None)),
]  # fmt: skip


@pytest.mark.parametrize(
    "spelt", [{}, {"resolved_at": "cached_at"}, {"ip": "traits"}, {"org": "as"}], ids=str
)
@pytest.mark.parametrize("edge", EDGES, ids=str)
def test_a_row_with_one_rare_value_means_what_the_reference_says(edge, spelt):
    """Where the fast way ends and the slow one begins, field by field."""

    def spell(row):
        return {spelt.get(key, key): value for key, value in row.items()}

    normaliser, row = Normaliser(NOW_S), spell(PLAIN | edge)
    for known in (PLAIN, PLAIN | {"resolved_at": "2027-01-16T08:00:00.000Z"}, row):
        outcome(normaliser.make, known)
    (plain,) = normaliser.make_plain([row])
    expected = outcome(lambda row: reference(row, NOW_S), row)

    assert not plain or Entry(*flatten([plain])) == expected
    assert outcome(normaliser.make, row) == expected


def test_no_letter_is_taken_as_it_stands_that_would_be_changed():
    """No control character and no blank but the one between words is among the letters of a name."""
    normaliser = Normaliser(NOW_S)
    normaliser.make(PLAIN)
    for letter in map(chr, range(0x250)):
        row = PLAIN | {"org": f"{letter}x{letter}"}
        (plain,) = normaliser.make_plain([row])

        assert not plain or plain == reference(row, NOW_S)


@given(row=ROWS)
def test_whatever_is_refused_can_be_explained(row):
    """The reason is found though the row is of no known layout, or wrong in more than one place."""
    reasons = []
    try:
        Normaliser(NOW_S).make(row)
    except Rejected as reason:
        reasons.append(explain(row, reason, NOW_S))

    assert all(reasons)


@pytest.mark.parametrize("nothing", [None, "", " ", "-", {}])
def test_an_empty_address_is_refused_by_the_name_of_its_field(nothing):
    """Of a row with many fields one wants to know which of them to fill."""
    row = {"query": nothing, "country_code": "DE"}
    with pytest.raises(Rejected) as refused:
        Normaliser(NOW_S).make(row)

    assert explain(row, refused.value, NOW_S) == "query: no address"


@pytest.fixture(scope="module")
def dirty_table():
    """Make an empty dirty set in memory, with its CHECK constraints."""
    with contextlib.closing(sqlite3.connect(":memory:")) as connection:
        for create in tables.CREATE_TABLES:
            connection.execute(create)
        yield connection


@settings(max_examples=100, deadline=None)
@given(row=ROWS)
def test_what_is_accepted_is_canonical(dirty_table, row):
    """The CHECK constraints of the dirty set take every entry, and it stays itself when read again."""
    entry = outcome(Normaliser(NOW_S).make, row)
    if entry:
        dirty_table.execute(sql.STAGE, ["9999", *entry])

        assert reference(entry._asdict(), NOW_S) == pack(entry)


PIECES = st.one_of(
    st.sampled_from(
        [b'{"ip": "1.1.1.1"}', b'{"ip":"1.1.1.1","org":"a,b"}', b"\n", b"\r\n", b"[", b"]", b"{", b"}", b'"', b",", b":", b"\\",
         b'{"8.8.8.8": {', b'"8.8.4.4": {"country": "US"}', b"ip,org\n", b"1.1.1.1,x\n", b'1.1.1.2,"x', b"\xef\xbb\xbf", b"\xff", b"\x00",
         b"  ", b"1", b"true", b"NaN", "é".encode(), b'"\\ud800"', b'{"ip": 1', b"null"]
    ),
    st.binary(max_size=6),
)  # fmt: skip
INPUTS = st.lists(PIECES, max_size=30).map(b"".join)
CUTS = st.lists(st.integers(0, 200), max_size=6)


def chunks_of(data, cuts):
    bounds = sorted({0, *(min(cut, len(data)) for cut in cuts), len(data)})
    for start, end in itertools.pairwise(bounds):
        yield data[start:end]
        yield None


def each(records):
    for record in records:
        if isinstance(record, Alike):
            yield from record.records()
        elif record:
            yield record


def drain(records):
    """Read records as an import does: each row that is kept in full before the next."""
    drained = []
    with contextlib.suppress(Unusable):
        for number, kept, value in each(records):
            raw = kept[1] if isinstance(kept, tuple) else kept
            if not isinstance(raw, str | bytes | None):
                raw = b"".join(raw)
            drained.append((number, raw.encode() if isinstance(raw, str) else raw, value))
    return drained


FORMATS = ("auto", "jsonl", "json", "csv")


@pytest.mark.parametrize("wanted", FORMATS)
@settings(max_examples=60, deadline=None)
@given(data=INPUTS, cuts=CUTS)
def test_any_bytes_are_read_to_their_end(wanted, data, cuts):
    """No input makes a reader fail, and a line that it passes on stood where it says."""
    normaliser = Normaliser(NOW_S)
    for number, raw, value in drain(Reader(chunks_of(data, cuts), wanted).records()):
        outcome(normaliser.make, value)

        assert number >= 1
        if raw is not None:
            assert raw in data
            assert data.split(b"\n")[number - 1].find(raw.split(b"\n")[0]) >= 0


@pytest.mark.parametrize("wanted", FORMATS)
@settings(max_examples=60, deadline=None)
@given(data=INPUTS, cuts=CUTS)
def test_where_the_input_is_cut_into_chunks_makes_no_difference(wanted, data, cuts):
    """A pipe delivers what it has; the rows are the same."""
    whole = drain(Reader(iter([data]), wanted).records())
    cut = drain(Reader(chunks_of(data, cuts), wanted).records())

    assert repr(cut) == repr(whole)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.one_of(ROWS.map(json.dumps), st.sampled_from(["broken {", '"', "{", "[}", "\x00", "é"])),
        max_size=8,
    ),
)
def test_json_lines_are_judged_one_by_one(texts):
    """A line is what `json.loads` makes of it alone, whatever stands around it."""

    def alone(text):
        try:
            value = json.loads(text)
        except ValueError:
            return "refused"
        return json.dumps(value)

    records = drain(json_lines.read(iter(["\n".join(texts).encode("utf-8", "surrogatepass")])))

    assert [
        "refused" if isinstance(value, Rejected) else json.dumps(value) for _, _, value in records
    ] == [alone(text) for text in texts]


def as_csv(rows):
    lines = [f'{row["ip"]},{row["country"]},"{row["org"]}"' for row in rows]
    return ["ip,country,org\r\n", *(line + "\r\n" for line in lines)]


LAYOUTS = {
    "lines": lambda rows: [json.dumps(row) + "\n" for row in rows],
    "array": lambda rows: [
        "[",
        *(json.dumps(row) + ", " for row in rows[:-1]),
        json.dumps(rows[-1]) + "]",
    ],
    "pretty": lambda rows: [json.dumps(row, indent=2) + "\n" for row in rows],
    "csv": as_csv,
}


def damaged(text, chance):
    """Cut a row off, or change, insert or drop some bytes in it; its last ones stay, as its border."""
    data, border = bytearray(text[:-2].encode()), text[-2:].encode()
    for _ in range(chance.choice((1, 1, 3))):
        at = chance.randrange(len(data) + 1)
        junk = bytes([chance.choice(b'"{}[],:\\\n\x00\xff x')])
        data[at : at + chance.choice((0, 1, 5))] = chance.choice((junk, b""))
        del data[chance.choice((at, len(data), len(data))) :]
    return bytes(data) + border


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_damaged_row_costs_no_line_but_its_own_and_ends_a_document(layout):
    """All other lines are found; of a document all that stands before, and one fault where it ends."""
    chance = random.Random(layout)
    for _ in range(150):
        rows = [{"ip": f"10.0.0.{n}", "country": "DE", "org": "Example, Ltd."} for n in range(8)]
        pieces = [piece.encode() for piece in LAYOUTS[layout](rows)]
        victim = chance.randrange(len(pieces) - len(rows), len(pieces) - 1)
        pieces[victim] = damaged(pieces[victim].decode(), chance)
        data = b"".join(pieces)
        size = chance.choice((7, 100, 10_000))
        chunks = iter([data[at : at + size] for at in range(0, len(data), size)])
        reader = Reader(chunks, "auto")
        values = [value for _, _, value in drain(reader.records())]
        entries = [outcome(Normaliser(NOW_S).make, value) for value in values]
        found = {entry.ip for entry in entries if entry}
        damaged_row = victim - len(pieces) + len(rows)
        wanted = {row["ip"] for row in rows} - {rows[damaged_row]["ip"]}
        faults = [value for value in values if isinstance(value, Rejected)]
        if reader.unit == "element" and faults:
            wanted = {row["ip"] for row in rows[:damaged_row]}
            assert faults == values[-1:]

        assert wanted <= found, data


STRAY_QUOTES = {
    "lines": b'{"ip": "10.0.0.1"}\n{"ip": "10.0.0.9, "org": "x"}\n{"ip": "10.0.0.2"}\n{"ip": "10.0.0.3"}',
    "csv": b'ip,org\n10.0.0.1,x\n10.0.0.9,"cut of\n10.0.0.2,x\n10.0.0.3,x\n10.0.0.9,behind"\n',
}


@pytest.mark.parametrize("layout", STRAY_QUOTES)
def test_two_stray_quotes_do_not_make_one_text_of_what_lies_between(layout):
    """A good row is a row of its own, also where a parser could take it for a part of a text."""
    records = drain(Reader(iter([STRAY_QUOTES[layout]]), "auto").records())
    entries = [outcome(Normaliser(NOW_S).make, value) for _, _, value in records]

    assert [entry.ip for entry in entries if entry] == ["10.0.0.1", "10.0.0.2", "10.0.0.3"]


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        ('{"ip": 1}\n', "jsonl"),
        ('{"ip": 1}', None),
        ('{"ip": 1}{"ip": 2}\n', "json"),
        ('{"ip": 1},\n{"ip": 2}\n', "jsonl"),
        ('{"ip": 1}, {"ip": 2}\n', "json"),
        ("{\n", None),
        ('{\n  "ip"\n', "json"),
        ("[", "json"),
        ("\n \n[", "json"),
        ("ip,country\n", "csv"),
        ("Query;Country\n", "csv"),
        ('"ip"\torg\n', "csv"),
        ("# made by hand\nip,country\n", "csv"),
        ("garbage\n[{\n", "json"),
        ("garbage\n" * 100, "jsonl"),
        ("garbage\n", None),
        ('{"ip": "1', None),
        ('{"ip": "1\n{"ip": 2}\n', "jsonl"),
        ('{"ip":\n{"ip": 2}\n', "jsonl"),
        ('{"ip":\n', None),
        ('{\n{\n  "ip"\n', "json"),
        ('{[ "ip",\n}\n{\n  "ip"\n', "json"),
    ],
)
def test_the_format_is_told_by_the_first_lines(head, expected):
    """Undecided only while the next line may decide."""
    detections = Detection(), Detection()
    bits = (head[at : at + 1].encode() for at in range(len(head)))

    assert detections[0].take(head.encode()) == expected
    assert next(filter(None, map(detections[1].take, bits)), None) == expected


@given(st.integers(50, 40_000), st.floats(1e-4, 10), st.integers(50, 40_000))
def test_a_batch_that_was_held_too_long_is_followed_by_a_smaller_one(rows, held_s, most_rows):
    """The next batch is at most twice the last, never over the limit, and aims at the target."""
    following = pacing.next_batch_rows(rows, held_s, most_rows, 0.2)

    assert pacing.FEWEST_ROWS <= following <= max(most_rows, pacing.FEWEST_ROWS)
    assert following <= 2 * rows or following == pacing.FEWEST_ROWS
    if held_s > 0.2:
        assert following <= rows
