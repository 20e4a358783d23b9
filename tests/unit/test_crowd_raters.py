"""Tables of raters, the jury without each, and the verdict on a jury."""

import numpy as np
import pytest
from scipy.stats import binomtest

from ensemblekit import Votes
from ensemblekit.crowd import RULES, aggregate_votes, judge_jury, leave_one_rater_out, rater_table
from ensemblekit.crowd.raters._without import jury_of
from ensemblekit.errors import InvalidOptionError, InvalidPredictionsError
from tests.unit.crowd_samples import crowd


def options_of(rule, votes):
    return {"weights": {r: 0.5 + 0.1 * np.sqrt(k) for k, r in enumerate(votes.raters)}} if rule == "weighted" else {}


def without(votes, rater):
    """The votes of all but one rater, with all items that are left."""
    kept = np.flatnonzero(votes.rater != votes.raters.index(rater))
    table = {
        "item": votes.items[votes.item[kept]],
        "rater": np.array(votes.raters)[votes.rater[kept]],
        "label": np.array(votes.classes)[votes.choice[kept]],
    }
    return Votes(table, classes=votes.classes)


@pytest.mark.parametrize("rule", list(RULES))
def test_the_jury_with_all_votes_is_what_the_rule_says(rule):
    votes, _ = crowd(n_items=30, k=2 if rule == "kos" else 3, per_item=4, seed=1)
    result = aggregate_votes(votes, rule, **options_of(rule, votes))
    assert jury_of(result.fitted, votes).answer.tolist() == result.predictions.probas.argmax(axis=1).tolist()


def test_the_jury_without_each_is_that_of_the_other_votes():
    votes, _ = crowd(n_items=30, seed=2)
    options = options_of("weighted", votes)
    jury = jury_of(aggregate_votes(votes, "weighted", **options).fitted, votes)
    for place, rater in enumerate(votes.raters):
        others = aggregate_votes(without(votes, rater), "weighted", **options).predictions
        named = dict(zip(others.ids.tolist(), others.probas.argmax(axis=1), strict=True))
        theirs = votes.rater == place
        assert jury.without[theirs].tolist() == [named[i] for i in votes.items[votes.item[theirs]].tolist()]


def test_left_out_by_known_labels_is_counted_anew():
    votes, truth = crowd(n_items=40, seed=3, gold=True)
    options = options_of("weighted", votes)
    table = leave_one_rater_out(votes, "weighted", **options)
    everything = aggregate_votes(votes, "weighted", use_gold=False, **options).predictions.probas.argmax(axis=1)
    for rater, row in table.iterrows():
        others = aggregate_votes(without(votes, rater), "weighted", **options).predictions.probas.argmax(axis=1)
        assert row["without"] == pytest.approx((others == truth).mean())
        assert row["with_all"] == pytest.approx((everything == truth).mean())
        assert row["changed"] == (others != everything).sum()
        gains, losses = (
            ((others == truth) & (everything != truth)).sum(),
            ((others != truth) & (everything == truth)).sum(),
        )
        expected = binomtest(int(min(gains, losses)), int(gains + losses)).pvalue if gains + losses else 1
        assert row["p_value"] == pytest.approx(expected)
        assert row["low"] <= row["difference"] <= row["high"]


def test_a_harmful_rater_is_left_out_and_a_good_one_kept():
    one = leave_one_rater_out(crowd(150, 3, 2, 3, accuracy=[0.95, 0.6, 0.6], gold=True)[0])
    assert one.attrs["by"] == "gold"
    assert one["verdict"].tolist() == ["keep", "leave out", "leave out"]  # without either, ties go to the expert
    other = leave_one_rater_out(crowd(150, 5, 2, 5, accuracy=[0.8, 0.8, 0.8, 0.05, 0.05], gold=True)[0])
    assert other["verdict"].tolist()[3:] == ["leave out", "leave out"]
    assert leave_one_rater_out(crowd(n_items=5, gold=True)[0])["verdict"].eq("too few").all()


def test_without_labels_a_rater_against_all_others_is_left_out():
    votes, _ = crowd(n_items=80, n_raters=5, per_item=5, k=2, accuracy=[0.95, 0.95, 0.95, 0.5, 0.05])
    table = leave_one_rater_out(votes)
    assert table.attrs["by"] == "agreement"
    assert table["verdict"].tolist() == ["keep", "keep", "keep", "cannot tell", "leave out"]
    by_hand = votes.choice.reshape(80, 5)
    others = by_hand[:, 1:].sum(axis=1)
    said = others != 2  # 2 of 4: a tie says nothing
    assert table.loc["r0", "n"] == said.sum()
    assert table.loc["r0", "agreement"] == pytest.approx((by_hand[said, 0] == (others > 2)[said]).mean())


def test_rater_table_against_known_labels():
    votes, truth = crowd(n_items=50, seed=4, gold=True)
    table = rater_table(votes)
    right = votes.choice == truth[votes.item]
    for place, rater in enumerate(votes.raters):
        theirs = right[votes.rater == place]
        exact = binomtest(int(theirs.sum()), len(theirs)).proportion_ci(0.95)
        row = table.loc[rater]
        assert (row["answered"], row["known"]) == (len(theirs), len(theirs))
        assert row["accuracy"] == pytest.approx(theirs.mean())
        assert (row["accuracy_low"], row["accuracy_high"]) == pytest.approx((exact.low, exact.high))
    assert np.isnan(rater_table(votes.without_gold())["accuracy"]).all()


