"""A copy of a model that ONNX can hold: what its converters cannot write is written otherwise, or named."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..assembly import copy_weights
from ..errors import CompatibilityError
from ._graph import Graph
from .digests import digest_of

__all__ = ["for_onnx"]

TYPES = ("bfloat16", "float8")
"""Types that ONNX Runtime does not compute in."""


def for_onnx(keras: Any, model: Any) -> Any:
    """Copy a model for ONNX.

    Parameters
    ----------
    keras : module
        Keras.
    model : keras.Model
        Functional or sequential. It is not changed.

    Returns
    -------
    keras.Model
        The same computations. ``Normalization`` holds its means as constants of the graph, GELU is written with the
        error function, and convolutions in groups as depthwise ones, or one for each group, since TensorFlow compiles
        them on a CPU. The model itself, if it needs none of these.

    Raises
    ------
    CompatibilityError
        If a layer looks up words, or computes in a type that ONNX Runtime does not.
    """
    layers = list(model._flatten_layers(include_self=False))
    for layer in layers:
        if callable(getattr(layer, "get_vocabulary", None)):
            raise CompatibilityError(
                f"ONNX takes models of numbers; the layer {layer.name!r} ({type(layer).__name__}) looks up words in a "
                "table. Export it as .keras or as a SavedModel."
            )
        policy = f"{getattr(layer, 'compute_dtype', '')} {getattr(layer.dtype_policy, 'quantization_mode', '')}"
        found = next((one for one in TYPES if one in policy), None)
        if found is not None:
            raise CompatibilityError(
                f"ONNX takes models that compute in float32 or float16; the layer {layer.name!r} computes in {found}. "
                "Export it as .keras or as a SavedModel, or build it in float32 with the same weights."
            )
    if not any(
        isinstance(layer, keras.layers.Normalization) or _gelu_owner(keras, layer) or _is_grouped(layer)
        for layer in layers
    ):
        return model
    graph = _OnnxGraph(keras)
    inputs = [graph.add_input(tuple(t.shape[1:]), t.dtype, t._keras_history.operation.name) for t in model.inputs]
    outputs = graph.add_model(model, inputs, "")
    return keras.Model(keras.tree.pack_sequence_as(model.input, inputs), outputs[0], name=model.name)


def _gelu_owner(keras: Any, layer: Any) -> Any:
    """Find the layer, or the one that it wraps, whose activation is an exact GELU; None if there is none."""
    while layer is not None:
        if getattr(layer, "activation", None) is keras.activations.gelu:
            return layer
        layer = getattr(layer, "layer", None)
    return None


def _is_grouped(layer: Any) -> bool:
    """Tell whether a layer is a convolution of Keras in groups of channels."""
    named = type(layer).__module__.startswith("keras.") and type(layer).__name__ in ("Conv1D", "Conv2D", "Conv3D")
    return named and layer.groups > 1 and layer.padding != "causal"


class _OnnxGraph(Graph):
    def _apply(self, operation: Any, args: Any, kwargs: dict[str, Any], owner: str) -> list[Any]:
        ops = self.keras.ops
        if type(operation) is self.keras.layers.Normalization:
            mean, variance = (ops.convert_to_numpy(one) for one in (operation.mean, operation.variance))
            spread = np.maximum(np.sqrt(variance), 1e-7)
            (x,) = args
            x = self._cast(x, operation.compute_dtype, owner)
            return [self._known(operation, x, x * spread + mean if operation.invert else (x - mean) / spread)]
        if _is_grouped(operation):
            x = self._cast(args[0], operation.compute_dtype, owner)
            return [self._known(operation, x, _convolved_in_groups(self.keras, operation, x))]
        if type(operation).__name__ == "Gelu" and not operation.approximate:
            return [self._known(operation, args[0], _gelu(ops, args[0]))]
        return super()._apply(operation, args, kwargs, owner)

    def _known(self, operation: Any, given: Any, tensor: Any) -> Any:
        self._tensor_digests[id(tensor)] = tensor, digest_of(self._digest(operation), self._tensor_digest(given))
        return tensor

    def _call_copy(self, operation: Any, digest: str, args: Any, kwargs: dict[str, Any], owner: str) -> Any:
        made = self._copies.get(digest)
        if made is None and _gelu_owner(self.keras, operation) is not None:
            made = self._copies[digest] = type(operation).from_config(operation.get_config())
            _gelu_owner(self.keras, made).activation = lambda x: _gelu(self.keras.ops, x)
            outputs = made(*args, **kwargs)
            copy_weights(operation, made)
            return outputs
        return super()._call_copy(operation, digest, args, kwargs, owner)


def _convolved_in_groups(keras: Any, layer: Any, x: Any) -> Any:
    """Convolve each group of channels by itself, with the same weights as constants."""
    ops = keras.ops
    kernel = ops.convert_to_numpy(layer.kernel).astype(layer.compute_dtype)
    options = {
        "strides": tuple(layer.strides), "padding": layer.padding, "data_format": layer.data_format,
        "dilation_rate": layer.dilation_rate,
    }  # fmt: skip
    axis = -1 if layer.data_format == "channels_last" else 1
    if kernel.shape[-2] == 1 and layer.rank < 3:  # one channel a group
        by_channel = kernel.reshape(*kernel.shape[:-2], layer.groups, -1)
        y = ops.depthwise_conv(x, by_channel, **options)
    else:
        kernels = np.split(kernel, layer.groups, axis=-1)
        parts = zip(ops.split(x, layer.groups, axis=axis), kernels, strict=True)
        y = ops.concatenate([ops.conv(part, own, **options) for part, own in parts], axis=axis)
    if layer.use_bias:
        shape = [1] * len(y.shape)
        shape[axis] = -1
        y = y + ops.convert_to_numpy(layer.bias).astype(layer.compute_dtype).reshape(shape)
    if layer.activation is keras.activations.gelu:
        return _gelu(ops, y)
    return layer.activation(y)


def _gelu(ops: Any, x: Any) -> Any:
    return 0.5 * x * (1.0 + ops.erf(x / math.sqrt(2.0)))
