"""Results of conformal prediction: intervals of regression."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ...arguments import typed
from ...errors import InvalidOptionError
from ...predictions import Predictions, PredictionSet
from ._cells import Cells, known_cells, promise_of
from ._inputs import Answers, check_new, check_scored, check_unseen, read_answers, spread_of

if TYPE_CHECKING:
    from collections.abc import Hashable

    import pandas as pd


__all__ = ["ConformalIntervals"]


@dataclass(frozen=True, eq=False)
class ConformalIntervals:
    """Conformal prediction intervals of regression, from `fit_conformal`.

    Attributes
    ----------
    alpha : float
        Share of intervals that may miss the truth, in (0, 1), for each output.
    half_widths : ndarray of shape (n_outputs,)
        The interval of an output is the prediction plus or minus this; infinite with too few calibration rows. For
        ``normalised`` this is multiplied by the spread of a row; for ``quantile`` it widens the interval from low to
        high, or narrows it if it is negative. By group, the largest of them; `thresholds` lists all.
    classes : tuple of str or int
        Names of the outputs.
    calibration_ids : ndarray of shape (n_calibration,)
        Ids of the calibration rows.
    method : str
        ``residual``, ``normalised`` or ``quantile``.
    cells : object or None
        The scores and thresholds, by group, output and fold.
    """

    alpha: float
    half_widths: np.ndarray
    classes: tuple[Hashable, ...]
    calibration_ids: np.ndarray = field(repr=False)
    method: str = "residual"
    cells: Cells | None = field(default=None, repr=False)

    @property
    def thresholds(self) -> pd.DataFrame:
        """The threshold of each group and output, with the number ``n`` of its calibration rows."""
        return self._cells.table(self.classes, "output")

    @property
    def promise(self) -> str:
        """What is promised, in a sentence."""
        return promise_of(self._cells, "intervals contain the true value")

    @typed(but=("groups",))
    def predict_intervals(
        self,
        predictions: Predictions | PredictionSet | Mapping[Any, Any],
        *,
        spread: Any = None,
        groups: Any = None,
        allow_leakage: bool = False,
    ) -> pd.DataFrame:
        """Predict the interval of each row and output.

        Parameters
        ----------
        predictions : Predictions, PredictionSet or mapping
            Predictions of the same model and outputs as those of the calibration; the order of the outputs does not
            matter. For ``quantile`` ``{"low": Predictions, "high": Predictions}``. After a calibration by fold, those
            of the model of each fold, by the name of the fold.
        spread : mapping, Series, table, Predictions or PredictionSet, optional
            For ``normalised``, as in `fit_conformal`.
        groups : mapping of id to group, or Series indexed by id, optional
            The group of each row, after a calibration by group.
        allow_leakage : bool, default=False
            Accept rows of the calibration, for which nothing is promised.

        Returns
        -------
        pandas.DataFrame
            One row per sample and output: ``id``, ``output``, ``low``, ``high``. For ``quantile``, and after a
            calibration by fold, ``low`` may be above ``high``: such an interval is empty.

        Raises
        ------
        AlignmentError
            If the outputs differ from those of the calibration.
        LeakageError
            If calibration rows are among them.
        InvalidOptionError
            If ``groups`` or ``spread`` is absent, not wanted or not valid.
        InvalidPredictionsError
            If the predictions are dense, of another task, or have absent rows, or not those of each fold.
        """
        import pandas as pd

        first, _, low, high = self._bounds(predictions, spread, groups, allow_leakage)
        columns = [self.classes.index(name) for name in first.classes]
        outputs = np.asarray(first.classes)
        return pd.DataFrame(
            {
                "id": np.repeat(first.ids, len(outputs)),
                "output": np.tile(outputs, len(first)),
                "low": low[:, columns].ravel(),
                "high": high[:, columns].ravel(),
            }
        )

    @typed(but=("groups",))
    def coverage(
        self,
        predictions: Predictions | PredictionSet | Mapping[Any, Any],
        *,
        spread: Any = None,
        groups: Any = None,
    ) -> dict[Hashable, float]:
        """Compute for each output the share of rows whose interval contains the true value.

        Parameters
        ----------
        predictions : Predictions, PredictionSet or mapping
            Labelled predictions, which include no row that the model was fitted or calibrated on; else as in
            `predict_intervals`.
        spread, groups
            As in `predict_intervals`.

        Returns
        -------
        dict
            Name of the output -> share, in [0, 1].

        Raises
        ------
        LeakageError
            If calibration rows are among them, or rows that the model was fitted on.
        InvalidPredictionsError
            If there are no labels or no rows, or as in `predict_intervals`.
        """
        for model in read_answers(predictions).values():
            check_scored(model.first, self.calibration_ids)
            for part in model.parts:
                check_unseen(part, "the model was fitted on")
        first, held, low, high = self._bounds(predictions, spread, groups, False)
        if held is None:
            true = Answers((first,)).true(self.classes)
            held = (low <= true) & (true <= high)
        shares = dict(zip(self.classes, held.mean(axis=0).tolist(), strict=True))
        return {name: shares[name] for name in first.classes}

    @property
    def _cells(self) -> Cells:
        return known_cells(self.cells, self.alpha, self.half_widths[np.newaxis], len(self.calibration_ids))

    def _bounds(
        self, predictions: Any, spread: Any, groups: Any, allow_leakage: bool
    ) -> tuple[Predictions, np.ndarray | None, np.ndarray, np.ndarray]:
        """Compute the ends of the intervals and, for the model of one fold, whether they contain the truth."""
        cells = self._cells
        used = None if allow_leakage else self.calibration_ids
        n_parts = 2 if self.method == "quantile" else 1
        models = check_new(read_answers(predictions), "regression", self.classes, cells.folds, n_parts, used)
        first = models[cells.folds[0]].first
        if (spread is None) == (self.method == "normalised"):
            raise InvalidOptionError(
                f"spread is for the method 'normalised', and needed there; received the method {self.method!r} "
                f"{'without' if spread is None else 'with'} spread."
            )
        scale = np.ones((len(first), len(self.classes))) if spread is None else spread_of(spread, first, self.classes)
        places = cells.groups_of(groups, first.ids)
        values = [model.values(self.classes) for model in models.values()]
        low, high = cells.bounds([v[0] for v in values], [v[-1] for v in values], [scale] * len(values), places)
        if first.label_codes is None or len(models) > 1:
            return first, None, low, high
        true = Answers((first,)).true(self.classes)
        scores = np.maximum(values[0][0] - true, true - values[0][-1]) / scale
        return first, scores <= cells.limits[places], low, high
