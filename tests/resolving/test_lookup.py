"""`bangui lookup`: what is known of addresses, from the database and, where asked, from MMDB files."""

import json
import shutil

import geoip
import others
import pytest

UNKNOWN = "198.51.100.9"


@pytest.fixture
def known(bangui):
    """Cache an address of each of two countries and one without a country; another one is dirty."""
    rows = [
        {"ip": "192.0.2.1", "country_code": "DE", "asn": 64496, "org": "Example AG"},
        {"ip": "2001:db8::1", "country_code": "GB"},
        {"ip": "192.0.2.9"},
    ]
    bangui.ok("import", input="".join(json.dumps(row) + "\n" for row in rows))
    bangui.ok("flush")
    bangui.ok("add", "192.0.2.2", "--country-code", "AT")
    return bangui


def test_addresses_come_from_stdin_too(known):
    """Between any white space, in the place of the dash, however many and however long."""
    words = f" 192.0.2.2\r\n\n\t{UNKNOWN}\v2001:DB8::1 \f::ffff:192.0.2.1"
    ended = known.run("lookup", "192.0.2.9", "-", "192.0.2.1", "--json", input=words)

    assert ended.code == 1
    assert [(row["ip"], row["state"], row["country_code"]) for row in ended.json] == [
        ("192.0.2.9", "cached", None),
        ("192.0.2.2", "dirty", "AT"),
        (UNKNOWN, "unknown", None),
        ("2001:db8::1", "cached", "GB"),
        ("192.0.2.1", "cached", "DE"),
        ("192.0.2.1", "cached", "DE"),
    ]


def test_any_number_of_addresses_is_looked_up_at_once(known):
    """More than one statement asks for."""
    ips = [f"10.0.{n >> 8}.{n & 255}" for n in range(12_000)]
    ended = known.run("lookup", "-", "--json", input="\n".join([*ips, "192.0.2.1"]))

    assert [row["ip"] for row in ended.json] == [*ips, "192.0.2.1"]
    assert [row["ip"] for row in ended.json if row["state"] != "unknown"] == ["192.0.2.1"]


@pytest.mark.parametrize(
    "text", ["192.0.2.1 nonsense", "x" * 20_000_000, "192.0.2.0/24", "192.0.2.1,192.0.2.2"]
)
def test_a_word_of_stdin_that_is_no_address_refuses_the_whole_lookup(known, text):
    """As on the command line, and without holding a word that has no end."""
    ended = known.run("lookup", "-", "--json", input=text)

    assert (ended.code, ended.stdout, len(ended.events)) == (65, "", 1)


def test_no_address_on_stdin_is_no_answer(known):
    """Nothing is unknown of nothing."""
    assert known.ok("lookup", "-", "--json", input=" \n").json == []
    assert known.ok("lookup", "-", input="").stdout == ""


@pytest.mark.parametrize("option", [["--json"], ["--format", "json"], ["--format=json", "--json"]])
def test_json_has_two_spellings(known, option):
    """Whichever a script was written with."""
    assert known.ok("lookup", "192.0.2.1", *option).json[0]["country_code"] == "DE"


def test_a_missing_name_is_that_of_iso_3166(known):
    """BanGUI caches codes alone, too; what is no country has no name."""
    insert = "INSERT INTO geo_cache (ip, country_code, cached_at) VALUES (?, ?, '2026-01-01T00:00:00Z')"
    for ip, code in [
        ("192.0.2.20", "kr"),
        ("192.0.2.21", "uk"),
        ("192.0.2.22", "EU"),
        ("192.0.2.23", ""),
    ]:
        known.execute(insert, ip, code)
    rows = known.ok("lookup", *(f"192.0.2.2{n}" for n in range(4)), "--json").json

    assert [(row["country_code"], row["country_name"]) for row in rows] == [
        ("KR", "South Korea"),
        ("GB", "United Kingdom"),
        ("EU", None),
        (None, None),
    ]


@pytest.mark.parametrize(
    ("ips", "countries", "code"),
    [
        (["192.0.2.1"], "DE", 0),
        (["192.0.2.1"], "at,de", 0),
        (["192.0.2.1"], "AT", 1),
        (["192.0.2.1", "192.0.2.2"], "AT,DE", 0),
        (["192.0.2.1", "192.0.2.2"], "AT", 1),
        (["2001:db8::1"], "UK", 0),
        (["192.0.2.9"], "DE", 1),
        ([UNKNOWN], "DE", 1),
        (["192.0.2.1", UNKNOWN], "DE", 1),
        (["-"], "DE,AT", 0),
    ],
)
@pytest.mark.parametrize("layout", [[], ["--json"]])
def test_in_answers_with_the_exit_code_alone(known, ips, countries, code, layout):
    """For fail2ban's `ignorecommand`: who is not known is not ignored."""
    ended = known.run("lookup", *ips, "--in", countries, *layout, input="192.0.2.1 192.0.2.2")

    assert ended == (code, "", "")


