"""Bootstrap intervals and the table of scores: against SciPy, by row and by group, and as properties."""

import numpy as np
import pytest
import scipy.stats
import sklearn.metrics
from hypothesis import given
from hypothesis import strategies as st

from ensemblekit import InvalidOptionError, Predictions
from ensemblekit.evaluation import (
    METRICS,
    accuracy,
    accuracy_interval,
    balanced_accuracy,
    bootstrap_interval,
    brier_score,
    calibration_error,
    log_loss,
    macro_auroc,
    score_table,
)
from ensemblekit.evaluation._metrics import statistic

POINT = {f.__name__: f for f in (accuracy, balanced_accuracy, brier_score, calibration_error, log_loss, macro_auroc)}


def drawn(seed, n_samples=120, **fields):
    rng = np.random.default_rng(seed)
    codes = np.r_[np.arange(3), rng.integers(3, size=n_samples - 3)]
    probas = np.array([rng.dirichlet(0.7 + np.eye(3)[c]) for c in codes])
    ids = [f"row{k:03}" for k in range(n_samples)]
    return Predictions(probas, ids=ids, classes=["a", "b", "c"], labels=codes, **fields)


@pytest.mark.parametrize("metric", METRICS)
def test_weights_count_rows(metric):
    """A row of weight 2 is a row that stands there twice; of weight 0, none."""
    p = drawn(0)
    counts = np.random.default_rng(1).integers(3, size=(len(p), 5))
    found = statistic(p, metric)(counts.astype(np.float64))
    for column, value in zip(counts.T, found, strict=True):
        rows = np.repeat(np.arange(len(p)), column)
        again = Predictions(p.probas[rows], ids=range(len(rows)), classes=p.classes, labels=p.label_codes[rows])
        assert value == pytest.approx(POINT[metric](again), abs=1e-12)


def test_the_percentile_interval_is_that_of_scipy():
    p = drawn(1)
    losses = -np.log(p.probas[np.arange(len(p)), p.label_codes])
    rng = np.random.default_rng(0)
    theirs = scipy.stats.bootstrap((losses,), np.mean, n_resamples=20000, method="percentile", rng=rng)
    ours = bootstrap_interval(p, "log_loss", n_resamples=20000)
    assert ours == pytest.approx(tuple(theirs.confidence_interval), abs=0.1 * theirs.standard_error)


def test_the_bca_interval_is_that_of_scipy():
    p = drawn(2)
    codes, probas = p.label_codes, p.probas

    def figure(rows):
        return sklearn.metrics.balanced_accuracy_score(codes[rows], probas[rows].argmax(axis=1))

    data, rng = (np.arange(len(p)),), np.random.default_rng(0)
    theirs = scipy.stats.bootstrap(data, figure, n_resamples=1000, vectorized=False, method="BCa", rng=rng)
    ours = bootstrap_interval(p, "balanced_accuracy", method="bca", n_resamples=20000)
    assert ours == pytest.approx(tuple(theirs.confidence_interval), abs=0.3 * theirs.standard_error)


def test_copies_make_the_interval_by_group_wider_and_that_by_row_too_narrow():
    p = drawn(3, n_samples=60)
    times = 4
    copies = Predictions(
        np.tile(p.probas, (times, 1)),
        ids=[f"{k}/{name}" for k in range(times) for name in p.ids],
        classes=p.classes,
        labels=np.tile(p.label_codes, times),
    )
    groups = {name: name.split("/")[1] for name in copies.ids.tolist()}
    alone = np.array(bootstrap_interval(p, "log_loss", n_resamples=4000))
    grouped = np.array(bootstrap_interval(copies, "log_loss", groups=groups, n_resamples=4000))
    naive = np.array(bootstrap_interval(copies, "log_loss", n_resamples=4000))
    assert np.diff(grouped) == pytest.approx(np.diff(alone), rel=0.1)
    assert np.diff(naive) == pytest.approx(np.diff(alone) / 2, rel=0.1)


