"""A small edit of a file of predictions: it gives the same predictions, or an error of ours."""

import pytest

from tests.fuzz.harness import n_cases, run_cases
from tests.fuzz.prediction_bombs import CASES


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "small", "large"), [("csv", 150, 3000), ("parquet", 60, 1000), ("npz", 100, 1000)])
def test_an_edited_file_gives_the_same_or_is_refused(kind, small, large):
    assert run_cases(f"tests.fuzz.prediction_files:{kind}", n_cases(small, large)) == []


def test_damage_that_pyarrow_ends_the_interpreter_at_is_an_error():
    assert run_cases("tests.fuzz.prediction_files:aborted", 1) == []


@pytest.mark.slow
def test_a_hostile_table_of_others_is_read_or_refused():
    assert run_cases("tests.fuzz.prediction_files:table", n_cases(80, 2000)) == []


@pytest.mark.slow
def test_what_asks_for_much_is_kept_small_or_refused():
    assert run_cases("tests.fuzz.prediction_bombs:bomb", len(CASES), memory=2**30) == []
