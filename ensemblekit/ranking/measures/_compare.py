"""Runs with intervals, and compared in pairs, by query: the intervals and tests are those of `evaluation`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ...arguments import typed
from ...evaluation import compare_with_reference, score_table
from ...predictions import Predictions
from ..runs import Qrels, as_runs
from ._metrics import find_ranking_metrics
from ._queries import OfQueries, check_judges, values_as_predictions

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["compare_runs", "score_runs"]


@typed(but=("runs", "qrels", "groups"))
def score_runs(
    runs: Any,
    qrels: Qrels,
    *,
    metrics: Any = None,
    groups: Any = None,
    confidence: float = 0.95,
    n_resamples: int = 5000,
    seed: int = 0,
) -> pd.DataFrame:
    """Score runs, each value with its interval by query.

    Parameters
    ----------
    runs : mapping of str to Run, table or path, or sequence of them
        As in `fuse_runs`.
    qrels : Qrels
        Judgements.
    metrics : str, object, or sequence of them, optional
        In the forms that `find_ranking_metrics` accepts.
    groups : mapping of query to group, or Series indexed by query, optional
        Queries of one group, such as variants of one question, are taken together.
    confidence, n_resamples, seed
        As in `bootstrap_interval`.

    Returns
    -------
    pandas.DataFrame
        As from `score_table`, with queries as rows: ``model``, ``metric``, ``value``, ``low``, ``high``, ``n``,
        ``in_sample``, the number of queries that the member was fitted on, and ``enough``.

    Raises
    ------
    InvalidPredictionsError, InvalidOptionError
        As in `judge_queries` and `score_table`.

    Examples
    --------
    >>> from ensemblekit.ranking import Qrels, score_runs
    >>> first = {f"q{k}": {"a": 2.0, "b": 1.0} for k in range(20)}
    >>> qrels = Qrels({f"q{k}": {"a" if k % 4 else "b": 1} for k in range(20)})
    >>> score_runs({"first": first}, qrels, metrics="mrr")[["model", "metric", "value", "low", "high"]].round(2)
       model metric  value  low  high
    0  first    mrr   0.88  0.7  0.96
    """
    models, found = _models(runs, qrels, metrics)
    return score_table(models, groups=groups, metrics=found, confidence=confidence, n_resamples=n_resamples, seed=seed)


@typed(but=("runs", "qrels", "groups", "smallest"))
def compare_runs(
    runs: Any,
    reference: str,
    qrels: Qrels,
    *,
    metrics: Any = None,
    groups: Any = None,
    smallest: Any = None,
    confidence: float = 0.95,
    n_resamples: int = 5000,
    seed: int = 0,
) -> pd.DataFrame:
    """Compare runs with a reference run, on the same queries.

    Parameters
    ----------
    runs : mapping of str to Run, table or path, or sequence of them
        As in `fuse_runs`.
    reference : str
        Run that the others are compared with. Choose it before you look at these queries.
    qrels : Qrels
        Judgements.
    metrics, groups
        As in `score_runs`.
    smallest : float or mapping of metric name to float, optional
        Smallest difference of interest, as in `paired_bootstrap`.
    confidence, n_resamples, seed
        As in `paired_bootstrap`.

    Returns
    -------
    pandas.DataFrame
        As from `compare_with_reference`, with queries as rows.

    Raises
    ------
    UnknownMemberError
        If there is no such run.
    InvalidPredictionsError, InvalidOptionError
        As in `judge_queries` and `compare_with_reference`.

    Notes
    -----
    Each query has the difference of the two values of its metric, and counts as one unit; a query that a run lacks has
    the value 0. The verdict is ``in sample`` if a member was fitted on some of the queries.

    Examples
    --------
    >>> from ensemblekit.ranking import Qrels, compare_runs
    >>> old = {f"q{k}": {"a": 2.0, "b": 1.0} for k in range(20)}
    >>> new = {f"q{k}": {"a": 1.0, "b": 2.0} for k in range(20)}
    >>> qrels = Qrels({f"q{k}": {"b": 1} for k in range(20)})
    >>> table = compare_runs({"old": old, "new": new}, "old", qrels, metrics="mrr")
    >>> table["verdict"].item(), table["difference"].item()
    ('better', 0.5)
    """
    models, found = _models(runs, qrels, metrics)
    return compare_with_reference(
        models, reference, metrics=found, groups=groups, smallest=smallest, confidence=confidence,
        n_resamples=n_resamples, seed=seed, unit="queries",
    )  # fmt: skip


def _models(runs: Any, qrels: Any, metrics: Any) -> tuple[Mapping[str, Predictions], list[OfQueries]]:
    named = as_runs(runs)
    for run in named.values():
        check_judges(run, qrels)
    found = find_ranking_metrics(metrics)
    models = {name: values_as_predictions(run.rename(name), qrels, found) for name, run in named.items()}
    return models, [OfQueries(name) for name in found]
