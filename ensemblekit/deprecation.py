"""The warning for what goes on working for one version under its old name, order or position."""

from __future__ import annotations

import functools
import inspect
import warnings
from collections.abc import Callable
from typing import Any, TypeVar

__all__ = ["takes_by_position", "warn_deprecated"]

F = TypeVar("F", bound=Callable[..., Any])


def warn_deprecated(old: str, new: str, *, removed_in: str = "0.3", stacklevel: int = 2) -> None:
    """Warn that a caller uses an old name, argument or order.

    Parameters
    ----------
    old : str
        What the caller wrote, such as ``"ensemblekit.DataError"``.
    new : str
        What to write instead.
    removed_in : str, default="0.3"
        First version that no longer takes it. A test fails when that version comes and the old way is still there.
    stacklevel : int, default=2
        2 where the caller of the function that calls this is to be shown, 3 for the caller of that, and so on.
    """
    warnings.warn(
        f"{old} is deprecated and goes in ensemblekit {removed_in}; use {new}.",
        DeprecationWarning,
        stacklevel=stacklevel + 1,
    )


def takes_by_position(*names: str) -> Callable[[F], F]:
    """Let a function take keyword-only arguments by position, as it once did, with a warning.

    Parameters
    ----------
    *names : str
        Arguments that once followed those that still go by position, in their order.

    Returns
    -------
    callable
        Decorator of functions and methods.
    """

    def decorate(function: F) -> F:
        parameters = inspect.signature(function).parameters.values()
        n_positional = sum(p.kind is p.POSITIONAL_OR_KEYWORD for p in parameters)

        @functools.wraps(function)
        def takes_both(*args: Any, **kwargs: Any) -> Any:
            given = names[: len(args) - n_positional] if len(args) > n_positional else ()
            if given and not kwargs.keys() & set(given):
                new = ", ".join(f"{name}=..." for name in given)
                warn_deprecated(f"{' and '.join(given)} of {function.__name__} by position", new)
                kwargs |= zip(given, args[n_positional:], strict=False)
                args = args[:n_positional] + args[n_positional + len(given) :]
            return function(*args, **kwargs)

        return takes_both  # pyright: ignore[reportReturnType]

    return decorate
