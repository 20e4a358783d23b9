"""The weights of readers, looked up by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..errors import InvalidOptionError
from ..predictions.alike import normalisation_note
from ..predictions.named import by_member
from ..predictions.names import few, plain, shown

__all__ = ["weights_of"]


def weights_of(weights: Any, readers: tuple[Any, ...]) -> np.ndarray:
    """Look up the weight of each reader by name."""
    if weights is None:
        return np.ones(len(readers))
    given = by_member(weights)
    if not isinstance(given, Mapping):
        raise InvalidOptionError(
            f"weights must name their readers; received {shown(weights, 100)}. Give "
            f"{{{shown(readers[0]) if readers else '...'}: 1.0, ...}}."
        )
    named = {plain(name): value for name, value in given.items()}
    lacks, unknown = [r for r in readers if r not in named], [name for name in named if name not in readers]
    if lacks or unknown:
        raise InvalidOptionError(
            f"weights must name each reader and no other; received {shown(named)}: lacking {few(lacks)}, unknown "
            f"{few(unknown)}.{normalisation_note(unknown, lacks)} A reader with the weight 0 is as one that "
            "is not there."
        )
    try:
        found = np.array([float(named[reader]) for reader in readers])
    except (TypeError, ValueError):
        found = np.array([np.nan])
    if not (np.isfinite(found) & (found >= 0)).all() or not found.sum() > 0:
        raise InvalidOptionError(f"weights must be finite and >= 0 with a positive sum; received {shown(named)}.")
    return found / found.max()
