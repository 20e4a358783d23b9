"""`judge_queries`: the metrics of each query, as numbers and as predictions that the tests of `evaluation` take."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ...arguments import check_unmasked, typed
from ...errors import InvalidOptionError, InvalidPredictionsError
from ...interfaces import Metric
from ...predictions import Predictions
from ...predictions.names import few, shown
from ..runs import Qrels, Run
from ._hits import Hits, hits_of, judged_items
from ._metrics import find_ranking_metrics

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["OfQueries", "check_judges", "judge_queries", "judged_queries", "values_as_predictions", "values_of"]


@typed(but=("run", "qrels"))
def judge_queries(run: Run, qrels: Qrels, metrics: Any = None) -> pd.DataFrame:
    """Compute metrics of each query.

    Parameters
    ----------
    run : Run
        What is judged.
    qrels : Qrels
        Judgements.
    metrics : str, object, or sequence of them, optional
        In the forms that `find_ranking_metrics` accepts.

    Returns
    -------
    pandas.DataFrame
        Index ``query``, the queries with a relevant item; a column a metric.

    Raises
    ------
    InvalidPredictionsError
        If no query has a relevant item, or the two name queries or items by different kinds.
    InvalidOptionError
        If a metric or an option is unknown or out of range.

    Notes
    -----
    A query that the run lacks has the value 0. Queries without an item of a grade above 0 are left out, as each run has
    0 there. The order of the items is that of `Run`, ties included.

    Examples
    --------
    >>> from ensemblekit.ranking import Qrels, Run, judge_queries
    >>> run = Run({"q1": {"a": 3.0, "b": 2.0}, "q2": {"c": 1.0}})
    >>> judge_queries(run, Qrels({"q1": {"b": 1}, "q2": {"c": 1, "d": 1}}), ["mrr", "recall:k=10"])
           mrr  recall:k=10
    query
    q1     0.5          1.0
    q2     1.0          0.5
    """
    import pandas as pd

    check_judges(run, qrels)
    found = find_ranking_metrics(metrics)
    queries = judged_queries(qrels)
    hits = hits_of(run, qrels)  # looks at the kinds of names first
    _check_common(run, qrels)
    return pd.DataFrame(values_of(hits, found), pd.Index(queries, name="query"), columns=[*found])


def check_judges(run: Any, qrels: Any) -> None:
    """Refuse what is no run, or no judgements."""
    for what, given, kind in (("run", run, Run), ("qrels", qrels, Qrels)):
        if not isinstance(given, kind):
            raise InvalidPredictionsError(
                f"{what} must be of the type {kind.__name__}; received {shown(given, 100)} of the type "
                f"{type(given).__name__}. Give {kind.__name__}({what}), or {kind.__name__}.load(path)."
            )


def _check_common(run: Run, qrels: Qrels) -> None:
    """Refuse a run of other queries: values that are all 0 would hide that names differ."""
    if len(run.queries) and not np.isin(run.queries, qrels.queries).any():
        raise InvalidPredictionsError(
            f"a run must have a query that is judged; {run.member or 'the run'!r} has {few(run.queries.tolist())}, the "
            f"judgements {few(qrels.queries.tolist())}. Name queries in one way, or give the judgements of this run."
        )


def judged_queries(qrels: Qrels) -> np.ndarray:
    """List the queries with a relevant item; refuse judgements without one."""
    queries = judged_items(qrels).queries
    if not len(queries):
        raise InvalidPredictionsError(
            f"judgements must have a relevant item, of a grade above 0; received none in {qrels!r}."
        )
    return queries


def values_of(hits: Hits, metrics: Mapping[str, Any]) -> np.ndarray:
    """Compute metrics of each query, shape ``(n_queries, n_metrics)``."""
    table = np.empty((hits.n_queries, len(metrics)))
    for place, (name, metric) in enumerate(metrics.items()):
        given = metric.values(hits)
        check_unmasked(f"metric {name!r}", given, error=InvalidOptionError)
        values = np.asarray(given, dtype=np.float64)
        # Rounding may lift a perfect value above 1.
        if values.shape != (hits.n_queries,) or not ((values >= -1e-9) & (values <= 1 + 1e-9)).all():
            raise InvalidOptionError(
                f"metric {name!r} must return a value in [0, 1] for each query, shape ({hits.n_queries},); it returned "
                f"{shown(given, 100)}."
            )
        table[:, place] = np.clip(values, 0, 1)
    return table


def values_as_predictions(run: Run, qrels: Qrels, metrics: Mapping[str, Any]) -> Predictions:
    """Make predictions of the values of queries: a row a query, a number a metric.

    Parameters
    ----------
    run : Run
        What is judged; queries that its member was fitted on are the ``fit_ids``.
    qrels : Qrels
        Judgements.
    metrics : mapping of str to object
        From `find_ranking_metrics`.

    Returns
    -------
    Predictions
        Of the task ``regression``. Their labels mean nothing; `OfQueries` looks at the numbers alone.
    """
    hits = hits_of(run, qrels)
    _check_common(run, qrels)
    values = values_of(hits, metrics)
    return Predictions(
        values, ids=judged_queries(qrels), classes=[*metrics], labels=np.zeros_like(values), task="regression",
        member=run.member, fit_ids=run.fit_queries,
    )  # fmt: skip


class OfQueries(Metric):
    """The mean over queries of one metric of rankings, of what `values_as_predictions` makes."""

    tasks = frozenset({"regression"})
    needs = "numbers"
    by_class = True
    place = 0

    def __init__(self, name: str) -> None:
        self.name = self.of = name

    def row_values(self, labels: np.ndarray, predicted: np.ndarray) -> np.ndarray:
        """Take the values of the queries."""
        return predicted[:, self.place]
