"""Functions of rooms above that rooms below need: the package provides them, as rooms import only what is below."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["combine_slices_with", "slice_combiner"]

_Maker = Callable[[Any, str, Mapping[str, Any]], Callable[..., Any]]
_make: _Maker | None = None


def combine_slices_with(make: _Maker) -> None:
    """Say how the rows of a group are combined; see `ensemblekit.combining.slices`.

    Parameters
    ----------
    make : callable
        Rule, task and options -> a function that combines slices.
    """
    global _make
    _make = make


def slice_combiner(rule: Any, task: str, options: Mapping[str, Any]) -> Callable[..., Any]:
    """Make the function that combines slices by a rule.

    Parameters
    ----------
    rule : str or Combiner
        A registered name, or an object.
    task : str
        Task of the predictions.
    options : mapping of str to Any
        Options of the rule.

    Returns
    -------
    callable
        Slices of shape ``(n_slices, n_groups, ..., n_classes)``, classes, and names of the groups -> values.
    """
    if _make is None:
        raise RuntimeError("The package gives the function that combines; import ensemblekit first.")
    return _make(rule, task, options)
