"""Answers to many questions in one value: a list of them, or an object whose keys are the addresses."""

from collections.abc import Iterator
from typing import Any

_LONGEST_ADDRESS = 45
_ADDRESS_CHARACTERS = frozenset("0123456789abcdefABCDEF:.")


def is_address_like(key: str) -> bool:
    """Tell whether a key can be an address: ipinfo.io answers a batch with an object of such keys."""
    return (
        len(key) <= _LONGEST_ADDRESS
        and (":" in key or "." in key)
        and _ADDRESS_CHARACTERS.issuperset(key)
    )


def is_batch(value: Any) -> bool:
    """Tell a batch from a single answer."""
    if isinstance(value, list):
        return any(isinstance(item, dict) for item in value)
    if not isinstance(value, dict):
        return False
    key = next(iter(value), "")
    return is_address_like(key) and isinstance(value[key], dict)


def answers(batch: Any) -> Iterator[Any]:
    """Yield the answers of a batch, each with its address."""
    if isinstance(batch, list):
        yield from batch
    else:
        for key, value in batch.items():
            yield with_address(key, value)


def with_address(key: str, value: Any) -> Any:
    """Put the key of an answer into it, unless it names its address itself."""
    return {"ip": key, **value} if isinstance(value, dict) else value
