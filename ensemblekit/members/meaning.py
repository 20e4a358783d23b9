"""What the outputs of a Keras model mean: probabilities, or logits, as its loss and its last layers say."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np

from ..errors import CompatibilityError, EnsembleKitError
from ._output_range import stays_in_unit_interval
from .losses import from_logits, loss_name, loss_of
from .networks import output_names

__all__ = [
    "PROBABILITIES",
    "Activation",
    "Meaning",
    "as_probabilities",
    "last_activation",
    "read_meaning",
]

Meaning = Literal["probabilities", "softmax", "sigmoid", "divided", "sigmoid divided"]
"""What makes probabilities of outputs; ``divided``: the outputs of a row are divided by their sum."""
Activation = Literal["sigmoid", "softmax", "linear"]
"""What a user says is to be applied to outputs; ``linear``: nothing, they are probabilities."""

PROBABILITIES = ("softmax", "sparsemax", "sigmoid", "hard_sigmoid")
OPERATIONS = {"Softmax": "softmax", "Sigmoid": "sigmoid", "HardSigmoid": "hard_sigmoid", "Sparsemax": "sparsemax"}


def read_meaning(
    model: Any,
    *,
    name: str,
    kind: str,
    told: Activation | None = None,
    output: str | None = None,
    width: int | None = None,
) -> Meaning | None:
    """Find out what makes probabilities of the outputs of a classifier; refuse outputs of which nobody can know it.

    Parameters
    ----------
    model : keras.Model
        Any Keras model.
    name : str
        Name of the member, for errors.
    kind : {"multiclass", "multilabel", "regression"}
        Kind of the values.
    told : {"sigmoid", "softmax", "linear"}, optional
        What the user says is to be applied.
    output : str, optional
        Name of the output that is taken, of a model with several.
    width : int, optional
        Number of outputs of a row, if a batch has been predicted.

    Returns
    -------
    str or None
        See `Meaning`. None if only a prediction can say it: the model does not know its outputs.

    Raises
    ------
    CompatibilityError
        If the outputs are not probabilities, or may be logits that lie in [0, 1] by chance.

    Notes
    -----
    The last activation decides, then the loss: ``from_logits=True`` makes logits of outputs that no sigmoid or softmax
    ends. Several outputs of classes are taken as probabilities, as their sum is checked. One output, and outputs of
    labels, must come from an activation, or layers, that cannot leave [0, 1].
    """
    if kind == "regression":
        return "probabilities"
    tensor = _output_of(model, output)
    width = width if tensor is None else tensor.shape[-1]
    activation = None if tensor is None else last_activation(tensor)
    if width == 1 and (told or activation) in ("softmax", "sparsemax"):
        raise CompatibilityError(
            f"{told or activation} over one output is 1 for every row; member {name!r} has one output. End it with a "
            "sigmoid, or give it an output for each class."
        )
    if told in ("softmax", "sigmoid") and activation in PROBABILITIES:
        raise CompatibilityError(
            f"member {name!r} ends in probabilities already, by {activation!r}; received activation={told!r}, which "
            "would flatten them. Leave it out."
        )
    if told is not None:
        return "probabilities" if told == "linear" else told
    if activation in PROBABILITIES:
        return "probabilities"
    if width is None:
        return None
    loss = loss_of(model, output)
    logits = from_logits(loss)
    if logits:
        return _of_logits(loss, name, kind, width)
    if kind == "multiclass" and width > 1:
        return "probabilities"
    if tensor is None and (logits is False or kind == "multilabel"):
        return "probabilities"
    if tensor is not None and activation is None and stays_in_unit_interval(tensor, last_activation):
        return "probabilities"
    raise _unknown(name, kind, activation)


def _of_logits(loss: Any, name: str, kind: str, width: int) -> Meaning:
    by_output = loss_name(loss)[0].startswith("binary")
    if kind == "multiclass" and width > 1 and by_output:
        raise CompatibilityError(
            f"outputs of classes must be compared together; member {name!r} has {width} outputs, and a binary loss of "
            'each by itself. If they are labels, several of which may apply, give task="multilabel"; if they are '
            "classes, make the member a KerasClassifier, or put a softmax behind it."
        )
    return "sigmoid" if width == 1 or by_output else "softmax"


def _unknown(name: str, kind: str, activation: str | None) -> EnsembleKitError:
    ends = f"ends in the activation {activation!r}" if activation else "ends in no activation that is known"
    what = "one output" if kind == "multiclass" else "outputs of labels"
    remedy = f"as_member(model, name={name!r}, classes=[...], activation='sigmoid')"
    return CompatibilityError(
        f"{what} must be a probability, from 0 to 1; member {name!r} {ends}, so that logits might be taken for "
        f"probabilities. Put a sigmoid behind it, compile it with a loss that has from_logits=True, or say that they "
        f"are logits: {remedy}; 'linear' says that they are probabilities."
    )


def as_probabilities(raw: np.ndarray, how: str) -> np.ndarray:
    """Turn outputs into probabilities.

    Parameters
    ----------
    raw : ndarray of shape (n_samples, ..., n_outputs)
        Outputs, floating-point.
    how : str
        See `Meaning`.

    Returns
    -------
    ndarray of shape (n_samples, ..., n_outputs)
        Probabilities; ``raw`` itself if that is what it holds.
    """
    if how.startswith("sigmoid"):
        # Either form is exact on its side, and neither overflows.
        small = np.exp(-np.abs(raw))
        raw = np.where(raw >= 0, 1 / (1 + small), small / (1 + small))
    elif how == "softmax":
        raw = np.exp(raw - raw.max(axis=-1, keepdims=True))
        raw /= raw.sum(axis=-1, keepdims=True)
    if how.endswith("divided"):
        total = raw.sum(axis=-1, keepdims=True)
        raw = np.where(total > 0, raw / np.where(total > 0, total, 1), raw.dtype.type(1 / raw.shape[-1]))
    return raw


def _output_of(model: Any, wanted: str | None) -> Any:
    """Find the symbolic output; None if the model does not know it."""
    outputs = getattr(model, "outputs", None)
    if not isinstance(outputs, (list, tuple)) or not outputs:
        return None
    names = output_names(model)
    if len(outputs) == 1 or names is None or wanted not in names:
        return outputs[0] if len(outputs) == 1 else None
    output = model.output
    return (list(output.values()) if isinstance(output, Mapping) else list(outputs))[names.index(str(wanted))]


def last_activation(tensor: Any) -> str | None:
    """Name the function that made a symbolic tensor.

    Parameters
    ----------
    tensor : KerasTensor
        Output of a Keras graph.

    Returns
    -------
    str or None
        Name of one of Keras's activations; None if it is none of them, or not known.
    """
    keras: Any = sys.modules["keras"]
    history = tensor._keras_history
    operation = history.operation
    if isinstance(operation, keras.Model):
        inner = getattr(operation, "outputs", None)
        return last_activation(inner[history.tensor_index]) if inner else None
    module = type(operation).__module__
    if isinstance(operation, keras.layers.Softmax):
        return "softmax"
    if module.startswith("keras.src.ops"):
        return OPERATIONS.get(type(operation).__name__)
    if not module.startswith("keras.src.layers"):
        return None
    if type(operation) is keras.layers.TimeDistributed:
        operation = operation.layer
    function = getattr(operation, "activation", None)
    if _passes(keras, operation, function):
        fed = history.operation._inbound_nodes[history.node_index].input_tensors
        return last_activation(fed[0]) if len(fed) == 1 else None
    if not callable(function):
        return None
    if isinstance(function, keras.layers.Layer):
        return "softmax" if isinstance(function, keras.layers.Softmax) else None
    is_known = str(getattr(function, "__module__", "")).startswith("keras.src.activations")
    return function.__name__ if is_known else None


def _passes(keras: Any, layer: Any, function: Any) -> bool:
    """Tell whether a layer hands on what it gets when it predicts."""
    kinds = (keras.layers.Identity, keras.layers.Dropout, keras.layers.ActivityRegularization)
    return type(layer) in kinds or (type(layer) is keras.layers.Activation and function is keras.activations.linear)
