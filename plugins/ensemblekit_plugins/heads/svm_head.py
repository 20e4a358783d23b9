"""A support vector machine on standardised features, with calibrated probabilities."""

from __future__ import annotations

from typing import Any

from ensemblekit import hookimpl

from ..options import check_count, check_number
from .vector_head import VectorHead

__all__ = ["SVMHead"]

ensemblekit_stored_modules = ("ensemblekit_plugins.heads.few_rows",)
"""This module is imported late; the fitted head consists of its classes."""


class SVMHead(VectorHead):
    r"""A support vector machine with a Gaussian kernel on standardised features, with calibrated probabilities.

    Parameters
    ----------
    C : float, default=10.0
        Inverse strength of the penalty, above 0.
    gamma : {"scale", "auto"} or float, default="scale"
        Parameter of the kernel ``exp(-gamma |x - y|²)``. ``scale`` is 1 divided by the product of the number of
        features and their variance.
    cv : int, default=5
        Number of folds for the calibration of the scores, at least 2; if a class has fewer rows, there are fewer folds.

    Notes
    -----
    .. math::

        p = \operatorname{softmax}(V s + b), \qquad s_{cd} = \sum_j \alpha_{jcd}\, k(x_j, x) + \beta_{cd}, \qquad
        k(x, y) = \exp\left( -\gamma\, |x - y|^2 \right)

    ``s`` are the scores of the support vector machine [1]_, one for each pair of classes. ``V`` and ``b`` are the
    result of a logistic regression on scores of held-out rows. This is like Platt's sigmoid [2]_, but for all pairs at
    once. The machine is then fitted on all rows. A class with a single row cannot be calibrated and is refused.

    References
    ----------
    .. [1] C. Cortes, V. Vapnik, "Support-vector networks", Machine Learning 20, 1995.
    .. [2] J. Platt, "Probabilistic outputs for support vector machines", Advances in Large Margin Classifiers, 1999.

    Examples
    --------
    >>> import numpy as np
    >>> from ensemblekit_plugins.heads.svm_head import SVMHead
    >>> features = np.random.default_rng(0).normal(size=(60, 8))
    >>> classes = features[:, :3].argmax(axis=1)
    >>> SVMHead().build((8,), 3).fit(features, classes).predict_proba(features).shape
    (60, 3)
    """

    name = "svm_head"

    def __init__(self, *, C: float = 10.0, gamma: Any = "scale", cv: int = 5) -> None:  # noqa: N803 - scikit-learn's name
        check_number("C", C, 0, open_low=True)
        if not (isinstance(gamma, str) and gamma in ("scale", "auto")):
            check_number("gamma", gamma, 0, open_low=True)
        check_count("cv", cv, 2)
        self.C = C
        self.gamma = gamma
        self.cv = cv

    def _steps(self) -> tuple[Any, ...]:
        from sklearn.linear_model import LogisticRegression
        from sklearn.preprocessing import StandardScaler
        from sklearn.svm import SVC

        from .few_rows import StackedByFolds

        machine = SVC(C=self.C, gamma=self.gamma, decision_function_shape="ovo")
        stacked = StackedByFolds(
            [("machine", machine)], LogisticRegression(max_iter=1000), cv=self.cv, stack_method="decision_function"
        )
        return (StandardScaler(), stacked)


@hookimpl
def ensemblekit_register_heads(register: Any) -> None:
    """Register ``svm_head``."""
    register("svm_head", SVMHead)
