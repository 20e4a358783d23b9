"""`aggregate_votes` with the two votes: hand-worked shares under each denominator, and what is refused."""

import numpy as np
import pandas as pd
import pytest

from ensemblekit import Votes, aggregate_votes
from ensemblekit.crowd import RULES
from ensemblekit.errors import InvalidOptionError

# q1: two say x, one y, one abstains, one fails, and f is absent. q2: one says y. q3: one abstains.
TABLE = pd.DataFrame(
    {
        "item": ["q1"] * 5 + ["q2", "q3"],
        "rater": ["a", "b", "c", "d", "e", "f", "a"],
        "label": ["x", "x", "y", "?", "#", "y", "?"],
    }
)
VOTES = Votes(TABLE, abstained=["?"], failed=["#"])
SHARES = {
    "answered": [[2 / 3, 1 / 3], [0, 1], [0, 0]],
    "asked": [[2 / 5, 1 / 5], [0, 1], [0, 0]],
    "all": [[2 / 6, 1 / 6], [0, 1 / 6], [0, 0]],
}


@pytest.mark.parametrize("denominator", SHARES)
def test_shares_are_of_whom_the_policy_says(denominator):
    result = aggregate_votes(VOTES, "majority", denominator=denominator)
    np.testing.assert_allclose(result.fitted.shares_, SHARES[denominator])
    np.testing.assert_allclose(result.predictions.probas, [[2 / 3, 1 / 3], [0, 1], [np.nan, np.nan]])


@pytest.mark.parametrize(
    ("denominator", "threshold", "decided"),
    [("answered", 0.5, "q1 q2"), ("answered", 2 / 3, "q2"), ("asked", 0.5, "q2"), ("asked", 0.39, "q1 q2"),
     ("all", 0.2, "q1"), ("all", 0.5, "")],
)  # fmt: skip
def test_an_item_below_the_threshold_has_no_prediction(denominator, threshold, decided):
    result = aggregate_votes(VOTES, denominator=denominator, threshold=threshold).predictions
    there = np.ones(3, bool) if result.present is None else result.present
    assert result.ids[there].tolist() == decided.split()


def test_raters_weigh():
    weights = {"a": 1, "b": 1, "c": 3, "d": 5, "e": 0, "f": 2, "nobody": 7}
    result = aggregate_votes(VOTES, "weighted", weights=weights, denominator="asked")
    np.testing.assert_allclose(result.fitted.shares_, [[2 / 10, 3 / 10], [0, 1], [0, 0]])
    np.testing.assert_allclose(result.predictions.probas[0], [2 / 5, 3 / 5])
    assert result.skills["skill"].tolist() == [1, 1, 3, 5, 0, 2]
    every = aggregate_votes(VOTES, "weighted", weights=pd.Series(weights), denominator="all")
    np.testing.assert_allclose(every.fitted.shares_[0], [2 / 12, 3 / 12])


def test_votes_weigh():
    weighed = Votes(TABLE.assign(w=[1, 1, 6, 2, 0, 1, 1]), weight="w", abstained=["?"], failed=["#"])
    np.testing.assert_allclose(aggregate_votes(weighed, denominator="asked").fitted.shares_[0], [2 / 10, 6 / 10])
    weights = dict.fromkeys("abcdef", 1) | {"c": 0.5}
    both = aggregate_votes(weighed, "weighted", weights=weights).predictions.probas
    np.testing.assert_allclose(both[0], [2 / 5, 3 / 5])


def test_raters_are_counted_and_judged():
    skills = aggregate_votes(VOTES).skills
    assert skills.loc["a"].tolist() == [1, 1, 0, 1]
    assert skills.loc["c"].tolist() == [1, 0, 0, 0]
    assert skills.loc["e"].tolist()[:3] == [0, 0, 1]
    assert np.isnan(skills.loc["e", "skill"])  # never answered


def test_known_labels_are_used_and_said():
    votes = Votes(TABLE, abstained=["?"], failed=["#"], gold={"q1": "y", "q3": "x"})
    result = aggregate_votes(votes)
    assert result.predictions.predicted.tolist() == ["y", "y", "x"]
    assert result.predictions.fit_ids.tolist() == ["q1", "q3"]
    assert result.skills.loc[["a", "c"], "skill"].tolist() == [0, 1]
    blind = aggregate_votes(votes, use_gold=False)
    assert blind.predictions.probas.tolist()[:2] == aggregate_votes(VOTES).predictions.probas.tolist()[:2]
    assert blind.predictions.fit_ids is None


