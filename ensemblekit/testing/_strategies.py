"""Hypothesis strategies for valid predictions, labels and weights, including edge cases."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from ..errors import InvalidOptionError
from ..predictions import Predictions, PredictionSet, align

__all__ = ["labels", "member_probas", "prediction_sets", "weights"]

DTYPES = (np.float64, np.float32, np.float16)
TASKS = ("multiclass", "multilabel", "regression")
KINDS = ("coarse", "fine", "hard", "tiny", "huge")
"""Kinds of values: many ties, few ties, one-hot, close to 0, and up to 1e30 (regression only)."""


def member_probas(
    *,
    task: str = "multiclass",
    n_members: int | st.SearchStrategy[int] | None = None,
    n_samples: int | st.SearchStrategy[int] | None = None,
    n_classes: int | st.SearchStrategy[int] | None = None,
    extra_axes: tuple[int, ...] | st.SearchStrategy[tuple[int, ...]] | None = None,
    dtype: Any = None,
) -> st.SearchStrategy[np.ndarray]:
    """Draw valid predictions of several members, as a combiner receives them.

    Parameters
    ----------
    task : {"multiclass", "multilabel", "regression"}
        Determines which predictions are valid.
    n_members, n_samples, n_classes : int or strategy, optional
        Sizes; by default 1 to 4 members, 1 to 4 samples, 2 to 4 classes (1 to 3 outputs of the other tasks).
    extra_axes : tuple of int or strategy, optional
        Axes between samples and classes, as segmentation maps have; by default none, or one.
    dtype : dtype or strategy, optional
        By default float64, float32 or float16.

    Returns
    -------
    strategy of ndarray of shape (n_members, n_samples, ..., n_classes)
        The examples include one member, one sample, one-hot rows, ties, probabilities of 1e-30, regression values of up
        to 1e30 (1e4 in float16) and subnormal ones, in C and in Fortran order. Some arrays are read-only.

    Examples
    --------
    >>> import numpy as np
    >>> from hypothesis import given, settings
    >>> from ensemblekit.testing import member_probas
    >>> @settings(max_examples=20, database=None)
    ... @given(member_probas(n_members=3))
    ... def rows_sum_to_1(cube):
    ...     np.testing.assert_allclose(cube.sum(axis=-1, dtype=float), 1, atol=5e-3)
    >>> rows_sum_to_1()
    """
    _check_task(task)
    return _member_probas(task, n_members, n_samples, n_classes, extra_axes, dtype)


@st.composite
def _member_probas(
    draw: st.DrawFn, task: str, n_members: Any, n_samples: Any, n_classes: Any, extra_axes: Any, dtype: Any
) -> np.ndarray:
    classes = (2, 4) if task == "multiclass" else (1, 3)
    sizes = [_size(draw, n_members, 1, 4), _size(draw, n_samples, 1, 4)]
    default_axes = st.sampled_from([(), (), (), (2,)])
    sizes += _draw_if_strategy(draw, default_axes if extra_axes is None else extra_axes)
    sizes.append(_size(draw, n_classes, *classes))
    dtype = np.dtype(_draw_if_strategy(draw, st.sampled_from(DTYPES) if dtype is None else dtype))
    kind = draw(st.sampled_from(KINDS if task == "regression" else KINDS[:4]))
    values = _values(draw, task, kind, tuple(sizes), dtype)
    order: Any = draw(st.sampled_from("CF"))
    array = np.array(values, dtype=dtype, order=order)
    array.flags.writeable = draw(st.booleans())
    return array


def _values(draw: st.DrawFn, task: str, kind: str, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    top = 1000 if kind == "fine" else 4
    low = -top if task == "regression" else 0
    whole = npst.arrays(np.int64, shape, elements=st.integers(low, top), fill=st.nothing())
    counts = draw(whole).astype(np.float64)
    if task == "regression":
        small = float(np.finfo(dtype).smallest_subnormal)
        large = 1e4 if dtype == np.float16 else 1e30
        unit = {"fine": 1 / 7, "tiny": small, "huge": large / 4}.get(kind, 1.0)
        return counts * unit
    if kind == "hard":
        if task == "multilabel":
            return np.minimum(counts, 1)
        return np.eye(shape[-1])[counts.argmax(axis=-1)]
    if task == "multilabel":
        probas = counts / top
    else:
        counts[..., 0] += counts.sum(axis=-1) == 0
        probas = counts / counts.sum(axis=-1, keepdims=True)
    if kind == "tiny":
        probas[probas == 0] = 1e-7 if dtype == np.float16 else 1e-30
    return probas


@st.composite
def _weights(draw: st.DrawFn, n_members: Any) -> np.ndarray:
    whole = draw(npst.arrays(np.int64, _size(draw, n_members, 1, 4), elements=st.integers(0, 8), fill=st.nothing()))
    whole[0] += whole.sum() == 0
    return whole * draw(st.sampled_from([1.0, 1 / 7, 1e-30, 1e30]))


def weights(n_members: int | st.SearchStrategy[int] | None = None) -> st.SearchStrategy[np.ndarray]:
    """Draw valid weights of members.

    Parameters
    ----------
    n_members : int or strategy, optional
        Number of members; by default 1 to 4.

    Returns
    -------
    strategy of ndarray of shape (n_members,)
        Finite, >= 0, with a positive sum. The examples include equal, zero, very large and very small weights.

    Examples
    --------
    >>> from hypothesis import given, settings
    >>> from ensemblekit.testing import weights
    >>> @settings(max_examples=20, database=None)
    ... @given(weights(3))
    ... def they_have_a_positive_sum(values):
    ...     assert values.sum() > 0
    >>> they_have_a_positive_sum()
    """
    return _weights(n_members)


@st.composite
def _labels(draw: st.DrawFn, n_samples: Any, n_classes: Any, task: str, extra_axes: tuple[int, ...]) -> np.ndarray:
    rows = (_size(draw, n_samples, 1, 4), *extra_axes)
    classes = _size(draw, n_classes, 2 if task == "multiclass" else 1, 4)
    if task == "multiclass":
        return draw(npst.arrays(np.int64, rows, elements=st.integers(0, classes - 1), fill=st.nothing()))
    if task == "multilabel":
        return draw(npst.arrays(np.bool_, (*rows, classes), elements=st.booleans(), fill=st.nothing()))
    whole = draw(npst.arrays(np.int64, (*rows, classes), elements=st.integers(-8, 8), fill=st.nothing()))
    return whole / 4


def labels(
    n_samples: int | st.SearchStrategy[int] | None = None,
    n_classes: int | st.SearchStrategy[int] | None = None,
    *,
    task: str = "multiclass",
    extra_axes: tuple[int, ...] = (),
) -> st.SearchStrategy[np.ndarray]:
    """Draw true labels.

    Parameters
    ----------
    n_samples, n_classes : int or strategy, optional
        Sizes; by default 1 to 4 samples and 2 to 4 classes.
    task : {"multiclass", "multilabel", "regression"}
        Determines the form of a label.
    extra_axes : tuple of int, default=()
        Axes between samples and classes.

    Returns
    -------
    strategy of ndarray
        ``label_codes`` of a `PredictionSet`: for ``multiclass`` class positions, shape ``(n_samples, ...)``; else
        booleans or numbers, shape ``(n_samples, ..., n_classes)``.

    Examples
    --------
    >>> from hypothesis import given, settings
    >>> from ensemblekit.testing import labels
    >>> @settings(max_examples=20, database=None)
    ... @given(labels(5, 3))
    ... def they_are_positions(codes):
    ...     assert set(codes.tolist()) <= {0, 1, 2}
    >>> they_are_positions()
    """
    _check_task(task)
    return _labels(n_samples, n_classes, task, tuple(extra_axes))


@st.composite
def _prediction_sets(
    draw: st.DrawFn, task: str, n_members: Any, n_samples: Any, n_classes: Any, extra_axes: Any, dtype: Any
) -> PredictionSet:
    cube = draw(_member_probas(task, n_members, n_samples, n_classes, extra_axes, dtype))
    codes = draw(_labels(cube.shape[1], cube.shape[-1], task, cube.shape[2:-1]))
    classes = [f"c{k}" for k in range(cube.shape[-1])]
    ids = np.array([f"r{k}" for k in range(cube.shape[1])])
    predictions: list[Predictions] = []
    for place, probas in enumerate(cube):
        rows = draw(st.permutations(range(len(ids))))
        predictions.append(
            Predictions(
                probas[rows],
                ids=ids[rows],
                classes=classes,
                labels=np.array(classes)[codes[rows]] if task == "multiclass" else codes[rows],
                task=task,  # pyright: ignore[reportArgumentType] - checked
                member=f"m{place}",
            )
        )
    return align(predictions)


def prediction_sets(
    *,
    task: str = "multiclass",
    n_members: int | st.SearchStrategy[int] | None = None,
    n_samples: int | st.SearchStrategy[int] | None = None,
    n_classes: int | st.SearchStrategy[int] | None = None,
    extra_axes: tuple[int, ...] | st.SearchStrategy[tuple[int, ...]] | None = None,
    dtype: Any = None,
) -> st.SearchStrategy[PredictionSet]:
    """Draw labelled, aligned predictions of members called ``m0``, ``m1`` and so on.

    Parameters
    ----------
    task, n_members, n_samples, n_classes, extra_axes, dtype
        As in `member_probas`. Rows are called ``r0``, ``r1``, ..., classes ``c0``, ``c1``, ...

    Returns
    -------
    strategy of PredictionSet
        The rows of each member had another order before they were aligned.

    Examples
    --------
    >>> from hypothesis import given, settings
    >>> from ensemblekit import combine
    >>> from ensemblekit.testing import prediction_sets
    >>> @settings(max_examples=20, database=None)
    ... @given(prediction_sets(n_members=2))
    ... def the_mean_is_for_the_same_rows(predictions):
    ...     assert combine(predictions, "mean").ids.tolist() == predictions.ids.tolist()
    >>> the_mean_is_for_the_same_rows()
    """
    _check_task(task)
    return _prediction_sets(task, n_members, n_samples, n_classes, extra_axes, dtype)


def _check_task(task: str) -> None:
    if task not in TASKS:
        raise InvalidOptionError(f"task must be one of {', '.join(map(repr, TASKS))}; received {task!r}.")


def _draw_if_strategy(draw: st.DrawFn, value: Any) -> Any:
    return draw(value) if isinstance(value, st.SearchStrategy) else value


def _size(draw: st.DrawFn, value: Any, low: int, high: int) -> int:
    return draw(st.integers(low, high)) if value is None else _draw_if_strategy(draw, value)
