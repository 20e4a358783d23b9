"""Resampling of many models: one product for all means, closed forms, and fewer resamples where it would take long."""

import numpy as np
import pytest
import scipy.stats

from ensemblekit import Predictions
from ensemblekit.evaluation import bootstrap_interval, find_metric, score_table, statistic, wilcoxon_test
from ensemblekit.evaluation.significance._resampling import (
    FOR_SKEWNESS,
    draw_counts,
    jackknife,
    resample,
    resample_means,
)
from ensemblekit.evaluation.significance._unit_intervals import Draws, Ends, contributions, of_units
from ensemblekit.evaluation.words import counted, decimals_of, figure
from ensemblekit_plugins.kernels import place_sums
from ensemblekit_plugins.kernels.curves import _running_sums


def drawn(n, seed=0, k=3):
    rng = np.random.default_rng(seed)
    codes = np.arange(n) % k
    probas = rng.dirichlet(np.ones(k), size=n) + np.eye(k)[codes]
    return Predictions(probas / 2, ids=range(n), classes=list("abc")[:k], labels=np.array(list("abc"))[codes])


@pytest.mark.parametrize("weights", [None, np.arange(12) % 4 + 0.5])
@pytest.mark.parametrize("places", [np.arange(12), np.arange(12) // 5])
def test_means_are_resampled_as_any_other_figure(weights, places):
    p = drawn(12)
    metric = find_metric("log_loss")
    rows = metric.row_values(p.label_codes, p.probas)
    own = np.ones(12) if weights is None else weights
    sums = np.stack([np.bincount(places, rows * own), np.bincount(places, own)])
    masses = np.stack([np.bincount(places, own), np.bincount(places) + 0.0])
    found = resample_means(sums, masses, 70, 3)
    loss = statistic(p, metric, sample_weight=weights)
    assert found[0] == pytest.approx(resample([loss], places, 70, 3)[0], rel=1e-12)
    assert found[1] == pytest.approx(resample([lambda w: own @ w / w.sum(axis=0)], places, 70, 3)[0], rel=1e-12)


@pytest.mark.parametrize("weights", [None, np.arange(12) % 4 + 0.5])
@pytest.mark.parametrize("places", [np.arange(12), np.arange(12) // 5])
def test_what_a_unit_contributes_to_a_mean_is_the_pseudo_value(weights, places):
    p = drawn(12)
    rows = find_metric("log_loss").row_values(p.label_codes, p.probas)
    loss = statistic(p, "log_loss", sample_weight=weights)
    found = contributions(loss, places, rows=rows, weights=weights)
    assert found == pytest.approx(contributions(loss, places), rel=1e-9)
    assert contributions(loss, np.zeros(12, dtype=int), rows=rows) is None
    assert contributions(loss, np.arange(12), rows=rows, weights=np.eye(12)[0]) is None  # nothing without that row


def test_metrics_that_are_no_means_get_fewer_resamples_in_a_table_of_many_models():
    p = drawn(60)
    few, many = ({f"m{k}": p for k in range(n)} for n in (20, 21))
    options = {"metrics": ["log_loss", "balanced_accuracy"], "n_resamples": 2000}
    tables = [score_table(models, **options).iloc[:2].set_index("metric") for models in (few, many)]
    assert tables[0].loc["log_loss"].equals(tables[1].loc["log_loss"])
    ends = [bootstrap_interval(p, "balanced_accuracy", n_resamples=n) for n in (2000, 1000)]
    assert [(t.loc["balanced_accuracy", "low"], t.loc["balanced_accuracy", "high"]) for t in tables] == ends
    assert ends[0] != ends[1]


def test_parts_of_very_many_units_have_the_skewness_of_all():
    values = np.random.default_rng(0).exponential(size=4000)
    off = jackknife([lambda w: values @ w / w.sum(axis=0)], np.arange(4000))[0]
    assert off.shape == (FOR_SKEWNESS,)
    off = off.mean() - off
    found = (off**3).sum() / (6 * (off**2).sum() ** 1.5)
    assert found == pytest.approx(scipy.stats.skew(values) / 6 / np.sqrt(4000), abs=0.006)
    assert jackknife([lambda w: values[:50] @ w / w.sum(axis=0)], np.arange(50)).shape == (1, 50)


def test_every_unit_is_drawn_as_often_as_any_other():
    counts = draw_counts(np.random.default_rng(0), 7, 20_000)
    assert (counts.sum(axis=0) == 7).all()
    assert counts.mean(axis=1) == pytest.approx(np.ones(7), abs=0.03)
    assert counts.var(axis=1) == pytest.approx(np.full(7, 6 / 7), abs=0.05)
    signs = Draws(60, 5000, 0).signs
    assert set(np.unique(signs)) == {-1.0, 1.0}
    assert np.abs(signs.mean(axis=1)).max() < 0.07
    assert np.abs(np.corrcoef(signs)[np.triu_indices(60, 1)]).max() < 0.08


@pytest.mark.parametrize("n", [4, 9, 11])
def test_signed_ranks_with_ties_have_scipys_test_over_all_signs(n):
    rng = np.random.default_rng(n)
    differences = rng.choice([-3, -2, -1, 1, 2, 3, 4], size=n).astype(float)
    differences[1] = differences[0]
    fields = {"ids": range(n), "classes": ["v"], "labels": np.zeros((n, 1)), "task": "regression"}
    one, other = (Predictions(np.reshape(v, (-1, 1)), **fields) for v in (10 + differences, np.full(n, 10.0)))
    expected = scipy.stats.wilcoxon(differences, method=scipy.stats.PermutationMethod()).pvalue
    assert wilcoxon_test(one, other, "mae") == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("size", [1e160, 1e-160])
def test_very_large_and_small_units_have_the_interval_of_others(size):
    units, draws = np.random.default_rng(0).normal(1, 1, 12), Draws(12, 199, 0)
    for ends in (Ends(0.0, np.inf), Ends(-np.inf, np.inf, difference=True)):
        told, scaled = (of_units(units * one, ends, draws, 0.95) for one in (1.0, size))
        assert (scaled.low / size, scaled.high / size) == pytest.approx((told.low, told.high), rel=1e-9)
        assert scaled.p_value == pytest.approx(told.p_value, rel=1e-9)


@pytest.mark.parametrize("name", ["rmse", "r2", "mae"])
def test_errors_of_very_large_numbers_are_no_infinities(name):
    rng = np.random.default_rng(0)
    truth, given = rng.normal(size=(2, 20, 2))
    metric = find_metric(name)
    value = metric.score(truth, given)
    assert metric.score(truth * 1e160, given * 1e160) == pytest.approx(
        value * (1 if name == "r2" else 1e160), rel=1e-12
    )
    mixed = np.array([1e160, 1.0])  # each output has its own unit
    parts = [metric.score(truth[:, [k]], given[:, [k]]) * (1 if name == "r2" else mixed[k]) for k in range(2)]
    assert metric.score(truth * mixed, given * mixed) == pytest.approx(np.mean(parts), rel=1e-12)


@pytest.mark.parametrize("n", [0, 1, 15, 16, 17, 47, 100])
def test_rows_are_added_up_in_blocks(n):
    values = np.random.default_rng(n).random((n, 3))
    assert np.allclose(_running_sums(values), np.cumsum(values, axis=0), rtol=1e-12)


def test_sums_of_few_places_are_those_of_many(monkeypatch):
    places, values = np.array([0, 2, -1, 2, 1]), np.array([0.5, 1, 9, -2, 3])
    weights = np.random.default_rng(0).random((5, 4))
    small = place_sums.place_sums(places, 3, values)(weights)
    monkeypatch.setattr(place_sums, "_SMALL", 0)
    assert small == pytest.approx(place_sums.place_sums(places, 3, values)(weights), rel=1e-12)
    assert small[2] == pytest.approx(weights[1] - 2 * weights[3])


@pytest.mark.parametrize(
    ("number", "plural", "text"),
    [(1, "rows", "1 row"), (0, "rows", "0 rows"), (2, "rows", "2 rows"), (1, "bodies", "1 body"),
     (1, "sheep", "1 sheep"), (1, "glass", "1 glass")],
)  # fmt: skip
def test_one_thing_is_counted_in_the_singular(number, plural, text):
    assert counted(number, plural) == text
    assert counted(number, plural, these=True) == f"{'this' if number == 1 else 'these'} {text}"


@pytest.mark.parametrize(("value", "text"), [(1.5, "1.500"), (1e14, "1" + "0" * 14 + ".000"), (-2.5e159, "-2.5e+159"),
                                             (2.5e-30, "2.5e-30"), (-0.0001, "0.000")])  # fmt: skip
def test_figures_of_any_size_can_be_read(value, text):
    assert figure(value, decimals_of(value) if abs(value) < 1e-20 else 3) == text
