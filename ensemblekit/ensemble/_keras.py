"""Keras models as scikit-learn estimators, also for images and other inputs of many axes.

Keras has its own wrappers, ``keras.wrappers.SKLearnClassifier`` and ``SKLearnRegressor``. They cannot be used here
(Keras 3.15): they have no ``predict_proba`` and refuse inputs of more than two axes; ``sklearn.base.clone`` loses
``fit_kwargs``, which ``fit`` changes; and boosting refuses them, as their ``fit`` does not name ``sample_weight``.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_consistent_length, check_is_fitted, validate_data

from ..arguments import check_parameters
from ..assembly import import_keras
from ..errors import InvalidOptionError
from ._keras_model import new_model, seeded

__all__ = ["KerasEstimator"]


class KerasEstimator(BaseEstimator):
    """The base class of `KerasClassifier` and `KerasRegressor`."""

    model: Any
    epochs: int
    batch_size: int
    validation_split: float
    callbacks: Sequence[Any] | None
    input_shape: tuple[int, ...] | None
    seed: int | None
    verbose: int | bool
    model_: Any
    history_: dict[str, list[float]]

    def name_outputs(self, labels: list[Any] | None) -> None:
        """Set the labels of the outputs of a classifier; called by `EnsembleClassifier`."""

    def _train(self, x: np.ndarray, y: np.ndarray, n_outputs: int, sample_weight: Any, targets: Callable) -> None:
        if not 0 <= self.validation_split < 1:
            raise InvalidOptionError(f"validation_split must be >= 0 and < 1; received {self.validation_split!r}.")
        for name, least in (("epochs", 0), ("batch_size", 1)):
            if getattr(self, name) < least:
                raise InvalidOptionError(f"{name} must be >= {least}; received {getattr(self, name)!r}.")
        if sample_weight is not None:
            sample_weight = np.asarray(sample_weight, dtype=np.float32)
            check_consistent_length(x, sample_weight)
        keras = import_keras(type(self).__name__)
        with seeded(keras, self.seed):
            model = new_model(keras, self.model, n_outputs=n_outputs, input_shape=x.shape[1:])
            order = np.arange(len(x))
            if self.validation_split:
                # Keras validates on the last rows, which may all be of one class.
                np.random.default_rng(self.seed).shuffle(order)
                x = x[order]
            history = model.fit(
                x,
                targets(model, y)[order],
                sample_weight=None if sample_weight is None else sample_weight[order],
                epochs=self.epochs,
                batch_size=self.batch_size,
                validation_split=self.validation_split,
                callbacks=copy.deepcopy(list(self.callbacks or ())),
                verbose=self.verbose,
            )
        self.model_ = model
        self.history_ = {name: [float(v) for v in values] for name, values in history.history.items()}

    def _inputs(self, X: Any, *, reset: bool) -> np.ndarray:
        if reset:
            check_parameters(self)
        else:
            check_is_fitted(self, "model_")
        given = getattr(X, "ndim", None)
        array: Any = validate_data(self, X, reset=reset, ensure_2d=given is None or given <= 2, allow_nd=True)
        if array.dtype == np.float64:
            array = array.astype(np.float32)
        if self.input_shape is not None:
            shape = tuple(self.input_shape)
            if int(np.prod(array.shape[1:])) != int(np.prod(shape)):
                raise InvalidOptionError(
                    f"input_shape must have as many numbers as a row of X; received {shape} for rows of shape "
                    f"{array.shape[1:]}."
                )
            array = array.reshape(len(array), *shape)
        return array

    def _raw(self, X: Any) -> np.ndarray:
        x = self._inputs(X, reset=False)
        return np.asarray(self.model_.predict(x, batch_size=self.batch_size, verbose=0))

    def __sklearn_clone__(self) -> Self:
        # Clones can share the model, as `fit` does not change it. Keras copies a model by saving and loading it, which
        # takes time and warns.
        bare = copy.copy(self)
        bare.model = None
        cloned: Any = BaseEstimator.__sklearn_clone__(bare)
        cloned.model = self.model
        return cloned

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.non_deterministic = self.seed is None
        return tags

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "model_")
