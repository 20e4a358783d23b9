"""A broken promise: what was promised, and a counter-example that can be pasted."""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np

from ..errors import CheckFailedError

__all__ = ["Broken", "failure", "shown"]

NOTHING = object()


class Broken(Exception):  # noqa: N818 - it never leaves this room
    """Raised inside a check; `failure` makes of it what a user reads."""

    def __init__(
        self, what: str, given: dict[str, Any] | None = None, *, expected: Any = NOTHING, received: Any = NOTHING
    ) -> None:
        super().__init__(what)
        self.what = what
        self.given = given or {}
        self.expected = expected
        self.received = received

    @property
    def size(self) -> tuple[int, int]:
        """How much there is to read; the smaller of two counter-examples is the better."""
        arrays = [value for value in self.given.values() if isinstance(value, np.ndarray)]
        return sum(array.size for array in arrays), sum(len(shown(array)) for array in arrays)


def failure(broken: Broken, *, check: str, promise: str, subject: str) -> CheckFailedError:
    """Write the error: the property, whose it is, the promise, the counter-example, what was expected and what came.

    Parameters
    ----------
    broken : Broken
        What a check found.
    check, promise : str
        Name of the check, and its sentence.
    subject : str
        The plugin under test, as its author would write it.

    Returns
    -------
    CheckFailedError
        To be raised.
    """
    lines = [f"{subject} breaks the promise {check!r}: {promise}.", f"Found: {broken.what}."]
    if broken.given:
        lines += ["Counter-example:"]
        lines += [f"    {name} = {shown(value)}" for name, value in broken.given.items()]
    if broken.expected is not NOTHING:
        lines.append(f"Expected: {shown(broken.expected)}")
    if broken.received is not NOTHING:
        lines.append(f"Received: {shown(broken.received)}")
    error = CheckFailedError("\n".join(lines))
    error.check = check
    error.arrays = {name: value for name, value in broken.given.items() if isinstance(value, np.ndarray)}
    return error


def shown(value: Any) -> str:
    """Write a value so that it can be pasted where ``np`` is NumPy."""
    if isinstance(value, np.ndarray):
        text = f"np.array({_nested(value)}, dtype=np.{value.dtype.name.removesuffix('_')})"
        if value.dtype.kind == "b":
            text = f"np.array({value.tolist()})"
        if value.ndim > 1 and value.flags.f_contiguous and not value.flags.c_contiguous:
            text = f"np.asfortranarray({text})"
        # An array without elements loses its shape in a list.
        return text if value.size else f"np.zeros({value.shape}, dtype=np.{value.dtype.name})"
    return str(value) if isinstance(value, type) else repr(value)


def _nested(value: np.ndarray) -> str:
    if value.ndim:
        return f"[{', '.join(_nested(part) for part in value)}]"
    text = str(value)
    return f"np.{text}" if text in ("nan", "inf") else text.replace("-inf", "-np.inf")


def broken_by(error: Exception, what: str, given: dict[str, Any]) -> NoReturn:
    """Raise that a call of the plugin raised an error where it should not."""
    text = str(error).partition("\n")[0]
    raise Broken(f"{what} raised {type(error).__name__}: {text}".rstrip("."), given) from error
