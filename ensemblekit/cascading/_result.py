"""`Cascade`: a threshold, the stages that it decides between, and what it promises."""

from __future__ import annotations

import os
from collections.abc import Hashable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..arguments import typed
from ..errors import AlignmentError, InvalidOptionError
from ..interfaces import Member
from ..members import collect
from ..members.inputs import Inputs, read_inputs
from ..predictions import Predictions, Task
from ..predictions.names import few, readonly
from ..predictions.results import fitted_with
from ._rule import is_sure
from ._walk import Walk, walk

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Cascade", "Pending"]


class Pending(NamedTuple):
    """Rows that a later stage of a cascade must still predict.

    Attributes
    ----------
    stage : str or None
        The stage; None if every row is answered.
    ids : ndarray of shape (n_pending,)
        Ids of the rows, in the order of the first stage.
    """

    stage: str | None
    ids: np.ndarray


class Cascade:
    """Stages from the cheapest, of which the first that is sure enough answers a row; from `cascade`.

    It is a member: `collect` calls its stages. `ensemblekit.store.save` writes it with its models.

    Attributes
    ----------
    name : str
        ``cascade``; it may be set.
    stages : tuple of str
        Names of the stages.
    members : tuple of Member or None
        Their models; None for a cascade over files.
    threshold : float
        A stage answers if its certainty is at least this; infinite if nothing is promised, and the last answers all.
    classes : tuple of str or int
        Names of the outputs.
    task : str
        Of the stages.
    promised : tuple of (str, float)
        ``agreement`` with the last stage and its least value, or ``loss`` and how much it may exceed the last stage's.
    metric : str
        What is lost.
    confidence : float
        Probability, over held-out rows, that the promise is kept.
    calibration_ids : ndarray of shape (n_calibration,)
        Ids of the held-out rows.
    fit_ids, fit_groups : ndarray or None
        Ids and groups of these and of the rows that a stage is known to have been fitted on; of out-of-fold stages
        each row that is joined knows it.
    costs : dict of str to float or None
        Cost of each stage.
    n_groups : int or None
        Groups of the held-out rows, each of which counts once in the promise; None if these have none.
    """

    n_groups: int | None = None  # of cascades that were saved before there were groups, too

    def __init__(
        self,
        *,
        stages: tuple[str, ...],
        members: tuple[Member, ...] | None,
        threshold: float,
        classes: tuple[Hashable, ...],
        task: Task,
        promised: tuple[str, float],
        metric: str,
        confidence: float,
        calibration_ids: np.ndarray,
        fit_ids: np.ndarray | None,
        fit_groups: np.ndarray | None,
        costs: dict[str, float] | None,
        curve: dict[str, np.ndarray],
        n_groups: int | None = None,
    ) -> None:
        self.name = "cascade"
        self.stages, self.members, self.threshold = stages, members, threshold
        self.classes, self.task, self.metric = classes, task, metric
        self.promised, self.confidence = promised, confidence
        self.calibration_ids, self.fit_ids, self.costs = calibration_ids, fit_ids, costs
        self.fit_groups = fit_groups
        self._curve, self.n_groups = curve, n_groups

    @property
    def curve(self) -> pd.DataFrame:
        """What each threshold does on the held-out rows, from the highest.

        Columns: ``threshold``; ``agreement`` with the last stage, or the ``loss`` above its, with groups as the mean of
        theirs; ``cost``, relative to the
        last stage alone, if costs are known; for each stage the share of rows that reach it; and ``chosen``.
        """
        import pandas as pd

        table = pd.DataFrame(self._curve)
        table["chosen"] = table["threshold"] == self.threshold
        return table.drop(columns="cost") if self.costs is None else table

    @property
    def reach(self) -> dict[str, float]:
        """The share of held-out rows that reach each stage."""
        return {name: float(self._curve[f"reach {name}"][self._chosen]) for name in self.stages}

    @property
    def cost(self) -> float | None:
        """The cost of a held-out row, relative to the last stage alone; None without costs."""
        return None if self.costs is None else float(self._curve["cost"][self._chosen])

    @property
    def observed(self) -> float:
        """The agreement, or the loss above that of the last stage, on the held-out rows; of groups the mean."""
        return float(self._curve[self.promised[0]][self._chosen])

    @property
    def promise(self) -> str:
        """What is promised, in a sentence."""
        last = self.stages[-1]
        if self.threshold == np.inf:
            return f"Stage {last!r} answers every row: these held-out rows do not prove the promise for any threshold."
        what, value = self.promised
        like = "rows like these"
        if self.n_groups is not None:
            like = "rows of groups like these, where each group counts once"
        kept = (
            f"decides as stage {last!r} for at least {100 * value:g} % of {like}"
            if what == "agreement"
            else f"has a mean loss ({self.metric}) at most {value:g} above that of stage {last!r}, on {like}"
        )
        return (
            f"With a probability of at least {100 * self.confidence:g} % over held-out rows the cascade {kept}; about "
            f"{100 * self.reach[last]:.0f} % of them reach that stage."
        )

    def predict(self, ids: np.ndarray, x: Any) -> np.ndarray:
        """Predict one batch; see `Member`.

        Parameters
        ----------
        ids : ndarray of shape (n_samples,)
            Ids of the rows of ``x``.
        x : array-like of shape (n_samples, ...)
            Inputs.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Of each row, the prediction of the stage that answers it.

        Raises
        ------
        InvalidOptionError
            If the cascade has no models.
        """
        return answer_by_stages(self, ids, x)[0]

    @typed()
    def answer(self, source: Any, *, batch_size: int = 32) -> tuple[Predictions, pd.Series]:
        """Predict data, and tell which stage answered each row.

        Parameters
        ----------
        source : source
            Data as in `collect`.
        batch_size : int, default=32
            Samples per batch. Rows that reach a later stage are predicted batch by batch, too.

        Returns
        -------
        tuple of (Predictions, pandas.Series of str)
            Predictions with the labels of the source; and the stage that answered, index ``id``.

        Raises
        ------
        InvalidOptionError
            If the cascade has no models.
        """
        recorded = _Recorded(self)
        (predictions,) = collect([recorded], source, batch_size=batch_size)
        return predictions, self._by_name(predictions.ids, np.concatenate(recorded.places))

    def pending(self, predictions: Mapping[str, Predictions | str | os.PathLike[str]]) -> Pending:
        """Tell which rows a later stage must still predict.

        Parameters
        ----------
        predictions : mapping of str to Predictions or path
            Predictions of the first stage, and of later ones as far as there are any. Those of a later stage need only
            the rows that reach it.

        Returns
        -------
        Pending
            The first stage that lacks rows, and their ids.

        Raises
        ------
        UnknownMemberError
            If a name is of no stage, or the first stage is absent.
        AlignmentError
            If classes differ from those of the cascade.
        """
        walked = self._walk(predictions)
        return Pending(walked.stage, walked.open_ids)

    def join(self, predictions: Mapping[str, Predictions | str | os.PathLike[str]]) -> tuple[Predictions, pd.Series]:
        """Join the predictions of all stages to those of the cascade.

        Parameters
        ----------
        predictions : mapping of str to Predictions or path
            As in `pending`. Other rows that a later stage has predicted are left aside.

        Returns
        -------
        tuple of (Predictions, pandas.Series of str)
            Predictions for the rows of the first stage, with its labels; and the stage that answered, index ``id``.

        Raises
        ------
        AlignmentError
            If a stage lacks rows that reach it, or classes differ from those of the cascade.
        """
        walked = self._walk(predictions)
        first, open_ids = walked.first, walked.open_ids
        if walked.stage is not None:
            raise AlignmentError(
                f"each row must be answered by a stage; {len(open_ids)} of {len(first.ids)} need stage "
                f"{walked.stage!r}, such as {few(open_ids.tolist())}. Predict these: cascade.pending(...) lists them."
            )
        labels = first.labels
        if labels is not None and first.kind == "multilabel":
            labels = labels[:, [first.classes.index(name) for name in self.classes]]
        joined = Predictions(
            readonly(walked.values), ids=first.ids, classes=self.classes, labels=labels, task=self.task,
            split=first.split, member=self.name, groups=first.groups,
            **fitted_with(walked.read, first.ids, self.fit_ids, self.fit_groups),
        )  # fmt: skip
        return joined, self._by_name(first.ids, walked.places)

    @property
    def _chosen(self) -> int:
        return int(np.flatnonzero(self._curve["threshold"] == self.threshold)[0])

    def _by_name(self, ids: np.ndarray, places: np.ndarray) -> pd.Series:
        import pandas as pd

        return pd.Series(np.array(self.stages)[places], index=pd.Index(ids, name="id"), name="stage")

    def _walk(self, given: Any) -> Walk:
        return walk(given, self.stages, self.classes, self.task, self.threshold)

    def __repr__(self) -> str:
        return f"Cascade({', '.join(map(repr, self.stages))}, threshold={self.threshold:.3g})"


