"""Overlap of predicted and true masks: Dice and intersection over union."""

from __future__ import annotations

from typing import Any

import numpy as np

from ensemblekit import hookimpl

from ..kernels.confusions import Counts, ratio
from .f1 import F1Macro

__all__ = ["Dice", "IoU"]


class Dice(F1Macro):
    r"""Dice coefficient of masks: twice the overlap by the sum of both areas, averaged over the classes.

    Parameters
    ----------
    of : str or int, optional
        One class or label alone.

    Notes
    -----
    .. math::

        \frac{2\, |A_c \cap B_c|}{|A_c| + |B_c|}

    ``A`` are the true positions of a class and ``B`` the decided ones [1]_, of all samples together; it is
    ``f1_macro``. Classes in neither truth nor decisions are left out of the mean; a label in neither counts as 0.

    Tie rule: the first of equally probable classes is decided for; a label from 0.5 on.

    References
    ----------
    .. [1] L. R. Dice, "Measures of the amount of ecologic association between species", Ecology 26, 1945.

    Examples
    --------
    >>> import numpy as np
    >>> from ensemblekit_plugins.metrics.overlap import Dice
    >>> mask, predicted = np.array([[0, 1, 1, 1]]), np.array([[[0.8, 0.2], [0.8, 0.2], [0.3, 0.7], [0.3, 0.7]]])
    >>> round(Dice(of=1).score(mask, predicted), 6)
    0.8
    """


class IoU(F1Macro):
    r"""Intersection over union of masks (Jaccard index), averaged over the classes.

    Parameters
    ----------
    of : str or int, optional
        One class or label alone.

    Notes
    -----
    .. math::

        \frac{|A_c \cap B_c|}{|A_c \cup B_c|}

    ``A`` are the true positions of a class and ``B`` the decided ones [1]_, of all samples together. Classes in neither
    truth nor decisions are left out of the mean; a label in neither counts as 0.

    Tie rule: the first of equally probable classes is decided for; a label from 0.5 on.

    References
    ----------
    .. [1] P. Jaccard, "The distribution of the flora in the alpine zone", New Phytologist 11, 1912.

    Examples
    --------
    >>> import numpy as np
    >>> from ensemblekit_plugins.metrics.overlap import IoU
    >>> mask, predicted = np.array([[0, 1, 1, 1]]), np.array([[[0.8, 0.2], [0.8, 0.2], [0.3, 0.7], [0.3, 0.7]]])
    >>> round(IoU(of=1).score(mask, predicted), 6)
    0.666667
    """

    def _values(self, counts: Counts) -> np.ndarray:
        return ratio(counts.hits, counts.true + counts.decided - counts.hits)


@hookimpl
def ensemblekit_register_metrics(register: Any) -> None:
    """Register ``dice`` and ``iou``."""
    register("dice", Dice)
    register("iou", IoU)
