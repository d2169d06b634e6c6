"""Inputs that were made to be slow or large: each ends in seconds, within the memory of an ordinary one.

Each of these took time by the square of its length once, or memory by its width. A run that does not end
within a minute is killed, and fails.
"""

import json
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st
from peaks import peak_mib

from bangui_cli.importing import json_documents
from bangui_cli.importing.normaliser import Normaliser
from bangui_cli.importing.records import LINE_LIMIT_BYTES, MOST_VALUES, MOST_VALUES_OF_BATCH
from bangui_cli.rules.memory import Memory
from bangui_cli.rules.validation import Rejected

SIZE = 8 * 1024 * 1024
GOOD = b'{"ip": "192.0.2.1", "country": "DE"}\n'
TABLE = b"ip,org\n192.0.2.1,x\n"
# What a line of 16 MiB may take: itself, a copy of it, and what it is parsed to.
MOST_MIB = 120

LINES = {
    "a key of colons": b'{"' + b":" * SIZE + b'x": 1, "ip": "192.0.2.2"}',
    "brackets": b"[" * SIZE,
    "braces": b'{"a":' * (SIZE // 5),
    "an ASN of digits": b'{"ip": "192.0.2.2", "asn": ' + b"9" * SIZE + b"}",
    "a time of digits": b'{"ip": "192.0.2.2", "resolved_at": "' + b"9" * SIZE + b'"}',
    "an address of dots": b'{"ip": "' + b"." * SIZE + b'"}',
    "an address of colons": b'{"ip": "' + b":" * SIZE + b'"}',
    "an address of groups": b'{"ip": "' + b"1:" * (SIZE // 2) + b'"}',
    "many lists": b'{"ip": "192.0.2.2", "l": [' + b"[]," * (SIZE // 3) + b"[]]}",
    "zeros": b"\0" * SIZE,
    "quotes": b'"' * SIZE,
    "backslashes": b'{"ip": "192.0.2.2", "org": "' + b"\\" * SIZE + b'"}',
}
DOCUMENTS = {
    "a key of colons": b'[{"' + b":" * SIZE + b'x": 1, "ip": "192.0.2.2"}]',
    "brackets": b"[" * (SIZE // 4),
    "braces": b'[{"ip": "192.0.2.1"},' + b'{"a":' * (SIZE // 5),
    "a batch that breaks off in newlines": b'{"192.0.2.1": {},\n"192.0.2.2": {bad'
    + b"\n" * SIZE
    + b"}}",
    "broken elements": b"[" + b',{"a":' * (SIZE // 6),
    "a number of digits": b'[{"ip": "192.0.2.1"}, {"ip": "192.0.2.2", "asn": ' + b"9" * SIZE + b"}]",
    "a fraction of digits": b'[{"ip": "192.0.2.1", "lat": 0.' + b"9" * SIZE + b"}]",
    "many lists": b'[{"ip": "192.0.2.1", "l": [' + b"[]," * (SIZE // 3) + b"[]]}]",
    "blanks": b'[{"ip": "192.0.2.1"}' + b" " * SIZE + b"]",
    "a text without an end": b'[{"ip": "192.0.2.1", "org": "' + b"x" * SIZE,
}
TABLES = {
    "delimiters": TABLE + b"," * SIZE,
    "delimiters behind a quote": TABLE + b'""' + b"," * SIZE,
    "doubled quotes": TABLE + b'"' + b'""' * (SIZE // 2),
    "lines that open a quote": TABLE + b'192.0.2.1,"a\n' * (SIZE // 200),
    "lines within a quote": TABLE + (b'"a\n' + b'x""y\n' * 99) * (SIZE // 10_000),
    "columns": b"ip,"
    + b",".join(b"c%d" % n for n in range(1_000_000))
    + b"\n192.0.2.1"
    + b"," * 1_000_000,
}
INPUTS = {
    **{f"a line: {name}": ("jsonl", GOOD + line) for name, line in LINES.items()},
    **{f"a document: {name}": ("json", document) for name, document in DOCUMENTS.items()},
    **{f"a table: {name}": ("csv", table) for name, table in TABLES.items()},
}


@pytest.mark.parametrize("name", INPUTS)
def test_a_hostile_input_ends_in_time_and_in_little_memory(bangui, name):
    """Whatever it is made of, in the format that it is in and told to be."""
    wanted, content = INPUTS[name]
    source = bangui.home / "source"
    source.write_bytes(content)
    for form in ("auto", wanted):
        code, peak = peak_mib(bangui, "import", "--format", form, source)

        assert code in (0, 65)
        assert peak < MOST_MIB


def test_rows_of_many_fields_do_not_add_up(bangui):
    """What is remembered of a row is bounded by its size: 24 of 9,000 fields take what eight do."""
    source, peaks = bangui.home / "source", []
    for rows in (8, 24):
        source.write_text("".join(wide_row(n, 9000) for n in range(rows)))
        code, peak = peak_mib(bangui, "import", source)
        peaks.append(peak)
        assert code == 0

    assert peaks[1] < peaks[0] + 4


def wide_row(number, fields):
    names = ", ".join(f'"field {number} {n}": {n}' for n in range(fields))
    return f'{{"ip": "192.0.2.{number}", {names}}}\n'


def test_a_row_of_more_fields_than_any_service_has_is_refused(bangui):
    """300,000 fields in 6 MB would be ten times as much in memory."""
    source = bangui.home / "source"
    source.write_text(wide_row(1, 10) + wide_row(2, MOST_VALUES + 1))
    ended = bangui.run("import", source)

    assert (ended.code, ended.events[0]["line"]) == (65, 2)
    assert ended.events[0]["reason"] == "more than 10,000 values"
    assert bangui.rows("SELECT ip FROM geo_cache_dirty") == [("192.0.2.1",)]


@pytest.mark.parametrize("place", ["first", "second"])
def test_a_row_of_very_many_fields_is_never_taken_apart(bangui, place):
    """It is refused by its commas, also where it is the line that the format is told by."""
    source, wide = bangui.home / "source", wide_row(1, 300_000)
    source.write_text(wide + wide_row(2, 1) if place == "first" else wide_row(2, 1) + wide)
    assert len(wide) > 6_000_000
    code, peak = peak_mib(bangui, "import", source)

    assert code == 65
    assert peak < 45


@pytest.mark.parametrize("kind", ["list", "object"])
def test_a_batch_of_a_thousand_answers_may_stand_on_one_line(bangui, kind):
    """A service that answers a thousand questions at once has fifty fields in each of its answers."""
    fields = {f"field {n}": n for n in range(50)}
    answers = {f"192.0.{n // 250}.{n % 250}": fields for n in range(1000)}
    batch = answers if kind == "object" else [{"ip": ip, **fields} for ip, fields in answers.items()]
    assert MOST_VALUES < json.dumps(batch).count(",") < MOST_VALUES_OF_BATCH
    source = bangui.home / "source"
    source.write_text('{"ip": "192.0.2.1", "country_code": "DE"}\n' + json.dumps(batch) + "\n")

    assert bangui.ok("import", "--json", "--format", "jsonl", source).json["read"] == 1001


def test_rows_that_all_differ_in_their_fields_do_not_add_up():
    """Layouts are forgotten before they are too many, and what their values mean with them."""
    normaliser = Normaliser(1_800_000_000.0)
    for number in range(3000):
        for country in ("DE", "FR"):
            normaliser.make({"ip": "192.0.2.1", "country": country, f"field {number}": "x" * 100})

    assert len(normaliser._layouts) < 1000
    assert normaliser.make({"ip": "192.0.2.1", "country": "FR"}).split("\x1f")[1] == "FR"


@given(st.lists(st.tuples(st.text(max_size=300), st.integers(0, 9)), max_size=80))
def test_a_memory_holds_what_it_was_told_last_or_nothing(kept):
    """It never holds more than its share, and never something else than was kept."""
    memory, told = Memory(20_000), {}
    for key, value in kept:
        memory.keep(key, value)
        told[key] = value

        assert memory.items() <= told.items()
        assert sum(len(key) for key in memory) < 20_000


@pytest.mark.parametrize("size", [1, 7, 4096])
def test_a_text_that_comes_in_pieces_is_not_read_again_with_each(size):
    """The parser begins a text that is cut in two from its beginning: pieces are put together first."""
    document = b'[{"ip": "192.0.2.1", "org": "' + b"\\n" * 300_000 + b'"}]'
    pieces = (document[at : at + size] for at in range(0, len(document), size))
    ((number, _, value),) = json_documents.read(pieces)

    assert (number, value) == (1, {"ip": "192.0.2.1", "org": "\n" * 300_000})


@pytest.mark.parametrize("digits", [3999, 4000, 5000, 50_000])
@pytest.mark.parametrize("size", [1, 1000, 1_000_000])
def test_a_number_of_many_digits_ends_the_document_not_the_process(digits, size):
    """Over a number that Python does not take ijson's parser in C crashes."""
    document = b'[{"ip": "192.0.2.1"}, {"n": ' + b"9" * digits + b'}, {"ip": "192.0.2.2"}]'
    pieces = (document[at : at + size] for at in range(0, len(document), size))
    values = [value for _, _, value in json_documents.read(pieces)]

    assert values[0] == {"ip": "192.0.2.1"}
    if digits < 4000:
        assert values[1:] == [{"n": 10**digits - 1}, {"ip": "192.0.2.2"}]
    else:
        assert [str(value) for value in values[1:]] == ["not JSON: a number is too long"]


def test_an_element_over_the_limit_ends_the_document():
    """It is not held to its end; what came before it is not lost."""
    piece = b'"' + b"x" * 1_000_000 + b'",'
    pieces = iter([b'[{"ip": "192.0.2.1"}, {"l": [', *[piece] * (LINE_LIMIT_BYTES // 1_000_000 + 1)])
    values = [value for _, _, value in json_documents.read(pieces)]

    assert values[0] == {"ip": "192.0.2.1"}
    assert isinstance(values[1], Rejected)
    assert str(values[1]) == "longer than 16 MiB"


def test_a_pipe_that_delivers_byte_by_byte_is_judged_once_a_line(bangui):
    """The format of a long first line is not guessed anew with each piece."""
    process = bangui.start("import", "--json", stdin=subprocess.PIPE)
    text = '{"org": "' + "x" * 300_000 + '", "ip": "192.0.2.1"}\n'
    for at in range(0, len(text), 100):
        process.stdin.write(text[at : at + 100])
        process.stdin.flush()

    assert bangui.end(process).json["staged"] == 1
