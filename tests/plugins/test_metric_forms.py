"""Whatever `find_metric` accepts is optimised by the combiners that learn with a metric, with or without weights."""

import numpy as np
import pytest
from sklearn.metrics import f1_score, make_scorer, mean_pinball_loss

from ensemblekit import Metric, fit_combiner
from ensemblekit.errors import InvalidOptionError
from ensemblekit.evaluation import find_metric, statistic
from ensemblekit.registry import default_registry

from .metric_cases import CASES, WITHOUT_ORACLE, named
from .test_greedy_selection import drawn, members

ALL = [*CASES, *sorted(WITHOUT_ORACLE)]


class Confident(Metric):
    """The share of rows that are right and certain."""

    name = "confident"

    def row_values(self, labels, predicted):
        """Tell which rows are both."""
        return (predicted.argmax(axis=-1) == labels) & (predicted.max(axis=-1) > 0.4)


def mean_probability(y_true, y_proba, sample_weight=None):
    return np.average(y_proba[np.arange(len(y_true)), y_true], weights=sample_weight)


def mean_distance(y_true, y_pred, sample_weight=None):
    return -np.average(np.abs(y_true - y_pred), weights=sample_weight)


FORMS = {
    "text with options": ("top_k:k=3", "multiclass"),
    "text with a class": ("f1:of=c2", "multiclass"),
    "made by the registry": (default_registry().create_metric("kappa", weights="quadratic"), "multiclass"),
    "of another": (Confident(), "multiclass"),
    "a callable": (mean_probability, "multiclass"),
    "a scorer": (make_scorer(f1_score, average="macro"), "multiclass"),
    "the name of a scorer": ("jaccard_macro", "multiclass"),
    "a callable of numbers": (mean_distance, "regression"),
    "a scorer of numbers": (make_scorer(mean_pinball_loss, alpha=0.3, greater_is_better=False), "regression"),
}


def asked(metric, kind, weighted, combiner="greedy_selection", **options):
    probas, labels = drawn(kind, n_members=4, n=40, n_classes=1 if kind == "regression" else 4, seed=1)
    given = members(probas, labels, kind)
    weight = np.random.default_rng(0).uniform(0.5, 2, 40) if weighted else None
    kwargs = {} if weight is None else {"sample_weight": weight}
    return given, weight, fit_combiner(given, combiner, metric=metric, **options, **kwargs)


def best_of(metric, given, weight):
    found = find_metric(metric)
    weights = np.ones((len(given.ids), 1)) if weight is None else weight[:, np.newaxis]
    values = np.array([statistic(one, metric)(weights)[0] for one in given])
    return (values if found.higher_is_better else -values).max()


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_optimised(form, weighted):
    metric, kind = FORMS[form]
    given, weight, fitted = asked(metric, kind, weighted, n_rounds=3)
    assert fitted.history_[0][0] == pytest.approx(best_of(metric, given, weight), rel=1e-10)
    _, _, blend = asked(metric, kind, weighted, combiner="weighted")
    assert blend.weights_.sum() == pytest.approx(1)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("name", "kind"), ALL, ids=named(ALL))
def test_every_metric_picks_its_own_best_member(name, kind, weighted):
    metric = name.replace("of=1", "of=c1")
    if weighted and "strategy=mass" in name:
        pytest.skip("its bins are those of the rows without weights")
    given, weight, fitted = asked(metric, kind, weighted, n_rounds=1)
    assert fitted.history_[0][0] == pytest.approx(best_of(metric, given, weight), rel=1e-10)


def test_costs_by_class_name_are_optimised_whatever_the_order_of_the_classes():
    costs = {
        a: {b: 1.0 + 3 * (a == "c0") for b in ("c0", "c1", "c2", "c3") if a != b} for a in ("c0", "c1", "c2", "c3")
    }
    metric = default_registry().create_metric("cost", costs=costs)
    given, _, fitted = asked(metric, "multiclass", False, n_rounds=2)
    assert fitted.history_[0][0] == pytest.approx(best_of(metric, given, None))


def test_a_class_and_costs_in_text():
    labels, predicted = np.array([0, 1, 1]), np.array([[0.9, 0.1], [0.6, 0.4], [0.3, 0.7]])
    for classes in (("0", "1"), (0, 1), ("1", "0")):
        score = find_metric("f1:of=1").for_classes(classes, "multiclass").score(labels, predicted)
        assert score == pytest.approx(2 / 3)
    assert find_metric("f1:of=1").for_classes((1, "1"), "multiclass").place == 0
    with pytest.raises(InvalidOptionError, match="received 1 for the metric 'f1:of=1'"):
        find_metric("f1:of=1").for_classes(("a", "b"), "multiclass")
    metric = find_metric("cost:costs={'ill': {'well': 10}, 'well': {'ill': 1}}").for_classes(("ill", "well"), "binary")
    assert metric.score(labels, predicted) == pytest.approx(1 / 3)


@pytest.mark.parametrize(
    ("metric", "kind", "message"),
    [
        ("f1", "multiclass", "metric 'f1' without of is for two classes; received 4. Take 'f1_macro'"),
        ("f1:of=bird", "multiclass", "'bird'"),
        ("rmse", "multiclass", "metric 'rmse' is for regression; received predictions of the task 'multiclass'"),
        ("ranking_loss", "multiclass", "'ranking_loss' is for multilabel"),
        ("top_k:k=0", "multiclass", "k must be a whole number >= 1; received 0"),
        ("pinball:quantile=2", "regression", "quantile must be a finite number >= 0 and <= 1; received 2"),
        ("kappa:weights=cubic", "multiclass", "weights must be one of None, 'linear', 'quadratic'; received 'cubic'"),
        (default_registry().create_metric("cost", costs=[[0, 1], [1, 0]]), "multiclass", r"shape \(2, 2\) for 4"),
    ],
    ids=["no of", "no class", "numbers", "labels", "k", "quantile", "kappa", "costs"],
)
def test_what_does_not_fit_is_refused_before_members_are_fitted(metric, kind, message):
    def checked():
        combiner = default_registry().create_combiner("greedy_selection", metric=metric)
        combiner.check_fit(("a", "b"), ("c0", "c1", "c2", "c3"), task=kind)

    with pytest.raises(InvalidOptionError, match=message):
        checked()
