"""Counter-examples as code that runs by itself."""

from __future__ import annotations

import builtins
import dis
import inspect
import re
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import CodeType
from typing import Any

import numpy as np

from ._judges import JUDGES

__all__ = ["definition", "script", "to_code"]


def to_code(value: Any) -> str:
    """Write arguments as Python code: arrays, and lists, tuples and dicts of them."""
    if isinstance(value, np.ndarray):
        if value.dtype.kind == "O":
            return f"np.array({to_code(value.tolist())}, dtype=object)"
        if not value.size:
            return f"np.zeros({value.shape}{', dtype=int' if value.dtype.kind == 'i' else ''})"
        return f"np.array({to_code(value.tolist())})"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key!r}: {to_code(one)}" for key, one in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        inner = ", ".join(map(to_code, value))
        return f"[{inner}]" if isinstance(value, list) else f"({inner}{',' if len(value) == 1 else ''})"
    if isinstance(value, np.generic):
        return to_code(value.item())
    return f"np.{value}" if isinstance(value, float) and value != value else repr(value)


def definition(function: Callable[..., Any]) -> tuple[str, str]:
    """Return the code that defines a function, or imports it, and the name that it then has."""
    name = getattr(function, "__name__", "function")
    source = _own_source(function)
    if source is not None:
        return source, name
    module, path = getattr(function, "__module__", None), getattr(function, "__qualname__", "<")
    if module and module != "__main__" and path.isidentifier() and getattr(sys.modules.get(module), path, None):
        return f"from {module} import {path}", path
    return "# `function` is the function under test: define it here, or give check_foreign the code.", "function"


def _own_source(function: Callable[..., Any]) -> str | None:
    """Return the source of a function that needs nothing around it but NumPy."""
    code = getattr(function, "__code__", None)
    if code is None or function.__closure__ or function.__name__ == "<lambda>":  # type: ignore[attr-defined]
        return None
    around = function.__globals__  # type: ignore[attr-defined]
    for name in _names(code):
        if name in around and around[name] is not np and name not in vars(builtins):
            return None
    try:
        source = textwrap.dedent(inspect.getsource(function)).rstrip()
    except (OSError, TypeError):
        return None
    return source if source.startswith("def ") else None


def _names(code: CodeType) -> Iterator[str]:
    yield from (one.argval for one in dis.get_instructions(code) if one.opname in ("LOAD_GLOBAL", "LOAD_NAME"))
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


def judges_in(text: str) -> list[str]:
    """Return the source of the judges that an expression calls, and of those that these call."""
    words = set(re.findall(r"\w+", text))
    needed: list[str] = []
    for name, judge in reversed(JUDGES.items()):
        if name in words:
            source = inspect.getsource(judge).rstrip()
            needed.insert(0, source)
            words |= set(re.findall(r"\w+", source))
    return needed


def script(
    defined: str,
    name: str,
    calls: Sequence[Mapping[str, Any]],
    holds: str | None,
    *,
    note: str = "",
) -> str:
    """Write a script which fails if the promise is broken.

    Parameters
    ----------
    defined, name : str
        Code that defines the function, and its name.
    calls : sequence of mapping
        Arguments of one to three calls, by name; their answers are ``first``, ``second`` and ``third``.
    holds : str or None
        Expression that must be true; None where the call itself fails.
    note : str
        A comment above the last line.
    """
    parts = ["import numpy as np", defined, *judges_in(holds or "")]
    body = [f"{argument} = {to_code(value)}" for argument, value in calls[0].items()]
    body.append(f"first = {name}({', '.join(calls[0])})")
    names = ("first", "second", "third")[: len(calls)]
    for answer, call in zip(names[1:], calls[1:], strict=True):
        body.append(f"{answer} = {name}({', '.join(map(to_code, call.values()))})")
    answers = "; ".join(f"{answer} = {{{answer}!r}}" for answer in names)
    if note:
        body.append(f"# {note}")
    if holds is not None:
        body.append(f'assert {holds}, f"{answers}"')
    return "\n\n".join([*parts, "\n".join(body)]) + "\n"
