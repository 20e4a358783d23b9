"""Sessions of ONNX Runtime as callables of arrays. The package is imported only for a file."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..errors import DataError

__all__ = ["OnnxCallable", "is_session"]

DTYPES = {"float": "float32", "double": "float64", "float16": "float16", "string": "object", "bool": "bool"}
"""Type of ONNX -> dtype; others have NumPy's names."""


def is_session(model: Any) -> bool:
    """Tell whether a model is a session of ONNX Runtime."""
    session = getattr(sys.modules.get("onnxruntime"), "InferenceSession", None)
    return session is not None and isinstance(model, session)


class OnnxCallable:
    """Run a session on arrays, in batches of the size that it takes.

    Parameters
    ----------
    session : onnxruntime.InferenceSession
        The session.
    """

    def __init__(self, session: Any) -> None:
        self.model = session
        names = session.get_modelmeta().custom_metadata_map.get("ensemblekit.classes")
        try:
            self.classes = json.loads(names or "null") or None
        except ValueError:
            self.classes = None
        self.gives_probabilities = self.classes is not None  # only a model of `export_fused` has them

    def __call__(self, x: Any, name: str) -> Any:
        """Predict a batch; ``x`` is an array, a mapping by name of inputs, or a tuple in their order."""
        inputs = self.model.get_inputs()
        if isinstance(x, Mapping):
            missing = [one.name for one in inputs if one.name not in x]
            if missing:
                raise DataError(f"member {name!r} takes the inputs {[i.name for i in inputs]}; received {list(x)}.")
            x = tuple(x[one.name] for one in inputs)
        parts = x if isinstance(x, tuple) else (x,)
        if len(parts) != len(inputs):
            raise DataError(
                f"member {name!r} takes the inputs {[one.name for one in inputs]}; received {len(parts)} without "
                "names. Give them by name: {name: array}."
            )
        feeds = {one.name: _cast(part, one.type, name) for one, part in zip(inputs, parts, strict=True)}
        fixed = {one.shape[0] for one in inputs if one.shape and isinstance(one.shape[0], int)}
        n_rows = len(next(iter(feeds.values())))
        step = min(fixed, default=n_rows) or n_rows
        names = [one.name for one in self.model.get_outputs()]
        answers: list[list[np.ndarray]] = []
        for start in range(0, n_rows, step):
            rows = {key: part[start : start + step] for key, part in feeds.items()}
            lacking = step - len(next(iter(rows.values()))) if fixed else 0
            if lacking:
                rows = {key: np.concatenate([part, np.repeat(part[:1], lacking, axis=0)]) for key, part in rows.items()}
            answers.append([output[: step - lacking] for output in self.model.run(names, rows)])
        joined = {key: np.concatenate([one[k] for one in answers]) for k, key in enumerate(names)}
        return joined if len(joined) > 1 else next(iter(joined.values()))


def _cast(part: Any, type_of_onnx: str, name: str) -> np.ndarray:
    inner = type_of_onnx.removeprefix("tensor(").removesuffix(")")
    part = part.detach().cpu().numpy() if hasattr(part, "detach") else np.asarray(part)
    dtype = np.dtype(DTYPES.get(inner, inner))
    if part.dtype.kind == "f" and dtype.kind in "iu":
        whole = np.rint(part)
        if part.size and 0 <= part.min() <= part.max() <= 1 and (part != whole).any():
            raise DataError(
                f"member {name!r} takes whole numbers, {dtype}; received fractions from 0 to 1. Give pixels from 0 to "
                "255."
            )
        part = whole
    return part.astype(dtype, copy=False)
