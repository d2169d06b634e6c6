"""The C reader is come by without its package, and the package where there is none."""

import subprocess
import sys

import pytest
from geoip import MAXMIND

LOOK = """
import sys
{before}
from bangui_cli.resolving.reader import open_with
with open_with()(sys.argv[1]) as reader:
    print(reader.get("2.125.160.216")["country"]["iso_code"], *sorted({names} & set(sys.modules)))
"""
# What makes most of the time that the package takes.
HEAVY = {"multiprocessing", "importlib.metadata"}
WITHOUT_C = """
class Hidden:
    def find_spec(self, name, path, target=None):
        if name == "maxminddb.extension":
            raise ImportError(name)
sys.meta_path.insert(0, Hidden())
"""


@pytest.mark.parametrize(
    ("before", "said"),
    [
        ("", ["GB"]),
        ("import maxminddb", ["GB", *sorted(HEAVY)]),
        (WITHOUT_C, ["GB", *sorted(HEAVY)]),
    ],
    ids=["alone", "imported before", "no C reader"],
)
def test_a_file_is_read_with_what_is_there(before, said):
    """The package asks for its own version, which takes longer than a thousand look-ups."""
    code = LOOK.format(before=before, names=HEAVY)
    path = next(MAXMIND.glob("GeoIP2-City*.mmdb"))
    ended = subprocess.run(
        [sys.executable, "-c", code, path], capture_output=True, text=True, check=True
    )

    assert ended.stdout.split() == said
