"""Copy models into one Keras graph, operation by operation; merge equal operations on equal inputs."""

from __future__ import annotations

import functools
from typing import Any

from ..assembly import copy_assets, copy_weights
from ..errors import CompatibilityError
from .digests import config_of, digest_of, operation_digest

__all__ = ["Graph", "is_graph"]


class Graph:
    """A graph of symbolic tensors, without common subexpressions: equal layers on equal inputs run once.

    Layers are equal if their class, options and weights are equal. Each tensor has a digest of its operation and of the
    inputs of that operation.

    Parameters
    ----------
    keras : module
        Keras.
    """

    def __init__(self, keras: Any) -> None:
        self.keras = keras
        # The object itself is kept beside its id: while it exists, no other object can have its id.
        self._tensor_digests: dict[int, tuple[Any, str]] = {}
        self._operation_digests: dict[int, tuple[Any, str]] = {}
        self._outputs: dict[str, Any] = {}
        self._copies: dict[str, Any] = {}
        self._names: set[str] = set()

    def add_input(self, shape: tuple[int | None, ...], dtype: str, name: str) -> Any:
        """Add an input of this shape, without the batch axis."""
        tensor = self.keras.Input(shape, dtype=dtype, name=self._unique_name(name, ""))
        self._tensor_digests[id(tensor)] = tensor, digest_of("input", name)
        return tensor

    def add_model(self, model: Any, inputs: list[Any], owner: str) -> list[Any]:
        """Copy a model into the graph.

        Parameters
        ----------
        model : keras.Model
            Functional or sequential.
        inputs : list of KerasTensor
            Tensors of this graph, one for each input of the model.
        owner : str
            Prefix of the names of layers, if another layer already has the name.

        Returns
        -------
        list of KerasTensor
            Outputs of the copy.
        """
        functional = getattr(model, "_functional", None) or model
        new_of = {
            id(old): self._cast(new, old.dtype, owner) for old, new in zip(functional.inputs, inputs, strict=True)
        }

        def translate(value: Any) -> Any:
            if isinstance(value, self.keras.KerasTensor):
                return new_of[id(value)]
            # Keras saves an array with the graph, but no tensor.
            return self.keras.ops.convert_to_numpy(value) if self.keras.ops.is_tensor(value) else value

        depths = functional._nodes_by_depth
        for depth in sorted(depths, reverse=True):
            for node in depths[depth]:
                if node.is_input:
                    continue
                args, kwargs = node.arguments.convert(translate)
                outputs = self._copy_node(node, args, kwargs, owner)
                new_of |= {id(old): new for old, new in zip(node.outputs, outputs, strict=True)}
        return [new_of[id(tensor)] for tensor in functional.outputs]

    def call(self, operation: Any, *args: Any, **kwargs: Any) -> Any:
        """Apply an operation that does not belong to a member."""
        return self._apply(operation, args, kwargs, owner="")[0]

    def label(self, tensor: Any, name: str) -> Any:
        """Name a tensor with an `Identity` layer of that name, which is saved with the model."""
        labelled = self.keras.layers.Identity(name=self._unique_name(name, ""), dtype=tensor.dtype)(tensor)
        self._tensor_digests[id(labelled)] = labelled, digest_of("label", name)
        return labelled

    def _copy_node(self, node: Any, args: Any, kwargs: dict[str, Any], owner: str) -> list[Any]:
        operation = node.operation
        # `predict` overrides the `training=` that was given when the graph was built.
        kwargs = {k: v for k, v in kwargs.items() if k != "training" and not (k == "mask" and v is None)}
        if is_graph(self.keras, operation) and not kwargs:
            return self.add_model(operation, self.keras.tree.flatten(args), owner)
        if _is_training_only(self.keras, operation):
            tensors = self.keras.tree.flatten(args)
            if len(tensors) == len(node.outputs) == 1 and tensors[0].shape == node.outputs[0].shape:
                return [self._cast(tensors[0], node.outputs[0].dtype, owner)]
        return self._apply(operation, args, kwargs, owner)

    def _apply(self, operation: Any, args: Any, kwargs: dict[str, Any], owner: str) -> list[Any]:
        of_operation = self._digest(operation)
        digest = digest_of(of_operation, self.keras.tree.map_structure(self._tensor_digest, (args, kwargs)))
        if digest not in self._outputs:
            outputs = self._call_copy(operation, of_operation, args, kwargs, owner)
            self._outputs[digest] = self.keras.tree.flatten(outputs)
            for position, tensor in enumerate(self._outputs[digest]):
                self._tensor_digests[id(tensor)] = tensor, f"{digest}:{position}"
        return self._outputs[digest]

    def _call_copy(self, operation: Any, digest: str, args: Any, kwargs: dict[str, Any], owner: str) -> Any:
        copy = self._copies.get(digest)
        if copy is not None:
            return copy(*args, **kwargs)
        config = config_of(operation)
        name = self._unique_name(operation.name, owner)
        if "name" in config:
            config["name"] = name
        copy = self._copies[digest] = type(operation).from_config(config)
        copy.name = name
        if not isinstance(operation, self.keras.Layer):
            return copy(*args, **kwargs)
        copy_assets(operation, copy)
        outputs = copy(*args, **kwargs)
        copy_weights(operation, copy)
        return outputs

    def _digest(self, operation: Any) -> str:
        if isinstance(operation, self.keras.layers.Lambda):
            raise CompatibilityError(
                f"a Lambda layer holds Python code, which no saved model may; {operation.name!r} is one. Write it with "
                "keras.ops."
            )
        if id(operation) not in self._operation_digests:
            self._operation_digests[id(operation)] = operation, operation_digest(operation)
        return self._operation_digests[id(operation)][1]

    def _tensor_digest(self, value: Any) -> Any:
        return self._tensor_digests[id(value)][1] if isinstance(value, self.keras.KerasTensor) else value

    def _cast(self, tensor: Any, dtype: str, owner: str) -> Any:
        if tensor.dtype == dtype:
            return tensor
        cast = self.keras.ops.cast(tensor, dtype)._keras_history.operation
        return self._apply(cast, (tensor,), {}, owner)[0]

    def _unique_name(self, name: str, owner: str) -> str:
        stem = f"{owner}_{name}" if owner else name
        candidates = (name, stem, *(f"{stem}_{k}" for k in range(1, len(self._names) + 2)))
        unique = next(n for n in candidates if n not in self._names)
        self._names.add(unique)
        return unique


