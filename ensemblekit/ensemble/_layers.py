"""`LayeredClassifier` and `LayeredRegressor`: ensembles in several layers."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_array, column_or_1d

from ..errors import InvalidOptionError, InvalidPredictionsError
from ..interfaces import CombinerLike
from ..predictions import Task
from ._classifier import EnsembleClassifier, check_thresholds, class_names, decide
from ._columns import check_methods
from ._layered import Layered
from ._members import all_pairs
from ._regressor import EnsembleRegressor
from ._rows import as_rows, check_row_names, one_name_a_row, weights_of

__all__ = ["LayeredClassifier", "LayeredRegressor"]


class LayeredClassifier(ClassifierMixin, Layered):
    """Classifiers in several layers and a combiner on top, as one scikit-learn classifier.

    Parameters
    ----------
    layers : list of list of (str, estimator)
        The members of each layer, as in `EnsembleClassifier`. Those of the first layer get X, those above the
        out-of-fold probabilities of the layer below. ``[members] * 2`` is two layers of the same members.
    combiner : str or Combiner, default="super_learner"
        As in `EnsembleClassifier`, without ``"auto"``: it combines the members of the last layer that is used.
    combiner_options : dict, optional
        Options of a combiner that is given by name.
    cv : int, splitter, or iterable of (train, test), default=5
        Folds, the same in every layer. Each row must be held out once, and be fitted on by all other folds. There must
        be more folds than layers; one more if the combiner learns. A whole number gives stratified folds, which keep
        groups together if `fit` is given ``groups``.
    passthrough : bool, default=True
        Whether the members above the first layer get X too, with each row flattened into a vector.
    response_method : str or dict of member to str, default="auto"
        As in `EnsembleClassifier`; a name stands for the members of this name in all layers. ``"auto"`` takes
        ``predict_proba``, and refuses members without it.
    thresholds : float, or dict of label to float, optional
        For `predict`, as in `EnsembleClassifier`.
    metric : str, scorer, callable or Metric, optional
        What layers are compared by, see `ensemblekit.evaluation.find_metric`. By default log loss, or the first metric
        of regression.
    patience : int or None, default=1
        The fit ends after this number of layers in a row without a better out-of-fold score. None fits all layers.
    time_limit : float, optional
        Seconds after which no fit of a member begins, nor one that would last longer, judged by the fits of the same
        member before. A fit that has begun is finished, and so is the first member of the first layer. The combiner
        does not count.
    n_jobs : int, optional
        Number of processes that fit members, as in joblib.
    verbose : int, default=0
        If 1 or more, write a line to stderr for each fit.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Sorted labels.
    layers_ : list of dict
        Name -> member fitted on all rows, for each layer that is used.
    n_layers_ : int
        Number of layers that are used: those up to the one with the best out-of-fold score, the first of equal ones.
    combiner_ : Combiner
        The combiner, fitted if it learns.
    layer_table_ : DataFrame
        For each layer that was fitted: ``members``, ``fits`` and ``seconds`` that it cost to add it, ``total_seconds``
        until then, ``best_member`` and its score, ``score`` of the combined layer, and whether it is ``used``. Scores
        are out of fold.
    oof_predictions_ : list of PredictionSet
        Out-of-fold predictions of the members of each layer that was fitted; ids are the numbers of rows.
    oof_combined_ : list of Predictions
        The same of each layer combined. The combiner too is fitted without the rows that it predicts.
    fold_ : ndarray of shape (n_samples,)
        Number of the fold of each row.
    stopped_ : {"all layers", "no gain", "time limit"}
        Why the fit ended.
    fit_seconds_ : float
        Time of `fit`.
    n_features_in_, feature_names_in_
        As in `EnsembleClassifier`.

    See Also
    --------
    LayeredRegressor : The same for numbers.
    EnsembleClassifier : One layer; it can also be a member.

    Notes
    -----
    No label of a row, nor of its group, reaches what is predicted for that row out of fold, in any layer. For this the
    members below are also fitted without two, three or more of the ``K`` folds: for a row of fold ``j`` that a member
    above is fitted on without fold ``k``, the members below are fitted without ``j`` and ``k``. A member of layer ``l``
    of ``L`` is fitted ``1 + K + K (K - 1) / 2 + ...`` times, up to sets of ``L - l + 1`` folds, or of one more if the
    combiner learns: with ``K = 5`` and a combiner that learns, 16 times in the last layer and 26 in the one below. If
    layers were fitted only without one fold at a time, the labels of fold ``k`` would be in what the members above
    learn from, as predictions of members that were fitted on ``k``, and scores would be too good. The more folds are
    left out together, the fewer rows are left to fit on: with three layers or more, give more folds.

    If the time ends before all members of a layer are finished, the layer consists of those that are.

    Tie rule of `predict`: the first of the most probable classes.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from ensemblekit import LayeredClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> members = [("tree", DecisionTreeClassifier(max_depth=3, random_state=0)), ("bayes", GaussianNB())]
    >>> model = LayeredClassifier([members] * 2, cv=4, patience=None).fit(X, y)
    >>> model.layer_table_[["members", "fits"]].to_dict("list")
    {'members': [2, 2], 'fits': [22, 30]}
    >>> model.predict_proba(X[:2]).shape
    (2, 3)
    """

    _kind = "classifier"
    _of_one = EnsembleClassifier
    task: Task = "multiclass"

    def __init__(
        self,
        layers: Any,
        *,
        combiner: str | CombinerLike = "super_learner",
        combiner_options: Mapping[str, Any] | None = None,
        cv: Any = 5,
        passthrough: bool = True,
        response_method: str | Mapping[str, str] = "auto",
        thresholds: float | Mapping[Hashable, float] | None = None,
        metric: Any = None,
        patience: int | None = 1,
        time_limit: float | None = None,
        n_jobs: int | None = None,
        verbose: int | bool = 0,
    ) -> None:
        super().__init__(
            layers, combiner=combiner, combiner_options=combiner_options, cv=cv, passthrough=passthrough, metric=metric,
            patience=patience, time_limit=time_limit, n_jobs=n_jobs, verbose=verbose,
        )  # fmt: skip
        self.response_method = response_method
        self.thresholds = thresholds

    def predict_proba(self, X: Any) -> np.ndarray:
        """Combine the probabilities of the members of the last layer.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Inputs.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Columns in the order of ``classes_``.
        """
        return self._combined(X)

    def predict(self, X: Any) -> np.ndarray:
        """Predict labels; use ``thresholds`` if they are given.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Inputs.

        Returns
        -------
        ndarray of shape (n_samples,)
            Labels out of ``classes_``.
        """
        return decide(self.predict_proba(X), self.thresholds, self.classes_)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Compute the accuracy of `predict`.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Inputs.
        y : array-like of shape (n_samples,)
            Labels.
        sample_weight : array-like of shape (n_samples,), optional
            Weight of each row.

        Returns
        -------
        float
            Between 0 and 1.

        Raises
        ------
        InvalidOptionError
            If ``y`` or ``sample_weight`` name their rows otherwise than X.
        """
        return super().score(*_by_name(X, y, sample_weight))

    def _check_y(self, y: Any) -> np.ndarray:
        _refuse_several(self, y, "MultiOutputClassifier")
        y = column_or_1d(y, warn=True)
        check_classification_targets(y)
        return y

    def _check_options(self) -> None:
        super()._check_options()
        given = self.layers if isinstance(self.layers, (list, tuple)) else ()
        named = [name for layer in given if isinstance(layer, (list, tuple)) for name, _ in all_pairs(layer)]
        check_methods(self.response_method, list(dict.fromkeys(named)))

    def _one(self, name: str, member: Any, method: str) -> Any:
        return EnsembleClassifier([(name, member)], response_method=method)

    def _method_of(self, name: str) -> str:
        given = self.response_method
        return given if isinstance(given, str) else given.get(name, "auto")

    def _learn_labels(self, y: np.ndarray) -> list[Any]:
        self.classes_, codes = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise InvalidPredictionsError(
                f"{type(self).__name__} needs at least two classes; received one class, {self.classes_.tolist()[0]!r}."
            )
        check_thresholds(self.thresholds, self.classes_)
        self._names = tuple(class_names(self.classes_).values())
        self._labels = np.array(self._names)[codes]
        return self.classes_.tolist()


