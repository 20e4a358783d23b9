"""Losses of Keras models, compiled or described in a file: their names, and whether they take logits."""

from __future__ import annotations

import functools
import sys
import weakref
from collections.abc import Mapping
from typing import Any

__all__ = ["from_logits", "loss_name", "loss_of", "only_loss", "remember_loss"]

KERAS = "keras.src.losses"

_losses_of_files: weakref.WeakKeyDictionary[Any, Any] = weakref.WeakKeyDictionary()
"""Models from files, which are not compiled -> the loss in the file."""


def remember_loss(model: Any, loss: Any) -> None:
    """Keep the loss that a file describes, for a model that is loaded without being compiled.

    Parameters
    ----------
    model : keras.Model
        The model.
    loss : object
        As in the configuration of the file.
    """
    if loss is not None:
        _losses_of_files[model] = loss


def loss_of(model: Any, output: str | None = None) -> Any:
    """Find the loss of an output of a model.

    Parameters
    ----------
    model : keras.Model
        Any Keras model.
    output : str, optional
        Name of the output, of a model with several.

    Returns
    -------
    object
        As given to ``compile``, or described in the file of the model; None if it is not known.
    """
    loss = model.loss if getattr(model, "compiled", False) else _losses_of_files.get(model)
    if _is_described(loss) or not isinstance(loss, (Mapping, list, tuple)):
        return loss
    if output is None:
        return only_loss(loss)
    layers = list(getattr(model, "output_names", None) or ())
    by_name: Any = loss if isinstance(loss, Mapping) else dict(zip(layers, loss, strict=False))
    outputs: Any = getattr(model, "output", None)
    keys: list[Any] = list(outputs) if isinstance(outputs, Mapping) else layers
    for key, layer in zip(keys, layers, strict=False):
        if output in (key, layer):
            return by_name.get(key, by_name.get(layer))
    return by_name.get(output)


def only_loss(loss: Any) -> Any:
    """Take the loss of the only output out of its list or dict.

    Parameters
    ----------
    loss : object
        As given to ``compile``, or described in a file.

    Returns
    -------
    object
        One loss.
    """
    while isinstance(loss, (list, tuple, dict)) and len(loss) == 1:
        (loss,) = loss.values() if isinstance(loss, dict) else loss
    return loss


def from_logits(loss: Any) -> bool | None:
    """Tell whether a loss takes logits.

    Parameters
    ----------
    loss : object
        As given to ``compile``, or described in a file.

    Returns
    -------
    bool or None
        None for no loss, and for one of the user's own that does not say it.
    """
    loss = only_loss(loss)
    while isinstance(loss, functools.partial):
        if "from_logits" in loss.keywords:
            return bool(loss.keywords["from_logits"])
        loss = loss.func
    options = loss["config"] if _is_described(loss) else getattr(loss, "_fn_kwargs", None)
    of_object = getattr(loss, "from_logits", None)
    for found in (of_object, options.get("from_logits") if isinstance(options, Mapping) else None):
        if found is not None:
            return bool(found)
    return None if loss is None or loss_name(loss)[1] else False


def _is_described(loss: Any) -> bool:
    return isinstance(loss, Mapping) and {"class_name", "config"} <= {*loss}


def loss_name(loss: Any) -> tuple[str, bool]:
    """Name a loss.

    Parameters
    ----------
    loss : object
        As given to ``compile``, or described in a file.

    Returns
    -------
    tuple of (str, bool)
        In small letters without underscores; and whether it is the user's own.
    """
    keras: Any = sys.modules["keras"]
    loss = only_loss(loss)
    if _is_described(loss):
        named = str(loss["config"] if loss["class_name"] == "function" else loss["class_name"])
        is_own = not str(loss.get("module")).startswith("keras.") and not hasattr(keras.losses, named)
        return named.replace("_", "").lower(), is_own
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
            return loss_name(wrapped)
        named: Any = of_keras[0] if of_keras else type(loss)
    else:
        named = loss
    name = getattr(named, "__name__", type(named).__name__)
    name = name.replace("_", "").lower()
    is_own = not str(getattr(named, "__module__", "")).startswith(KERAS)
    return {"kullbackleiblerdivergence": "kldivergence"}.get(name, name), is_own
