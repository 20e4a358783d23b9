"""Dawid and Skene's rules for votes: hand-worked steps, known labels, what tells nothing, and a class that vanishes."""

import warnings

import numpy as np
import pandas as pd
import pytest

from ensemblekit import Votes
from ensemblekit.crowd import DawidSkene, OneCoinDawidSkene, aggregate_votes, warn_if_vanished
from ensemblekit.errors import (
    InvalidOptionError,
    InvalidPredictionsError,
    NotFittedError,
    UnvotedClassWarning,
    VanishedClassWarning,
)

SMALL = {"q1": {"a": "x", "b": "x", "c": "y"}, "q2": {"a": "y", "b": "y"}, "q3": {"a": "x"}}


def test_a_step_of_one_coin_by_hand():
    # Shares of x: q1 2/3, q2 0, q3 1. So the prior of x is 5/9; a is right in (2/3 + 1 + 1) of 3, b in (2/3 + 1) of 2,
    # c in 1/3 of 1.
    result = aggregate_votes(Votes(SMALL), "one_coin", pooling=0, max_iter=1)
    odds = (5 / 4) * np.array([(8 / 1) * (5 / 1) * (2 / 1), (1 / 8) * (1 / 5), 8])
    expected = odds / (1 + odds)
    np.testing.assert_allclose(result.predictions.probas[:, 0], expected)
    np.testing.assert_allclose(result.fitted.prior_, [expected.mean(), 1 - expected.mean()])
    skills = [(expected[0] + 1 - expected[1] + expected[2]) / 3, (expected[0] + 1 - expected[1]) / 2, 1 - expected[0]]
    np.testing.assert_allclose(result.skills["skill"], skills)
    assert (result.n_iter, result.converged) == (1, False)


def test_a_step_of_dawid_skene_by_hand():
    # a says x on q1 and q3, y on q2: of x 5/3 and 0, of y 1/3 and 1. b: of x 2/3 and 0, of y 1/3 and 1. c only says y.
    result = aggregate_votes(Votes(SMALL), "dawid_skene", pooling=0, max_iter=1)
    least = 1e-10
    odds = (5 / 4) * np.array([1 / (1 / 4) * 1 / (1 / 4), (least / (5 / 3) / (3 / 4)) * (least / (2 / 3) / (3 / 4)), 4])
    np.testing.assert_allclose(result.predictions.probas[:, 0], odds / (1 + odds), rtol=1e-8)


def test_raters_are_lent_answers_as_those_of_all():
    # One step of one coin: all answers together are right in (8 + 5 + 1) / 3 of 6.
    result = aggregate_votes(Votes(SMALL), "one_coin", pooling=2, max_iter=1)
    lent = 2 * (14 / 3 / 6)
    right = np.array([(8 / 3 + lent) / 5, (5 / 3 + lent) / 4, (1 / 3 + lent) / 3])
    a, b, c = right / (1 - right)
    odds = (5 / 4) * np.array([a * b / c, 1 / (a * b), a])
    np.testing.assert_allclose(result.predictions.probas[:, 0], odds / (1 + odds))
    # And of Dawid and Skene: of x, all say x 7/3 (a 5/3, b 2/3) and y 2/3 (c); of y, x 2/3 and y 7/3.
    result = aggregate_votes(Votes(SMALL), "dawid_skene", pooling=2, max_iter=1)
    x, y = 2 * np.array([7 / 9, 2 / 9]), 2 * np.array([2 / 9, 7 / 9])
    of_x = np.array([[5 / 3, 0], [2 / 3, 0], [0, 2 / 3]]) + x
    of_y = np.array([[1 / 3, 1], [1 / 3, 1], [0, 1 / 3]]) + y
    of_x, of_y = of_x / of_x.sum(axis=1, keepdims=True), of_y / of_y.sum(axis=1, keepdims=True)
    third = (5 / 4) * of_x[0, 0] / of_y[0, 0]
    np.testing.assert_allclose(result.predictions.probas[2, 0], third / (1 + third), rtol=1e-8)


