"""Arguments of another kind than the signature says, refused before anything is done with them."""

from __future__ import annotations

import builtins
import collections.abc as abc
import functools
import inspect
import os
import reprlib
import sys
import types
from numbers import Integral, Real
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

import numpy as np

from .errors import InvalidOptionError, InvalidPredictionsError

__all__ = ["as_array", "check_parameters", "typed"]

F = TypeVar("F", bound=abc.Callable[..., Any])
_WORDS = {
    "int": "a whole number",
    "float": "a number",
    "bool": "True or False",
    "str": "a str",
}

_ALIASES = {"Aliases": "Mapping[Hashable, Hashable]"}
"""Type aliases in annotations, as an error spells them out."""


def typed(*, but: abc.Collection[str] = ()) -> abc.Callable[[F], F]:
    """Let a function refuse arguments that are not of the kinds that its annotations say.

    What is annotated with ``Any`` is left to the function, as are ranges and choices of text. Of a mapping or sequence
    each element is looked at where the annotation says what it is, save ``Any`` and ``Hashable``, of which there may be
    one a row.

    Parameters
    ----------
    but : collection of str, optional
        Arguments of which the function itself says more.

    Returns
    -------
    callable
        Decorator of functions whose module has ``from __future__ import annotations``. They then raise
        InvalidPredictionsError for an argument that is to be predictions, and InvalidOptionError for any other.
    """
    return functools.partial(_checked, but=but)


def check_parameters(estimator: Any, *, but: abc.Collection[str] = ()) -> None:
    """Refuse parameters of an estimator that are not of the kinds that its constructor's annotations say.

    scikit-learn wants constructors that look at nothing, so that this is for `fit`.

    Parameters
    ----------
    estimator : object
        Whose attributes are called as the arguments of its constructor; that is in a module with ``from __future__
        import annotations``.
    but : collection of str, optional
        Parameters that `fit` checks by itself.

    Raises
    ------
    InvalidOptionError
        For the first that is of another kind.
    """
    for name, (annotation, kind) in _kinds(type(estimator).__init__, but).items():
        if not _is(getattr(estimator, name), kind):
            _refuse(name, annotation, kind, getattr(estimator, name))


def _kinds(function: abc.Callable[..., Any], but: abc.Collection[str] = ()) -> dict[str, tuple[str, Any]]:
    names = _Names(vars(sys.modules[function.__module__]))
    return {
        name: (p.annotation, eval(p.annotation, {}, names))  # noqa: S307 - an annotation of ours
        for name, p in inspect.signature(function).parameters.items()
        if isinstance(p.annotation, str) and name not in but and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
    }


def _checked(function: F, *, but: abc.Collection[str]) -> F:
    parameters = inspect.signature(function).parameters

    @functools.cache
    def kinds() -> dict[str, tuple[str, Any]]:
        # Late: many names are of modules that are imported for a type checker alone.
        return _kinds(function, but)

    order = [name for name, p in parameters.items() if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]

    @functools.wraps(function)
    def checked(*args: Any, **kwargs: Any) -> Any:
        known = kinds()
        for name, value in (*zip(order, args, strict=False), *kwargs.items()):
            if name in known and not _is(value, known[name][1]):
                _refuse(name, *known[name], value)
        return function(*args, **kwargs)

    return checked  # pyright: ignore[reportReturnType]


def as_array(name: str, value: Any, *, error: type[Exception] = InvalidOptionError) -> np.ndarray:
    """Make an array of what a caller gave, or refuse what makes none."""
    try:
        return np.asarray(value)
    except (ValueError, TypeError, OverflowError, RecursionError):
        raise error(
            f"{name} must be an array, each row as long as the others; received {reprlib.repr(value)} of the type "
            f"{type(value).__name__}."
        ) from None


def _refuse(name: str, annotation: str, kind: Any, value: Any) -> None:
    for alias, meaning in _ALIASES.items():
        annotation = annotation.replace(alias, meaning)
    words = [_WORDS.get(part, part) for part in annotation.split(" | ")] if "[" not in annotation else [annotation]
    error = InvalidPredictionsError if "Predictions" in annotation or "Models" in annotation else InvalidOptionError
    broken = isinstance(value, str) and not _is_unicode(value)
    raise error(
        f"{name} must be {' or '.join(words)}; received {reprlib.repr(value)} of the type {type(value).__name__}"
        f"{', with bytes that are no UTF-8' if broken else ''}."
    )


class _Stub:
    """A type that is known by its name alone."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __getattr__(self, name: str) -> _Stub:
        return _Stub(name)

    def __getitem__(self, _: Any) -> _Stub:
        return self

    def __or__(self, other: Any) -> Any:
        return _Either((self, other))

    def __ror__(self, other: Any) -> Any:
        return _Either((other, self))


class _Either(tuple[Any, ...]):
    def __or__(self, other: Any) -> Any:
        return _Either((*self, other))


class _Names(dict[str, Any]):
    def __missing__(self, name: str) -> Any:
        return getattr(builtins, name, None) or _Stub(name)


def _is(value: Any, kind: Any) -> bool:
    if kind is Any or isinstance(kind, TypeVar):
        return True
    origin, parts = get_origin(kind), get_args(kind)
    if isinstance(kind, _Either):
        parts = tuple(kind)
    if isinstance(kind, _Either) or origin in (Union, types.UnionType):
        if isinstance(value, str) and any(get_origin(part) is os.PathLike for part in parts):
            return "\0" not in value
        return any(_is(value, part) for part in parts)
    if isinstance(kind, _Stub):
        return any(base.__name__ == kind.name for base in type(value).__mro__)
    if kind is None or kind is type(None):
        return value is None
    if kind is int:
        return isinstance(value, Integral) and not isinstance(value, bool) and -(2**63) <= int(value) < 2**63
    if kind is float:
        return isinstance(value, Real) and not isinstance(value, bool) and _fits(value)
    if kind is str:
        return isinstance(value, str) and _is_unicode(value)
    if kind is bool:
        return isinstance(value, bool) or type(value).__name__ in ("bool_", "bool")
    if origin is Literal:
        return any(type(value) is type(part) and value == part for part in parts)
    if origin is abc.Callable or kind is abc.Callable:
        return callable(value)
    if origin is tuple:
        if not isinstance(value, tuple | list):
            return False
        of = parts[:1] * len(value) if parts[1:] == (...,) else parts
        return len(value) == len(of) and all(map(_is, value, of))
    base = origin or kind
    if base is abc.Mapping:
        if not isinstance(value, abc.Mapping):
            return False
        return all(_all_are(side, part) for side, part in zip((value.keys(), value.values()), parts, strict=False))
    if base in (abc.Sequence, abc.Collection, abc.Iterable):
        if isinstance(value, str | bytes | abc.Mapping) or not hasattr(value, "__iter__"):
            return False
        if getattr(value, "ndim", 1) == 0:  # an array of one value has the method, and no elements
            return False
        if base is abc.Sequence and (isinstance(value, abc.Set) or not hasattr(value, "__len__")):
            return False
        return base is abc.Iterable or not parts or _all_are(value, parts[0])
    is_class = isinstance(base, type) and not getattr(base, "_is_protocol", False)
    return not is_class or isinstance(value, base)


def _all_are(values: Any, kind: Any) -> bool:
    return kind in (Any, abc.Hashable) or all(_is(value, kind) for value in values)


def _fits(value: Any) -> bool:
    try:
        float(value)
    except OverflowError:
        return False
    return True


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
