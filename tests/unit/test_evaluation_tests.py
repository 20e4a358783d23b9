"""Sign, Wilcoxon, Cochran, Friedman and Nemenyi tests, against SciPy, statsmodels and published figures."""

import numpy as np
import pandas as pd
import pytest
import scipy.stats

from ensemblekit import InvalidOptionError, Predictions
from ensemblekit.evaluation import (
    cochran_q,
    friedman_test,
    mcnemar,
    nemenyi_test,
    permutation_test,
    sign_test,
    wilcoxon_test,
)


def of_losses(losses, seed=None, **fields):
    """Predictions whose log loss in each row is the given one."""
    p = np.exp(-np.asarray(losses, dtype=float))
    ids = [f"r{k:04}" for k in range(len(p))]
    made = Predictions(np.stack([p, 1 - p], axis=1), ids=ids, classes=["cat", "dog"], labels=["cat"] * len(p), **fields)
    return made if seed is None else made.take(np.random.default_rng(seed).permutation(ids))


def of_right(right, seed=None):
    return of_losses(np.where(np.asarray(right, dtype=bool), 0.1, 2.0), seed)


# Wilcoxon and signs.


@pytest.mark.parametrize("n", [5, 13, 40, 80])
def test_wilcoxon_and_signs_are_those_of_scipy(n):
    rng = np.random.default_rng(n)
    first, second = rng.exponential(size=n), rng.exponential(1.3, size=n)
    one, other = of_losses(first), of_losses(second, seed=1)
    differences = -np.log(np.exp(-first)) + np.log(np.exp(-second))
    assert wilcoxon_test(one, other, "log_loss") == pytest.approx(scipy.stats.wilcoxon(differences).pvalue, abs=1e-12)
    n_more = int((differences > 0).sum())
    assert sign_test(one, other, "log_loss") == pytest.approx(scipy.stats.binomtest(n_more, n).pvalue, abs=1e-12)


def test_few_rows_with_ties_have_the_exact_test_of_all_signs():
    first, second = np.array([1, 0, 1, 1, 1, 1, 0, 1, 1]), np.array([0, 1, 0, 0, 0, 0, 0, 0, 1])
    one, other = of_right(first), of_right(second, seed=2)
    # 7 rows differ, one of them the other way: ranks are all 4, so that signs alone count.
    expected = scipy.stats.binomtest(1, 7).pvalue
    assert wilcoxon_test(one, other, "accuracy") == pytest.approx(expected, abs=1e-12)
    assert sign_test(one, other, "accuracy") == pytest.approx(expected, abs=1e-12)
    assert sign_test(one, other, "accuracy") == mcnemar(one, other).p_value
    assert permutation_test(one, other, "accuracy") == pytest.approx(expected, abs=1e-12)


def numbers(values):
    fields = {"ids": range(len(values)), "classes": ["v"], "labels": np.zeros((len(values), 1)), "task": "regression"}
    return Predictions(np.reshape(values, (-1, 1)), **fields)


