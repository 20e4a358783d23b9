"""The benchmark of estimators times each pair, and both sides of a pair predict the same."""

import numpy as np
import pytest
from sklearn.datasets import make_classification, make_regression

from benchmarks import estimators


def test_every_call_of_a_pair_is_timed_and_judged():
    table = list(estimators.measured([1, 500], 0.0, "VotingRegressor"))
    assert [(row["call"], row["rows"]) for row in table] == [("predict", "1"), ("fit", "500"), ("predict", "500")]
    assert all(row["ours"] > 0 and row["holds"] in ("yes", "no") for row in table)


@pytest.mark.parametrize(("own", "holds"), [(1.09, "yes"), (1.12, "no")])
def test_a_ratio_over_the_limit_does_not_hold(own, holds):
    times = [((1.0, ours), (1.0, 1.0)) for ours in (own, 9.0, 0.1)]
    assert estimators.row("x", "fit", 1, times)["holds"] == holds


@pytest.mark.parametrize("name", estimators.pairs())
def test_both_sides_predict_the_same(name):
    ours, theirs = estimators.pairs()[name]
    if "Classifier" in name:
        x, y = make_classification(300, 8, n_informative=6, n_classes=3, random_state=0)
        ties = 0.04 if name == "VotingClassifier, hard" else 0  # ours are settled by probabilities
        assert (ours.fit(x, y).predict(x) == theirs.fit(x, y).predict(x)).mean() > 0.99 - ties
    else:
        x, y = make_regression(300, 8, noise=10.0, random_state=0)
        np.testing.assert_allclose(ours.fit(x, y).predict(x), theirs.fit(x, y).predict(x), rtol=1e-6)
