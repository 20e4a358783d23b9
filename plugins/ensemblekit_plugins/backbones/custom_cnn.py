"""The custom convolutional network of the study, up to its flattened features, trained from scratch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ensemblekit import hookimpl
from ensemblekit.assembly import import_keras
from ensemblekit.errors import InvalidOptionError

from ..options import check_count, check_number
from .keras_backbone import KerasBackbone

__all__ = ["CustomCNN"]


class CustomCNN(KerasBackbone):
    r"""The small convolutional network of the study, trained from scratch: 43,264 features for 224 × 224 pixels.

    Parameters
    ----------
    filters : sequence of int, default=(32, 32, 64)
        Number of filters of each 3 × 3 convolution with ReLU; a 2 × 2 max pooling follows each convolution.
    dropout : float, default=0.25
        Dropout rate after each pooling but the first, in [0, 1).

    Notes
    -----
    .. math::

        x_0 = \text{pixels} / 255, \qquad x_{k} = \operatorname{pool}(\max(W_k * x_{k-1} + b_k, 0))

    Each block is a 3 × 3 convolution, ReLU and 2 × 2 max pooling; the last map is flattened. Each `build` draws new
    weights. The sizes are those of the study's second model; alternating convolutions and poolings are from [1]_,
    dropout from [2]_.

    References
    ----------
    .. [1] Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, "Gradient-based learning applied to document recognition",
       Proceedings of the IEEE 86(11), 1998.
    .. [2] N. Srivastava, G. Hinton, A. Krizhevsky, I. Sutskever, R. Salakhutdinov, "Dropout: a simple way to prevent
       neural networks from overfitting", Journal of Machine Learning Research 15, 2014.

    Examples
    --------
    >>> from ensemblekit_plugins.backbones.custom_cnn import CustomCNN
    >>> CustomCNN().build((224, 224, 3)).output_shape
    (None, 43264)
    """

    name = "custom_cnn"

    def __init__(self, *, filters: Sequence[int] = (32, 32, 64), dropout: float = 0.25) -> None:
        if not isinstance(filters, list | tuple) or not filters:
            raise InvalidOptionError(f"filters must be whole numbers > 0, at least one; received {filters!r}.")
        for filter_count in filters:
            check_count("filters", filter_count)
        check_number("dropout", dropout, 0, 1)
        if dropout == 1:
            raise InvalidOptionError(f"dropout must lie in [0, 1); received {dropout!r}.")
        super().__init__(frozen=False)
        self.filters = filters
        self.dropout = dropout

    def _features(self, pixels: Any) -> Any:
        layers = import_keras("Backbone 'custom_cnn'").layers
        x = layers.Rescaling(1 / 255)(pixels)
        for place, filters in enumerate(self.filters):
            x = layers.MaxPooling2D()(layers.Conv2D(filters, 3, activation="relu")(x))
            if place:
                x = layers.Dropout(self.dropout)(x)
        return layers.Flatten()(x)


@hookimpl
def ensemblekit_register_backbones(register: Any) -> None:
    """Register ``custom_cnn``."""
    register("custom_cnn", CustomCNN)