class LayeredRegressor(RegressorMixin, Layered):
    """Regressors in several layers and a combiner on top, as one scikit-learn regressor.

    Parameters
    ----------
    layers : list of list of (str, estimator)
        As in `LayeredClassifier`, of regressors.
    combiner : str or Combiner, default="super_learner"
        As in `LayeredClassifier`. It must accept regression.
    combiner_options : dict, optional
        Options of a combiner that is given by name.
    cv : int, splitter, or iterable of (train, test), default=5
        As in `LayeredClassifier`, but whole numbers give folds that are not stratified.
    passthrough, metric, patience, time_limit, n_jobs, verbose
        As in `LayeredClassifier`.

    Attributes
    ----------
    layers_, n_layers_, combiner_, layer_table_, oof_predictions_, oof_combined_, fold_, stopped_, fit_seconds_
        As in `LayeredClassifier`.

    See Also
    --------
    LayeredClassifier : The same for labels.
    EnsembleRegressor : One layer; it can also be a member.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.linear_model import Ridge
    >>> from sklearn.tree import DecisionTreeRegressor
    >>> from ensemblekit import LayeredRegressor
    >>> X, y = load_diabetes(return_X_y=True)
    >>> members = [("ridge", Ridge()), ("tree", DecisionTreeRegressor(max_depth=3, random_state=0))]
    >>> LayeredRegressor([members, [("ridge", Ridge())]], cv=4).fit(X, y).predict(X[:2]).shape
    (2,)
    """

    _kind = "regressor"
    _of_one = EnsembleRegressor
    task: Task = "regression"

    def predict(self, X: Any) -> np.ndarray:
        """Combine the values of the members of the last layer.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Inputs.

        Returns
        -------
        ndarray of shape (n_samples,)
            Values.
        """
        return self._combined(X)[:, 0]

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Compute R² of `predict`.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Inputs.
        y : array-like of shape (n_samples,)
            Values.
        sample_weight : array-like of shape (n_samples,), optional
            Weight of each row.

        Returns
        -------
        float
            At most 1.

        Raises
        ------
        InvalidOptionError
            If ``y`` or ``sample_weight`` name their rows otherwise than X.
        """
        return super().score(*_by_name(X, y, sample_weight))

    def _check_y(self, y: Any) -> np.ndarray:
        _refuse_several(self, y, "MultiOutputRegressor")
        return check_array(column_or_1d(y, warn=True), ensure_2d=False, input_name="y")

    def _learn_labels(self, y: np.ndarray) -> None:
        self._names = ("value",)
        self._labels = y.astype(np.float64)[:, np.newaxis]


def _refuse_several(layered: Any, y: Any, remedy: str) -> None:
    if np.ndim(y) == 2 and np.shape(y)[1] > 1:
        raise InvalidOptionError(
            f"y of {type(layered).__name__} must be one column; received {np.shape(y)[1]}. Fit one for each column: "
            f"sklearn.multioutput.{remedy}({type(layered).__name__}(...)), or give one layer of several labels or "
            f"outputs to {layered._of_one.__name__}."
        )


def _by_name(X: Any, y: Any, sample_weight: Any) -> tuple[Any, Any, Any]:
    check_row_names(X, y=y, sample_weight=sample_weight)
    x = as_rows(X)
    return X, one_name_a_row("y", y, x), None if sample_weight is None else weights_of(sample_weight, x)
