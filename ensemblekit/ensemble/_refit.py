"""Out-of-fold predictions that are kept after `fit`, on which other combiners are fitted without the members."""

from __future__ import annotations

import copy
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from ..combining import AskedCombiner, fit_combiner
from ..errors import InvalidOptionError, NotFittedError
from ..interfaces import CombinerLike
from ..predictions import PredictionSet
from ..predictions.names import as_ids, shown
from ._auto import Auto, KeepsChoice
from ._checked import CheckedEnsemble, without_dropped
from ._columns import plan_members
from ._members import all_pairs, pairs
from ._rows import n_rows, row_names
from ._splits import Fold

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["RefitsCombiner"]


@dataclass(frozen=True)
class _Kept:
    """What a combiner was fitted on.

    Attributes
    ----------
    predictions : PredictionSet
        Labelled. The ids are the numbers of the rows, or names of rows with prefit members.
    rows : ndarray of int
        Numbers of these rows among those given to `fit`.
    names : ndarray or list of str or int
        Names of all rows given to `fit`.
    weight, groups : ndarray or None
        Of these rows.
    columns : mapping of str to ndarray
        Of these rows, for members that answer with columns.
    folds : tuple of Fold
        None with prefit members.
    """

    predictions: PredictionSet
    rows: np.ndarray
    names: Any
    weight: np.ndarray | None
    groups: np.ndarray | None
    columns: Mapping[str, np.ndarray]
    folds: tuple[Fold, ...]

    def take(self, places: np.ndarray) -> _Kept:
        """Keep some of the rows, by their places."""
        return replace(
            self,
            predictions=self.predictions.reorder(rows=places),
            rows=self.rows[places],
            weight=None if self.weight is None else self.weight[places],
            groups=None if self.groups is None else self.groups[places],
            columns={member: given[places] for member, given in self.columns.items()},
        )


