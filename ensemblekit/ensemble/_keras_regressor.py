"""A Keras model as a scikit-learn regressor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.utils.validation import check_array, check_consistent_length

from ..errors import CompatibilityError
from ._keras import KerasEstimator, ScoredByName
from ._keras_losses import check_regression_loss, try_loss
from ._keras_model import count_outputs
from ._rows import check_row_names, n_rows

__all__ = ["KerasRegressor"]


class KerasRegressor(ScoredByName, RegressorMixin, KerasEstimator):
    """A Keras model as a scikit-learn regressor.

    Parameters
    ----------
    model : keras.Model, or callable
        A compiled model: each `fit` trains a copy with a new optimizer; the model is not changed. What starts anew is
        said in `KerasClassifier`. Or a function that makes a compiled model; it gets ``n_outputs`` and ``input_shape``
        if it has parameters of these names.
    epochs, batch_size, validation_split, callbacks, input_shape, initial_weights, seed, verbose
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
        epochs: int = 10,
        batch_size: int = 32,
        validation_split: float = 0.0,
        callbacks: Sequence[Any] | None = None,
        input_shape: tuple[int, ...] | None = None,
        initial_weights: str = "new",
        seed: int | None = None,
        verbose: int | bool = 0,
    ) -> None:
        self.model = model
        self.epochs = epochs
        self.batch_size = batch_size
        self.validation_split = validation_split
        self.callbacks = callbacks
        self.input_shape = input_shape
        self.initial_weights = initial_weights
        self.seed = seed
        self.verbose = verbose

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train a new copy of the model.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...), list of str, or mapping of str to array-like
            Inputs; a mapping names those of a model with several.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Values.
        sample_weight : array-like of shape (n_samples,), optional
            Weight of each row in the loss.

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
        x = self._inputs(X, reset=True)
        check_row_names(X, y=y, sample_weight=sample_weight)
        y = check_array(y, ensure_2d=False, input_name="y", dtype="float32")
        check_consistent_length(range(n_rows(x)), y)
        n_outputs = 1 if y.ndim == 1 else y.shape[1]

        def targets(model: Any, found: None) -> np.ndarray:
            if count_outputs(model) != n_outputs:
                raise CompatibilityError(
                    f"the model must have one output a column of y; it has {count_outputs(model)} for {n_outputs}."
                )
            return y.reshape(len(y), n_outputs)

        self._train(x, n_outputs, sample_weight, targets)
        return self

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
