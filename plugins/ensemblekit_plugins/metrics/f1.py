"""F1 scores: of one class, and their means over classes."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, Self

import numpy as np

from ensemblekit import hookimpl
from ensemblekit.errors import InvalidOptionError
from ensemblekit.interfaces import OfWeights

from ..kernels.confusions import Counts, ratio
from .class_metric import ClassMetric, nan_without_weight

__all__ = ["F1", "F1Macro", "F1Micro", "F1Weighted"]


class F1Macro(ClassMetric):
    r"""Mean over classes of the harmonic mean of precision and recall.

    Parameters
    ----------
    of : str or int, optional
        One class or label alone.

    Notes
    -----
    .. math::

        \frac{1}{C} \sum_c F_c, \qquad F_c = \frac{2\, \text{hits}_c}{\text{true}_c + \text{decided}_c}

    The mean over the classes with rows or decisions [1]_. A label without either counts as 0, as in scikit-learn. In
    dense predictions each position of every sample counts.

    Tie rule: the first of equally probable classes is decided for; a label from 0.5 on.

    References
    ----------
    .. [1] C. J. van Rijsbergen, "Information retrieval", Butterworths, 2nd edition, 1979.

    Examples
    --------
    >>> import numpy as np
    >>> from ensemblekit_plugins.metrics.f1 import F1Macro
    >>> round(F1Macro().score(np.array([0, 0, 0, 1]), np.array([[1.0, 0.0]] * 4)), 6)
    0.428571
    """

    higher_is_better = True
    range = (0.0, 1.0)
    needs = "decisions"

    def of_weights(self, labels: np.ndarray, predicted: np.ndarray) -> OfWeights:
        answers = self._answers(labels, predicted, self._default(labels, predicted))
        counts = answers.counts()
        return nan_without_weight(lambda weights: self._average(counts(weights), answers.exclusive))

    def _default(self, labels: np.ndarray, predicted: np.ndarray) -> int | None:
        return None

    def _average(self, counts: Counts, exclusive: bool) -> np.ndarray:
        values = self._values(counts)
        if not exclusive:
            return values.mean(axis=0)
        known = counts.true + counts.decided > 0
        return ratio((values * known).sum(axis=0), known.sum(axis=0), np.nan)

    def _values(self, counts: Counts) -> np.ndarray:
        return ratio(2 * counts.hits, counts.true + counts.decided)


class F1(F1Macro):
    r"""Harmonic mean of precision and recall of one class: of two classes, the second.

    Parameters
    ----------
    of : str or int, optional
        The class or label. It is needed if there are more than two classes, or more than one label.

    Notes
    -----
    .. math::

        \frac{2\, \text{hits}}{\text{true} + \text{decided}}

    ``hits`` are rows of the class that are decided for it, ``true`` all of its rows, and ``decided`` all decisions for
    it, by weight [1]_; 0 without rows and decisions of the class.

    Tie rule: the first of equally probable classes is decided for; a label from 0.5 on.

    References
    ----------
    .. [1] C. J. van Rijsbergen, "Information retrieval", Butterworths, 2nd edition, 1979.

    Examples
    --------
    >>> import numpy as np
    >>> from ensemblekit_plugins.metrics.f1 import F1
    >>> round(F1().score(np.array([0, 1, 1]), np.array([[0.9, 0.1], [0.6, 0.4], [0.3, 0.7]])), 6)
    0.666667
    """

    def __init__(self, *, of: Hashable | None = None) -> None:
        super().__init__(of=of)
        self.ordered = of is None  # the second class is the positive one

    def for_classes(self, classes: tuple[Hashable, ...], task: str) -> Self:
        if task in ("multiclass", "binary", "multilabel"):
            self._check(len(classes), task)
        return super().for_classes(classes, task)

    def _default(self, labels: np.ndarray, predicted: np.ndarray) -> int | None:
        exclusive, width = labels.ndim < predicted.ndim, predicted.shape[-1]
        self._check(width, "multiclass" if exclusive else "multilabel")
        return 1 if exclusive else 0

    def _check(self, width: int, task: str) -> None:
        if self.of is not None:
            return
        if task != "multilabel" and width != 2:
            raise InvalidOptionError(
                f"metric 'f1' without of is for two classes; received {width}. Take 'f1_macro', or name the class: "
                "'f1:of=NAME'."
            )
        if task == "multilabel" and width != 1:
            raise InvalidOptionError(
                f"metric 'f1' without of is for one label; received {width}. Take 'f1_macro', or name the label: "
                "'f1:of=NAME'."
            )


class F1Micro(F1Macro):
    r"""F1 of the pooled counts of all classes; for exclusive classes this is the accuracy.

    Notes
    -----
    .. math::

        \frac{2 \sum_c \text{hits}_c}{\sum_c (\text{true}_c + \text{decided}_c)}

    The counts of all classes are added first [1]_.

    Tie rule: the first of equally probable classes is decided for; a label from 0.5 on.

    References
    ----------
    .. [1] C. D. Manning, P. Raghavan, H. Schütze, "Introduction to information retrieval", Cambridge University Press,
       2008, section 13.6.

    Examples
    --------
    >>> import numpy as np
    >>> from ensemblekit_plugins.metrics.f1 import F1Micro
    >>> F1Micro().score(np.array([[1, 0], [1, 1]]), np.array([[0.9, 0.1], [0.1, 0.1]]))
    0.5
    """

    by_class = False

    def __init__(self) -> None:
        super().__init__()

    def _average(self, counts: Counts, exclusive: bool) -> np.ndarray:
        return ratio(2 * counts.hits.sum(axis=0), counts.true.sum(axis=0) + counts.decided.sum(axis=0))


class F1Weighted(F1Macro):
    r"""Mean F1 of the classes, each by the weight of its rows.

    Notes
    -----
    .. math::

        \frac{\sum_c \text{true}_c\, F_c}{\sum_c \text{true}_c}

    ``F_c`` is that of ``f1_macro`` [1]_.

    Tie rule: the first of equally probable classes is decided for; a label from 0.5 on.

    References
    ----------
    .. [1] C. D. Manning, P. Raghavan, H. Schütze, "Introduction to information retrieval", Cambridge University Press,
       2008, section 13.6.

    Examples
    --------
    >>> import numpy as np
    >>> from ensemblekit_plugins.metrics.f1 import F1Weighted
    >>> round(F1Weighted().score(np.array([0, 0, 0, 1]), np.array([[1.0, 0.0]] * 4)), 6)
    0.642857
    """

    by_class = False

    def __init__(self) -> None:
        super().__init__()

    def _average(self, counts: Counts, exclusive: bool) -> np.ndarray:
        return ratio((counts.true * self._values(counts)).sum(axis=0), counts.true.sum(axis=0))


@hookimpl
def ensemblekit_register_metrics(register: Any) -> None:
    """Register ``f1``, ``f1_macro``, ``f1_micro`` and ``f1_weighted``."""
    register("f1", F1)
    register("f1_macro", F1Macro)
    register("f1_micro", F1Micro)
    register("f1_weighted", F1Weighted)
