"""Split conformal prediction: sets and intervals that hold the truth as often as they promise."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import AlignmentError, InvalidOptionError, InvalidPredictionsError, LeakageError
from ..predictions import Predictions

if TYPE_CHECKING:
    from collections.abc import Hashable

    import pandas as pd

__all__ = ["ConformalIntervals", "ConformalSets", "fit_conformal"]

METHODS = {"multiclass": ("lac", "aps"), "regression": ("residual",)}


@dataclass(frozen=True, eq=False)
class ConformalSets:
    """Prediction sets of classes; made by `fit_conformal`.

    Attributes
    ----------
    method : str
        ``lac`` or ``aps``.
    alpha : float
        Share of sets that may miss the truth, in (0, 1).
    threshold : float
        A class belongs to the set where its score is at most this; infinite where there are too few calibration rows,
        and every set holds all classes.
    classes : tuple of str or int
        Names of the classes, as calibrated.
    calibration_ids : ndarray of shape (n_calibration,)
        Rows that it was calibrated on.
    """

    method: str
    alpha: float
    threshold: float
    classes: tuple[Hashable, ...]
    calibration_ids: np.ndarray = field(repr=False)

    def predict_sets(self, predictions: Predictions) -> pd.DataFrame:
        """Say which classes the set of each row holds.

        Parameters
        ----------
        predictions : Predictions
            Of the same model as the calibration predictions, and of the same classes in any order.

        Returns
        -------
        pandas.DataFrame of bool
            Index ``id``, a column a class. A set may be empty, where no class is probable enough.

        Raises
        ------
        AlignmentError
            If the classes are others.
        InvalidPredictionsError
            If the predictions are dense, of another task, or have absent rows.
        """
        import pandas as pd

        _check(predictions, "multiclass", self.classes)
        held = _set_scores(predictions.probas, self.method) <= self.threshold
        return pd.DataFrame(held, index=pd.Index(predictions.ids, name="id"), columns=pd.Index(predictions.classes))

    def coverage(self, predictions: Predictions) -> float:
        """Compute the share of rows whose set holds the true class.

        Parameters
        ----------
        predictions : Predictions
            Labelled, none of them calibration rows.

        Returns
        -------
        float
            In [0, 1]; about ``1 - alpha`` or more for rows like those of the calibration.

        Raises
        ------
        LeakageError
            If rows are those that it was calibrated on.
        InvalidPredictionsError
            If there are no labels or no rows, or as in `predict_sets`.
        """
        codes = _check_scored(predictions, self.calibration_ids)
        return float(self.predict_sets(predictions).to_numpy()[np.arange(len(codes)), codes].mean())

    def mean_size(self, predictions: Predictions) -> float:
        """Compute how many classes a set holds on average: the smaller, the more it says.

        Parameters
        ----------
        predictions : Predictions
            As in `predict_sets`, of at least one row.

        Returns
        -------
        float
            From 0 to the number of classes.
        """
        return float(self.predict_sets(predictions).to_numpy().sum(axis=1).mean())


@dataclass(frozen=True, eq=False)
class ConformalIntervals:
    """Prediction intervals of regression; made by `fit_conformal`.

    Attributes
    ----------
    alpha : float
        Share of intervals that may miss the truth, in (0, 1), for each output by itself.
    half_widths : ndarray of shape (n_outputs,)
        The interval of an output is the prediction plus or minus this; infinite where there are too few calibration
        rows.
    classes : tuple of str or int
        Names of the outputs, as calibrated.
    calibration_ids : ndarray of shape (n_calibration,)
        Rows that it was calibrated on.
    """

    alpha: float
    half_widths: np.ndarray
    classes: tuple[Hashable, ...]
    calibration_ids: np.ndarray = field(repr=False)

    def predict_intervals(self, predictions: Predictions) -> pd.DataFrame:
        """Put an interval around each prediction.

        Parameters
        ----------
        predictions : Predictions
            Of the same model as the calibration predictions, and of the same outputs in any order.

        Returns
        -------
        pandas.DataFrame
            A row an output of a sample: ``id``, ``output``, ``low``, ``high``.

        Raises
        ------
        AlignmentError
            If the outputs are others.
        InvalidPredictionsError
            If the predictions are dense, of another task, or have absent rows.
        """
        import pandas as pd

        values, half = self._values(predictions)
        outputs = np.asarray(predictions.classes)
        return pd.DataFrame(
            {
                "id": np.repeat(predictions.ids, len(outputs)),
                "output": np.tile(outputs, len(predictions)),
                "low": (values - half).ravel(),
                "high": (values + half).ravel(),
            }
        )

    def coverage(self, predictions: Predictions) -> dict[Hashable, float]:
        """Compute the share of rows whose interval holds the true value, of each output.

        Parameters
        ----------
        predictions : Predictions
            Labelled, none of them calibration rows.

        Returns
        -------
        dict
            Name of the output -> share, in [0, 1].

        Raises
        ------
        LeakageError
            If rows are those that it was calibrated on.
        InvalidPredictionsError
            If there are no labels or no rows, or as in `predict_intervals`.
        """
        true = _check_scored(predictions, self.calibration_ids)
        values, half = self._values(predictions)
        held = (np.abs(true - values) <= half).mean(axis=0)
        return dict(zip(predictions.classes, held.tolist(), strict=True))

    def _values(self, predictions: Predictions) -> tuple[np.ndarray, np.ndarray]:
        _check(predictions, "regression", self.classes)
        return predictions.probas.astype(np.float64), self.half_widths[
            [self.classes.index(name) for name in predictions.classes]
        ]


def fit_conformal(
    predictions: Predictions, *, alpha: float = 0.1, method: str | None = None
) -> ConformalSets | ConformalIntervals:
    """Calibrate prediction sets, or intervals for regression, on held-out predictions.

    They come after any model or combiner, and need nothing of it but its predictions: whatever it is worth, a set or
    interval for a new row holds the truth with a probability of at least ``1 - alpha``, as long as calibration rows and
    new rows are exchangeable. That is a promise over all rows, not over those of each class.

    Parameters
    ----------
    predictions : Predictions
        Labelled, of the task ``multiclass`` or ``regression``, on rows that no member and no combiner was fitted on:
        usually what `combine` returned.
    alpha : float, default=0.1
        Share of sets or intervals that may miss the truth, in (0, 1).
    method : {"lac", "aps", "residual"}, optional
        ``lac``, the default for ``multiclass``: the smallest sets on average. ``aps``: sets that grow where the model
        is unsure. ``residual`` is the one for ``regression``.

    Returns
    -------
    ConformalSets or ConformalIntervals
        For ``multiclass`` or ``regression``.

    Raises
    ------
    LeakageError
        If rows are among the ``fit_ids`` of the predictions.
    InvalidOptionError
        If alpha or the method is not as said above.
    InvalidPredictionsError
        If there are no labels or no rows, rows are absent, or the predictions are dense or ``multilabel``.

    Notes
    -----
    Each calibration row gets a score of its true class or value, high where the model is wrong. The threshold is the
    ``k``-th smallest of the ``n`` scores, ``k = ceil((n + 1)(1 - alpha))`` [1]_; where ``k > n``, that is for ``n < 1 /
    alpha - 1``, it is infinite, and sets hold all classes. A set holds the classes whose score is at most the
    threshold; it may hold none.

    The score of ``lac`` is ``1 - p[y]`` [2]_; that of ``aps`` is the sum of ``p[c]`` over the classes with ``p[c] >=
    p[y]``, without the random part of [3]_; that of ``residual`` is ``|y - prediction|``.

    Tie rule: equally probable classes have the same score, and are in the set or out of it together.

    References
    ----------
    .. [1] V. Vovk, A. Gammerman, G. Shafer, "Algorithmic Learning in a Random World", Springer, 2005.
    .. [2] M. Sadinle, J. Lei, L. Wasserman, "Least ambiguous set-valued classifiers with bounded error levels", Journal
       of the American Statistical Association 114, 2019.
    .. [3] Y. Romano, M. Sesia, E. J. Candès, "Classification with valid and adaptive coverage", NeurIPS, 2020.

    Examples
    --------
    >>> from ensemblekit import Predictions
    >>> from ensemblekit.evaluation import fit_conformal
    >>> probas = [[0.9, 0.1], [0.2, 0.8], [0.7, 0.3], [0.4, 0.6]]
    >>> held_out = Predictions(probas, ids=[1, 2, 3, 4], classes=["cat", "dog"], labels=["cat", "dog", "cat", "cat"])
    >>> conformal = fit_conformal(held_out, alpha=0.4)
    >>> round(conformal.threshold, 6)
    0.3
    >>> conformal.predict_sets(Predictions([[0.75, 0.25], [0.5, 0.5]], ids=[5, 6], classes=["cat", "dog"]))
          cat    dog
    id
    5    True  False
    6   False  False
    """
    methods = METHODS.get(predictions.task, ())
    method = method or next(iter(methods), "lac")
    if not isinstance(alpha, (float, int)) or not 0 < alpha < 1:
        raise InvalidOptionError(f"alpha must be a number > 0 and < 1; received {alpha!r}.")
    if not methods:
        raise InvalidPredictionsError(
            f"conformal prediction is for multiclass predictions and regression; received the task "
            f"{predictions.task!r}. Give each label as predictions of two classes."
        )
    if method not in methods:
        raise InvalidOptionError(
            f"method for the task {predictions.task!r} must be {' or '.join(map(repr, methods))}; received {method!r}."
        )
    _check(predictions, predictions.task, predictions.classes)
    true = _check_scored(predictions, predictions.fit_ids, "the model was fitted on")
    common: dict[str, Any] = {"alpha": float(alpha), "classes": predictions.classes, "calibration_ids": predictions.ids}
    if method == "residual":
        return ConformalIntervals(half_widths=_quantile(np.abs(true - predictions.probas), alpha), **common)
    scores = _set_scores(predictions.probas, method)[np.arange(len(true)), true]
    return ConformalSets(method=method, threshold=float(_quantile(scores, alpha)), **common)


def _quantile(scores: np.ndarray, alpha: float) -> np.ndarray:
    # (n + 1)(1 - alpha) in floats may come out above a whole number that it should be.
    place = math.ceil((len(scores) + 1) * (1 - Fraction(repr(float(alpha)))))
    if place > len(scores):
        return np.full(scores.shape[1:], np.inf)
    return np.sort(scores.astype(np.float64), axis=0)[place - 1]


def _set_scores(probas: np.ndarray, method: str) -> np.ndarray:
    probas = probas.astype(np.float64)
    if method == "lac":
        return 1 - probas
    order = np.argsort(-probas, axis=1, kind="stable")
    falling = np.take_along_axis(probas, order, axis=1)
    summed = np.cumsum(falling, axis=1)
    for place in range(probas.shape[1] - 2, -1, -1):
        tied = falling[:, place] == falling[:, place + 1]
        summed[tied, place] = summed[tied, place + 1]
    scores = np.empty_like(summed)
    np.put_along_axis(scores, order, summed, axis=1)
    return scores


def _check(predictions: Predictions, task: str, classes: tuple[Hashable, ...]) -> None:
    if predictions.task != task or predictions.probas.ndim != 2 or predictions.present is not None:
        raise InvalidPredictionsError(
            f"conformal prediction here needs {task} predictions of shape (n_samples, n_classes) with every row "
            f"present; received {predictions!r} of shape {predictions.probas.shape}"
            f"{'' if predictions.present is None else f', {int((~predictions.present).sum())} rows absent'}."
        )
    if set(predictions.classes) != set(classes):
        raise AlignmentError(
            f"the classes must be those it was calibrated for, {classes}; received {predictions.classes}."
        )


def _check_scored(predictions: Predictions, seen: np.ndarray | None, what: str = "it was calibrated on") -> np.ndarray:
    if predictions.label_codes is None or not len(predictions):
        raise InvalidPredictionsError(
            f"calibration and coverage need labelled predictions of at least one row; received {predictions!r}, "
            f"{'without' if predictions.label_codes is None else 'with'} labels."
        )
    if seen is not None and seen.dtype.kind == predictions.ids.dtype.kind:
        shared = predictions.ids[np.isin(predictions.ids, seen)]
        if len(shared):
            raise LeakageError(
                f"conformal prediction promises nothing about rows that {what}; {len(shared)} of "
                f"{len(predictions)} are among them, first {shared[0].item()!r}. Give held-out rows."
            )
    return predictions.label_codes
