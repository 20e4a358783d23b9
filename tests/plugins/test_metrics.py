"""Every metric: the figures are those of scikit-learn, weights are repeated rows, and ranges hold."""

import warnings

import numpy as np
import pytest
import sklearn
from hypothesis import example, given, settings
from hypothesis import strategies as st
from packaging.version import Version

from ensemblekit.evaluation import find_metric
from ensemblekit.registry import default_registry

from .metric_cases import CASES, COSTS, WITHOUT_ORACLE, cost, drawn, named, weights_for

ALL = [*CASES, *sorted(WITHOUT_ORACLE)]
CLOSE = {"rtol": 1e-12, "atol": 1e-12}
shapes = st.fixed_dictionaries(
    {"seed": st.integers(0, 10**6), "n": st.integers(8, 80), "ties": st.booleans(), "absent": st.booleans()}
)


def settled(name, width, kind):
    return find_metric(name).for_classes(tuple(range(width)), kind)


def test_every_metric_stands_beside_scikit_learn_or_on_the_list():
    held = {(name.partition(":")[0], kind) for name, kind in ALL}
    made = {name: default_registry().create_metric(name) for name in default_registry().metrics}
    owners = {r.name: r.distribution for r in default_registry().registrations if r.kind == "metric"}
    asked = {(name, kind) for name, one in made.items() for kind in one.tasks if owners[name] == "ensemblekit"}
    asked = {(name, kind) for name, kind in asked if kind != "quantile"}  # scikit-learn has none of these
    assert held == asked


def compare(name, kind, shape, weighted):
    if name == "median_absolute_error" and weighted and Version(sklearn.__version__) < Version("1.7"):
        pytest.skip("before 1.7 scikit-learn takes another weighted median")
    labels, predicted = drawn(kind, **shape)
    weights = weights_for(shape["seed"], len(labels)) if weighted else None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of classes that are absent
        expected = CASES[name, kind](kind, labels, predicted, weights)
    score = settled(name, predicted.shape[1], kind).score(labels, predicted, sample_weight=weights)
    np.testing.assert_allclose(score, expected, **CLOSE, err_msg=name)


@pytest.mark.parametrize(("name", "kind"), CASES, ids=named(CASES))
@given(shape=shapes, weighted=st.booleans())
@example(shape={"seed": 1, "n": 60, "ties": True, "absent": True}, weighted=True)
@example(shape={"seed": 1, "n": 60, "ties": False, "absent": True}, weighted=False)
@settings(max_examples=3)
def test_the_figures_are_those_of_scikit_learn(name, kind, shape, weighted):
    compare(name, kind, shape, weighted)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "kind"), CASES, ids=named(CASES))
@given(shape=shapes, weighted=st.booleans())
@settings(max_examples=50)
def test_more_figures_are_those_of_scikit_learn(name, kind, shape, weighted):
    compare(name, kind, shape, weighted)


@pytest.mark.parametrize(("name", "kind"), CASES, ids=named(CASES))
@pytest.mark.parametrize("weighted", [False, True])
def test_two_classes_one_label_and_one_output(name, kind, weighted):
    width = {"multiclass": 2, "multilabel": 2, "regression": 1}[kind]
    if name.startswith(("top_k", "kappa:")):
        pytest.skip("both classes are among the first two, and have one distance")
    labels, predicted = drawn(kind, 5, width=width)
    weights = weights_for(5, len(labels)) if weighted else None
    expected = CASES[name, kind](kind, labels, predicted, weights)
    score = settled(name, width, kind).score(labels, predicted, sample_weight=weights)
    np.testing.assert_allclose(score, expected, **CLOSE)


@pytest.mark.parametrize(("name", "kind"), ALL, ids=named(ALL))
def test_only_means_of_rows_say_that_they_are(name, kind):
    labels, predicted = drawn(kind, 6)
    metric = settled(name, predicted.shape[1], kind)
    ones = np.eye(len(labels))
    of_rows = metric.of_weights(labels, predicted)(ones) if metric.is_mean else np.zeros(len(labels))
    assert np.isclose(of_rows.mean(), metric.score(labels, predicted)) == metric.is_mean


@given(shape=shapes, weighted=st.booleans())
@settings(max_examples=20)
def test_costs_weigh_the_confusion_matrix(shape, weighted):
    labels, predicted = drawn("multiclass", **shape)
    weights = weights_for(shape["seed"], len(labels)) if weighted else None
    classes = ("a", "b", "c", "d")
    table = {t: {d: COSTS[i, j] for j, d in enumerate(classes)} for i, t in enumerate(classes)}
    expected = cost(COSTS, "multiclass", labels, predicted, weights)
    for given_costs in (COSTS, COSTS.tolist(), table):
        metric = default_registry().create_metric("cost", costs=given_costs).for_classes(classes, "multiclass")
        assert metric.range == (-1, 9)
        np.testing.assert_allclose(metric.score(labels, predicted, sample_weight=weights), expected, **CLOSE)
    turned = default_registry().create_metric("cost", costs=table).for_classes(classes[::-1], "multiclass")
    np.testing.assert_allclose(
        turned.score(3 - labels, predicted[:, ::-1], sample_weight=weights),
        cost(COSTS[::-1, ::-1], "multiclass", 3 - labels, predicted[:, ::-1], weights),
        **CLOSE,
    )


