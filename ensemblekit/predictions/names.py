"""Validate ids and class names, and convert them to the arrays and tuples that hold them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence, Set
from numbers import Number
from pathlib import PurePath
from typing import Any

import numpy as np

from ..errors import InvalidPredictionsError
from ._columns import WIDEST, values_of_column
from ._key_columns import from_tuples, is_key_columns, key_columns
from ._key_texts import encoded, like_key
from ._label_maps import names_of_map
from ._shown import few, shortened, shown
from .joining import all_different, among, is_text, order_of, positions, same_kind, same_names, shared
from .keys import key_of, with_key
from .spellings import check_spellings

__all__ = [
    "UNNAMED",
    "WIDEST",
    "all_fit_ids",
    "among",
    "array_of",
    "as_classes",
    "as_fit_ids",
    "as_ids",
    "as_names",
    "check_sequence",
    "few",
    "first_null",
    "is_text",
    "joined_names",
    "named_by",
    "plain",
    "positions",
    "readonly",
    "same_kind",
    "shortened",
    "shown",
    "sorted_ids",
    "text_array",
]

UNNAMED = "#"
"""Prefix of the names of unnamed members, ``#1``, ``#2`` and so on. They depend on position: never rely on them."""
MOST_FIXED_WIDTH = 2**24
"""Longer names are kept so if the array takes at most this many bytes; every name takes the room of the longest."""


def readonly(array: np.ndarray) -> np.ndarray:
    """Make an array and the arrays that it is a view of read-only, and return it. Only for arrays that we own."""
    owner: Any = array
    while isinstance(owner, np.ndarray):
        owner.flags.writeable = False
        owner = owner.base
    return array


def text_array(texts: Sequence[str]) -> np.ndarray:
    """Convert texts to a fixed-width array, or to an array of ``str`` objects if that saves memory.

    Parameters
    ----------
    texts : sequence of str
        Names.

    Returns
    -------
    ndarray of dtype str or object, shape (n_names,)
    """
    return _text_array(texts)[0]


def _text_array(texts: Sequence[str]) -> tuple[np.ndarray, int]:
    """Convert texts as `text_array` does; also count their characters."""
    lengths = np.fromiter(map(len, texts), dtype=np.int64, count=len(texts))
    longest = int(lengths.max(initial=0))
    if _is_wide(longest, len(texts)):
        return np.array(texts, dtype=object), int(lengths.sum())
    # It is given the width, as `np.array` would look for it a second time.
    return np.fromiter(texts, dtype=f"U{max(1, longest)}", count=len(texts)), int(lengths.sum())


def _is_wide(longest: int, n: int) -> bool:
    return longest > WIDEST and 4 * longest * n > MOST_FIXED_WIDTH


def named_by(codes: np.ndarray, names: tuple[Hashable, ...]) -> np.ndarray:
    """Convert codes to class names.

    Parameters
    ----------
    codes : ndarray of int
        Positions in ``names``.
    names : tuple of str or int
        Class names.

    Returns
    -------
    ndarray
        Class names in the shape of ``codes``; text as in `text_array`.
    """
    if isinstance(names[0], str) and _is_wide(max(len(str(name)) for name in names), codes.size):
        return np.array(names, dtype=object)[codes]
    return np.asarray(names)[codes]


def as_ids(ids: Any, *, what: str = "ids", like: np.ndarray | None = None) -> np.ndarray:
    """Convert ids to an array of integers or text; refuse repeated or invalid ones.

    Parameters
    ----------
    ids : sequence of str, int or pathlib.PurePath, or columns of a key
        One id per row; a path becomes a POSIX path. A MultiIndex, a table or a mapping of column name to values is a
        key of several columns.
    what : str
        Name of the argument, for errors.
    like : ndarray, optional
        Validated ids, whose key the ids are to have if they have one.

    Returns
    -------
    ndarray of shape (n_samples,)
        int64, or text as in `text_array`, with its key if there is one.
    """
    key = None if like is None else key_of(like)
    if is_key_columns(ids):
        array = encoded(key_columns(ids, what), what)
    elif key is not None and isinstance(ids, list | tuple) and len(ids) and isinstance(ids[0], tuple):
        array = encoded(from_tuples(ids, key.names, what), what)
    else:
        array = with_key(as_names(ids, what), key_of(ids))
    if key is not None:
        if not is_text(array) and len(array):
            raise InvalidPredictionsError(
                f"{what} must have the key columns {shown(key.names)}; received whole numbers. Give an index with "
                "these levels, a table, or {column: values}."
            )
        array = like_key(array, key, what) if len(array) else with_key(array.astype(np.str_), key)
    if not all_different(array):
        values, counts = np.unique(np.asarray(array), return_counts=True)
        own = key_of(array)
        remedy = (
            "Give each row its own id, such as its path from the data root."
            if own is None
            else f"Add the column to the key {shown(own.names)} that tells such rows apart, or leave out all but one."
        )
        raise InvalidPredictionsError(
            f"{what} must be unique; received {len(array)}, of which repeated: "
            f"{few(values[counts > 1].tolist())}. {remedy}"
        )
    return shared(readonly(array))


