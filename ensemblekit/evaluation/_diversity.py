"""Diversity: how much two members differ in their answers and in their errors, for each pair of members."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from ..arguments import typed
from ..errors import InvalidOptionError, InvalidPredictionsError
from ..predictions import PredictionSet
from ._models import Models, aligned_models

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["diversity", "diversity_matrix"]

BLOCK = 1 << 20
OF_ERRORS = ("disagreement", "q_statistic", "correlation", "double_fault", "kappa")
"""Measures of right and wrong."""
SAME = {
    "disagreement": 0.0, "q_statistic": 1.0, "correlation": 1.0, "double_fault": np.nan, "kappa": 1.0,
    "vote_disagreement": 0.0, "spread": 0.0,
}  # fmt: skip
"""Measure -> its value for a member with itself; NaN stands for the share of errors of the member."""


@typed(but=("predictions",))
def diversity(predictions: Models) -> pd.DataFrame:
    """Measure how much two members differ in their answers and in their errors, for each pair of members.

    Parameters
    ----------
    predictions : PredictionSet, or sequence or mapping of Predictions
        Of at least two members, of any task. Each position of dense and each label of multilabel predictions counts as
        a row. A pair is compared on the rows that both members have.

    Returns
    -------
    pandas.DataFrame
        One row per pair: ``first``, ``second``, ``n_rows``; of labelled classes ``disagreement`` in [0, 1],
        ``q_statistic`` in [-1, 1], ``correlation`` in [-1, 1], ``double_fault`` in [0, 1], ``kappa`` in [-1, 1]; of
        labelled numbers ``correlation``; of all classes ``vote_disagreement`` in [0, 1]; always ``spread``, which is in
        [0, 1] for probabilities and in the unit of the outputs for numbers.

    Raises
    ------
    InvalidPredictionsError
        If there are no rows, or only one member.
    AlignmentError
        If several models cannot be aligned.

    Notes
    -----
    The first five measures compare right and wrong, not the predicted classes [1]_: two different wrong answers count
    as agreement. Of ``n`` rows, both members are right on ``a``, only the first on ``b``, only the second on ``c``, and
    neither on ``d``. Disagreement is ``(b + c) / n``; double fault is ``d / n``; the Q statistic is ``(ad - bc) / (ad +
    bc)``; correlation is ``(ad - bc) / sqrt((a + b)(c + d)(a + c)(b + d))``; kappa, which is Cohen's kappa of right and
    wrong, is ``2 (ad - bc) / ((a + b)(b + d) + (a + c)(c + d))``. A measure is NaN if it is 0 / 0, for example if both
    members are always right. Members with similar errors have a high Q statistic, correlation, kappa and double fault,
    and a low disagreement. For numbers, correlation is that of the errors, the mean over the outputs.

    The last two need no labels. The vote disagreement is the share of rows with different predicted classes. The spread
    is the mean total variation distance of the probabilities, ``mean_i sum_c |p[i, c] - q[i, c]| / 2``; for
    ``multilabel`` the mean of ``|p - q|``; for numbers the root of the mean of ``(p - q)**2``.

    Tie rule: the first of equally probable classes is the predicted one; a label is predicted from 0.5 on.

    References
    ----------
    .. [1] L. I. Kuncheva, C. J. Whitaker, "Measures of diversity in classifier ensembles and their relationship with
       the ensemble accuracy", Machine Learning 51, 2003.

    Examples
    --------
    >>> from ensemblekit import Predictions
    >>> from ensemblekit.evaluation import diversity
    >>> fields = {"ids": [1, 2, 3, 4], "classes": ["cat", "dog"], "labels": ["cat", "cat", "cat", "cat"]}
    >>> cnn = Predictions([[1, 0], [1, 0], [0, 1], [0, 1]], member="cnn", **fields)
    >>> svm = Predictions([[1, 0], [0, 1], [1, 0], [0, 1]], member="svm", **fields)
    >>> diversity([cnn, svm]).iloc[0].to_dict()
    {'first': 'cnn', 'second': 'svm', 'n_rows': 4, 'disagreement': 0.5, 'q_statistic': 0.0, 'correlation': 0.0, \
'double_fault': 0.25, 'kappa': 0.0, 'vote_disagreement': 0.5, 'spread': 0.5}
    """
    import pandas as pd

    predictions = aligned_models(predictions)
    if len(predictions) < 2:
        raise InvalidPredictionsError(f"diversity is of two members at least; received {predictions.members}.")
    measures = _squares(predictions, measures_of(predictions))
    first, second = np.triu_indices(len(predictions), 1)
    names = np.asarray(predictions.members, dtype=object)
    pairs = {"first": names[first], "second": names[second], "n_rows": _n_rows(predictions)[first, second]}
    return pd.DataFrame(pairs | {name: values[first, second] for name, values in measures.items()})


@typed(but=("predictions",))
def diversity_matrix(predictions: Models, measure: str | None = None) -> pd.DataFrame:
    """Compute one measure of `diversity` as a square table, for a heat map.

    Parameters
    ----------
    predictions : PredictionSet, or sequence or mapping of Predictions
        As in `diversity`; one member is enough.
    measure : str, optional
        Column of `diversity`; by default ``disagreement`` for labelled classes, ``vote_disagreement`` for classes
        without labels, and ``spread`` for numbers.

    Returns
    -------
    pandas.DataFrame
        Symmetric, members by members. On the diagonal the disagreements and the spread are 0, the double fault is the
        share of errors of the member, and the other measures are 1. The name of its columns is that of the measure.

    Raises
    ------
    InvalidOptionError
        If the measure is unknown, or is none of these predictions.
    InvalidPredictionsError
        As in `diversity`.
    """
    import pandas as pd

    predictions = aligned_models(predictions)
    known = measures_of(predictions)
    if measure is not None and measure not in known:
        labels = "labelled" if predictions.label_codes is not None else "unlabelled"
        raise InvalidOptionError(
            f"measure must be one of {', '.join(map(repr, known))} for {labels} {predictions.task} predictions; "
            f"received {measure!r}."
        )
    measure = measure or (known[0] if predictions.kind != "regression" else "spread")
    square = _squares(predictions, (measure,))[measure].copy()
    if not np.isnan(SAME[measure]):
        np.fill_diagonal(square, SAME[measure])
    columns = pd.Index(predictions.members, name=measure)
    return pd.DataFrame(square, index=list(predictions.members), columns=columns)


def measures_of(predictions: PredictionSet) -> tuple[str, ...]:
    """List the measures that these predictions have; refuse predictions without rows."""
    if not len(predictions.ids):
        raise InvalidPredictionsError(f"diversity needs predictions of at least one row; received {predictions!r}.")
    labelled = predictions.label_codes is not None
    if predictions.kind == "regression":
        return ("correlation", "spread") if labelled else ("spread",)
    return ((*OF_ERRORS, "vote_disagreement", "spread")) if labelled else ("vote_disagreement", "spread")


def _squares(predictions: PredictionSet, wanted: tuple[str, ...]) -> dict[str, np.ndarray]:
    squares: dict[str, np.ndarray] = {}
    if predictions.kind == "regression" and "correlation" in wanted:
        squares["correlation"] = _error_correlation(predictions)
    elif {*OF_ERRORS} & {*wanted}:
        squares |= _right_and_wrong(predictions)
    if "vote_disagreement" in wanted:
        squares["vote_disagreement"] = _vote_disagreement(predictions)
    if "spread" in wanted:
        squares["spread"] = _spread(predictions)
    return {name: squares[name] for name in wanted}


def _blocks(predictions: PredictionSet) -> Iterator[tuple[slice, np.ndarray, np.ndarray]]:
    """Yield blocks of rows, their values, and which members have them, shape ``(n_members, n_rows, 1)``."""
    cube, present = predictions.member_probas, predictions.present
    step = max(1, BLOCK // max(1, cube[:, :1].size))
    for start in range(0, len(predictions.ids), step):
        rows = slice(start, start + step)
        block = cube[:, rows]
        there = np.ones(block.shape[:2], dtype=bool) if present is None else present[:, rows]
        yield rows, block, there[..., np.newaxis]


def _n_rows(predictions: PredictionSet) -> np.ndarray:
    shape, present = predictions.member_probas.shape, predictions.present
    places = int(np.prod(shape[2:] if predictions.kind == "multilabel" else shape[2:-1]))
    there = np.ones(shape[:2]) if present is None else present.astype(np.float64)
    return (there @ there.T).astype(np.int64) * places


def _answers(predictions: PredictionSet, block: np.ndarray) -> np.ndarray:
    return block >= 0.5 if predictions.kind == "multilabel" else block.argmax(axis=-1)


def _right_and_wrong(predictions: PredictionSet) -> dict[str, np.ndarray]:
    both, one, neither = _counts(predictions)
    other = one.T
    n_rows = both + one + other + neither
    crossed = both * neither - one * other
    with np.errstate(invalid="ignore", divide="ignore"):
        return {
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
    codes, n_members = predictions.label_codes, len(predictions)
    assert codes is not None  # noqa: S101 - for the type checker
    both, one, neither = np.zeros((3, n_members, n_members))
    for rows, block, present in _blocks(predictions):
        right = (_answers(predictions, block) == codes[rows]).reshape(*block.shape[:2], -1)
        # float64 uses BLAS, and its counts are exact.
        hits, misses = ((flags & present).reshape(n_members, -1).astype(np.float64) for flags in (right, ~right))
        both += hits @ hits.T
        one += hits @ misses.T
        neither += misses @ misses.T
    return both, one, neither


def _vote_disagreement(predictions: PredictionSet) -> np.ndarray:
    different = np.zeros((len(predictions), len(predictions)))
    for _, block, present in _blocks(predictions):
        answers = _answers(predictions, block).reshape(*block.shape[:2], -1)
        for member, own in enumerate(answers):
            differs = (answers[member:] != own) & (present[member:] & present[member])
            different[member, member:] += differs.sum(axis=(1, 2))
    return _mean_of_pairs(predictions, different)


def _spread(predictions: PredictionSet) -> np.ndarray:
    numbers = predictions.kind == "regression"
    total = np.zeros((len(predictions), len(predictions)))
    for _, block, present in _blocks(predictions):
        values = np.where(present, block.reshape(*block.shape[:2], -1), 0).astype(np.float64)
        for member, own in enumerate(values):
            distance = (values[member:] - own) * (present[member:] & present[member])
            distance = distance**2 if numbers else np.abs(distance)
            total[member, member:] += distance.sum(axis=(1, 2))
    if numbers:
        return np.sqrt(_mean_of_pairs(predictions, total / predictions.member_probas.shape[-1]))
    return _mean_of_pairs(predictions, total if predictions.kind == "multilabel" else total / 2)


def _mean_of_pairs(predictions: PredictionSet, total: np.ndarray) -> np.ndarray:
    """Divide by the numbers of rows; of the totals only those above the diagonal are given."""
    with np.errstate(invalid="ignore"):
        return (total + np.triu(total, 1).T) / _n_rows(predictions)


def _error_correlation(predictions: PredictionSet) -> np.ndarray:
    """Correlate the errors of two members over the rows that both have; take the mean over the outputs."""
    shape, labels = predictions.member_probas.shape, predictions.label_codes
    there = np.ones(shape[:2], dtype=bool) if predictions.present is None else predictions.present
    there = np.repeat(there, int(np.prod(shape[2:-1])), axis=1)
    errors = (predictions.member_probas - labels).reshape(shape[0], -1, shape[-1]).astype(np.float64)
    both = there.astype(np.float64)
    of_outputs = []
    for output in range(shape[-1]):
        own = np.where(there, errors[..., output], 0)
        # Sums of squares lose their digits where the mean is large.
        own = np.where(there, own - own.sum(axis=1, keepdims=True) / there.sum(axis=1, keepdims=True), 0)
        n, sums, squares = both @ both.T, own @ both.T, own**2 @ both.T
        with np.errstate(invalid="ignore", divide="ignore"):
            spread = np.maximum(squares / n - (sums / n) ** 2, 0)
            covariance = own @ own.T / n - sums * sums.T / n**2
            of_outputs.append(np.clip(covariance / np.sqrt(spread * spread.T), -1, 1))
    return np.mean(of_outputs, axis=0)
