"""Few rows and groups: what is exact, what is said where nothing can be told, verdicts and weights."""

import numpy as np
import pandas as pd
import pytest
import scipy.stats

from ensemblekit import InvalidOptionError, Predictions
from ensemblekit.errors import InvalidPredictionsError
from ensemblekit.evaluation import (
    bootstrap_interval,
    compare_with_best_member,
    compare_with_reference,
    find_metric,
    mean_interval,
    paired_bootstrap,
    permutation_test,
    score_table,
)
from ensemblekit.evaluation.significance._unit_intervals import Draws, Ends, fewest_units, of_units, share_interval

FIELDS = {"classes": ["cat", "dog"]}


def sure(p, **fields):
    """Predictions of ``cat`` rows with the probability p each."""
    p = np.asarray(p, dtype=float)
    more = {"ids": [f"r{k:04}" for k in range(len(p))], "labels": ["cat"] * len(p)} | FIELDS | fields
    return Predictions(np.stack([p, 1 - p], axis=1), **more)


def numbers(values, truth, **fields):
    ids = [f"r{k:04}" for k in range(len(values))]
    return Predictions(np.reshape(values, (-1, 1)), ids=ids, classes=["y"], labels=np.reshape(truth, (-1, 1)),
                       task="regression", **fields)  # fmt: skip


def drawn(seed, n=40, k=3, sharp=1.0):
    rng = np.random.default_rng(seed)
    codes = np.r_[np.arange(k), np.arange(k), rng.integers(k, size=n - 2 * k)]
    logits = sharp * (1.5 * np.eye(k)[codes] + np.random.default_rng(99 + seed).normal(size=(n, k)))
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return Predictions(shares, ids=[f"r{i:04}" for i in range(n)], classes=list("abc")[:k], labels=codes)


# What cannot be told is said.


@pytest.mark.parametrize(("confidence", "fewest"), [(0.95, 6), (0.9, 5), (0.99, 8), (0.5, 2)])
def test_the_fewest_units_are_those_of_the_test_by_signs(confidence, fewest):
    assert fewest_units(confidence) == fewest
    assert 2.0 ** (1 - fewest) <= 1 - confidence + 1e-12 < 2.0 ** (2 - fewest)


@pytest.mark.parametrize("n", [1, 2, 5])
def test_few_equal_rows_have_no_interval_without_width(n):
    line = score_table({"m": sure([0.9] * n)}, metrics=["log_loss", "brier_score", "accuracy"], n_resamples=50)
    line = line.set_index("metric")
    assert (line.loc["brier_score", "low"], line.loc["brier_score", "high"]) == (0, 2)
    assert line.loc["log_loss", "low"] < 1e-6
    assert line.loc["log_loss", "high"] > 16
    assert line["enough"].tolist() == [False, False, True]
    # A share of rows has an exact interval, however few they are.
    assert line.loc["accuracy", "low"] == pytest.approx(0.025 ** (1 / n))


def test_equal_rows_that_are_enough_still_have_a_width():
    for n in (6, 30):
        low, high = bootstrap_interval(sure([0.9] * n), "log_loss", n_resamples=200)
        assert low < -np.log(0.9) < high


def test_two_rows_tell_nothing():
    table = compare_with_reference({"new": sure([0.9, 0.8]), "old": sure([0.4, 0.3])}, "old", n_resamples=50)
    assert table["verdict"].eq("too few").all()
    assert not table["enough"].any()
    assert table["sentence"].str.contains("with 2 rows one cannot tell; 6 are needed").all()


def test_a_metric_that_hangs_on_one_row_tells_nothing():
    rng = np.random.default_rng(0)
    labels = ["cat"] * 39 + ["dog"]
    first, second = (sure(rng.random(40), labels=labels) for _ in range(2))
    found = paired_bootstrap(first, second, metrics=["macro_auroc"], n_resamples=50).iloc[0]
    assert (found["low"], found["high"], found["p_value"], found["enough"]) == (-1, 1, 1, False)


