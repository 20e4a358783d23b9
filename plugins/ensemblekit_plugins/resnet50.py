"""ResNet50, pretrained on ImageNet, as a frozen feature extractor."""

from __future__ import annotations

import os
from typing import Any, Literal

from ensemblekit import hookimpl
from ensemblekit.assembly import import_keras

from ._keras_backbone import KerasBackbone
from ._options import check_choice

__all__ = ["ResNet50"]

IMAGENET_MEANS = (103.939, 116.779, 123.68)
"""Mean blue, green and red of ImageNet."""


class ResNet50(KerasBackbone):
    """ResNet50 of Keras, pretrained on ImageNet: 2048 features.

    Parameters
    ----------
    weights : {"auto", "imagenet", "none"} or path-like, default="auto"
        ``imagenet``: cached or downloaded by Keras, 95 MB. ``auto``: the same, or random with a warning where they
        cannot be had. ``none``: random; where frozen, the features are scaled to a spread of about 1. A path: a Keras
        weights file of the network without its top.
    preprocessing : {"imagenet", "study"}, default="imagenet"
        ``imagenet``: what the weights were trained on, BGR minus the channel means. ``study``: pixels times 1/255.
    pooling : {"max", "avg"}, default="max"
        Global pooling over the last feature map.
    frozen : bool, default=True
        Keep the weights as they are in training.

    References
    ----------
    .. [1] K. He, X. Zhang, S. Ren, J. Sun, "Deep residual learning for image recognition", CVPR 2016.

    Examples
    --------
    >>> from ensemblekit_plugins.resnet50 import ResNet50
    >>> ResNet50(weights="none").build((64, 64, 3)).output_shape
    (None, 2048)
    """

    name = "resnet50"

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
        keras = import_keras("Backbone 'resnet50'")
        if self.preprocessing == "study":
            scaled = keras.layers.Rescaling(1 / 255)(pixels)
        else:
            scaled = keras.layers.Normalization(mean=IMAGENET_MEANS, variance=(1, 1, 1))(
                keras.ops.flip(pixels, axis=-1)
            )
        return self._extract(
            lambda weights: keras.applications.ResNet50(
                include_top=False, weights=weights, input_shape=tuple(pixels.shape[1:]), pooling=self.pooling
            ),
            scaled,
        )


@hookimpl
def ensemblekit_register_backbones(register: Any) -> None:
    """Register ``resnet50``."""
    register("resnet50", ResNet50)
