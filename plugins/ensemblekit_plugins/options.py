"""Checks of constructor options."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any

from ensemblekit.errors import InvalidOptionError

__all__ = ["check_choice", "check_count", "check_number"]


def check_choice(name: str, value: Any, choices: Sequence[Any]) -> None:
    """Refuse a value that is not one of the choices."""
    if not any(value is choice or (type(value) is type(choice) and value == choice) for choice in choices):
        raise InvalidOptionError(f"{name} must be one of {', '.join(map(repr, choices))}; received {value!r}.")


def check_count(name: str, value: Any, least: int = 1) -> None:
    """Refuse a value that is not a whole number, is too small, or is larger than the length of any array."""
    if not isinstance(value, Integral) or isinstance(value, bool) or not least <= int(value) < 2**31:
        most = " and < 2**31" if isinstance(value, Integral) and int(value) >= least else ""
        raise InvalidOptionError(f"{name} must be a whole number >= {least}{most}; received {value!r}.")


def check_number(name: str, value: Any, low: float, high: float = float("inf"), *, open_low: bool = False) -> None:
    """Refuse a value that is not a finite number from ``low`` (excluded if ``open_low``) to ``high``."""
    number = float("nan")
    if isinstance(value, Real) and not isinstance(value, bool):
        with contextlib.suppress(OverflowError):
            number = float(value)
    above = low < number if open_low else low <= number
    if not above or not number <= high or number == float("inf"):
        bounds = f"{'>' if open_low else '>='} {low:g}" + ("" if high == float("inf") else f" and <= {high:g}")
        raise InvalidOptionError(f"{name} must be a finite number {bounds}; received {value!r}.")
