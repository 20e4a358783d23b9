"""Promises and tests where rows of a group depend on each other: groups are what counts."""

import itertools

import numpy as np
import pytest
import scipy.stats

from ensemblekit import InvalidOptionError, Predictions
from ensemblekit.cascading import cascade
from ensemblekit.cascading._rule import Descent, lowest_threshold
from ensemblekit.errors import FewRowsWarning
from ensemblekit.evaluation import cochran_q, fit_selective, mcnemar, permutation_test
from ensemblekit.evaluation.conformal._selective import _largest
from ensemblekit.store import load, save


def of_groups(certainty, is_dog, sizes, **fields):
    """Make predictions of two classes, with the sizes of their groups."""
    groups = np.repeat([f"p{k:04}" for k in range(len(sizes))], sizes)
    certainty = np.asarray(certainty, dtype=float)
    cat = np.where(is_dog, 1 - certainty, certainty)
    fields = {"ids": np.arange(len(cat)), "classes": ["cat", "dog"], "groups": groups} | fields
    return Predictions(np.column_stack([cat, 1 - cat]), **fields)


def test_a_cascade_counts_groups_not_rows(tmp_path):
    # 60 groups of 5 prove 0.95 with no loss, as 60 rows do: 0.95 ** 60 < 0.05. 58 do not, and 290 rows would.
    sizes, certainty = [5] * 60, 1 - np.arange(300) / 700
    small, large = of_groups(certainty, False, sizes), of_groups(np.ones(300), np.arange(300) == 250, sizes)
    chain = cascade({"small": small, "large": large}, agreement=0.95)
    assert chain.n_groups == 60
    assert chain.threshold == certainty[249]  # with the loss of a fifth of a group the p value is 0.068
    assert chain.promise.endswith("rows of groups like these, where each group counts once; about 17 % of them reach "
                                  "that stage.")  # fmt: skip
    save(chain, tmp_path / "chain")
    assert load(tmp_path / "chain").promise == chain.promise
    part = {name: p.take(p.ids[:290]) for name, p in {"small": small, "large": large}.items()}
    with pytest.warns(FewRowsWarning, match=r"cannot be promised of these 58 groups .* with 59 groups and no loss"):
        assert cascade(part, agreement=0.95).threshold == np.inf
    rows = {name: Predictions(p.probas, ids=p.ids, classes=p.classes) for name, p in part.items()}
    assert np.isfinite(cascade(rows, agreement=0.95).threshold)
    # Groups of one row each are rows.
    alone = {name: p.with_groups([f"r{k}" for k in range(290)]) for name, p in rows.items()}
    assert cascade(alone, agreement=0.95).threshold == cascade(rows, agreement=0.95).threshold


def test_what_is_observed_of_groups_is_the_mean_of_theirs():
    sizes = [1] * 60 + [40]
    differs = np.arange(100) >= 80  # half of the large group
    small, large = of_groups(np.full(100, 0.9), False, sizes), of_groups(np.ones(100), differs, sizes)
    chain = cascade({"small": small, "large": large}, agreement=0.9)
    assert chain.observed == pytest.approx(1 - 0.5 / 61)
    p = of_groups(np.full(100, 0.9), differs, sizes, labels=["cat"] * 100)
    rule = fit_selective(p, risk=0.1)
    assert (rule.n_groups, rule.coverage) == (61, 1.0)
    assert rule.observed_risk == pytest.approx(0.5 / 61)
    assert rule.promise.endswith("their risk (share of errors) is at most 0.1, where each group counts once.")
    rows = fit_selective(Predictions(p.probas, ids=p.ids, classes=p.classes, labels=p.labels), risk=0.3)
    assert rows.observed_risk == pytest.approx(0.2)
    assert "group" not in rows.promise


def test_selective_prediction_counts_groups_not_rows():
    p = of_groups(np.linspace(0.6, 0.9, 295), False, [5] * 59, labels=["cat"] * 295)
    assert fit_selective(p).coverage == 1  # 0.95 ** 59 < 0.05
    with pytest.warns(FewRowsWarning, match=r"any share of the rows of these 58 groups .* with 59 groups and no loss"):
        assert fit_selective(p.take(p.ids[:290])).coverage == 0
    alone = p.take(p.ids[::5])
    rows = Predictions(alone.probas, ids=alone.ids, classes=alone.classes, labels=alone.labels)
    assert fit_selective(alone, risk=0.1).threshold == fit_selective(rows, risk=0.1).threshold


def drawn(rng, n_groups, size, spread):
    """Draw rows that are wrong as often as they are unsure on average, in groups that are alike."""
    mood = rng.normal(size=n_groups).repeat(size)
    certainty = rng.uniform(0.5, 1, n_groups * size)
    noise = np.sqrt(spread) * mood + np.sqrt(1 - spread) * rng.normal(size=n_groups * size)
    return certainty, scipy.stats.norm.cdf(noise) > certainty


