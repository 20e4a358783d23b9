"""What a layer has learned that is no weight: the vocabulary of a lookup layer, which Keras keeps in files."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

__all__ = ["assets_of", "copy_assets"]


def assets_of(operation: Any) -> dict[str, bytes]:
    """Read the files that a layer would be saved with, by name."""
    if not hasattr(operation, "save_assets"):
        return {}
    with tempfile.TemporaryDirectory() as folder:
        operation.save_assets(folder)
        return {path.name: path.read_bytes() for path in sorted(Path(folder).iterdir())}


def copy_assets(operation: Any, copy: Any) -> None:
    """Let a copy of a layer, made from its options, load them."""
    if not hasattr(operation, "save_assets"):
        return
    with tempfile.TemporaryDirectory() as folder:
        operation.save_assets(folder)
        copy.load_assets(folder)
