"""A graph that members are copied into, one operation at a time; what is there already is not computed again."""

from __future__ import annotations

import functools
from typing import Any

from ..errors import CompatibilityError
from ._assets import copy_assets
from ._digests import config_of, digest_of, operation_digest

__all__ = ["Graph", "is_graph"]


class Graph:
    """Symbolic tensors by what they are: of equal layers with equal weights on equal inputs there is one.

    Parameters
    ----------
    keras : module
        Keras.
    """

    def __init__(self, keras: Any) -> None:
        self.keras = keras
        # Tensor -> its digest, and back. The tensors are kept, or another could come to stand at the same address.
        self.digests: dict[int, tuple[Any, str]] = {}
        self.outputs: dict[str, Any] = {}
        self.layers: dict[str, Any] = {}
        self.digest_of_layer: dict[int, tuple[Any, str]] = {}
        self.names: set[str] = set()

    def add_input(self, shape: tuple[int | None, ...], dtype: str, name: str) -> Any:
        """Make an input, without the batch axis."""
        tensor = self.keras.Input(shape, dtype=dtype, name=self._free(name, ""))
        self.digests[id(tensor)] = tensor, digest_of("input", name)
        return tensor

    def add_model(self, model: Any, inputs: list[Any], owner: str) -> list[Any]:
        """Copy a model into the graph.

        Parameters
        ----------
        model : keras.Model
            Functional or sequential.
        inputs : list of KerasTensor
            Of this graph, one for each input of the model.
        owner : str
            Whose it is: the first part of names that would be there twice.

        Returns
        -------
        list of KerasTensor
            Its outputs.
        """
        functional = getattr(model, "_functional", None) or model
        known = {id(old): self._cast(new, old.dtype, owner) for old, new in zip(functional.inputs, inputs, strict=True)}

        def mine(value: Any) -> Any:
            if isinstance(value, self.keras.KerasTensor):
                return known[id(value)]
            # A tensor would stand outside the graph; an array is written into it.
            return self.keras.ops.convert_to_numpy(value) if self.keras.ops.is_tensor(value) else value

        depths = functional._nodes_by_depth
        for depth in sorted(depths, reverse=True):
            for node in depths[depth]:
                if node.is_input:
                    continue
                args, kwargs = node.arguments.convert(mine)
                outputs = self._call(node, args, kwargs, owner)
                known |= {id(old): new for old, new in zip(node.outputs, outputs, strict=True)}
        return [known[id(tensor)] for tensor in functional.outputs]

    def call(self, operation: Any, *args: Any, **kwargs: Any) -> Any:
        """Apply an operation that is no member's, and know its output again."""
        return self._apply(operation, args, kwargs, owner="")[0]

    def label(self, tensor: Any, name: str) -> Any:
        """Give a tensor a name that stays in the model: an `Identity` layer."""
        labelled = self.keras.layers.Identity(name=self._free(name, ""), dtype=tensor.dtype)(tensor)
        self.digests[id(labelled)] = labelled, digest_of("label", name)
        return labelled

    def _call(self, node: Any, args: Any, kwargs: dict[str, Any], owner: str) -> list[Any]:
        operation = node.operation
        # Keras's predict overrules what a layer was told when it was laid out.
        kwargs = {k: v for k, v in kwargs.items() if k != "training" and not (k == "mask" and v is None)}
        if is_graph(self.keras, operation) and not kwargs:
            return self.add_model(operation, self.keras.tree.flatten(args), owner)
        if _rests(self.keras, operation):
            tensors = self.keras.tree.flatten(args)
            if len(tensors) == len(node.outputs) == 1 and tensors[0].shape == node.outputs[0].shape:
                return [self._cast(tensors[0], node.outputs[0].dtype, owner)]
        return self._apply(operation, args, kwargs, owner)

    def _apply(self, operation: Any, args: Any, kwargs: dict[str, Any], owner: str) -> list[Any]:
        which = self._digest(operation)
        inputs = self.keras.tree.map_structure(self._known, (args, kwargs))
        digest = digest_of(which, inputs)
        if digest not in self.outputs:
            made = self._copy(operation, which, args, kwargs, owner)
            self.outputs[digest] = self.keras.tree.flatten(made)
            for place, tensor in enumerate(self.outputs[digest]):
                self.digests[id(tensor)] = tensor, f"{digest}:{place}"
        return self.outputs[digest]

    def _copy(self, operation: Any, which: str, args: Any, kwargs: dict[str, Any], owner: str) -> Any:
        copy = self.layers.get(which)
        if copy is not None:
            return copy(*args, **kwargs)
        config = config_of(operation)
        name = self._free(operation.name, owner)
        if "name" in config:
            config["name"] = name
        copy = self.layers[which] = type(operation).from_config(config)
        copy.name = name
        copy_assets(operation, copy)
        made = copy(*args, **kwargs)
        if getattr(operation, "weights", None):
            copy.set_weights(operation.get_weights())
            for layer in copy._flatten_layers():
                if hasattr(layer, "finalize_state"):  # of Normalization: what adapt has learned comes into use
                    layer.finalize_state()
        return made

    def _digest(self, operation: Any) -> str:
        if isinstance(operation, self.keras.layers.Lambda):
            raise CompatibilityError(
                f"a Lambda layer holds Python code, which no saved model may; {operation.name!r} is one. Write it with "
                "keras.ops."
            )
        if id(operation) not in self.digest_of_layer:
            self.digest_of_layer[id(operation)] = operation, operation_digest(operation)
        return self.digest_of_layer[id(operation)][1]

    def _known(self, value: Any) -> Any:
        return self.digests[id(value)][1] if isinstance(value, self.keras.KerasTensor) else value

    def _cast(self, tensor: Any, dtype: str, owner: str) -> Any:
        if tensor.dtype == dtype:
            return tensor
        cast = self.keras.ops.cast(tensor, dtype)._keras_history.operation
        return self._apply(cast, (tensor,), {}, owner)[0]

    def _free(self, name: str, owner: str) -> str:
        stem = f"{owner}_{name}" if owner else name
        others = (name, stem, *(f"{stem}_{k}" for k in range(1, len(self.names) + 2)))
        free = next(n for n in others if n not in self.names)
        self.names.add(free)
        return free


def is_graph(keras: Any, model: Any) -> bool:
    """Say whether it is a built model whose layers can be walked through."""
    if not isinstance(model, keras.Model):
        return False
    if type(model).call is keras.Sequential.call:
        return bool(model.built)
    return type(model).call is _functional_call(keras)


@functools.cache
def _functional_call(keras: Any) -> Any:
    tensor = keras.Input((1,))
    return type(keras.Model(tensor, keras.ops.copy(tensor))).call


def _rests(keras: Any, layer: Any) -> bool:
    """Say whether a layer does something in training only."""
    layers = keras.layers
    kinds = (
        layers.Dropout, layers.SpatialDropout1D, layers.SpatialDropout2D, layers.SpatialDropout3D, layers.AlphaDropout,
        layers.GaussianDropout, layers.GaussianNoise, layers.ActivityRegularization, layers.Identity,
    )  # fmt: skip
    if isinstance(layer, kinds):
        return True
    augments = _augmentation(keras)
    return isinstance(layer, augments) and type(layer).__module__.startswith("keras.")


@functools.cache
def _augmentation(keras: Any) -> tuple[type, ...]:
    names = [n for n in dir(keras.layers) if n.startswith("Random") and n != "RandomCrop"]
    names += ["AugMix", "CutMix", "MixUp", "RandAugment"]
    return tuple(getattr(keras.layers, n) for n in names if hasattr(keras.layers, n))
