"""The base class of `EnsembleClassifier` and `EnsembleRegressor`."""

from __future__ import annotations

import copy
import time
from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.base import clone
from sklearn.utils import Bunch
from sklearn.utils.validation import check_consistent_length, check_is_fitted, validate_data

from ..arguments import check_parameters
from ..combining import AskedCombiner, ask, combine, fit_combiner
from ..deprecation import takes_old_arguments
from ..errors import AlignmentError, InvalidOptionError, InvalidPredictionsError
from ..predictions import Missing, Predictions, PredictionSet, Task, align
from ..predictions.names import shown
from . import _inspect
from ._composition import Composition, routing
from ._fitting import fit_members
from ._groups import inner_folds
from ._members import MemberPredictor, check_estimators, ids_for, last_step
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


class Ensemble(Composition, ABC):
    """Named members and a combiner, as one scikit-learn estimator."""

    _kind: str
    task: Task

    missing: Missing
    response_method: str
    class_weight: Any
    passthrough: bool
    n_jobs: int | None
    verbose: int

    @abstractmethod
    def _check_y(self, y: Any) -> np.ndarray: ...

    @abstractmethod
    def _learn_names(
        self, members: Mapping[str, Any], y: np.ndarray, prefit: bool
    ) -> Mapping[Any, Hashable] | None: ...

    @abstractmethod
    def _check_options(self) -> None: ...

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
        y, groups = one_name_a_row("y", y), one_name_a_row("groups", groups)
        validate_data(self, x, y, skip_check_array=True, ensure_2d=has_columns(x))
        if not n_rows(x):
            raise InvalidPredictionsError(f"{type(self).__name__} needs at least one row; received none.")
        y = self._check_y(y)
        check_consistent_length(range(n_rows(x)), y, sample_weight, groups)
        prefit = self._check_cv()
        weight = self._weigh(sample_weight, y)
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

    def _check_parts(self, y: np.ndarray, *, weighted: bool) -> tuple[dict[str, Any], AskedCombiner]:
        """Refuse before anything is fitted what would be refused after it; learn the names of the outputs."""
        prefit = self._check_cv()
        self._check_options()
        check_parameters(self, but=("combiner",))
        if self.n_jobs is not None and not -(2**31) < self.n_jobs < 2**31:
            raise InvalidOptionError(f"n_jobs must be a number of processes, or -1 for all; received {self.n_jobs}.")
        reserved = [*self.get_params(deep=False), "ensemble"]
        members = check_estimators(self.estimators, reserved, kind=self._kind, prefit=prefit)
        asked = ask(self.combiner, self.combiner_options)
        asked.check_task(self.task)
        if self.passthrough and "features" not in asked.takes:
            raise InvalidOptionError(f"combiner {asked.name!r} makes no use of X. Leave out passthrough=True.")
        if weighted and asked.learns:
            asked.check_takes("sample_weight", fit=True)
        self._names_ = self._learn_names(members, y, prefit)
        self._check_combination(members, asked, prefit)
        predictor = self._predictor()
        for name, member in members.items():
            if prefit:
                predictor.check(name, member)
                continue
            predictor.check_unfitted(name, member)
            nested = last_step(member)
            if isinstance(nested, Ensemble):
                clone(nested)._check_parts(y, weighted=weighted and not routing())
        return members, asked

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
    def output_names_(self) -> tuple[Hashable, ...]:
        """Names of the outputs for ``combiner_``: those of the classes, in order; ``value`` for regression."""
        return ("value",) if self._names_ is None else tuple(self._names_.values())

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
            self._check_x(X, y=y, sample_weight=sample_weight),
            self._check_y(one_name_a_row("y", y)),
            scoring=scoring,
            sample_weight=sample_weight,
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
            self._check_x(X, y=y, sample_weight=sample_weight),
            self._check_y(one_name_a_row("y", y)),
            n_repeats=n_repeats,
            random_state=random_state,
            scoring=scoring,
            sample_weight=sample_weight,
        )

    def _check_cv(self) -> bool:
        if isinstance(self.cv, str) and self.cv != "prefit":
            raise InvalidOptionError(
                f"cv must be a whole number, a splitter, folds of row numbers or 'prefit'; received {self.cv!r}."
            )
        return isinstance(self.cv, str)

    def _weigh(self, sample_weight: Any, y: np.ndarray) -> np.ndarray | None:
        weight = None
        if sample_weight is not None:
            weight = weights_of(sample_weight)
            if weight.shape != (len(y),) or not np.isfinite(weight).all() or (weight < 0).any():
                raise InvalidOptionError(
                    f"sample_weight must be finite and >= 0, one a row, shape {(len(y),)}; received shape "
                    f"{weight.shape}."
                )
            if not weight.any():
                raise InvalidOptionError("Sample weights must contain at least one non-zero number; all are 0.")
        if self.class_weight is not None:
            from sklearn.utils.class_weight import compute_sample_weight

            try:
                of_class = compute_sample_weight(self.class_weight, y)
            except (TypeError, ValueError) as error:
                raise InvalidOptionError(
                    f"class_weight must be 'balanced' or {{class: weight}} with every class; received "
                    f"{self.class_weight!r}: {error}."
                ) from None
            weight = of_class if weight is None else weight * of_class
        return weight

    def _refuse_unused(self, asked: AskedCombiner, weight: Any, groups: Any, params: Mapping[str, Any]) -> None:
        unused = [f"{p}=..." for p in params] + (["groups"] if groups is not None else [])
        unused += ["sample_weight or class_weight"] if weight is not None and not asked.learns else []
        if unused:
            raise InvalidOptionError(
                f"with cv='prefit' no member is fitted and no fold made, and combiner {asked.name!r} "
                f"{'learns' if asked.learns else 'learns nothing'}: {', '.join(unused)} would do nothing. Leave it out."
            )

    def _predictor(self) -> MemberPredictor:
        return MemberPredictor(self._names_, self.response_method)

    def _check_combination(self, members: Mapping[str, Any], asked: AskedCombiner, prefit: bool) -> None:
        # Wrong weights or classes must be refused before anything is fitted. So one row is combined: this makes the
        # same checks as a prediction of the ensemble.
        outputs = self.output_names_
        predictions: list[Predictions] = []
        for name, member in members.items():
            classes = list(outputs)
            if prefit and self._names_ is not None:
                known = self._predictor().labels_of(name, member)
                if len(known) == 1 and self.missing == "error":
                    raise AlignmentError(
                        f"classes must be the same for every member; member {name!r} knows {shown(known[0])} alone, of "
                        f"{len(outputs)} classes. Fit it on rows of every class, or give missing='zero'."
                    )
                classes = [self._names_[label] for label in known] if len(known) > 1 else list(outputs)
            row = np.full((1, len(classes)), 1 / len(classes))
            predictions.append(Predictions(row, ids=[0], classes=classes, task=self.task, member=name))
        aligned = align(predictions, missing=self.missing)
        if asked.learns:
            if getattr(asked.combiner, "weights", None) is not None:
                asked.settle(aligned.members)  # to refuse wrong weights
        elif not self._wants_features(asked.combiner):
            combine(aligned, asked.combiner)

    def _wants_features(self, combiner: Any) -> bool:
        return bool(self.passthrough) or bool(getattr(combiner, "passthrough", False))

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
