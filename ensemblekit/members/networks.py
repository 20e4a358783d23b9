"""Inputs and outputs of Keras models, by their names. Keras is not imported: a Keras model has brought it along."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..errors import CompatibilityError, DataError, InvalidOptionError
from ..predictions.names import few
from .inputs import Inputs

__all__ = [
    "check_input_orders",
    "check_stateless",
    "has_no_name",
    "input_names",
    "is_keras",
    "keras_inputs",
    "output_names",
    "packed_inputs",
    "unknown_output",
    "with_one_output",
]


def is_keras(model: Any) -> bool:
    """Tell whether a model has the methods of a Keras model."""
    return callable(getattr(model, "predict_on_batch", None))


def input_names(model: Any) -> tuple[str, ...] | None:
    """List the names of the inputs: the keys of a dict, else the names of the layers; None if its own code reads them.

    Parameters
    ----------
    model : keras.Model
        Any Keras model.

    Returns
    -------
    tuple of str or None
        In the order of ``model.inputs``.
    """
    names = _layer_names(model)
    keys = None if names is None else _keys_of_inputs(model)
    return names if keys is None else keys


def _layer_names(model: Any) -> tuple[str, ...] | None:
    tensors = getattr(model, "inputs", None)
    if not isinstance(tensors, (list, tuple)) or not tensors:
        return None
    made_by = [getattr(getattr(tensor, "_keras_history", None), "operation", tensor) for tensor in tensors]
    names = [getattr(one, "name", None) for one in made_by]
    # TensorFlow's tensors have the suffix ":0".
    return None if None in names else tuple(str(name).partition(":")[0] for name in names)


def _keys_of_inputs(model: Any) -> tuple[str, ...] | None:
    structure = getattr(model, "input", None)
    if not isinstance(structure, Mapping):
        return None
    keys = {id(tensor): str(key) for key, tensor in structure.items()}
    found = [keys.get(id(tensor)) for tensor in model.inputs]
    return None if None in found else tuple(key for key in found if key is not None)


def has_no_name(name: str) -> bool:
    """Tell whether Keras has named an input, as the user did not."""
    return re.fullmatch(r"(keras_tensor|input_layer)(_\d+)?", name) is not None


def packed_inputs(model: Any, arrays: Sequence[Any]) -> Any:
    """Put arrays, one for each of ``model.inputs``, into the structure that a functional model takes."""
    structure = getattr(model, "input", None)
    tree: Any = sys.modules["keras"].tree
    return arrays[0] if structure is None else tree.pack_sequence_as(structure, list(arrays))


def check_stateless(model: Any, name: str) -> None:
    """Refuse a model that keeps a state from one batch to the next.

    Parameters
    ----------
    model : keras.Model
        The model.
    name : str
        Name of the member, for the error.

    Raises
    ------
    CompatibilityError
        If a layer of it is stateful.
    """
    layers = model._flatten_layers() if hasattr(model, "_flatten_layers") else ()
    stateful = next((layer.name for layer in layers if getattr(layer, "stateful", False) is True), None)
    if stateful is not None:
        raise CompatibilityError(
            f"a member must predict each batch without what it has seen before; {stateful!r} of member {name!r} is "
            "stateful. Build it with stateful=False, and give it the weights."
        )


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


def with_one_output(model: Any, wanted: str | None, *, name: str) -> Any:
    """Make a model of one output of a model with several.

    Parameters
    ----------
    model : keras.Model
        A functional or sequential model. It is not changed.
    wanted : str or None
        Name of the output.
    name : str
        Name of the member, for errors.

    Returns
    -------
    keras.Model
        It shares inputs and layers with ``model``; the model itself if it has one output and none is wanted.

    Raises
    ------
    InvalidOptionError
        If no output is wanted of several, or not one has that name.
    """
    if len(model.outputs) == 1 and wanted is None:
        is_plain = not isinstance(getattr(model, "output", None), (Mapping, list, tuple))
        return model if is_plain else sys.modules["keras"].Model(model.input, model.outputs[0], name=model.name)
    names = output_names(model) or ()
    if names.count(str(wanted)) != 1:
        raise unknown_output(name, wanted, names)
    output = model.output
    tensors = list(output.values()) if isinstance(output, Mapping) else model.outputs
    return sys.modules["keras"].Model(model.input, tensors[names.index(str(wanted))], name=model.name)


def unknown_output(name: str, wanted: str | None, names: Sequence[Any]) -> InvalidOptionError:
    """Make the error for an output that is not chosen, or not there.

    Parameters
    ----------
    name : str
        Name of the member.
    wanted : str or None
        Name that was asked for.
    names : sequence of str
        Names of the outputs.

    Returns
    -------
    InvalidOptionError
        The error.
    """
    listed = [str(one) for one in names]
    unique = [one for one in listed if listed.count(one) == 1]
    shown = ", ".join(map(repr, listed[:10])) + (", ..." if len(listed) > 10 else "")
    came = "none was chosen" if wanted is None else f"{wanted!r} was asked for"
    remedy = (
        f"Choose one by name, output_name={unique[0]!r}; of several members, output_names={{{name!r}: {unique[0]!r}}}."
        if unique
        else "Name its layers differently."
    )
    return InvalidOptionError(
        f"member {name!r} must have one output; it has {len(listed)}, {shown}, and {came}. {remedy}"
    )


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
    own = dict(zip(names, _layer_names(model) or names, strict=True))
    # The keys of a dict of inputs go before the names of its layers.
    found = {one: one if one in given else own[one] for one in names}
    missing = [one for one in names if found[one] not in given]
    if missing:
        if inputs.is_nested:
            return inputs.map(lambda part: _as_array(part, name))
        raise DataError(
            f"{takes}; received {few(given)}, which lacks {few(missing)}. Give them by name: {_proposal(names)}."
        )
    taken = {one: _as_array(given[found[one]], name) for one in names}
    return taken if len(names) > 1 or isinstance(getattr(model, "input", None), Mapping) else next(iter(taken.values()))


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
