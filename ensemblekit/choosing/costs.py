"""What members cost: checked here for `choose`, and for ensembles before they fit anything."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..errors import InvalidOptionError
from ..predictions.names import shown

__all__ = ["ROUNDING", "affords", "check_costs"]

ROUNDING = 1e-9
"""Sums of costs that exceed the highest one by this share are those of rounding."""


def check_costs(costs: Any, max_cost: float | None, members: tuple[str, ...]) -> dict[str, float] | None:
    """Check the cost of each member, and that the cheapest one can be afforded.

    Parameters
    ----------
    costs : mapping of str to float, or None
        Member -> its cost.
    max_cost : float or None
        Highest cost of the members that a rule uses.
    members : tuple of str
        Names of the members.

    Returns
    -------
    dict of str to float, or None
        Without costs, None.
    """
    if costs is None:
        if max_cost is not None:
            raise InvalidOptionError(f"max_cost needs costs={{member: cost}}; received max_cost={max_cost!r} alone.")
        return None
    wrong = not isinstance(costs, Mapping) or [name for name, cost in costs.items() if not _is_cost(cost)]
    if wrong or set(costs) != set(members):
        raise InvalidOptionError(
            f"costs must map each of the members {list(members)} to a finite number >= 0; received {shown(costs)}."
        )
    found = {name: float(costs[name]) for name in members}
    if max_cost is not None and (not _is_cost(max_cost) or not affords(max_cost, min(found.values()))):
        raise InvalidOptionError(
            f"max_cost must be a number that affords one member at least, {min(found.values()):g} for the cheapest; "
            f"received {max_cost!r}."
        )
    return found


def _is_cost(value: Any) -> bool:
    is_number = isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)
    return bool(is_number and math.isfinite(value) and value >= 0)


def affords(limit: float, cost: float) -> bool:
    """Tell whether a cost is within the limit, but for rounding."""
    return cost <= limit * (1 + ROUNDING)
