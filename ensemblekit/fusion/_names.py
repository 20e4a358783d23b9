"""Names of classes and members, kept in a model as the names of layers: all that Keras alone saves and loads again."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable
from typing import Any

from ..assembly import import_keras
from ..errors import CompatibilityError

__all__ = ["class_names", "classes_layer", "escape", "member_layer", "member_names", "with_members"]

CLASSES, MEMBER, SEPARATOR = "classes", "member", ">"
PLAIN = re.compile(r"[A-Za-z0-9_-]")
"""What TensorFlow lets stand in the name of a scope; of the rest it knows ``.`` and ``>``, which are ours."""


def classes_layer(classes: Iterable[Hashable]) -> str:
    """Write class names as the name of a layer, ``classes>cat>large.20dog``."""
    return SEPARATOR.join([CLASSES, *map(escape, classes)])


def member_layer(place: int, member: str) -> str:
    """Write the place and the name of a member as the name of a layer, ``member>0>cnn``."""
    return SEPARATOR.join([MEMBER, str(place), escape(member)])


def class_names(model: Any) -> tuple[Hashable, ...] | None:
    """Read the names of the outputs of a fused model.

    Parameters
    ----------
    model : keras.Model
        Made by `fuse`, in whatever process, or any other.

    Returns
    -------
    tuple of str or int, or None
        In the order of the outputs; None for a model that holds none.

    Examples
    --------
    >>> import keras
    >>> from ensemblekit.fusion import class_names, fuse
    >>> net = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2, "softmax")])
    >>> class_names(fuse([("net", net)], "mean", classes=["cat", "large dog"]))
    ('cat', 'large dog')
    """
    found = [name for kind, *name in _own_layers(model) if kind == CLASSES]
    try:
        return tuple(map(_unescape, found[-1])) if found else None
    except ValueError as error:
        raise _not_ours(model) from error


def member_names(model: Any) -> tuple[str, ...]:
    """Read the names of the members of a fused model.

    Parameters
    ----------
    model : keras.Model
        Made by `fuse`, in whatever process, or any other.

    Returns
    -------
    tuple of str
        In the order in which they were given; empty for a model that holds none.
    """
    return tuple(name for name, _ in _members(model))


def with_members(model: Any) -> Any:
    """Show what each member of a fused model says, beside the combination.

    Parameters
    ----------
    model : keras.Model
        Made by `fuse`, in whatever process.

    Returns
    -------
    keras.Model or None
        Of the same inputs and layers; its output is a dict, ``combined`` first and then each member by name, arrays of
        shape ``(n_samples, ..., n_classes)``. None for a model that was not fused.
    """
    members = _members(model)
    if not members:
        return None
    keras = import_keras("with_members")
    outputs = {"combined": model.outputs[0]} | {name: model.get_layer(layer).output for name, layer in members}
    return keras.Model(model.input, outputs, name=f"{model.name}_with_members")


def _members(model: Any) -> list[tuple[str, str]]:
    try:
        own = sorted((int(place), name) for kind, place, *name in _own_layers(model) if kind == MEMBER)
        named = [(str(_unescape(name)), member_layer(place, str(_unescape(name)))) for place, (name,) in own]
    except ValueError as error:
        raise _not_ours(model) from error
    there = {layer.name for layer in getattr(model, "layers", ())}
    if not all(layer in there for _, layer in named):
        raise _not_ours(model)
    return named


def _not_ours(model: Any) -> CompatibilityError:
    return CompatibilityError(
        f"layers are called {CLASSES}{SEPARATOR}... and {MEMBER}{SEPARATOR}... as fuse calls them, or otherwise; those "
        f"of {getattr(model, 'name', 'the model')!r} are neither. Rename them."
    )


def _own_layers(model: Any) -> list[list[str]]:
    names = [layer.name.split(SEPARATOR) for layer in getattr(model, "layers", ())]
    return [name for name in names if name[0] in (CLASSES, MEMBER) and len(name) > 1]


def escape(name: Hashable) -> str:
    """Write a name with what may stand in the name of a layer."""
    if not isinstance(name, str):
        return f".i{name}"
    return "".join(c if PLAIN.fullmatch(c) else _as_bytes(c) for c in name) or ".e"


def _as_bytes(character: str) -> str:
    return "".join(f".{byte:02x}" for byte in character.encode())


def _unescape(text: str) -> Hashable:
    if text.startswith(".i"):
        return int(text[2:])
    if text == ".e":
        return ""
    parts = re.split(r"\.([0-9a-f]{2})", text)
    return b"".join(bytes.fromhex(p) if place % 2 else p.encode() for place, p in enumerate(parts)).decode()
