"""Ties have one rule, votes that all name one class work, and the order of an ordered categorical counts."""

import copy
import pickle

import numpy as np
import pandas as pd
import pytest

from ensemblekit import Votes
from ensemblekit.crowd import RULES, aggregate_votes, cohen_kappa, judge_jury, krippendorff_alpha, rater_table
from ensemblekit.crowd.raters._without import jury_of
from ensemblekit.errors import InvalidOptionError, UnvotedClassWarning
from tests.unit.crowd_samples import crowd


def winner(table, item, **options):
    """The class that a tied item gets, and how equal it still is."""
    found = aggregate_votes(Votes(table, **options)).predictions
    row = found.ids.tolist().index(item)
    assert np.sort(found.probas[row])[-2:] == pytest.approx(found.probas[row].max(), rel=1e-10)
    return found.predicted[row]


def test_what_speaks_for_tied_classes_is_a_step_of_one_coin_by_hand():
    # On q1 to q3 x, x and y lead alone. a is right in 3 of 3, b in 2 of 3, c in 1 of 3; of all together 6 of 9.
    table = {
        "q1": {"a": "x", "b": "x", "c": "y"},
        "q2": {"a": "x", "b": "y", "c": "x"},
        "q3": {"a": "y", "b": "y", "c": "x"},
        "q4": {"b": "x", "c": "y"},
        "q5": {"a": "y", "b": "x"},
    }
    every = (6 + 1) / (9 + 2)
    a, b, c = (np.log(share / (1 - share)) for share in ((n + 2 * every) / (3 + 2) for n in (3, 2, 1)))
    common = np.log([2 + 1, 1 + 1])
    assert common[0] + b > common[1] + c
    assert common[1] + a > common[0] + b
    assert [winner(table, "q4"), winner(table, "q5")] == ["x", "y"]
    # Of raters who are as good, the more common class.
    assert winner({k: table[k] for k in ("q1", "q2", "q3")} | {"q4": {"d": "y", "e": "x"}}, "q4") == "x"
    turned = {k: {r: {"x": "y", "y": "x"}[v] for r, v in table[k].items()} for k in ("q1", "q2", "q3")}
    assert winner(turned | {"q4": {"d": "y", "e": "x"}}, "q4") == "y"
    # A known label leads alone, whatever the votes on its item say: now c is right more often than b.
    known = {"q1": "y", "q2": "x", "q3": "x"}
    assert winner(table, "q4", gold=known) == "y"


def known(right, of, rater, classes="xy", prefix=""):
    """Answers of one rater on items with known labels, which are of both classes in turn."""
    truth = {f"{prefix}{rater}{k:02d}": classes[k % 2] for k in range(of)}
    said = {i: {rater: c if k < right else "xy"[c == "x"]} for k, (i, c) in enumerate(truth.items())}
    return said, truth


def test_one_right_answer_is_no_proof_and_tied_items_are_none():
    # b is right in 19 of 20, n in 1 of 1. With two answers lent n is the worse one; ties with m tell nothing of either.
    (many, truth), (one, more) = known(19, 20, "b"), known(1, 1, "n")
    every = (20 + 1) / (21 + 2)
    assert (19 + 2 * every) / 22 > (1 + 2 * every) / 3
    table = many | one | {"t": {"b": "x", "n": "y"}} | {f"u{k}": {"m": "y", "n": "x"} for k in range(6)}
    assert winner(table, "t", gold=truth | more) == "x"


def test_sums_of_the_same_numbers_in_another_order_are_equal():
    gold, table = {}, {}
    for rater, right in zip(["r0", "r1", "r2", "r3", "r4", "r5"], [14, 18, 14, 16, 16, 18], strict=True):
        said, truth = known(right, 20, rater)
        table, gold = table | said, gold | truth
    table |= {"t": {"r0": "x", "r3": "x", "r5": "x", "r1": "y", "r2": "y", "r4": "y"}}
    assert [winner(table, "t", gold=gold, classes=order) for order in (["x", "y"], ["y", "x"])] == ["x", "y"]


