"""Diversity: how much the errors of two members differ, for each pair of members."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..arguments import typed
from ..errors import InvalidOptionError, InvalidPredictionsError
from ..predictions import PredictionSet

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["diversity", "diversity_matrix"]

BLOCK = 1 << 20
SAME = {"disagreement": 0.0, "q_statistic": 1.0, "correlation": 1.0, "double_fault": np.nan, "kappa": 1.0}
"""Measure -> its value for a member with itself; NaN stands for the share of errors of the member."""


@typed()
def diversity(predictions: PredictionSet) -> pd.DataFrame:
    """Measure how much the errors of two members differ, for each pair of members.

    Parameters
    ----------
    predictions : PredictionSet
        Labelled, of the task ``multiclass`` or ``multilabel``, of at least two members. Each position of dense and each
        label of multilabel predictions counts as a row. A pair is compared on the rows that both members have.

    Returns
    -------
    pandas.DataFrame
        One row per pair: ``first``, ``second``, ``n_rows``, ``disagreement`` in [0, 1], ``q_statistic`` in [-1, 1],
        ``correlation`` in [-1, 1], ``double_fault`` in [0, 1], ``kappa`` in [-1, 1].

    Raises
    ------
    InvalidPredictionsError
        If there are no labels, no rows, one member, or the task is ``regression``.

    Notes
    -----
    All measures compare right and wrong, not the predicted classes [1]_. Of ``n`` rows, both members are right on
    ``a``, only the first on ``b``, only the second on ``c``, and neither on ``d``. Disagreement is ``(b + c) / n``;
    double fault is ``d / n``; the Q statistic is ``(ad - bc) / (ad + bc)``; correlation is ``(ad - bc) / sqrt((a + b)(c
    + d)(a + c)(b + d))``; kappa, which is Cohen's kappa of right and wrong, is ``2 (ad - bc) / ((a + b)(b + d) + (a +
    c)(c + d))``. A measure is NaN if it is 0 / 0, for example if both members are always right. Members with similar
    errors have a high Q statistic, correlation, kappa and double fault, and a low disagreement.

    Tie rule: the first of equally probable classes is the predicted one.

    References
    ----------
    .. [1] L. I. Kuncheva, C. J. Whitaker, "Measures of diversity in classifier ensembles and their relationship with
       the ensemble accuracy", Machine Learning 51, 2003.

    Examples
    --------
    >>> from ensemblekit import Predictions, align
    >>> from ensemblekit.evaluation import diversity
    >>> fields = {"ids": [1, 2, 3, 4], "classes": ["cat", "dog"], "labels": ["cat", "cat", "cat", "cat"]}
    >>> cnn = Predictions([[1, 0], [1, 0], [0, 1], [0, 1]], member="cnn", **fields)
    >>> svm = Predictions([[1, 0], [0, 1], [1, 0], [0, 1]], member="svm", **fields)
    >>> diversity(align(cnn, svm)).iloc[0].to_dict()
    {'first': 'cnn', 'second': 'svm', 'n_rows': 4, 'disagreement': 0.5, 'q_statistic': 0.0, 'correlation': 0.0, \
'double_fault': 0.25, 'kappa': 0.0}
    """
    import pandas as pd

    if len(predictions) < 2:
        raise InvalidPredictionsError(f"diversity is of two members at least; received {predictions.members}.")
    measures = _measures(predictions)
    first, second = np.triu_indices(len(predictions), 1)
    names = np.asarray(predictions.members, dtype=object)
    pairs = {"first": names[first], "second": names[second]}
    return pd.DataFrame(pairs | {name: values[first, second] for name, values in measures.items()})


@typed()
def diversity_matrix(predictions: PredictionSet, measure: str = "disagreement") -> pd.DataFrame:
    """Compute one measure of `diversity` as a square table, for a heat map.

    Parameters
    ----------
    predictions : PredictionSet
        As in `diversity`; one member is enough.
    measure : {"disagreement", "q_statistic", "correlation", "double_fault", "kappa"}
        Column of `diversity`.

    Returns
    -------
    pandas.DataFrame
        Symmetric, members by members. On the diagonal the disagreement is 0, the double fault is the share of errors of
        the member, and the other measures are 1.

    Raises
    ------
    InvalidOptionError
        If the measure is unknown.
    InvalidPredictionsError
        As in `diversity`.
    """
    import pandas as pd

    if measure not in SAME:
        raise InvalidOptionError(f"measure must be one of {', '.join(map(repr, SAME))}; received {measure!r}.")
    square = _measures(predictions)[measure].copy()
    if not np.isnan(SAME[measure]):
        np.fill_diagonal(square, SAME[measure])
    return pd.DataFrame(square, index=list(predictions.members), columns=list(predictions.members))


def _measures(predictions: PredictionSet) -> dict[str, np.ndarray]:
    both, one, neither = _counts(predictions)
    other = one.T
    n_rows = both + one + other + neither
    crossed = both * neither - one * other
    with np.errstate(invalid="ignore", divide="ignore"):
        return {
            "n_rows": n_rows.astype(np.int64),
            "disagreement": (one + other) / n_rows,
            "q_statistic": crossed / (both * neither + one * other),
            # The product of all four counts would lose digits.
            "correlation": crossed
            / np.sqrt((both + one) * (other + neither))
            / np.sqrt((both + other) * (one + neither)),
            "double_fault": neither / n_rows,
            "kappa": 2 * crossed / ((both + one) * (one + neither) + (both + other) * (other + neither)),
        }


def _counts(predictions: PredictionSet) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    codes, cube, present = predictions.label_codes, predictions.member_probas, predictions.present
    if predictions.task == "regression" or codes is None or not len(predictions.ids):
        raise InvalidPredictionsError(
            "diversity is of right and wrong, and needs labelled multiclass or multilabel predictions of at least one "
            f"row; received {predictions!r}."
        )
    both, one, neither = np.zeros((3, len(cube), len(cube)))
    rows = max(1, BLOCK // max(1, cube[:, :1].size))
    for start in range(0, len(predictions.ids), rows):
        block, true = cube[:, start : start + rows], codes[start : start + rows]
        predicted = block >= 0.5 if predictions.task == "multilabel" else block.argmax(axis=-1)
        right = (predicted == true).reshape(len(cube), len(true), -1)
        wrong = ~right
        if present is not None:
            is_present = present[:, start : start + rows, np.newaxis]
            right, wrong = right & is_present, wrong & is_present
        # float64 uses BLAS, and its counts are exact.
        hits, misses = (flags.reshape(len(cube), -1).astype(np.float64) for flags in (right, wrong))
        both += hits @ hits.T
        one += hits @ misses.T
        neither += misses @ misses.T
    return both, one, neither
