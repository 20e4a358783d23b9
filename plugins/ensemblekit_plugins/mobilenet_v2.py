"""MobileNetV2, pretrained on ImageNet, as a frozen feature extractor."""

from __future__ import annotations

import os
import warnings
from typing import Any, Literal

from ensemblekit import hookimpl
from ensemblekit.assembly import import_keras

from ._keras_backbone import KerasBackbone
from ._options import check_choice

__all__ = ["MobileNetV2"]


class MobileNetV2(KerasBackbone):
    """MobileNetV2 of Keras, pretrained on ImageNet: 1280 features, light.

    Parameters
    ----------
    weights : {"auto", "imagenet", "none"} or path-like, default="auto"
        ``imagenet``: cached or downloaded by Keras, 9 MB. ``auto``: the same, or random with a warning where they
        cannot be had. ``none``: random; where frozen, the features are scaled to a spread of about 1. A path: a Keras
        weights file of the network without its top.
    preprocessing : {"imagenet", "study"}, default="imagenet"
        ``imagenet``: what the weights were trained on, pixels / 127.5 - 1. ``study``: pixels times 1/255.
    pooling : {"max", "avg"}, default="max"
        Global pooling over the last feature map.
    frozen : bool, default=True
        Keep the weights as they are in training.

    References
    ----------
    .. [1] M. Sandler et al., "MobileNetV2: inverted residuals and linear bottlenecks", CVPR 2018.

    Examples
    --------
    >>> from ensemblekit_plugins.mobilenet_v2 import MobileNetV2
    >>> MobileNetV2(weights="none").build((64, 64, 3)).output_shape
    (None, 1280)
    """

    name = "mobilenet_v2"

    def __init__(
        self,
        *,
        weights: str | os.PathLike[str] | None = "auto",
        preprocessing: Literal["imagenet", "study"] = "imagenet",
        pooling: Literal["max", "avg"] = "max",
        frozen: bool = True,
    ) -> None:
        check_choice("preprocessing", preprocessing, ("imagenet", "study"))
        check_choice("pooling", pooling, ("max", "avg"))
        super().__init__(weights=weights, frozen=frozen)
        self.preprocessing = preprocessing
        self.pooling = pooling

    def _features(self, pixels: Any) -> Any:
        keras = import_keras("Backbone 'mobilenet_v2'")
        study = self.preprocessing == "study"
        scaled = keras.layers.Rescaling(1 / 255 if study else 1 / 127.5, offset=0.0 if study else -1.0)(pixels)

        def make(weights: str | None) -> Any:
            with warnings.catch_warnings():
                # Keras warns that weights for 224 pixels are loaded for another size: they have no size.
                warnings.filterwarnings("ignore", message="`input_shape` is undefined or non-square")
                return keras.applications.MobileNetV2(
                    include_top=False, weights=weights, input_shape=tuple(pixels.shape[1:]), pooling=self.pooling
                )

        return self._extract(make, scaled)


@hookimpl
def ensemblekit_register_backbones(register: Any) -> None:
    """Register ``mobilenet_v2``."""
    register("mobilenet_v2", MobileNetV2)
