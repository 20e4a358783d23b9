"""Whether the output of a Keras graph can leave [0, 1]: the layers behind the last weights, run on wide inputs."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

__all__ = ["stays_in_unit_interval"]

N_ROWS, WIDTH = 16, 50.0
"""Samples, and the largest absolute value of an input of which nothing is known."""
UNKNOWN_LENGTH = 4

RANGES = {
    "sigmoid": (0.0, 1.0),
    "hard_sigmoid": (0.0, 1.0),
    "tanh": (-1.0, 1.0),
    "softsign": (-1.0, 1.0),
    "relu": (0.0, WIDTH),
    "relu6": (0.0, 6.0),
    "softplus": (0.0, WIDTH),
    "exponential": (0.0, WIDTH),
}


def stays_in_unit_interval(tensor: Any, activation_of: Any) -> bool:
    """Tell whether a symbolic output is bound to lie in [0, 1], as that of a sigmoid in a layer of the user's own.

    Parameters
    ----------
    tensor : KerasTensor
        Output of a graph.
    activation_of : callable
        Names the activation that made a symbolic tensor; None if it is not known.

    Returns
    -------
    bool
        False if that cannot be found out.

    Notes
    -----
    Outputs of layers with weights are replaced by random numbers over the whole range of their activation. The layers
    behind them are run on these. A layer with weights and an unknown activation is run itself, on wide inputs.
    """
    try:
        values = _Sampler(activation_of).sample(tensor)
    except Exception:  # code of the user's own may fail on such inputs in any way
        return False
    return bool(np.isfinite(values).all() and values.min() >= -1e-6 and values.max() <= 1 + 1e-6)


class _Sampler:
    def __init__(self, activation_of: Any) -> None:
        self.activation_of = activation_of
        self.keras: Any = sys.modules["keras"]
        self.rng = np.random.default_rng(0)
        self.known: dict[int, Any] = {}

    def sample(self, tensor: Any) -> np.ndarray:
        if id(tensor) not in self.known:
            operation = tensor._keras_history.operation
            activation = self.activation_of(tensor)
            if activation is not None:
                self.known[id(tensor)] = self._drawn(tensor, activation)
            elif isinstance(operation, self.keras.layers.InputLayer):
                self.known[id(tensor)] = self._wide(tensor)
            elif isinstance(operation, self.keras.Model) and operation.outputs:
                return self.sample(operation.outputs[tensor._keras_history.tensor_index])
            else:
                self._run(operation, tensor._keras_history.node_index)
        return self.known[id(tensor)]

    def _run(self, operation: Any, node_index: int) -> None:
        node = operation._inbound_nodes[node_index]
        source = self._wide if getattr(operation, "weights", ()) else self.sample

        def translate(value: Any) -> Any:
            is_symbolic = isinstance(value, self.keras.KerasTensor)
            return self.keras.ops.convert_to_tensor(source(value), dtype=value.dtype) if is_symbolic else value

        args, kwargs = node.arguments.convert(translate)
        outputs = self.keras.tree.flatten(operation(*args, **kwargs))
        for symbolic, output in zip(node.outputs, outputs, strict=True):
            self.known[id(symbolic)] = np.asarray(self.keras.ops.convert_to_numpy(output), dtype=np.float64)

    def _drawn(self, tensor: Any, activation: str) -> np.ndarray:
        if activation in ("softmax", "sparsemax"):
            values = self.rng.exponential(size=self._shape(tensor)) ** 4
            return values / values.sum(axis=-1, keepdims=True)
        low, high = RANGES.get(activation, (-WIDTH, WIDTH))
        return self._within(tensor, low, high)

    def _wide(self, tensor: Any) -> np.ndarray:
        return self._within(tensor, -WIDTH, WIDTH)

    def _within(self, tensor: Any, low: float, high: float) -> np.ndarray:
        values = self.rng.uniform(low, high, self._shape(tensor))
        return np.floor(np.abs(values)) if "int" in tensor.dtype else values

    def _shape(self, tensor: Any) -> tuple[int, ...]:
        return (N_ROWS, *(n or UNKNOWN_LENGTH for n in tensor.shape[1:]))
