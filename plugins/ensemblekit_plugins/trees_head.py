"""Extremely randomised trees on features."""

from __future__ import annotations

from typing import Any

from ensemblekit import hookimpl

from ._options import check_count
from ._vectors import check_vectors

__all__ = ["TreesHead"]


class TreesHead:
    """Extremely randomised trees: a forest whose splits are drawn, on features as they are.

    Parameters
    ----------
    n_estimators : int, default=400
        How many trees, at least 1.
    seed : int, default=0
        Of what is drawn.

    Notes
    -----
    A class has the mean, over the trees, of its share in the leaf that a row falls into.

    References
    ----------
    .. [1] P. Geurts, D. Ernst, L. Wehenkel, "Extremely randomized trees", Machine Learning 63, 2006.

    Examples
    --------
    >>> import numpy as np
    >>> from ensemblekit_plugins.trees_head import TreesHead
    >>> features = np.random.default_rng(0).normal(size=(60, 8))
    >>> classes = features[:, :3].argmax(axis=1)
    >>> TreesHead().build((8,), 3).fit(features, classes).predict_proba(features).shape
    (60, 3)
    """

    def __init__(self, *, n_estimators: int = 400, seed: int = 0) -> None:
        check_count("n_estimators", n_estimators)
        check_count("seed", seed, 0)
        self.n_estimators = n_estimators
        self.seed = seed

    def build(self, feature_shape: tuple[int, ...], n_classes: int) -> Any:
        """Build the head, not fitted.

        Parameters
        ----------
        feature_shape : tuple of int
            Shape of one sample's features, ``(d,)``.
        n_classes : int
            Number of classes, at least 2.

        Returns
        -------
        sklearn.pipeline.Pipeline
            Maps ``(n_samples, d)`` to probabilities ``(n_samples, n_classes)`` once it is fitted.

        Raises
        ------
        InvalidOptionError
            If there are fewer than two classes, or the features are no vectors.
        """
        check_vectors("trees_head", feature_shape, n_classes)
        from sklearn.ensemble import ExtraTreesClassifier
        from sklearn.pipeline import make_pipeline

        return make_pipeline(ExtraTreesClassifier(self.n_estimators, random_state=self.seed))


@hookimpl
def ensemblekit_register_heads(register: Any) -> None:
    """Register ``trees_head``."""
    register("trees_head", TreesHead)
