"""What a loss of Keras compares: which targets it takes, and what the outputs of the model mean."""

from __future__ import annotations

import functools
from typing import Any, Literal

import numpy as np

from ..errors import CompatibilityError, InvalidOptionError
from ..predictions.choices import check_choice

__all__ = [
    "Outputs",
    "Targets",
    "check_regression_loss",
    "read_outputs",
    "read_targets",
    "to_probabilities",
    "try_loss",
]

Targets = Literal["integers", "indicators"]
Outputs = Literal["probabilities", "softmax", "sigmoid", "divided", "sigmoid divided"]
"""What makes probabilities of outputs; ``divided``: the outputs of a row are divided by their sum."""

KERAS = "keras.src.losses"
WITHOUT_CLASSES = ("ctc", "circle")
PROBABILITIES = ("softmax", "sparsemax", "sigmoid", "hard_sigmoid")
OPERATIONS = {"Softmax": "softmax", "Sigmoid": "sigmoid", "HardSigmoid": "hard_sigmoid", "Sparsemax": "sparsemax"}
APART = ("sigmoid", "hard_sigmoid")


def read_targets(keras: Any, loss: Any, n_outputs: int, given: Targets | None) -> Targets:
    """Find out whether a loss takes integers or indicators.

    Parameters
    ----------
    keras : module
        Keras.
    loss : str, callable or keras.losses.Loss
        As given to ``compile``.
    n_outputs : int
        Number of outputs of the model.
    given : {"integers", "indicators"} or None
        As told by the user.

    Returns
    -------
    {"integers", "indicators"}
        For one output these are the same, the numbers 0 and 1.

    Raises
    ------
    InvalidOptionError
        If the loss is the user's own, and ``given`` is None.
    CompatibilityError
        If the loss is not one of classes, or needs one output a class.
    """
    if given is not None:
        check_choice("targets", given, ("integers", "indicators"))
    name, is_own = _name(keras, loss)
    if name in WITHOUT_CLASSES and given is None:
        raise CompatibilityError(
            f"KerasClassifier needs a loss of class probabilities; {_shown(loss)} compares other outputs. Compile the "
            "model with a crossentropy, or tell what it is given: targets='integers' or 'indicators'."
        )
    if n_outputs == 1:
        if not is_own and name.startswith(("sparse", "categorical", "kldivergence")):
            raise CompatibilityError(
                f"a model with one output must have a loss of one probability; {_shown(loss)} compares one output a "
                "class. Compile it with 'binary_crossentropy', or give it an output for each class."
            )
        return "indicators"
    if given is not None:
        return given
    if name.startswith("sparse") or name == "categoricalgeneralizedcrossentropy":
        return "integers"
    if is_own and not name.startswith("categorical"):
        raise InvalidOptionError(
            f"a loss of your own must be told what it is given; received {_shown(loss)} and no targets. Give "
            "KerasClassifier(..., targets='integers') for the numbers of the classes, shape (n_samples,), as sparse_* "
            "losses take them, or targets='indicators' for rows of 0 and 1, shape (n_samples, n_classes)."
        )
    return "indicators"


def try_loss(keras: Any, loss: Any, targets: np.ndarray, n_outputs: int) -> None:
    """Refuse a loss that does not compare these targets and outputs row by row.

    Parameters
    ----------
    keras : module
        Keras.
    loss : str, callable or keras.losses.Loss
        As given to ``compile``.
    targets : ndarray of shape (n_samples, ...)
        Targets of all rows.
    n_outputs : int
        Number of outputs of the model.
    """
    # As many rows as outputs, or one row, would let arrays of different axes match by chance.
    n_rows = n_outputs + 2
    some = np.resize(targets, (n_rows, *targets.shape[1:]))
    outputs = np.full((n_rows, n_outputs), 1 / max(n_outputs, 2), dtype=np.float32)
    rule = f"the loss must compare targets of shape {some.shape} with outputs of shape {outputs.shape}"
    remedy = "Tell it with targets='integers' or 'indicators', or compile the model with another loss."
    try:
        found = keras.losses.get(_only(loss))(keras.ops.convert_to_tensor(some), keras.ops.convert_to_tensor(outputs))
        shape = tuple(found.shape)
    except Exception as error:
        first = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
        raise CompatibilityError(f"{rule}; {_shown(loss)} raised {type(error).__name__}: {first} {remedy}") from error
    if shape not in ((), (n_rows,), (n_rows, 1), outputs.shape):
        raise CompatibilityError(f"{rule}, row by row; {_shown(loss)} gave the shape {shape}. {remedy}")


