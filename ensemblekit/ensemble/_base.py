"""The base class of `EnsembleClassifier` and `EnsembleRegressor`."""

from __future__ import annotations

import copy
import time
from collections.abc import Hashable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.utils import Bunch
from sklearn.utils.validation import check_consistent_length, check_is_fitted, validate_data

from ..combining import combine, fit_combiner
from ..deprecation import takes_old_arguments
from ..errors import InvalidOptionError, InvalidPredictionsError
from ..predictions import Predictions, PredictionSet, align
from . import _inspect
from ._checked import CheckedEnsemble
from ._fitting import fit_members
from ._groups import inner_folds
from ._members import ids_for
from ._rows import (
    as_rows,
    check_row_names,
    checked_ids,
    flatten_rows,
    has_columns,
    n_rows,
    one_name_a_row,
    take,
    weights_of,
)
from ._splits import make_folds

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Ensemble"]


class Ensemble(CheckedEnsemble):
    """Named members and a combiner, as one scikit-learn estimator."""

    @takes_old_arguments(positional=("groups", "ids"))
    def fit(
        self, X: Any, y: Any, sample_weight: Any = None, *, groups: Any = None, ids: Any = None, **params: Any
    ) -> Self:
        """Fit the members on all rows, and a combiner that learns on their out-of-fold predictions.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Inputs, passed to the members as they are: arrays, tables, sparse matrices, images.
        y : array-like of shape (n_samples,)
            Labels or values.
        sample_weight : array-like of shape (n_samples,), optional
            Finite, >= 0. Passed to every member (with metadata routing, to those that request it) and to a combiner
            that learns.
        groups : array-like of shape (n_samples,), optional
            Rows of one group are never both fitted on and held out by a fold of ``cv``.
        ids : sequence of str or int, optional
            Names of the rows, for ``cv="prefit"`` if members know the rows that they were fitted on (``fit_ids``);
            by default the index of a table, else the row numbers.
        **params : dict
            Further parameters of the members' ``fit``, by metadata routing.

        Returns
        -------
        Ensemble
            Itself.

        Raises
        ------
        InvalidOptionError
            If an option is not valid, or the combiner does not accept this task, these weights or these members.
        LeakageError
            If a fold predicts rows that it was fitted on, or a prefit member predicts rows of its ``fit_ids``.
        InvalidPredictionsError
            If a member's predictions are not valid: they contain NaN, for example, or are not probabilities.
        """
        started = time.perf_counter()
        x = as_rows(X)
        check_row_names(X, y=y, sample_weight=sample_weight, groups=groups)
        y, groups = one_name_a_row("y", y, x), one_name_a_row("groups", groups, x)
        validate_data(self, x, y, skip_check_array=True, ensure_2d=has_columns(x))
        if not n_rows(x):
            raise InvalidPredictionsError(f"{type(self).__name__} needs at least one row; received none.")
        y = self._check_y(y)
        check_consistent_length(range(n_rows(x)), y, groups)
        prefit = self._check_cv()
        weight = self._weigh(sample_weight, x, y)
        members, asked = self._check_parts(y, weighted=weight is not None)
        learns = asked.learns
        if prefit:
            self._refuse_unused(asked, weight, groups, params)
        elif ids is not None:
            raise InvalidOptionError("ids name rows that prefit members may know; with cv=... they mean nothing.")
        predictor = self._predictor()
        self._shows_features_ = self._wants_features(asked.combiner)
        if self._shows_features_:
            flatten_rows(take(x, np.arange(1)))  # to refuse text before anything is fitted

        predictions: PredictionSet | None = None
        rows = np.arange(len(y))
        if prefit:
            fitted, seconds = members, dict.fromkeys(members, np.nan)
            if learns:
                predictions = self._predict_with(fitted, x, checked_ids(x, ids)).with_labels(self._labels(y))
        else:
            routed, inner = self._route(members, weight, groups, params)
            folds, classifies = [], self._kind == "classifier"
            if learns:
                folds = make_folds(self.cv, x, y, groups=groups, params=routed.cv.split, classifier=classifies)
            fitted, seconds, rows, probas = fit_members(
                members,
                x,
                y,
                params={member: routed[member].fit for member in members},
                folds=folds,
                inner_folds=inner_folds(members, inner, folds, x, y, groups),
                predictor=predictor,
                owner=type(self).__name__,
                n_jobs=self.n_jobs,
                verbose=self.verbose,
            )
            if learns:
                predictions = align(
                    [
                        Predictions(p, ids=rows, classes=self.output_names_, task=self.task, member=m)
                        for m, p in probas.items()
                    ]
                ).with_labels(self._labels(y[rows]))
        if predictions is not None:
            kwargs: dict[str, Any] = {} if weight is None else {"sample_weight": weight[rows]}
            if self._shows_features_ and "features" in asked.fit_takes:
                kwargs["features"] = (predictions.ids, flatten_rows(x)[rows])
            self.combiner_ = fit_combiner(predictions, asked.combiner, **kwargs)
        else:
            self.combiner_ = copy.deepcopy(asked.combiner)
        self.estimators_ = list(fitted.values())
        self.named_estimators_ = Bunch(**fitted)
        self.fit_seconds_ = {**seconds, "ensemble": time.perf_counter() - started}
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Predict with each member, and put the predictions side by side.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Inputs.

        Returns
        -------
        ndarray of shape (n_samples, n_members * n_classes)
            For each member in turn the columns of all classes; `get_feature_names_out` names them.
        """
        cube = self._predict_members(self._check_x(X)).member_probas
        return np.moveaxis(cube, 0, 1).reshape(cube.shape[1], -1)

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Name the columns of `transform`.

        Parameters
        ----------
        input_features : Any
            Not used; scikit-learn passes it.

        Returns
        -------
        ndarray of str of shape (n_members * n_classes,)
            ``member_class``; for regression ``member``.
        """
        check_is_fitted(self, "combiner_")
        if self.task == "regression":
            return np.array(list(self.named_estimators_), dtype=object)
        names = [f"{member}_{label}" for member in self.named_estimators_ for label in self._labels_of_outputs()]
        return np.array(names, dtype=object)

    @property
    def passes_features_(self) -> bool:
        """Whether ``combiner_`` gets X in addition to the members' predictions."""
        return self._shows_features_

    def output_names_for(self, labels: Iterable[Any]) -> tuple[Hashable, ...] | None:
        """Translate labels of a member to names of outputs.

        Parameters
        ----------
        labels : iterable of labels
            Out of ``classes_``.

        Returns
        -------
        tuple of str or int, or None
            Names out of ``output_names_``; None for regression.
        """
        return None if self._names_ is None else tuple(self._names_[label] for label in labels)

    def leaderboard(self, X: Any, y: Any, *, scoring: Any = None, sample_weight: Any = None) -> pd.DataFrame:
        """Score the ensemble and each of its members on the same rows, best first.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Inputs, preferably of rows on which neither the members nor the combiner were fitted.
        y : array-like of shape (n_samples,)
            Labels or values.
        scoring : str, callable, list of str, or dict of name to either, optional
            scikit-learn scorers; higher is better. By default accuracy and negative log loss; for regression R² and
            negative root mean squared error.
        sample_weight : array-like of shape (n_samples,), optional
            Passed to the scorers.

        Returns
        -------
        pandas.DataFrame
            Index ``model``: the members by name, and ``ensemble``. Columns: one for each score; ``fit_seconds``,
            including folds (NaN for prefit members); ``predict_seconds``, for the ensemble including its members.
        """
        return _inspect.leaderboard(
            self,
            x := self._check_x(X, y=y, sample_weight=sample_weight),
            self._check_y(one_name_a_row("y", y, x)),
            scoring=scoring,
            sample_weight=None if sample_weight is None else weights_of(sample_weight, x),
        )

    def member_importance(
        self,
        X: Any,
        y: Any,
        *,
        n_repeats: int = 5,
        random_state: Any = None,
        scoring: Any = None,
        sample_weight: Any = None,
    ) -> pd.DataFrame:
        """Measure how much the score falls when the predictions of one member are shuffled.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Inputs, preferably of rows on which neither the members nor the combiner were fitted.
        y : array-like of shape (n_samples,)
            Labels or values.
        n_repeats : int, default=5
            Number of shuffles of each member.
        random_state : int, RandomState or None
            Seed of the shuffles, which are the same for every member.
        scoring : str or callable, optional
            A scikit-learn scorer; by default negative log loss, for regression R².
        sample_weight : array-like of shape (n_samples,), optional
            Passed to the scorer.

        Returns
        -------
        pandas.DataFrame
            Index ``member``, the most important first; ``importance``, the mean fall of the score, and ``deviation``,
            its standard deviation over the shuffles.
        """
        return _inspect.member_importance(
            self,
            x := self._check_x(X, y=y, sample_weight=sample_weight),
            self._check_y(one_name_a_row("y", y, x)),
            n_repeats=n_repeats,
            random_state=random_state,
            scoring=scoring,
            sample_weight=None if sample_weight is None else weights_of(sample_weight, x),
        )

    def _check_x(self, X: Any, **others: Any) -> Any:
        check_is_fitted(self, "combiner_")
        x = as_rows(X)
        check_row_names(X, **others)
        return validate_data(self, x, skip_check_array=True, ensure_2d=has_columns(x), reset=False)

    def _predict_with(self, members: Mapping[str, Any], X: Any, ids: Any) -> PredictionSet:
        predictor = self._predictor()
        return self._align([predictor.predict(name, member, X, ids) for name, member in members.items()])

    def _align(self, predictions: list[Predictions]) -> PredictionSet:
        return align(predictions, missing=self.missing).reorder(classes=self.output_names_)

    def _predict_members(self, X: Any) -> PredictionSet:
        return self._predict_with(self.named_estimators_, X, ids_for(self.named_estimators_, X))

    def _combine(self, predictions: PredictionSet, X: Any) -> np.ndarray:
        kwargs: dict[str, Any] = {}
        if self._shows_features_:
            kwargs["features"] = (predictions.ids, flatten_rows(X))
        return combine(predictions, self.combiner_, **kwargs).probas

    def _labels(self, y: np.ndarray) -> Any:
        return y if self._names_ is None else [self._names_[label] for label in y.tolist()]

    def _labels_of_outputs(self) -> list[Any]:
        return list(self._names_ or ())