@given(st.integers(0, 1000), st.sampled_from(list(METRICS)), st.randoms(use_true_random=False))
def test_no_order_of_rows_and_no_names_of_groups_change_an_interval(seed, metric, random):
    p = drawn(seed, n_samples=30)
    ids = p.ids.tolist()
    groups = {name: k // 2 for k, name in enumerate(ids)}
    renamed = {name: f"group {99 - group}" for name, group in reversed(groups.items())}
    shuffled = random.sample(ids, len(ids))
    options = {"n_resamples": 50, "seed": 7}
    expected = bootstrap_interval(p, metric, groups=groups, **options)
    assert bootstrap_interval(p.take(shuffled), metric, groups=renamed, **options) == expected


@given(st.integers(0, 1000), st.sampled_from(["accuracy", "log_loss", "brier_score", "balanced_accuracy"]))
def test_the_interval_of_a_mean_holds_the_mean(seed, metric):
    p = drawn(seed, n_samples=40)
    low, high = bootstrap_interval(p, metric, n_resamples=400)
    assert low <= POINT[metric](p) <= high


def test_groups_of_one_row_each_change_nothing():
    p = drawn(4)
    assert bootstrap_interval(p, "accuracy", groups={}) == bootstrap_interval(p, "accuracy")


def test_where_all_are_right_the_interval_is_that_of_wilson():
    ids = range(20)
    p = Predictions([[0.9, 0.1]] * 20, ids=ids, classes=["a", "b"], labels=["a"] * 20)
    assert bootstrap_interval(p, "accuracy") == accuracy_interval(20, 20)
    assert bootstrap_interval(p, "accuracy", groups={k: k // 4 for k in ids}) == accuracy_interval(5, 5)


def test_the_table_of_scores():
    first, second = drawn(5, fit_ids=["row001", "row002", "elsewhere"]), drawn(6)
    groups = {name: k // 3 for k, name in enumerate(first.ids.tolist())}
    table = score_table({"first": first, "second": second}, groups=groups, n_resamples=200)
    assert table.columns.tolist() == [
        "model", "metric", "value", "low", "high", "group_low", "group_high", "n", "n_groups", "in_sample",
    ]  # fmt: skip
    assert len(table) == 2 * len(METRICS)
    for line in table.to_dict("records"):
        p = first if line["model"] == "first" else second
        assert line["value"] == pytest.approx(POINT[line["metric"]](p))
        assert (line["n"], line["n_groups"]) == (120, 40)
        assert (line["low"], line["high"]) == bootstrap_interval(p, line["metric"], n_resamples=200)
        by_group = bootstrap_interval(p, line["metric"], groups=groups, n_resamples=200)
        assert (line["group_low"], line["group_high"]) == by_group
    assert table.loc[table["model"] == "first", "in_sample"].eq(2).all()
    assert table.loc[table["model"] == "second", "in_sample"].isna().all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"confidence": 1.0}, "confidence must be a number > 0 and < 1; received 1.0"),
        ({"n_resamples": 1}, "n_resamples must be a whole number >= 2; received 1"),
        ({"groups": {"elsewhere": 1}}, "none of the 120 ids, first 'row000', is among the 1"),
    ],
)
def test_what_gives_no_interval_is_refused(options, message):
    with pytest.raises(InvalidOptionError, match=message):
        bootstrap_interval(drawn(0), "accuracy", **options)
    with pytest.raises(InvalidOptionError, match=message):
        score_table({"row": drawn(0)}, **options)


def test_unknown_metrics_and_methods_are_refused():
    with pytest.raises(InvalidOptionError, match=r"different names out of 'accuracy'.*received .'skill'"):
        bootstrap_interval(drawn(0), "skill")
    with pytest.raises(InvalidOptionError, match=r"received .'accuracy', 'accuracy'"):
        score_table({"row": drawn(0)}, metrics=["accuracy", "accuracy"])
    with pytest.raises(InvalidOptionError, match="'percentile' or 'bca'"):
        bootstrap_interval(drawn(0), "accuracy", method="basic")


@pytest.mark.parametrize("name", METRICS)
def test_a_metric_has_the_name_of_its_function_and_knows_which_way_is_better(name):
    metric = METRICS[name]
    assert metric.score is POINT[name]
    labels = ["cat", "dog"] * 10
    fields = {"ids": range(20), "classes": ["cat", "dog"], "labels": labels}
    right = np.where(np.array(labels)[:, np.newaxis] == ["cat", "dog"], 0.9, 0.1)
    good, bad = (metric.score(Predictions(probas, **fields)) for probas in (right, 1 - right))
    assert (good > bad) == metric.higher_is_better
    assert good != bad
