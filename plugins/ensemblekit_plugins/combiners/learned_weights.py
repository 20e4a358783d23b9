"""The base class of the combiners that learn one weight per member and use it in a weighted mean."""

from __future__ import annotations

import copy
from typing import Any, Self

import numpy as np

from ensemblekit import Combiner
from ensemblekit.errors import NotFittedError

from ..kernels.linear_pool import pool_classes, pool_linearly
from ..kernels.weights import normalised_weights

__all__ = ["LearnedWeights"]


class LearnedWeights(Combiner):
    """A combiner that learns one weight per member, or one per member and class: `fit` of a subclass sets ``weights_``.

    The weights sum to 1 over the members.
    """

    traits = frozenset({"learns", "idempotent", "bounded", "graphable", "class_equivariant"})
    weights_: np.ndarray

    def combine(self, member_probas: Any, *, present: Any = None, task: str = "multiclass", xp: Any = np) -> Any:
        weights = normalised_weights(self._learned())
        if weights.ndim == 2:
            return pool_classes(member_probas, weights, present, task, xp)
        return pool_linearly(member_probas, weights, present, xp)

    def for_members(self, members: tuple[str, ...]) -> Self:
        settled: Any = copy.copy(self)
        if self._learned().ndim == 1:
            # Passed as `weights`, so that a row is refused if all its members have weight 0.
            settled.weights = self._learned()
        return settled

    def _weigh_each_class(self, per_class: bool) -> None:
        """Declare what weights for each class cannot keep: called by the constructor."""
        if per_class:
            self.traits = self.traits - {"bounded", "class_equivariant"}
            # The members that are present may have weight 0 for some classes and not for others.
            self.takes = self.takes - {"present"}

    def _learned(self) -> Any:
        if not hasattr(self, "weights_"):
            raise NotFittedError(f"{type(self).__name__} must be fitted before it combines. Call fit_combiner first.")
        return self.weights_