@pytest.mark.parametrize(
    ("n_times", "size", "spread"),
    [(80, 5, 0.9), *(pytest.param(400, *of, marks=pytest.mark.slow) for of in [(5, 0.9), (20, 0.5), (5, 0.0)])],
)
def test_the_promises_are_kept_for_rows_that_depend_on_each_other(n_times, size, spread):
    # At the threshold t (1 - t) ** 2 of all rows are answered and differ, and (1 - t) / 2 of those answered.
    rng = np.random.default_rng(size)
    places = np.arange(120).repeat(size)
    broken, by_row, risky = 0, 0, 0
    for _ in range(n_times):
        certainty, differs = drawn(rng, 120, size, spread)
        harms = differs[np.newaxis].astype(float)
        threshold = lowest_threshold(Descent(certainty[np.newaxis], harms, places), 0.06, 0.9)
        broken += (1 - min(threshold, 1)) ** 2 > 0.06
        by_row += (1 - lowest_threshold(Descent(certainty[np.newaxis], harms), 0.06, 0.9)) ** 2 > 0.06
        threshold, _ = _largest(harms[0], certainty, 0.15, 0.1, 10, places)
        risky += np.isfinite(threshold) and (1 - threshold) / 2 > 0.15
    assert broken / n_times <= 0.1
    assert risky / n_times <= 0.1
    if spread:  # rows that count as independent break the promise
        assert by_row / n_times > 0.15


# Tests.


def of_right(right, groups=None, **fields):
    right = np.asarray(right, dtype=float)
    ids = [f"r{k:04}" for k in range(len(right))]
    fields = {"ids": ids, "classes": ["cat", "dog"], "labels": ["cat"] * len(right), "groups": groups} | fields
    return Predictions(np.column_stack([right, 1 - right]), **fields)


def test_mcnemar_by_group_is_the_share_of_all_signs():
    rng = np.random.default_rng(0)
    groups = rng.permutation(np.repeat([f"p{k}" for k in range(11)], rng.integers(1, 9, 11)))
    first, second = rng.random((2, len(groups))) < [[0.8], [0.6]]
    one, other = (
        of_right(first, groups),
        of_right(second, groups).take([f"r{k:04}" for k in reversed(range(len(groups)))]),
    )
    units = np.array([(first.astype(int) - second)[groups == group].sum() for group in np.unique(groups)])
    signs = np.array(list(itertools.product([-1, 1], repeat=len(units))))
    expected = (np.abs(signs @ units) >= abs(units.sum())).mean()
    found = mcnemar(one, other)
    assert found.p_value == pytest.approx(expected, rel=1e-12)
    assert (found.first_only, found.second_only) == ((first & ~second).sum(), (second & ~first).sum())
    assert permutation_test(one, other, "accuracy", n_resamples=5000) == pytest.approx(expected, rel=1e-9)
    by_id = dict(zip(one.ids.tolist(), groups.tolist(), strict=True))
    rows = [of_right(first), of_right(second)]
    assert mcnemar(*rows, groups=by_id) == found
    assert mcnemar(*rows) != found
    assert mcnemar(other, one).p_value == found.p_value
    with pytest.raises(InvalidOptionError, match="groups must be those of the predictions"):
        mcnemar(one, other, groups=dict.fromkeys(by_id, "all"))


def test_groups_of_one_row_have_the_test_of_rows():
    rng = np.random.default_rng(1)
    right = rng.random((3, 40)) < [[0.9], [0.7], [0.6]]
    models = [of_right(row, member=name) for row, name in zip(right, "abc", strict=True)]
    alone = [p.with_groups([f"p{k}" for k in range(40)]) for p in models]
    assert mcnemar(*alone[:2]) == mcnemar(*models[:2])
    assert cochran_q(dict(zip("abc", alone, strict=True))) == cochran_q(dict(zip("abc", models, strict=True)))


@pytest.mark.parametrize("n_rows", [400, 12])
def test_copies_of_a_row_prove_no_more(n_rows):
    rng = np.random.default_rng(2)
    right = (rng.random((3, 12)) < [[0.9], [0.5], [0.5]]).repeat(n_rows // 12 + 1, axis=1)
    groups = np.arange(12).repeat(n_rows // 12 + 1)
    models = {name: of_right(row, groups) for name, row in zip("abc", right, strict=True)}
    once = {name: p.take(p.ids[:: n_rows // 12 + 1]) for name, p in models.items()}
    assert mcnemar(models["a"], models["b"]).p_value == mcnemar(once["a"], once["b"]).p_value
    assert cochran_q(models).p_value == pytest.approx(cochran_q(once).p_value, abs=0.04)


def test_the_level_of_the_tests_by_group_is_kept():
    rng = np.random.default_rng(3)
    found, of_rows = [], []
    groups = np.arange(30).repeat(8)
    for _ in range(100):
        better = rng.normal(size=(2, 30)).repeat(8, axis=1)
        right = better + 0.5 * rng.normal(size=(2, 240)) > 0
        models = [of_right(row, groups) for row in right]
        found.append(
            [mcnemar(*models).p_value, cochran_q(dict(zip("ab", models, strict=True)), n_resamples=99).p_value]
        )
        of_rows.append(mcnemar(*[of_right(row) for row in right]).p_value)
    assert ((np.array(found) <= 0.1).mean(axis=0) <= 0.1 + 2 * np.sqrt(0.1 * 0.9 / 100)).all()
    assert (np.array(of_rows) <= 0.1).mean() > 0.2
