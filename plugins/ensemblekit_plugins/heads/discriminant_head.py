"""Linear discriminant analysis with a shrunken covariance."""

from __future__ import annotations

from typing import Any

from ensemblekit import hookimpl

from ..options import check_number
from .vector_head import VectorHead

__all__ = ["DiscriminantHead"]


class DiscriminantHead(VectorHead):
    r"""Linear discriminant analysis, with a shrunken covariance.

    Parameters
    ----------
    shrinkage : {"auto"} or float, default="auto"
        Shrinkage of the covariance towards its diagonal, in [0, 1]; ``auto`` uses the formula of Ledoit and Wolf.

    Notes
    -----
    .. math::

        p_c \propto \pi_c \exp\left( -\frac{1}{2} (x - \mu_c)^\top S^{-1} (x - \mu_c) \right)

    ``pi`` are the shares of the classes, ``mu`` their means, and ``S`` is one covariance for all classes, shrunken
    towards its diagonal [1]_.

    References
    ----------
    .. [1] O. Ledoit, M. Wolf, "Honey, I shrunk the sample covariance matrix", Journal of Portfolio Management 30, 2004.

    Examples
    --------
    >>> import numpy as np
    >>> from ensemblekit_plugins.heads.discriminant_head import DiscriminantHead
    >>> features = np.random.default_rng(0).normal(size=(60, 8))
    >>> classes = features[:, :3].argmax(axis=1)
    >>> DiscriminantHead().build((8,), 3).fit(features, classes).predict_proba(features).shape
    (60, 3)
    """

    name = "discriminant_head"

    def __init__(self, *, shrinkage: Any = "auto") -> None:
        if not (isinstance(shrinkage, str) and shrinkage == "auto"):
            check_number("shrinkage", shrinkage, 0, 1)
        self.shrinkage = shrinkage

    def _steps(self) -> tuple[Any, ...]:
        from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

        return (LinearDiscriminantAnalysis(solver="lsqr", shrinkage=self.shrinkage),)


@hookimpl
def ensemblekit_register_heads(register: Any) -> None:
    """Register ``discriminant_head``."""
    register("discriminant_head", DiscriminantHead)
