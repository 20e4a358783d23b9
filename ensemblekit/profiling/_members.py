"""Costs and worth by member, and the frontier of subsets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..evaluation import paired_bootstrap
from ._graph import FusedGraph
from ._timing import difference_of, time_calls
from ._worth import Worth, subsets_of

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["costs_and_worth"]

Times = dict[frozenset[str], np.ndarray]


def costs_and_worth(
    graph: FusedGraph, worth: Worth | None, images: np.ndarray, seconds: float, seed: int
) -> tuple[pd.DataFrame, pd.DataFrame | None]:
    """Measure each member alone and the model without it, and score subsets of the members.

    Parameters
    ----------
    graph : FusedGraph
        The model.
    worth : Worth or None
        What the members say about labelled rows.
    images : ndarray of float32 of shape (n_images, height, width, channels)
        What is predicted.
    seconds : float
        How long to measure.
    seed : int
        Of the resamples.

    Returns
    -------
    tuple of (pandas.DataFrame, pandas.DataFrame or None)
        ``members`` and ``frontier`` of a `Profile`.
    """
    import pandas as pd

    whole = graph.members
    rests = [tuple(o for o in whole if o != member) for member in whole]
    looked_at = dict.fromkeys([whole, *((member,) for member in whole), *filter(None, rests)])
    taken = time_calls({some: graph.call_of(some, images) for some in looked_at}, seconds)
    times = {frozenset(some): rounds for some, rounds in taken.items()}
    rows: list[dict[str, Any]] = []
    for member, rest in zip(whole, rests, strict=True):
        row = _costs(graph, times, member, rest)
        if worth is not None and rest:
            row |= _loss(worth, whole, rest, seed)
        rows.append(row)
    return pd.DataFrame(rows), None if worth is None else _frontier(graph, worth, times)


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


def _loss(worth: Worth, whole: Sequence[str], rest: Sequence[str], seed: int) -> dict[str, float]:
    changes = paired_bootstrap(
        worth.combined(rest), worth.combined(whole), metrics=("accuracy", "log_loss"), seed=seed
    ).set_index("metric")
    found: dict[str, float] = {}
    for metric in ("accuracy", "log_loss"):
        line: Any = changes.loc[metric]
        found |= {
            metric: float(line["first"]),
            f"{metric}_change": float(line["difference"]),
            f"{metric}_change_low": float(line["low"]),
            f"{metric}_change_high": float(line["high"]),
        }
    return found


def _frontier(graph: FusedGraph, worth: Worth, times: Times) -> pd.DataFrame:
    import pandas as pd

    ms = {some: 1000 * float(np.median(rounds)) for some, rounds in times.items()}
    estimate = _estimator(list(graph.groups), ms)
    rows: list[dict[str, Any]] = []
    for some in subsets_of(graph.members, worth):
        right, loss = worth.score(some)
        key = frozenset(some)
        known = key in ms
        rows.append(
            {"members": some, "ms": ms[key] if known else estimate(key), "measured": known, "accuracy": right,
             "log_loss": loss}
        )  # fmt: skip
    rows.sort(key=lambda row: (row["ms"], -row["accuracy"]))
    best = -1.0
    for row in rows:
        row["on_frontier"] = row["accuracy"] > best
        best = max(best, row["accuracy"])
    return pd.DataFrame(rows)


def _estimator(groups: list[frozenset[str]], ms: dict[frozenset[str], float]) -> Callable[[frozenset[str]], float]:
    from scipy.optimize import nnls

    subsets = list(ms)
    # Whatever is run costs a call: the last column.
    uses = np.array([[bool(group & some) for group in groups] + [True] for some in subsets], dtype=np.float64)
    costs, _ = nnls(uses, np.array([ms[some] for some in subsets]))
    return lambda some: float(np.array([bool(group & some) for group in groups] + [True]) @ costs)
