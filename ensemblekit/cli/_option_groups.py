"""Options that several commands share, and that a command gets as one object."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["with_options"]


def with_options(
    command: Callable[..., Any], types: Mapping[str, Any], name: str, make: Callable[..., Any]
) -> Callable[..., Any]:
    """Give a command more options in place of one keyword argument.

    Parameters
    ----------
    command : callable
        Function with the keyword argument ``name``.
    types : mapping of str to type
        Option -> its type, in the order of ``--help``.
    name : str
        Argument that the options become.
    make : callable
        Options by name -> value of the argument.

    Returns
    -------
    callable
        The command as typer sees it.
    """

    @functools.wraps(command)
    def reading(*args: Any, **kwargs: Any) -> Any:
        made = make(**{option: kwargs.pop(option, None) for option in types})
        return command(*args, **{name: made}, **kwargs)

    # The type of the argument is for type checkers: its module need not be imported for the help.
    signature = inspect.signature(command, eval_str=True, locals={str(command.__annotations__[name]): Any})
    own = [parameter for parameter in signature.parameters.values() if parameter.name != name]
    more = [
        inspect.Parameter(option, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=kind)
        for option, kind in types.items()
    ]
    del reading.__wrapped__
    reading.__signature__ = signature.replace(parameters=[*own, *more])  # pyright: ignore[reportAttributeAccessIssue]
    reading.__annotations__ = {parameter.name: parameter.annotation for parameter in (*own, *more)}
    return reading
