"""Nested parameters of named estimators, as scikit-learn's searches and `clone` use them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..errors import InvalidOptionError

__all__ = ["parameters_of", "refuse_left_out"]


def parameters_of(named: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """List estimators by name, and the parameters of each as ``name__parameter``."""
    params: dict[str, Any] = {}
    for name, estimator in named:
        params[name] = estimator
        if hasattr(estimator, "get_params") and not isinstance(estimator, type):
            params |= {f"{name}__{key}": value for key, value in estimator.get_params(deep=True).items()}
    return params


def refuse_left_out(name: str, estimator: Any, keys: list[str]) -> None:
    """Refuse parameters of a member that is dropped."""
    if keys and (estimator is None or (isinstance(estimator, str) and estimator == "drop")):
        raise InvalidOptionError(
            f"parameters must be those of a member that is there; {name} is {estimator!r}, and received {keys}. Set "
            f"the member first, {name}=..., or leave them out: in a search, give a list of grids."
        )
