"""Metrics of one query: how well the relevant items are placed."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Literal

import numpy as np

from ...arguments import check_count, check_number, typed
from ...errors import InvalidOptionError
from ...predictions.choices import check_choice
from ._hits import Hits

__all__ = [
    "NDCG",
    "RANKING_METRICS",
    "AveragePrecision",
    "Precision",
    "RPrecision",
    "Recall",
    "ReciprocalRank",
    "find_ranking_metrics",
]  # fmt: skip


class _AtDepth:
    """The base of metrics that look at the first items, and take grades from a smallest one on as relevant."""

    needs_k = False

    @typed()
    def __init__(self, *, k: int | None = None, min_grade: float = 1.0) -> None:
        if k is not None:
            check_count("k", k)
        elif self.needs_k:
            raise InvalidOptionError(
                f"{type(self).__name__} needs the number of items that it looks at, k, >= 1; received None. Give k=10, "
                "or in text ':k=10'."
            )
        check_number("min_grade", min_grade, 0, open_low=True)
        self.k, self.min_grade = k, min_grade

    def _relevant(self, hits: Hits) -> np.ndarray:
        relevant = hits.grade >= self.min_grade
        return relevant if self.k is None else relevant & (hits.position <= self.k)


class NDCG(_AtDepth):
    """Normalised discounted cumulative gain (nDCG).

    Parameters
    ----------
    k : int, optional
        Items that are looked at, >= 1; by default all.
    gain : {"linear", "exponential"}, default="linear"
        The gain of a grade: the grade itself [1]_, or ``2^grade - 1`` [2]_.

    Notes
    -----
    ``sum over the positions p of gain / log2(p + 1)``, divided by the same of the judged items in the best order, cut
    at the same ``k``.

    References
    ----------
    .. [1] K. Järvelin, J. Kekäläinen, "Cumulated gain-based evaluation of IR techniques", ACM Transactions on
       Information Systems 20(4), 2002.
    .. [2] C. Burges et al., "Learning to rank using gradient descent", ICML 2005.
    """

    @typed()
    def __init__(self, *, k: int | None = None, gain: Literal["linear", "exponential"] = "linear") -> None:
        super().__init__(k=k)
        self.gain = gain

    def values(self, hits: Hits) -> np.ndarray:
        """Compute the metric of each query.

        Parameters
        ----------
        hits : Hits
            Where the relevant items are.

        Returns
        -------
        ndarray of float64, shape (n_queries,)
            Value of each query.
        """
        starts = np.flatnonzero(np.diff(hits.judged_query, prepend=-1))
        lengths = np.diff(starts, append=len(hits.judged_query))
        best = np.arange(1, len(hits.judged_query) + 1) - starts.repeat(lengths)
        ideal = self._gains(hits, hits.judged_query, best, hits.judged_grade)
        return self._gains(hits, hits.query, hits.position, hits.grade) / ideal

    def _gains(self, hits: Hits, query: np.ndarray, position: np.ndarray, grade: np.ndarray) -> np.ndarray:
        gain = grade if self.gain == "linear" else np.exp2(grade) - 1
        gain = gain / np.log2(position + 1.0)
        return hits.sum(query, gain if self.k is None else np.where(position <= self.k, gain, 0.0))


class AveragePrecision(_AtDepth):
    """Average precision; its mean over queries is MAP.

    Parameters
    ----------
    k : int, optional
        Items that are looked at, >= 1; by default all.
    min_grade : float, default=1
        Smallest grade that is relevant, > 0.

    Notes
    -----
    The precision at the position of each relevant item, summed and divided by the number of all relevant items; 0 if
    there is none.
    """

    def values(self, hits: Hits) -> np.ndarray:
        """Compute the metric of each query; as of `NDCG`.

        Parameters
        ----------
        hits : Hits
            Where the relevant items are.

        Returns
        -------
        ndarray of float64, shape (n_queries,)
            Value of each query.
        """
        relevant = self._relevant(hits)
        query, position = hits.query[relevant], hits.position[relevant]
        first = np.searchsorted(query, query)
        so_far = np.arange(1, len(query) + 1) - first
        return _divided(hits.sum(query, so_far / position), hits.relevant(self.min_grade))


class ReciprocalRank(_AtDepth):
    """Reciprocal of the position of the first relevant item; its mean over queries is MRR.

    Parameters
    ----------
    k : int, optional
        Items that are looked at, >= 1; by default all.
    min_grade : float, default=1
        Smallest grade that is relevant, > 0.

    Notes
    -----
    0 if there is no relevant item.
    """

    def values(self, hits: Hits) -> np.ndarray:
        """Compute the metric of each query; as of `NDCG`.

        Parameters
        ----------
        hits : Hits
            Where the relevant items are.

        Returns
        -------
        ndarray of float64, shape (n_queries,)
            Value of each query.
        """
        relevant = self._relevant(hits)
        query, position = hits.query[relevant], hits.position[relevant]
        first = np.flatnonzero(np.diff(query, prepend=-1))
        return hits.sum(query[first], 1 / position[first])


class Recall(_AtDepth):
    """Share of the relevant items that are among the first.

    Parameters
    ----------
    k : int, optional
        Items that are looked at, >= 1; by default all.
    min_grade : float, default=1
        Smallest grade that is relevant, > 0.

    Notes
    -----
    0 if there is no relevant item.
    """

    def values(self, hits: Hits) -> np.ndarray:
        """Compute the metric of each query; as of `NDCG`.

        Parameters
        ----------
        hits : Hits
            Where the relevant items are.

        Returns
        -------
        ndarray of float64, shape (n_queries,)
            Value of each query.
        """
        return _divided(hits.sum(hits.query, self._relevant(hits)), hits.relevant(self.min_grade))


class Precision(_AtDepth):
    """Share of the first items that are relevant.

    Parameters
    ----------
    k : int
        Items that are looked at, >= 1.
    min_grade : float, default=1
        Smallest grade that is relevant, > 0.

    Notes
    -----
    Divided by ``k``, also where the run has fewer items.
    """

    needs_k = True

    def values(self, hits: Hits) -> np.ndarray:
        """Compute the metric of each query; as of `NDCG`.

        Parameters
        ----------
        hits : Hits
            Where the relevant items are.

        Returns
        -------
        ndarray of float64, shape (n_queries,)
            Value of each query.
        """
        assert self.k is not None  # noqa: S101 - for the type checker
        return hits.sum(hits.query, self._relevant(hits)) / self.k


class RPrecision(_AtDepth):
    """Precision at as many items as are relevant.

    Parameters
    ----------
    min_grade : float, default=1
        Smallest grade that is relevant, > 0.

    Notes
    -----
    0 if there is no relevant item.
    """

    @typed()
    def __init__(self, *, min_grade: float = 1.0) -> None:
        super().__init__(min_grade=min_grade)

    def values(self, hits: Hits) -> np.ndarray:
        """Compute the metric of each query; as of `NDCG`.

        Parameters
        ----------
        hits : Hits
            Where the relevant items are.

        Returns
        -------
        ndarray of float64, shape (n_queries,)
            Value of each query.
        """
        n = hits.relevant(self.min_grade)
        found = self._relevant(hits) & (hits.position <= n[hits.query])
        return _divided(hits.sum(hits.query, found), n)


def _divided(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.divide(part, whole, out=np.zeros(len(whole)), where=whole > 0)


RANKING_METRICS: Mapping[str, type[Any]] = MappingProxyType(
    {
        "ndcg": NDCG,
        "map": AveragePrecision,
        "mrr": ReciprocalRank,
        "recall": Recall,
        "precision": Precision,
        "r_precision": RPrecision,
    }
)
"""Name of a metric of rankings -> its class."""
DEFAULTS = ("ndcg:k=10", "map", "mrr", "recall:k=100")


def find_ranking_metrics(metrics: Any = None) -> dict[str, Any]:
    """Find metrics of rankings, in any of the forms in which they can be asked for.

    Parameters
    ----------
    metrics : str, object, or sequence of them, optional
        A name in `RANKING_METRICS`, with options after a colon: ``"ndcg:k=10,gain=exponential"``; or an object with a
        method ``values(hits)`` that returns a value in [0, 1] for each query, the greater the better. By default
        ``ndcg:k=10``, ``map``, ``mrr`` and ``recall:k=100``.

    Returns
    -------
    dict of str to object
        By name: the text, or the attribute ``name`` of an object, or the name of its class.

    Raises
    ------
    InvalidOptionError
        If a name or an option is unknown or out of range, or two have one name.
    """
    one = isinstance(metrics, str) or callable(getattr(metrics, "values", None))
    asked: Any = DEFAULTS if metrics is None else [metrics] if one else metrics
    if not isinstance(asked, Sequence) or not len(asked):
        raise InvalidOptionError(f"metrics must be one or more; received {metrics!r}.")
    found: dict[str, Any] = {}
    for metric in asked:
        name, made = _found(metric)
        if name in found:
            raise InvalidOptionError(f"metrics must have different names; received {name!r} twice.")
        found[name] = made
    return found


def _found(metric: Any) -> tuple[str, Any]:
    if not isinstance(metric, str):
        if not callable(getattr(metric, "values", None)) or isinstance(metric, type):
            raise InvalidOptionError(
                f"a metric must be one of {', '.join(map(repr, RANKING_METRICS))}, with options after a colon, or an "
                f"object with a method values; received {metric!r}."
            )
        return str(getattr(metric, "name", "") or type(metric).__name__), metric
    name, _, text = metric.partition(":")
    check_choice("metric", name, RANKING_METRICS)
    options: dict[str, Any] = {}
    for part in text.split(",") if text else ():
        key, equals, value = (word.strip() for word in part.partition("="))
        if not (key.isidentifier() and equals and value):
            raise InvalidOptionError(
                f"options of a metric must be NAME:OPTION=VALUE, with a comma between them; received {metric!r}."
            )
        try:
            options[key] = ast.literal_eval(value)
        except (ValueError, SyntaxError):
            options[key] = value
    try:
        return metric, RANKING_METRICS[name](**options)
    except TypeError as error:
        raise InvalidOptionError(f"metric {name!r} does not accept these options: {error}.") from None
