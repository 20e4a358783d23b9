"""Runtime checks of arguments: of types against the annotations of a function, and of numbers against their range."""

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

__all__ = ["as_array", "check_count", "check_number", "check_parameters", "check_unmasked", "typed"]

F = TypeVar("F", bound=abc.Callable[..., Any])
_DESCRIPTIONS = {
    "int": "a whole number",
    "float": "a number",
    "bool": "True or False",
    "str": "a str",
}

_ALIASES = {"Aliases": "Mapping[Hashable, Hashable]", "Columns": "str | Sequence[str] | Mapping[str, Hashable] | None"}
"""Type aliases in annotations, as an error spells them out."""


def typed(*, but: abc.Collection[str] = ()) -> abc.Callable[[F], F]:
    """Decorate a function that refuses arguments whose types differ from its annotations.

    Arguments annotated with ``Any``, ranges of numbers and choices of text are not checked here. The elements of a
    mapping or sequence are checked too, except for ``Any`` and ``Hashable``, as there may be one such element per row.

    Parameters
    ----------
    but : collection of str, optional
        Arguments that the function checks itself, with a more specific error.

    Returns
    -------
    callable
        Decorator for functions of a module with ``from __future__ import annotations``. A wrong argument raises
        InvalidPredictionsError if its annotation names predictions, and InvalidOptionError otherwise.
    """
    return functools.partial(_wrap, but=but)


def check_parameters(estimator: Any, *, but: abc.Collection[str] = ()) -> None:
    """Refuse parameters of an estimator whose types differ from the annotations of its constructor.

    Call it in ``fit``, because scikit-learn requires constructors without checks.

    Parameters
    ----------
    estimator : object
        Its attributes have the names of the constructor's parameters. Its module has ``from __future__ import
        annotations``.
    but : collection of str, optional
        Parameters that ``fit`` checks itself.

    Raises
    ------
    InvalidOptionError
        For the first parameter of a wrong type.
    """
    for name, (annotation, kind) in _types_of_estimator(type(estimator).__init__, tuple(but)).items():
        if not _matches(getattr(estimator, name), kind):
            _refuse(name, annotation, kind, getattr(estimator, name))


def _parameter_types(function: abc.Callable[..., Any], but: abc.Collection[str] = ()) -> dict[str, tuple[str, Any]]:
    names = _Namespace(vars(sys.modules[function.__module__]))
    return {
        name: (p.annotation, eval(p.annotation, {}, names))  # noqa: S307 - an annotation in our own code
        for name, p in inspect.signature(function).parameters.items()
        if isinstance(p.annotation, str) and name not in but and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
    }


@functools.lru_cache(maxsize=256)
def _types_of_estimator(function: abc.Callable[..., Any], but: tuple[str, ...]) -> dict[str, tuple[str, Any]]:
    return _parameter_types(function, but)


