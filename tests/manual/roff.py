"""Turn the light markup of the manual into man(7) source.

Four blanks are shown as they are; `## Title` is a subsection; `- term` with text indented by two is a
definition; otherwise a paragraph. In text, `backticks` are bold and *asterisks* italic.
"""

import re
import textwrap

_SPECIAL = str.maketrans(
    {"\\": "\\(rs", "-": "\\-", "'": "\\(aq", "`": "\\(ga", "^": "\\(ha", "~": "\\(ti"}
)


def page(name: str, number: int, footer: str, date: str, purpose: str, sections: dict[str, str]) -> str:
    """Return a whole page; sections without a text are left out.

    Raise UnicodeEncodeError for what not every locale could show.
    """
    lines = [f'.TH "{_escape(name.upper())}" {number} "{date}" "{footer}" "bangui manual"']
    lines += [".ad l", ".SH NAME", f"{_escape(name)} \\- {_inline(purpose)}"]
    for title, text in sections.items():
        if text:
            lines += [f'.SH "{_escape(title)}"', *_blocks(text)]
    source = "\n".join(lines) + "\n"
    source.encode("ascii")
    # After a heading a paragraph begins by itself.
    return re.sub(r"^(\.S[HS] .*\n)\.PP\n", r"\1", source, flags=re.MULTILINE)


def _blocks(text: str) -> list[str]:
    return [line for block in re.split(r"\n\n+", text.strip("\n")) for line in _block(block)]


def _block(block: str) -> list[str]:
    if block.startswith("    "):
        lines = [_line(_escape(line[4:])) for line in block.splitlines()]
        return [".PP", ".EX", *lines, ".EE"]
    if block.startswith("## "):
        return [f'.SS "{_escape(block[3:])}"']
    if block.startswith("- "):
        return [line for item in re.split(r"^- ", block, flags=re.MULTILINE)[1:] for line in _item(item)]
    return [".PP", *_filled(block)]


def _item(item: str) -> list[str]:
    term, _, text = item.partition("\n")
    return [".TP", _line(_inline(term)), *_filled(text)]


def _filled(text: str) -> list[str]:
    """Return a text in lines of a length that diffs can show; the reader's page fills them anew."""
    lines = textwrap.wrap(_inline(text), 80, break_long_words=False, break_on_hyphens=False)
    return [_line(line) for line in lines]


def _inline(text: str) -> str:
    """Escape text, its markup turned into fonts, its names and paths never divided by a hyphen."""
    text = _escape(" ".join(text.split()))
    text = re.sub(r"\S*(?:[_/]|[Bb]an[Gg][Uu][Ii])\S*", r"\\%\g<0>", text)
    text = re.sub(r"\\\(ga(.*?)\\\(ga", r"\\fB\1\\fR", text)
    return re.sub(r"\*(\S.*?)\*", r"\\fI\1\\fR", text)


def _escape(text: str) -> str:
    return text.translate(_SPECIAL)


def _line(text: str) -> str:
    """Keep a leading dot from being a request."""
    return f"\\&{text}" if text.startswith(".") else text