def test_one_large_group_counts_as_few():
    rng = np.random.default_rng(0)
    first, second = sure(rng.uniform(0.8, 0.9, 60)), sure(rng.uniform(0.2, 0.3, 60))
    even = {name: k // 6 for k, name in enumerate(first.ids)}
    uneven = {name: max(k - 49, 0) for k, name in enumerate(first.ids)}
    found = [paired_bootstrap(first, second, groups=g, n_resamples=99)["group_enough"] for g in (even, uneven)]
    assert found[0].all()
    assert not found[1].any()


# Exact tests.


@pytest.mark.parametrize("name", ["log_loss", "macro_auroc", "f1_macro"])
def test_the_permutation_test_enumerates_all_swaps(name):
    first, second = drawn(1, n=8), drawn(2, n=8)
    second = Predictions(second.probas, ids=first.ids, classes=first.classes, labels=first.label_codes)
    metric = find_metric(name)
    swapped = []
    for code in range(2**8):
        one = np.array([code >> k & 1 for k in range(8)], dtype=bool)[:, np.newaxis]
        values = [metric.score(first.label_codes, np.where(side, first.probas, second.probas)) for side in (one, ~one)]
        swapped.append(values[0] - values[1])
    expected = np.mean(np.abs(swapped) >= abs(swapped[-1]) - 1e-12)
    assert permutation_test(first, second, name) == pytest.approx(expected)


def test_random_signs_come_near_all_of_them():
    first, second = sure(np.linspace(0.5, 0.9, 12)), sure(np.linspace(0.6, 0.7, 12))
    all_signs = permutation_test(first, second, "log_loss", n_resamples=5000)
    some = permutation_test(first, second, "log_loss", n_resamples=1999)
    assert all_signs == pytest.approx(some, abs=0.05)
    assert all_signs * 2**11 == pytest.approx(round(all_signs * 2**11))


def test_groups_are_swapped_as_wholes():
    rng = np.random.default_rng(0)
    first, second = sure(rng.uniform(0.3, 0.9, 40)), sure(rng.uniform(0.3, 0.8, 40))
    groups = {name: k % 8 for k, name in enumerate(first.ids)}
    rows = np.log(first.probas[:, 0]) - np.log(second.probas[:, 0])
    sums = np.array([rows[np.arange(40) % 8 == g].sum() for g in range(8)])
    signs = 1 - 2 * ((np.arange(256)[:, np.newaxis] >> np.arange(8)) & 1)
    expected = np.mean(np.abs(signs @ sums) >= abs(sums.sum()) - 1e-12)
    assert permutation_test(first, second, "log_loss", groups=groups) == pytest.approx(expected)


@pytest.mark.parametrize(("right", "n"), [(0, 1), (3, 7), (19, 20), (5, 5)])
def test_shares_have_the_exact_interval(right, n):
    exact = scipy.stats.binomtest(right, n).proportion_ci(0.9, method="exact")
    assert share_interval(right, n, 0.9) == pytest.approx(tuple(exact), abs=1e-12)


def test_copies_of_rows_do_not_make_a_share_surer():
    right = np.random.default_rng(0).random(40) < 0.8
    single = sure(np.where(right, 0.9, 0.1))
    copies = sure(np.repeat(np.where(right, 0.9, 0.1), 5))
    groups = {name: k // 5 for k, name in enumerate(copies.ids)}
    alone, grouped = (bootstrap_interval(p, "accuracy", groups=g) for p, g in ((single, None), (copies, groups)))
    assert grouped == pytest.approx(alone, abs=0.02)
    naive = bootstrap_interval(copies, "accuracy")
    assert naive[1] - naive[0] < 0.6 * (grouped[1] - grouped[0])


# Intervals follow the skewness.


def test_a_rare_large_loss_may_come():
    losses = np.full(20, 0.1)
    losses[0] = 3.0
    low, high = bootstrap_interval(sure(np.exp(-losses)), "log_loss", n_resamples=999)
    value = losses.mean()
    assert high - value > 2 * (value - low)


def test_units_of_a_wide_range_may_lie_further_out_than_was_seen():
    units, draws = np.linspace(0, 1, 10), Draws(10, 999, 0)
    told = of_units(units, Ends(0.0, np.inf), draws, 0.95)
    student = scipy.stats.t.interval(0.95, 9, units.mean(), scipy.stats.sem(units))
    assert told.low <= student[0]
    assert told.high > student[1]


# Verdicts.


def test_a_difference_that_prints_as_nothing_is_not_better():
    rng = np.random.default_rng(0)
    p = rng.uniform(0.5, 0.6, 400)
    table = compare_with_reference({"new": sure(p + 1e-4), "old": sure(p)}, "old", metrics="brier_score")
    assert table["high"].item() < 0
    assert table["verdict"].item() == "too small"
    assert "Brier score is the same" in table["sentence"].item()
    assert table["sentence"].item().endswith("too small to call one model better.")


def test_small_numbers_are_printed_with_their_digits():
    rng = np.random.default_rng(0)
    truth = rng.normal(size=200) * 1e-4
    models = {"new": numbers(truth + 1e-5 * rng.normal(size=200), truth), "old": numbers(truth + 3e-5, truth)}
    table = compare_with_reference(models, "old", metrics="mae", n_resamples=200)
    assert table["verdict"].item() == "better"
    assert f"MAE falls by {-table['difference'].item():.7f} on" in table["sentence"].item()


def test_the_smallest_difference_of_interest_decides():
    rng = np.random.default_rng(0)
    base = rng.uniform(0.5, 0.6, 300)
    models = {"new": sure(base + 0.1 + 0.01 * rng.random(300)), "old": sure(base)}
    options = {"metrics": ["log_loss"], "n_resamples": 999}
    found = [compare_with_reference(models, "old", smallest=s, **options).iloc[0] for s in (0.05, {"log_loss": 0.3})]
    assert found[0]["verdict"] == "better"
    assert "new is better by more than 0.05 on rows like these" in found[0]["sentence"]
    assert found[1]["verdict"] == "as good"
    assert found[1]["p_value"] == 1
    assert found[1]["sentence"].endswith("the two differ by at most 0.3 on rows like these.")
    near = round(abs(found[0]["difference"]), 3)
    between = compare_with_reference(models, "old", smallest=near, **options).iloc[0]
    assert between["verdict"] == "cannot tell"
    assert f"no difference of more than {near:g} can be told" in between["sentence"]


@pytest.mark.parametrize("smallest", [-0.1, np.nan, {"skill": 0.1}, {"log_loss": -1}, True])
def test_what_is_no_size_is_refused(smallest):
    models = {"new": sure([0.9] * 8), "old": sure([0.4] * 8)}
    with pytest.raises(InvalidOptionError, match="smallest must be"):
        compare_with_reference(models, "old", smallest=smallest)


# Any task, any metric, and weights.


def test_a_regression_is_compared_by_the_metrics_of_its_task():
    rng = np.random.default_rng(0)
    truth = rng.normal(size=60)
    errors = {"near": 0.1 * rng.normal(size=60), "far": rng.normal(size=60)}
    models = {name: numbers(truth + error, truth) for name, error in errors.items()}
    table = compare_with_reference(models, "far", n_resamples=200)
    assert table["metric"].tolist() == ["rmse", "mae", "r2"]
    assert table["verdict"].eq("better").all()
    assert "RMSE falls by" in table["sentence"][0]
    assert "R² rises by" in table["sentence"][2]
    assert table["model_only"].isna().all()
    fields = {"ids": [f"v{k}" for k in range(60)], "classes": ["y"], "task": "regression"}
    held_out = {name: Predictions(p.probas, labels=p.labels, **fields) for name, p in models.items()}
    best = compare_with_best_member(models, {"near": ["far", "near"]}, chosen_on=held_out, n_resamples=99)
    assert best["best_member"].eq("near").all()


@pytest.mark.parametrize("metric", ["log_loss", "macro_auroc", "accuracy", "f1_macro", "calibration_error"])
def test_weights_leave_rows_of_weight_nothing_out(metric):
    p, other = drawn(0), drawn(1)
    other = Predictions(other.probas, ids=p.ids, classes=p.classes, labels=p.label_codes)
    kept = p.ids[:30]
    weights = pd.Series([1.0] * 30 + [0.0] * 10, index=p.ids)
    options = {"n_resamples": 200}
    full = paired_bootstrap(p, other, metrics=metric, sample_weight=weights[::-1], **options)
    part = paired_bootstrap(p.take(kept), other.take(kept), metrics=metric, **options)
    np.testing.assert_allclose(full.iloc[0, 1:].astype(float), part.iloc[0, 1:].astype(float), atol=1e-9)
    one = score_table({"p": p}, metrics=metric, sample_weight=weights.to_dict(), **options)
    two = score_table({"p": p.take(kept)}, metrics=metric, **options)
    assert one["value"].item() == pytest.approx(two["value"].item())
    assert one["low"].item() == pytest.approx(two["low"].item(), abs=1e-6)


def test_weights_without_names_need_one_order():
    p = drawn(0)
    backwards = p.take(p.ids[::-1])
    weights = np.arange(1.0, 41)
    assert paired_bootstrap(p, p, sample_weight=weights, n_resamples=50)["difference"].eq(0).all()
    with pytest.raises(InvalidOptionError, match="sample_weight must name its rows"):
        paired_bootstrap(p, backwards, sample_weight=weights, n_resamples=50)


def test_equal_weights_are_none():
    p = drawn(3)
    weights = dict.fromkeys(p.ids.tolist(), 2.5)
    for metric in ("accuracy", "log_loss", "macro_auroc"):
        assert bootstrap_interval(p, metric, sample_weight=weights) == bootstrap_interval(p, metric)


def test_weights_that_are_uneven_make_an_interval_wider():
    p = drawn(0, n=100)
    even = bootstrap_interval(p, "log_loss")
    uneven = bootstrap_interval(p, "log_loss", sample_weight=np.where(np.arange(100) < 50, 10.0, 0.1))
    assert uneven[1] - uneven[0] > 1.15 * (even[1] - even[0])


# Baselines.


def test_the_best_member_and_the_oracle_stand_in_the_table():
    first, second = sure([0.9, 0.9, 0.2, 0.9]), sure([0.1, 0.6, 0.8, 0.6])
    table = score_table({"a": first, "b": second}, metrics=["accuracy", "log_loss"], baselines=True, n_resamples=50)
    accuracy = table[table["metric"] == "accuracy"].set_index("model")["value"]
    assert accuracy.to_dict() == {"a": 0.75, "b": 0.75, "constant": 1.0, "best member": 0.75, "oracle": 1.0}
    loss = table[table["metric"] == "log_loss"].set_index("model")["value"]
    assert loss["oracle"] == pytest.approx(-np.log([0.9, 0.9, 0.8, 0.9]).mean())
    with pytest.raises(InvalidOptionError, match="no model may be called 'oracle'"):
        score_table({"oracle": first}, baselines=True)


def test_the_oracle_of_numbers_is_the_nearest():
    truth = np.zeros(4)
    models = {"a": numbers([1, 2, 3, 4], truth), "b": numbers([-4, -3, -2, -1], truth)}
    table = score_table(models, metrics="mae", baselines=True, n_resamples=50).set_index("model")["value"]
    assert table["oracle"] == pytest.approx(1.5)


def test_the_constant_is_made_of_weighted_labels():
    models = {"a": numbers([1, 2, 3, 4], np.array([0.0, 0.0, 6.0, 9.0]))}
    ids = models["a"].ids.tolist()
    table = score_table(
        models, metrics="mae", baselines=True, n_resamples=50, sample_weight=dict(zip(ids, [1.0, 1, 1, 0], strict=True))
    ).set_index("model")["value"]
    assert table["constant"] == pytest.approx((2 + 2 + 4) / 3)  # the mean of 0, 0 and 6


def test_a_difference_that_is_not_defined_neither_rises_nor_falls():
    rng = np.random.default_rng(0)
    fields = {"ids": range(20), "classes": ["cat", "dog"], "labels": ["cat"] * 20}
    models = {name: Predictions(rng.dirichlet([1, 1], size=20), **fields) for name in ("old", "new")}
    line = compare_with_reference(models, "old", metrics="macro_auroc", n_resamples=50).iloc[0]
    assert line["verdict"] == "too few"
    assert line["sentence"].startswith("From old to new, macro AUROC is not defined on these 20 rows (")


def test_the_interval_of_a_mean_is_that_of_a_metric_that_is_a_mean():
    rng = np.random.default_rng(0)
    errors = rng.random(30)
    numbers = Predictions(errors, ids=range(30), classes=["y"], labels=np.zeros(30), task="regression")
    found = mean_interval(errors, lowest=0.0)
    assert found == pytest.approx(bootstrap_interval(numbers, "mae"), rel=0.02)  # rows are drawn in another order
    assert mean_interval(errors[::-1], lowest=0.0) == found
    assert mean_interval([0.5] * 5, lowest=0, highest=1) == (0, 1)  # five cases tell nothing
    assert mean_interval([], lowest=0, highest=1) == (0, 1)
    with pytest.raises(InvalidPredictionsError, match="values must be finite numbers from 0 to 1"):
        mean_interval([0.5, 2.0], lowest=0, highest=1)
