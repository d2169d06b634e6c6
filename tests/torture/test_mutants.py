"""The tests are tested: each mutant of the program is noticed by the test that it names."""

import mutants
import pytest
from mutant_table import MUTANTS


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_every_mutant_fits_the_program(mutant):
    """Whoever changes a line that a promise hangs on meets its row in the table."""
    assert mutants.mutated(mutant)
    assert (mutants.ROOT / "tests" / mutant.test.partition("::")[0]).exists()


@pytest.mark.torture
def test_every_mutant_is_killed():
    """Output says which test killed which; a survivor is a promise that no test holds."""
    assert mutants.run([]) == 0
