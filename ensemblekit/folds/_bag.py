"""`FoldBag`: out-of-fold predictions and the models that made them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..arguments import typed
from ..combining import combine
from ..errors import InvalidOptionError
from ..evaluation import score_table
from ..interfaces import CombinerLike, Member
from ..members import as_member, collect
from ..predictions import MissingPolicy, Predictions, PredictionSet, align

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["FoldBag"]


class FoldBag:
    """Out-of-fold predictions, and the models of the folds. Made by `fit_folds` and `load_folds`.

    Parameters
    ----------
    name : str
        Name of the whole, which is the member's name of `oof` and of what `predict` returns.
    oof : Predictions
        Each row as predicted by the model that was not fitted on it. It knows so: `Predictions.seen` is False, and
        `fit_combiner`, `choose` and the tests take it as held out.
    models : dict
        Name of the fold -> fitted estimator, or Keras model; empty for files.
    test : PredictionSet, optional
        Predictions of other rows by every fold, of files that `load_folds` read.

    Attributes
    ----------
    name, oof, models, test
        As given.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from ensemblekit.folds import fit_folds
    >>> x = np.repeat(np.eye(3), 10, axis=0)
    >>> ids, y = [f"row {i}" for i in range(30)], np.repeat(["ant", "bee", "cat"], 10)
    >>> bag = fit_folds(LogisticRegression(), (ids, x, y), cv=5)
    >>> len(bag.oof), bag.oof.seen.any().item(), len(bag.members)
    (30, False, 5)
    >>> bag.predict((["new"], np.eye(3)[:1])).predicted.tolist()
    ['ant']
    """

    how_to_keep = "fit_folds(..., folder=FOLDER) keeps it fold by fold, and load_folds(FOLDER) opens it."

    def __init__(
        self,
        name: str,
        oof: Predictions,
        models: Mapping[str, Any],
        *,
        test: PredictionSet | None = None,
    ) -> None:
        self.name, self.oof, self.models, self.test = name, oof, dict(models), test

    def __repr__(self) -> str:
        return f"FoldBag({self.name!r}, folds={list(self.folds)}, n_samples={len(self.oof)}, task={self.oof.task!r})"

    @property
    def folds(self) -> tuple[str, ...]:
        """Names of the folds."""
        return (self.name,) if self.oof.fits is None else self.oof.fits.names

    @property
    def members(self) -> dict[str, Member]:
        """Models as members for `collect` and `fuse`, by name; of files, the predictions of `test`.

        Each knows its ``fit_ids`` and ``fit_groups``. Names are ``name/fold``.
        """
        if self.test is not None and not self.models:
            return {p.member or "": as_member(p, name=p.member or "") for p in self.test}
        return {
            f"{self.name}/{fold}": as_member(
                model,
                name=f"{self.name}/{fold}",
                classes=None if hasattr(model, "classes_") and self.oof.kind == "multiclass" else self.oof.classes,
                task=self.oof.task,
                fit_ids=None if self.oof.fits is None else self.oof.fits.fit_ids(fold),
                fit_groups=None if self.oof.fits is None else self.oof.fits.fit_groups(fold),
            )
            for fold, model in self.models.items()
        }

    @property
    def scores(self) -> pd.DataFrame:
        """Scores of each fold on the rows that it held out, and of all rows: as in `score_table`, for labelled rows."""
        parts = {
            fold: self.oof.take(self.oof.ids[self.oof.fits.codes == place])
            for place, fold in enumerate(self.oof.fits.names)
            if (self.oof.fits.codes == place).any()
        } if self.oof.fits is not None else {}  # fmt: skip
        return score_table({**{f"{self.name}/{fold}": p for fold, p in parts.items()}, self.name: self.oof})

    @typed(but=("source", "groups", "missing"))
    def collect(
        self,
        source: Any = None,
        *,
        groups: Any = None,
        split: str | None = None,
        batch_size: int = 256,
        missing: MissingPolicy = "error",
    ) -> PredictionSet:
        """Predict new rows with the model of every fold.

        Parameters
        ----------
        source : Source, tuple or dataset, optional
            As in `ensemblekit.collect`. Left out for a bag of files, whose predictions of test rows are taken.
        groups : mapping of id to group, or Series indexed by id, optional
            Groups of the new rows. A row of a group that a model was fitted on is then known as seen.
        split : str, optional
            Part of the data, such as ``"test"``.
        batch_size : int, default=256
            Samples per batch.
        missing : {"error", "zero", "renormalize"} or mapping, default="error"
            As in `align`: ``zero`` for a class that a fold had no row of.

        Returns
        -------
        PredictionSet
            One member a fold.

        Raises
        ------
        InvalidOptionError
            If there are no models and no predictions of test rows.
        """
        if source is None:
            if self.test is None:
                raise InvalidOptionError("a source must be given; received none, and no predictions of test rows.")
            found = self.test
        elif not self.models:
            raise InvalidOptionError("new rows need models, and these folds are files alone. Leave the source out.")
        else:
            found = collect(self.members, source, batch_size=batch_size, split=split, missing=missing)
        fits = self.oof.fits
        known = {} if fits is None else {f"{self.name}/{fold}": fits.fit_groups(fold) for fold in fits.names}
        members = [_grouped(p, groups, known.get(str(p.member))) for p in found]
        return align(members, missing=missing)

    @typed(but=("source", "combiner", "groups", "missing"))
    def predict(
        self,
        source: Any = None,
        *,
        combiner: str | CombinerLike = "mean",
        groups: Any = None,
        split: str | None = None,
        batch_size: int = 256,
        missing: MissingPolicy = "error",
    ) -> Predictions:
        """Predict new rows with all models, combined.

        Parameters
        ----------
        source : Source, tuple or dataset, optional
            As in `collect`.
        combiner : str or Combiner, default="mean"
            How the folds are combined.
        groups, split, batch_size, missing
            As in `collect`.

        Returns
        -------
        Predictions
            One row a sample, with the name of the bag as member.

        Raises
        ------
        InvalidOptionError
            If there are no models and no predictions of test rows.
        """
        found = self.collect(source, groups=groups, split=split, batch_size=batch_size, missing=missing)
        return combine(found, combiner).rename(self.name)


def _grouped(p: Predictions, groups: Any, fit_groups: Any) -> Predictions:
    if fit_groups is None and groups is None:
        return p
    return Predictions(
        p.probas, ids=p.ids, classes=p.classes, labels=p.labels, task=p.task, split=p.split, member=p.member,
        fit_ids=p.fit_ids, groups=p.groups if groups is None else groups, fit_groups=fit_groups,
        missing="error" if p.present is None else "renormalize",
    )  # fmt: skip
