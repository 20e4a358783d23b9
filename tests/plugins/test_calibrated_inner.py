"""`calibrated` around any combiner: given by name or as it is, and cross-fitted where it learns."""

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.model_selection import KFold

from ensemblekit import Combiner, Predictions, align, combine, fit_combiner
from ensemblekit.errors import InvalidOptionError
from ensemblekit_plugins.combiners.calibrated import Calibrated
from ensemblekit_plugins.combiners.stacking import Stacking
from ensemblekit_plugins.combiners.voting import Voting
from ensemblekit_plugins.combiners.weighted import Weighted

either_order = pytest.mark.parametrize("order", ["before", "after"])


def members(probas, labels=None, task="multiclass"):
    classes = [f"c{c}" for c in range(np.shape(probas)[-1])]
    fields = {"ids": range(np.shape(probas)[1]), "classes": classes, "labels": labels, "task": task}
    return align(*(Predictions(p, member=f"m{k}", **fields) for k, p in enumerate(probas)))


def draw(n, n_members=2):
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 3, n)
    return members(softmax(3 * (rng.normal(size=(n_members, n, 3)) + np.eye(3)[codes]), axis=-1), codes)


class Seen(Combiner):
    """Learns nothing, but remembers what it was fitted on."""

    traits = frozenset({"learns", "graphable"})
    tasks = frozenset({"multiclass", "multilabel", "regression"})

    def fit(self, predictions, *, sample_weight=None, features=None):
        self.predictions_, self.sample_weight_, self.features_ = predictions, sample_weight, features
        return self

    def combine(self, member_probas, *, features=None, task="multiclass", xp=np):
        self.task_ = task
        return xp.mean(member_probas, axis=0)


def test_members_are_calibrated_out_of_fold_for_a_combiner_that_learns():
    given = draw(53)
    weights = np.random.default_rng(0).random(53) + 0.1
    features = np.arange(53)[:, np.newaxis]
    fitted = fit_combiner(given, Calibrated(Seen(), cv=4), sample_weight=weights, features=(given.ids, features))
    seen = fitted.inner_
    expected = np.empty_like(given.member_probas)
    for others, fold in KFold(4, shuffle=True, random_state=0).split(features):
        part = fit_combiner(given.take(given.ids[others]), "calibrated", sample_weight=weights[others])
        for place in range(2):
            expected[place, fold] = softmax(part.maps_[place]["scale"] * np.log(given.member_probas[place, fold]), -1)
    np.testing.assert_allclose(seen.predictions_.member_probas, expected, rtol=1e-10)
    assert seen.predictions_.labels.tolist() == given.labels.tolist()
    assert seen.sample_weight_.tolist() == weights.tolist()
    assert seen.features_.tolist() == features.tolist()
    plain = fit_combiner(given, "calibrated", sample_weight=weights)
    assert fitted.maps_[0]["scale"] == plain.maps_[0]["scale"]


def test_a_combiner_that_learns_is_calibrated_on_rows_it_has_not_seen():
    given = draw(60)
    fitted = fit_combiner(given, Calibrated(Stacking(), order="after", cv=3))
    combined = np.empty((60, 3))
    for others, fold in KFold(3, shuffle=True, random_state=0).split(combined):
        part = fit_combiner(given.take(given.ids[others]), "stacking")
        combined[fold] = part.combine(given.member_probas[:, fold])
    expected = fit_combiner(members([combined], given.label_codes), "calibrated")
    np.testing.assert_allclose(fitted.maps_[0]["scale"], expected.maps_[0]["scale"], rtol=1e-9)
    whole = fit_combiner(given, "stacking")
    np.testing.assert_allclose(fitted.inner_.final_estimator_.coef_, whole.final_estimator_.coef_, rtol=1e-9)


@either_order
@pytest.mark.parametrize("inner", ["voting", "weighted", "stacking", "knora_e", Voting("soft"), Stacking()])
def test_a_combiner_comes_by_name_or_as_it_is(inner, order):
    given = draw(40)
    result = combine(given, fit_combiner(given, "calibrated", inner=inner, order=order)).probas
    np.testing.assert_allclose(result.sum(axis=-1), 1)
    if not isinstance(inner, str):
        assert not [name for name in vars(inner) if name.endswith("_")]


@either_order
def test_weights_are_given_by_name(order):
    given = draw(200, n_members=3)
    by_name = Calibrated(Weighted({"m2": 1, "m0": 3, "m1": 0}), order=order)
    in_order = Calibrated(Weighted([3, 0, 1]), order=order)
    results = [combine(given, fit_combiner(given, rule)).probas for rule in (by_name, in_order)]
    assert results[0].tobytes() == results[1].tobytes()


@either_order
def test_features_reach_the_combiner(order):
    given = draw(30)
    named = (given.ids, np.random.default_rng(0).normal(size=(30, 2)))
    rule = Calibrated(Stacking(passthrough=True), order=order)
    assert combine(given, fit_combiner(given, rule, features=named), features=named).probas.shape == (30, 3)
    with pytest.raises(InvalidOptionError, match="makes no use of features"):
        fit_combiner(given, Calibrated(order="after"), features=named)
    with pytest.raises(InvalidOptionError, match="makes no use of features"):
        combine(given, fit_combiner(given, "calibrated"), features=named)


@either_order
def test_the_combiner_is_told_the_task(order):
    given = members(np.full((2, 20, 3), 0.4), np.arange(60).reshape(20, 3) % 2, "multilabel")
    fitted = fit_combiner(given, Calibrated(Seen(), order=order))
    combine(given, fitted)
    assert fitted.inner_.task_ == "multilabel"


@either_order
def test_one_row_alone_is_used_for_both(order):
    given = draw(1)
    fitted = fit_combiner(given, Calibrated(Seen(), order=order))
    assert combine(given, fitted).probas.argmax() == given.label_codes[0]


def test_traits_are_those_that_are_kept():
    assert Calibrated().traits == {"learns", "graphable"}
    assert Calibrated(order="after").traits == {"learns", "graphable", "symmetric"}
    assert Calibrated("mean", "isotonic", order="after").traits == {"learns", "symmetric"}
    assert Calibrated("stacking").traits == {"learns", "graphable"}
    assert Calibrated("rank_average").traits == {"learns"}
    assert Calibrated("voting").tasks <= {"multiclass", "multilabel"}
    assert Calibrated("knora_e").tasks == {"multiclass"}
