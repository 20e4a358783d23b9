"""The base class of dynamic selection: it stores the rows of the fit, and combines the selected members."""

from __future__ import annotations

import abc
from collections.abc import Callable
from typing import Any, Literal, Self

import numpy as np

from ensemblekit import Combiner, PredictionSet
from ensemblekit.errors import InvalidOptionError, NotFittedError

from ..kernels.blocks import row_slices
from ..kernels.ties import settle_tied_columns
from ..learning.neighbours import Neighbours
from ..learning.rows import (
    check_all_present,
    flatten_features,
    flatten_members,
    flatten_weights,
    side_by_side,
)
from ..options import check_choice, check_count

__all__ = ["Competence", "DynamicSelection"]

Competence = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Computes the weights of members for rows, from the nearest rows and the predictions."""

SEARCH_VALUES = 2**21
"""Coordinates for which neighbours are searched at once: a search has a cost of its own."""


class DynamicSelection(Combiner, abc.ABC):
    """For each row, combine the members that are right on similar rows.

    Parameters
    ----------
    n_neighbors : int, default=7
        Number of nearest rows of the fit that are used; if there are fewer rows, all are used.
    voting : {"soft", "hard"}, default="soft"
        ``soft``: the result is the weighted mean of the members' probabilities. ``hard``: the share of their votes.

    Attributes
    ----------
    points_ : ndarray of shape (n_rows, n_columns)
        Coordinates of the rows: the concatenated probabilities of the members, or features.
    right_ : ndarray of bool of shape (n_rows, n_members)
        Which members are right on each row.
    row_weight_ : ndarray of shape (n_rows,)
        Weights of the rows, divided so that the largest is 1; rows with weight 0 are left out.
    n_features_ : int or None
        Number of features of a row; None if the probabilities of the members are used instead.
    """

    name: str
    tasks = frozenset({"multiclass"})

    def __init__(self, n_neighbors: int = 7, *, voting: Literal["soft", "hard"] = "soft") -> None:
        check_count("n_neighbors", n_neighbors)
        check_choice("voting", voting, ("soft", "hard"))
        self.n_neighbors = n_neighbors
        self.voting = voting
        self.traits = frozenset({"learns", "idempotent", "bounded"} if voting == "soft" else {"learns"})

    def fit(
        self,
        predictions: PredictionSet,
        *,
        sample_weight: np.ndarray | None = None,
        features: np.ndarray | None = None,
    ) -> Self:
        check_all_present(self.name, predictions)
        codes = predictions.label_codes
        assert codes is not None  # noqa: S101 - fit_combiner requires labels
        rows = flatten_members(predictions.member_probas)
        given = None if features is None else self._features(features, codes.shape, None)
        weights = flatten_weights(sample_weight, codes.shape)
        kept = weights > 0
        self.n_features_ = None if given is None else given.shape[1]
        self.points_ = (_points(rows) if given is None else given)[kept]
        self.right_ = np.ascontiguousarray((rows.argmax(axis=-1) == codes.ravel()).T[kept])
        self.row_weight_ = weights[kept] / weights.max()
        self._learn(rows[:, kept], codes.ravel()[kept])
        return self

    def combine(self, member_probas: Any, *, features: np.ndarray | None = None, xp: Any = np) -> Any:
        if getattr(self, "points_", None) is None:
            raise NotFittedError(f"{self.name} must be fitted before it combines. Call fit_combiner first.")
        if (features is None) != (self.n_features_ is None):
            has, came = ("no", "received some") if self.n_features_ is None else ("", "received none")
            raise InvalidOptionError(
                f"combiner {self.name!r} was fitted with {f'{has} features'.strip()}; {came}. Give features to both "
                "fit_combiner and combine, or to neither."
            )
        rows = flatten_members(member_probas)
        given = None if features is None else self._features(features, member_probas.shape[1:-1], self.n_features_)
        if self.voting == "soft":
            return self._select(rows, given).reshape(member_probas.shape[1:])
        # Whatever the weights, the votes of members that agree are those of each of them.
        combined = _any_votes(rows)
        divided = np.flatnonzero(np.count_nonzero(combined, axis=1) != 1)
        if len(divided):
            combined[divided] = self._select(rows[:, divided], None if given is None else given[divided])
        return combined.reshape(member_probas.shape[1:])

    def _select(self, rows: np.ndarray, given: np.ndarray | None) -> np.ndarray:
        combined = np.empty(rows.shape[1:], dtype=rows.dtype)
        neighbours, competence = Neighbours(self.points_), self._competence()
        n_asked = self._n_asked()
        values_a_row = max(n_asked, rows.shape[0] * rows.shape[2], self.points_.shape[1])
        for block in row_slices(len(combined), values_a_row, SEARCH_VALUES):
            probas = rows[:, block]
            nearest = neighbours.nearest(_points(probas) if given is None else given[block], n_asked)
            combined[block] = vote(probas, competence(nearest, probas), self.voting)
        return combined

    def _learn(self, rows: np.ndarray, codes: np.ndarray) -> None:
        """Learn what else a subclass needs, from the rows whose weight is not 0."""

    @abc.abstractmethod
    def _competence(self) -> Competence:
        """Prepare the function that computes the weight of each member for each row.

        Returns
        -------
        callable
            Called with the positions of rows in ``right_``, the nearest first, ``(n_rows, n_neighbors)``, and with the
            predictions of the members, ``(n_members, n_rows, n_classes)``. Returns weights >= 0, ``(n_rows,
            n_members)``; if all weights of a row are 0, the members have equal weights.
        """

    def _n_asked(self) -> int:
        return min(self.n_neighbors, len(self.points_))

    def _features(self, features: np.ndarray, axes: tuple[int, ...], n_features: int | None) -> np.ndarray:
        given = flatten_features(self.name, features, axes, n_features).astype(np.float64)
        if not np.isfinite(given).all():
            raise InvalidOptionError(
                f"features among which {self.name} searches neighbours must be finite; received NaN or infinity in "
                f"{int((~np.isfinite(given)).any(axis=1).sum())} of {len(given)} rows."
            )
        return given


def _any_votes(rows: np.ndarray) -> np.ndarray:
    """Give 1 to each class that is the most probable one of a member, or one of its tied ones."""
    votes = np.zeros(rows.shape[:0:-1], dtype=bool)
    for member in rows:
        columns = np.ascontiguousarray(member.T)
        votes |= columns == columns.max(axis=0)
    return np.ascontiguousarray(votes.T).astype(rows.dtype)


def _points(rows: np.ndarray) -> np.ndarray:
    return side_by_side(rows).astype(np.float64, copy=False)


def vote(probas: np.ndarray, weights: np.ndarray, voting: str) -> np.ndarray:
    """Combine the members by a vote, with weights for each row.

    Parameters
    ----------
    probas : ndarray of shape (n_members, n_rows, n_classes)
        Predictions of the members.
    weights : ndarray of shape (n_rows, n_members)
        Weights >= 0; if all weights of a row are 0, the members have equal weights.
    voting : {"soft", "hard"}
        ``soft``: the mean of the probabilities. ``hard``: the shares of the votes.

    Returns
    -------
    ndarray of shape (n_rows, n_classes)
        In the dtype of ``probas``.
    """
    dtype = np.result_type(probas.dtype, np.float32)
    weights = np.where(weights.any(axis=1, keepdims=True), weights, 1).astype(np.float64)
    # A power of two keeps the ratios exact, and keeps tiny weights from becoming 0 in float32.
    weights = np.ldexp(weights, -np.frexp(weights.max(axis=1, keepdims=True))[1])
    shares = np.ascontiguousarray(weights.T, dtype=dtype)
    total = sum(shares, np.zeros(len(weights), dtype=dtype))
    # Columns of classes, as NumPy is slow along short last axes.
    summed = np.zeros(probas.shape[:0:-1], dtype=dtype)
    votes = np.zeros_like(summed)
    for member, share in zip(probas, shares, strict=True):
        columns = np.ascontiguousarray(member.T)
        summed += columns * share
        if voting == "hard":
            top = columns == columns.max(axis=0)
            votes += top * (share / top.sum(axis=0, dtype=dtype))
    if voting == "soft":
        return np.ascontiguousarray((summed / total).T, dtype=probas.dtype)
    votes /= total
    settle_tied_columns(votes, summed, 2 * len(probas), probas.dtype)
    return np.ascontiguousarray(votes.T, dtype=probas.dtype)
