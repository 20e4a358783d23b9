"""Class and member names, stored as names of layers, because Keras saves and loads these without custom code."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable
from typing import TYPE_CHECKING, Any

from ..assembly import import_keras
from ..errors import CompatibilityError

if TYPE_CHECKING:
    import keras

__all__ = [
    "class_names",
    "classes_layer",
    "escape",
    "member_layer",
    "member_names",
    "named_as",
    "task_layer",
    "task_name",
    "with_members",
]

CLASSES, MEMBER, TASK, SEPARATOR = "classes", "member", "task", ">"
PLAIN = re.compile(r"[A-Za-z0-9_-]")
"""Characters of scope names in TensorFlow that are kept; ``.`` and ``>``, which it also allows, escape and separate."""


def classes_layer(classes: Iterable[Hashable]) -> str:
    """Write class names as the name of a layer, ``classes>cat>large.20dog``."""
    return SEPARATOR.join([CLASSES, *map(escape, classes)])


def task_layer(task: str) -> str:
    """Write a task as the name of a layer, ``task>multilabel``."""
    return f"{TASK}{SEPARATOR}{task}"


def member_layer(position: int, member: str) -> str:
    """Write the position and name of a member as the name of a layer, ``member>0>cnn``."""
    return SEPARATOR.join([MEMBER, str(position), escape(member)])


def class_names(model: keras.Model) -> tuple[Hashable, ...] | None:
    """Read the names of the outputs of a fused model.

    Parameters
    ----------
    model : keras.Model
        A model that `fuse` made, in any process, or any other model.

    Returns
    -------
    tuple of str or int, or None
        Names in the order of the outputs; None if the model has no names.

    Examples
    --------
    >>> import keras
    >>> from ensemblekit.fusion import class_names, fuse
    >>> net = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2, "softmax")])
    >>> class_names(fuse([("net", net)], "mean", classes=["cat", "large dog"]))
    ('cat', 'large dog')
    """
    found = [name for kind, *name in _name_layers(model) if kind == CLASSES]
    try:
        return tuple(map(_unescape, found[-1])) if found else None
    except ValueError as error:
        raise _unreadable_names(model) from error


def task_name(model: keras.Model) -> str | None:
    """Read the task of a fused model.

    Parameters
    ----------
    model : keras.Model
        A model that `fuse` made, in any process, or any other model.

    Returns
    -------
    {"multiclass", "multilabel", "regression"} or None
        None if the model has no class names. Models that were fused before tasks were kept are ``multiclass``.

    Examples
    --------
    >>> import keras
    >>> from ensemblekit.fusion import fuse, task_name
    >>> net = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2, "sigmoid")])
    >>> task_name(fuse([("net", net)], "mean", classes=["cough", "fever"], task="multilabel"))
    'multilabel'
    """
    if class_names(model) is None:
        return None
    found = [names[0] for kind, *names in _name_layers(model) if kind == TASK]
    return found[-1] if found else "multiclass"


def member_names(model: keras.Model) -> tuple[str, ...]:
    """Read the names of the members of a fused model.

    Parameters
    ----------
    model : keras.Model
        A model that `fuse` made, in any process, or any other model.

    Returns
    -------
    tuple of str
        Names in the order in which they were given to `fuse`; empty if the model has none.
    """
    return tuple(_member_layers(model))


def with_members(model: keras.Model) -> keras.Model | None:
    """Make a model that outputs the predictions of each member beside the combination.

    Parameters
    ----------
    model : keras.Model
        A model that `fuse` made, in any process.

    Returns
    -------
    keras.Model or None
        It shares the inputs and layers of ``model``. Its output is a dict of arrays of shape ``(n_samples, ...,
        n_classes)``: ``combined`` first, and then each member by name. None for a model that was not fused.
    """
    layers = _member_layers(model)
    if not layers:
        return None
    outputs = {name: model.get_layer(layer).output for name, layer in layers.items()}
    keras: Any = import_keras("with_members")
    return keras.Model(model.input, {"combined": model.outputs[0]} | outputs, name=f"{model.name}_with_members")


def named_as(model: keras.Model, tensor: Any) -> Any:
    """Give an output the names that the output of a fused model has, for a model that is made of it.

    Parameters
    ----------
    model : keras.Model
        A model that `fuse` made, or any other model.
    tensor : KerasTensor
        An output for the same classes.

    Returns
    -------
    KerasTensor
        The same values; the tensor itself if the model has no names.
    """
    found = {kind: SEPARATOR.join([kind, *names]) for kind, *names in _name_layers(model)}
    keras: Any = import_keras("named_as")
    for name in (found[kind] for kind in (TASK, CLASSES) if kind in found):
        tensor = keras.layers.Identity(name=name, dtype=tensor.dtype)(tensor)
    return tensor


def _member_layers(model: Any) -> dict[str, str]:
    """Find the layer of each member, by the member's name."""
    try:
        found = sorted((int(position), name) for kind, position, *name in _name_layers(model) if kind == MEMBER)
        members = {str(_unescape(name)): position for position, (name,) in found}
    except ValueError as error:
        raise _unreadable_names(model) from error
    layers = {name: member_layer(position, name) for name, position in members.items()}
    if not {layer.name for layer in getattr(model, "layers", ())}.issuperset(layers.values()):
        raise _unreadable_names(model)
    return layers


def _name_layers(model: Any) -> list[list[str]]:
    names = [layer.name.split(SEPARATOR) for layer in getattr(model, "layers", ())]
    return [name for name in names if name[0] in (CLASSES, MEMBER, TASK) and len(name) > 1]


def _unreadable_names(model: Any) -> CompatibilityError:
    return CompatibilityError(
        f"layers may be called {CLASSES}{SEPARATOR}... and {MEMBER}{SEPARATOR}... only by fuse, whose names can be "
        f"read; those of {getattr(model, 'name', 'the model')!r} cannot. Rename them."
    )


def escape(name: Hashable) -> str:
    """Encode a name in the characters that TensorFlow allows in the name of a layer."""
    if not isinstance(name, str):
        return f".i{name}"
    return "".join(c if PLAIN.fullmatch(c) else _as_bytes(c) for c in name) or ".e"


def _as_bytes(character: str) -> str:
    return "".join(f".{byte:02x}" for byte in character.encode())


def _unescape(text: str) -> Hashable:
    if text.startswith(".i"):
        return text[2:] == "True" if text[2:] in ("True", "False") else int(text[2:])
    if text == ".e":
        return ""
    parts = re.split(r"\.([0-9a-f]{2})", text)
    return b"".join(bytes.fromhex(p) if k % 2 else p.encode() for k, p in enumerate(parts)).decode()
