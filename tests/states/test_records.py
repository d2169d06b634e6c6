"""Records: what typing.NamedTuple makes, made cheaper."""

import copy
import pickle
from typing import NamedTuple

import pytest

from bangui_cli.states.records import Record


class Place(Record):
    """A place."""

    name: str
    height_m: float
    country: str = "CH"

    @property
    def is_high(self) -> bool:
        return self.height_m > 2000


class Named(NamedTuple):
    name: str
    height_m: float
    country: str = "CH"


@pytest.mark.parametrize(
    ("values", "named"),
    [
        (("Eiger", 3967), {}),
        (("Rigi", 1797, "CH"), {}),
        (("Zugspitze",), {"height_m": 2962, "country": "DE"}),
        ((), {"country": "AT", "height_m": 3798, "name": "Glockner"}),
    ],
)
def test_a_record_is_made_read_and_changed_as_a_named_tuple(values: tuple, named: dict):
    """Whoever reads the code takes it for one."""
    record, reference = Place(*values, **named), Named(*values, **named)

    assert tuple(reference) == record
    assert reference._asdict() == record._asdict()
    assert tuple(reference._replace(name="K2")) == record._replace(name="K2")
    assert (reference.name, reference.height_m, reference.country) == (
        record.name,
        record.height_m,
        record.country,
    )
    assert repr(reference).replace("Named(", "Place(") == repr(record)
    assert (record.height_m > 2000) == record.is_high
    assert hash(reference) == hash(record)


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ((), {}),
        (("Eiger",), {}),
        (("Eiger", 3967, "CH", "more"), {}),
        (("Eiger", 3967), {"name": "Eiger"}),
        (("Eiger", 3967), {"high": 3967}),
    ],
)
def test_what_does_not_fit_the_fields_is_a_mistake(values: tuple, named: dict):
    """A value in the wrong column must not get as far as the database."""
    with pytest.raises(TypeError):
        Named(*values, **named)
    with pytest.raises(TypeError):
        Place(*values, **named)


def test_a_record_has_no_room_for_more_and_is_copied_as_what_it_is():
    """A misspelt field must not be set, and what goes to another process comes back as a record."""
    record = Place("Eiger", 3967)

    with pytest.raises(AttributeError):
        record.hight_m = 1
    with pytest.raises(AttributeError):
        record.height_m = 1
    assert type(copy.copy(record)) is Place
    assert pickle.loads(pickle.dumps(record)) == record
    match record:
        case Place(name, height_m):
            assert (name, height_m) == ("Eiger", 3967)