def test_a_rater_who_is_mostly_wrong_speaks_against_the_class():
    right = {f"q{k}": {"a": "x", "b": "x", "c": "x", "bad": "y"} for k in range(9)}
    right |= {f"r{k}": {"a": "y", "b": "y", "c": "y", "bad": "x"} for k in range(9)}
    assert winner(right | {"t": {"bad": "x", "new": "y"}}, "t") == "y"
    assert winner(right | {"t": {"bad": "y", "new": "x"}}, "t") == "x"


def test_without_anything_to_tell_them_apart_the_first_class_is_predicted():
    assert winner({"q": {"a": "y", "b": "x"}}, "q") == "x"
    assert winner({"q": {"a": "y", "b": "x"}}, "q", classes=["y", "x"]) == "y"
    # Raters who are equal in another order are equal, though their sums differ in the last place.
    rng = np.random.default_rng(0)
    names = [f"r{k}" for k in range(6)]
    table = {f"q{k:02d}": {r: "xy"[int(rng.random() < 0.2 + 0.1 * j)] for j, r in enumerate(names)} for k in range(31)}
    votes = Votes({**table, "t": {"r0": "x", "r1": "x", "r2": "x"}, "u": {"r0": "y", "r1": "y", "r2": "y"}})
    assert np.isfinite(aggregate_votes(votes).predictions.probas).all()


class Undecided:
    """A rule of a stranger that holds all classes equally probable."""

    def aggregate(self, votes):
        return np.full((len(votes.items), len(votes.classes)), 1 / len(votes.classes))

    def evidence(self, votes):
        return np.zeros(len(votes.classes)), np.zeros(int((votes.choice >= 0).sum()))


def test_ties_of_any_rule_are_settled():
    # No class leads anywhere, so all raters are as good and all classes as common. A known label shows who is better.
    table = {"q1": {"a": "x", "b": "y"}, "q2": {"a": "y", "b": "x"}}
    found = aggregate_votes(Votes(table), Undecided()).predictions
    assert (found.predicted.tolist(), found.probas.tolist()) == (["x", "x"], [[0.5, 0.5]] * 2)
    known = aggregate_votes(Votes(table, gold={"q1": "x"}), Undecided())
    assert known.predictions.predicted.tolist() == ["x", "y"]
    assert known.predictions.probas[1] == pytest.approx([0.5, 0.5], rel=1e-10)


@pytest.mark.parametrize("rule", ["majority", "wawa", "zero_based_skill", "weighted"])
def test_the_jury_settles_ties_as_the_rule_does(rule):
    for seed in range(5):
        votes, _ = crowd(n_items=40, k=4, per_item=4, seed=seed, accuracy=[0.5] * 8)
        options = {"weights": dict.fromkeys(votes.raters, 0.1)} if rule == "weighted" else {}
        result = aggregate_votes(votes, rule, **options)
        assert jury_of(result.fitted, votes).answer.tolist() == result.predictions.probas.argmax(axis=1).tolist()


def test_ties_are_settled_better_than_by_the_first_class():
    gained = []
    for seed in range(6):
        votes, truth = crowd(n_items=300, n_raters=20, k=4, per_item=3, seed=seed)
        found = aggregate_votes(votes)
        first = found.fitted.shares_.argmax(axis=1)
        gained.append((found.predictions.probas.argmax(axis=1) == truth).mean() - (first == truth).mean())
    assert np.mean(gained) > 0.01


@pytest.mark.parametrize(("only", "other"), [("yes", "other"), ("other", "another"), (1, -1), (-1, 0), (True, False)])
def test_votes_that_all_name_one_class_have_predictions(only, other):
    votes = Votes({"item": [1, 1, 2], "rater": ["a", "b", "a"], "label": [only, only, only]})
    with pytest.warns(UnvotedClassWarning, match=r"the second one is called .* Name the classes: Votes\(") as caught:
        found = aggregate_votes(votes)
    assert caught[0].filename == __file__
    assert found.predictions.classes == (only, other)
    assert found.predictions.predicted.tolist() == [only, only]
    assert votes.classes == (only,)


