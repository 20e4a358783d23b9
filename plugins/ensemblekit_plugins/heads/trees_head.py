"""Extremely randomised trees on features."""

from __future__ import annotations

from typing import Any

from ensemblekit import hookimpl

from ..options import check_count
from .vector_head import VectorHead

__all__ = ["TreesHead"]


class TreesHead(VectorHead):
    r"""Extremely randomised trees: a forest with random splits, on unscaled features.

    Parameters
    ----------
    n_estimators : int, default=400
        Number of trees, at least 1.
    seed : int, default=0
        Seed of the random splits.

    Notes
    -----
    .. math::

        p_c = \frac{1}{T} \sum_{t=1}^{T} \frac{n_{tc}(x)}{n_t(x)}

    The mean over the ``T`` trees of the share of the class in the leaf that contains the row ``x``.

    References
    ----------
    .. [1] P. Geurts, D. Ernst, L. Wehenkel, "Extremely randomized trees", Machine Learning 63, 2006.

    Examples
    --------
    >>> import numpy as np
    >>> from ensemblekit_plugins.heads.trees_head import TreesHead
    >>> features = np.random.default_rng(0).normal(size=(60, 8))
    >>> classes = features[:, :3].argmax(axis=1)
    >>> TreesHead().build((8,), 3).fit(features, classes).predict_proba(features).shape
    (60, 3)
    """

    name = "trees_head"

    def __init__(self, *, n_estimators: int = 400, seed: int = 0) -> None:
        check_count("n_estimators", n_estimators)
        check_count("seed", seed, 0)
        self.n_estimators = n_estimators
        self.seed = seed

    def _steps(self) -> tuple[Any, ...]:
        from sklearn.ensemble import ExtraTreesClassifier

        return (ExtraTreesClassifier(self.n_estimators, random_state=self.seed),)


@hookimpl
def ensemblekit_register_heads(register: Any) -> None:
    """Register ``trees_head``."""
    register("trees_head", TreesHead)
