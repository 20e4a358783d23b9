"""What metrics of classes and labels have in common: all classes at once, or one of them by name."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import NamedTuple

import numpy as np

from ensemblekit.errors import InvalidOptionError
from ensemblekit.interfaces import Metric, OfWeights

from ..kernels.confusions import Counts, class_counts, label_counts

__all__ = ["Answers", "ClassMetric", "asked_place", "mean_of_positions", "nan_without_weight"]


class Answers(NamedTuple):
    """True answers and given ones, of classes that exclude each other or of labels.

    For exclusive classes ``truth`` and ``decided`` are codes of shape ``(n_samples, ...)``; for labels they are of bool
    and have the shape ``(n_samples, ..., n_labels)``. ``scores`` have a last axis of classes or labels.
    """

    truth: np.ndarray
    decided: np.ndarray
    scores: np.ndarray
    exclusive: bool

    @property
    def n_classes(self) -> int:
        """Number of classes or labels."""
        return self.scores.shape[-1]

    def counts(self) -> Callable[[np.ndarray], Counts]:
        """Prepare the counts of right and wrong decisions by class or label."""
        if self.exclusive:
            return class_counts(self.truth, self.decided, self.n_classes)
        return label_counts(self.truth, self.decided)

    def indicators(self) -> np.ndarray:
        """Tell for each class whether it is the true one: the shape of ``scores``, of bool."""
        return self.truth[..., np.newaxis] == np.arange(self.n_classes) if self.exclusive else self.truth


class ClassMetric(Metric):
    """A metric of probabilities, for all classes or labels, or for one of them.

    Parameters
    ----------
    of : str or int, optional
        Name of a class or label: the metric of the question whether a row is of it. A position, where the predictions
        bring no names. By default all of them.
    """

    tasks = frozenset({"multiclass", "multilabel"})
    needs = "probabilities"
    dense = True
    by_class = True

    def __init__(self, *, of: Hashable | None = None) -> None:
        self.of = of

    def _answers(self, labels: np.ndarray, predicted: np.ndarray, of: int | None = None) -> Answers:
        exclusive = labels.ndim < predicted.ndim
        decided = predicted.argmax(axis=-1) if exclusive else predicted >= 0.5
        place = of if self.of is None else asked_place(self)
        if place is None:
            return Answers(labels if exclusive else labels != 0, decided, predicted, exclusive)
        one = slice(place, place + 1)
        if exclusive:
            true, chosen = ((codes == place)[..., np.newaxis] for codes in (labels, decided))
            return Answers(true, chosen, predicted[..., one], False)
        return Answers(labels[..., one] != 0, decided[..., one], predicted[..., one], False)


def asked_place(metric: Metric) -> int | None:
    """Find the position of the class, label or output that is scored alone; None for all.

    Parameters
    ----------
    metric : Metric
        Settled by ``for_classes``, or with a position as ``of``.

    Returns
    -------
    int or None
        A position on the last axis.

    Raises
    ------
    InvalidOptionError
        If ``of`` is a name, and ``for_classes`` was not called.
    """
    if metric.of is None or metric.place is not None:
        return metric.place
    if isinstance(metric.of, int | np.integer) and not isinstance(metric.of, bool):
        return int(metric.of)
    raise InvalidOptionError(
        f"of must be made a position by for_classes(classes, task) before arrays are scored; received {metric.of!r}."
    )


def mean_of_positions(values: np.ndarray) -> np.ndarray:
    """Average the positions of each sample: ``(n_samples, ...)`` -> ``(n_samples,)``, float64."""
    if values.ndim == 1:
        return values.astype(np.float64)
    return values.reshape(len(values), -1).mean(axis=1, dtype=np.float64)


def nan_without_weight(of_weights: OfWeights) -> OfWeights:
    """Make a function of weights NaN where all weights are 0."""

    def checked(weights: np.ndarray) -> np.ndarray:
        with np.errstate(invalid="ignore", divide="ignore"):
            values = of_weights(weights)
        return np.where(weights.sum(axis=0) > 0, values, np.nan)

    return checked
