"""What a combiner would refuse after an hour of fitting is refused before; what needs no labels is fitted without."""

import inspect

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LinearRegression
from sklearn.metrics import make_scorer, roc_auc_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import LinearSVR

from ensemblekit import (
    Combiner,
    EnsembleClassifier,
    EnsembleRegressor,
    InvalidOptionError,
    Predictions,
    combine,
    fit_combiner,
)
from ensemblekit.combining import ask
from ensemblekit.errors import InvalidPredictionsError, UnweightedCombinerWarning

RNG = np.random.default_rng(0)
CLASSES = ["a", "b", "c"]


def predictions(n=30, *, labelled=True, task="multiclass", members=("k", "m"), **fields):
    rng, given = np.random.default_rng(3), []
    labels = {"multiclass": np.array(CLASSES)[np.arange(n) % 3], "multilabel": np.eye(3)[np.arange(n) % 3]}.get(task)
    for member in members:
        probas = rng.dirichlet(np.ones(3), n)
        known = {"labels": probas if labels is None else labels} if labelled else {}
        given.append(Predictions(probas, ids=range(n), classes=CLASSES, task=task, member=member, **known, **fields))
    return given


class Costly(ClassifierMixin, BaseEstimator):
    """A member whose fit must never be reached."""

    def fit(self, X, y, sample_weight=None):
        raise AssertionError("a member was fitted before the combiner was refused")

    def predict_proba(self, X):
        raise NotImplementedError


class CostlyRegressor(LinearRegression):
    def fit(self, X, y, sample_weight=None):
        raise AssertionError("a member was fitted before the combiner was refused")


def alone(y_true, y_proba):
    return float((y_proba.argmax(axis=1) == y_true).mean())


X, Y = np.arange(60.0).reshape(30, 2), np.array(CLASSES)[np.arange(30) % 3]
WEIGHT = np.linspace(1, 2, 30)

