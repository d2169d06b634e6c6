"""What every service answers, and every MMDB file holds, is staged as what it means; the rest with a word."""

import csv
import io
import json

import layouts
import pytest

from bangui_cli.importing.report import MOST_REPORTED_ROWS
from bangui_cli.rules import extraction


def staged(bangui):
    rows = bangui.rows("SELECT ip, country_code, country_name, asn, org FROM geo_cache_dirty")
    return {ip: layouts.Facts(*facts) for ip, *facts in rows}


def agree(found, meant):
    """Tell whether facts are those that were meant; a name that is not given may be known from elsewhere."""
    return found == (meant if meant.country_name else meant._replace(country_name=found.country_name))


def flattened(row, prefix=""):
    """Spell a row as a table does that was made of it: `country.iso_code` is a column."""
    for key, value in row.items():
        if isinstance(value, dict):
            yield from flattened(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


def as_table(row):
    text = io.StringIO()
    columns, values = zip(*flattened(row), strict=True)
    csv.writer(text).writerows([columns, values])
    return text.getvalue()


@pytest.mark.parametrize("name", layouts.LAYOUTS)
def test_a_layout_is_staged_as_what_it_means(bangui, name):
    """As a line of JSON, in a document, and as a table with a header."""
    row, meant = layouts.LAYOUTS[name]
    row = row if name in layouts.ANSWERS else {"ip": "198.51.100.1", **row}
    texts = [json.dumps(row), json.dumps([row], indent=2), as_table(row)]
    files = [bangui.home / str(number) for number in range(len(texts))]
    for number, text in enumerate(texts):
        files[number].write_text(text.replace('198.51.100.1"', f'198.51.100.{number}"').replace(
            "198.51.100.1,", f"198.51.100.{number},"
        ))  # fmt: skip
    ended = bangui.ok("import", *files, "--json")

    assert {ip: agree(facts, meant) for ip, facts in staged(bangui).items()} == {
        f"198.51.100.{number}": True for number in range(len(texts))
    }
    assert bool(ended.events) == bool(extraction.unknown_fields(row))
    assert (ended.json["resolved"], ended.json["unresolved"]) == (
        (3, 0) if meant.country_code else (0, 3)
    )


def test_rows_of_another_kind_are_not_taken_for_failures_without_a_word(bangui):
    """One warning an input names the fields that nobody understood."""
    rows = [{"ip": f"192.0.2.{n}", "town": "Berlin", "lat": 52.5} for n in range(5)]
    text = "".join(json.dumps(row) + "\n" for row in [*rows, {"ip": "192.0.2.9", "country": None}])
    ended = bangui.ok("import", "--json", input=text)
    (warning,) = ended.events

    assert (ended.json["staged"], ended.json["unresolved"]) == (6, 6)
    assert (warning["event"], warning["level"]) == ("import_fields_unknown", "warning")
    assert (warning["file"], warning["rows"], warning["fields"]) == ("-", 5, ["town", "lat"])


def test_a_list_of_addresses_and_what_a_service_does_not_know_need_no_warning(bangui):
    """An address alone, a known field that is empty, a status: each says what it is."""
    texts = [
        "ip\n192.0.2.1\n",
        '{"ip": "192.0.2.2", "country_code": ""}',
        '{"ip": "192.0.2.3", "bogon": true}',
    ]
    for text in texts:
        assert bangui.ok("import", input=text).stderr == ""

    assert set(staged(bangui).values()) == {layouts.Facts()}


REASONS = [
    ({"query": "192.0.2.1", "countryCode": "DEU"}, "countryCode: the country code is not two letters"),
    ({"ip": "192.0.2.1", "country": {"iso_code": "D1"}}, "country.iso_code: the country code is not two"),
    ({"ip": "192.0.2.1", "country_name": ["x"]}, "country_name: not text"),
    ({"ip": "192.0.2.1", "connection": {"asn": "x"}}, "connection.asn: the ASN is not a number"),
    ({"ip": "192.0.2.1", "as": "AS9999999999 x"}, "as: the ASN is out of range"),
    ({"ip": "192.0.2.1", "org": "AS9999999999 x"}, "org: the ASN is out of range"),
    ({"ip": "192.0.2.1", "asn": 1, "org": True}, "org: not text"),
    ({"ip": "192.0.2.1", "cached_at": "yesterday"}, "cached_at: not a time"),
    ({"ip": "192.0.2.1", "resolved_at": {"$date": "2026-01-01"}}, "resolved_at: not a time"),
    ({"IP": "192.0.2.0/24"}, "IP: a network, not an address"),
    ({"ip_from": "192.0.2.1"}, "no address (ip or query)"),
]  # fmt: skip


@pytest.mark.parametrize(("row", "reason"), REASONS, ids=lambda value: str(value)[:40])
def test_the_reason_names_the_field_as_the_row_does(bangui, row, reason):
    """Whose data it is looks for the name that is in the data."""
    ended = bangui.run("import", input=json.dumps(row))

    assert ended.code == 65
    assert ended.events[0]["reason"].startswith(reason)


def test_many_rejects_are_told_in_one_event_but_the_first(bangui):
    """A column that went wrong does not fill the log; each row is still counted and kept."""
    good = [f"192.0.2.{n},DE\n" for n in range(3)]
    bad = [f"198.51.100.{n % 256},DEU\n" for n in range(MOST_REPORTED_ROWS + 50)]
    rejects = bangui.home / "rejects"
    text = "".join(["ip,country_code\n", *good, *bad])
    ended = bangui.run("import", "--rejects", rejects, input=text)
    *told, rest, _ = ended.events

    assert [event["line"] for event in told] == list(range(5, 5 + MOST_REPORTED_ROWS))
    assert (rest["event"], rest["rows"]) == ("import_rows_rejected", 50)
    assert (rest["first_line"], rest["last_line"]) == (105, 154)
    assert rejects.read_text() == "ip,country_code\n" + "".join(bad)


def test_rejects_can_be_corrected_and_imported_again(bangui):
    """They carry the header of their table; elements of a document are lines."""
    sources = {
        "a.csv": 'ip;country_code;org\n192.0.2.1;DEU;"x;\ny"\n192.0.2.2;DE;z\n',
        "b.csv": "country_code,query\nDEU,192.0.2.3\n",
        "c.json": json.dumps([{"ip": "192.0.2.4", "country_code": "DEU", "org": "Süd\n"}], indent=1),
        "d.jsonl": '[{"ip": "192.0.2.5"}, {"ip": "192.0.2.6", "country_code": "DEU"}]\n',
    }
    kept = {
        "a.csv": 'ip;country_code;org\n192.0.2.1;DEU;"x;\ny"\n',
        "b.csv": "country_code,query\nDEU,192.0.2.3\n",
        "c.json": '{"ip": "192.0.2.4", "country_code": "DEU", "org": "Süd\\n"}\n',
        "d.jsonl": '{"ip": "192.0.2.6", "country_code": "DEU"}\n',
    }
    for name, text in sources.items():
        source, rejects = bangui.home / name, bangui.home / "rejects"
        source.write_text(text)
        assert bangui.run("import", source, "--rejects", rejects).code == 65
        assert rejects.read_text() == kept[name]
        rejects.write_text(rejects.read_text().replace("DEU", "DE"))
        bangui.ok("import", rejects)

    assert sorted(staged(bangui)) == [f"192.0.2.{n}" for n in range(1, 7)]
