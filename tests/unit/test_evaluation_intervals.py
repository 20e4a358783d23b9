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
    balanced_accuracy,
    bootstrap_interval,
    brier_score,
    calibration_error,
    log_loss,
    macro_auroc,
    paired_bootstrap,
    score_table,
    statistic,
)

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
    ours = bootstrap_interval(p, "log_loss", n_resamples=20000, method="percentile")
    assert ours == pytest.approx(tuple(theirs.confidence_interval), abs=0.1 * theirs.standard_error)


@pytest.mark.slow
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
    assert np.diff(naive) == pytest.approx(np.diff(alone) / 2, rel=0.2)


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


def test_the_interval_of_a_share_is_that_of_clopper_and_pearson():
    ids = range(20)
    for n_right in (0, 1, 13, 20):
        probas = [[0.9, 0.1]] * n_right + [[0.1, 0.9]] * (20 - n_right)
        p = Predictions(probas, ids=ids, classes=["a", "b"], labels=["a"] * 20)
        theirs = scipy.stats.binomtest(n_right, 20).proportion_ci(method="exact")
        assert bootstrap_interval(p, "accuracy") == pytest.approx(tuple(theirs), abs=1e-12)
    # By group, 20 rows that are right tell no more than 10 groups that are.
    by_group = bootstrap_interval(p, "accuracy", groups={k: k // 2 for k in ids})
    assert by_group == pytest.approx(tuple(scipy.stats.binomtest(10, 10).proportion_ci(method="exact")), abs=1e-12)


def test_the_table_of_scores():
    first, second = drawn(5, fit_ids=["row001", "row002", "elsewhere"]), drawn(6)
    groups = {name: k // 3 for k, name in enumerate(first.ids.tolist())}
    table = score_table({"first": first, "second": second}, groups=groups, n_resamples=200)
    assert table.columns.tolist() == [
        "model", "metric", "value", "low", "high", "group_low", "group_high", "n", "n_groups", "in_sample", "enough",
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
    with pytest.raises(InvalidOptionError, match=r"metric must be one of .*'accuracy'.*received 'skill'"):
        bootstrap_interval(drawn(0), "skill")
    with pytest.raises(InvalidOptionError, match=r"different names; received .'accuracy', 'accuracy'"):
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


def test_a_few_large_losses_do_not_make_every_value_possible():
    """Resamples without the two wrong rows have no spread; the range of the metric still bounds what they say."""
    right = np.full(160, 1 - 1e-9)
    right[:2] = [1e-4, 3e-4]
    rows = np.column_stack([right, 1 - right])
    p = Predictions(rows, ids=range(160), classes=["cat", "dog"], labels=["cat"] * 160)
    low, high = bootstrap_interval(p, "log_loss")
    assert 0 < low < 0.108 < high < 0.7  # Clopper and Pearson bound the share of wrong rows by 0.044, of 16.1 at most
    by_pair = bootstrap_interval(p, "log_loss", groups={row: row // 2 for row in range(160)})
    assert by_pair[0] < low
    assert high < by_pair[1] < 1.5


@pytest.mark.parametrize(("asked", "made"), [(5000, 1000), (300, 300), (10000, 2000)])
def test_a_function_is_called_for_fewer_resamples(asked, made):
    calls = []

    def loss(y_true, y_pred, sample_weight=None):
        calls.append(1)
        return -np.average(y_pred[np.arange(len(y_true)), y_true], weights=sample_weight)

    rng = np.random.default_rng(0)
    fields = {"ids": range(12), "classes": ["a", "b"], "labels": ["a", "b"] * 6}
    one, other = (Predictions(rng.dirichlet([1, 1], size=12), **fields) for _ in range(2))
    score_table(one, metrics=["log_loss", loss], n_resamples=asked)
    assert made <= len(calls) < made + 50
    calls.clear()
    together = paired_bootstrap(one, other, metrics=["log_loss", loss, "macro_auroc"], n_resamples=asked)
    assert 2 * made <= len(calls) < 4 * made + 100
    alone = [paired_bootstrap(one, other, metrics=m, n_resamples=asked).iloc[0] for m in ("log_loss", "macro_auroc")]
    for place, line in zip((0, 2), alone, strict=True):
        assert together.iloc[place].equals(line.rename(place))
