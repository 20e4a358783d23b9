"""Build, check and seed the Keras model of an adapter."""

from __future__ import annotations

import inspect
import random
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from ...assembly import with_bare_output
from ...errors import CompatibilityError, InvalidOptionError
from ...predictions.names import few, shown

__all__ = ["as_codes", "check_compiled", "count_outputs", "is_model", "label_outputs", "make_model", "reseed", "seeded"]


def is_model(model: Any) -> bool:
    """Tell whether an object is a Keras model."""
    return callable(getattr(model, "predict_on_batch", None))


def make_model(model: Any, options: Mapping[str, Any] | None, **arguments: Any) -> Any:
    """Call the function that makes the model to train, with the options of the user and what it asks of the data."""
    if not callable(model):
        raise InvalidOptionError(
            f"model must be a compiled keras.Model, or a function that makes one; received {model!r}."
        )
    names = inspect.signature(model).parameters
    built: Any = model(**{name: value for name, value in arguments.items() if name in names}, **(options or {}))
    if not is_model(built):
        raise InvalidOptionError(f"the function given as model must make a keras.Model; it made {built!r}.")
    check_compiled(built)
    shape = arguments.get("input_shape")
    if not getattr(built, "inputs", None) and not built.built and isinstance(shape, tuple):
        built.build((None, *shape))  # a Sequential without Input knows its outputs only then
    return with_bare_output(built)


def check_compiled(model: Any) -> None:
    """Refuse a model without an optimizer and a loss."""
    if not model.compiled or model.optimizer is None or not model.loss:
        raise CompatibilityError(
            "a model must be compiled with an optimizer and a loss before it is fitted; "
            f"{model.name!r} is not. Call model.compile(...)."
        )


def count_outputs(model: Any) -> int:
    """Count the outputs of a model that has one output vector."""
    outputs = getattr(model, "outputs", None) or ()
    if len(outputs) > 1:
        raise CompatibilityError(
            f"a model must have one output; {model.name!r} has {len(outputs)}, {few(model.output_names)}. Take the one "
            "that is wanted: keras.Model(model.input, model.outputs[0]), and compile that."
        )
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


def reseed(keras: Any, seed: int | None) -> None:
    """Seed Keras anew, with a stream of numbers that is independent of the first one of this seed."""
    if seed is not None:
        (stream,) = np.random.SeedSequence(seed).spawn(1)
        keras.utils.set_random_seed(int(stream.generate_state(1)[0]))


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
