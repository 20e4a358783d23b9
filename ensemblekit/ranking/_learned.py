"""`fit_weights`: weights of members, learned by a metric on judged queries and tried on queries that were held out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arguments import check_count, typed
from ..errors import InvalidOptionError, InvalidPredictionsError, LeakageError
from ..evaluation import group_places
from ..predictions.joining import among
from ..predictions.names import few, sorted_ids
from ..predictions.weights import check_weights
from ._fuse import fuse_ready, resolve_rule
from .measures import find_ranking_metrics, hits_of, judged_queries, values_of
from .runs import Qrels, Run, as_runs, n_threads

__all__ = ["FittedWeights", "fit_weights"]

FACTORS = (0.0, 0.5, 2.0)
"""By what a weight is multiplied to try another one."""
MOST_ROUNDS = 20
GAIN = 1e-9
"""A smaller gain is one of rounding."""


@dataclass(frozen=True, repr=False)
class FittedWeights:
    """Weights of members, and what they are worth on queries that were held out.

    Attributes
    ----------
    weights : dict of str to float
        Weight of each member, >= 0, with the mean 1.
    rule : str
        Name of the rule.
    fitted : object
        The rule itself.
    metric : str
        What was made as large as it could be.
    queries : ndarray of shape (n_queries,)
        Sorted queries that the weights were learned on.
    in_sample : float
        Mean of the metric on these, with weights that have seen them: too good.
    out_of_fold : Run
        The fused run of these queries, each with weights that were learned on others. Judge this one.
    """

    weights: dict[str, float]
    rule: str
    fitted: Any
    metric: str
    queries: np.ndarray
    in_sample: float
    out_of_fold: Run

    @typed(but=("runs",))
    def fuse(self, runs: Any, *, allow_leakage: bool = False, top: int | None = None, n_jobs: int | None = None) -> Run:
        """Fuse runs of the same members with these weights.

        Parameters
        ----------
        runs : mapping of str to Run, table or path, or sequence of them
            As in `fuse_runs`, of the same members in any order.
        allow_leakage : bool, default=False
            Whether queries may be fused that the weights were learned on.
        top, n_jobs
            As in `fuse_runs`.

        Returns
        -------
        Run
            Its ``fit_queries`` are those that the weights or a member were fitted on.

        Raises
        ------
        LeakageError
            If the weights were learned on some of the queries.
        InvalidPredictionsError, InvalidOptionError
            As in `fuse_runs`.
        """
        if top is not None:
            check_count("top", top)
        threads = n_threads(n_jobs)
        named = as_runs(runs, threads)
        weights = check_weights(self.weights, tuple(named))
        if not allow_leakage:
            _check_new(named, self.queries)
        fused = fuse_ready(named, self.rule, self.fitted, weights, top, threads)
        known = [queries for queries in (self.queries, fused.fit_queries) if queries is not None]
        fitted = np.unique(np.concatenate(known))
        return fused.with_fit_queries(fitted)

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={weight:.3g}" for name, weight in self.weights.items())
        return f"FittedWeights(rule={self.rule!r}, metric={self.metric!r}, {shown})"


def _check_new(runs: Mapping[str, Run], queries: np.ndarray) -> None:
    for name, run in runs.items():
        seen = run.queries[among(run.queries, queries)]
        if len(seen):
            raise LeakageError(
                f"weights are used on queries that they were not learned on; they were learned on {few(seen.tolist())} "
                f"of the {len(run.queries)} queries of {name!r}. Judge .out_of_fold, fuse other queries, or give "
                "allow_leakage=True."
            )


@typed(but=("runs", "rule", "groups"))
def fit_weights(
    runs: Any,
    qrels: Qrels,
    rule: Any = "rrf",
    *,
    metric: Any = "ndcg:k=10",
    cv: int = 5,
    groups: Any = None,
    allow_leakage: bool = False,
    n_jobs: int | None = None,
    seed: int = 0,
    **options: Any,
) -> FittedWeights:
    """Learn weights of members on judged queries.

    Parameters
    ----------
    runs : mapping of str to Run, table or path, or sequence of them
        As in `fuse_runs`, of two members or more.
    qrels : Qrels
        Judgements. Queries without a relevant item, or without a run, teach nothing and are left out.
    rule : str or object, default="rrf"
        As in `fuse_runs`; it must take weights.
    metric : str or object, default="ndcg:k=10"
        What is made as large as it can be, in a form that `find_ranking_metrics` accepts.
    cv : int, default=5
        Parts of the queries, >= 2; the weights of each part are learned on the others.
    groups : mapping of query to group, or Series indexed by query, optional
        Queries of one group, such as variants of one question, are in one part. A query without a group is one of its
        own.
    allow_leakage : bool, default=False
        Whether queries may be used that a member was fitted on.
    n_jobs : int, optional
        As in `fuse_runs`.
    seed : int, default=0
        Seed of the division into parts, >= 0.
    **options
        Options of the rule, if it is given by name.

    Returns
    -------
    FittedWeights
        The weights, learned on all of these queries, and the run of each with weights that were learned on others.

    Raises
    ------
    LeakageError
        If a member was fitted on some of the queries; then its run looks better than it is.
    InvalidPredictionsError, InvalidOptionError
        As in `fuse_runs` and `judge_queries`; also if there are fewer queries or groups than parts.

    Notes
    -----
    Coordinate ascent from equal weights: the weight of one member after the other, by name, is tried at 0, half and
    twice its value, and kept if the mean of the metric over the queries rises, until none does or after 20 rounds. The
    order of members or rows changes nothing. The search ends at a maximum, not always the highest.

    Examples
    --------
    >>> from ensemblekit.ranking import Qrels, fit_weights
    >>> good = {f"q{k}": {"a": 2.0, "b": 1.0} for k in range(10)}
    >>> bad = {f"q{k}": {"a": 1.0, "b": 2.0} for k in range(10)}
    >>> found = fit_weights({"good": good, "bad": bad}, Qrels({f"q{k}": {"a": 1} for k in range(10)}), metric="mrr")
    >>> found.weights, found.in_sample
    ({'good': 2.0, 'bad': 0.0}, 1.0)
    >>> found.out_of_fold
    Run(member='rrf', n_queries=10, n_rows=20)
    """
    check_count("cv", cv, 2)
    check_count("seed", seed, 0)
    threads = n_threads(n_jobs)
    name, ready = resolve_rule(rule, options)
    if not getattr(ready, "takes_weights", True):
        raise InvalidOptionError(f"rule {name!r} takes no weights, so that none can be learned. Take 'rrf'.")
    metrics = find_ranking_metrics(metric)
    if len(metrics) != 1:
        raise InvalidOptionError(f"metric must be one; received {[*metrics]}.")
    named = as_runs(runs, threads)
    if len(named) < 2:
        raise InvalidOptionError(f"learning weights needs two members or more; received {len(named)}.")
    queries = _labelled(named, qrels)
    if not allow_leakage:
        _check_unseen(named, queries)
    folds = _folds(queries, groups, cv, seed)
    search = _Search(named, qrels, name, ready, metrics, threads)
    parts: list[Run] = []
    for fold in range(cv):
        weights, _ = search.best(queries[folds != fold])
        parts.append(search.fused(queries[folds == fold], weights))
    weights, value = search.best(queries)
    shares = dict(zip(named, (weights / weights.mean()).tolist(), strict=True))
    return FittedWeights(shares, name, ready, next(iter(metrics)), queries, value, _stacked(parts, name))


def _labelled(runs: Mapping[str, Run], qrels: Qrels) -> np.ndarray:
    judged = judged_queries(qrels)
    there = np.zeros(len(judged), dtype=bool)
    for run in runs.values():
        there |= among(judged, run.queries)
    if not there.any():
        raise InvalidPredictionsError(
            f"judged queries must be among those of the runs; received {few(judged.tolist())} judged, none in a run."
        )
    return judged[there]


def _check_unseen(runs: Mapping[str, Run], queries: np.ndarray) -> None:
    for name, run in runs.items():
        if run.fit_queries is not None and (seen := among(queries, run.fit_queries)).any():
            raise LeakageError(
                f"weights are learned on queries that no member was fitted on; {name!r} was fitted on "
                f"{few(queries[seen].tolist())} of {len(queries)}. Leave them out of the judgements, or give "
                "allow_leakage=True."
            )


def _folds(queries: np.ndarray, groups: Any, cv: int, seed: int) -> np.ndarray:
    """Divide queries into parts, those of a group together."""
    places = group_places(queries, groups)
    n = int(places.max()) + 1
    if n < cv:
        raise InvalidOptionError(
            f"cv must be at most the number of queries or groups to learn from, {n}; received {cv}. Judge more, or "
            f"take cv={max(n, 2)}."
        )
    return (np.random.default_rng(seed).permutation(n) % cv)[places]


class _Search:
    """The search for weights, on any of the queries."""

    def __init__(
        self, runs: Mapping[str, Run], qrels: Qrels, name: str, rule: Any, metrics: Mapping[str, Any], threads: int
    ) -> None:
        self._runs, self._qrels, self._name, self._rule, self._metrics = runs, qrels, name, rule, metrics
        self._threads = threads
        self._order = sorted(range(len(runs)), key=[*runs].__getitem__)

    def _of(self, queries: np.ndarray) -> dict[str, Run]:
        return {name: run.take(queries[among(queries, run.queries)]) for name, run in self._runs.items()}

    def fused(self, queries: np.ndarray, weights: np.ndarray) -> Run:
        return fuse_ready(self._of(queries), self._name, self._rule, weights, None, self._threads)

    def best(self, queries: np.ndarray) -> tuple[np.ndarray, float]:
        """Find the weights with the largest mean on these queries, and this mean."""
        runs = self._of(queries)
        rows = among(judged_queries(self._qrels), queries)

        def value(weights: np.ndarray) -> float:
            fused = fuse_ready(runs, self._name, self._rule, weights, None, self._threads)
            return float(values_of(hits_of(fused, self._qrels), self._metrics)[rows, 0].mean())

        weights = np.ones(len(runs))
        most = value(weights)
        for _ in range(MOST_ROUNDS):
            before = most
            for member in self._order:
                tried = [weights * np.where(np.arange(len(weights)) == member, factor, 1.0) for factor in FACTORS]
                tried = [other for other in tried if other.any() and (other != weights).any()]
                values = [value(other) for other in tried]
                if values and max(values) > most + GAIN:
                    most = max(values)
                    weights = tried[values.index(most)]
            if most <= before + GAIN:
                break
        return weights, most


def _stacked(runs: list[Run], name: str) -> Run:
    """Put runs of different queries one below the other."""
    table = {
        "query": np.concatenate([run.queries.repeat(np.diff(run.starts)) for run in runs]),
        "item": np.concatenate([run.item for run in runs]),
        "score": np.concatenate([run.score for run in runs]),
    }
    fitted = [run.fit_queries for run in runs if run.fit_queries is not None]
    return Run(table, member=name, fit_queries=sorted_ids(np.unique(np.concatenate(fitted))) if fitted else None)
