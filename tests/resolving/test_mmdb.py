"""MMDB files of every maker are understood, and none that is damaged hurts."""

import bz2
import gzip
import lzma
import os
import random
import shutil
import subprocess
import time
from pathlib import Path

import geoip
import hostile_mmdb
import layouts
import maxminddb
import pytest
from freezegun import freeze_time
from hypothesis import given
from hypothesis import strategies as st

from bangui_cli.resolving import files, mmdb
from bangui_cli.resolving.files import open_files
from bangui_cli.resolving.records import Facts, extract, normalise
from bangui_cli.resolving.wrapping import HEAD_BYTES, recognise
from bangui_cli.states.errors import MmdbUnusable, NoInput, PermissionRefused

ODD = {
    "a country that has a name alone": ({"country": {"names": {"en": "Nowhere"}}}, Facts()),
    "a country code that is none": ({"country_code": "Europe", "country": "Europe"}, Facts()),
    "a country code alone": ({"country_code": "NL"}, Facts("NL", "Netherlands")),
    "another kind": ({"is_anonymous": True, "domain": "example.com"}, Facts()),
    "a text that never ends": (
        {"org": "x" * 100_000, "asn": 64496},
        Facts(asn="AS64496", org="x" * 200),
    ),
}
LAYOUTS = {name: (record, Facts(*facts)) for name, (record, facts) in layouts.RECORDS.items()} | ODD


@pytest.mark.parametrize(("record", "facts"), LAYOUTS.values(), ids=LAYOUTS.keys())
def test_a_layout_is_told_by_its_shape(record, facts, tmp_path):
    """The records of each maker give country, ASN and organisation; what is missing is None."""
    path = geoip.write_mmdb(tmp_path / "x.mmdb", {"192.0.2.0/24": record, "2001:db8::/32": record})

    file = mmdb.open_file(str(path))
    found = file.look_up(["192.0.2.7", "2001:db8::7", "198.51.100.1"])

    # Where a record has a code without a name, the name may come from elsewhere.
    found = [each if facts.country_name else each._replace(country_name=None) for each in found]
    assert found == [facts, facts, Facts()]
    assert file.has_facts == (facts != Facts() or "registered_country" in record)
    assert file.has_countries == (facts.country_code is not None or "registered_country" in record)


REGISTERED = {"registered_country": {"iso_code": "US", "names": {"en": "United States"}}}


@pytest.mark.parametrize(
    ("record", "registered", "facts"),
    [
        (REGISTERED, False, Facts()),
        (REGISTERED, True, Facts("US", "United States")),
        ({**REGISTERED, **geoip.country("DE", "Germany")}, True, Facts("DE", "Germany")),
        ({"registered_country": "US"}, True, Facts("US", "United States")),
        ({"represented_country": {"iso_code": "US"}}, True, Facts()),
    ],
)
def test_the_country_of_registration_counts_only_where_it_is_wanted(record, registered, facts, tmp_path):
    """And only where there is no country: it says where a network was allotted, not where it is."""
    path = geoip.write_mmdb(tmp_path / "x.mmdb", {"192.0.2.0/24": record})

    file = mmdb.open_file(str(path), registered=registered)
    [found] = file.look_up(["192.0.2.7"])

    assert (found.country_code, found.country_name or facts.country_name) == facts[:2]


def test_an_ipv6_address_in_an_ipv4_file_is_a_miss(tmp_path):
    """The reader raises ValueError there; the file simply does not know the address."""
    records = {"192.0.2.0/24": geoip.country("DE", "Germany")}
    file = mmdb.open_file(str(geoip.write_mmdb(tmp_path / "4.mmdb", records, ip_version=4)))

    assert [Facts(), Facts("DE", "Germany")] == file.look_up(["2001:db8::1", "192.0.2.1"])


scalars = (
    st.none() | st.booleans() | st.integers(-(2**40), 2**128) | st.floats() | st.text() | st.binary()
)
values = st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner))
fields = st.sampled_from(
    ["country", "country_code", "country_name", "asn", "as_name", "autonomous_system_number",
     "autonomous_system_organization", "iso_code", "names", "en", "traits", "status", "registered_country"]
)  # fmt: skip
records = values | st.dictionaries(fields, values | st.dictionaries(fields, values))


