"""The trait ``graphable``: ``combine`` runs on ``keras.ops``, eagerly and in a graph of any number of rows."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np

from ._failure import Violation, raise_violation
from ._running import Check
from ._subject import CombinerSubject, close, draw_case

__all__ = ["GRAPHS"]

TOLERANCE = {"float64": 1e-6, "float32": 1e-4, "float16": 2e-2}
"""Largest difference between NumPy and Keras, whose kernels differ; Keras sums float16 in float16."""


def _no_graph(subject: CombinerSubject) -> str | None:
    if "graphable" not in subject.traits:
        return "not promised"
    return None if find_spec("keras") else "no Keras"


def _import_keras() -> None:
    import keras

    keras.ops.zeros(())


def _eager(subject: CombinerSubject, draw: Callable[[Any], Any]) -> None:
    import keras

    case = draw_case(subject, draw)
    expected = case.combine()
    try:
        tensor = subject.call(case.combiner, keras.ops.convert_to_tensor(case.cube), case.task, xp=keras.ops)
    except Exception as error:
        raise_violation(error, "combine(..., xp=keras.ops)", case.given())
    if not keras.ops.is_tensor(tensor):
        raise Violation("with xp=keras.ops it must return a tensor", case.given(), received=type(tensor))
    if keras.backend.standardize_dtype(tensor.dtype) != case.cube.dtype.name:
        raise Violation(
            "with xp=keras.ops the dtype differs",
            case.given(),
            expected=case.cube.dtype.name,
            received=keras.backend.standardize_dtype(tensor.dtype),
        )
    received = np.asarray(keras.ops.convert_to_numpy(tensor))
    if not close(case, expected, received, TOLERANCE[case.cube.dtype.name]):
        raise Violation(
            f"keras.ops on {keras.backend.backend()} gives another answer than NumPy",
            case.given(),
            expected=expected,
            received=received,
        )


def _graph(subject: CombinerSubject, draw: Callable[[Any], Any]) -> None:
    import keras

    case = draw_case(subject, draw)
    cube = case.cube
    expected = case.combine()
    try:
        inputs = [keras.Input(cube.shape[2:], dtype=cube.dtype.name) for _ in range(cube.shape[0])]
        stacked = keras.ops.stack(inputs, axis=0)
        model = keras.Model(inputs, subject.call(case.combiner, stacked, case.task, xp=keras.ops))
        received = np.asarray(keras.ops.convert_to_numpy(model([np.ascontiguousarray(part) for part in cube])))
    except Exception as error:
        raise_violation(error, "a Keras graph of it, with any number of rows,", case.given())
    if not close(case, expected, received, TOLERANCE[cube.dtype.name]):
        raise Violation("a Keras graph of it gives another answer", case.given(), expected=expected, received=received)


GRAPHS = (
    Check("graphable", "combine runs on keras.ops and agrees with NumPy", _eager, _no_graph, 0.8, _import_keras),
    Check("graph_of_any_batch", "it is a Keras graph of any number of rows", _graph, _no_graph, 0.2, _import_keras),
)