class _Recorded:
    """A cascade as a member that keeps which stage answered."""

    def __init__(self, cascade: Cascade) -> None:
        self.name, self.classes, self.task, self.fit_ids = cascade.name, cascade.classes, cascade.task, cascade.fit_ids
        self.fit_groups = cascade.fit_groups
        self.places: list[np.ndarray] = []
        self._cascade = cascade

    def predict(self, ids: np.ndarray, x: Any) -> np.ndarray:
        probas, places = answer_by_stages(self._cascade, ids, x)
        self.places.append(places)
        return probas


def answer_by_stages(cascade: Cascade, ids: np.ndarray, x: Any) -> tuple[np.ndarray, np.ndarray]:
    """Predict one batch, and tell the place of the stage that answers each row."""
    members = cascade.members
    if members is None:
        raise InvalidOptionError(
            "a cascade over files has no models to call. Join predictions: cascade.join({stage: predictions})."
        )
    inputs = x if isinstance(x, Inputs) else read_inputs(x, len(ids))

    def predicted(place: int, rows: np.ndarray) -> np.ndarray:
        member = members[place]
        given = inputs if len(rows) == len(ids) else inputs.take(rows)
        values = np.asarray(member.predict(ids[rows], given))
        return values[:, [member.classes.index(name) for name in cascade.classes]]

    # Where no threshold is proven, only the last stage counts.
    first = 0 if np.isfinite(cascade.threshold) else len(members) - 1
    rows = np.arange(len(ids))
    values, places = predicted(first, rows), np.full(len(ids), first)
    for place in range(first + 1, len(members)):
        rows = rows[~is_sure(values[rows], cascade.task, cascade.threshold)]
        if not len(rows):
            break
        values[rows], places[rows] = predicted(place, rows), place
    return values, places
