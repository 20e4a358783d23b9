"""Give copied layers what the layers themselves have learned: weights, vocabularies, and what else they save."""

from __future__ import annotations

import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import CompatibilityError
from ._keras import import_keras

if TYPE_CHECKING:
    import keras

__all__ = ["copy_assets", "copy_weights", "first_line", "pair_layers"]


def copy_assets(layer: keras.Layer, copied: keras.Layer) -> None:
    """Give a new layer what another has looked up rather than weighed: vocabularies, and the files it is saved with.

    Parameters
    ----------
    layer : keras.Layer
        It is not changed.
    copied : keras.Layer
        Made with the options of ``layer``. It must not have been called, as its output can depend on what it gets.

    Raises
    ------
    CompatibilityError
        If the new layer does not take it.
    """
    for old, new in pair_layers(layer, copied, built=False):
        with _named(old):
            if callable(getattr(old, "set_vocabulary", None)) and callable(getattr(old, "get_vocabulary", None)):
                _copy_vocabulary(old, new)
            elif hasattr(old, "save_assets"):
                with tempfile.TemporaryDirectory() as folder:
                    old.save_assets(folder)
                    new.load_assets(folder)


def copy_weights(layer: keras.Layer, copied: keras.Layer) -> None:
    """Give a new layer the weights of another, and what else this saves with them.

    Parameters
    ----------
    layer : keras.Layer
        It is not changed.
    copied : keras.Layer
        Made with the options of ``layer``, and built if that is.

    Raises
    ------
    CompatibilityError
        If the two have different weights.
    """
    for old, new in pair_layers(layer, copied):
        with _named(old):
            _copy_own_weights(old, new)


def pair_layers(model: Any, copied: Any, *, built: bool = True) -> list[tuple[Any, Any]]:
    """List each layer beside its copy; before these are built, without the layers that building makes."""
    pairs: list[tuple[Any, Any]] = []
    seen: set[int] = set()

    def add(old: Any, new: Any) -> None:
        if id(old) in seen:
            return
        seen.add(id(old))
        pairs.append((old, new))
        inner = [[part for part in layer._layers if not _is_input(part)] for layer in (old, new)]
        if not built and not inner[1]:
            return
        if len(inner[0]) != len(inner[1]) or any(type(a) is not type(b) for a, b in zip(*inner, strict=True)):
            raise CompatibilityError(
                f"a layer must make the same layers again from its get_config; {old.name!r} ({type(old).__name__}) "
                f"holds {[part.name for part in inner[0]]}, and its copy {[part.name for part in inner[1]]}."
            )
        for pair in zip(*inner, strict=True):
            add(*pair)

    add(model, copied)
    return pairs


def first_line(error: Exception) -> str:
    first = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
    return first if first.endswith(".") else f"{first}."


def _is_input(layer: Any) -> bool:
    # A Sequential that was never built has none; its copy has.
    return type(layer).__name__ == "InputLayer"


def _copy_vocabulary(layer: Any, copied: Any) -> None:
    # Keras's own way, a text file, loses tokens with line breaks, and all tokens of a layer with weights of documents.
    lookup = getattr(layer, "_lookup_layer", layer)
    words = lookup.get_vocabulary()
    if len(words) <= lookup._token_start_index():
        return
    idf = getattr(lookup, "idf_weights_const", None)
    weights = {} if idf is None else {"idf_weights": np.array(idf)[: len(words)]}
    if list(copied.get_vocabulary()) != list(words) or weights:
        copied.set_vocabulary(words, **weights)


def _copy_own_weights(layer: Any, copied: Any) -> None:
    store: dict[str, Any] = {}
    layer.save_own_variables(store)
    # Values are copied: jax gives the memory of variables away when a model predicts, and a copy may not share it.
    to_numpy = import_keras("A copy of a layer").ops.convert_to_numpy
    if store:
        copied.load_own_variables({key: to_numpy(value) for key, value in store.items()})
    # What is saved may be less than there is: layers of a low rank save the product of their weights.
    own = [[*part._trainable_variables, *part._non_trainable_variables] for part in (layer, copied)]
    for one, other in zip(*own, strict=len(own[0]) > 0):
        other.assign(to_numpy(one))


@contextmanager
def _named(layer: Any) -> Generator[None]:
    try:
        yield
    except Exception as error:
        raise CompatibilityError(
            f"a copy of a layer must take what the layer holds; that of {layer.name!r} ({type(layer).__name__}) does "
            f"not: {first_line(error)} Give a function that makes the model."
        ) from error
