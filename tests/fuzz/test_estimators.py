"""Estimators of scikit-learn that a stranger has altered: refused, or the interpreter lives on."""

import pytest

from tests.fuzz.harness import n_cases, run_cases

pytest.importorskip("skops")


@pytest.mark.slow
def test_no_altered_estimator_ends_the_interpreter():
    assert run_cases("tests.fuzz.estimator_cases:predicts", n_cases(80, 30_000), seconds=60) == []
