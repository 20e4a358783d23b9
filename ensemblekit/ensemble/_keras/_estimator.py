"""Keras models as scikit-learn estimators, also for images and other inputs of many axes.

Keras has its own wrappers, ``keras.wrappers.SKLearnClassifier`` and ``SKLearnRegressor``. They cannot be used here
(Keras 3.15): they have no ``predict_proba`` and refuse inputs of more than two axes; ``sklearn.base.clone`` loses
``fit_kwargs``, which ``fit`` changes; and boosting refuses them, as their ``fit`` does not name ``sample_weight``.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_consistent_length, check_is_fitted, validate_data

from ...arguments import check_parameters
from ...assembly import copy_model, copy_untrained, import_keras, with_bare_output
from ...errors import InvalidOptionError
from ...members.streamed import StreamedRows, row_dataset
from ...predictions.choices import check_choice
from .._datasets import check_once, first_batch, is_dataset, refuse_dataset
from .._rows import check_row_names, check_weights, n_rows, slice_rows, take, weights_of
from ._inputs import as_fed, check_shapes, inputs_of, is_of_several, of_model, read_array, text_of
from ._model import check_compiled, is_model, make_model, reseed, seeded
from ._options import WithModelOptions, check_options
from ._process import fit_in_process

__all__ = ["Given", "KerasEstimator", "ScoredByName"]


@dataclass(frozen=True)
class Given:
    """What `fit` was given, read: arrays, or a dataset and its first batch."""

    x: Any
    y: np.ndarray | None
    weight: np.ndarray | None
    n_outputs: int
    some: Any
    first_targets: np.ndarray | None = None


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


class KerasEstimator(WithModelOptions):
    """The base class of `KerasClassifier` and `KerasRegressor`."""

    model: Any
    epochs: int
    batch_size: int
    validation_split: float
    callbacks: Sequence[Any] | None
    input_shape: tuple[int, ...] | None
    initial_weights: str = "new"  # estimators that were saved before have no such option
    own_process: bool = False
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
        check_options(self.model, self.model_options)
        if is_model(self.model):
            check_compiled(self.model)
            if inputs_of(self.model) is not None:
                bare = with_bare_output(self.model)
                self._check_outputs(import_keras(type(self).__name__), bare)
                self._check_labels(bare, labels)

    def _check_outputs(self, keras: Any, model: Any) -> Any:
        raise NotImplementedError

    def _check_labels(self, model: Any, labels: list[Any] | None) -> None:
        pass

    def _fit(self, X: Any, y: Any, sample_weight: Any, validation_data: Any) -> Self:
        """Fit on arrays or on a dataset, here or in a process of its own."""
        if validation_data is not None and self.validation_split:
            raise InvalidOptionError(
                "give validation_data, or validation_split for a part of the rows, not both; received "
                f"validation_split={self.validation_split}."
            )
        given = self._read_dataset(X, y, sample_weight) if is_dataset(X) else self._read_rows(X, y, sample_weight)
        if self.own_process:
            vars(self).update(fit_in_process(self, (X, y, sample_weight), {"validation_data": validation_data}))
        else:
            self._train(given, validation_data)
        return self

    def _read_rows(self, X: Any, y: Any, sample_weight: Any) -> Given:
        streamed = isinstance(X, StreamedRows)
        some = X.take(np.arange(min(len(X), self.batch_size))).read().x if streamed else X
        x = self._inputs(some, reset=True)
        n = len(X) if streamed else n_rows(x)
        self._check_given(some, y, sample_weight)
        y = self._read_targets(y)
        check_consistent_length(range(n), y)
        if isinstance(sample_weight, Mapping):
            raise InvalidOptionError(
                "sample_weight must be one number a row, in the order of X; received a mapping. Give a Series."
            )
        if sample_weight is not None:
            sample_weight = check_weights(weights_of(sample_weight), n)
        first = slice_rows(x, 0, self.batch_size)
        return Given(X if streamed else x, y, self._weighted(y, sample_weight), self._count_targets(y), first)

    def _read_dataset(self, X: Any, y: Any, sample_weight: Any) -> Given:
        self.check_model()
        for name, value in {"y": y, "sample_weight": sample_weight}.items():
            if value is not None:
                raise InvalidOptionError(
                    f"a dataset gives batches of (inputs, targets, weights), and {name} must not be given beside it. "
                    "Leave it out, or give arrays."
                )
        if self.validation_split or self.input_shape is not None:
            raise InvalidOptionError(
                "validation_split and input_shape are for arrays; received a dataset. Give validation_data, and "
                "reshape the rows in the dataset."
            )
        check_once(X, self.epochs, getattr(self, "class_weight", None))
        inputs, targets, dataset = first_batch(X)
        several = isinstance(inputs, (dict, list))
        first: Any = of_model(inputs, self.model) if several else read_array("the inputs of the dataset", inputs)
        targets = targets.reshape(len(targets), -1)
        return Given(dataset, None, None, self._count_targets_of(targets), first, targets)

    def _train(self, given: Given, validation_data: Any) -> None:
        keras = import_keras(type(self).__name__)
        with seeded(keras, self.seed):
            model = self._new_model(keras, given.some, given.n_outputs)
            self._learn_outputs(keras, model, given)
            data: dict[str, Any] = {"validation_data": self._read_validation(model, validation_data)}
            if given.y is None:
                data |= {"x": given.x, "class_weight": self._weights_of_outputs()}
                if not hasattr(given.x, "num_batches"):  # Keras shuffles a PyDataset, and warns of others
                    data["shuffle"] = False
            elif isinstance(given.x, StreamedRows):
                data |= self._streamed(model, given, given.x)
            else:
                order = np.arange(n_rows(given.x))
                x, y = given.x, self._as_targets(model, given.y)
                if self.validation_split:
                    # Keras validates on the last rows, which may all be of one class.
                    np.random.default_rng(self.seed).shuffle(order)
                    x = take(x, order)
                weight = None if given.weight is None else given.weight[order].astype(np.float32)
                data |= {"x": as_fed(x, model), "y": y[order], "sample_weight": weight}
                data |= {"batch_size": self.batch_size, "validation_split": self.validation_split}
            # The order of the rows shall not depend on how many draws the copying of the model took.
            reseed(keras, self.seed)
            callbacks = copy.deepcopy(list(self.callbacks or ()))
            with warnings.catch_warnings():
                if isinstance(given.x, Iterator):  # its end is the end of the epoch
                    warnings.filterwarnings("ignore", "Your input ran out of data", UserWarning)
                history = model.fit(**data, epochs=self.epochs, callbacks=callbacks, verbose=self.verbose)
        self.model_ = model
        self.history_ = {name: [float(v) for v in values] for name, values in history.history.items()}

    def _streamed(self, model: Any, given: Given, rows: StreamedRows) -> dict[str, Any]:
        """Read the rows to train on, and those to validate on, in batches."""
        keras = import_keras(type(self).__name__)
        y = self._as_targets(model, given.y)  # pyright: ignore[reportArgumentType]
        weight = None if given.weight is None else given.weight.astype(np.float32)
        order = np.arange(len(rows))
        if self.validation_split:
            np.random.default_rng(self.seed).shuffle(order)

        def dataset(places: np.ndarray) -> Any:
            return row_dataset(
                keras, rows.take(places), y[places], None if weight is None else weight[places],
                feed=lambda inputs: as_fed(self._rows_for(inputs.x, model, reset=False), model),
                batch_size=self.batch_size, seed=self.seed,
            )  # fmt: skip

        split = int(len(rows) * (1 - self.validation_split))
        given_data = {"x": dataset(order[:split]), "shuffle": False}
        return given_data | ({"validation_data": dataset(order[split:])} if self.validation_split else {})

    def _read_validation(self, model: Any, data: Any) -> Any:
        """Read data to validate on as those to train on are read."""
        if data is None:
            return None
        if is_dataset(data):
            _, _, data = first_batch(data)
            return data
        if not isinstance(data, (tuple, list)) or len(data) not in (2, 3):
            raise InvalidOptionError(
                f"validation_data must be (X, y), (X, y, sample_weight) or a dataset; received {type(data).__name__}"
                f"{f' of {len(data)}' if isinstance(data, (tuple, list)) else ''}."
            )
        X, y, weight = (*data, None)[:3]
        check_row_names(X, y=y, sample_weight=weight)
        x = self._rows_for(X, model, reset=False)
        y = self._read_targets(y)
        check_consistent_length(range(n_rows(x)), y)
        whole = (as_fed(x, model), self._as_targets(model, y))
        return whole if weight is None else (*whole, check_weights(weights_of(weight), n_rows(x)).astype(np.float32))

    def _read_targets(self, y: Any) -> np.ndarray:
        raise NotImplementedError

    def _count_targets(self, y: np.ndarray) -> int:
        """Count the outputs that the model of a function must have."""
        raise NotImplementedError

    def _count_targets_of(self, targets: np.ndarray) -> int:
        """Count them for the targets of a dataset, shape (n_samples, n_columns)."""
        return targets.shape[1]

    def _learn_outputs(self, keras: Any, model: Any, given: Given) -> None:
        """Check the outputs of the model to train, and keep what they are."""
        raise NotImplementedError

    def _as_targets(self, model: Any, y: np.ndarray) -> np.ndarray:
        raise NotImplementedError

    def _weighted(self, y: np.ndarray, sample_weight: np.ndarray | None) -> np.ndarray | None:
        return sample_weight

    def _weights_of_outputs(self) -> dict[int, float] | None:
        """Map the number of an output to the weight of its rows, for a dataset."""
        return None

    def _new_model(self, keras: Any, x: Any, n_outputs: int) -> Any:
        if not is_model(self.model):
            shapes = {n: v.shape[1:] or (1,) for n, v in (x.items() if isinstance(x, dict) else [("", x)])}
            model = make_model(
                self.model,
                self.model_options,
                n_outputs=n_outputs,
                input_shape=shapes if isinstance(x, dict) else shapes[""],
            )
            x = of_model(x, model) if isinstance(x, dict) else x
            check_shapes(x, model)
            return model
        check_compiled(self.model)
        given = with_bare_output(self.model)
        check_shapes(x, given)
        model = copy_model(given) if self.initial_weights == "given" else copy_untrained(given, as_fed(x, given))
        check_shapes(x, model)
        return model

    def _check_given(self, X: Any, y: Any, sample_weight: Any) -> None:
        if y is None:
            raise InvalidOptionError(
                f"{type(self).__name__} requires y to be passed, but the target y is None. Give fit(X, y)."
            )
        check_row_names(X, y=y, sample_weight=sample_weight)

    def _inputs(self, X: Any, *, reset: bool) -> Any:
        if reset:
            self.check_model()
        else:
            check_is_fitted(self, "model_")
        model = self.model if reset else self.model_
        x = self._rows_for(X, model, reset=reset)
        if not reset:
            check_shapes(x, model)
        return x

    def _rows_for(self, X: Any, model: Any, *, reset: bool) -> Any:
        if not is_of_several(X, model):
            texts = text_of(X)
            return self._one_array(X, reset=reset) if texts is None else texts
        if self.input_shape is not None:
            raise InvalidOptionError(
                f"input_shape reshapes the rows of one array; received {self.input_shape} and X with several "
                "inputs. Leave it out, and reshape the inputs."
            )
        return of_model(X, model)

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
        refuse_dataset(X, "a prediction")
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
