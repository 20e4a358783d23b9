"""Checks of constructor options."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ensemblekit import arguments
from ensemblekit.arguments import check_number
from ensemblekit.errors import InvalidOptionError

__all__ = ["check_choice", "check_count", "check_names", "check_number"]


def check_choice(name: str, value: Any, choices: Sequence[Any]) -> None:
    """Refuse a value that is not one of the choices."""
    if not any(value is choice or (type(value) is type(choice) and value == choice) for choice in choices):
        raise InvalidOptionError(f"{name} must be one of {', '.join(map(repr, choices))}; received {value!r}.")


def check_count(name: str, value: Any, least: int = 1) -> None:
    """Refuse a value that is not a whole number, is too small, or is larger than the length of any array."""
    arguments.check_count(name, value, least)
    if int(value) >= 2**31:
        raise InvalidOptionError(f"{name} must be a whole number >= {least} and < 2**31; received {value!r}.")


def check_names(name: str, value: Any) -> None:
    """Refuse what is no list or tuple of text."""
    if not isinstance(value, (list, tuple)) or not all(isinstance(one, str) for one in value):
        raise InvalidOptionError(f"{name} must be a list of names; received {value!r}.")
