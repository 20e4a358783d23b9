"""The base class of the combiners that learn one weight per member and use it in a weighted mean."""

from __future__ import annotations

import copy
from typing import Any, Self

import numpy as np

from ensemblekit import Combiner
from ensemblekit.errors import NotFittedError

from ..kernels.linear_pool import pool_linearly
from ..kernels.weights import normalised_weights

__all__ = ["LearnedWeights"]


class LearnedWeights(Combiner):
    """A combiner that learns one weight per member: `fit` of a subclass sets ``weights_``."""

    traits = frozenset({"learns", "idempotent", "bounded", "graphable", "class_equivariant"})
    weights_: np.ndarray

    def combine(self, member_probas: Any, *, present: Any = None, xp: Any = np) -> Any:
        return pool_linearly(member_probas, normalised_weights(self._learned()), present, xp)

    def for_members(self, members: tuple[str, ...]) -> Self:
        # Passed as `weights`, so that a row is refused if all its members have weight 0.
        settled: Any = copy.copy(self)
        settled.weights = self._learned()
        return settled

    def _learned(self) -> Any:
        if not hasattr(self, "weights_"):
            raise NotFittedError(f"{type(self).__name__} must be fitted before it combines. Call fit_combiner first.")
        return self.weights_