@pytest.mark.parametrize("input", ["", " \n# nobody\n"])
def test_in_of_nobody_is_no(known, input):
    """A script whose list is empty by mistake must not let anybody in."""
    assert known.run("lookup", "-", "--in", "DE", input=input) == (1, "", "")


@pytest.mark.parametrize("countries", ["", ",", "DE,", "Germany", "D3", "XX", "-", "DE AT"])
def test_in_what_is_no_country_is_a_usage_error(known, countries):
    """A typing mistake must not ignore, or ban, everybody."""
    ended = known.run("lookup", "192.0.2.1", f"--in={countries}")

    assert (ended.code, ended.stdout) == (2, "")


def test_in_fails_as_every_lookup_does(known):
    """Neither 0 nor 1 is the answer where none can be given."""
    assert known.run("lookup", "nonsense", "--in", "DE").code == 65
    assert known.run("lookup", "192.0.2.1", "--in", "DE", "-d", known.home / "missing.db").code == 66


@pytest.fixture
def files(known, tmp_path):
    """Set a country file and an ASN file."""
    france, example = geoip.country("FR", "France"), geoip.asn(64500, "Example SA")
    paths = [
        geoip.write_mmdb(tmp_path / "country.mmdb", {"192.0.2.0/24": france, "2001:db8::/32": france}),
        geoip.write_mmdb(tmp_path / "asn.mmdb", {"192.0.2.8/30": example, "203.0.113.0/24": example}),
    ]
    known.environment["BANGUI_GEOIP_DB_PATH"] = ":".join(map(str, paths))
    return known


def test_resolve_asks_the_files_for_what_has_no_country(files):
    """What is known is not asked for; of what no file knows nothing is told."""
    ips = ["192.0.2.1", "192.0.2.2", "192.0.2.9", "192.0.2.30", "203.0.113.1", UNKNOWN]
    ended = files.run("lookup", *ips, "--resolve", "--json")

    assert ended.code == 1
    assert [
        (row["state"], row["country_code"], row["country_name"], row["asn"]) for row in ended.json
    ] == [
        ("cached", "DE", "Germany", "AS64496"),
        ("dirty", "AT", "Austria", None),
        ("resolved", "FR", "France", "AS64500"),
        ("resolved", "FR", "France", None),
        ("resolved", None, None, "AS64500"),
        ("unknown", None, None, None),
    ]
    assert files.run("lookup", *ips[:5], "--resolve").code == 0


def test_resolve_writes_nothing(files):
    """It is a look, and a reader may not be allowed to write."""
    before = files.database.read_bytes()
    files.ok("lookup", "192.0.2.30", "--resolve")

    assert files.database.read_bytes() == before
    assert files.run("lookup", "192.0.2.30").code == 1


def test_resolve_and_in_together_answer_for_an_address_that_is_new(files):
    """As fail2ban asks at the moment of a ban, when nothing is cached."""
    assert files.run("lookup", "192.0.2.30", "--in", "FR").code == 1
    assert files.run("lookup", "192.0.2.30", "--in", "FR", "--resolve") == (0, "", "")
    assert files.run("lookup", "203.0.113.1", "--in", "FR", "--resolve").code == 1


def test_resolve_needs_a_file_only_for_what_is_not_known(known):
    """66 where it has to ask and there is none."""
    known.environment["BANGUI_GEOIP_DB_PATH"] = str(known.home / "missing.mmdb")

    assert known.ok("lookup", "192.0.2.1", "--resolve", "--json").json[0]["state"] == "cached"
    assert known.run("lookup", UNKNOWN, "--resolve").code == 66


def test_files_that_are_named_are_asked(known, tmp_path):
    """Who names one wants it asked; of several the first that knows counts."""
    files = [
        geoip.write_mmdb(tmp_path / f"{code}.mmdb", {network: geoip.country(code, code)})
        for code, network in (("FR", "192.0.2.30/32"), ("IT", "192.0.2.30/31"))
    ]
    options = [word for file in files for word in ("--geoip-db", file)]
    rows = known.ok("lookup", "192.0.2.1", "192.0.2.30", "192.0.2.31", *options, "--json").json

    assert [(row["state"], row["country_code"]) for row in rows] == [
        ("cached", "DE"), ("resolved", "FR"), ("resolved", "IT"),
    ]  # fmt: skip
    assert known.run("lookup", "192.0.2.30").code == 1


@others.needs_root
def test_root_needs_a_file_only_for_what_is_not_known_too(place, known):
    """Beside a database of another user files are opened early, and missed only if they are needed."""
    database = others.give(shutil.copy(known.database, place / "app.db"))
    others.give(place)
    options = ["-d", database, "--resolve", "--geoip-db", place / "missing.mmdb"]

    assert known.ok("lookup", "192.0.2.1", *options, "--json").json[0]["country_code"] == "DE"
    assert known.run("lookup", UNKNOWN, *options).code == 66
