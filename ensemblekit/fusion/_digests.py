"""Digests of what layers and operations compute: equal digests, equal outputs for equal inputs."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import numpy as np

from ..errors import CompatibilityError
from ._assets import assets_of

__all__ = ["config_of", "digest_of", "operation_digest"]

TRAINING_ONLY = ("_initializer", "_regularizer", "_constraint")
"""Ends of the names of options that mean nothing once the weights are there."""


def digest_of(*parts: Any) -> str:
    """Digest arrays, tensors and plain values, in their order and structure."""
    digest = hashlib.sha256()
    for part in parts:
        _feed(digest, part)
    return digest.hexdigest()


def operation_digest(operation: Any) -> str:
    """Digest what an operation or layer computes: its class, options and weights, whatever it is called."""
    cls = type(operation)
    weights = [np.asarray(w.value) for w in getattr(operation, "weights", ())]
    assets = {name: content.hex() for name, content in assets_of(operation).items()}
    return digest_of(cls.__module__, cls.__qualname__, _essence(config_of(operation)), assets, *weights)


def config_of(operation: Any) -> dict[str, Any]:
    """Ask for the options of an operation, or refuse one that does not tell them."""
    try:
        return dict(operation.get_config())
    except NotImplementedError as error:
        raise CompatibilityError(
            f"each layer of a member must tell its options, to be copied into one model; {operation.name!r} "
            f"({type(operation).__name__}) has no get_config."
        ) from error


def _essence(config: Any, named: bool = True) -> Any:
    """Leave out names of layers, and what only training uses."""
    if isinstance(config, dict):
        inner = _is_layer(config)
        return {
            key: _essence(value, named=key == "config" and inner)
            for key, value in config.items()
            if not (named and key == "name")
            and key not in ("trainable", "seed", "build_config", "batch_shape")
            and not str(key).endswith(TRAINING_ONLY)
        }
    if isinstance(config, (list, tuple)):
        return [_essence(value, named=False) for value in config]
    return config


def _is_layer(config: dict[Any, Any]) -> bool:
    return str(config.get("module", "")).startswith(("keras.layers", "keras.src.layers", "keras.models"))


def _feed(digest: Any, value: Any) -> None:
    if isinstance(value, (list, tuple)):
        digest.update(f"[{len(value)}".encode())
        for part in value:
            _feed(digest, part)
    elif isinstance(value, dict):
        digest.update(f"{{{len(value)}".encode())
        for key in sorted(value, key=str):
            _feed(digest, str(key))
            _feed(digest, value[key])
    elif hasattr(value, "shape") and hasattr(value, "dtype") and not isinstance(value, np.generic):
        array = np.ascontiguousarray(value)
        digest.update(f"array{array.shape}{array.dtype}".encode())
        digest.update(array.view(np.uint8).data if array.size else b"")
    else:
        text = json.dumps(value, default=repr)
        digest.update(f"{type(value).__name__}{len(text)}:{text}".encode())
