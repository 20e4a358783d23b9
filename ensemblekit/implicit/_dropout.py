"""`dropout_members`: networks that each lack other units of one, as Monte Carlo dropout draws them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..arguments import typed
from ..assembly import copy_model, import_keras
from ..errors import CompatibilityError, InvalidOptionError

if TYPE_CHECKING:
    import keras

__all__ = ["dropout_members"]


@typed(but=("model",))
def dropout_members(model: keras.Model, n_members: int = 20, *, seed: int = 0) -> dict[str, keras.Model]:
    """Make members of a network by leaving out units at random: Monte Carlo dropout.

    Parameters
    ----------
    model : keras.Model
        Functional or sequential, with at least one ``Dropout`` or ``SpatialDropout`` layer. It is not changed.
    n_members : int, default=20
        How many, >= 2.
    seed : int, default=0
        Of the draws, >= 0.

    Returns
    -------
    dict of str to keras.Model
        ``dropout_0``, ``dropout_1``, ...: networks for `collect` and `fuse`. They share their layers, but none with
        ``model``.

    Raises
    ------
    CompatibilityError
        If the model is neither functional nor sequential, or has no such layer.
    InvalidOptionError
        If an option is out of range.
    MissingDependencyError
        If Keras is not installed.

    Notes
    -----
    Each dropout layer becomes a `keras.layers.Rescaling` by a mask, drawn once for each member: 0 with the probability
    ``rate``, otherwise ``1 / (1 - rate)`` [1]_. So a member is one draw of the weights, for all rows and each time
    again; it can be saved and fused, where the layers before the first dropout run once for all members. Along an axis
    of unknown length a mask is constant, as along those that ``noise_shape`` says. Dropout within other layers, such as
    attention, stays off.

    References
    ----------
    .. [1] Y. Gal, Z. Ghahramani, "Dropout as a Bayesian approximation: representing model uncertainty in deep
       learning", ICML, 2016.

    Examples
    --------
    >>> import keras, numpy as np
    >>> from ensemblekit import collect
    >>> from ensemblekit.evaluation import uncertainty
    >>> from ensemblekit.implicit import dropout_members
    >>> layers = [keras.layers.Dense(16, "relu"), keras.layers.Dropout(0.5), keras.layers.Dense(2, "softmax")]
    >>> members = dropout_members(keras.Sequential([keras.Input((4,)), *layers]), 5)
    >>> predictions = collect(members, (["a", "b"], np.ones((2, 4))), classes=["cat", "dog"])
    >>> uncertainty(predictions).columns.tolist()
    ['total', 'aleatoric', 'epistemic', 'vote_entropy']
    """
    keras = import_keras("dropout_members")
    if n_members < 2:
        raise InvalidOptionError(f"n_members must be a whole number >= 2; received {n_members}.")
    if seed < 0:
        raise InvalidOptionError(f"seed must be a whole number >= 0; received {seed}.")
    copied = copy_model(model)
    drawn = 0

    def member(number: int) -> Any:
        rng = np.random.default_rng([seed, number])

        def replaced(layer: Any) -> Any:
            nonlocal drawn
            shape = _mask_shape(keras, layer)
            if shape is None:
                return layer
            drawn += 1
            kept = (rng.random(shape) >= layer.rate) / (1 - layer.rate)
            return keras.layers.Rescaling(kept.tolist(), name=layer.name, dtype=layer.dtype_policy)

        made = keras.models.clone_model(copied, clone_function=replaced, recursive=True)
        made.name = f"dropout_{number}"
        return made

    members = {f"dropout_{number}": member(number) for number in range(n_members)}
    if not drawn:
        raise CompatibilityError(
            f"{model.name!r} must have a Dropout or SpatialDropout layer of its own; it has none. Members of other "
            "seeds or snapshots of the training need none: ensemblekit.implicit.keep_snapshots."
        )
    return members


def _mask_shape(keras: Any, layer: Any) -> tuple[int, ...] | None:
    """Give the shape of a layer's mask without the batch; None for a layer that drops nothing."""
    layers = keras.layers
    spatial = (layers.SpatialDropout1D, layers.SpatialDropout2D, layers.SpatialDropout3D)
    if not isinstance(layer, (layers.Dropout, *spatial)) or not layer.rate:
        return None
    shape = layer._inbound_nodes[0].input_tensors[0].shape[1:]
    if isinstance(layer, spatial):
        channels = 0 if getattr(layer, "data_format", None) == "channels_first" else len(shape) - 1
        return tuple(size if axis == channels else 1 for axis, size in enumerate(shape))
    noise = getattr(layer, "noise_shape", None) or (None, *shape)
    return tuple(1 if size is None or asked == 1 else size for size, asked in zip(shape, noise[1:], strict=True))
