"""Keys of several columns as ids of one text, and back: parts in the order of the columns, joined by "/".

A part is text with "%" and "/" escaped as in a URL, a whole number in decimal, or a date as ISO 8601 writes it, with a
time of day only where there is one. So a key has one text, however its columns are stored.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any, NoReturn

import numpy as np

from ..errors import InvalidPredictionsError
from ._columns import text_column
from ._key_columns import one_array
from ._shown import shown
from .keys import Key, key_of, with_key

__all__ = ["encoded", "key_arrays", "key_part", "key_values", "like_key", "typed_column"]

_REMEDIES = {
    "floating": "Give whole numbers, .astype(int), or text, .astype(str)",
    "boolean": "Give text, .astype(str)",
    "duration": "Give whole numbers, such as .dt.days",
    "timestamp": "Give one time zone without its name: .dt.tz_convert('UTC').dt.tz_localize(None)",
}
_CANONICAL = {
    "int": r"^(0|-?[1-9][0-9]*)$",
    "date": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$",
    "time": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]*[1-9])?)?$",
}
_ISO = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]+)?)?)?$"
_KINDS = {"int": "whole numbers", "date": "dates", "time": "dates with times", "text": "text"}


def encoded(columns: Mapping[str, Any], what: str) -> np.ndarray:
    """Join Arrow columns of a key to `KeyedIds` of one text, not yet checked for repeated ones."""
    import pyarrow as pa
    from pyarrow import compute

    pc: Any = compute
    lengths = {name: len(column) for name, column in columns.items()}
    if len({*lengths.values()}) > 1:
        raise InvalidPredictionsError(f"{what} must have columns of one length; received {shown(lengths)}.")
    texts, kinds = zip(*(_part(one_array(column), name, what) for name, column in columns.items()), strict=True)
    joined = texts[0] if len(texts) == 1 else pc.binary_join_element_wise(*texts, pa.scalar("/", pa.large_string()))
    return with_key(text_column(joined), Key(tuple(columns), kinds))


def _part(column: Any, name: str, what: str) -> tuple[Any, str]:
    """Write one column as text; each different value once."""
    import pyarrow as pa
    from pyarrow import compute

    pc: Any = compute
    if pa.types.is_null(column.type) and not len(column):
        return pa.array([], pa.large_string()), "text"
    if not pa.types.is_dictionary(column.type):
        if pa.types.is_nested(column.type) or isinstance(column.type, pa.BaseExtensionType):
            _refuse_type(column, name, what)
        column = column.dictionary_encode()
    values, places = column.dictionary, column.indices
    if column.null_count or values.null_count:
        _check_no_gap(pc.index(column.cast(values.type).is_null(), True).as_py(), name, what)
    texts, kind = _texts(values, name, what)
    if kind == "text" and pc.any(pc.match_substring(texts, "\0")).as_py():
        raise InvalidPredictionsError(f"{what} must not hold the character NUL; column {name!r} does.")
    if kind == "text" and (empty := pc.index(texts, "").as_py()) >= 0:
        _check_no_gap(pc.index(places, pa.scalar(empty, places.type)).as_py(), name, what)
    return texts.take(places), kind


def _check_no_gap(row: int, name: str, what: str) -> None:
    if row >= 0:
        raise InvalidPredictionsError(
            f"{what} must have every part of a key in each row; column {name!r} has none in row {row}. Give it a "
            "value, leave the row out, or leave the column out of the key."
        )


def _texts(values: Any, name: str, what: str) -> tuple[Any, str]:
    """Write different values as the parts of ids."""
    import pyarrow as pa
    import pyarrow.types as kinds
    from pyarrow import compute

    pc: Any = compute
    kind, text = values.type, pa.large_string()
    if kinds.is_string(kind) or kinds.is_large_string(kind) or kinds.is_string_view(kind):
        escaped = pc.replace_substring(pc.replace_substring(values.cast(text), "%", "%25"), "/", "%2F")
        return escaped, "text"
    if kinds.is_integer(kind):
        if kinds.is_uint64(kind) and len(values) and pc.max(values).as_py() > np.iinfo(np.int64).max:
            raise InvalidPredictionsError(
                f"{what} must fit in 64 signed bits; column {name!r} has {pc.max(values).as_py()}. Give it as text."
            )
        return values.cast(text), "int"
    if kinds.is_date(kind):
        return values.cast(pa.date32()).cast(text), "date"
    if kinds.is_timestamp(kind) and kind.tz is None:
        # An instant has one text in every unit: no zeros at the end of a fraction, and no midnight.
        texts = pc.replace_substring(values.cast(text), " ", "T")
        if kind.unit != "s":
            texts = pc.replace_substring_regex(texts, r"([.][0-9]*?)0+$", r"\1")
            texts = pc.replace_substring_regex(texts, r"[.]$", "")
        short = pc.replace_substring_regex(texts, "T00:00:00$", "")
        dates = not len(short) or pc.max(pc.utf8_length(short)).as_py() <= len("2024-01-06")
        return short, "date" if dates else "time"
    return _refuse_type(values, name, what)


def _refuse_type(values: Any, name: str, what: str) -> NoReturn:
    """Refuse a column of which the values are no parts of a key."""
    import pyarrow.types as kinds

    remedy = next((text for word, text in _REMEDIES.items() if getattr(kinds, f"is_{word}")(values.type)), None)
    raise InvalidPredictionsError(
        f"{what} must hold text, whole numbers or dates; column {name!r} has {values.type}"
        f"{f', such as {shown(values[0].as_py())}' if len(values) else ''}. {remedy or 'Give text, .astype(str)'}."
    )


def _parts(ids: np.ndarray, key: Key) -> list[Any]:
    """Cut ids into their parts, as Arrow text."""
    import pyarrow as pa
    from pyarrow import compute

    pc: Any = compute
    array = one_array(pa.array(np.asarray(ids)).cast(pa.large_string()))  # older Arrow makes no such texts of NumPy's
    n = len(key.names)
    if n == 1:
        return [_unescaped(array)]
    split = pc.split_pattern(array, "/")
    wrong = pc.index(pc.not_equal(pc.list_value_length(split), n), True).as_py()
    if wrong >= 0:
        raise InvalidPredictionsError(
            f"ids of the key {shown(key.names)} must have {n} parts, joined by '/'; received "
            f"{shown(ids[wrong : wrong + 1].tolist()[0])}. Give the columns of the key: an index with these levels, a "
            "table, or {column: values}."
        )
    return [_unescaped(pc.list_element(split, place)) for place in range(n)]


def _unescaped(texts: Any) -> Any:
    from pyarrow import compute

    pc: Any = compute
    if not pc.any(pc.match_substring(texts, "%")).as_py():
        return texts
    return pc.replace_substring(pc.replace_substring(texts, "%2F", "/"), "%25", "%")


def key_arrays(ids: np.ndarray) -> dict[str, Any]:
    """Give the columns of a key back, as Arrow arrays of their own types."""
    key = key_of(ids)
    assert key is not None  # noqa: S101 - for the type checker
    parts = _parts(ids, key)
    return {name: _typed(part, kind) for name, kind, part in zip(key.names, key.kinds, parts, strict=True)}


def key_values(ids: np.ndarray, name: str | None = None) -> dict[str, np.ndarray]:
    """Give the columns of a key back, or one of them, as arrays of text, int64 and datetime64."""
    key = key_of(ids)
    assert key is not None  # noqa: S101 - for the type checker
    parts = _parts(ids, key)
    out: dict[str, np.ndarray] = {}
    for own, kind, part in zip(key.names, key.kinds, parts, strict=True):
        if name is None or own == name:
            typed = _typed(part, kind)
            out[own] = text_column(typed) if kind == "text" else typed.to_numpy(zero_copy_only=False)
            if kind == "date":
                out[own] = out[own].astype("datetime64[D]")
    return out


def key_part(ids: np.ndarray, name: str) -> np.ndarray:
    """Give one column of a key back as text, as it stands in the ids but for escapes."""
    key = key_of(ids)
    assert key is not None  # noqa: S101 - for the type checker
    return text_column(_parts(ids, key)[key.names.index(name)])


def _typed(texts: Any, kind: str) -> Any:
    """Read the parts of ids as values of a kind."""
    import pyarrow as pa
    from pyarrow import compute

    pc: Any = compute
    if kind == "text":
        return texts
    if kind == "int":
        return texts.cast(pa.int64())
    if kind == "date":
        return texts.cast(pa.timestamp("s")).cast(pa.date32())
    longest = pc.max(pc.utf8_length(texts)).as_py() or 0
    return texts.cast(pa.timestamp("us" if longest <= len("2024-01-06T00:00:00.000000") else "ns"))


def like_key(ids: np.ndarray, key: Key, what: str) -> np.ndarray:
    """Write ids in the order of the columns of a key, and refuse those of other columns or kinds.

    Parameters
    ----------
    ids : ndarray of str
        Ids with a key, or their texts.
    key : Key
        What they are to be.
    what : str
        Name of the argument, for errors.

    Returns
    -------
    KeyedIds
        Of equal keys the same texts. Its kinds are those that hold the values of both.
    """
    own = key_of(ids)
    if own is None:
        _parts(ids, key)
        return with_key(ids, key)
    if {*own.names} != {*key.names}:
        raise InvalidPredictionsError(
            f"{what} must have the key columns {shown(key.names)}, in any order; received {shown(own.names)}. Rename "
            "the columns, or leave out those that are no part of the key."
        )
    if own.names != key.names:
        columns = key_arrays(ids)
        ids = encoded({name: columns[name] for name in key.names}, what)
        # Types are those of the values that came, not of the text that was read back.
        kinds = dict(zip(own.names, own.kinds, strict=True))
        own = Key(key.names, tuple(kinds[name] for name in key.names), own.time)
    kinds = list(key.kinds)
    for place, (name, one, other) in enumerate(zip(key.names, key.kinds, own.kinds, strict=True)):
        if one != other and len(ids):
            kinds[place] = _common_kind(ids, own, place, name, one, other, what)
    return with_key(ids, Key(key.names, tuple(kinds), key.time or own.time))


def typed_column(column: Any) -> Any:
    """Read a column of text as whole numbers or dates if every cell is written like one; leave any other as it is."""
    import pyarrow as pa
    import pyarrow.types as kinds
    from pyarrow import compute

    pc: Any = compute
    if not kinds.is_string(column.type) or not len(column):
        return column
    for kind, pattern in (("int", _CANONICAL["int"]), ("time", _ISO)):
        if pc.all(pc.match_substring_regex(column, pattern)).as_py():
            with contextlib.suppress(pa.ArrowInvalid):
                return _typed(column, kind)
    return column


def _common_kind(ids: np.ndarray, own: Key, place: int, name: str, one: str, other: str, what: str) -> str:
    import pyarrow as pa
    from pyarrow import compute

    pc: Any = compute
    if {one, other} == {"date", "time"}:
        return "time"
    if other == "text":
        texts = _parts(ids, own)[place]
        unlike = pc.index(pc.match_substring_regex(texts, _CANONICAL[one]), False).as_py()
        if unlike < 0:
            try:
                _typed(texts, one)
            except pa.ArrowInvalid:
                unlike = 0
        if unlike < 0:
            return one
        came = f"text such as {shown(texts[unlike].as_py())}"
    elif one == "text":
        return "text"  # the caller has looked at the text
    else:
        came = _KINDS[other]
    remedy = "pd.to_datetime(...)" if one in ("date", "time") else ".astype(int), or all of them as text"
    raise InvalidPredictionsError(
        f"{what} must hold {_KINDS[one]} in the key column {name!r}, as the other ids do; received {came}. Give "
        f"{remedy}."
    )