@pytest.mark.parametrize(("name", "kind"), ALL, ids=named(ALL))
@given(shape=shapes)
@settings(max_examples=4)
def test_whole_weights_are_repeated_rows(name, kind, shape):
    labels, predicted = drawn(kind, **shape)
    metric = settled(name, predicted.shape[1], kind)
    times = np.random.default_rng(shape["seed"]).poisson(1, size=(len(labels), 4))
    times[:, 0] = 1
    times[0, times.sum(axis=0) == 0] = 1
    found = metric.of_weights(labels, predicted)(times.astype(np.float64))
    assert found.shape == (4,)
    for column, value in zip(times.T, found, strict=True):
        if "strategy=mass" in name:  # whose bins do not change with the weights
            expected = metric.score(labels, predicted, sample_weight=column)
        else:
            rows = np.repeat(np.arange(len(labels)), column)
            expected = metric.score(labels[rows], predicted[rows])
        np.testing.assert_allclose(value, expected, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize(("name", "kind"), ALL, ids=named(ALL))
@given(shape=shapes)
@settings(max_examples=4)
def test_values_lie_in_the_range_and_scale_nothing(name, kind, shape):
    labels, predicted = drawn(kind, **shape)
    metric = settled(name, predicted.shape[1], kind)
    weights = np.column_stack([weights_for(shape["seed"] + k, len(labels)) for k in range(3)])
    of_weights = metric.of_weights(labels, predicted)
    values = of_weights(weights)
    low, high = metric.range
    assert ((values >= low - 1e-12) & (values <= high + 1e-12)).all()
    np.testing.assert_allclose(of_weights(weights / weights.sum(axis=0)), values, rtol=1e-10, atol=1e-10)
    for column, value in zip(weights.T, values, strict=True):
        assert metric.score(labels, predicted, sample_weight=column) == pytest.approx(value, rel=1e-12, abs=1e-12)


@pytest.mark.parametrize(("name", "kind"), ALL, ids=named(ALL))
def test_without_any_weight_there_is_no_figure_and_no_warning(name, kind):
    labels, predicted = drawn(kind, 3)
    weights = np.stack([np.zeros(len(labels)), np.ones(len(labels))], axis=1)
    found = settled(name, 4, kind).of_weights(labels, predicted)(weights)
    assert np.isnan(found).tolist() == [True, False]


def test_the_default_metrics_of_every_task_are_there():
    registry = default_registry()
    for task in registry.tasks:
        made = registry.create_task(task)
        for name in (*made.metrics, *made.dense_metrics):
            classes = ("0.25", "0.75") if task == "quantile" else ("a", "b")
            metric = find_metric(name, task=task).for_classes(classes, task)
            assert metric.dense or name not in made.dense_metrics


@pytest.mark.parametrize(("name", "kind"), ALL, ids=named(ALL))
def test_perfect_answers_are_the_best_end_of_the_range(name, kind):
    labels, _ = drawn(kind, 3)
    perfect = np.eye(4)[labels] if kind == "multiclass" else labels.astype(np.float64)
    metric = settled(name, 4, kind)
    best = metric.range[1] if metric.higher_is_better else metric.range[0]
    wrong = np.roll(perfect, 1, axis=-1) if kind != "regression" else perfect + 1
    assert metric.score(labels, perfect) == pytest.approx(best, abs=1e-12)
    worse = metric.score(labels, wrong) < best if metric.higher_is_better else metric.score(labels, wrong) > best
    assert worse or name.startswith("kappa:")


NOT_DEFINED = {"macro_auroc", "weighted_auroc", "kappa", "kappa:weights=linear", "kappa:weights=quadratic", "r2"}


@pytest.mark.parametrize(("name", "kind"), ALL, ids=named(ALL))
def test_of_one_class_only_there_is_a_figure_or_nan(name, kind):
    labels, predicted = drawn(kind, 4)
    labels = np.zeros_like(labels)
    if kind == "multiclass":
        predicted = predicted[:, [0, 1, 2, 3]] + np.eye(4)[0]
        predicted /= predicted.sum(axis=1, keepdims=True)
    value = settled(name, 4, kind).score(labels, predicted)
    undefined = name in NOT_DEFINED or (name == "average_precision" and kind == "multilabel")
    if name == "kappa" and kind == "multilabel":  # decisions differ
        undefined = False
    assert np.isnan(value) == undefined
