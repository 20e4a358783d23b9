"""Multinomial logistic regression on standardised features."""

from __future__ import annotations

from typing import Any

from ensemblekit import hookimpl

from ..options import check_number
from .vector_head import VectorHead

__all__ = ["LogisticHead"]


class LogisticHead(VectorHead):
    r"""Multinomial logistic regression on standardised features.

    Parameters
    ----------
    C : float, default=0.01
        Inverse strength of the squared penalty, above 0. The default is small because a backbone gives many correlated
        features.

    Notes
    -----
    .. math::

        p = \operatorname{softmax}(W z + b), \qquad
        (W, b) = \operatorname{argmin}\ C \sum_i -\log p_{i y_i} + \frac{1}{2} \sum_{jk} W_{jk}^2

    ``z`` are the features with mean 0 and variance 1.

    References
    ----------
    .. [1] D. R. Cox, "The regression analysis of binary sequences", JRSS B 20, 1958.

    Examples
    --------
    >>> import numpy as np
    >>> from ensemblekit_plugins.heads.logistic_head import LogisticHead
    >>> features = np.random.default_rng(0).normal(size=(60, 8))
    >>> classes = features[:, :3].argmax(axis=1)
    >>> LogisticHead().build((8,), 3).fit(features, classes).predict_proba(features).shape
    (60, 3)
    """

    name = "logistic_head"

    def __init__(self, *, C: float = 0.01) -> None:  # noqa: N803 - scikit-learn's name
        check_number("C", C, 0, open_low=True)
        self.C = C

    def _steps(self) -> tuple[Any, ...]:
        from sklearn.linear_model import LogisticRegression
        from sklearn.preprocessing import StandardScaler

        return (StandardScaler(), LogisticRegression(C=self.C, max_iter=1000))


@hookimpl
def ensemblekit_register_heads(register: Any) -> None:
    """Register ``logistic_head``."""
    register("logistic_head", LogisticHead)
