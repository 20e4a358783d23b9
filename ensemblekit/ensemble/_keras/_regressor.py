"""A Keras model as a scikit-learn regressor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.utils.validation import check_array

from ...errors import CompatibilityError
from ._estimator import Given, KerasEstimator, ScoredByName
from ._losses import check_regression_loss, try_loss
from ._model import count_outputs

__all__ = ["KerasRegressor"]


class KerasRegressor(ScoredByName, RegressorMixin, KerasEstimator):
    """A Keras model as a scikit-learn regressor.

    Parameters
    ----------
    model : keras.Model, or callable
        A compiled model: each `fit` trains a copy with a new optimizer; the model is not changed. What starts anew is
        said in `KerasClassifier`. Or a function that makes a compiled model; it gets ``n_outputs`` and ``input_shape``
        if it has parameters of these names.
    model_options, epochs, batch_size, validation_split, callbacks, input_shape
        As in `KerasClassifier`.
    initial_weights, own_process, seed, verbose
        As in `KerasClassifier`.

    Attributes
    ----------
    model_, history_, n_features_in_
        As in `KerasClassifier`.

    See Also
    --------
    EnsembleRegressor : Accepts it, or the bare model, as a member.
    """

    def __init__(
        self,
        model: Any,
        *,
        model_options: Mapping[str, Any] | None = None,
        epochs: int = 10,
        batch_size: int = 32,
        validation_split: float = 0.0,
        callbacks: Sequence[Any] | None = None,
        input_shape: tuple[int, ...] | None = None,
        initial_weights: str = "new",
        own_process: bool = False,
        seed: int | None = None,
        verbose: int | bool = 0,
    ) -> None:
        self.model = model
        self.model_options = model_options
        self.epochs = epochs
        self.batch_size = batch_size
        self.validation_split = validation_split
        self.callbacks = callbacks
        self.input_shape = input_shape
        self.initial_weights = initial_weights
        self.own_process = own_process
        self.seed = seed
        self.verbose = verbose

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None, *, validation_data: Any = None) -> Self:
        """Train a new copy of the model.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...), list of str, mapping of str to array-like, or dataset
            Inputs, as in `KerasClassifier.fit`.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Values. None for a dataset.
        sample_weight : array-like of shape (n_samples,), optional
            Weight of each row in the loss.
        validation_data : tuple (X, y) or (X, y, sample_weight), or dataset, optional
            Rows that Keras validates on after each epoch.

        Returns
        -------
        KerasRegressor
            Itself.

        Raises
        ------
        InvalidOptionError
            If options do not fit the model, or X and ``y`` name their rows differently.
        CompatibilityError
            If the model is not compiled or cannot be copied, or its inputs, outputs or loss do not fit.
        """
        return self._fit(X, y, sample_weight, validation_data)

    def _read_targets(self, y: Any) -> np.ndarray:
        return check_array(y, ensure_2d=False, input_name="y", dtype="float32")

    def _count_targets(self, y: np.ndarray) -> int:
        return 1 if y.ndim == 1 else y.shape[1]

    def _learn_outputs(self, keras: Any, model: Any, given: Given) -> None:
        self._check_outputs(keras, model)
        if count_outputs(model) != given.n_outputs:
            raise CompatibilityError(
                f"the model must have one output a column of y; it has {count_outputs(model)} for {given.n_outputs}."
            )

    def _as_targets(self, model: Any, y: np.ndarray) -> np.ndarray:
        return y.reshape(len(y), count_outputs(model))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def _check_outputs(self, keras: Any, model: Any) -> None:
        n_outputs = count_outputs(model)
        check_regression_loss(keras, model.loss)
        try_loss(keras, model.loss, np.zeros((2, n_outputs), dtype=np.float32), n_outputs)

    def predict(self, X: Any) -> np.ndarray:
        """Predict values.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Inputs.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_outputs)
            Values.
        """
        raw = self._raw(X)
        return raw[:, 0] if raw.shape[1] == 1 else raw
