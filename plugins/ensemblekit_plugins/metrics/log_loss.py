"""Log loss: the negative log-likelihood of the truth."""

from __future__ import annotations

from typing import Any

import numpy as np

from ensemblekit import hookimpl

from .class_metric import ClassMetric, mean_of_positions

__all__ = ["LogLoss"]

_CLIP = 1e-7


class LogLoss(ClassMetric):
    r"""Mean negative log-likelihood of the truth, in nats.

    Parameters
    ----------
    of : str or int, optional
        One class or label: the loss of its probability against the rest.

    Notes
    -----
    .. math::

        -\frac{\sum_i w_i\, \log p_{i y_i}}{\sum_i w_i}

    For labels the mean over labels of ``-log p`` or ``-log(1 - p)`` [1]_. Probabilities are clipped to [1e-7, 1 -
    1e-7], as in Keras; scikit-learn clips at 2.2e-16.

    References
    ----------
    .. [1] I. J. Good, "Rational decisions", Journal of the Royal Statistical Society B 14, 1952.

    Examples
    --------
    >>> import numpy as np
    >>> from ensemblekit_plugins.metrics.log_loss import LogLoss
    >>> round(LogLoss().score(np.array([1]), np.array([[0.5, 0.5]])), 6)
    0.693147
    """

    higher_is_better = False
    range = (-float(np.log1p(-_CLIP)), -float(np.log(_CLIP)))

    def row_values(self, labels: np.ndarray, predicted: np.ndarray) -> np.ndarray:
        answers = self._answers(labels, predicted)
        if answers.exclusive:
            chosen = np.take_along_axis(answers.scores, answers.truth[..., np.newaxis], axis=-1)
        else:
            chosen = np.where(answers.truth, answers.scores, 1 - answers.scores)
        chosen = np.clip(chosen.astype(np.float64), _CLIP, 1 - _CLIP)
        return mean_of_positions(-np.log(chosen))


@hookimpl
def ensemblekit_register_metrics(register: Any) -> None:
    """Register ``log_loss``."""
    register("log_loss", LogLoss)
