"""A fused model beside its members, on random numbers: what was copied must say the same."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np

from ..errors import CompatibilityError, InvalidPredictionsError
from ._names import with_members
from ._parts import Part

__all__ = ["check_same"]

N_ROWS = 2


def check_same(
    keras: Any,
    fused: Any,
    parts: Sequence[Part],
    outputs: Sequence[Hashable],
    task: str,
    input_shape: tuple[int, int, int] | None,
) -> None:
    """Refuse a fused model whose members do not say what they said before, or say no probabilities.

    Nothing is run where a size is not known, or images are resized first.
    """
    if input_shape is not None or any(None in tensor.shape[1:] for tensor in fused.inputs):
        return
    draw = np.random.default_rng(0)
    values = {tensor.name: _random(draw, tensor) for tensor in fused.inputs}
    single = len(fused.inputs) == 1
    said = with_members(fused)(next(iter(values.values())) if single else values, training=False)
    for part in parts:
        given = {t.name: values[fused.inputs[0].name if single else t.name] for t in part.model.inputs}
        alone = part.model(next(iter(given.values())) if single else given, training=False)
        before, after = (np.asarray(keras.ops.convert_to_numpy(t), np.float64) for t in (alone, said[part.name]))
        if not part.logits and before.shape == after.shape:
            own = list(part.classes or outputs)
            difference = float(np.abs(before[..., [own.index(c) for c in outputs if c in own]] - after).max())
            if not difference <= (1e-4 if part.model.dtype == "float32" else 2e-2) * max(1.0, np.abs(before).max()):
                raise CompatibilityError(
                    f"member {part.name!r} must say the same in one model; on random numbers it says others by "
                    f"{difference:.2g}. It has a layer that is not what its options and weights say."
                )
        if task == "multiclass" and not (after.min() >= -1e-3 and np.allclose(after.sum(axis=-1), 1, atol=2e-2)):
            raise InvalidPredictionsError(
                f"members must give probabilities, >= 0 with the sum 1; on random numbers member {part.name!r} gave "
                f"{after.reshape(-1, after.shape[-1])[0].round(3).tolist()}. Put a softmax behind it."
            )


def _random(draw: np.random.Generator, tensor: Any) -> np.ndarray:
    shape = (N_ROWS, *tensor.shape[1:])
    if tensor.dtype == "string":
        return draw.choice(np.array(["a", "b"], dtype=object), shape)
    if tensor.dtype.startswith(("int", "uint")):
        return draw.integers(0, 2, shape).astype(tensor.dtype)
    values = draw.uniform(0, 255, shape) if len(shape) == 4 else draw.normal(size=shape)
    return values.astype("float32" if tensor.dtype == "bfloat16" else tensor.dtype)