@pytest.mark.slow
def test_intervals_of_raters_hold_their_true_accuracy():
    held = []
    true = np.array([0.9, 0.8, 0.7, 0.6, 0.5, 0.8, 0.7, 0.6])
    for seed in range(60):
        table = rater_table(crowd(n_items=25, seed=seed, accuracy=true, gold=True)[0])
        held.extend((table["accuracy_low"] <= true) & (true <= table["accuracy_high"]))
    assert np.mean(held) > 0.94


def test_a_rater_does_not_agree_with_themselves():
    # With three raters at random a majority holds each of its members; the jury of the others does not.
    votes, _ = crowd(n_items=300, n_raters=3, per_item=3, k=2, accuracy=[0.5] * 3)
    table = rater_table(votes)
    assert table["skill"].min() > 0.65
    assert table["agreement"].max() < 0.6
    assert ((table["low"] < table["chance"]) & (table["chance"] < table["high"])).all()


@pytest.mark.parametrize("gold", [True, False])
@pytest.mark.parametrize(
    ("accuracy", "expected"),
    [([0.72] * 7, "better"), ([0.98] + [0.65] * 3, "worse")],
    ids=["equal jurors", "one expert"],
)
def test_verdict_on_a_jury(gold, accuracy, expected):
    n = len(accuracy)
    votes, _ = crowd(n_items=400, n_raters=n, per_item=n, k=2, accuracy=accuracy, gold=gold, seed=6)
    found = judge_jury(votes, n_resamples=500)
    assert (found.verdict, found.by) == (expected, "gold" if gold else "leave one out")
    assert found.sentence in repr(found)
    assert (found.low > 0) == (expected == "better")
    assert "From best juror to jury" in found.sentence
    assert ("only if raters err independently" in found.sentence) == (not gold)
    assert (expected == "better") or found.best.index[0] == "r0"


def test_the_votes_of_the_best_juror_are_not_held_out():
    # They would ask whether the jury without the expert is better than the best of those who are left.
    votes, _ = crowd(n_items=60, n_raters=4, per_item=4, k=2, accuracy=[0.98, 0.6, 0.6, 0.6])
    found = judge_jury(votes, n_resamples=100)
    assert found.best["items"].to_dict() == {"r0": 180}


def test_one_cannot_tell_a_jury_of_copies_from_its_best_juror():
    said = {f"i{k:02d}": dict.fromkeys("abc", "no" if k % 3 else "yes") for k in range(30)}
    found = judge_jury(Votes(said, gold=dict.fromkeys(said, "no")), n_resamples=500)
    assert (found.verdict, found.jury, found.juror) == ("cannot tell", found.jury, found.jury)
    few = dict(list(said.items())[:4])
    assert judge_jury(Votes(few, gold=dict.fromkeys(few, "no")), n_resamples=500).verdict in ("too few", "cannot tell")


def test_the_best_juror_is_not_the_luckiest():
    # All of 25 jurors guess: the best of them on these very items is right in two thirds.
    found = [
        judge_jury(crowd(n_items=30, n_raters=25, per_item=25, k=2, accuracy=[0.5] * 25, gold=True, seed=seed)[0],
                   n_resamples=100)
        for seed in range(12)
    ]  # fmt: skip
    assert abs(np.mean([f.juror for f in found]) - 0.5) < 0.07


def test_the_rule_does_not_learn_from_the_labels_that_judge_it():
    votes, _ = crowd(n_items=60, accuracy=[0.4] * 8, k=2, gold=True)
    assert judge_jury(votes, "dawid_skene", n_resamples=100).jury < 0.6


def test_a_tied_jury_says_what_the_best_juror_says():
    # Without the third vote two raters who differ are tied: the comparison then is with the same answer.
    said = {f"i{k:02d}": {"a": "no", "b": "yes", "c": "no" if k % 2 else "yes"} for k in range(20)}
    found = judge_jury(Votes(said), n_resamples=100)
    assert found.jury == found.juror


def test_nothing_to_judge_by_is_refused():
    votes = Votes({"a": {"r": "x", "s": "y"}, "b": {"r": "x", "s": "x"}})
    with pytest.raises(InvalidPredictionsError, match="needs items with three votes, one of which is held out"):
        judge_jury(votes)
    with pytest.raises(InvalidOptionError, match="n_folds must be a whole number >= 2; received 1"):
        judge_jury(votes, n_folds=1)
    with pytest.raises(InvalidOptionError, match="a jury has two raters at least; received 1"):
        judge_jury(Votes({"a": {"r": "x"}, "b": {"r": "y"}}))
    with pytest.raises(InvalidOptionError, match=r"needs a majority with threshold=0; received threshold=0\.5"):
        rater_table(votes, "majority", threshold=0.5)

    class Silent:
        def aggregate(self, votes):
            return np.full((len(votes.items), len(votes.classes)), 0.5)

    with pytest.raises(InvalidOptionError, match="needs a rule that tells what each vote adds"):
        rater_table(votes, Silent())


def test_many_items_are_judged_by_some(monkeypatch):
    monkeypatch.setattr("ensemblekit.crowd.raters._verdict.MOST_ROWS", 50)
    votes, _ = crowd(n_items=120, gold=True)
    assert judge_jury(votes, n_resamples=100).table["n"].item() == 50
    held = judge_jury(votes.without_gold(), n_resamples=100).table
    assert held["n"].item() == 48
    assert held["n_groups"].item() == 12  # whole items, of four votes each
