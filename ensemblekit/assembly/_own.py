"""What a Keras model holds that is not of Keras, so that ``import keras`` alone cannot load its file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["own_objects"]


def own_objects(described: Any) -> dict[str, bool]:
    """List the classes and functions of the user's own in the configuration of a model.

    Parameters
    ----------
    described : object
        As ``keras.saving.serialize_keras_object`` returns it, or as in the file of a model.

    Returns
    -------
    dict of str to bool
        Name -> whether it is registered, as by ``keras.saving.register_keras_serializable``. A layer is named with its
        class: ``'doubled' (Doubled)``.

    Examples
    --------
    >>> import keras
    >>> from ensemblekit.assembly import own_objects
    >>> own_objects(keras.saving.serialize_keras_object(keras.layers.Dense(2)))
    {}
    """
    return dict(_found(described))


def _found(value: Any) -> Iterator[tuple[str, bool]]:
    if isinstance(value, (list, tuple)):
        for item in value:
            yield from _found(item)
    if not isinstance(value, Mapping):
        return
    kind, registered = value.get("class_name"), value.get("registered_name")
    if isinstance(kind, str) and isinstance(registered, str) and not str(value.get("module")).startswith("keras"):
        config = value.get("config")
        if kind == "function":
            yield repr(str(config).rpartition(">")[-1]), ">" in str(config)
        elif kind != "__lambda__":
            of = config.get("name") if isinstance(config, Mapping) else None
            yield (f"{of!r} ({kind})" if of else kind), ">" in registered
    for inner in value.values():
        yield from _found(inner)
