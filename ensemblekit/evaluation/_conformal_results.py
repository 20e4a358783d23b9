"""Results of conformal prediction: sets of classes, and intervals."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from ..arguments import typed
from ..errors import AlignmentError, InvalidPredictionsError, LeakageError
from ..predictions import Predictions
from ..predictions.names import among, shown

if TYPE_CHECKING:
    from collections.abc import Hashable

    import pandas as pd


__all__ = ["ConformalIntervals", "ConformalSets", "check_names", "check_scored", "set_scores"]


@dataclass(frozen=True, eq=False)
class ConformalSets:
    """Conformal prediction sets of classes, from `fit_conformal`.

    Attributes
    ----------
    method : str
        ``lac`` or ``aps``.
    alpha : float
        Share of sets that may miss the truth, in (0, 1).
    threshold : float
        Largest score of a class in a set. With too few calibration rows it is infinite, and sets contain all classes.
    classes : tuple of str or int
        Names of the classes.
    calibration_ids : ndarray of shape (n_calibration,)
        Ids of the calibration rows.
    """

    method: str
    alpha: float
    threshold: float
    classes: tuple[Hashable, ...]
    calibration_ids: np.ndarray = field(repr=False)

    @typed()
    def predict_sets(self, predictions: Predictions) -> pd.DataFrame:
        """Predict the set of each row.

        Parameters
        ----------
        predictions : Predictions
            Predictions of the same model and classes as those of the calibration; the order of the classes does not
            matter.

        Returns
        -------
        pandas.DataFrame of bool
            Index ``id``, one column per class. A set may be empty.

        Raises
        ------
        AlignmentError
            If the classes differ from those of the calibration.
        InvalidPredictionsError
            If the predictions are dense, of another task, or have absent rows.
        """
        import pandas as pd

        check_names(predictions, "multiclass", self.classes)
        held = set_scores(predictions.probas, self.method) <= self.threshold
        return pd.DataFrame(held, index=pd.Index(predictions.ids, name="id"), columns=pd.Index(predictions.classes))

    @typed()
    def coverage(self, predictions: Predictions) -> float:
        """Compute the share of rows whose set contains the true class.

        Parameters
        ----------
        predictions : Predictions
            Labelled predictions, which include no calibration row.

        Returns
        -------
        float
            In [0, 1]; about ``1 - alpha`` or more if the rows are like those of the calibration.

        Raises
        ------
        LeakageError
            If calibration rows are among them.
        InvalidPredictionsError
            If there are no labels or no rows, or as in `predict_sets`.
        """
        codes = check_scored(predictions, self.calibration_ids)
        return float(self.predict_sets(predictions).to_numpy()[np.arange(len(codes)), codes].mean())

    @typed()
    def mean_size(self, predictions: Predictions) -> float:
        """Compute the mean number of classes in a set; smaller sets are more informative.

        Parameters
        ----------
        predictions : Predictions
            As in `predict_sets`, with at least one row.

        Returns
        -------
        float
            From 0 to the number of classes.
        """
        return float(self.predict_sets(predictions).to_numpy().sum(axis=1).mean())


@dataclass(frozen=True, eq=False)
class ConformalIntervals:
    """Conformal prediction intervals of regression, from `fit_conformal`.

    Attributes
    ----------
    alpha : float
        Share of intervals that may miss the truth, in (0, 1), for each output.
    half_widths : ndarray of shape (n_outputs,)
        The interval of an output is the prediction plus or minus this; infinite with too few calibration rows.
    classes : tuple of str or int
        Names of the outputs.
    calibration_ids : ndarray of shape (n_calibration,)
        Ids of the calibration rows.
    """

    alpha: float
    half_widths: np.ndarray
    classes: tuple[Hashable, ...]
    calibration_ids: np.ndarray = field(repr=False)

    @typed()
    def predict_intervals(self, predictions: Predictions) -> pd.DataFrame:
        """Predict the interval of each row and output.

        Parameters
        ----------
        predictions : Predictions
            Predictions of the same model and outputs as those of the calibration; the order of the outputs does not
            matter.

        Returns
        -------
        pandas.DataFrame
            One row per sample and output: ``id``, ``output``, ``low``, ``high``.

        Raises
        ------
        AlignmentError
            If the outputs differ from those of the calibration.
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

    @typed()
    def coverage(self, predictions: Predictions) -> dict[Hashable, float]:
        """Compute for each output the share of rows whose interval contains the true value.

        Parameters
        ----------
        predictions : Predictions
            Labelled predictions, which include no calibration row.

        Returns
        -------
        dict
            Name of the output -> share, in [0, 1].

        Raises
        ------
        LeakageError
            If calibration rows are among them.
        InvalidPredictionsError
            If there are no labels or no rows, or as in `predict_intervals`.
        """
        true = check_scored(predictions, self.calibration_ids)
        values, half = self._values(predictions)
        held = (np.abs(true - values) <= half).mean(axis=0)
        return dict(zip(predictions.classes, held.tolist(), strict=True))

    def _values(self, predictions: Predictions) -> tuple[np.ndarray, np.ndarray]:
        check_names(predictions, "regression", self.classes)
        places = {name: place for place, name in enumerate(self.classes)}
        return predictions.probas.astype(np.float64), self.half_widths[[places[name] for name in predictions.classes]]


def set_scores(probas: np.ndarray, method: str) -> np.ndarray:
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


def check_names(predictions: Predictions, task: str, classes: tuple[Hashable, ...]) -> None:
    if predictions.task != task or predictions.probas.ndim != 2 or predictions.present is not None:
        raise InvalidPredictionsError(
            f"conformal prediction here needs {task} predictions of shape (n_samples, n_classes) with every row "
            f"present; received {predictions!r} of shape {predictions.probas.shape}"
            f"{'' if predictions.present is None else f', {int((~predictions.present).sum())} rows absent'}."
        )
    if set(predictions.classes) != set(classes):
        raise AlignmentError(
            f"the classes must be those it was calibrated for, {shown(classes)}; received {shown(predictions.classes)}."
        )


def check_scored(predictions: Predictions, used: np.ndarray | None, what: str = "it was calibrated on") -> np.ndarray:
    if predictions.label_codes is None or not len(predictions):
        raise InvalidPredictionsError(
            f"calibration and coverage need labelled predictions of at least one row; received {predictions!r}, "
            f"{'without' if predictions.label_codes is None else 'with'} labels."
        )
    if used is not None:
        shared = predictions.ids[among(predictions.ids, used)].tolist()
        if len(shared):
            raise LeakageError(
                f"conformal prediction promises nothing about rows that {what}; {len(shared)} of "
                f"{len(predictions)} are among them, first {shown(shared[0])}. Give held-out rows."
            )
    return predictions.label_codes