def as_fit_ids(fit_ids: Any, ids: np.ndarray) -> np.ndarray:
    """Convert ``fit_ids`` to a sorted array; refuse a kind other than that of ``ids``."""
    fitted = as_ids(fit_ids, what="fit_ids", like=ids)
    if (own := key_of(fitted)) is not None and key_of(ids) is None and len(ids):
        raise InvalidPredictionsError(
            f"fit_ids must be of the kind of ids, else they never meet; received the key columns "
            f"{shown(own.names)} beside the id {shown(ids[:1].tolist()[0])}. Name the rows in one way."
        )
    if not len(fitted):
        # An empty array gets the kind of the ids, so that joining it with others does not change their dtype.
        return readonly(np.empty(0, dtype=np.str_ if is_text(ids) else np.int64))
    fitted = sorted_ids(fitted)
    if len(ids) and not same_kind(ids, fitted):
        raise InvalidPredictionsError(
            f"fit_ids must be of the kind of ids, else they never meet; received {shown(fitted.tolist()[0])} beside "
            f"the id {shown(ids[:1].tolist()[0])}. Name the rows in one way."
        )
    return fitted


def sorted_ids(ids: np.ndarray) -> np.ndarray:
    """Sort validated ids; the same array if they are sorted."""
    order = order_of(ids)
    return ids if np.array_equal(order, np.arange(len(ids))) else shared(readonly(ids.take(order)))


def all_fit_ids(known: Iterable[np.ndarray | None]) -> np.ndarray | None:
    """Compute the sorted union of all known ``fit_ids``; None if none is known."""
    given = [fit_ids for fit_ids in known if fit_ids is not None]
    if not given:
        return None
    some = [fit_ids for fit_ids in given if len(fit_ids)] or given[:1]
    different = [some[0], *(fit_ids for fit_ids in some[1:] if not same_names(fit_ids, some[0]))]
    if len(different) == 1:
        return sorted_ids(different[0])
    joined = sorted_ids(joined_names(different))
    return readonly(joined[np.append(True, joined[1:] != joined[:-1])])


