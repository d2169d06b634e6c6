"""Values with named fields: what typing.NamedTuple makes, at a seventh of what it costs each start.

That one compiles source for every class, and the two dozen of a heartbeat are a twentieth of it.
"""

__all__ = ["Record"]

# typing is a dozen files, and a start from a slow disk is to come to its deadline before them.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any
    from typing import NamedTuple as Record
else:
    from _collections import _tuplegetter

    class _Kind(type):
        """Makes the annotated names of a class the names of its items."""

        def __new__(cls, name: str, bases: tuple[type, ...], namespace: "dict[str, Any]") -> type:
            made = super().__new__(cls, name, bases, {**namespace, "__slots__": ()})
            made._fields = made.__match_args__ = fields = tuple(made.__annotations__)
            made._field_defaults = {field: namespace[field] for field in fields if field in namespace}
            for index, field in enumerate(fields):
                setattr(made, field, _tuplegetter(index, None))
            return made

    class Record(tuple, metaclass=_Kind):
        """A tuple whose items have the names that are annotated; what has a default comes last."""

        __slots__ = ()

        def __new__(cls, *values: object, **named: object) -> "Any":
            """Take the items in their order, or by name."""
            if named or len(values) != len(cls._fields):
                values = _complete(cls, values, named)
            return tuple.__new__(cls, values)

        def _replace(self, **named: object) -> "Any":
            return type(self)(**{**self._asdict(), **named})

        def _asdict(self) -> "dict[str, Any]":
            return dict(zip(self._fields, self, strict=True))

        def __getnewargs__(self) -> "tuple[Any, ...]":
            return tuple(self)

        def __repr__(self) -> str:
            items = ", ".join(f"{field}={value!r}" for field, value in self._asdict().items())
            return f"{type(self).__name__}({items})"


def _complete(kind: "Any", values: "Sequence[object]", named: "Mapping[str, object]") -> list[object]:
    """Return the values of a record in their order, some of them given by name, or left out."""
    given = dict(zip(kind._fields, values, strict=False))
    complete = {**kind._field_defaults, **given, **named}
    is_too_much = len(values) > len(kind._fields) or given.keys() & named.keys()
    if is_too_much or complete.keys() != set(kind._fields):
        raise TypeError(f"{kind.__name__} takes {', '.join(kind._fields)}")
    return [complete[field] for field in kind._fields]
