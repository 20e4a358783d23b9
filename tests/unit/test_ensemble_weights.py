"""Weights of rows reach the members of an ensemble whatever its combiner makes of them, and this is said."""

import warnings

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.linear_model import Ridge
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.tree import DecisionTreeClassifier
from threadpoolctl import threadpool_limits

from ensemblekit import Combiner, EnsembleClassifier, EnsembleRegressor, load_plugins
from ensemblekit.errors import InvalidOptionError, UnweightedCombinerWarning

X, Y = load_iris(return_X_y=True)
X, Y = X[::3], Y[::3]
WEIGHT = np.arange(50) % 3
MEMBERS = [("line", GaussianNB()), ("tree", DecisionTreeClassifier(max_depth=2, random_state=0))]


@pytest.fixture(autouse=True)
def one_thread():
    """Keep BLAS from starting threads for matrices of 60 rows, which wait for each other on a busy machine."""
    with threadpool_limits(1):
        yield


class NoWeights(Combiner):
    """Learns, and takes no weights of rows; keeps how many rows it saw."""

    traits = frozenset({"learns"})

    def fit(self, predictions):
        self.seen_ = predictions.ids.tolist()
        return self

    def combine(self, member_probas, *, xp=np):
        return member_probas[0]


NEAR = {"final_estimator": KNeighborsClassifier(3)}


@pytest.mark.parametrize(
    ("combiner", "options", "reason"),
    [
        ("knora_e", None, "being right on all the nearest rows has no degree"),
        ("stacking", NEAR, r"final_estimator KNeighborsClassifier\(n_neighbors=3\) makes no use of sample_weight"),
        ("calibrated", {"inner": "knora_e"}, "makes no use of sample_weight"),
        (NoWeights(), None, "combiner 'NoWeights' makes no use of sample_weight"),
    ],
    ids=["knora_e", "stacking", "calibrated", "a stranger's"],
)
def test_members_use_them_where_the_combiner_cannot(combiner, options, reason):
    ensemble = EnsembleClassifier(MEMBERS, combiner=combiner, combiner_options=options, cv=2)
    with pytest.warns(UnweightedCombinerWarning, match=reason) as told:
        ensemble.fit(X, Y, sample_weight=WEIGHT)
    assert len(told) == 1
    assert told[0].filename == __file__
    assert not ensemble.combiner_weighted_
    alone = clone(MEMBERS[0][1]).fit(X, Y, sample_weight=WEIGHT)
    np.testing.assert_array_equal(ensemble.named_estimators_["line"].theta_, alone.theta_)
    assert not np.array_equal(alone.theta_, clone(MEMBERS[0][1]).fit(X, Y).theta_)


def test_rows_of_weight_0_are_left_out_of_such_a_combiner():
    ensemble = EnsembleClassifier(MEMBERS, combiner=NoWeights(), cv=2)
    with pytest.warns(UnweightedCombinerWarning, match="each row of weight > 0 alike"):
        ensemble.fit(X, Y, sample_weight=WEIGHT)
    assert ensemble.combiner_.seen_ == np.flatnonzero(WEIGHT).tolist()
    with pytest.warns(UnweightedCombinerWarning):
        ensemble.fit(X, Y, sample_weight=WEIGHT + 1)
    assert len(ensemble.combiner_.seen_) == 50
    ensemble.fit(X, Y)  # without weights there is nothing to say
    assert not ensemble.combiner_weighted_


def test_class_weights_and_regressors_are_treated_alike():
    balanced = EnsembleClassifier(MEMBERS, combiner="knora_e", class_weight={0: 1, 1: 2, 2: 0.5}, cv=2)
    with pytest.warns(UnweightedCombinerWarning):
        balanced.fit(X, Y)
    numbers = EnsembleRegressor(
        [("ridge", Ridge()), ("other", Ridge(9))],
        combiner="stacking",
        combiner_options={"final_estimator": KNeighborsRegressor(3)},
        cv=2,
    )
    with pytest.warns(UnweightedCombinerWarning, match=r"KNeighborsRegressor\(n_neighbors=3\)"):
        numbers.fit(X, Y + 0.5, sample_weight=WEIGHT)


def test_an_inner_ensemble_says_it_itself():
    inner = EnsembleClassifier(MEMBERS, combiner=NoWeights(), cv=2)
    with pytest.warns(UnweightedCombinerWarning) as told:
        EnsembleClassifier([("inner", inner)]).fit(X, Y, sample_weight=WEIGHT)
    assert len(told) == 1


def test_weights_that_nobody_uses_are_refused():
    fitted = [(name, member.fit(X[::2], Y[::2])) for name, member in MEMBERS]
    with pytest.raises(InvalidOptionError, match="'knora_e' makes no use of sample_weight"):
        EnsembleClassifier(fitted, combiner="knora_e", cv="prefit").fit(X[1::2], Y[1::2], sample_weight=WEIGHT[1::2])
    with pytest.raises(InvalidOptionError, match=r"member 'near' .* makes no use of sample_weight"):
        EnsembleClassifier([("near", KNeighborsClassifier())], combiner="knora_e").fit(X, Y, sample_weight=WEIGHT)


class Refuses(NoWeights):
    """Refuses whatever it gets."""

    def check_fit(self, members, classes, *, task, given=frozenset()):
        raise InvalidOptionError("never")


def test_what_a_combiner_refuses_besides_is_still_refused():
    ensemble = EnsembleClassifier(MEMBERS, combiner=Refuses())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(InvalidOptionError, match="never"):
            ensemble.fit(X, Y, WEIGHT)


PLUGINS = load_plugins()
LEARNS = [
    name
    for name in PLUGINS.combiners
    if "learns" in (made := PLUGINS.create_combiner(name)).traits and "multiclass" in made.tasks
]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("rule", LEARNS)
def test_every_rule_takes_them(rule):
    ensemble = EnsembleClassifier(MEMBERS, combiner=rule, cv=2).fit(X, Y, sample_weight=WEIGHT)
    assert ensemble.combiner_weighted_ == (rule != "knora_e")
