"""Conformal sets and intervals are those of MAPIE and crepes, row by row."""

from unittest import mock

import numpy as np
import pytest
from sklearn.datasets import load_diabetes, load_digits
from sklearn.linear_model import Ridge
from sklearn.model_selection import KFold, StratifiedShuffleSplit, train_test_split
from sklearn.naive_bayes import GaussianNB

from ensemblekit import Predictions
from ensemblekit.evaluation import fit_conformal
from ensemblekit.evaluation.conformal import _calibrating, _sets

crepes = pytest.importorskip("crepes")
mapie_classification = pytest.importorskip("mapie.classification")
mapie_regression = pytest.importorskip("mapie.regression")

LEVELS = [0.05, 0.1]
CLASSES = list(range(10))


class Softened:
    """Naive Bayes with probabilities that are neither 0 nor 1, as a fitted classifier of scikit-learn's kind."""

    def __init__(self, x, y):
        self.model = GaussianNB(var_smoothing=0.1).fit(x, y)
        self.classes_, self.fitted_ = self.model.classes_, True

    def fit(self, x, y):
        return self

    def predict(self, x):
        return self.model.predict(x)

    def predict_proba(self, x):
        shares = np.exp(self.model.predict_log_proba(x) / 8)
        return shares / shares.sum(axis=1, keepdims=True)

    def __sklearn_is_fitted__(self):
        return True


@pytest.fixture(scope="module")
def digits():
    x, y = load_digits(return_X_y=True)
    train, rest, y_train, y_rest = train_test_split(x, y, test_size=0.7, random_state=0, stratify=y)
    held, new, y_held, y_new = train_test_split(rest, y_rest, test_size=0.5, random_state=0, stratify=y_rest)
    # With one row more, (n + 1)(1 - alpha) is whole, and older versions of MAPIE round it up.
    return Softened(train, y_train), (held[1:], y_held[1:]), (new, y_new)


def predicted(model, x, y, start=0):
    ids = np.arange(start, start + len(x))
    return Predictions(model.predict_proba(x), ids=ids, classes=CLASSES, labels=y)


def mapie_sets(model, rows, x, alpha, method, seed):
    asked = mapie_classification.SplitConformalClassifier(
        model, confidence_level=1 - alpha, conformity_score=method, prefit=True, random_state=seed
    ).conformalize(*rows)
    options = {} if method == "lac" else {"conformity_score_params": {"include_last_label": "randomized"}}
    return asked, asked.predict_set(x, **options)[1][:, :, 0]


def numbers_of_mapie(seed):
    """Replace the random numbers of ids by those of MAPIE, which counts what is left of a class's own probability."""

    def drawn(ids, _):
        return 1 - np.random.RandomState(seed).uniform(size=len(ids))

    return mock.patch.multiple(_calibrating, uniform_by_id=drawn), mock.patch.multiple(_sets, uniform_by_id=drawn)


@pytest.mark.parametrize("alpha", LEVELS)
@pytest.mark.parametrize("method", ["lac", "aps"])
def test_sets_are_those_of_mapie(digits, method, alpha):
    model, rows, (new, _) = digits
    expected = mapie_sets(model, rows, new, alpha, method, 7)[1]
    first, second = numbers_of_mapie(7)
    with first, second:
        conformal = fit_conformal(predicted(model, *rows), alpha=alpha, method=method)
        found = conformal.predict_sets(predicted(model, new, None, 5000)).to_numpy()
    assert 1 < expected.sum(axis=1).mean() < 5 or method == "lac"
    np.testing.assert_array_equal(found, expected)


def test_raps_sets_are_those_of_mapie_with_the_penalty_that_it_chose(digits):
    model, (held, y_held), (new, _) = digits
    asked, expected = mapie_sets(model, (held, y_held), new, 0.05, "raps", 3)
    score = asked._mapie_classifier.conformity_score_function_
    rows, _ = next(StratifiedShuffleSplit(1, test_size=score.size_raps, random_state=3).split(held, y_held))
    first, second = numbers_of_mapie(3)
    with first, second:
        options = {"penalty": float(score.lambda_star), "n_free": int(score.k_star[0])}
        conformal = fit_conformal(predicted(model, held[rows], y_held[rows]), alpha=0.05, method="raps", **options)
        found = conformal.predict_sets(predicted(model, new, None, 5000)).to_numpy()
    assert conformal.threshold == pytest.approx(float(score.quantiles_[0]), abs=1e-12)
    # MAPIE divides by another number where a set ends two classes or more after the free ones.
    same = expected.sum(axis=1) <= score.k_star[0] + 1
    assert same.mean() > 0.9
    np.testing.assert_array_equal(found[same], expected[same])


@pytest.mark.parametrize("alpha", LEVELS)
@pytest.mark.parametrize("method", ["aps", "raps"])
def test_random_sets_are_as_large_as_those_of_mapie_and_cover_as_much(digits, method, alpha):
    model, rows, (new, y_new) = digits
    held_out, fresh = predicted(model, *rows), predicted(model, new, y_new, 5000)
    ours, theirs = [], []
    for seed in range(8):
        conformal = fit_conformal(held_out, alpha=alpha, method=method, seed=seed)
        ours.append((conformal.mean_size(fresh), conformal.coverage(fresh)))
        sets = mapie_sets(model, rows, new, alpha, method, seed)[1]
        theirs.append((sets.sum(axis=1).mean(), sets[np.arange(len(new)), y_new].mean()))
    spread = np.sqrt((np.var(ours, axis=0, ddof=1) + np.var(theirs, axis=0, ddof=1)) / 8)
    assert (np.abs(np.mean(ours, axis=0) - np.mean(theirs, axis=0)) < 4 * spread + 0.01).all()


