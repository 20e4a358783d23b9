"""Predictions that are put together: their keys become one, or are refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np

from ..errors import AlignmentError, InvalidPredictionsError
from ._fits import Fits, Fitted
from ._kept import KeptPredictions, with_ids
from ._key_texts import like_key
from ._shown import shown
from .joining import positions
from .keys import Key, key_of, with_key
from .names import readonly, sorted_ids

__all__ = ["same_key", "with_one_key"]

P = TypeVar("P", bound=KeptPredictions)


def with_one_key(given: Sequence[P], names: Sequence[str], each: str) -> list[P]:
    """Write the ids of predictions in the order of the key columns of the first.

    Parameters
    ----------
    given : sequence of Predictions
        What is put together.
    names : sequence of str
        A name for each, for errors.
    each : {"member", "part"}
        What they are.

    Returns
    -------
    list of Predictions
        All with one key, or all without one.
    """
    keys = [key_of(p.ids) for p in given]
    if all(key is None for key in keys):
        return list(given)
    filled = [(p, key, name) for p, key, name in zip(given, keys, names, strict=True) if len(p)]
    if not filled:
        return list(given)
    _check_names(filled, each)
    own = [key for _, key, _ in filled if key is not None]
    target = _common([_ordered(key, own[0].names) for key in own], each, [name for *_, name in filled])
    try:
        ids = [like_key(p.ids, target, f"ids of {each} {name!r}") for p, _, name in filled]
    except InvalidPredictionsError as error:
        raise AlignmentError(str(error)) from None
    times = {key for new in ids if (key := key_of(new)) is not None}
    key = replace(
        target,
        kinds=tuple("time" if "time" in {k.kinds[i] for k in times} else kind for i, kind in enumerate(target.kinds)),
    )
    done: dict[int, Any] = {
        id(p): _rekeyed(p, with_key(new, key), key) for (p, _, _), new in zip(filled, ids, strict=True)
    }
    return [done.get(id(p), p) for p in given]


def _check_names(filled: Sequence[tuple[Any, Key | None, str]], each: str) -> None:
    first, whose = next((key, name) for _, key, name in filled if key is not None)
    for _, key, name in filled:
        if key is None:
            raise AlignmentError(
                f"ids must have the same key columns for every {each}; {each} {whose!r} has {shown(first.names)} and "
                f"{each} {name!r} has plain ids. Give its ids as an index with these levels, a table or "
                "{column: values}."
            )
        if {*key.names} != {*first.names}:
            raise AlignmentError(
                f"ids must have the same key columns for every {each}, in any order; {each} {whose!r} has "
                f"{shown(first.names)} and {each} {name!r} has {shown(key.names)}. Rename the columns, or leave out "
                "those that are no part of the key."
            )


def _ordered(key: Key, names: tuple[str, ...]) -> Key:
    kinds = dict(zip(key.names, key.kinds, strict=True))
    return Key(names, tuple(kinds[name] for name in names), key.time)


def _common(keys: Sequence[Key], each: str, names: Sequence[str]) -> Key:
    """Choose the kinds that the ids of all must have, any that is not text; `like_key` compares the text with them."""
    kinds = tuple(
        next((kind for kind in ("time", "date", "int") if kind in of_all), "text")
        for of_all in ({key.kinds[place] for key in keys} for place in range(len(keys[0].names)))
    )
    times = {key.time for key in keys if key.time}
    if len(times) > 1:
        raise AlignmentError(
            f"time must name the same columns for every {each}; received {shown(sorted(times))} for {shown([*names])}."
        )
    return Key(keys[0].names, kinds, times.pop() if times else ())


def _rekeyed(p: Any, ids: np.ndarray, key: Key) -> Any:
    if ids is p.ids:
        return p
    own = key_of(p.ids)
    assert own is not None  # noqa: S101 - for the type checker
    if own.names == key.names:
        known = Fitted(p.fit_ids, p.fit_groups, p.fits)
        return with_ids(p, readonly(ids), same_key(known, key))
    return with_ids(p, readonly(ids), _other_order(Fitted(p.fit_ids, p.fit_groups, p.fits), key))


def same_key(fitted: Fitted, key: Key | None) -> Fitted:
    """Give the ids that were fitted on another key of the same columns in the same order."""
    fits = fitted.fits
    return Fitted(
        None if fitted.ids is None else with_key(fitted.ids, key),
        fitted.groups,
        None if fits is None else replace(fits, ids=with_key(fits.ids, key)),
    )


def _other_order(fitted: Fitted, key: Key) -> Fitted:
    fits = fitted.fits
    return Fitted(
        None if fitted.ids is None else _sorted_like(fitted.ids, key),
        fitted.groups,
        None if fits is None else _fits(fits, key),
    )


def _fits(fits: Fits, key: Key) -> Fits:
    if not len(fits.ids):
        return fits
    new = like_key(fits.ids, key, "fit_ids")
    ordered = sorted_ids(readonly(new))
    return replace(fits, ids=ordered, in_ids=readonly(fits.in_ids[:, positions(new, ordered)]))


def _sorted_like(ids: np.ndarray, key: Key) -> np.ndarray:
    return sorted_ids(readonly(like_key(ids, key, "fit_ids"))) if len(ids) else ids