def read_outputs(keras: Any, model: Any, from_logits: bool | None) -> Outputs:
    """Find out how outputs become probabilities; refuse those that cannot.

    Parameters
    ----------
    keras : module
        Keras.
    model : keras.Model
        Functional or sequential, compiled, with one output.
    from_logits : bool or None
        Whether the outputs are logits, if the user has told it.

    Returns
    -------
    str
        See `Outputs`.

    Raises
    ------
    CompatibilityError
        If the last layer has an activation that gives no probabilities.
    """
    activation = _activation(keras, model.outputs[0])
    one = model.output_shape[-1] == 1
    logits = _from_logits(model.loss) if from_logits is None else from_logits
    if logits and activation not in PROBABILITIES:
        apart = _name(keras, model.loss)[0].startswith("binary")
        return "sigmoid" if one else "sigmoid divided" if apart else "softmax"
    if activation is not None and activation not in PROBABILITIES:
        raise CompatibilityError(
            f"a classifier must end in probabilities; {model.name!r} ends in the activation {activation!r}. End it "
            f"with {'sigmoid' if one else 'softmax'}, or, if its outputs are logits, compile it with a loss that has "
            "from_logits=True (for a loss of your own: KerasClassifier(..., from_logits=True))."
        )
    if one and activation in ("softmax", "sparsemax"):
        raise CompatibilityError(
            f"{activation} over one output is 1 for every row; {model.name!r} has one output. End it with a sigmoid, "
            "or give it an output for each class."
        )
    return "divided" if activation in APART and not one else "probabilities"


def check_regression_loss(keras: Any, loss: Any) -> None:
    """Refuse losses that compare classes."""
    name, is_own = _name(keras, loss)
    if not is_own and ("categorical" in name or name in WITHOUT_CLASSES):
        raise CompatibilityError(
            f"KerasRegressor needs a loss of numbers; {_shown(loss)} compares classes. Compile the model with 'mse', "
            "or give it to KerasClassifier."
        )


def to_probabilities(raw: np.ndarray, how: Outputs) -> np.ndarray:
    """Turn the outputs of a model into probabilities.

    Parameters
    ----------
    raw : ndarray of shape (n_samples, n_outputs)
        Outputs.
    how : str
        See `Outputs`.

    Returns
    -------
    ndarray of shape (n_samples, n_classes)
        Two columns for one output, which is the probability of the second class.
    """
    if how.startswith("sigmoid"):
        # Either form is exact on its side, and neither overflows.
        small = np.exp(-np.abs(raw))
        raw = np.where(raw >= 0, 1 / (1 + small), small / (1 + small))
    elif how == "softmax":
        raw = np.exp(raw - raw.max(axis=1, keepdims=True))
        raw /= raw.sum(axis=1, keepdims=True)
    if raw.shape[1] == 1:
        return np.concatenate([1 - raw, raw], axis=1)
    if how.endswith("divided"):
        total = raw.sum(axis=1, keepdims=True)
        raw = np.where(total > 0, raw / np.where(total > 0, total, 1), raw.dtype.type(1 / raw.shape[1]))
    return raw


def _only(loss: Any) -> Any:
    """Take the loss of the only output out of its list or dict."""
    while isinstance(loss, (list, tuple, dict)) and len(loss) == 1:
        (loss,) = loss.values() if isinstance(loss, dict) else loss
    return loss


def _name(keras: Any, loss: Any) -> tuple[str, bool]:
    """Name a loss, in small letters without underscores; tell whether it is the user's own."""
    loss = _only(loss)
    if isinstance(loss, str):
        loss = keras.losses.get(loss)
    while isinstance(loss, functools.partial):
        loss = loss.func
    if isinstance(loss, keras.losses.Loss):
        wrapped = getattr(loss, "fn", None)
        of_keras = [
            cls for cls in type(loss).__mro__
            if cls.__module__.startswith(KERAS) and cls.__name__ not in ("Loss", "LossFunctionWrapper")
        ]  # fmt: skip
        if not of_keras and wrapped is not None:
            return _name(keras, wrapped)
        named: Any = of_keras[0] if of_keras else type(loss)
    else:
        named = loss
    name = getattr(named, "__name__", type(named).__name__)
    name = name.replace("_", "").lower()
    is_own = not str(getattr(named, "__module__", "")).startswith(KERAS)
    return {"kullbackleiblerdivergence": "kldivergence"}.get(name, name), is_own


def _shown(loss: Any) -> str:
    loss = _only(loss)
    return repr(loss) if isinstance(loss, str) else getattr(loss, "__name__", None) or type(loss).__name__


def _from_logits(loss: Any) -> bool:
    loss = _only(loss)
    while isinstance(loss, functools.partial):
        if "from_logits" in loss.keywords:
            return bool(loss.keywords["from_logits"])
        loss = loss.func
    return bool(getattr(loss, "from_logits", False) or getattr(loss, "_fn_kwargs", {}).get("from_logits", False))


def _activation(keras: Any, tensor: Any) -> str | None:
    """Name the function that made a symbolic tensor; None if it is not one of Keras's activations."""
    history = tensor._keras_history
    operation = history.operation
    if isinstance(operation, keras.Model):
        inner = getattr(operation, "outputs", None)
        return _activation(keras, inner[history.tensor_index]) if inner else None
    module = type(operation).__module__
    if isinstance(operation, keras.layers.Softmax):
        return "softmax"
    if module.startswith("keras.src.ops"):
        return OPERATIONS.get(type(operation).__name__)
    function = getattr(operation, "activation", None)
    if not module.startswith("keras.src.layers") or not callable(function):
        return None
    if isinstance(function, keras.layers.Layer):
        return "softmax" if isinstance(function, keras.layers.Softmax) else None
    is_known = str(getattr(function, "__module__", "")).startswith("keras.src.activations")
    return function.__name__ if is_known else None