def _wrap(function: F, *, but: abc.Collection[str]) -> F:
    parameters = inspect.signature(function).parameters

    @functools.cache
    def types_of_parameters() -> dict[str, tuple[str, Any]]:
        # This is done late, as annotations may name classes that are defined further down in the module.
        return _parameter_types(function, but)

    order = [name for name, p in parameters.items() if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    defaults = {name: p.default for name, p in parameters.items()}

    @functools.wraps(function)
    def checked(*args: Any, **kwargs: Any) -> Any:
        known = types_of_parameters()
        for given in (zip(order, args, strict=False), kwargs.items()):
            for name, value in given:
                if name in known and value is not defaults[name] and not _matches(value, known[name][1]):
                    _refuse(name, *known[name], value)
        return function(*args, **kwargs)

    return checked  # pyright: ignore[reportReturnType]


def as_array(name: str, value: Any, *, error: type[Exception] = InvalidOptionError) -> np.ndarray:
    """Convert an argument to an array, or refuse it."""
    try:
        return np.asarray(value)
    except (ValueError, TypeError, OverflowError, RecursionError, RuntimeError):
        if callable(getattr(value, "detach", None)):
            # NumPy does not read PyTorch's tensors with gradients, of another device, or of bfloat16.
            tensor = value.detach().cpu()
            return _as_bfloat16(tensor) if "bfloat16" in str(tensor.dtype) else tensor.numpy()
        raise error(
            f"{name} must be an array, each row as long as the others; received {reprlib.repr(value)} of the type "
            f"{type(value).__name__}."
        ) from None


def check_count(name: str, value: Any, least: int = 1) -> None:
    """Refuse a value that is no whole number, or too small."""
    if isinstance(value, bool) or not isinstance(value, Integral) or int(value) < least:
        raise InvalidOptionError(f"{name} must be a whole number >= {least}; received {value!r}.")


def check_number(name: str, value: Any, low: float, high: float = np.inf, *, open_low: bool = False) -> None:
    """Refuse a value that is not a finite number from ``low`` (excluded if ``open_low``) to ``high``."""
    number = float(value) if _matches(value, float) else np.nan
    above = low < number if open_low else low <= number
    if not above or not number <= high or number == np.inf:
        bounds = f"{'>' if open_low else '>='} {low:g}" + ("" if high == np.inf else f" and <= {high:g}")
        raise InvalidOptionError(f"{name} must be a finite number {bounds}; received {value!r}.")


def check_unmasked(name: str, value: Any, *, error: type[Exception] = InvalidPredictionsError) -> None:
    """Refuse masked entries, which NumPy would read as the data below the mask."""
    masked = np.ma.is_masked(value)
    if not masked and isinstance(value, list | tuple):
        kinds = {*map(type, value)}
        masked = any(issubclass(kind, np.ma.MaskedArray) for kind in kinds) and any(map(np.ma.is_masked, value))
    if masked:
        raise error(
            f"{name} must have no masked entries, as these are missing; received some. Leave them out, or say what "
            "they are: array.filled(...)."
        )


def _as_bfloat16(tensor: Any) -> np.ndarray:
    values = tensor.float().numpy()
    try:
        import ml_dtypes
    except ImportError:
        return values
    return values.astype(ml_dtypes.bfloat16)


def _refuse(name: str, annotation: str, kind: Any, value: Any) -> None:
    for alias, meaning in _ALIASES.items():
        annotation = annotation.replace(alias, meaning)
    parts = [annotation] if "[" in annotation else annotation.split(" | ")
    expected = " or ".join(_DESCRIPTIONS.get(part, part) for part in parts)
    if words := [word for one in (kind, *get_args(kind)) if get_origin(one) is Literal for word in get_args(one)]:
        if isinstance(value, str):
            raise InvalidOptionError(f"{name} must be one of {', '.join(map(repr, words))}; received {value!r}.")
        expected = " or ".join([*map(repr, words), *(["None"] if type(None) in get_args(kind) else [])])
    error = InvalidPredictionsError if "Predictions" in annotation or "Models" in annotation else InvalidOptionError
    broken = isinstance(value, str) and not _is_unicode(value)
    raise error(
        f"{name} must be {expected}; received {reprlib.repr(value)} of the type {type(value).__name__}"
        f"{', with bytes that are no UTF-8' if broken else ''}."
    )


class _UnknownType:
    """A type that is not imported; only its name is known."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __getattr__(self, name: str) -> _UnknownType:
        return _UnknownType(name)

    def __getitem__(self, _: Any) -> _UnknownType:
        return self

    def __or__(self, other: Any) -> Any:
        return _UnknownUnion((self, other))

    def __ror__(self, other: Any) -> Any:
        return _UnknownUnion((other, self))


class _UnknownUnion(tuple[Any, ...]):
    """A union with an `_UnknownType`."""

    def __or__(self, other: Any) -> Any:
        return _UnknownUnion((*self, other))


class _Namespace(dict[str, Any]):
    """Names of a module; any name that it does not have stands for an `_UnknownType`."""

    def __missing__(self, name: str) -> Any:
        return getattr(builtins, name, None) or _UnknownType(name)


def _matches(value: Any, kind: Any) -> bool:
    if kind is Any or isinstance(kind, TypeVar):
        return True
    if kind is str:
        return isinstance(value, str) and _is_unicode(value)
    origin, parts = get_origin(kind), get_args(kind)
    if isinstance(kind, _UnknownUnion):
        parts = tuple(kind)
    if isinstance(kind, _UnknownUnion) or origin in (Union, types.UnionType):
        if isinstance(value, str) and any(get_origin(part) is os.PathLike for part in parts):
            return "\0" not in value
        return any(_matches(value, part) for part in parts)
    if isinstance(kind, _UnknownType):
        return any(base.__name__ == kind.name for base in type(value).__mro__)
    if kind is None or kind is type(None):
        return value is None
    if kind is int:
        return isinstance(value, Integral) and not isinstance(value, bool) and -(2**63) <= int(value) < 2**63
    if kind is float:
        return isinstance(value, Real) and not isinstance(value, bool) and _has_float(value)
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
        return len(value) == len(of) and all(map(_matches, value, of))
    base = origin or kind
    if base is abc.Mapping:
        if not isinstance(value, abc.Mapping):
            return False
        return all(_all_match(side, part) for side, part in zip((value.keys(), value.values()), parts, strict=False))
    if base in (abc.Sequence, abc.Collection, abc.Iterable):
        if isinstance(value, str | bytes | abc.Mapping) or not hasattr(value, "__iter__"):
            return False
        if getattr(value, "ndim", 1) == 0:  # an array without axes has __iter__, but cannot be iterated
            return False
        if base is abc.Sequence and (isinstance(value, abc.Set) or not hasattr(value, "__len__")):
            return False
        return base is abc.Iterable or not parts or _all_match(value, parts[0])
    is_class = isinstance(base, type) and not getattr(base, "_is_protocol", False)
    return not is_class or isinstance(value, base)


def _all_match(values: Any, kind: Any) -> bool:
    return kind in (Any, abc.Hashable) or all(_matches(value, kind) for value in values)


def _has_float(value: Any) -> bool:
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
