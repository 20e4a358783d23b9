"""The base class of `EnsembleClassifier` and `EnsembleRegressor`."""

from __future__ import annotations

import time
from collections.abc import Hashable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.utils import Bunch
from sklearn.utils.validation import check_consistent_length, check_is_fitted, validate_data

from ..deprecation import takes_old_arguments
from ..errors import InvalidOptionError, InvalidPredictionsError
from ..predictions import Predictions, PredictionSet, align
from . import _inspect
from ._answering import CombinesAnswers
from ._columns import columns_in
from ._composition import routing
from ._fitting import fit_members
from ._groups import inner_folds
from ._learned import LearnedWeights
from ._outputs import read_outputs
from ._rows import (
    as_rows,
    check_row_names,
    check_targets_given,
    checked_ids,
    flatten_rows,
    has_columns,
    n_rows,
    one_name_a_row,
    take,
    weights_of,
)
from ._splits import check_fold_weights, make_folds

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Ensemble"]


class Ensemble(CombinesAnswers, LearnedWeights):
    """Named members and a combiner, as one scikit-learn estimator."""

    @takes_old_arguments(positional=("groups", "ids"))
    def fit(
        self, X: Any, y: Any = None, sample_weight: Any = None, *, groups: Any = None, ids: Any = None, **params: Any
    ) -> Self:
        """Fit the members on all rows, and a combiner that learns on their out-of-fold predictions.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...), list of text or dicts, or mapping of input name to array-like
            Inputs, passed to the members as they are: arrays, tables, sparse matrices, images. A mapping is for members
            with several inputs. Masked numbers become NaN.
        y : array-like of shape (n_samples,), or (n_samples, n_outputs)
            Labels or values; of several labels 0 or 1. Named columns are the ``output_names_``. Here, in
            ``sample_weight`` and in ``groups``, a mapping is looked up by the index of X.
        sample_weight : array-like of shape (n_samples,), optional
            Finite, >= 0. Passed to every member (with metadata routing, to those that request it) and to a combiner
            that learns. If such a combiner makes no use of weights, an `UnweightedCombinerWarning` says so, rows of
            weight 0 are left out of its fit, and ``combiner_weighted_`` is False.
        groups : array-like of shape (n_samples,), optional
            Rows of one group are never both fitted on and held out by a fold of ``cv``, or of a member that makes folds
            of its own: nested ensembles, searches and the like; see Notes.
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
            If an option is not valid, or the combiner does not accept this task, these weights or these members; if
            indexes of X, ``y``, ``sample_weight`` and ``groups`` are not equal in order; or if groups cannot reach all
            folds that a member makes.
        LeakageError
            If a fold predicts rows that it was fitted on, or a prefit member predicts rows of its ``fit_ids``.
        InvalidPredictionsError
            If a member's predictions are not valid: they contain NaN, for example, or are not probabilities.

        Notes
        -----
        Groups are given to the ``fit`` of nested ensembles, and of members that take ``groups``, also in the last step
        of a pipeline. If a member of another kind makes folds, such as ``GridSearchCV``, it is fitted with folds that
        keep groups together in place of its ``cv``, which is put back afterwards; a splitter that divides groups is
        refused. With metadata routing, groups go where they are requested. A final estimator of stacking gets them if
        its ``fit`` takes ``groups``, as that of an ensemble; one with a number as its ``cv``, or none, gets folds that
        keep groups together in the same way.
        """
        started = time.perf_counter()
        x = as_rows(X)
        check_targets_given(self, y)
        check_row_names(X, y=y, sample_weight=sample_weight, groups=groups)
        (y, outputs), groups = read_outputs(y, x), one_name_a_row("groups", groups, x)
        plain = bool(type(x) is np.ndarray and x.ndim == 2 and y is not None)
        if plain:  # scikit-learn would look for names in it
            self.n_features_in_ = x.shape[1]
            vars(self).pop("feature_names_in_", None)
        else:
            given: dict[str, Any] = {"X": x, "y": y}
            validate_data(self, **given, skip_check_array=True, ensure_2d=has_columns(x))
        if not n_rows(x):
            raise InvalidPredictionsError(f"{type(self).__name__} needs at least one row; received none.")
        y = self._check_y(y)
        check_consistent_length(range(n_rows(x)), y, groups)
        prefit = self._check_cv()
        weight = self._weigh(sample_weight, x, y)
        members, asked = self._check_parts(y, outputs, weighted=weight is not None)
        learns = asked.learns
        self._forget()
        self._weighted_ = weight is not None and learns
        self._warn_unweighted()
        if prefit:
            self._refuse_unused(asked, weight, groups, params)
        elif ids is not None:
            raise InvalidOptionError("ids name rows that prefit members may know; with cv=... they mean nothing.")
        predictor = self._predictor()
        if self._shows_features_:
            flatten_rows(take(x, np.arange(1)))  # to refuse text before anything is fitted

        predictions: PredictionSet | None = None
        columns: Mapping[str, np.ndarray] = {}
        rows, folds, routed = np.arange(len(y)), [], Bunch()
        if prefit:
            fitted, seconds = members, dict.fromkeys(members, np.nan)
            if learns:
                answered = self._predict_with(fitted, x, checked_ids(x, ids))
                predictions, columns = answered.with_labels(self._labels(y)), columns_in(answered)
        else:
            routed, inner = self._route(members, weight, groups, params)
            if learns:
                classifies = self._kind == "classifier"
                folds = make_folds(self.cv, x, y, groups=groups, params=routed.cv.split, classifier=classifies)
                check_fold_weights(folds, None if routing() else weight)
            fitted, seconds, rows, answers = fit_members(
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
                columns = {m: answers[m] for m in self._columns_}
                probas = answers | {m: predictor.of_columns(m, given) for m, given in columns.items()}
                predictions = align(
                    [
                        Predictions(p, ids=rows, classes=self.output_names_, task=self.task, member=m)
                        for m, p in probas.items()
                    ]
                ).with_labels(self._labels(y[rows]))
        kept = None
        if predictions is not None:
            asks = prefit or not routing() or "combiner" not in routed or "sample_weight" in routed["combiner"].fit
            self._weighted_ = self._weighted_ and asks
            used = {"weight": weight if asks else None, "groups": groups}
            kept = self._keep(predictions, x, rows=rows, folds=folds, columns=columns, prefit=prefit, **used)
        self._learn(asked, kept, x)
        self._column_names_ = {
            m: predictor.asking.names_of(m, fitted[m], given.shape[1], self._labels_of_outputs())
            for m, given in columns.items()
        }
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
        ndarray of shape (n_samples, n_columns)
            For each member in turn the columns of all classes, or those that it answers with;
            `get_feature_names_out` names them.
        """
        answered = self._predict_members(self._check_x(X))
        cube = answered.member_probas.reshape(*answered.member_probas.shape[:2], -1)
        parts = {**dict(zip(answered.members, cube, strict=True)), **columns_in(answered)}
        return np.concatenate(list(parts.values()), axis=1)

    def final_inputs(self, X: Any) -> Any:
        """Lay out what the final estimator of a stack gets: columns of members, and X with ``passthrough``.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Inputs.

        Returns
        -------
        ndarray or sparse matrix of shape (n_samples, n_inputs)
            Probabilities of the members, in the order of their names; then other columns of members; then X.

        Raises
        ------
        InvalidOptionError
            If the combiner has no final estimator.
        """
        x = self._check_x(X)
        lay_out = getattr(self.combiner_, "inputs_of", None)
        if not callable(lay_out):
            raise InvalidOptionError(f"combiner {self.combiner!r} has no final estimator. Give combiner='stacking'.")
        answered = self._predict_members(x)
        ordered = answered.reorder(members=self.combiner_.members_, classes=self.combiner_.classes_)
        columns = columns_in(answered)
        return lay_out(ordered.member_probas, self._features(columns, x) if self.passes_features_ else None)

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Name the columns of `transform`.

        Parameters
        ----------
        input_features : Any
            Not used; scikit-learn passes it.

        Returns
        -------
        ndarray of str of shape (n_columns,)
            ``member_class`` or ``member_output``; for one number a row ``member``.
        """
        check_is_fitted(self, "combiner_")
        names: list[str] = []
        for member in self.named_estimators_:
            of_classes = [f"{member}_{label}" for label in self._labels_of_outputs()]
            names += self._column_names_.get(member, of_classes or [member])
        return np.array(names, dtype=object)

    @property
    def passes_features_(self) -> bool:
        """Whether ``combiner_`` gets X, or columns of members, in addition to probabilities."""
        return self._shows_features_ or bool(self._columns_)

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
        if self._outputs_ is not None:
            return tuple(labels)
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
            self._read_y(y, x),
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
            self._read_y(y, x),
            n_repeats=n_repeats,
            random_state=random_state,
            scoring=scoring,
            sample_weight=None if sample_weight is None else weights_of(sample_weight, x),
        )

    def _check_x(self, X: Any, **others: Any) -> Any:
        known = vars(self)
        if "combiner_" not in known:
            check_is_fitted(self, "combiner_")
        # scikit-learn would look whether an array has names, which takes as long as a member's prediction of one row.
        plain = type(X) is np.ndarray and X.ndim == 2 and not others and "feature_names_in_" not in known
        if plain and X.shape[1] == known.get("n_features_in_"):
            return X
        x = as_rows(X)
        check_row_names(X, **others)
        return validate_data(self, x, skip_check_array=True, ensure_2d=has_columns(x), reset=False)

    def _labels(self, y: np.ndarray) -> Any:
        if self._names_ is None or all(label is name for label, name in self._names_.items()):
            return y
        return [self._names_[label] for label in y.tolist()]

    def _labels_of_outputs(self) -> list[Any]:
        return list(self._outputs_ or self._names_ or ())
