"""Inputs and outputs of Keras models, by their names. Keras is not imported: a Keras model has brought it along."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..errors import DataError
from ..predictions.names import few
from .inputs import Inputs

__all__ = ["check_input_orders", "input_names", "is_keras", "keras_inputs", "output_names"]


def is_keras(model: Any) -> bool:
    """Tell whether a model has the methods of a Keras model."""
    return callable(getattr(model, "predict_on_batch", None))


def input_names(model: Any) -> tuple[str, ...] | None:
    """List the names of the inputs; None for a model whose own code reads them."""
    return _names_of(getattr(model, "inputs", None))


def _names_of(tensors: Any) -> tuple[str, ...] | None:
    names = [getattr(tensor, "name", None) for tensor in tensors] if isinstance(tensors, (list, tuple)) else []
    # TensorFlow's tensors have the suffix ":0".
    return tuple(str(name).partition(":")[0] for name in names) if names and None not in names else None


def output_names(model: Any) -> tuple[str, ...] | None:
    """List the names of the outputs: the keys of a dict, else the names of the layers; None if they are not known.

    Parameters
    ----------
    model : keras.Model
        Any Keras model.

    Returns
    -------
    tuple of str or None
        In the order in which the model returns them.
    """
    if not isinstance(getattr(model, "outputs", None), (list, tuple)):
        return None
    output = getattr(model, "output", None)
    if isinstance(output, Mapping):
        return tuple(map(str, output))
    names = getattr(model, "output_names", None)
    return tuple(map(str, names)) if isinstance(names, (list, tuple)) and names else None


def keras_inputs(model: Any, inputs: Inputs, name: str) -> Any:
    """Give a model the inputs that it takes, by name where they have names.

    Parameters
    ----------
    model : keras.Model
        The model.
    inputs : Inputs
        One input, or several; a mapping may hold more than the model takes.
    name : str
        Name of the member, for errors.

    Returns
    -------
    object
        An array, or a dict, list or tuple of arrays.

    Raises
    ------
    DataError
        If the model takes more or other inputs, or a list of samples is no array.
    """
    names = input_names(model)
    if names is None:
        return inputs.map(lambda part: _as_array(part, name))
    takes = f"member {name!r} takes {_counted(names)}"
    given = inputs.x
    if inputs.is_one:
        if len(names) > 1:
            raise DataError(f"{takes}; received one, a {type(given).__name__}. Give them by name: {_proposal(names)}.")
        return _as_array(given, name)
    if not inputs.by_name:
        parts = list(inputs.parts.values())
        if len(parts) != len(names):
            raise DataError(f"{takes}; received {len(parts)}. Give them by name: {_proposal(names)}.")
        taken = {one: _as_array(part, name) for one, part in zip(names, parts, strict=True)}
        return taken if len(names) > 1 else next(iter(taken.values()))
    missing = [one for one in names if one not in given]
    if missing:
        if inputs.is_nested:
            return inputs.map(lambda part: _as_array(part, name))
        raise DataError(
            f"{takes}; received {few(given)}, which lacks {few(missing)}. Give them by name: {_proposal(names)}."
        )
    taken = {one: _as_array(given[one], name) for one in names}
    return taken if len(names) > 1 else next(iter(taken.values()))


def check_input_orders(models: Mapping[str, Any], inputs: Inputs) -> None:
    """Refuse inputs without names, where two models take the same inputs in different orders.

    Parameters
    ----------
    models : mapping of str to keras.Model
        Member -> model.
    inputs : Inputs
        Inputs of all models.

    Raises
    ------
    DataError
        If the inputs are a list or tuple, and two models disagree on what the first is.
    """
    if inputs.is_one or inputs.by_name:
        return
    known: dict[frozenset[str], tuple[str, tuple[str, ...]]] = {}
    for name, model in models.items():
        names = input_names(model) or ()
        other, order = known.setdefault(frozenset(names), (name, names))
        if order != names:
            raise DataError(
                f"inputs without names must be in an order that all members share; member {other!r} takes "
                f"{few(order)}, member {name!r} {few(names)}. Give them by name: {_proposal(names)}."
            )


def _counted(names: tuple[str, ...]) -> str:
    return f"one input, {names[0]!r}" if len(names) == 1 else f"{len(names)} inputs, {', '.join(map(repr, names))}"


def _proposal(names: tuple[str, ...]) -> str:
    return f"{{{', '.join(f'{name!r}: ...' for name in names)}}}"


def _as_array(part: Any, name: str) -> Any:
    """Turn a list of samples into an array, which Keras would take for a list of inputs; text into a tensor."""
    if isinstance(part, np.ndarray) and part.dtype.kind == "O" and part.ndim == 1:
        part = part.tolist()  # rows of different lengths, as NumPy and TensorFlow keep them; or texts
    if isinstance(part, (list, tuple)):
        try:
            part = np.asarray(part)
        except ValueError:
            raise DataError(
                f"a Keras model takes samples of one size; member {name!r} received a list of {len(part)} of different "
                "sizes. Pad or crop them to one."
            ) from None
        if part.dtype.kind == "O" and not isinstance(part.ravel()[0], (str, bytes)):
            raise DataError(
                f"a Keras model takes arrays of numbers or text; member {name!r} received a list of "
                f"{type(part.ravel()[0]).__name__}. Give several inputs as {{name: array}}, not a dict a sample."
            )
    elif hasattr(part, "iloc") or hasattr(part, "__arrow_c_stream__"):
        part = np.asarray(part)
    keras = sys.modules.get("keras")
    if isinstance(part, np.ndarray) and part.dtype.kind in "UO" and keras is not None:
        texts = part.ravel().tolist()
        if all(isinstance(text, (str, bytes)) for text in texts):
            # As an array of text, TensorFlow loses its number of axes on the way.
            return keras.ops.convert_to_tensor(part.astype(object), dtype="string")
    return part
