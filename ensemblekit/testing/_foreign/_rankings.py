"""Rankings: of each member a run, which scores items for queries."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st

from .._running import Check
from ._promises import pick, promise
from ._shape import Case, Draw, Problem, Shape
from ._subject import ForeignSubject, Trial

__all__ = ["RANKINGS", "RANKING_CHECKS", "RANKING_TIES"]

ITEMS = ("a", "b", "c", "d", "e")
RANKING_TIES = ("largest", "shared", "smallest")


class _Rankings(Shape):
    name, same, aligned = "rankings", "same_rankings", False

    def arguments(self, case: Case) -> dict[str, Any]:
        return {"runs": [{query: dict(items) for query, items in run.items()} for run in case.values]}

    def draw(
        self, subject: Any, draw: Draw, n_members: int, clear: bool, n_rows: int | None
    ) -> tuple[list[Any], dict[str, Any]]:
        queries = ("q1", "q2")[: n_rows or draw(st.integers(1, 2))]
        names = st.lists(st.sampled_from(ITEMS), min_size=1, max_size=4, unique=True)

        def items() -> dict[str, float]:
            found = draw(names)
            scores = st.lists(st.integers(-2, 9), min_size=len(found), max_size=len(found), unique=clear)
            return dict(zip(found, map(float, draw(scores)), strict=True))

        return [{query: items() for query in queries} for _ in range(n_members)], {}

    def clear(self, case: Case) -> bool:
        return all(len(set(items.values())) == len(items) for run in case.values for items in run.values())

    def opposed(self, subject: Any) -> tuple[Any, Any, dict[str, Any]]:
        return {"q1": {"a": 3.0, "b": 2.0, "c": 1.0}}, {"q1": {"a": 1.0, "b": 2.0, "c": 3.0}}, {}

    def problem(self, answer: Any, case: Case) -> Problem | None:
        try:
            scores = [float(score) for items in answer.values() for score in items.values()]
        except (AttributeError, TypeError, ValueError):
            return (
                "form", "the answer is not a dict of queries to dicts of items to scores",
                "all(float(s) is not None for items in first.values() for s in items.values())",
            )  # fmt: skip
        if not np.isfinite(scores).all():
            return (
                "finite", "the answer has NaN or infinite scores",
                "np.isfinite([float(s) for items in first.values() for s in items.values()]).all()",
            )  # fmt: skip
        return None

    def take_rows(self, case: Case, rows: Any) -> Case:
        queries = [list(case.values[0])[row] for row in rows]
        return replace(case, values=[{query: run[query] for query in queries} for run in case.values])


RANKINGS = _Rankings()


def _turned(case: Case, draw: Draw) -> Case:
    """Give queries and items in another order."""
    turned = [
        {query: {item: items[item] for item in draw(st.permutations(list(items)))} for query, items in run.items()}
        for run in case.values
    ]
    queries = draw(st.permutations(list(case.values[0])))
    return replace(case, values=[{query: run[query] for query in queries} for run in turned])


def _order_of_rows(subject: ForeignSubject, draw: Draw) -> Trial:
    case = subject.case(draw)
    return Trial(
        (case, _turned(case, draw)),
        "same_rankings(first, second)",
        "the same queries and items, given in another order, have another answer",
    )


def _queries_alone(subject: ForeignSubject, draw: Draw) -> Trial:
    case = subject.case(draw, n_rows=2)
    row = draw(st.integers(0, 1))
    query = list(case.values[0])[row]
    return Trial(
        (case, RANKINGS.take_rows(case, [row])),
        f"same_rankings({{{query!r}: first[{query!r}]}}, second)",
        f"query {query} has another answer alone than beside the other",
    )


def _unseen(subject: ForeignSubject, draw: Draw) -> Trial:
    return Trial(
        (subject.case(draw, clear=False),), "only_seen(first, runs)", "an item is scored that no member returned"
    )


def _kept(subject: ForeignSubject, draw: Draw) -> Trial:
    return Trial(
        (subject.case(draw, clear=False),), "all_seen(first, runs)", "an item that a member returned has no score"
    )


def _never_gains(subject: ForeignSubject, draw: Draw) -> Trial:
    case = subject.case(draw, least=2, n_rows=1)
    # Scores may be logarithms, all of them negative.
    shift = draw(st.sampled_from([0.0, -10.0]))
    case = replace(case, values=[{"q1": {i: s + shift for i, s in run["q1"].items()}} for run in case.values])
    items = case.values[0]["q1"]
    assume(len(items) > 1)
    item = draw(st.sampled_from(list(items)))
    less = {"q1": {name: score for name, score in items.items() if name != item}}
    return Trial(
        (case, replace(case, values=[less, *case.values[1:]])),
        f"not gained(first, second, 'q1', {item!r})",
        f"item {item} rises when the first member no longer returns it",
    )


def _absent_queries(subject: ForeignSubject, draw: Draw) -> Trial:
    case = subject.case(draw, least=max(2, subject.least_members + 1), n_rows=2)
    member = draw(st.integers(0, len(case.values) - 1))
    rest = [m for m in range(len(case.values)) if m != member]
    lacking = [{"q1": run["q1"]} if m == member else run for m, run in enumerate(case.values)]
    return Trial(
        (replace(case, values=lacking), RANKINGS.take_rows(case.take(rest), [1])),
        "same_rankings({'q2': first.get('q2', {})}, second)",
        f"query q2, which member {member} did not answer, has another answer than without that member",
    )


def _units(subject: ForeignSubject, draw: Draw) -> Trial:
    case = subject.case(draw)
    factor = draw(st.sampled_from([2.0, 0.25, 100.0]))
    scaled = [{q: {item: factor * score for item, score in items.items()} for q, items in run.items()}
              for run in case.values]  # fmt: skip
    return Trial(
        (case, replace(case, values=scaled)),
        "same_rankings(first, second)",
        f"{factor:g} times all scores of all members gives another ranking",
    )


def _tied(subject: ForeignSubject, draw: Draw) -> tuple[Case, list[str]]:
    n_members = subject.members(draw)
    tied = sorted(draw(st.lists(st.sampled_from(ITEMS), min_size=2, max_size=3, unique=True)))
    runs = [
        {"q1": dict.fromkeys(draw(st.permutations(tied)), float(draw(st.integers(1, 3))))} for _ in range(n_members)
    ]
    return Case(runs, (1.0,) * n_members), tied


def _ties_stable(subject: ForeignSubject, draw: Draw) -> Trial:
    case = subject.case(draw, clear=False) if draw(st.booleans()) else _tied(subject, draw)[0]
    return Trial(
        (case, _turned(case, draw).take(draw(st.permutations(range(len(case.values)))))),
        "same_rankings(first, second)",
        "items that tie, given in another order, have another answer",
    )


def _ties_stated(subject: ForeignSubject, draw: Draw) -> Trial:
    case, tied = _tied(subject, draw)
    if subject.ties == "shared":
        holds = "len({round(float(score), 9) for score in first['q1'].values()}) == 1"
        return Trial((case,), holds, "items that tie in every run do not share a score")
    order = tied if subject.ties == "smallest" else tied[::-1]
    return Trial(
        (case,), f"lowest_first(first['q1'], {order})", f"of items that tie, the {subject.ties} name is not the first"
    )


RANKING_CHECKS: tuple[Check, ...] = pick(
    (
        "order_of_members", "weights_matter", "scale_of_weights", "zero_weight_is_absent", "duplicated_members",
        "unanimity",
    ),
    (
        promise("order_of_rows", "the order of queries and items changes nothing", _order_of_rows),
        promise("rows_alone", "the answer of a query does not depend on other queries", _queries_alone),
        promise("unseen_items", "an item that no member returned is never scored", _unseen),
        promise("all_items", "an item that a member returned is scored", _kept),
        promise("absent_never_gains", "an item that a member no longer returns does not rise", _never_gains, share=3),
        promise("absent_queries", "a member without an answer to a query has no part in it", _absent_queries),
        promise("units", "a common factor of all scores changes no ranking", _units),
        promise("ties_stable", "a tie has one answer, whatever the order", _ties_stable),
        promise(
            "ties_stated", "ties are broken as stated", _ties_stated,
            skipped=lambda subject: None if subject.ties else "no rule for ties was stated (ties=)",
        ),
    ),
)  # fmt: skip
