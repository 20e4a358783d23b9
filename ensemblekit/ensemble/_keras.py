"""Keras models as scikit-learn estimators, also for images and other inputs of many axes.

Keras has its own wrappers, ``keras.wrappers.SKLearnClassifier`` and ``SKLearnRegressor``. They cannot be used here
(Keras 3.15): they have no ``predict_proba`` and refuse inputs of more than two axes; ``sklearn.base.clone`` loses
``fit_kwargs``, which ``fit`` changes; and boosting refuses them, as their ``fit`` does not name ``sample_weight``.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_consistent_length, check_is_fitted, validate_data

from ..arguments import check_parameters
from ..assembly import copy_model, copy_untrained, import_keras
from ..errors import InvalidOptionError
from ..predictions.choices import check_choice
from ._keras_inputs import as_fed, check_shapes, inputs_of, is_of_several, of_model, text_of
from ._keras_model import check_compiled, is_model, make_model, reseed, seeded
from ._rows import check_row_names, n_rows, slice_rows, take, weights_of

__all__ = ["KerasEstimator"]


class ScoredByName:
    """A score that refuses rows whose names differ; before a mixin of scikit-learn in the bases of a class."""

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Score the predictions, as the mixin of scikit-learn does: accuracy, or R² for regression.

        Parameters
        ----------
        X : array-like, or mapping of input name to array-like
            Inputs.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            True labels or values.
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
        scored: Any = super()
        return scored.score(X, y, sample_weight)


class KerasEstimator(BaseEstimator):
    """The base class of `KerasClassifier` and `KerasRegressor`."""

    model: Any
    epochs: int
    batch_size: int
    validation_split: float
    callbacks: Sequence[Any] | None
    input_shape: tuple[int, ...] | None
    initial_weights: str = "new"  # estimators that were saved before have no such option
    seed: int | None
    verbose: int | bool
    model_: Any
    history_: dict[str, list[float]]

    def name_outputs(self, labels: list[Any] | None) -> None:
        """Set the labels of the outputs of a classifier; called by `EnsembleClassifier`."""

    def check_model(self, labels: list[Any] | None = None) -> None:
        """Refuse options, and a given model, that `fit` would refuse whatever the rows are.

        An ensemble calls it before it fits any member.

        Parameters
        ----------
        labels : list, optional
            Labels of all rows, for a classifier whose outputs must be one a label.

        Raises
        ------
        InvalidOptionError
            If an option is not valid, or a loss of the user's own is not told what it is given.
        CompatibilityError
            If the model is not compiled, or its outputs or its loss do not fit the task.
        """
        check_parameters(self)
        if not 0 <= self.validation_split < 1:
            raise InvalidOptionError(f"validation_split must be >= 0 and < 1; received {self.validation_split!r}.")
        for name, least in (("epochs", 0), ("batch_size", 1)):
            if getattr(self, name) < least:
                raise InvalidOptionError(f"{name} must be >= {least}; received {getattr(self, name)!r}.")
        check_choice("initial_weights", self.initial_weights, ("new", "given"))
        if is_model(self.model):
            check_compiled(self.model)
            if inputs_of(self.model) is not None:
                self._check_outputs(import_keras(type(self).__name__), self.model)
                self._check_labels(self.model, labels)

    def _check_outputs(self, keras: Any, model: Any) -> Any:
        raise NotImplementedError

    def _check_labels(self, model: Any, labels: list[Any] | None) -> None:
        pass

    def _train(self, x: Any, n_outputs: int, sample_weight: Any, targets: Callable[[Any, Any], np.ndarray]) -> None:
        if sample_weight is not None:
            if isinstance(sample_weight, Mapping):
                raise InvalidOptionError(
                    "sample_weight must be one number a row, in the order of X; received a mapping. Give a Series."
                )
            sample_weight = weights_of(sample_weight).astype(np.float32)
            check_consistent_length(range(n_rows(x)), sample_weight)
        keras = import_keras(type(self).__name__)
        with seeded(keras, self.seed):
            model = self._new_model(keras, x, n_outputs)
            y = targets(model, self._check_outputs(keras, model))
            order = np.arange(n_rows(x))
            if self.validation_split:
                # Keras validates on the last rows, which may all be of one class.
                np.random.default_rng(self.seed).shuffle(order)
                x = take(x, order)
            # The order of the rows shall not depend on how many draws the copying of the model took.
            reseed(keras, self.seed)
            history = model.fit(
                as_fed(x, model),
                y[order],
                sample_weight=None if sample_weight is None else sample_weight[order],
                epochs=self.epochs,
                batch_size=self.batch_size,
                validation_split=self.validation_split,
                callbacks=copy.deepcopy(list(self.callbacks or ())),
                verbose=self.verbose,
            )
        self.model_ = model
        self.history_ = {name: [float(v) for v in values] for name, values in history.history.items()}

    def _new_model(self, keras: Any, x: Any, n_outputs: int) -> Any:
        if not is_model(self.model):
            shapes = {n: v.shape[1:] or (1,) for n, v in (x.items() if isinstance(x, dict) else [("", x)])}
            model = make_model(
                self.model, n_outputs=n_outputs, input_shape=shapes if isinstance(x, dict) else shapes[""]
            )
            x = of_model(x, model) if isinstance(x, dict) else x
            check_shapes(x, model)
            return model
        check_compiled(self.model)
        check_shapes(x, self.model)
        if self.initial_weights == "given":
            model = copy_model(self.model)
        else:
            model = copy_untrained(self.model, as_fed(slice_rows(x, 0, self.batch_size), self.model))
        check_shapes(x, model)
        return model

    def _inputs(self, X: Any, *, reset: bool) -> Any:
        if reset:
            self.check_model()
        else:
            check_is_fitted(self, "model_")
        model = self.model if reset else self.model_
        if is_of_several(X, model):
            if self.input_shape is not None:
                raise InvalidOptionError(
                    f"input_shape reshapes the rows of one array; received {self.input_shape} and X with several "
                    "inputs. Leave it out, and reshape the inputs."
                )
            x: Any = of_model(X, model)
        else:
            x = text_of(X)
            x = self._one_array(X, reset=reset) if x is None else x
        if not reset:
            check_shapes(x, model)
        return x

    def _one_array(self, X: Any, *, reset: bool) -> np.ndarray:
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
        x = as_fed(self._inputs(X, reset=False), self.model_)
        raw = np.asarray(self.model_.predict(x, batch_size=self.batch_size, verbose=0))
        return raw if raw.dtype.name in ("float32", "float64") else raw.astype(np.float32)

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