@pytest.mark.parametrize("test", [sign_test, wilcoxon_test, permutation_test])
def test_what_differs_by_rounding_alone_does_not_differ(test):
    groups = {k: k // 3 for k in range(36)}
    one, other = numbers([0.1, 0.2, 0.0] * 12), numbers([0.0, 0.0, 0.3] * 12)
    assert 0.1 + 0.2 - 0.3 != 0
    assert test(one, other, "mae", groups=groups) == 1
    assert test(numbers([0.1 + 0.2] * 12), numbers([0.3] * 12), "mae") == 1
    assert test(numbers([0.1 + 1e-9] * 12), numbers([0.1] * 12), "mae") < 0.01


def test_differences_that_are_equal_but_for_rounding_share_a_rank():
    one, other = numbers([0.1 + 0.2, 0.3, 0.3, 0.3, 0.3, 0.3]), numbers([0.0] * 6)
    assert wilcoxon_test(one, other, "mae") == pytest.approx(scipy.stats.binomtest(0, 6).pvalue, abs=1e-12)


def test_scores_of_data_sets_that_are_equal_but_for_rounding_share_a_rank():
    scores = pd.DataFrame({"a": [0.1 + 0.2] * 4, "b": [0.3] * 4, "c": [0.1] * 4})
    for table in (scores, scores.astype("Float64")):
        assert friedman_test(table, higher_is_better=True).mean_ranks.tolist() == [1.5, 1.5, 3]
    with pytest.raises(InvalidOptionError, match="finite"):
        friedman_test(scores.astype("Float64").mask(scores == 0.1), higher_is_better=True)


def test_groups_are_the_units_of_signs_and_ranks():
    rng = np.random.default_rng(0)
    first, second = rng.exponential(size=40), rng.exponential(size=40)
    groups = {f"r{k:04}": k % 10 for k in range(40)}
    sums = np.array([(first - second)[np.arange(40) % 10 == g].sum() for g in range(10)])
    found = wilcoxon_test(of_losses(first), of_losses(second), "log_loss", groups=groups)
    assert found == pytest.approx(scipy.stats.wilcoxon(sums).pvalue, abs=1e-9)
    found = sign_test(of_losses(first), of_losses(second), "log_loss", groups=groups)
    assert found == pytest.approx(scipy.stats.binomtest(int((sums > 0).sum()), 10).pvalue, abs=1e-12)


def test_equal_models_have_the_p_value_1():
    p = of_losses([0.1, 0.2, 0.3])
    for test in (wilcoxon_test, sign_test, permutation_test):
        assert test(p, p, "log_loss") == 1
    assert cochran_q({"a": p, "b": p}).p_value == 1


def test_ranks_and_signs_need_a_mean_over_rows():
    p = of_losses([0.1, 0.2, 0.3])
    for test in (wilcoxon_test, sign_test):
        with pytest.raises(InvalidOptionError, match=r"needs a metric that is the mean of .*'macro_au"):
            test(p, p, "macro_auroc")


# Cochran and McNemar.


def test_cochran_and_mcnemar_are_those_of_statsmodels():
    theirs = pytest.importorskip("statsmodels.stats.contingency_tables")
    rng = np.random.default_rng(0)
    right = rng.random((60, 4)) < [0.6, 0.7, 0.75, 0.8]
    models = {name: of_right(column, seed) for seed, (name, column) in enumerate(zip("abcd", right.T, strict=True))}
    expected = theirs.cochrans_q(right.astype(int))
    found = cochran_q(models)
    assert found.statistic == pytest.approx(expected.statistic, rel=1e-12)
    assert found.p_value == pytest.approx(expected.pvalue, abs=1e-12)
    table = np.array([[np.sum(right[:, 0] == i) for i in (0, 1)]] * 2)
    for i in (0, 1):
        for j in (0, 1):
            table[i, j] = np.sum((right[:, 0] == i) & (right[:, 1] == j))
    assert mcnemar(models["a"], models["b"]).p_value == pytest.approx(theirs.mcnemar(table).pvalue, abs=1e-12)


def test_cochran_of_few_rows_permutes_within_rows():
    right = np.array([[1, 1, 0], [1, 0, 0], [1, 1, 0], [0, 1, 1], [1, 1, 1]], dtype=bool)
    models = {name: of_right(column) for name, column in zip("abc", right.T, strict=True)}
    found = cochran_q(models, n_resamples=20_000)
    # All arrangements within the four rows that differ, worked out one by one.
    import itertools

    rows = [sorted(set(itertools.permutations(row.astype(int)))) for row in right[:4]]
    totals = np.array([np.sum(arranged, axis=0) for arranged in itertools.product(*rows)])
    spread = (totals**2).sum(axis=1)
    observed = (right[:4].sum(axis=0) ** 2).sum()
    assert found.p_value == pytest.approx((spread >= observed).mean(), abs=0.02)
    with pytest.raises(InvalidOptionError, match="two models at least"):
        cochran_q({"a": models["a"]})


# Over several data sets.


def values(n=12, k=4, seed=0):
    rng = np.random.default_rng(seed)
    return pd.DataFrame(rng.normal(size=(n, k)) + 0.4 * np.arange(k), columns=list("abcdefghij")[:k])


@pytest.mark.parametrize("rounded", [False, True])
def test_friedman_is_that_of_scipy(rounded):
    table = values().round(0) if rounded else values()
    found = friedman_test(table, higher_is_better=True)
    expected = scipy.stats.friedmanchisquare(*table.to_numpy().T)
    assert found.statistic == pytest.approx(expected.statistic, rel=1e-12)
    assert found.p_value == pytest.approx(expected.pvalue, abs=1e-12)
    assert found.mean_ranks["d"] < found.mean_ranks["a"]
    losses = friedman_test(-table, higher_is_better=False)
    assert losses.mean_ranks.tolist() == found.mean_ranks.tolist()


# Demsar 2006, table 5(a): q of 0.05 for 2 to 10 models, to the three digits that are printed.
Q_05 = {2: 1.960, 3: 2.343, 4: 2.569, 5: 2.728, 6: 2.850, 7: 2.949, 8: 3.031, 9: 3.102, 10: 3.164}
Q_10 = {2: 1.645, 3: 2.052, 4: 2.291, 5: 2.459, 6: 2.589, 7: 2.693, 8: 2.780, 9: 2.855, 10: 2.920}


@pytest.mark.parametrize("k", Q_05)
def test_nemenyi_has_the_published_critical_differences(k):
    for published, confidence in ((Q_05, 0.95), (Q_10, 0.9)):
        table = nemenyi_test(values(14, k), higher_is_better=True, confidence=confidence)
        q = table["critical_difference"].iloc[0] / np.sqrt(k * (k + 1) / (6 * 14))
        assert q == pytest.approx(published[k], abs=0.0011)


def test_nemenyi_of_demsars_example():
    """14 data sets and 4 classifiers: the critical difference is 1.25 (his section 3.2.2)."""
    table = nemenyi_test(values(14, 4), higher_is_better=True)
    assert table["critical_difference"].round(2).eq(1.25).all()
    below = table["rank_difference"].abs() > table["critical_difference"]
    assert (below == (table["p_value"] < 0.05)).all()
    means = friedman_test(values(14, 4), higher_is_better=True).mean_ranks
    assert table["rank_difference"].iloc[0] == pytest.approx(means["a"] - means["b"])


BAD = {
    "one data set": values(1),
    "two models": values(5, 2),
    "text": values().assign(a="x"),
    "NaN": values().replace(values().iloc[0, 0], np.nan),
}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
def test_tables_without_ranks_are_refused(bad):
    with pytest.raises(InvalidOptionError, match="scores must be a table of finite numbers"):
        friedman_test(bad, higher_is_better=True)


def test_nemenyi_takes_two_models_and_a_confidence():
    assert len(nemenyi_test(values(5, 2), higher_is_better=True)) == 1
    with pytest.raises(InvalidOptionError, match="confidence must be"):
        nemenyi_test(values(), higher_is_better=True, confidence=1.0)


def test_equal_models_are_not_told_apart():
    table = pd.DataFrame(np.ones((4, 3)), columns=list("abc"))
    assert friedman_test(table, higher_is_better=True).p_value == 1
    assert nemenyi_test(table, higher_is_better=True)["p_value"].eq(1).all()
