"""Write the table of country names: `python tests/manual/country_names.py` after `pip install pycountry`.

The names are the English short names of ISO 3166-1 as Debian's iso-codes has them, which pycountry
brings along; where those are written for a register ("Korea, Republic of") and iso-codes has a common
name, it is that one. Kosovo, which ISO has not, has the code that is in use for it, XK.
"""

import re
import textwrap
from importlib.metadata import version
from pathlib import Path

import pycountry

MODULE = Path(__file__).parents[2] / "bangui_cli/rules/countries.py"
NOT_IN_ISO = {"XK": "Kosovo"}


def names() -> dict[str, str]:
    """Return the name of each country by its code."""
    known = {
        country.alpha_2: getattr(country, "common_name", country.name) for country in pycountry.countries
    }
    return dict(sorted((known | NOT_IN_ISO).items()))


def table() -> str:
    """Return the lines between the quotes."""
    # A line may be broken behind a bar, not within a name.
    joined = "| ".join(f"{code}={name}".replace(" ", "\u00a0") for code, name in names().items())
    lines = textwrap.wrap(joined, 100, break_on_hyphens=False)
    return "".join(line.replace("\u00a0", " ").replace("| ", "|") + "\n" for line in lines)


def main() -> None:
    """Put the table into the module."""
    source = MODULE.read_text()
    source = re.sub(r"pycountry [0-9.]+", f"pycountry {version('pycountry')}", source)
    start, end = source.index('"""\\\n') + 5, source.index('"""\n\n_NAMES')
    MODULE.write_text(source[:start] + table() + source[end:])


if __name__ == "__main__":
    main()
