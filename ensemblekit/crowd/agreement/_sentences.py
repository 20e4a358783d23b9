"""How far raters agree, in words."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["agreement_sentence"]


def agreement_sentence(found: Any, fewest: int) -> str:
    """Say how far raters agree, or that one cannot tell, and why.

    Parameters
    ----------
    found : Agreement
        What was computed.
    fewest : int
        Fewest items that tell anything.

    Returns
    -------
    str
        One sentence.
    """
    about = f"{found.n_items} items with two answers or more, by {found.n_raters} raters"
    if found.n_groups is not None:
        about = f"{found.n_items} items of {found.n_groups} groups with two answers or more, by {found.n_raters} raters"
    if np.isnan(found.value):
        why = "all answers are of one class" if found.n_items else "no item has two"
        return f"{found.name} is not defined on {about}: {why}."
    said = f"{found.name} is {found.value:.3f} on {about}"
    if not found.enough:
        units = "items" if found.n_groups is None else "groups"
        return f"{said}: with so few {units} one cannot tell; {fewest} are needed."
    said = f"{said} ({100 * found.confidence:g} % interval {found.low:.3f} to {found.high:.3f})"
    if found.low <= 0 <= found.high:
        return f"{said}: one cannot tell whether they agree more than by chance."
    return f"{said}: they agree {'more' if found.low > 0 else 'less'} than by chance."