@pytest.mark.parametrize("alpha", LEVELS)
@pytest.mark.parametrize("by", ["class", "group"])
def test_sets_by_class_and_group_are_those_of_crepes(digits, by, alpha):
    model, (held, y_held), (new, _) = digits
    held_out, fresh = predicted(model, held, y_held), predicted(model, new, None, 5000)
    scores = 1 - held_out.probas[np.arange(len(held)), y_held]
    if by == "class":
        found = fit_conformal(held_out, alpha=alpha, by="class").predict_sets(fresh)
        bins, bins_new = y_held, [np.full(len(new), k) for k in CLASSES]
    else:
        bins, new_groups = (np.where(x[:, 20] > 8, "dark", "light") for x in (held, new))
        groups = (dict(zip(p.ids.tolist(), g, strict=True)) for p, g in ((held_out, bins), (fresh, new_groups)))
        found = fit_conformal(held_out, alpha=alpha, groups=next(groups)).predict_sets(fresh, groups=next(groups))
        bins_new = [new_groups] * 10
    asked = crepes.ConformalClassifier().fit(scores, bins=bins)
    columns = [asked.predict_p(1 - fresh.probas, bins=bins_new[k], smoothing=False)[:, k] for k in CLASSES]
    np.testing.assert_array_equal(found.to_numpy(), np.column_stack(columns) > alpha)


# Regression.


@pytest.fixture(scope="module")
def diabetes():
    x, y = load_diabetes(return_X_y=True)
    train, rest, y_train, y_rest = train_test_split(x, y, test_size=0.6, random_state=0)
    held, new, y_held, _ = train_test_split(rest, y_rest, test_size=0.5, random_state=0)
    return (train, y_train), (held, y_held), new


def values(predicted, y=None, start=0, **fields):
    fields = {"ids": np.arange(start, start + len(predicted)), "classes": ["value"], "task": "regression"} | fields
    return Predictions(predicted.reshape(-1, 1), labels=None if y is None else y.reshape(-1, 1), **fields)


def ends(table):
    return table[["low", "high"]].to_numpy()


class Shifted(Ridge):
    """A regression whose answers are shifted, in place of one of a quantile."""

    shift = 0.0

    def predict(self, x):
        return super().predict(x) + self.shift


@pytest.mark.parametrize("alpha", LEVELS)
def test_quantile_intervals_are_those_of_mapie(diabetes, alpha):
    train, (held, y_held), new = diabetes
    models = [Shifted(1e-3).fit(*train) for _ in range(3)]
    models[0].shift, models[1].shift = -60.0, 40.0
    asked = mapie_regression.ConformalizedQuantileRegressor(models, confidence_level=1 - alpha, prefit=True)
    expected = asked.conformalize(held, y_held).predict_interval(new, symmetric_correction=True)[1][:, :, 0]
    low, high = models[:2]
    pair = {"low": values(low.predict(held), y_held), "high": values(high.predict(held), y_held)}
    fresh = {"low": values(low.predict(new), start=900), "high": values(high.predict(new), start=900)}
    found = fit_conformal(pair, alpha=alpha).predict_intervals(fresh)
    np.testing.assert_allclose(ends(found), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("alpha", LEVELS)
@pytest.mark.parametrize("normalised", [False, True])
@pytest.mark.parametrize("grouped", [False, True])
def test_intervals_are_those_of_crepes(diabetes, normalised, grouped, alpha):
    train, (held, y_held), new = diabetes
    model = Ridge(1e-3).fit(*train)
    sides = [values(model.predict(held), y_held), values(model.predict(new), start=900)]
    spreads = [1 + np.abs(p.probas[:, 0] - 150) / 50 for p in sides]
    bins = [np.where(x[:, 1] > 0, "m", "f") for x in (held, new)]
    by_id = [
        {
            **({"spread": dict(zip(p.ids.tolist(), s, strict=True))} if normalised else {}),
            **({"groups": dict(zip(p.ids.tolist(), g, strict=True))} if grouped else {}),
        }
        for p, s, g in zip(sides, spreads, bins, strict=True)
    ]
    theirs = [
        {**({"sigmas": s} if normalised else {}), **({"bins": g} if grouped else {})}
        for s, g in zip(spreads, bins, strict=True)
    ]
    asked = crepes.ConformalRegressor().fit(y_held - model.predict(held), **theirs[0])
    expected = asked.predict_int(model.predict(new), confidence=1 - alpha, **theirs[1])
    method = "normalised" if normalised else "residual"
    found = fit_conformal(sides[0], alpha=alpha, method=method, **by_id[0]).predict_intervals(sides[1], **by_id[1])
    np.testing.assert_allclose(ends(found), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("n_folds", [4, 60], ids=["cross-validation+", "jackknife+"])
def test_intervals_by_fold_are_those_of_mapie(diabetes, n_folds):
    (x, y), _, new = diabetes
    x, y = x[:60], y[:60]
    folds = KFold(n_folds)
    asked = mapie_regression.CrossConformalRegressor(Ridge(1e-3), confidence_level=0.9, method="plus", cv=folds)
    expected = asked.fit_conformalize(x, y).predict_interval(new)[1][:, :, 0]
    held_out, fresh = {}, {}
    for k, (train, held) in enumerate(folds.split(x)):
        model = Ridge(1e-3).fit(x[train], y[train])
        held_out[k] = values(model.predict(x[held]), y[held], ids=held, fit_ids=train)
        fresh[k] = values(model.predict(new), start=900)
    found = fit_conformal(held_out, alpha=0.1).predict_intervals(fresh)
    np.testing.assert_allclose(ends(found), expected, rtol=0, atol=1e-12)
