"""MobileNetV2, pretrained on ImageNet, as a frozen feature extractor."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from ensemblekit import hookimpl
from ensemblekit.assembly import import_keras

from .application_backbone import ApplicationBackbone

if TYPE_CHECKING:
    import keras

__all__ = ["MobileNetV2"]


class MobileNetV2(ApplicationBackbone):
    """MobileNetV2 of Keras, pretrained on ImageNet: a small network with 1280 features.

    Parameters
    ----------
    weights : {"auto", "imagenet", "none"} or path-like, default="auto"
        ``imagenet``: weights that Keras has cached or downloads, 9 MB. ``auto``: the same, or random weights with a
        warning if these are not available. ``none``: random weights; if the backbone is frozen, the features are scaled
        to a spread of about 1. A path: a Keras weights file of the network without its top.
    preprocessing : {"imagenet", "study"}, default="imagenet"
        ``imagenet``: the preprocessing that the weights were trained with, pixels / 127.5 - 1. ``study``: pixels times
        1/255.
    pooling : {"max", "avg"}, default="max"
        Global pooling of the last feature map.
    frozen : bool, default=True
        If true, training does not change the weights.

    References
    ----------
    .. [1] M. Sandler et al., "MobileNetV2: inverted residuals and linear bottlenecks", CVPR 2018.

    Examples
    --------
    >>> from ensemblekit_plugins.backbones.mobilenet_v2 import MobileNetV2
    >>> MobileNetV2(weights="none").build((64, 64, 3)).output_shape
    (None, 1280)
    """

    name = "mobilenet_v2"

    def _prepare(self, pixels: Any) -> Any:
        return import_keras("Backbone 'mobilenet_v2'").layers.Rescaling(1 / 127.5, offset=-1.0)(pixels)

    def _network(self, weights: str | None, input_shape: tuple[int, ...]) -> keras.Model:
        with warnings.catch_warnings():
            # Keras warns that weights for 224 pixels are loaded for another size, but the weights do not depend on the
            # size.
            warnings.filterwarnings("ignore", message="`input_shape` is undefined or non-square")
            return import_keras("Backbone 'mobilenet_v2'").applications.MobileNetV2(
                include_top=False, weights=weights, input_shape=input_shape, pooling=self.pooling
            )


@hookimpl
def ensemblekit_register_backbones(register: Any) -> None:
    """Register ``mobilenet_v2``."""
    register("mobilenet_v2", MobileNetV2)
