"""META-DES: a meta-classifier predicts which members are competent for a row."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, Literal

import numpy as np

from ensemblekit import hookimpl
from ensemblekit.errors import InvalidOptionError
from ensemblekit.predictions import Task

from ..kernels.blocks import row_slices
from ..learning.neighbours import Neighbours
from ..learning.rows import side_by_side
from ..options import check_count, check_number
from .dynamic_selection import Competence, DynamicSelection

__all__ = ["MetaDES"]


class MetaDES(DynamicSelection):
    r"""Dynamic selection of the members that a meta-classifier predicts to be competent for a row (META-DES).

    Parameters
    ----------
    meta_classifier : scikit-learn classifier, optional
        A classifier with ``predict_proba``. By default ``LogisticRegression(max_iter=1000)``. It is cloned and never
        fitted itself.
    n_neighbors : int, default=7
        Number of nearest rows of the fit that form the region of competence.
    n_profiles : int, default=5
        Number of rows with the most similar predictions of the members (output profiles) that are used as well.
    threshold : float, default=0.5
        From 0 to 1. A member is selected if its competence is larger.
    voting : {"soft", "hard"}, default="soft"
        ``soft``: the mean of the probabilities of the selected members. ``hard``: the share of their votes, as in [1]_.

    Attributes
    ----------
    meta_classifier_ : scikit-learn classifier or None
        Fitted on one example for each pair of a row and a member; its label says whether the member is right. None if
        all members are right on all rows, or all are wrong on all rows; then all members are selected.
    profiles_ : ndarray of shape (n_rows, n_members * n_classes)
        The concatenated probabilities of the members.
    true_probas_ : ndarray of shape (n_rows, n_members)
        Probability that each member gives to the true class.
    points_, right_, row_weight_, n_features_
        The rows of the fit; see `DynamicSelection`.

    Notes
    -----
    .. math::

        p_{ic} = \frac{1}{|S_i|} \sum_{m \in S_i} p_{mic}, \qquad S_i = \{ m : t_{mi} > \text{threshold} \}

    A meta-classifier computes the competence ``t`` of each member on each row; if none exceeds the threshold, all
    members are selected. Its meta-features of row ``i`` and member ``m`` are, in this order [1]_: whether ``m`` is
    right on each of the ``k`` nearest rows; the probability that it gives to their true classes; the share of them that
    it gets right; whether it is right on each of the nearest output profiles; the largest probability that it gives on
    ``i``.

    The meta-classifier is fitted out of fold: the neighbours of each row are searched among the other rows. Without
    ``features`` the region of competence is also found by the output profiles. Sample weights are passed to the
    meta-classifier, and rows with weight 0 are left out. A meta-classifier that does not use sample weights is refused.

    Tie rule: neighbours are found by Euclidean distance; if rows have the same distance, the first by id is nearer. A
    member is right if its most probable class (in a tie, the first by name) is the true class. A competence must exceed
    the threshold by more than the rounding error (1e-9). With ``voting="hard"`` ties of votes are settled as in
    ``knora_e``.

    References
    ----------
    .. [1] R. M. O. Cruz, R. Sabourin, G. D. C. Cavalcanti, T. I. Ren, "META-DES: a dynamic ensemble selection framework
       using meta-learning", Pattern Recognition 48(5), 2015.

    Examples
    --------
    >>> from ensemblekit import Predictions, combine, fit_combiner
    >>> fields = {"ids": [1, 2, 3, 4], "classes": ["cat", "dog"], "labels": ["cat", "cat", "dog", "dog"]}
    >>> cnn = Predictions([[0.9, 0.1], [0.8, 0.2], [0.6, 0.4], [0.7, 0.3]], member="cnn", **fields)
    >>> svm = Predictions([[0.3, 0.7], [0.4, 0.6], [0.1, 0.9], [0.2, 0.8]], member="svm", **fields)
    >>> fitted = fit_combiner([cnn, svm], "meta_des", n_neighbors=1, n_profiles=1)
    >>> combine([cnn, svm], fitted).predicted
    array(['cat', 'cat', 'dog', 'dog'], dtype='<U3')
    """

    name = "meta_des"

    def __init__(
        self,
        meta_classifier: Any = None,
        *,
        n_neighbors: int = 7,
        n_profiles: int = 5,
        threshold: float = 0.5,
        voting: Literal["soft", "hard"] = "soft",
    ) -> None:
        super().__init__(n_neighbors, voting=voting)
        check_count("n_profiles", n_profiles)
        check_number("threshold", threshold, 0, 1)
        if meta_classifier is not None and not hasattr(meta_classifier, "predict_proba"):
            raise InvalidOptionError(
                f"meta_classifier must be a classifier with predict_proba; {meta_classifier!r} has none. Wrap it, for "
                "instance in scikit-learn's CalibratedClassifierCV."
            )
        self.meta_classifier = meta_classifier
        self.n_profiles = n_profiles
        self.threshold = threshold

    def check_fit(
        self,
        members: tuple[str, ...],
        classes: tuple[Hashable, ...],
        *,
        task: Task,
        given: frozenset[str] = frozenset(),
    ) -> None:
        if "sample_weight" in given:
            _check_takes_weights(self._new_classifier())

    def _learn(self, rows: np.ndarray, codes: np.ndarray) -> None:
        if len(codes) < 2:
            raise InvalidOptionError(
                f"meta_des learns from the neighbours of each row among the others; received {len(codes)} row with a "
                "weight. Give two at least."
            )
        self.profiles_ = side_by_side(rows).astype(np.float64)
        self.true_probas_ = np.take_along_axis(rows, codes[np.newaxis, :, np.newaxis], axis=-1)[..., 0].T
        # A row is not among its own neighbours.
        self.n_nearest_ = min(self.n_neighbors, len(codes) - 1)
        self.n_nearest_profiles_ = min(self.n_profiles, len(codes) - 1)
        self.meta_classifier_ = None
        if self.right_.all() or not self.right_.any():
            return
        nearest = _others(self.points_, self._n_asked())
        profiles = nearest if self.n_features_ is None else _others(self.profiles_, self.n_nearest_profiles_)
        classifier = self._new_classifier()
        weights = self._weights(classifier)
        described = self._meta_features(nearest, profiles, rows)
        self.meta_classifier_ = classifier.fit(described, self.right_.ravel(), **weights)

    def _competence(self) -> Competence:
        classifier = self.meta_classifier_
        if classifier is None:
            return lambda nearest, probas: np.ones((len(nearest), len(probas)), dtype=bool)
        right = list(classifier.classes_).index(True)
        among = None if self.n_features_ is None else Neighbours(self.profiles_)

        def compute(nearest: np.ndarray, probas: np.ndarray) -> np.ndarray:
            profiles = nearest
            if among is not None:
                queries = side_by_side(probas).astype(np.float64, copy=False)
                profiles = among.nearest(queries, self.n_nearest_profiles_)
            competence = np.empty((len(nearest), len(probas)))
            values = 2 * self.n_nearest_ + self.n_nearest_profiles_ + 2
            for block in row_slices(len(nearest), len(probas) * values):
                described = self._meta_features(nearest[block], profiles[block], probas[:, block])
                competence[block] = classifier.predict_proba(described)[:, right].reshape(-1, len(probas))
            # The last bits may depend on the other rows of the batch, so they must not decide the selection.
            return np.round(competence, 9) > self.threshold

        return compute

    def _n_asked(self) -> int:
        # Without features the nearest rows and the nearest profiles are the same.
        return self.n_nearest_ if self.n_features_ is not None else max(self.n_nearest_, self.n_nearest_profiles_)

    def _meta_features(self, nearest: np.ndarray, profiles: np.ndarray, probas: np.ndarray) -> np.ndarray:
        """Compute the meta-features, ``(n_rows * n_members, n_meta_features)``; the members of a row are adjacent."""
        k, n_profiles = self.n_nearest_, self.n_nearest_profiles_
        described = np.empty((len(nearest), len(probas), 2 * k + n_profiles + 2))
        for place, row in enumerate(nearest.T[:k]):
            described[..., place] = self.right_[row]
            described[..., k + place] = self.true_probas_[row]
        described[..., 2 * k] = described[..., :k].mean(axis=-1)
        for place, row in enumerate(profiles.T[:n_profiles], 2 * k + 1):
            described[..., place] = self.right_[row]
        described[..., -1] = probas.max(axis=-1).T
        return described.reshape(-1, described.shape[-1])

    def _new_classifier(self) -> Any:
        if self.meta_classifier is None:
            from sklearn.linear_model import LogisticRegression

            return LogisticRegression(max_iter=1000)
        from sklearn.base import clone

        return clone(self.meta_classifier)

    def _weights(self, classifier: Any) -> dict[str, np.ndarray]:
        if (self.row_weight_ == 1).all():
            return {}
        _check_takes_weights(classifier)
        return {"sample_weight": np.repeat(self.row_weight_, self.right_.shape[1])}


def _check_takes_weights(classifier: Any) -> None:
    from sklearn.utils.validation import has_fit_parameter

    if not has_fit_parameter(classifier, "sample_weight"):
        raise InvalidOptionError(f"meta_classifier {classifier!r} makes no use of sample_weight. Leave it out.")


def _others(points: np.ndarray, n_neighbors: int) -> np.ndarray:
    """Find the points nearest to each point, without the point itself."""
    found = Neighbours(points).nearest(points, n_neighbors + 1)
    drop = found == np.arange(len(points))[:, np.newaxis]
    # If enough earlier points have the same coordinates, a point is not among its own nearest points.
    drop[~drop.any(axis=1), -1] = True
    return found[~drop].reshape(len(points), n_neighbors)


@hookimpl
def ensemblekit_register_combiners(register: Any) -> None:
    """Register ``meta_des``."""
    register("meta_des", MetaDES)