REFUSED = {
    "a weight for an unknown member": ("weighted", {"weights": {"x": 1, "typo": 2}}, {}, r"unknown \['typo'\]"),
    "a prior for an unknown member": ("bayesian_model_averaging", {"prior": {"x": 1, "typo": 2}}, {}, "unknown"),
    "a weight too few": ("rank_average", {"weights": [1, 2, 3]}, {}, "one value a member"),
    "a reliability too many": ("calibrated", {"inner": ask("dempster_shafer", {"reliability": {"typo": 0.5}}).combiner},
                               {}, r"unknown \['typo'\]"),
    "a weight of the inner rule": ("calibrated", {"inner": ask("weighted", {"weights": [1, 2, 3]}).combiner}, {},
                                   "one value a member"),
    "weights that the rule does not take": ("knora_e", {}, {"sample_weight": WEIGHT}, "makes no use of sample_weight"),
    "weights that the inner rule does not take": (
        "calibrated", {"inner": "knora_e"}, {"sample_weight": WEIGHT}, "makes no use of sample_weight"),
    "weights that the final estimator does not take": (
        "stacking", {"final_estimator": KNeighborsClassifier()}, {"sample_weight": WEIGHT}, "no use of sample_weight"),
    "weights that the meta-classifier does not take": (
        "meta_des", {"meta_classifier": KNeighborsClassifier()}, {"sample_weight": WEIGHT}, "no use of sample_weight"),
    "weights that the metric does not take": (
        "greedy_selection", {"metric": alone}, {"sample_weight": WEIGHT}, "a metric must accept sample_weight"),
    "a final estimator that is no classifier": (
        "stacking", {"final_estimator": LinearSVR()}, {}, "must be a classifier"),
    "a metric for two classes": ("greedy_selection", {"metric": "roc_auc"}, {}, "3 classes or outputs.*multi_class"),
    "a scorer for two classes": (
        "weighted", {"metric": make_scorer(roc_auc_score, response_method="predict_proba")}, {}, "3 classes"),
    "a metric for numbers": ("weighted", {"metric": "absolute_error"}, {}, "is for numbers; received probabilities"),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_an_ensemble_refuses_before_a_member_is_fitted(what):
    combiner, options, given, message = REFUSED[what]
    model = EnsembleClassifier([("x", Costly()), ("z", Costly())], combiner=combiner, combiner_options=options)
    # Weights that the combiner does not take are the members' alone, which is said before one is fitted.
    with pytest.raises(UnweightedCombinerWarning if given else InvalidOptionError, match=message):
        model.fit(X, Y, **given)


@pytest.mark.parametrize(
    ("combiner", "options", "message"),
    [
        ("greedy_selection", {"metric": "log_loss"}, "is for probabilities; received numbers"),
        ("weighted", {"metric": "roc_auc"}, "score the task 'regression'"),
        ("stacking", {"final_estimator": KNeighborsClassifier()}, "must be a regressor"),
        ("dawid_skene", {}, "makes no sense for the task 'regression'"),
    ],
)
def test_an_ensemble_of_regressors_refuses_before_a_member_is_fitted(combiner, options, message):
    model = EnsembleRegressor([("x", CostlyRegressor())], combiner=combiner, combiner_options=options)
    with pytest.raises(InvalidOptionError, match=message):
        model.fit(X, np.arange(30.0))


@pytest.mark.parametrize("what", REFUSED)
def test_fit_combiner_refuses_the_same_before_it_fits(what, monkeypatch):
    combiner, options, given, message = REFUSED[what]
    asked = ask(combiner, options).combiner

    def fit(self, *_, **__):
        raise AssertionError("fit was called")

    fit.__signature__ = inspect.signature(type(asked).fit)
    monkeypatch.setattr(type(asked), "fit", fit)
    with pytest.raises(InvalidOptionError, match=message):
        fit_combiner(predictions(members=("x", "z")), asked, **given)


def test_options_are_refused_before_a_file_is_read(tmp_path):
    with pytest.raises(InvalidOptionError, match="bogus"):
        fit_combiner([tmp_path / "missing.csv"], "weighted", bogus=1)
    with pytest.raises(InvalidOptionError, match="no use of validation"):
        fit_combiner([tmp_path / "missing.csv"], "weighted", validation=[tmp_path / "other.csv"])


class Careful(Combiner):
    """A stranger's combiner, which takes any number of classes but two."""

    traits = frozenset({"learns"})

    def check_fit(self, members, classes, *, task, given=frozenset()):
        self.seen = (members, classes, task, given)
        if len(classes) == 2:
            raise InvalidOptionError("careful is for three classes at least.")

    def fit(self, predictions, *, sample_weight=None):
        self.fitted_ = True
        return self

    def combine(self, member_probas, *, xp=np):
        return member_probas[0]


def test_a_strangers_combiner_can_refuse_too():
    with pytest.raises(InvalidOptionError, match="three classes"):
        EnsembleClassifier([("x", Costly())], combiner=Careful()).fit(X, Y == "a")
    fitted = fit_combiner(predictions(members=("z", "x")), Careful(), sample_weight=WEIGHT)
    assert fitted.seen == (("x", "z"), ("a", "b", "c"), "multiclass", frozenset({"sample_weight"}))


# Labels.

WITHOUT_LABELS = [
    ("mean", {}), ("voting", {}), ("weighted", {"weights": {"k": 1, "m": 3}}), ("rank_average", {}),
    ("dawid_skene", {"use_labels": False}),
]  # fmt: skip
WITH_LABELS = [
    "weighted", "super_learner", "stacking", "greedy_selection", "bayesian_model_averaging", "calibrated",
    "dawid_skene", "knora_e", "knora_u", "meta_des",
]  # fmt: skip


FOR_NUMBERS = ["inverse_variance", "least_squares", "trimmed_members"]
FOR_QUANTILES = ["inverse_pinball", "pinball_weights"]


@pytest.mark.parametrize(("combiner", "options"), WITHOUT_LABELS)
def test_a_rule_that_needs_no_labels_gives_the_same_with_and_without(combiner, options):
    with_labels = fit_combiner(predictions(), combiner, options=options)
    without = fit_combiner(predictions(labelled=False), combiner, options=options)
    expected, found = (combine(predictions(labelled=False), fitted).probas for fitted in (with_labels, without))
    assert found.tobytes() == expected.tobytes()


@pytest.mark.parametrize("combiner", WITH_LABELS)
def test_a_rule_that_needs_labels_says_so(combiner):
    with pytest.raises(InvalidPredictionsError, match=f"fitting combiner '{combiner}' needs labels"):
        fit_combiner(predictions(labelled=False), combiner)


@pytest.mark.parametrize("combiner", FOR_NUMBERS)
def test_a_rule_for_numbers_that_needs_labels_says_so(combiner):
    numbers = Predictions([[1.0], [2.0]], ids=[1, 2], classes=["y"], task="regression", member="m")
    with pytest.raises(InvalidPredictionsError, match=f"fitting combiner '{combiner}' needs labels"):
        fit_combiner([numbers], combiner)


def test_every_combiner_is_in_one_of_the_lists():
    from ensemblekit import load_plugins

    learn = {name for name in load_plugins().combiners if ask(name).learns}
    assert learn <= {*WITH_LABELS, *FOR_NUMBERS, *FOR_QUANTILES, *(name for name, _ in WITHOUT_LABELS)}


def test_rows_that_a_member_was_fitted_on_are_refused_without_labels_too():
    from ensemblekit import LeakageError

    with pytest.raises(LeakageError, match="fitted on 2 of these 30 rows"):
        fit_combiner(predictions(labelled=False, fit_ids=[1, 2]), "dawid_skene", use_labels=False)


def test_a_strangers_fit_needs_labels_unless_it_says_otherwise():
    class Votes(Careful):
        needs_labels = False

        def fit(self, predictions, *, sample_weight=None):
            self.labelled_ = predictions.label_codes is not None
            return self

    with pytest.raises(InvalidPredictionsError, match="'Careful' needs labels"):
        fit_combiner(predictions(labelled=False), Careful())
    assert not fit_combiner(predictions(labelled=False), Votes()).labelled_
