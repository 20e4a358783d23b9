"""Build, check and seed the Keras model of an adapter."""

from __future__ import annotations

import inspect
import random
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..errors import CompatibilityError, InvalidOptionError
from ..predictions.names import few, shown

__all__ = ["as_codes", "count_outputs", "is_model", "label_outputs", "new_model", "seeded", "wants_one_hot"]


def is_model(model: Any) -> bool:
    """Tell whether an object is a Keras model."""
    return callable(getattr(model, "predict_on_batch", None))


def new_model(keras: Any, model: Any, **arguments: Any) -> Any:
    """Build the model to train: call the function, or copy the model with new weights, compiled in the same way."""
    if is_model(model):
        _check_compiled(model)
        try:
            copied = keras.models.clone_model(model)
        except (NotImplementedError, TypeError, ValueError) as error:
            raise CompatibilityError(
                f"a model must be Functional or Sequential to be copied; {type(model).__name__} cannot. Give a "
                "function that makes it."
            ) from error
        copied.compile_from_config(model.get_compile_config())
        return copied
    if not callable(model):
        raise InvalidOptionError(
            f"model must be a compiled keras.Model, or a function that makes one; received {model!r}."
        )
    names = inspect.signature(model).parameters
    built = model(**{name: value for name, value in arguments.items() if name in names})
    if not is_model(built):
        raise InvalidOptionError(f"the function given as model must make a keras.Model; it made {built!r}.")
    _check_compiled(built)
    return built


def _check_compiled(model: Any) -> None:
    if not model.compiled or model.optimizer is None or not model.loss:
        raise CompatibilityError(
            "a model must be compiled with an optimizer and a loss before it is fitted; "
            f"{model.name!r} is not. Call model.compile(...)."
        )


def count_outputs(model: Any) -> int:
    """Count the outputs of a model that has one output vector."""
    shape = getattr(model, "output_shape", None)
    if not isinstance(shape, tuple) or len(shape) != 2 or not isinstance(shape[1], int):
        raise CompatibilityError(
            "a model must be Functional or Sequential, with one output of shape (n_samples, n_outputs); received "
            f"{type(model).__name__} {model.name!r} with the output shape {shape}."
        )
    return shape[1]


def label_outputs(labels: np.ndarray, n_outputs: int, given: bool) -> np.ndarray:
    """List the label of each output; refuse labels that do not fit the outputs."""
    if len(labels) == n_outputs:
        return labels
    few_codes = len(labels) < n_outputs and labels.dtype.kind in "iu" and labels.min() >= 0 and labels.max() < n_outputs
    if few_codes and not given:
        return np.arange(n_outputs)
    raise CompatibilityError(
        f"a model must have one output a class; it has {n_outputs} for the {len(labels)} classes {labels.tolist()}. "
        "Name its outputs in their order with classes=[...], or build it for these classes."
    )


def as_codes(y: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Turn labels into their positions in ``classes``."""
    codes = {label: code for code, label in enumerate(classes.tolist())}
    unknown = sorted({label for label in y.tolist() if label not in codes}, key=str)
    if unknown:
        raise InvalidOptionError(
            f"labels must be out of classes {shown(classes.tolist())}; received also {few(unknown)}."
        )
    return np.array([codes[label] for label in y.tolist()], dtype=np.int64)


def wants_one_hot(model: Any) -> bool:
    """Tell whether the model's loss needs one-hot rows."""
    loss = model.loss
    name = loss if isinstance(loss, str) else getattr(loss, "__name__", None) or type(loss).__name__
    name = name.replace("_", "").lower()
    return name.startswith("categorical") or name in ("kldivergence", "kullbackleiblerdivergence")


@contextmanager
def seeded(keras: Any, seed: int | None) -> Generator[None]:
    """Seed Keras, and restore the global generators of Python and NumPy afterwards."""
    if seed is None:
        yield
        return
    of_python, of_numpy = random.getstate(), np.random.get_state()  # noqa: NPY002 - this is NumPy's global generator
    keras.utils.set_random_seed(seed)
    try:
        yield
    finally:
        random.setstate(of_python)
        np.random.set_state(of_numpy)  # noqa: NPY002
