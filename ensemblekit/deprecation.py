"""Warnings for old names and arguments, which continue to work for one version."""

from __future__ import annotations

import functools
import inspect
import warnings
from collections.abc import Callable
from typing import Any, TypeVar

__all__ = ["takes_old_arguments", "warn_deprecated"]

_PASSED = {"ensemblekit", "ensemblekit_plugins", "importlib"}
"""Packages whose lines a warning does not show: the caller is before them."""
F = TypeVar("F", bound=Callable[..., Any])


def warn_deprecated(old: str, new: str, *, removed_in: str = "0.3") -> None:
    """Warn that a caller uses an old name, argument or order; the warning shows the first line outside of ensemblekit.

    Parameters
    ----------
    old : str
        What the caller wrote, such as ``"ensemblekit.DataError"``.
    new : str
        What to write instead.
    removed_in : str, default="0.3"
        First version that no longer accepts it. A test fails if the code has this version and still accepts the old
        way.
    """
    frame, stacklevel = inspect.currentframe(), 1
    while frame is not None and (name := frame.f_globals.get("__name__", "")).partition(".")[0] in _PASSED:
        frame, stacklevel = frame.f_back, stacklevel + (not name.startswith("importlib._bootstrap"))  # as warn counts
    warnings.warn(
        f"{old} is deprecated and goes in ensemblekit {removed_in}; use {new}.",
        DeprecationWarning,
        stacklevel=stacklevel,
    )


def takes_old_arguments(*, positional: tuple[str, ...] = (), **renamed: str) -> Callable[[F], F]:
    """Let a function accept arguments in the old way for one more version, with a warning.

    Parameters
    ----------
    positional : tuple of str, optional
        Keyword-only arguments that could be given by position, in their order, after those that still can.
    **renamed : str
        Old name of an argument -> its new one.

    Returns
    -------
    callable
        Decorator.
    """

    def decorate(function: F) -> F:
        parameters = inspect.signature(function).parameters.values()
        n_positional = sum(p.kind is p.POSITIONAL_OR_KEYWORD for p in parameters)

        @functools.wraps(function)
        def taking(*args: Any, **kwargs: Any) -> Any:
            former = dict(zip(positional, args[n_positional:], strict=False))
            if not former.keys() & kwargs.keys():  # otherwise the function reports the argument that is given twice
                for name in former:
                    warn_deprecated(f"{function.__name__} with {name} by position", f"the argument {name!r}")
                kwargs |= former
                args = args[:n_positional] + args[n_positional + len(former) :]
            for old, new in renamed.items():
                if old in kwargs and new not in kwargs:
                    warn_deprecated(f"{function.__name__}({old}=...)", f"the argument {new!r}")
                    kwargs[new] = kwargs.pop(old)
            return function(*args, **kwargs)

        return taking  # pyright: ignore[reportReturnType]

    return decorate
