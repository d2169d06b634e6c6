"""Write plain values as JSON, with nothing to import."""


def to_json(value: object) -> str:
    """Return plain values as JSON, ASCII only; whatever JSON does not know as a text."""
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case int():
            return str(value)
        case float() if abs(value) < float("inf"):
            return repr(value)
        case dict():
            return (
                "{"
                + ", ".join(f"{to_json(str(key))}: {to_json(item)}" for key, item in value.items())
                + "}"
            )
    return '"' + "".join(map(escape, str(value))) + '"'


def escape(character: str) -> str:
    """Return a character as it stands in a text of JSON."""
    if " " <= character <= "~" and character not in '"\\':
        return character
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))
