"""Violations of a promise, and the error message with a counter-example that can be copied into code."""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np

from ..errors import CheckFailedError

__all__ = ["Violation", "as_code", "failure"]

NOTHING = object()


class Violation(Exception):  # noqa: N818 - users never see it
    """Raised inside a check; `failure` turns it into the error that users see."""

    def __init__(
        self, what: str, given: dict[str, Any] | None = None, *, expected: Any = NOTHING, received: Any = NOTHING
    ) -> None:
        super().__init__(what)
        self.what = what
        self.given = given or {}
        self.expected = expected
        self.received = received
        self.script = ""
        """Code of the counter-example that runs by itself, if there is any."""

    @property
    def size(self) -> tuple[int, int]:
        """Number of values, then number of characters; smaller counter-examples are better."""
        arrays = [value for value in self.given.values() if isinstance(value, np.ndarray)]
        return sum(array.size for array in arrays), sum(len(as_code(array)) for array in arrays)


def failure(violation: Violation, *, check: str, promise: str, subject: str) -> CheckFailedError:
    """Write the error: plugin and promise, what is wrong, the counter-example, the expected and the received value.

    Parameters
    ----------
    broken : Violation
        The violation that a check found.
    check, promise : str
        Name and sentence of the check.
    subject : str
        The plugin under test, as its author would write it in code.

    Returns
    -------
    CheckFailedError
        The error, not raised.
    """
    lines = [f"{subject} breaks the promise {check!r}: {promise}.", f"Found: {violation.what}."]
    if violation.script:
        lines += ["Counter-example:", "", violation.script]
    elif violation.given:
        lines += ["Counter-example:"]
        lines += [f"    {name} = {as_code(value)}" for name, value in violation.given.items()]
    if violation.expected is not NOTHING:
        lines.append(f"Expected: {as_code(violation.expected)}")
    if violation.received is not NOTHING:
        lines.append(f"Received: {as_code(violation.received)}")
    error = CheckFailedError("\n".join(lines))
    error.check = check
    error.example = violation.script
    error.arrays = {name: value for name, value in violation.given.items() if isinstance(value, np.ndarray)}
    return error


def as_code(value: Any) -> str:
    """Write a value as Python code, with NumPy as ``np``."""
    if isinstance(value, np.ndarray):
        text = f"np.array({_nested(value)}, dtype=np.{value.dtype.name.removesuffix('_')})"
        if value.dtype.kind == "b":
            text = f"np.array({value.tolist()})"
        if value.ndim > 1 and value.flags.f_contiguous and not value.flags.c_contiguous:
            text = f"np.asfortranarray({text})"
        # A list does not keep the shape of an array without elements.
        return text if value.size else f"np.zeros({value.shape}, dtype=np.{value.dtype.name})"
    return str(value) if isinstance(value, type) else repr(value)


def _nested(value: np.ndarray) -> str:
    if value.ndim:
        return f"[{', '.join(_nested(part) for part in value)}]"
    text = str(value)
    return f"np.{text}" if text in ("nan", "inf") else text.replace("-inf", "-np.inf")


def raise_violation(error: Exception, what: str, given: dict[str, Any]) -> NoReturn:
    """Raise the violation that a call of the plugin raised an error."""
    text = str(error).partition("\n")[0]
    raise Violation(f"{what} raised {type(error).__name__}: {text}".rstrip("."), given) from error