def crowd(seed=0, n_items=300, n_raters=12, per_item=4, k=3):
    """A crowd of which four raters vote on each item; rater 0 always says the class after the true one."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(k, size=n_items)
    rater = np.argsort(rng.random((n_items, n_raters)), axis=1)[:, :per_item]
    skill = np.linspace(0.5, 0.9, n_raters)[rater]
    label = np.where(rng.random(rater.shape) < skill, truth[:, np.newaxis], rng.integers(k, size=rater.shape))
    label = np.where(rater == 0, (truth[:, np.newaxis] + 1) % k, label)
    table = {"item": np.repeat(np.arange(n_items), per_item), "rater": rater.ravel(), "label": label.ravel()}
    return pd.DataFrame(table), truth


def accuracy(result, truth):
    return (result.predictions.predicted == truth[result.predictions.ids]).mean()


def test_a_rater_that_is_always_wrong_in_one_way_is_understood():
    table, truth = crowd()
    result = aggregate_votes(Votes(table), "dawid_skene")
    assert result.converged
    assert result.n_iter < 100
    np.testing.assert_allclose(result.fitted.confusions_[0], np.roll(np.eye(3), 1, axis=1), atol=0.15)
    assert accuracy(result, truth) > accuracy(aggregate_votes(Votes(table)), truth)
    assert result.skills["skill"].idxmin() == 0
    assert result.fitted.confusions_.shape == (12, 3, 3)
    np.testing.assert_allclose(result.fitted.confusions_.sum(axis=2), 1)


@pytest.mark.parametrize("rule", ["dawid_skene", "one_coin"])
def test_known_labels_stay_certain_and_teach(rule):
    table, truth = crowd()
    wrong = dict(enumerate(truth[:150].tolist())) | {0: (int(truth[0]) + 1) % 3}
    found = aggregate_votes(Votes(table, gold=wrong), rule)
    assert found.predictions.predicted[:150].tolist() == [*wrong.values()]
    assert found.predictions.fit_ids.tolist() == [*range(150)]
    # Of two classes, most raters mean the other one: only known labels can tell.
    table, truth = crowd(k=2)
    table["label"] = np.where(table["rater"] > 2, 1 - table["label"], table["label"])
    votes = Votes(table, gold=dict(enumerate(truth[:100].tolist())))
    taught, blind = (aggregate_votes(votes, rule, use_gold=use).predictions.predicted == truth for use in (True, False))
    assert taught[100:].mean() > 0.85
    assert blind[100:].mean() < 0.15


@pytest.mark.parametrize("rule", ["dawid_skene", "one_coin"])
def test_what_is_no_answer_tells_nothing(rule):
    table, _ = crowd(n_items=40)
    more = pd.DataFrame({"item": [0, 1, 99], "rater": [77, 78, 77], "label": ["?", "#", "?"]})
    plain = aggregate_votes(Votes(table), rule)
    found = aggregate_votes(Votes(pd.concat([table, more]), abstained=["?"], failed=["#"]), rule)
    assert found.predictions.probas[:-1].tobytes() == plain.predictions.probas.tobytes()
    assert np.isnan(found.predictions.probas[-1]).all()
    assert found.skills.loc[[77, 78], ["answered", "abstained", "failed"]].to_numpy().tolist() == [[0, 2, 0], [0, 0, 1]]
    assert np.isnan(found.skills.loc[77, "skill"])
    if rule == "dawid_skene":
        assert np.isnan(found.fitted.confusions_[-1]).all()


@pytest.mark.parametrize("rule", ["dawid_skene", "one_coin"])
def test_a_weight_is_that_many_votes(rule):
    table, _ = crowd(n_items=30)
    # As a rater votes once on an item, a vote of weight 2 is compared with the same crowd of items twice.
    twice = pd.concat([table, table.assign(item=table["item"] + 1000)])
    expected = aggregate_votes(Votes(twice), rule, pooling=0, max_iter=5, tol=-np.inf)
    halves = Votes(twice.assign(w=0.5), weight="w")
    found = aggregate_votes(halves, rule, pooling=0, max_iter=5, tol=-np.inf)
    assert not np.allclose(found.predictions.probas, expected.predictions.probas, atol=1e-6)
    ones = Votes(twice.assign(w=1.0), weight="w")
    same = aggregate_votes(ones, rule, pooling=0, max_iter=5, tol=-np.inf)
    np.testing.assert_allclose(same.predictions.probas, expected.predictions.probas, atol=1e-12)
    nothing = pd.concat([twice.assign(w=1.0), pd.DataFrame({"item": [0], "rater": [55], "label": [1], "w": [0.0]})])
    found = aggregate_votes(Votes(nothing, weight="w"), rule, pooling=0, max_iter=5, tol=-np.inf)
    np.testing.assert_allclose(found.predictions.probas, expected.predictions.probas, atol=1e-12)


@pytest.mark.parametrize("rule", ["dawid_skene", "one_coin"])
def test_no_order_changes_a_bit(rule):
    table, _ = crowd(n_items=50)
    expected = aggregate_votes(Votes(table), rule)
    moved = aggregate_votes(Votes(table.sample(frac=1, random_state=3)), rule)
    assert moved.predictions.probas.tobytes() == expected.predictions.probas.tobytes()
    names = table.assign(label=np.array(["c", "a", "b"])[table["label"]])
    renamed = aggregate_votes(Votes(names, classes=["c", "a", "b"]), rule)
    assert renamed.predictions.probas.tobytes() == expected.predictions.probas.tobytes()


@pytest.mark.parametrize("rule", ["dawid_skene", "one_coin"])
def test_small_crowds_are_no_trouble(rule):
    with pytest.warns(UnvotedClassWarning):
        assert aggregate_votes(Votes({"q": {"a": "x"}}), rule).predictions.predicted.tolist() == ["x"]
    one = aggregate_votes(Votes({"q": {"a": "x"}}, classes=["x", "y"]), rule)
    assert one.predictions.predicted.tolist() == ["x"]
    silent = aggregate_votes(Votes({"q": {"a": "?"}}, classes=["x", "y"], abstained=["?"]), rule)
    assert np.isnan(silent.predictions.probas).all()
    gold = aggregate_votes(Votes({"q": {"a": "?"}}, classes=["x", "y"], abstained=["?"], gold={"q": "y"}), rule)
    assert gold.predictions.probas.tolist() == [[0.0, 1.0]]


@pytest.mark.parametrize("rule", ["dawid_skene", "one_coin"])
def test_the_steps_end_where_they_change_little(rule):
    votes = Votes(crowd()[0])
    coarse, found, last = (aggregate_votes(votes, rule, tol=tol, max_iter=2000) for tol in (1e-2, 1e-5, 1e-12))
    assert 0 < coarse.n_iter < found.n_iter < last.n_iter < 2000
    np.testing.assert_allclose(found.predictions.probas, last.predictions.probas, atol=0.02)
    cut = aggregate_votes(votes, rule, max_iter=found.n_iter - 1)
    assert (cut.n_iter, cut.converged, found.converged) == (found.n_iter - 1, False, True)


def flooded(n=12):
    """Each item has two votes for its class, and one of a rater who always says x."""
    rows = [(f"q{i:02}", f"r{i}{k}", "xyz"[i % 3]) for i in range(n) for k in range(2)]
    return pd.DataFrame([*rows, *((f"q{i:02}", "z", "x") for i in range(n))], columns=["item", "rater", "label"])


class Flat:
    """A rule that learns nothing but the first class."""

    n_iter_ = 1

    def aggregate(self, votes):
        return np.tile([0.5, 0.3, 0.2], (len(votes.items), 1))


def test_a_class_that_vanishes_is_named():
    text = r"rule 'Flat' predicts 2 of 3 classes for no item.*\[\('y', 4\), \('z', 4\)\].*Compare with 'majority'"
    with pytest.warns(VanishedClassWarning, match=text) as caught:
        aggregate_votes(Votes(flooded()), Flat())
    assert caught[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        aggregate_votes(Votes(crowd()[0]), "dawid_skene")
        known = Votes(flooded(), gold={f"q{i:02}": "x" for i in range(12)})
        aggregate_votes(known, Flat())  # the known labels say that it is so
        warn_if_vanished(np.empty((0, 2)), np.empty((0, 2)), ("x", "y"), rule="r", remedy="")
        warn_if_vanished([[1, 1], [2, 1]], [[0.9, 0.1], [0.9, 0.1]], ("x", "y"), rule="r", remedy="")  # tied: led none


def test_bad_options_are_refused():
    with pytest.raises(InvalidOptionError, match=r"pooling must be a finite number >= 0; received -1"):
        DawidSkene(pooling=-1.0)
    with pytest.raises(InvalidOptionError, match=r"max_iter must be a whole number >= 1; received 0"):
        OneCoinDawidSkene(max_iter=0)
    with pytest.raises(InvalidOptionError, match=r"tol must be a number; received nan"):
        DawidSkene(tol=float("nan"))
    with pytest.raises(InvalidOptionError, match=r"max_iter must be a whole number; received 2.5"):
        DawidSkene(max_iter=2.5)
    with pytest.raises(NotFittedError, match="confusions_ are there after the rule has learned"):
        DawidSkene().confusions_  # noqa: B018


def test_matrices_larger_than_the_limit_are_refused(monkeypatch):
    found = aggregate_votes(Votes(SMALL), "dawid_skene").fitted
    monkeypatch.setenv("ENSEMBLEKIT_MAX_BYTES", "50")
    with pytest.raises(InvalidPredictionsError, match="the confusion matrices of all raters must take at most 50"):
        found.confusions_  # noqa: B018