@pytest.mark.parametrize("rule", sorted(set(RULES) - {"weighted", "ordinal_dawid_skene"}))
def test_every_rule_works_on_votes_that_all_name_one_class(rule):
    votes = Votes({"q": {"a": "yes", "b": "yes", "c": "yes"}, "r": {"a": "yes", "b": "yes"}})
    with pytest.warns(UnvotedClassWarning):
        assert aggregate_votes(votes, rule).predictions.predicted.tolist() == ["yes", "yes"]
    with pytest.warns(UnvotedClassWarning) as caught:
        assert (rater_table(votes, rule)["agreement"] == 1).all()
    assert caught[0].filename == __file__


def test_a_jury_that_is_unanimous_is_judged_like_others():
    with pytest.warns(UnvotedClassWarning):
        found = judge_jury(Votes({"q": {"a": "yes", "b": "yes", "c": "yes"}}), n_resamples=50)
    assert (found.jury, found.juror) == (1, 1)


GRADES = pd.CategoricalDtype(["low", "mid", "high", "?"], ordered=True)
SAID = [("a", "r", "low"), ("a", "s", "mid"), ("b", "r", "high"), ("b", "s", "high"), ("c", "r", "?")]
LONG = pd.DataFrame(SAID, columns=["item", "rater", "label"])


def test_the_order_of_an_ordered_categorical_is_that_of_the_scale():
    votes = Votes(LONG.astype({"label": GRADES}), abstained=["?"])
    assert votes.classes == votes.order == ("low", "mid", "high")
    assert Votes(LONG, abstained=["?"]).order is None
    assert Votes(LONG, abstained=["?"]).classes == ("high", "low", "mid")
    by_name = Votes(LONG, abstained=["?"])
    given = aggregate_votes(by_name, "ordinal_dawid_skene", order=["low", "mid", "high"]).predictions.to_frame()
    found = aggregate_votes(votes, "ordinal_dawid_skene").predictions.to_frame()
    pd.testing.assert_frame_equal(found[given.columns], given)
    alpha = krippendorff_alpha(by_name, level="ordinal", order=["low", "mid", "high"]).value
    assert krippendorff_alpha(votes, level="ordinal").value == pytest.approx(alpha)
    kappa = cohen_kappa(by_name, "r", "s", weights="linear", order=["low", "mid", "high"]).value
    assert cohen_kappa(votes, "r", "s", weights="linear").value == pytest.approx(kappa)


def test_a_scale_goes_with_copies_and_is_not_taken_where_classes_are_others():
    scaled = LONG.astype({"label": GRADES})
    votes = Votes(scaled, abstained=["?"], classes=["high", "mid", "low"])
    assert (votes.classes, votes.order) == (("high", "mid", "low"), ("low", "mid", "high"))
    for other in (copy.copy(votes), pickle.loads(pickle.dumps(votes)), votes.without_raters(["s"])):  # noqa: S301
        assert other.order == votes.order
    more = Votes(scaled, abstained=["?"], classes=["low", "mid", "high", "top"])
    assert more.order is None
    with pytest.raises(InvalidOptionError, match="or labels as an ordered categorical"):
        aggregate_votes(more, "ordinal_dawid_skene")
    unused = Votes(LONG[LONG["label"] != "mid"].astype({"label": GRADES}), abstained=["?"])
    assert unused.classes == ("low", "mid", "high")


def test_columns_of_raters_have_a_scale_if_all_have_the_same():
    wide = pd.DataFrame({"item": [1, 2], "r": ["low", "high"], "s": ["mid", "high"]})
    kind = pd.CategoricalDtype(["low", "mid", "high"], ordered=True)
    assert Votes(wide.astype({"r": kind, "s": kind}), raters=["r", "s"]).order == ("low", "mid", "high")
    turned = pd.CategoricalDtype(["high", "mid", "low"], ordered=True)
    assert Votes(wide.astype({"r": kind, "s": turned}), raters=["r", "s"]).order is None
