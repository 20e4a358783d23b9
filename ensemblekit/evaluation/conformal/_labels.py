"""Sets of labels whose risk is controlled: by conformal risk control, and by Learn then Test."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from ...arguments import typed
from ...predictions import Predictions
from ._calibrating import Asked, Grouping
from ._cells import Cells, known_cells, table_of_sets
from ._inputs import Answers, check_new, check_scored, check_unseen, read_answers
from ._risk_tests import first_failure, risk_p_values

if TYPE_CHECKING:
    from collections.abc import Hashable

    import pandas as pd

__all__ = ["RISKS", "ConformalLabels", "fit_labels"]

RISKS = ("false_negative_rate", "false_discovery_rate")
GRID = np.linspace(0, 1, 101)
"""Thresholds that Learn then Test tries. They must not depend on the data."""
ROUNDING = 1e-9
"""Sums of shares such as three thirds, and ``alpha * (n + 1)``, are whole numbers only up to this."""


@dataclass(frozen=True, eq=False)
class ConformalLabels:
    """Sets of labels with a promised risk, from `fit_conformal`.

    Attributes
    ----------
    method : str
        ``crc`` or ``ltt``.
    alpha : float
        The promised risk, in (0, 1).
    threshold : float
        Smallest probability of a label in a set; ``-inf`` if sets must contain all labels, ``inf`` if none. If there
        are several, by label or group, the smallest; `thresholds` lists all.
    classes : tuple of str or int
        Names of the labels.
    calibration_ids : ndarray of shape (n_calibration,)
        Ids of the calibration rows.
    risk : str
        ``false_negative_rate`` or ``false_discovery_rate``.
    confidence : float or None
        For ``ltt``, the probability that the promise is kept.
    by : str or None
        ``class`` if each label has a threshold of its own.
    cells : object or None
        The thresholds, by group and label.
    """

    method: str
    alpha: float
    threshold: float
    classes: tuple[Hashable, ...]
    calibration_ids: np.ndarray = field(repr=False)
    risk: str = RISKS[0]
    confidence: float | None = None
    by: str | None = None
    cells: Cells | None = field(default=None, repr=False)

    @property
    def thresholds(self) -> pd.DataFrame:
        """The threshold of each group and label, with the number ``n`` of its calibration rows."""
        return self._cells.table(self.classes if self.by else (None,), "label")

    @property
    def promise(self) -> str:
        """What is promised, in a sentence."""
        how = (
            f"with a probability of at least {100 * self.confidence:g} % over calibrations"
            if self.confidence is not None
            else "on average over calibrations"
        )
        whom = " and ".join([*(["label"] if self.by else []), *(["group"] if self._cells.groups else [])])
        name = self.risk.replace("_", " ")
        sentence = f"The {name} of new rows like these is at most {self.alpha:g}, {how}"
        sentence += f", for each {whom}." if whom else "."
        n_infinite = int(np.isinf(self._cells.limits).sum())
        return sentence + (
            f" {n_infinite} of {self._cells.limits.size} thresholds are infinite, as there are too few rows."
            if n_infinite
            else ""
        )

    @typed(but=("groups",))
    def predict_sets(
        self, predictions: Predictions, *, groups: Any = None, allow_leakage: bool = False
    ) -> pd.DataFrame:
        """Predict the labels of each row.

        Parameters
        ----------
        predictions : Predictions
            Predictions of the same model and labels as those of the calibration; the order of the labels does not
            matter.
        groups : mapping of id to group, or Series indexed by id, optional
            The group of each row, after a calibration by group.
        allow_leakage : bool, default=False
            Accept rows of the calibration, for which nothing is promised.

        Returns
        -------
        pandas.DataFrame of bool
            Index ``id``, one column per label.

        Raises
        ------
        AlignmentError
            If the labels differ from those of the calibration.
        LeakageError
            If calibration rows are among them.
        InvalidOptionError
            If ``groups`` is absent, not wanted, or names a group that the calibration did not have.
        InvalidPredictionsError
            If the predictions are dense, of another task, or have absent rows.
        """
        return table_of_sets(self._held(predictions, groups, allow_leakage), self.classes, predictions)

    @typed(but=("groups",))
    def measured_risk(self, predictions: Predictions, *, groups: Any = None) -> float:
        """Compute the risk on labelled rows: the mean share of labels that are missed, or that are given and wrong.

        Parameters
        ----------
        predictions : Predictions
            Labelled predictions, which include no row that the model was fitted or calibrated on.
        groups : mapping of id to group, or Series indexed by id, optional
            As in `predict_sets`.

        Returns
        -------
        float
            In [0, 1]; about ``alpha`` or less if the rows are like those of the calibration. NaN for the false negative
            rate of rows without any label.

        Raises
        ------
        LeakageError
            If calibration rows are among them, or rows that the model was fitted on.
        InvalidPredictionsError
            If there are no labels or no rows, or as in `predict_sets`.
        """
        check_scored(predictions, self.calibration_ids)
        check_unseen(predictions, "the model was fitted on")
        held = self._held(predictions, groups, False)
        true = Answers((predictions,)).true(self.classes) > 0
        if self.risk == RISKS[0]:
            held, true = held[true.any(axis=1)], true[true.any(axis=1)]
        return float(losses_of(self.risk)(held, true).mean()) if len(true) else float("nan")

    @typed(but=("groups",))
    def mean_size(self, predictions: Predictions, *, groups: Any = None) -> float:
        """Compute the mean number of labels in a set.

        Parameters
        ----------
        predictions : Predictions
            As in `predict_sets`, with at least one row.
        groups : mapping of id to group, or Series indexed by id, optional
            As in `predict_sets`.

        Returns
        -------
        float
            From 0 to the number of labels.
        """
        return float(self.predict_sets(predictions, groups=groups).to_numpy().sum(axis=1).mean())

    @property
    def _cells(self) -> Cells:
        return known_cells(self.cells, self.alpha, np.array([[self.threshold]]), len(self.calibration_ids))

    def _held(self, predictions: Predictions, groups: Any, allow_leakage: bool) -> np.ndarray:
        used = None if allow_leakage else self.calibration_ids
        model = check_new(read_answers(predictions), "multilabel", self.classes, ("",), 1, used)[""]
        places = self._cells.groups_of(groups, predictions.ids)
        return model.values(self.classes)[0] >= self._cells.limits[places]


def fit_labels(
    answers: Mapping[str, Answers], ids: np.ndarray, groups: Grouping, asked: Asked, _: bool
) -> ConformalLabels:
    """Fit the smallest probability of a label in a set."""
    (model,) = answers.values()
    classes = model.first.classes
    probas, true = model.values(classes)[0], model.true(classes) > 0
    codes, names = groups
    shape = (max(1, len(names)), len(classes) if asked.by else 1)
    limits, n_rows = np.empty(shape), np.empty(shape, dtype=np.int64)
    for group, column in np.ndindex(shape):
        columns = slice(column, column + 1) if asked.by else slice(None)
        own, own_true = probas[codes == group, columns], true[codes == group, columns]
        if asked.risk == RISKS[0]:
            some = own_true.any(axis=1)
            own, own_true = own[some], own_true[some]
        n_rows[group, column] = len(own)
        limits[group, column] = (
            _limit_by_risk_control(own, own_true, asked.alpha)
            if asked.method == "crc"
            else _limit_by_tests(own, own_true, asked)
        )
    return ConformalLabels(
        method=asked.method,
        alpha=asked.alpha,
        threshold=float(limits.min()),
        classes=classes,
        calibration_ids=ids,
        risk=asked.risk,
        confidence=asked.confidence if asked.method == "ltt" else None,
        by=asked.by,
        cells=Cells(asked.alpha, limits, n_rows, names),
    )


def _limit_by_risk_control(probas: np.ndarray, true: np.ndarray, alpha: float) -> float:
    """Find the largest threshold whose losses, and one of 1 more, have a mean of at most alpha."""
    budget = alpha * (len(true) + 1) - 1
    if budget < -ROUNDING or not len(true):
        return -np.inf
    rows, _ = np.nonzero(true)
    own = probas[true]
    order = np.argsort(own, kind="stable")
    own, weights = own[order], (1 / true.sum(axis=1))[rows][order]
    # The loss at a threshold is that of the labels below it; of equal ones all or none are below.
    below = np.concatenate([[0.0], np.cumsum(weights)[:-1]])
    first = np.searchsorted(own, own)
    return float(own[below[first] <= budget + ROUNDING].max())


def _limit_by_tests(probas: np.ndarray, true: np.ndarray, asked: Asked) -> float:
    """Test thresholds in order, from the one without losses; return the last that is proven to keep the risk."""
    rising = asked.risk == RISKS[0]
    grid = GRID if rising else GRID[::-1]
    nothing = -np.inf if rising else np.inf
    if not len(true):
        return nothing
    loss = losses_of(asked.risk)
    losses = np.stack([loss(probas >= limit, true) for limit in grid])
    n_proven = first_failure(risk_p_values(losses, asked.alpha), float(1 - Fraction(repr(asked.confidence))))
    return float(grid[n_proven - 1]) if n_proven else nothing


def losses_of(risk: str) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """Give the function that computes the loss of each row from the labels given and the true ones."""
    return _missed if risk == RISKS[0] else _wrong


def _missed(held: np.ndarray, true: np.ndarray) -> np.ndarray:
    return (true & ~held).sum(axis=1) / true.sum(axis=1)


def _wrong(held: np.ndarray, true: np.ndarray) -> np.ndarray:
    return (held & ~true).sum(axis=1) / np.maximum(1, held.sum(axis=1))
