"""Choose within a cost: which members are taken, what they need, and that no row is judged by members taken for it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ensemblekit import InvalidOptionError, Predictions, align, choose, combine
from ensemblekit.choosing._costs import Budget, budgets_of
from ensemblekit.evaluation import find_metric

N = 90
COSTS = {"a": 5.0, "b": 3.0, "c": 1.0, "d": 1.0}


def members(noise: dict[str, float] | None = None, n: int = N) -> list[Predictions]:
    rng = np.random.default_rng(0)
    truth = np.arange(n) % 2
    fields: dict[str, Any] = {"ids": [f"r{k:03d}" for k in range(n)], "classes": ["no", "yes"]}
    fields["labels"] = np.array(["no", "yes"])[truth]
    made: list[Predictions] = []
    for name, size in (noise or {"a": 1.5, "b": 2.0, "c": 2.0, "d": 2.0}).items():
        p = 1 / (1 + np.exp(-(2 * (2 * truth - 1) + size * rng.normal(size=n))))
        made.append(Predictions(np.column_stack([1 - p, p]), member=name, **fields))
    return made


def test_no_rule_uses_members_that_cost_more() -> None:
    given = members()
    choice = choose(given, rules=["mean", "stacking"], costs=COSTS, max_cost=4)
    assert choice.cost is not None
    assert choice.cost == sum(COSTS[m] for m in choice.members) <= 4
    assert choice.combiner.members_ == choice.members
    assert choice.best_member != "a"  # the best one alone costs 5
    assert choice.sentence.endswith(f"It uses {', '.join(choice.members)} at a cost of {choice.cost:g} of at most 4.")
    kept = [p for p in given if p.member in choice.members]
    assert combine(kept, choice.combiner).probas.shape == (N, 2)
    rules = choice.table[choice.table["kind"] == "rule"]
    assert (rules["cost"] <= 4).all()
    assert {"best member", "mean", "mean within 2", "stacking", "stacking(inputs=average)"} == {*rules["candidate"]}


def test_without_a_highest_cost_cheaper_means_are_tried_beside_all_rules() -> None:
    # a is of no use: the cheap members are as good without it.
    choice = choose(members({"a": 9.0, "b": 2.0, "c": 2.0, "d": 2.0}), rules=["mean"], costs=COSTS)
    table = choice.table.set_index("candidate")
    assert table.loc["mean", "cost"] == 10
    assert choice.name in ("mean within 2", "mean within 5")
    assert "a" not in choice.members
    assert choice.cost == table.loc[choice.name, "cost"] <= 5
    assert (table.loc["b", "cost"], table.loc["best member", "cost"]) == (3, COSTS[choice.best_member])
    assert choice.sentence.endswith(f" at a cost of {choice.cost:g}.")


def test_a_cost_that_affords_all_changes_nothing() -> None:
    plain, dear = (choose(members(), rules=["mean"], **more) for more in ({}, {"costs": dict.fromkeys("abcd", 0.0)}))
    assert (plain.name, plain.gain, plain.gain_low) == (dear.name, dear.gain, dear.gain_low)
    assert plain.cost is None
    assert "cost" not in plain.table


def test_members_are_taken_as_worked_by_hand() -> None:
    """Of the members that cost 1, b errs least alone, a the other way, and c is best on the first row; d is dear."""
    truth = np.zeros((4, 1))
    values = {"a": [-1, -1, -1, -1.0], "b": [0.5, 0.5, 0.5, 0.5], "c": [0.1, 0.5, 0.5, 1.2], "d": [0, 0, 0, 0.0]}
    fields: dict[str, Any] = {"ids": range(4), "classes": ["y"], "labels": truth, "task": "regression"}
    given = align([Predictions(np.reshape(v, (4, 1)), member=m, **fields) for m, v in values.items()])
    costs, metric = {"a": 1.0, "b": 1.0, "c": 1.0, "d": 9.0}, find_metric("mae")
    found = {limit: Budget(costs, limit, metric).best(given, None) for limit in (1, 2, 3, 9, 12)}
    # b alone is 0.5 off; with a 0.25; with a and c 0.09; d is not off at all.
    assert found == {1: ["b"], 2: ["a", "b"], 3: ["a", "b", "c"], 9: ["d"], 12: ["d"]}
    budget = Budget(costs, 1, metric)
    assert [budget.best(rows, None) for rows in (given, given.take([0]), given)] == [["b"], ["c"], ["b"]]
    assert Budget(costs, 2, metric).cheapest() == ["a", "b"]


@pytest.mark.parametrize(
    ("costs", "most", "expected"),
    [([1, 1, 3, 5], None, [2, 5]), ([1, 1, 3, 5], 5, [2]), ([1, 2], None, []), ([1] * 20, None, [2, 5, 9, 12, 16, 19])],
)
def test_budgets_are_those_of_the_cheapest_members(
    costs: list[float], most: float | None, expected: list[float]
) -> None:
    assert budgets_of(dict(zip("abcdefghijklmnopqrstuvw", costs, strict=False)), most) == expected


def test_members_of_a_fold_are_found_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[int, Any]] = []
    best = Budget.best

    def watched(self: Any, predictions: Any, sample_weight: Any) -> list[str]:
        seen.append((len(predictions.ids), frozenset(predictions.ids.tolist())))
        return best(self, predictions, sample_weight)

    monkeypatch.setattr(Budget, "best", watched)
    choice = choose(members(), rules=["mean"], costs=COSTS, max_cost=4, cv=3)
    judged = {ids for n, ids in seen if n < N}
    assert len(judged) == 3 + 3  # without each fold, and without each two
    assert all(len(ids) in (30, 60) for ids in judged)
    assert choice.out_of_fold["mean"].probas.shape == (N, 2)


def test_few_rows_take_the_cheapest_members() -> None:
    choice = choose([p.take(p.ids[:8]) for p in members()], costs=COSTS, max_cost=4)
    assert (choice.members, choice.cost) == (("c", "d"), 2)
    assert choice.sentence == (
        "8 rows cannot tell which rule is best, nor which member: the mean of the cheapest members is returned."
    )
    assert choice.table.set_index("candidate").loc["mean", "cost"] == 2


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"max_cost": 3}, "max_cost needs costs"),
        ({"costs": {"a": 1, "b": 1}}, "costs must map each of the members"),
        ({"costs": COSTS | {"d": float("nan")}}, "finite number >= 0"),
        ({"costs": COSTS | {"e": 1}}, "costs must map each of the members"),
        ({"costs": COSTS | {"d": -1}}, "finite number >= 0"),
        ({"costs": COSTS | {"d": True}}, "costs must be"),
        ({"costs": COSTS, "max_cost": 0.5}, "affords one member at least, 1 for the cheapest; received 0.5"),
    ],
)
def test_wrong_costs_are_refused(options: dict[str, Any], text: str) -> None:
    with pytest.raises(InvalidOptionError, match=text):
        choose(members(), **options)