def is_graph(keras: Any, model: Any) -> bool:
    """Tell whether a model is built and is functional or sequential, so that its graph can be copied."""
    if not isinstance(model, keras.Model):
        return False
    if type(model).call is keras.Sequential.call:
        return bool(model.built)
    return type(model).call is _functional_call(keras)


@functools.cache
def _functional_call(keras: Any) -> Any:
    tensor = keras.Input((1,))
    return type(keras.Model(tensor, keras.ops.copy(tensor))).call


def _is_training_only(keras: Any, layer: Any) -> bool:
    layers = keras.layers
    kinds = (
        layers.Dropout, layers.SpatialDropout1D, layers.SpatialDropout2D, layers.SpatialDropout3D, layers.AlphaDropout,
        layers.GaussianDropout, layers.GaussianNoise, layers.ActivityRegularization, layers.Identity,
    )  # fmt: skip
    if isinstance(layer, kinds):
        return True
    return isinstance(layer, _augmentation(keras)) and type(layer).__module__.startswith("keras.")


@functools.cache
def _augmentation(keras: Any) -> tuple[type, ...]:
    names = [n for n in dir(keras.layers) if n.startswith("Random") and n != "RandomCrop"]
    names += ["AugMix", "CutMix", "MixUp", "RandAugment"]
    return tuple(getattr(keras.layers, n) for n in names if hasattr(keras.layers, n))