class RefitsCombiner(KeepsChoice, CheckedEnsemble):
    """An ensemble that keeps the predictions on which its combiner was fitted."""

    not_stored = KeepsChoice.not_stored | {"oof_predictions_", "_kept"}
    combiner: Any
    combiner_: Any
    oof_predictions_: PredictionSet
    named_estimators_: Any
    _shows_features_: bool

    @abstractmethod
    def _check_x(self, X: Any, **others: Any) -> Any: ...

    @abstractmethod
    def _features(self, columns: Mapping[str, np.ndarray], X: Any, rows: np.ndarray | None = None) -> np.ndarray: ...

    @property
    def oof_folds_(self) -> pd.Series:
        """The fold that held out each row of ``oof_predictions_``: numbers from 1, by id.

        A row that several folds held out stands there once for each. With prefit members there are no folds.
        """
        import pandas as pd

        if "_kept" not in vars(self):
            raise AttributeError(
                f"{type(self).__name__} has oof_folds_ only if it was fitted with a combiner that learns, and not "
                "since it was loaded from a file."
            )
        folds, names = self._kept.folds, as_ids(self._kept.names)
        rows = np.concatenate([fold.test for fold in folds]) if folds else np.arange(0)
        numbers = np.repeat(np.arange(1, len(folds) + 1), [len(fold.test) for fold in folds])
        order = np.argsort(rows, kind="stable")
        return pd.Series(numbers[order], index=pd.Index(names[rows[order]], name="id"), name="fold")

    def refit_combiner(
        self,
        combiner: str | CombinerLike | Sequence[str | CombinerLike],
        *,
        combiner_options: Mapping[str, Any] | None = None,
        X: Any = None,
    ) -> Self:
        """Make an ensemble with the same fitted members and another combiner.

        A combiner that learns is fitted on the predictions, weights and groups that `fit` has kept.

        Parameters
        ----------
        combiner : str, Combiner or list of these
            As in the constructor.
        combiner_options : dict, optional
            As in the constructor.
        X : array-like of shape (n_samples, ...), optional
            The rows given to `fit`, in the same order; only for a combiner that learns from them (``passthrough``).

        Returns
        -------
        Ensemble
            A new ensemble that shares the fitted members with this one, which is not changed.

        Raises
        ------
        NotFittedError
            If the combiner learns, and there are no ``oof_predictions_``: the ensemble was not fitted, was fitted
            with a combiner that learns nothing, or was loaded from a file.
        InvalidOptionError
            If the combiner does not accept an option, the task or these members, if members were added or dropped since
            `fit`, or X has other rows.

        Notes
        -----
        What was set since `fit` and changes members, folds or weights, such as ``cv``, ``class_weight`` or a parameter
        of a member, has no effect before the next `fit`.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from sklearn.linear_model import LogisticRegression
        >>> from sklearn.naive_bayes import GaussianNB
        >>> from ensemblekit import EnsembleClassifier
        >>> X, y = load_iris(return_X_y=True)
        >>> members = [("line", LogisticRegression(max_iter=1000)), ("bayes", GaussianNB())]
        >>> stacked = EnsembleClassifier(members, combiner="stacking", cv=3).fit(X, y)
        >>> {rule: stacked.refit_combiner(rule).predict(X[:1]).tolist() for rule in ("mean", "weighted")}
        {'mean': [0], 'weighted': [0]}
        """
        made: Any = copy.copy(self)
        made.combiner, made.combiner_options = combiner, combiner_options
        asked = made._ask()
        asked.check_task(self.task)
        kept: _Kept | None = vars(self).get("_kept")
        if "combiner_" not in vars(self) or (asked.learns and kept is None):
            raise NotFittedError(
                f"refit_combiner needs the members that fit has fitted and, for a combiner that learns, the "
                f"predictions that it has kept; this {type(self).__name__} has none. Call fit first, with a combiner "
                "that learns, such as combiner='stacking'; a saved ensemble does not keep them."
            )
        if made.passthrough and "features" not in asked.takes:
            raise InvalidOptionError(f"combiner {asked.name!r} makes no use of X. Leave out passthrough=True.")
        weighted = asked.learns and kept is not None and kept.weight is not None
        members = self.named_estimators_
        if {name for name, _ in pairs(self.estimators)} != set(members):
            raise InvalidOptionError(
                f"estimators must be those that fit has fitted, {shown(list(members))}; they were set since, to "
                f"{shown([name for name, _ in pairs(self.estimators)])}. Call fit again, or set them back."
            )
        asked = without_dropped(asked, [name for name, _ in all_pairs(self.estimators)], list(members))
        made._shows_features_ = made._wants_features(asked.combiner)  # of the user's, not of `plan_members`
        asking, asked = plan_members(members, self.response_method, asked, kind=self._kind)
        asked_by = vars(self).get("response_methods_", {})  # an ensemble of an earlier version has none
        changed = {name: how for name, how in asking.methods.items() if how != asked_by.get(name, how)}
        if asked.learns and changed:
            raise InvalidOptionError(
                f"combiner {asked.name!r} must get the answers that were kept; it asks for others, {changed}. Give "
                "response_method to the ensemble, and fit it."
            )
        made.response_methods_, made._columns_ = dict(asking.methods), dict(asking.columns)
        made._check_combination(members, asked, prefit=self._check_cv(), weighted=weighted)
        made._weighted_ = weighted
        made._warn_unweighted()
        x = None
        if asked.learns and kept is not None and made._shows_features_ and "features" in asked.fit_takes:
            x = self._same_rows(X, kept, asked)
        made._keep_choice(None)
        made._learn(asked, kept if asked.learns else None, x)
        return made

    def _same_rows(self, X: Any, kept: _Kept, asked: AskedCombiner) -> Any:
        if X is None:
            raise InvalidOptionError(
                f"combiner {asked.name!r} learns from X, which the ensemble does not keep. Give X=... with the rows "
                "that fit was given."
            )
        x = self._check_x(X)
        if n_rows(x) != len(kept.names) or list(row_names(x)) != list(kept.names):
            raise InvalidOptionError(
                f"X must have the rows that fit was given, in the same order: {len(kept.names)} rows "
                f"{shown(list(kept.names[:3]))}, ...; received {n_rows(x)} rows {shown(list(row_names(x)[:3]))}, ...."
            )
        return x

    def _forget(self) -> None:
        self._keep_choice(None)
        for name in ("oof_predictions_", "_kept"):
            vars(self).pop(name, None)

    def _keep(
        self,
        predictions: PredictionSet,
        x: Any,
        *,
        rows: np.ndarray,
        folds: Sequence[Fold],
        weight: np.ndarray | None,
        groups: Any,
        columns: Mapping[str, np.ndarray],
        prefit: bool,
    ) -> _Kept:
        names = predictions.ids if prefit else row_names(x)
        of_rows = None if groups is None else np.asarray(groups)[rows]
        of_weight = None if weight is None else weight[rows]
        self._kept = _Kept(predictions, rows, names, of_weight, of_rows, columns, tuple(folds))
        fields = {name: getattr(predictions, name) for name in PredictionSet.__slots__}
        fields["ids"] = predictions.ids if prefit or isinstance(names, np.ndarray) else as_ids(names)[rows]
        self.oof_predictions_ = PredictionSet(**fields)
        return self._kept

    def _learn(self, asked: AskedCombiner, kept: _Kept | None, x: Any) -> None:
        """Fit the combiner on what was kept; or take it as it is, if nothing was."""
        if kept is None:
            self.combiner_ = copy.deepcopy(asked.combiner)
            return
        kwargs: dict[str, Any] = {}
        if kept.weight is not None and self.combiner_weighted_:
            kwargs["sample_weight"] = kept.weight
        elif kept.weight is not None and not kept.weight.all():
            kept = kept.take(np.flatnonzero(kept.weight))
        predictions = kept.predictions
        if (self._shows_features_ or kept.columns) and "features" in asked.fit_takes:
            kwargs["features"] = (predictions.ids, self._features(kept.columns, x, kept.rows))
        if isinstance(asked.combiner, Auto):
            self._keep_choice(asked.combiner.choose(predictions, groups=kept.groups, **kwargs))
            self.combiner_ = self.choice_.combiner
        else:
            if kept.groups is not None:  # for final estimators that make folds of their own
                predictions = predictions.with_groups(kept.groups)
            self.combiner_ = fit_combiner(predictions, asked.combiner, **kwargs)
            vars(self.combiner_).pop("fit_groups_", None)
