"""The tests are tested: each mutant of the program is noticed by the test that it names."""

import mutants
import pytest


@pytest.mark.torture
def test_every_mutant_is_killed():
    """Output says which test killed which; a survivor is a promise that no test holds."""
    assert mutants.run([]) == 0
