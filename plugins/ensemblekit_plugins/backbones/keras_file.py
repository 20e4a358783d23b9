"""Any saved Keras model as a frozen feature extractor."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Literal

from ensemblekit import hookimpl
from ensemblekit.assembly import import_keras, load_keras_file
from ensemblekit.errors import CompatibilityError, EnsembleKitError, WeightsUnavailableError

from ..options import check_choice
from .keras_backbone import KerasBackbone, global_pooling

__all__ = ["KerasFile"]


class KerasFile(KerasBackbone):
    """Any saved Keras model as a feature extractor; the features are pooled to one vector per image.

    Parameters
    ----------
    weights : path-like
        A ``.keras`` file. Code in the file is not run. The model is used up to ``layer``.
    layer : str, optional
        Name of the layer whose output is used as features; by default the last layer.
    pooling : {"max", "avg"}, default="max"
        Global pooling, used if the features are a map ``(height, width, d)``.
    scale, offset : float, default=1 and 0
        The model receives ``pixels * scale + offset``. The default is the raw pixels, 0 to 255.
    frozen : bool, default=True
        If true, training does not change the weights.

    Notes
    -----
    A convolutional model accepts images of another size than that of the saved model. A model that flattens its feature
    maps does not, and such images are refused. Features of a network that was trained for another task are the
    method of [1]_; global average pooling is from [2]_.

    References
    ----------
    .. [1] A. S. Razavian, H. Azizpour, J. Sullivan, S. Carlsson, "CNN features off-the-shelf: an astounding baseline
       for recognition", CVPR Workshops, 2014.
    .. [2] M. Lin, Q. Chen, S. Yan, "Network in network", ICLR, 2014.
    """

    name = "keras_file"

    def __init__(
        self,
        *,
        weights: str | os.PathLike[str],
        layer: str | None = None,
        pooling: Literal["max", "avg"] = "max",
        scale: float = 1.0,
        offset: float = 0.0,
        frozen: bool = True,
    ) -> None:
        check_choice("pooling", pooling, ("max", "avg"))
        super().__init__(weights=weights, frozen=frozen)
        self.layer = layer
        self.pooling = pooling
        self.scale = scale
        self.offset = offset

    def _features(self, pixels: Any) -> Any:
        keras = import_keras("Backbone 'keras_file'")
        model = self._load(keras)
        self.weights_used = str(self.weights)
        scaled = pixels
        if (self.scale, self.offset) != (1, 0):
            scaled = keras.layers.Rescaling(self.scale, offset=self.offset)(pixels)
        try:
            features = model.call(scaled)
        except Exception as error:
            raise CompatibilityError(
                f"the model of {str(self.weights)!r} takes {model.input_shape[1:]} and not {tuple(pixels.shape[1:])}: "
                f"{error}"
            ) from error
        if len(features.shape) == 4:
            features = global_pooling(self.pooling)(features)
        if len(features.shape) != 2:
            raise CompatibilityError(
                f"features must be a vector or a map an image; those of {str(self.weights)!r} have the shape "
                f"{tuple(features.shape)}. Name another layer."
            )
        return features

    def _load(self, keras: Any) -> Any:
        path = Path(str(self.weights))
        if not path.is_file():
            raise WeightsUnavailableError(
                f"backbone 'keras_file' needs weights=FILE, a saved Keras model; no file is at {str(path)!r}."
            )
        try:
            model = load_keras_file(path)
        except EnsembleKitError as error:
            raise WeightsUnavailableError(f"weights must be a saved Keras model (.keras): {error}") from error
        self._definition = model.to_json()  # two files may have equal weights but different layers
        if self.layer is None:
            return model
        names = [layer.name for layer in model.layers]
        if self.layer not in names:
            raise WeightsUnavailableError(
                f"the model of {str(path)!r} has no layer {self.layer!r}; its last are {names[-5:]}."
            )
        return keras.Model(model.inputs[0], model.get_layer(self.layer).output)


@hookimpl
def ensemblekit_register_backbones(register: Any) -> None:
    """Register ``keras_file``."""
    register("keras_file", KerasFile)
