"""Label maps, ``{code: name}`` or ``{name: code}``, as class names in the order of their codes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..errors import InvalidPredictionsError

__all__ = ["names_of_map"]


def names_of_map(classes: Mapping[Any, Any]) -> list[Any]:
    """Read a label map; refuse a mapping that is none, or that can be read in two ways."""
    keys, values = [*classes], [*classes.values()]
    found = [
        [name for _, name in sorted(zip(map(int, codes), names, strict=True), key=lambda pair: pair[0])]
        for codes, names in ((keys, values), (values, keys))
        if _are_codes(codes)
    ]
    if not found or any(names != found[0] for names in found):
        first = ", ".join(f"{key!r:.100}: {value!r:.100}" for key, value in [*classes.items()][:3])
        raise InvalidPredictionsError(
            f"classes must be {{code: name}} or {{name: code}} with codes 0 to {len(classes) - 1}, if they are a "
            f"mapping; received {{{first}{', ...' if len(classes) > 3 else ''}}}"
            f"{', which can be read in both ways' if found else ''}. Give a list of names in the order of the columns."
        )
    return found[0]


def _are_codes(values: list[Any]) -> bool:
    if not all(isinstance(value, int | np.integer) and not isinstance(value, bool) for value in values):
        return False
    return bool(values) and sorted(map(int, values)) == [*range(len(values))]