def joined_names(arrays: Sequence[np.ndarray]) -> np.ndarray:
    """Concatenate arrays of validated ids of the same kind."""
    if not all(same_kind(arrays[0], other) for other in arrays[1:]):
        raise InvalidPredictionsError(
            "ids must be of one kind, all str or all int; received "
            f"{few([array.tolist()[0] for array in arrays if len(array)])}. Name the rows in one way."
        )
    keys = {key_of(array) for array in arrays if len(array)} or {key_of(arrays[0])}
    key = keys.pop() if len(keys) == 1 else None
    # Concatenation would give every text the width of the widest array.
    if is_text(arrays[0]) and _is_wide(max(a.dtype.itemsize // 4 for a in arrays), sum(map(len, arrays))):
        return with_key(text_array([name for array in arrays for name in array.tolist()]), key)
    return with_key(np.concatenate([np.asarray(array) for array in arrays]), key)


def check_sequence(what: str, names: Any, of: str) -> None:
    """Refuse a set, a single name, or anything else that is not a one-dimensional sequence."""
    if isinstance(names, Set):
        raise InvalidPredictionsError(f"{what} must be a sequence, as a set has no order; received {shown(names)}.")
    if isinstance(names, (str, bytes)) or not hasattr(names, "__iter__"):
        raise InvalidPredictionsError(f"{what} must be a sequence of {of}; received {shown(names)}.")
    if getattr(names, "ndim", 1) != 1:  # also a table, whose iteration would yield its columns
        raise InvalidPredictionsError(f"{what} must have one axis; received shape {names.shape}.")


def first_null(values: Iterable[Any]) -> int | None:
    """Find the first null value: None, NaN, NaT, `pandas.NA` and the like.

    Parameters
    ----------
    values : iterable
        Values of any types.

    Returns
    -------
    int or None
        Position of the value; None if there is no null value.
    """
    return next((row for row, value in enumerate(values) if _is_null(value)), None)


def _is_null(value: Any) -> bool:
    if value is None or type(value).__name__ in ("NAType", "NaTType", "MaskedConstant"):
        return True
    # A NaN or NaT of any type is not equal to itself.
    return isinstance(value, (Number, np.datetime64, np.timedelta64)) and bool(value != value)


def as_names(ids: Any, what: str) -> np.ndarray:
    """Convert names, which may be repeated, to an array of integers or text; refuse invalid ones."""
    ids = values_of_column(what, ids)
    check_sequence(what, ids, "str or int")
    if isinstance(ids, np.ma.MaskedArray):
        ids = list(ids)
    if isinstance(ids, np.ndarray) and ids.dtype.kind in "iu":
        if ids.dtype.kind == "u" and len(ids) and int(ids.max()) > np.iinfo(np.int64).max:
            raise InvalidPredictionsError(_too_large(what, int(ids.max())))
        return ids.astype(np.int64)
    if isinstance(ids, np.ndarray) and ids.dtype.kind == "U":
        array = ids.astype(ids.dtype.newbyteorder("="))
        # NumPy strips trailing NULs: a NUL inside a text makes str_len exceed the number of other characters.
        if _holds_nul(array, int(np.strings.str_len(array).sum())):
            raise InvalidPredictionsError(f"{what} must not hold the character NUL; received one that does.")
        return array
    index: Any = ids
    if hasattr(index, "to_numpy") and isinstance(index.dtype, np.dtype) and index.dtype.kind in "iu":
        return as_names(index.to_numpy(), what)
    values: list[Any] = ids.tolist() if hasattr(ids, "tolist") and _gives_scalars(ids) else list(ids)
    if not {*map(type, values)} <= {str} and not {*map(type, values)} <= {int}:
        values = [plain(value) for value in values]
    kinds = {*map(type, values)}
    if kinds <= {str}:
        array, n_characters = _text_array(values)
        if _holds_nul(array, n_characters):
            raise InvalidPredictionsError(f"{what} must not hold the character NUL; received one that does.")
        return array
    if kinds == {int}:
        try:
            return np.array(values, dtype=np.int64)
        except OverflowError:
            largest = max(values, key=abs)
            raise InvalidPredictionsError(_too_large(what, largest)) from None
    if (row := first_null(values)) is not None:
        raise InvalidPredictionsError(
            f"{what} must name each row; row {row} has none: {shown(values[row])}. Give it a name, or leave it out."
        )
    raise InvalidPredictionsError(
        f"{what} must be all str or all int; received {', '.join(sorted(kind.__name__ for kind in kinds))}. "
        "Turn them into one kind, e.g. [str(i) for i in ids]."
    )


def _gives_scalars(ids: Any) -> bool:
    """Tell whether ``tolist`` gives what iteration gives; of NumPy's dates and the like it gives numbers."""
    return not isinstance(ids, np.ndarray) or ids.dtype.kind in "OT"


def _holds_nul(array: np.ndarray, n_characters: int) -> bool:
    if array.dtype.kind == "O":
        return any("\0" in text for text in array.tolist())
    return np.count_nonzero(array.view(np.uint32)) != n_characters


def _too_large(what: str, number: int) -> str:
    text = f"{what} must fit in 64 signed bits; received {shown(number)}."
    return f"{text} Give all of them as text, such as {shown(str(number))}."


def plain(value: Any) -> Any:
    """Convert subclasses and NumPy scalars of str, int and bool to the plain type; leave anything else unchanged."""
    if isinstance(value, PurePath):
        return value.as_posix()
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, (int, np.integer)) and not isinstance(value, (bool, np.timedelta64)):
        return int(value)
    return bool(value) if isinstance(value, np.bool_) else value


def as_classes(classes: Any) -> tuple[Hashable, ...]:
    """Convert class names to a tuple of str, int or bool; refuse repeated or invalid ones.

    A mapping is a label map, ``{code: name}`` or ``{name: code}``.
    """
    if isinstance(classes, Mapping):
        classes = names_of_map(classes)
    classes = values_of_column("classes", classes)
    check_sequence("classes", classes, "names")
    names = tuple(plain(name) for name in classes)
    if not names:
        raise InvalidPredictionsError("classes must name at least one class; received none.")
    if len({*map(type, names)}) > 1 or type(names[0]) not in (str, int, bool):
        raise InvalidPredictionsError(
            f"classes must be all str or all int, as alignment is by name; received {shown(names)}."
        )
    repeated = [name for name, times in Counter(names).items() if times > 1]
    if repeated:
        raise InvalidPredictionsError(
            f"classes must be unique; received {shown(names)}, of which repeated: {shown(sorted(repeated))}."
        )
    for name in names:
        if isinstance(name, str) and "\0" in name:
            raise InvalidPredictionsError(f"classes must not hold the character NUL; received {shown(name)}.")
        if isinstance(name, int) and not -(2**63) <= name < 2**63:
            raise InvalidPredictionsError(_too_large("classes", name))
    check_spellings(names, "classes")
    return names


def array_of(values: Any) -> np.ndarray:
    """Convert labels to an array; a mixed list such as ``["cat", nan]`` becomes objects, not text as in NumPy."""
    if np.ma.is_masked(values):
        values = np.array(values.tolist(), dtype=object)  # masked values become None
    if hasattr(values, "dtype") or hasattr(values, "__array__"):
        return np.asarray(values)
    try:
        objects = np.array(values, dtype=object)
        kinds = {*map(type, objects.ravel().tolist())}
        numbers = all(issubclass(kind, (int, float, np.number)) and kind is not bool for kind in kinds)
        return np.asarray(values) if kinds == {bool} or numbers else objects
    except ValueError as error:
        raise InvalidPredictionsError(f"labels must be an array; received what is none: {error}") from None
