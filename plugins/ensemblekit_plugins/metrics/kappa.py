"""Cohen's kappa: agreement of decisions and truth beyond chance."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import numpy as np

from ensemblekit import hookimpl
from ensemblekit.interfaces import OfWeights

from ..kernels.confusions import ratio
from ..options import check_choice
from .class_metric import ClassMetric

__all__ = ["Kappa"]


class Kappa(ClassMetric):
    r"""Cohen's kappa of decisions and truth; for labels, the mean over labels.

    Parameters
    ----------
    weights : {"linear", "quadratic"}, optional
        For ordered classes: a wrong decision counts by its distance in the order of the classes, or by the square of
        it. By default all wrong decisions count the same.
    of : str or int, optional
        One class or label against the rest.

    Notes
    -----
    .. math::

        1 - \frac{\sum_{jk} v_{jk}\, o_{jk}}{\sum_{jk} v_{jk}\, e_{jk}}

    ``o`` are the observed shares of true and decided classes, and ``e`` the shares that independent ones with the same
    margins would have. ``v_jk`` is 1, ``|j - k|`` or ``(j - k)^2`` for ``j != k`` [1]_. NaN if rows and decisions are
    all of the same class. Positions are those of all classes; with ``labels=range(n_classes)`` scikit-learn counts as
    here.

    Tie rule: the first of equally probable classes is decided for; a label from 0.5 on.

    References
    ----------
    .. [1] J. Cohen, "Weighted kappa: nominal scale agreement with provision for scaled disagreement or partial credit",
       Psychological Bulletin 70, 1968.

    Examples
    --------
    >>> import numpy as np
    >>> from ensemblekit_plugins.metrics.kappa import Kappa
    >>> Kappa(weights="quadratic").score(np.array([0, 1, 2]), np.eye(3))
    1.0
    """

    higher_is_better = True
    range = (-1.0, 1.0)
    needs = "decisions"

    def __init__(self, *, weights: str | None = None, of: Hashable | None = None) -> None:
        check_choice("weights", weights, (None, "linear", "quadratic"))
        super().__init__(of=of)
        self.weights, self.ordered = weights, weights is not None

    def of_weights(self, labels: np.ndarray, predicted: np.ndarray) -> OfWeights:
        answers = self._answers(labels, predicted)
        counts = answers.counts()
        if not answers.exclusive:

            def of_labels(weights: np.ndarray) -> np.ndarray:
                hits, true, decided, total = counts(weights)
                expected = true * (total - decided) + decided * (total - true)
                wrong = ratio((true + decided - 2 * hits) * total, expected, np.nan)
                known = ~np.isnan(wrong)
                return 1 - ratio(np.where(known, wrong, 0.0).sum(axis=0), known.sum(axis=0), np.nan)

            return of_labels
        places = np.arange(answers.n_classes, dtype=np.float64)
        distance = np.abs(places[:, np.newaxis] - places)
        power = {None: 0, "linear": 1, "quadratic": 2}[self.weights]
        distance = np.where(distance > 0, distance**power, 0.0)
        observed = distance[answers.truth, answers.decided].reshape(len(labels), -1).sum(axis=1)

        def of_weights(weights: np.ndarray) -> np.ndarray:
            _, true, decided, total = counts(weights)
            return 1 - ratio(observed @ weights * total, (distance @ true * decided).sum(axis=0), np.nan)

        return of_weights


@hookimpl
def ensemblekit_register_metrics(register: Any) -> None:
    """Register ``kappa``."""
    register("kappa", Kappa)
