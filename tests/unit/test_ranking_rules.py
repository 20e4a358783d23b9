"""Fused runs are what the formulas say, whatever the order of members and rows, and hold what a member returned."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ensemblekit.errors import InvalidOptionError, InvalidPredictionsError
from ensemblekit.ranking import NORMALISATIONS, RULES, CombSUM, Run, fuse_runs
from ensemblekit.ranking._sorting import rising_order
from tests.unit import ranking_samples as samples

COMBINATIONS = [name for name in RULES if name.startswith("comb")]
WEIGHTED = ["rrf", "isr", "comb_sum", "comb_mnz", "comb_anz", "borda", "condorcet", "rbc"]


@pytest.mark.parametrize("rule", RULES)
@settings(max_examples=5, deadline=None)
@given(members=samples.runs(), normalisation=st.sampled_from(["min-max", "sum", "rank", "none"]))
def test_scores_are_what_the_formula_says(rule, members, normalisation):
    options = {"normalisation": normalisation} if rule in COMBINATIONS else {}
    found = fuse_runs(members, rule, n_jobs=1, **options)
    expected = samples.fused(members, rule, normalisation=normalisation)
    scored = samples.as_dict(found)
    assert {q: {*items} for q, items in scored.items()} == {q: {*items} for q, items in expected.items()}
    for query, items in expected.items():
        assert scored[query] == pytest.approx(items, rel=1e-12, abs=1e-15)


@pytest.mark.parametrize("rule", RULES)
@settings(max_examples=5, deadline=None)
@given(members=samples.runs(), order=st.randoms(use_true_random=False), weights=st.lists(
    st.sampled_from([0.1, 0.7, 1.0, 3.0]), min_size=4, max_size=4))  # fmt: skip
def test_no_order_of_members_or_rows_changes_a_bit(rule, members, order, weights):
    names = list(members)
    weights = dict(zip(names, weights, strict=False)) if rule in WEIGHTED else None
    expected = fuse_runs(members, rule, weights=weights, n_jobs=1).to_frame()
    tables = {}
    for name in order.sample(names, len(names)):
        rows = [(q, i, s) for q, items in members[name].items() for i, s in items.items()]
        order.shuffle(rows)
        tables[name] = pd.DataFrame(rows, columns=["query", "item", "score"])
    other = {name: {"query": t["query"].tolist(), "item": t["item"].tolist(), "score": t["score"].tolist()}
             for name, t in tables.items()}  # fmt: skip
    pd.testing.assert_frame_equal(
        fuse_runs(other, rule, weights=weights, n_jobs=1).to_frame(), expected, check_exact=True
    )
    # Nor do their names: those who are named in another order are summed in the same one.
    unnamed = [Run(members[name]) for name in names]
    if weights is None:
        one, two = (fuse_runs(runs, rule, n_jobs=1).to_frame() for runs in (unnamed, unnamed[::-1]))
        pd.testing.assert_frame_equal(one, two, check_exact=True)


def test_the_same_ranks_in_another_order_are_a_tie():
    # The sum of 1/61, 1/62 and 1/67 depends on their order in its last bit; the same three ranks must be equal.
    assert len({1 / 61 + 1 / 62 + 1 / 67, 1 / 67 + 1 / 61 + 1 / 62, 1 / 62 + 1 / 67 + 1 / 61}) > 1
    orders = [["x", "y", *f"{k}abcd", "z"] for k in range(3)]
    orders = [[*turned(order, k)] for k, order in enumerate(orders)]
    members = {f"m{k}": {"q": {item: -place for place, item in enumerate(order)}} for k, order in enumerate(orders)}
    for rule in ("rrf", "rbc", "comb_sum"):
        found = samples.as_dict(fuse_runs(members, rule))["q"]
        assert len({found[item] for item in "xyz"}) == 1, rule
    assert fuse_runs(members, "rrf").item.tolist()[:3] == ["z", "y", "x"]  # the larger name first, as in trec_eval


def turned(order, k):
    names = dict(zip("xyz", "xyz"[k:] + "xyz"[:k], strict=True))
    return [names.get(item, item) for item in order]


@pytest.mark.parametrize("rule", RULES)
@settings(max_examples=3, deadline=None)
@given(members=samples.runs(min_members=2))
def test_a_member_of_weight_0_is_absent(rule, members):
    left = dict(list(members.items())[1:])
    weights = dict.fromkeys(members, 2.0) | {next(iter(members)): 0}
    found = fuse_runs(members, rule, weights=weights, n_jobs=1)
    pd.testing.assert_frame_equal(found.to_frame(), fuse_runs(left, rule, n_jobs=1).to_frame(), check_exact=True)


@pytest.mark.parametrize("rule", WEIGHTED)
def test_weights_matter_and_their_scale_does_not(rule):
    members = {"a": {"q": {"x": 3.0, "y": 2.0, "v": 0}}, "b": {"q": {"y": 9.0, "z": 2.5, "x": 2.0}}}
    of_a, of_b = (fuse_runs(members, rule, weights=weights) for weights in ({"a": 5, "b": 1}, {"a": 1, "b": 5}))
    assert of_a.item[0] == "x"
    assert of_b.item[0] == "y"
    scaled = fuse_runs(members, rule, weights={"b": 1e300, "a": 5e300})
    pd.testing.assert_frame_equal(scaled.to_frame(), of_a.to_frame(), check_exact=True)
    assert fuse_runs(members, rule, weights=[5, 1]).score.tolist() == of_a.score.tolist()
    assert fuse_runs(members, rule, weights=pd.Series({"b": 1, "a": 5})).score.tolist() == of_a.score.tolist()


def test_weights_by_hand():
    members = {"a": {"q": {"x": 1}}, "b": {"q": {"y": 1}}}
    found = samples.as_dict(fuse_runs(members, "rrf", k=9, weights={"a": 3, "b": 1}))
    assert found == {"q": {"x": pytest.approx(1.5 / 10), "y": pytest.approx(0.5 / 10)}}


def test_normalisations_by_hand():
    scores = {"q": {"a": 8.0, "b": 4.0, "c": 0.0}}
    expected = {
        "min-max": [1, 0.5, 0], "sum": [2 / 3, 1 / 3, 0], "z-score": [1.5**0.5, 0, -(1.5**0.5)],
        "rank": [1, 2 / 3, 1 / 3], "none": [8, 4, 0],
    }  # fmt: skip
    for name in NORMALISATIONS:
        assert fuse_runs([Run(scores)], "comb_sum", normalisation=name).score == pytest.approx(expected[name])
    for name, value in {"min-max": 1, "sum": 0.5, "z-score": 0}.items():
        flat = fuse_runs([Run({"q": {"a": 3.0, "b": 3.0}})], "comb_sum", normalisation=name)
        assert flat.score.tolist() == [value, value]


@pytest.mark.parametrize("name", NORMALISATIONS)
def test_the_largest_floats_are_normalised_too(name):
    huge = {"q": {"a": 1.7e308, "b": 0.0, "c": -1.7e308}}
    small = {"q": {"a": 1.0, "b": 0.0, "c": -1.0}}
    if name != "none":
        one, other = (fuse_runs([Run(s)], "comb_sum", normalisation=name).score for s in (huge, small))
        assert one == pytest.approx(other)
        return
    with pytest.raises(InvalidPredictionsError, match="Large scores need a normalisation"):
        fuse_runs({"a": huge, "b": huge}, "comb_sum", normalisation=name)


@pytest.mark.parametrize("rule", RULES)
def test_wide_whole_numbers_are_items_too(rule):
    low, high = -(2**63), 2**63 - 1
    members = {"a": {1: {low: 3.0, high: 2.0, 0: 1.0}, 2: {high: 1.0}}, "b": {1: {high: 5.0, 7: 1.0}}}
    names = {low: "a", 0: "b", 7: "c", high: "d"}
    text = {
        m: {f"q{q}": {names[i]: s for i, s in items.items()} for q, items in run.items()} for m, run in members.items()
    }
    one, other = fuse_runs(members, rule), fuse_runs(text, rule)
    assert [names[item] for item in one.item.tolist()] == other.item.tolist()
    assert one.score.tolist() == other.score.tolist()


def test_blocks_and_threads_change_nothing(monkeypatch):
    from ensemblekit.ranking import _fuse
    from ensemblekit.ranking.runs import blocks_of

    rng = np.random.default_rng(0)
    members = {
        name: {
            "query": rng.integers(40, size=300),
            "item": rng.permutation(10**6)[:300] % 1000,
            "score": rng.random(300),
        }
        for name in "abc"
    }
    members = {name: pd.DataFrame(run).drop_duplicates(["query", "item"]) for name, run in members.items()}
    whole = {rule: fuse_runs(members, rule, n_jobs=1).to_frame() for rule in RULES}
    monkeypatch.setattr(_fuse, "blocks_of", lambda starts: blocks_of(starts, 40))
    for rule in RULES:
        pd.testing.assert_frame_equal(fuse_runs(members, rule, n_jobs=3).to_frame(), whole[rule], check_exact=True)


def test_scores_that_differ_in_the_last_bit_are_in_order():
    close = {f"d{k:03d}": 1 + k * 2.0**-52 for k in range(200)}
    found = fuse_runs([Run({"q": close})], "comb_sum", normalisation="none")
    assert found.item.tolist() == sorted(close, reverse=True)
    mixed = {item: score if k % 3 else 1.0 for k, (item, score) in enumerate(close.items())}
    expected = sorted(mixed, key=lambda item: (mixed[item], item), reverse=True)
    assert fuse_runs([Run({"q": mixed, "r": mixed})], "comb_sum", normalisation="none").item.tolist() == expected * 2


def test_values_are_sorted_to_the_last_bit():
    values = np.random.default_rng(0).permutation(1 + np.arange(500) * 2.0**-52)
    values = np.concatenate([values, -values, [0.0, -0.0, 5e-324, -5e-324, 1.7e308, -1.7e308]])
    assert (np.diff(values[rising_order(values)]) >= 0).all()


def test_condorcet_puts_the_winner_of_all_pairs_first():
    # Against each other item x has two of three members, though Borda prefers y.
    votes = ["xyzuv", "xyzuv", "yzuvx"]
    members = {f"m{k}": {"q": {item: -place for place, item in enumerate(order)}} for k, order in enumerate(votes)}
    assert fuse_runs(members, "condorcet").to_frame()["item"].tolist() == list("xyzuv")
    assert fuse_runs(members, "borda").item[0] == "y"


def test_top_keeps_the_first():
    members = {"a": {"q": {"x": 3, "y": 2, "z": 1}, "r": {"x": 1}}}
    assert fuse_runs(members, "rrf", top=2).to_frame()[["query", "item"]].values.tolist() == [
        ["q", "x"], ["q", "y"], ["r", "x"],
    ]  # fmt: skip


class Product:
    """A rule of a stranger: the product of ranks, absent ones left out."""

    def fuse(self, pool):
        return -pool.grouped(np.log(pool.rank)).sum() / 2 + 0 * pool.grouped(pool.weight).sum()


def test_a_rule_of_a_stranger_is_an_object():
    members = {"a": {"q": {"x": 3.0, "y": 2.0}}, "b": {"q": {"y": 9.0}}}
    found = fuse_runs(members, Product())
    assert found.member == "Product"
    assert samples.as_dict(found) == {"q": {"x": 0.0, "y": pytest.approx(-np.log(2) / 2)}}

    class Short:
        def fuse(self, pool):
            return [1.0]

    with pytest.raises(InvalidPredictionsError, match=r"rule 'Short' must return a finite score for each candidate"):
        fuse_runs(members, Short())


def test_wrong_options_are_refused():
    members = {"a": {"q": {"x": 3.0}}, "b": {"q": {"x": 9.0}}}
    for options, text in (
        ({"rule": "rff"}, "Did you mean 'rrf'"),
        ({"rule": "rrf", "phi": 1}, "rule 'rrf' does not accept these options"),
        ({"rule": "rrf", "k": -1}, "k must be a finite number >= 0"),
        ({"rule": "rbc", "phi": 1.0}, "phi must be below 1"),
        ({"rule": "comb_sum", "normalisation": "minmax"}, "Did you mean 'min-max'"),
        ({"rule": CombSUM}, "an object with a method fuse"),
        ({"rule": CombSUM(), "k": 3}, "options go with a rule that is given by name"),
        ({"rule": "comb_max", "weights": [1, 2]}, "rule 'comb_max' takes no weights but 0"),
        ({"weights": [1, -1]}, r"weights must be finite and >= 0 with a positive sum; received \[1.0, -1.0\]"),
        ({"weights": [0, 0]}, "positive sum"),
        ({"weights": {"a": 1}}, "weights by member name must name each member once"),
        ({"weights": [1, 2, 3]}, r"weights must have one value a member; received shape \(3,\)"),
        ({"top": 0}, "top must be a whole number >= 1"),
        ({"n_jobs": 0}, "n_jobs must be a whole number >= 1"),
    ):
        with pytest.raises(InvalidOptionError, match=text):
            fuse_runs(members, **options)
