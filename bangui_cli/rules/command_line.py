"""What words a command line has, before click has parsed it."""

TYPE_CHECKING = False  # as in bangui_cli.states.records
if TYPE_CHECKING:
    from collections.abc import Sequence


def wants_json(arguments: "Sequence[str]") -> bool:
    """Tell whether a command line asks for JSON."""
    return "--json" in arguments or "--format json" in " ".join(arguments).replace("=", " ")


def last_value(option: str, arguments: "Sequence[str]") -> str | None:
    """Return what a command line gives an option that takes a value."""
    found = None
    for text, following in zip(arguments, [*arguments[1:], None], strict=True):
        name, sign, value = text.partition("=")
        if name == option:
            found = value if sign else following
    return found
