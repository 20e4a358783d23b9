"""ResNet50, pretrained on ImageNet, as a frozen feature extractor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ensemblekit import hookimpl
from ensemblekit.assembly import import_keras

from .application_backbone import ApplicationBackbone

if TYPE_CHECKING:
    import keras

__all__ = ["ResNet50"]

IMAGENET_MEANS = (103.939, 116.779, 123.68)
"""Means of blue, green and red in ImageNet."""


class ResNet50(ApplicationBackbone):
    """ResNet50 of Keras, pretrained on ImageNet: 2048 features.

    Parameters
    ----------
    weights : {"auto", "imagenet", "none"} or path-like, default="auto"
        ``imagenet``: weights that Keras has cached or downloads, 95 MB. ``auto``: the same, or random weights with a
        warning if these are not available. ``none``: random weights; if the backbone is frozen, the features are scaled
        to a spread of about 1. A path: a Keras weights file of the network without its top.
    preprocessing : {"imagenet", "study"}, default="imagenet"
        ``imagenet``: the preprocessing that the weights were trained with, BGR minus the channel means. ``study``:
        pixels times 1/255.
    pooling : {"max", "avg"}, default="max"
        Global pooling of the last feature map.
    frozen : bool, default=True
        If true, training does not change the weights.

    References
    ----------
    .. [1] K. He, X. Zhang, S. Ren, J. Sun, "Deep residual learning for image recognition", CVPR 2016.

    Examples
    --------
    >>> from ensemblekit_plugins.backbones.resnet50 import ResNet50
    >>> ResNet50(weights="none").build((64, 64, 3)).output_shape
    (None, 2048)
    """

    name = "resnet50"

    def _prepare(self, pixels: Any) -> Any:
        keras = import_keras("Backbone 'resnet50'")
        return keras.layers.Normalization(mean=IMAGENET_MEANS, variance=(1, 1, 1))(keras.ops.flip(pixels, axis=-1))

    def _network(self, weights: str | None, input_shape: tuple[int, ...]) -> keras.Model:
        return import_keras("Backbone 'resnet50'").applications.ResNet50(
            include_top=False, weights=weights, input_shape=input_shape, pooling=self.pooling
        )


@hookimpl
def ensemblekit_register_backbones(register: Any) -> None:
    """Register ``resnet50``."""
    register("resnet50", ResNet50)
