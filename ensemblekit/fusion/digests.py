"""Digests of what layers compute: operations with equal digests give equal outputs for equal inputs."""

from __future__ import annotations

import hashlib
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import CompatibilityError

__all__ = ["config_of", "digest_of", "operation_digest"]

TRAINING_ONLY = ("_initializer", "_regularizer", "_constraint")
"""Suffixes of options that are only used in training."""


def digest_of(*values: Any) -> str:
    """Compute a digest of arrays, tensors and plain values, including their order and nesting.

    Parameters
    ----------
    *values : Any
        Arrays, tensors, numbers, text, and lists, tuples or dicts of these.

    Returns
    -------
    str
        SHA-256 in hexadecimal.
    """
    digest = hashlib.sha256()
    for value in values:
        _update(digest, value)
    return digest.hexdigest()


def operation_digest(operation: Any) -> str:
    """Compute a digest of the class, options, weights and vocabulary of an operation or layer, but not of its name.

    Parameters
    ----------
    operation : keras.Operation
        A layer, or an operation of `keras.ops`.

    Returns
    -------
    str
        SHA-256 in hexadecimal.
    """
    cls = type(operation)
    weights = [np.asarray(w) for w in getattr(operation, "weights", ())]
    assets = {name: content.hex() for name, content in _assets_of(operation).items()}
    return digest_of(cls.__module__, cls.__qualname__, _computing_options(config_of(operation)), assets, *weights)


def config_of(operation: Any) -> dict[str, Any]:
    """Read the options of an operation.

    Parameters
    ----------
    operation : keras.Operation
        A layer, or an operation of `keras.ops`.

    Returns
    -------
    dict of str to Any
        Options from which the operation can be created again.

    Raises
    ------
    CompatibilityError
        If the operation has no ``get_config``.
    """
    try:
        return dict(operation.get_config())
    except NotImplementedError as error:
        raise CompatibilityError(
            f"each layer of a member must have a get_config, so that it can be copied into one model; "
            f"{operation.name!r} ({type(operation).__name__}) has none."
        ) from error


def _assets_of(operation: Any) -> dict[str, bytes]:
    """Read the data that a layer saves in files beside its weights, such as the vocabulary of a lookup layer."""
    if not hasattr(operation, "save_assets"):
        return {}
    with tempfile.TemporaryDirectory() as folder:
        operation.save_assets(folder)
        return {path.name: path.read_bytes() for path in sorted(Path(folder).iterdir())}


def _computing_options(config: Any, named: bool = True) -> Any:
    """Drop the names of layers, and options that are only used in training."""
    if isinstance(config, dict):
        inner = _is_layer(config)
        return {
            key: _computing_options(value, named=key == "config" and inner)
            for key, value in config.items()
            if not (named and key == "name")
            and key not in ("trainable", "seed", "build_config", "batch_shape")
            and not str(key).endswith(TRAINING_ONLY)
        }
    if isinstance(config, (list, tuple)):
        return [_computing_options(value, named=False) for value in config]
    return config


def _is_layer(config: dict[Any, Any]) -> bool:
    return str(config.get("module", "")).startswith(("keras.layers", "keras.src.layers", "keras.models"))


def _update(digest: Any, value: Any) -> None:
    if isinstance(value, (list, tuple)):
        digest.update(f"[{len(value)}".encode())
        for item in value:
            _update(digest, item)
    elif isinstance(value, dict):
        digest.update(f"{{{len(value)}".encode())
        for key in sorted(value, key=str):
            _update(digest, str(key))
            _update(digest, value[key])
    elif hasattr(value, "shape") and hasattr(value, "dtype") and not isinstance(value, np.generic):
        array = np.ascontiguousarray(value)
        digest.update(f"array{array.shape}{array.dtype}".encode())
        digest.update(array.view(np.uint8).data if array.size else b"")
    else:
        text = json.dumps(value, default=repr)
        digest.update(f"{type(value).__name__}{len(text)}:{text}".encode())
