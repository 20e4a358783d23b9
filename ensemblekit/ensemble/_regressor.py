"""`EnsembleRegressor`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.utils.validation import check_array, column_or_1d

from ..interfaces import CombinerLike
from ..predictions import Missing
from ._base import Ensemble
from ._rows import as_rows, check_row_names, weights_of

__all__ = ["EnsembleRegressor"]


class EnsembleRegressor(RegressorMixin, Ensemble):
    """Regressors and a combiner, as one scikit-learn regressor.

    Parameters
    ----------
    estimators : list of (str, estimator)
        The members: scikit-learn regressors, compiled Keras models or `KerasRegressor`; names, ``"drop"`` and members
        that learn without values of ``y`` as in `EnsembleClassifier`.
    combiner : str, Combiner or list of these, default="mean"
        A registered name, or an object with a method ``combine``. It must accept regression. One that learns is fitted
        on out-of-fold predictions. ``"auto"`` chooses one by these predictions, see `choose`,
        and a list is that of the rules to choose from.
    combiner_options : dict, optional
        As in `EnsembleClassifier`.
    cv : int, splitter, iterable of (train, test), or "prefit", default=5
        As in `EnsembleClassifier`, but whole numbers give folds that are not stratified.
    passthrough, n_jobs, verbose
        As in `EnsembleClassifier`.

    Attributes
    ----------
    estimators_, named_estimators_, combiner_, fit_seconds_, n_features_in_, feature_names_in_, oof_predictions_
        As in `EnsembleClassifier`.
    oof_folds_, member_weights_, head_weights_
        As in `EnsembleClassifier`.
    output_names_ : tuple of str or int
        ``value``; with several outputs the columns of ``y``, or 0, 1, ... if they have no names.

    See Also
    --------
    EnsembleClassifier : The same for labels.
    KerasRegressor : A Keras model as a scikit-learn regressor.

    Notes
    -----
    ``y`` may have several columns. Members whose tags say that they take several outputs are fitted on all at once; of
    others, a clone is fitted on each, as scikit-learn's ``MultiOutputRegressor`` does. Rows that no fold or several
    folds hold out are treated as in `EnsembleClassifier`.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.linear_model import Ridge
    >>> from sklearn.tree import DecisionTreeRegressor
    >>> from ensemblekit import EnsembleRegressor
    >>> X, y = load_diabetes(return_X_y=True)
    >>> members = [("ridge", Ridge()), ("tree", DecisionTreeRegressor(max_depth=3, random_state=0))]
    >>> EnsembleRegressor(members).fit(X, y).predict(X[:2]).shape
    (2,)
    """

    _kind = "regressor"
    # Parameters that only a classifier has.
    response_method: Any = "auto"
    missing: Missing = "error"
    class_weight = None

    def __init__(
        self,
        estimators: Any,
        *,
        combiner: str | CombinerLike = "mean",
        combiner_options: Mapping[str, Any] | None = None,
        cv: Any = 5,
        passthrough: bool = False,
        n_jobs: int | None = None,
        verbose: int | bool = 0,
    ) -> None:
        self.estimators = estimators
        self.combiner = combiner
        self.combiner_options = combiner_options
        self.cv = cv
        self.passthrough = passthrough
        self.n_jobs = n_jobs
        self.verbose = verbose

    def predict(self, X: Any, **params: Any) -> np.ndarray:
        """Combine the members' values.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Inputs.
        **params : dict
            Further parameters of the methods by which members are asked, by metadata routing.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_outputs)
            Values, columns in the order of ``output_names_``.
        """
        x = self._check_x(X)
        combined = self._combined(x, self._members_with("predict", params))
        return combined[:, 0] if self._outputs_ is None else combined

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Compute R² of `predict`; with several outputs, its mean.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Inputs.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Values. Named columns are matched by name.
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
        check_row_names(X, y=y, sample_weight=sample_weight)
        x = as_rows(X)
        weights = None if sample_weight is None else weights_of(sample_weight, x)
        return super().score(X, self._read_y(y, x), weights)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = self._takes_several()
        return tags

    def _check_y(self, y: Any) -> np.ndarray:
        if type(y) is np.ndarray and y.ndim == 1 and y.dtype.kind in "fiu" and len(y) and np.isfinite(y).all():
            return y
        if np.ndim(y) == 2 and np.shape(y)[1] > 1:
            return check_array(y, dtype="numeric", input_name="y")
        y = column_or_1d(y, warn=True)
        return check_array(y, ensure_2d=False, input_name="y")

    def _check_options(self) -> None:
        pass

    def _learn_names(self, members: Mapping[str, Any], y: np.ndarray, prefit: bool) -> None:
        return None