@given(records, st.booleans())
def test_a_record_of_any_shape_gives_facts_fit_for_the_table(record, registered):
    """Whatever a file holds, what comes out is in normal form or missing."""
    facts = normalise(*extract(record, registered=registered))

    code, name, asn, org = facts
    assert code is None or (len(code) == 2 and code.isascii() and code.isalpha() and code.isupper())
    assert name is None or (code is not None and 1 <= len(name) <= 200)
    assert asn is None or asn == f"AS{int(asn[2:])}"
    assert org is None or 1 <= len(org) <= 200


@given(st.tuples(*[st.sampled_from([None, "a", "b"])] * 8))
def test_each_half_of_the_facts_comes_whole_from_one_file(values):
    """A name never stands beside the code of another file, nor an organisation beside another's ASN."""
    first, second = Facts(*values[:4]), Facts(*values[4:])

    facts = first.completed_by(second)

    assert facts[:2] == (first if first.country_code else second)[:2]
    assert facts[2:] == (first if first.asn or first.org else second)[2:]


@pytest.mark.skipif(not shutil.which("mmdblookup"), reason="mmdblookup (mmdb-bin) is not installed")
@pytest.mark.parametrize(
    ("name", "path", "place"),
    [
        ("GeoLite2-Country-Test.mmdb", ["country", "iso_code"], 0),
        ("GeoIP2-City-Test.mmdb", ["country", "iso_code"], 0),
        ("GeoIP2-City-Test.mmdb", ["country", "names", "en"], 1),
        ("GeoLite2-ASN-Test.mmdb", ["autonomous_system_number"], 2),
        ("GeoLite2-ASN-Test.mmdb", ["autonomous_system_organization"], 3),
    ],
)
def test_every_network_of_maxminds_test_files_agrees_with_mmdblookup(name, path, place):
    """An independent reader finds the same for one address of each network."""
    source = geoip.MAXMIND / name
    with maxminddb.open_database(source) as reader:
        ips = [str(network.network_address) for network, _ in reader]
    file = mmdb.open_file(str(source))

    for ip, facts in zip(ips, file.look_up(ips), strict=True):
        assert _look_up(source, ip, path) == facts[place], ip


def _look_up(source: Path, ip: str, path: list[str]) -> str | None:
    command = ["mmdblookup", "--file", source, "--ip", ip, *path]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    if ended.returncode:
        return None
    text, _, kind = ended.stdout.strip().rpartition(" <")
    return text.strip('"') if kind == "utf8_string>" else f"AS{text}"


