"""Results of conformal prediction: sets of classes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ...arguments import typed
from ...predictions import Predictions, PredictionSet
from ._cells import Cells, known_cells, promise_of, table_of_sets
from ._inputs import Answers, check_new, check_scored, check_unseen, read_answers
from ._scores import set_scores, uniform_by_id

if TYPE_CHECKING:
    from collections.abc import Hashable

    import pandas as pd


__all__ = ["ConformalSets"]


@dataclass(frozen=True, eq=False)
class ConformalSets:
    """Conformal prediction sets of classes, from `fit_conformal`.

    Attributes
    ----------
    method : str
        ``lac``, ``aps`` or ``raps``.
    alpha : float
        Share of sets that may miss the truth, in (0, 1).
    threshold : float
        Largest score of a class in a set. With too few calibration rows it is infinite, and sets contain all classes.
        If there are several, by class or group, the largest of them; `thresholds` lists all.
    classes : tuple of str or int
        Names of the classes.
    calibration_ids : ndarray of shape (n_calibration,)
        Ids of the calibration rows.
    randomised : bool
        Whether scores have a random part, which depends on the id of a row and on ``seed``.
    seed : int
        Seed of the random parts.
    penalty : float
        What ``raps`` adds to the score for each class after the first ``n_free``.
    n_free : int
        See ``penalty``.
    by : str or None
        ``class`` if each class has a threshold of its own.
    cells : object or None
        The scores and thresholds, by group, class and fold.
    """

    method: str
    alpha: float
    threshold: float
    classes: tuple[Hashable, ...]
    calibration_ids: np.ndarray = field(repr=False)
    randomised: bool = False
    seed: int = 0
    penalty: float = 0.0
    n_free: int = 0
    by: str | None = None
    cells: Cells | None = field(default=None, repr=False)

    @property
    def thresholds(self) -> pd.DataFrame:
        """The threshold of each group and class, with the number ``n`` of its calibration rows."""
        return self._cells.table(self.classes if self.by else (None,), "class")

    @property
    def promise(self) -> str:
        """What is promised, in a sentence."""
        return promise_of(self._cells, "sets contain the true class", by_class=self.by is not None)

    @typed(but=("groups",))
    def predict_sets(
        self,
        predictions: Predictions | PredictionSet | Mapping[Any, Any],
        *,
        groups: Any = None,
        allow_leakage: bool = False,
    ) -> pd.DataFrame:
        """Predict the set of each row.

        Parameters
        ----------
        predictions : Predictions, PredictionSet or mapping
            Predictions of the same model and classes as those of the calibration; the order of the classes does not
            matter. After a calibration by fold, those of the model of each fold, by the name of the fold.
        groups : mapping of id to group, or Series indexed by id, optional
            The group of each row, after a calibration by group.
        allow_leakage : bool, default=False
            Accept rows of the calibration, for which nothing is promised.

        Returns
        -------
        pandas.DataFrame of bool
            Index ``id``, one column per class. A set may be empty.

        Raises
        ------
        AlignmentError
            If the classes differ from those of the calibration.
        LeakageError
            If calibration rows are among them.
        InvalidOptionError
            If ``groups`` is absent, not wanted, or names a group that the calibration did not have.
        InvalidPredictionsError
            If the predictions are dense, of another task, or have absent rows, or not those of each fold.
        """
        first, held = self._held(predictions, groups, allow_leakage)
        return table_of_sets(held, self.classes, first)

    @typed(but=("groups",))
    def coverage(self, predictions: Predictions | PredictionSet | Mapping[Any, Any], *, groups: Any = None) -> float:
        """Compute the share of rows whose set contains the true class.

        Parameters
        ----------
        predictions : Predictions, PredictionSet or mapping
            Labelled predictions, which include no row that the model was fitted or calibrated on; else as in
            `predict_sets`.
        groups : mapping of id to group, or Series indexed by id, optional
            As in `predict_sets`.

        Returns
        -------
        float
            In [0, 1]; about ``1 - alpha`` or more if the rows are like those of the calibration.

        Raises
        ------
        LeakageError
            If calibration rows are among them, or rows that the model was fitted on.
        InvalidPredictionsError
            If there are no labels or no rows, or as in `predict_sets`.
        """
        return float(self._hits(predictions, groups)[1].mean())

    @typed(but=("groups",))
    def coverage_table(
        self, predictions: Predictions | PredictionSet | Mapping[Any, Any], *, groups: Any = None
    ) -> pd.DataFrame:
        """Compute the coverage and the mean size of the sets for each true class, or for each group.

        Parameters
        ----------
        predictions : Predictions, PredictionSet or mapping
            As in `coverage`.
        groups : mapping of id to group, or Series indexed by id, optional
            As in `predict_sets`. After a calibration by group the table is by group.

        Returns
        -------
        pandas.DataFrame
            Index ``class`` or ``group``; the number of rows ``n``, ``coverage`` and ``mean_size``. NaN without rows.

        Raises
        ------
        LeakageError, InvalidPredictionsError
            As in `coverage`.
        """
        import pandas as pd

        codes, hits, held, places = self._hits(predictions, groups)
        cells = self._cells
        names, codes, what = (cells.groups, places, "group") if cells.groups else (self.classes, codes, "class")
        n = np.bincount(codes, minlength=len(names))
        with np.errstate(invalid="ignore"):
            shares = [np.bincount(codes, values, minlength=len(names)) / n for values in (hits, held.sum(axis=1))]
        return pd.DataFrame({"n": n, "coverage": shares[0], "mean_size": shares[1]}, index=pd.Index(names, name=what))

    @typed(but=("groups",))
    def mean_size(self, predictions: Predictions | PredictionSet | Mapping[Any, Any], *, groups: Any = None) -> float:
        """Compute the mean number of classes in a set; smaller sets are more informative.

        Parameters
        ----------
        predictions : Predictions, PredictionSet or mapping
            As in `predict_sets`, with at least one row.
        groups : mapping of id to group, or Series indexed by id, optional
            As in `predict_sets`.

        Returns
        -------
        float
            From 0 to the number of classes.
        """
        return float(self.predict_sets(predictions, groups=groups).to_numpy().sum(axis=1).mean())

    @property
    def _cells(self) -> Cells:
        return known_cells(self.cells, self.alpha, np.array([[self.threshold]]), len(self.calibration_ids))

    def _scores(self, predictions: Answers) -> np.ndarray:
        uniform = uniform_by_id(predictions.ids, self.seed) if self.randomised else None
        values = predictions.values(self.classes)[0]
        return set_scores(values, self.method, uniform=uniform, penalty=self.penalty, n_free=self.n_free)

    def _held(self, predictions: Any, groups: Any, allow_leakage: bool) -> tuple[Predictions, np.ndarray]:
        cells = self._cells
        used = None if allow_leakage else self.calibration_ids
        models = check_new(read_answers(predictions), "multiclass", self.classes, cells.folds, 1, used)
        first = models[cells.folds[0]].first
        places = cells.groups_of(groups, first.ids)
        return first, cells.held([self._scores(model) for model in models.values()], places)

    def _hits(self, predictions: Any, groups: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        answers = read_answers(predictions)
        for model in answers.values():
            check_scored(model.first, self.calibration_ids)
            check_unseen(model.first, "the model was fitted on")
        first, held = self._held(predictions, groups, False)
        codes = Answers((first,)).true(self.classes)
        return codes, held[np.arange(len(codes)), codes], held, self._cells.groups_of(groups, first.ids)
