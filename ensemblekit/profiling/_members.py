"""Costs and scores of each member, and the frontier of subsets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..evaluation import paired_bootstrap
from ._graph import FusedGraph
from ._subset_scores import SubsetScores, subsets_of
from ._timing import difference_of, time_calls

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["profile_members"]

Times = dict[frozenset[str], np.ndarray]


def profile_members(
    graph: FusedGraph, scores: SubsetScores | None, images: np.ndarray, seconds: float, seed: int
) -> tuple[pd.DataFrame, pd.DataFrame | None]:
    """Time each member alone and the model without it, and score subsets of the members.

    Parameters
    ----------
    graph : FusedGraph
        The model.
    scores : SubsetScores or None
        Scores from labelled predictions, if there are any.
    images : ndarray of float32 of shape (n_images, height, width, channels)
        Images that the members predict.
    seconds : float
        Time for the measurements.
    seed : int
        Seed of the resamples.

    Returns
    -------
    tuple of (pandas.DataFrame, pandas.DataFrame or None)
        ``members`` and ``frontier`` of a `Profile`.
    """
    import pandas as pd

    whole = graph.members
    others = [tuple(other for other in whole if other != member) for member in whole]
    subsets = dict.fromkeys([whole, *((member,) for member in whole), *filter(None, others)])
    timed = time_calls({subset: graph.call_of(subset, images) for subset in subsets}, seconds)
    times = {frozenset(subset): rounds for subset, rounds in timed.items()}
    rows: list[dict[str, Any]] = []
    for member, rest in zip(whole, others, strict=True):
        row = _costs(graph, times, member, rest)
        if scores is not None and rest:
            row |= _score_changes(scores, whole, rest, seed)
        rows.append(row)
    return pd.DataFrame(rows), None if scores is None else _frontier(graph, scores, times)


def _costs(graph: FusedGraph, times: Times, member: str, rest: Sequence[str]) -> dict[str, Any]:
    all_times = times[frozenset(graph.members)]
    saves, low, high = difference_of(all_times, times.get(frozenset(rest), np.zeros_like(all_times)))
    alone, whole, left = graph.cost([member]), graph.cost(graph.members), graph.cost(rest)
    return {
        "member": member,
        "alone_ms": 1000 * float(np.median(times[frozenset([member])])),
        "saves_ms": 1000 * saves,
        "saves_ms_low": 1000 * low,
        "saves_ms_high": 1000 * high,
        "alone_parameters": alone.n_parameters,
        "saves_parameters": whole.n_parameters - left.n_parameters,
        "alone_bytes": alone.n_bytes,
        "saves_bytes": whole.n_bytes - left.n_bytes,
    }


def _score_changes(scores: SubsetScores, whole: Sequence[str], rest: Sequence[str], seed: int) -> dict[str, float]:
    changes = paired_bootstrap(
        scores.combined(rest), scores.combined(whole), metrics=("accuracy", "log_loss"), seed=seed
    ).set_index("metric")
    columns: dict[str, float] = {}
    for metric in ("accuracy", "log_loss"):
        change: Any = changes.loc[metric]
        columns |= {
            metric: float(change["first"]),
            f"{metric}_change": float(change["difference"]),
            f"{metric}_change_low": float(change["low"]),
            f"{metric}_change_high": float(change["high"]),
        }
    return columns


def _frontier(graph: FusedGraph, scores: SubsetScores, times: Times) -> pd.DataFrame:
    import pandas as pd

    ms = {subset: 1000 * float(np.median(rounds)) for subset, rounds in times.items()}
    estimate = _estimator(list(graph.groups), ms)
    rows: list[dict[str, Any]] = []
    for members in subsets_of(graph.members, scores):
        accuracy, log_loss = scores.score(members)
        subset = frozenset(members)
        measured = subset in ms
        rows.append(
            {
                "members": members,
                "ms": ms[subset] if measured else estimate(subset),
                "measured": measured,
                "accuracy": accuracy,
                "log_loss": log_loss,
            }
        )
    rows.sort(key=lambda row: (row["ms"], -row["accuracy"]))
    best = -1.0
    for row in rows:
        row["on_frontier"] = row["accuracy"] > best
        best = max(best, row["accuracy"])
    return pd.DataFrame(rows)


def _estimator(groups: list[frozenset[str]], ms: dict[frozenset[str], float]) -> Callable[[frozenset[str]], float]:
    from scipy.optimize import nnls

    subsets = list(ms)
    # The last column is the cost of a call, which is the same for every subset.
    uses = np.array([[bool(group & subset) for group in groups] + [True] for subset in subsets], dtype=np.float64)
    costs, _ = nnls(uses, np.array([ms[subset] for subset in subsets]))
    return lambda subset: float(np.array([bool(group & subset) for group in groups] + [True]) @ costs)