DAMAGES = {
    "cut short": lambda content: content[: len(content) // 2],
    "without its tree": lambda content: content[len(content) - 600 :],
    "without its data": lambda content: content[:11_000] + b"\xff" * 9000 + content[20_000:],
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_a_damaged_file_is_an_error_that_names_it(damage, tmp_path):
    """Each damage is told as bad data of that file, with what to do."""
    path = tmp_path / "damaged.mmdb"
    path.write_bytes(damage((geoip.MAXMIND / "GeoIP2-City-Test.mmdb").read_bytes()))

    with pytest.raises(MmdbUnusable) as caught:
        mmdb.open_file(str(path)).look_up([f"2001:2{n:x}8::" for n in range(16)] + ["2a02:d340::"])

    assert caught.value.exit_code == 65
    assert str(path) in caught.value.error
    assert "/proc/" not in caught.value.error


COUNTRY = (geoip.MAXMIND / "GeoLite2-Country-Test.mmdb").read_bytes()
PAGE = b"<!DOCTYPE html>\n<html><title>429 Too Many Requests</title></html>"
LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:0000\nsize 7000000\n"
WRAPPINGS = {
    "gzip": (gzip.compress(COUNTRY), "is compressed (gzip)", "gunzip {path}"),
    "bzip2": (bz2.compress(COUNTRY), "is compressed (bzip2)", "bunzip2 {path}"),
    "xz": (lzma.compress(COUNTRY), "is compressed (xz)", "unxz {path}"),
    "tar": (b"GeoLite2-Country.mmdb".ljust(257, b"\0") + b"ustar\x0000" + COUNTRY, "is a tar archive", "tar xf {path}"),
    "ZIP": (b"PK\x03\x04" + COUNTRY[:100], "is a ZIP archive", "unzip {path}"),
    "Git LFS": (LFS, "is a pointer of Git LFS", "git lfs pull"),
    "a web page": (PAGE, "is a web page", "what the server answers"),
    "a web page in Latin 1": (b"\n<HTML lang=fr>\xe9", "is a web page", "what the server answers"),
    "a refusal": (b"Invalid license key\n", "is text: 'Invalid license key'", "wrong key"),
    "a long text": ("é".encode() * 500, f"is text: {'é' * 60!r}", "wrong key"),
    "empty": (b"", "is empty", "fetch the file again"),
    "a database": (b"SQLite format 3\0" * 1000, "is an SQLite database", "give the MMDB file"),
}  # fmt: skip


@pytest.mark.parametrize(("content", "what", "hint"), WRAPPINGS.values(), ids=WRAPPINGS.keys())
def test_the_right_file_in_a_wrong_wrapping_is_told_by_what_it_is(content, what, hint, tmp_path):
    """An operator who is told to fetch it again gets the same again."""
    path = tmp_path / "country.mmdb"
    path.write_bytes(content)

    with pytest.raises(MmdbUnusable) as caught:
        mmdb.open_file(str(path))

    assert f"{path} {what}" == caught.value.error
    assert hint.format(path=path) in caught.value.hint


@given(st.binary(max_size=600) | st.text(max_size=600).map(lambda text: text.encode("utf-8", "ignore")))
def test_any_beginning_of_a_file_is_told_apart_or_not(content):
    """Whatever a file begins with, what is said of it is short, and fit to be shown."""
    found = recognise(content[:HEAD_BYTES])

    assert found is None or (found.what.isprintable() and len(found.what) < 400)


@pytest.mark.parametrize("built_s", [1, 4_000_000_000, 99_999_999_999_999, 2**64 - 1])
def test_a_time_that_makes_no_sense_is_only_a_number(built_s, tmp_path):
    """It comes from the file, and may be anything."""
    file = mmdb.open_file(str(hostile_mmdb.write_built(tmp_path / "x.mmdb", built_s)))

    assert [Facts("DE", "Germany")] == file.look_up(["192.0.2.1"])
    assert file.made_s(1_800_000_000) <= 1_800_000_000


def test_an_endless_tree_costs_seconds(tmp_path):
    """The look at its first records has a limit of CPU time of its own, so that doctor goes on."""
    began_s = time.monotonic()

    with pytest.raises(MmdbUnusable, match="no answer within 5 s of CPU time"):
        mmdb.open_file(str(hostile_mmdb.write_endless(tmp_path / "endless.mmdb")))

    assert time.monotonic() - began_s < 60


def test_a_record_that_unfolds_costs_no_memory(tmp_path):
    """A few hundred bytes of pointers to pointers are 20 to the power of 8 values."""
    path = hostile_mmdb.write_unfolding(tmp_path / "unfolding.mmdb")

    with pytest.raises(MmdbUnusable):
        mmdb.open_file(str(path))


def test_bytes_flipped_anywhere_never_end_the_process(tmp_path):
    """The C reader crashes on many of these files (SIGSEGV, SIGABRT): in a child, at our leisure."""
    content = (geoip.MAXMIND / "GeoIP2-City-Test.mmdb").read_bytes()
    chance = random.Random(7)
    refused = []
    for number in range(60):
        damaged = bytearray(content)
        for _ in range(16):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        path = tmp_path / f"{number}.mmdb"
        path.write_bytes(damaged)
        try:
            mmdb.open_file(str(path)).look_up(["81.2.69.142", "2001:218::", "2a02:d340::"])
        except MmdbUnusable as error:
            refused.append(error.error)

    assert 0 < len(refused) <= 60


def test_a_file_cut_short_while_it_is_read_is_an_error(tmp_path):
    """Its mmap ends in a SIGBUS, which only a child dies of."""
    path = tmp_path / "cut.mmdb"
    shutil.copy(geoip.MAXMIND / "GeoIP2-City-Test.mmdb", path)
    file = mmdb.open_file(str(path))
    os.truncate(path, 0)

    with pytest.raises(MmdbUnusable, match="changed while it was read"):
        file.look_up(["81.2.69.142"])


def test_a_file_written_into_while_it_is_read_is_an_error(tmp_path):
    """Half old and half new content could give wrong answers; nothing of it is taken."""
    path = tmp_path / "written.mmdb"
    shutil.copy(geoip.MAXMIND / "GeoLite2-Country-Test.mmdb", path)
    file = mmdb.open_file(str(path))
    content = path.read_bytes()
    os.utime(path, (0, 0))
    path.write_bytes(content)

    with pytest.raises(MmdbUnusable, match="changed while it was read"):
        file.look_up(["81.2.69.142"])


def test_a_file_replaced_by_rename_gives_the_old_answers_to_the_end(tmp_path):
    """A run reads one version of a file, whatever is renamed over it meanwhile."""
    path = geoip.write_mmdb(tmp_path / "a.mmdb", {"192.0.2.0/24": geoip.country("DE", "Germany")})
    file = mmdb.open_file(str(path))
    new = geoip.write_mmdb(tmp_path / "new", {"192.0.2.0/24": geoip.country("FR", "France")})
    new.rename(path)

    assert [Facts("DE", "Germany")] == file.look_up(["192.0.2.1"])


def test_what_is_no_file_to_read_is_told_apart(tmp_path):
    """Missing is 66, a directory or a pipe 65; opening a pipe does not wait for a writer."""
    os.mkfifo(tmp_path / "pipe")

    with pytest.raises(NoInput):
        mmdb.open_file(str(tmp_path / "missing.mmdb"))
    with pytest.raises(MmdbUnusable):
        mmdb.open_file(str(tmp_path))
    with pytest.raises(MmdbUnusable):
        mmdb.open_file(str(tmp_path / "pipe"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_file_that_may_not_be_read_is_a_matter_of_permission(tmp_path):
    """The hint is not to fetch the file again."""
    path = tmp_path / "secret.mmdb"
    path.touch(mode=0)

    with pytest.raises(PermissionRefused):
        mmdb.open_file(str(path))


@pytest.fixture
def usual_place(tmp_path, monkeypatch):
    """Look for files in a directory of our own."""
    directory = tmp_path / "GeoIP"
    directory.mkdir()
    monkeypatch.setattr(files, "DIRECTORIES", (str(tmp_path / "missing"), str(directory)))
    return directory


def test_without_a_setting_the_usual_places_are_searched(usual_place):
    """Every *.mmdb there is opened, the newest first, and a file of another kind is passed over."""
    with freeze_time("2020-01-01"):
        old = geoip.write_mmdb(usual_place / "a.mmdb", {"192.0.2.0/24": geoip.country("DE", "Germany")})
    new = geoip.write_mmdb(usual_place / "b.mmdb", {"192.0.2.0/24": geoip.country("FR", "France")})
    geoip.write_mmdb(usual_place / "c.mmdb", {"192.0.2.0/24": {"is_anonymous": True}})
    (usual_place / "README").write_text("not a database")

    with open_files(()) as opened:
        assert [str(new), str(old)] == [file.path for file in opened]


def test_a_damaged_file_in_a_usual_place_is_not_passed_over(usual_place):
    """Its addresses would be staged as unresolved, and not asked again for a month."""
    geoip.write_mmdb(usual_place / "asn.mmdb", {"192.0.2.0/24": geoip.asn(64496, "Example AG")})
    (usual_place / "country.mmdb").write_bytes(b"rubbish")

    with pytest.raises(MmdbUnusable, match=r"country\.mmdb"), open_files(()):
        pass


def test_no_file_anywhere_is_no_input(usual_place):
    """The hint names the makers of such files and how to give one."""
    with pytest.raises(NoInput) as caught, open_files(()):
        pass

    assert "--geoip-db" in caught.value.hint


def test_only_files_of_another_kind_are_an_error_also_in_the_usual_places(usual_place):
    """There is nothing that could resolve an address."""
    geoip.write_mmdb(usual_place / "c.mmdb", {"192.0.2.0/24": {"is_anonymous": True}})

    with pytest.raises(MmdbUnusable, match="neither countries nor ASNs"), open_files(()):
        pass


def test_an_empty_tree_is_of_another_kind(tmp_path):
    """A file that knows no network at all would make every address unresolved."""
    with pytest.raises(MmdbUnusable), open_files([str(geoip.write_mmdb(tmp_path / "0.mmdb", {}))]):
        pass


def test_files_are_closed_again(tmp_path):
    """Also where one of them is refused."""
    before = os.listdir("/proc/self/fd")
    good = geoip.write_mmdb(tmp_path / "a.mmdb", {"192.0.2.0/24": geoip.country("DE", "Germany")})
    with open_files([str(good)]):
        pass
    with pytest.raises(NoInput), open_files([str(good), str(tmp_path / "none.mmdb")]):
        pass

    assert before == os.listdir("/proc/self/fd")


def test_a_file_too_large_for_a_copy_in_memory_is_not_copied(tmp_path):
    """What root opened for a user who may not: a copy of whatever size would fill the memory."""
    path = tmp_path / "huge.mmdb"
    with path.open("wb") as file:
        file.truncate(2**30 + 1)

        with pytest.raises(PermissionRefused, match="too large"):
            mmdb._copy_in_memory(file.fileno(), str(path))