def test_a_tie_goes_to_the_raters_who_agree_with_majorities():
    # On q1 and q2, a and c are the majority, and b is not. Of the tie on q3, x is of b.
    table = {"q1": {"a": "x", "c": "x", "b": "y"}, "q2": {"a": "y", "c": "y", "b": "x"}, "q3": {"a": "y", "b": "x"}}
    result = aggregate_votes(Votes(table))
    assert result.predictions.predicted.tolist() == ["x", "y", "y"]
    np.testing.assert_allclose(result.predictions.probas[2], [0.5, 0.5], rtol=1e-10)
    np.testing.assert_allclose(result.fitted.shares_[2], [0.5, 0.5], rtol=0)
    # A class that is not tied stays behind, however good its rater.
    more = table | {"q0": {"b": "x", "d": "x", "e": "y", "f": "y", "a": "z"}}
    assert aggregate_votes(Votes(more)).predictions.predicted[0] == "y"
    # Weights of votes make a tie on q4 too, though 0.1 + 0.2 is not 0.3 in floats.
    rows = [(i, r, v, 1.0) for i, votes in table.items() for r, v in votes.items()]
    rows += [("q4", "a", "y", 0.3), ("q4", "b", "x", 0.1), ("q4", "d", "x", 0.2)]
    weighed = aggregate_votes(Votes(pd.DataFrame(rows, columns=["item", "rater", "label", "w"]), weight="w"))
    assert weighed.predictions.predicted.tolist() == ["x", "y", "y", "y"]


def test_a_tie_goes_to_the_first_class():
    tied = Votes({"q": {"a": "y", "b": "x"}})
    assert aggregate_votes(tied).predictions.predicted.tolist() == ["x"]
    turned = Votes({"q": {"a": "y", "b": "x"}}, classes=["y", "x"])
    assert aggregate_votes(turned).predictions.predicted.tolist() == ["y"]


def test_no_order_changes_a_bit():
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"item": np.repeat(np.arange(60), 3), "rater": np.tile(np.arange(3), 60)})
    table = table.assign(label=rng.integers(4, size=180), w=np.arange(180) / 7)
    expected = aggregate_votes(Votes(table, weight="w"))
    found = aggregate_votes(Votes(table.sample(frac=1, random_state=1), weight="w"))
    assert found.predictions.probas.tobytes() == expected.predictions.probas.tobytes()
    assert found.skills.equals(expected.skills)


class Coin:
    """A rule of a stranger."""

    def aggregate(self, votes):
        self.n_iter_, self.converged_ = 3, False
        return np.array([[0.5, 0.5], [0.25, 0.75], [0.5, 0.5]])


def test_a_rule_may_be_an_object():
    result = aggregate_votes(VOTES, Coin())
    assert repr(result) == "CrowdResult(rule='Coin', n_items=3, n_raters=6, n_iter=3, converged=False)"
    assert result.predictions.probas[:2].tolist() == [[0.5, 0.5], [0.25, 0.75]]
    assert result.predictions.present.tolist() == [True, True, False]
    assert aggregate_votes(VOTES, RULES["majority"](threshold=0.5)).rule == "majority"


class Short(Coin):
    def aggregate(self, votes):
        return np.ones((1, 2))


REFUSED = {
    "name": (("majorty",), {}, "rule must be one of 'majority', .* received 'majorty'. Did you mean 'majority'?"),
    "kind": ((3,), {}, "or an object with a method aggregate; received 3"),
    "option": ((), {"skill": 1}, "rule 'majority' does not accept these options: .*'skill'"),
    "options of an object": ((Coin(),), {"skill": 1}, "options go with a rule that is given by name"),
    "shape": ((Short(),), {}, r"rule 'Short' must return a posterior of shape \(3, 2\)"),
    "denominator": ((), {"denominator": "some"}, "denominator must be one of"),
    "threshold": ((), {"threshold": 1.0}, "threshold must be a share, >= 0 and below 1; received 1.0"),
    "no weights": (("weighted",), {}, "does not accept these options: .*weights"),
    "by position": (("weighted",), {"weights": [1, 1, 1, 1, 1, 1]}, "weights must name the raters"),
    "lacking": (("weighted",), {"weights": {"a": 1, "b": 1}}, r"they lack 4 \('c', 'd', 'e', ...\) of 6"),
    "negative": (("weighted",), {"weights": dict.fromkeys("abcdef", 1) | {"b": -1}}, r"received others for 1 \('b'\)"),
    "zero": (("weighted",), {"weights": dict.fromkeys("abcdef", 0)}, "received others, all 0"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_rule_is_refused(case):
    rule, options, message = REFUSED[case]
    with pytest.raises(InvalidOptionError, match=message):
        aggregate_votes(VOTES, *rule, **options)
