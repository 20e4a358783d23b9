"""`with_views`: a network that predicts several views of each image, and takes the mean."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..arguments import typed
from ..assembly import import_keras
from ..errors import CompatibilityError, InvalidOptionError
from ..fusion.layer_names import named_as
from ..members.losses import from_logits, loss_name, loss_of
from ..members.meaning import PROBABILITIES, last_activation
from ..members.networks import with_one_output

if TYPE_CHECKING:
    import keras

__all__ = ["with_views"]

FLIPS = ("horizontal", "vertical", "both")


@typed(but=("model", "flips"))
def with_views(
    model: keras.Model,
    *,
    flips: str | Sequence[str] = ("horizontal",),
    crops: float | None = None,
    shifts: int = 0,
    output_name: str | None = None,
    name: str | None = None,
) -> keras.Model:
    """Make a network that predicts several views of each image and outputs the mean: test-time augmentation.

    Parameters
    ----------
    model : keras.Model
        Functional or sequential, with one input of images. It is not changed, and shared with the result.
    flips : str or sequence of str, default=("horizontal",)
        Out of ``horizontal``, ``vertical`` and ``both`` at once. Each adds a view; ``()`` adds none.
    crops : float, optional
        Share of height and width, in (0, 1): adds the four corners and the centre of the image, resized to its size.
    shifts : int, default=0
        Pixels: adds the image moved up, down, left and right by so many; the border is mirrored.
    output_name : str, optional
        The output to take of a model with several.
    name : str, optional
        Name of the network; by default that of the model and ``_views``.

    Returns
    -------
    keras.Model
        From images to the mean of the outputs. It can be fused, saved and exported like any other, and loads without
        ensemblekit.

    Raises
    ------
    CompatibilityError
        If the model does not take one batch of images, or its output has more than one axis, as maps do.
    InvalidOptionError
        If an option is not valid, or there is no view but the image itself.
    MissingDependencyError
        If Keras is not installed.

    Notes
    -----
    There are ``(1 + 4 [shifts] + 5 [crops]) (1 + number of flips)`` views, the image itself among them: each crop and
    shift is flipped, too. With crops alone and one flip these are the ten crops of [1]_, and the whole image twice. All
    views of a batch are predicted at once, which takes as much more memory. The output is the mean of the outputs;
    those of a model whose loss says ``from_logits=True`` become probabilities first.

    References
    ----------
    .. [1] A. Krizhevsky, I. Sutskever, G. E. Hinton, "ImageNet classification with deep convolutional neural networks",
       NIPS, 2012.

    Examples
    --------
    >>> import keras, numpy as np
    >>> from ensemblekit.implicit import with_views
    >>> layers = [keras.Input((8, 8, 3)), keras.layers.Flatten(), keras.layers.Dense(2, "softmax")]
    >>> model = keras.Sequential(layers)
    >>> views = with_views(model, flips="horizontal")
    >>> x = np.random.default_rng(0).uniform(0, 255, (4, 8, 8, 3)).astype("float32")
    >>> bool(np.allclose(views(x), (model(x) + model(x[:, :, ::-1])) / 2, atol=1e-6))
    True
    """
    keras = import_keras("with_views")
    wanted = (flips,) if isinstance(flips, str) else tuple(flips)
    if unknown := [flip for flip in wanted if flip not in FLIPS] or len({*wanted}) < len(wanted):
        raise InvalidOptionError(
            f"flips must be different ones of {', '.join(FLIPS)}; received {flips!r}: {unknown!r}."
        )
    if crops is not None and not 0 < crops < 1:
        raise InvalidOptionError(f"crops must be a share > 0 and < 1 of height and width; received {crops!r}.")
    if shifts < 0:
        raise InvalidOptionError(f"shifts must be a number of pixels >= 0; received {shifts}.")
    if not wanted and crops is None and not shifts:
        raise InvalidOptionError(
            "with_views needs a view besides the image itself; received none. Give flips=, crops= or shifts=."
        )
    taken = _checked(keras, model, output_name)
    given = taken.inputs[0]
    axes = (2, 3) if keras.config.image_data_format() == "channels_first" else (1, 2)
    images = keras.Input(given.shape[1:], dtype=given.dtype, name=given.name.partition(":")[0])
    placed = [images, *_shifted(keras, images, shifts, axes), *_cropped(keras, images, crops, axes)]
    views = placed + [_flipped(keras, view, flip, axes) for flip in wanted for view in placed]
    outputs = taken(keras.ops.concatenate(views, axis=0))
    if (how := _of_logits(model, taken.outputs[0], output_name)) is not None:
        outputs = getattr(keras.ops, how)(outputs)
    width = outputs.shape[1:]
    mean = keras.ops.mean(keras.ops.reshape(outputs, (len(views), -1, *width)), axis=0)
    return keras.Model(images, named_as(taken, mean), name=name or f"{model.name}_views")


def _checked(keras: Any, model: Any, output_name: str | None) -> Any:
    if not isinstance(model, keras.Model) or not getattr(model, "inputs", None) or not getattr(model, "outputs", None):
        raise CompatibilityError(
            f"with_views takes a functional or sequential Keras model that is built; received {type(model).__name__}."
        )
    try:
        taken = with_one_output(model, output_name, name=model.name)
    except InvalidOptionError as error:
        raise CompatibilityError(str(error)) from None
    if len(taken.inputs) != 1 or len(taken.inputs[0].shape) != 4:
        raise CompatibilityError(
            f"views are of images, one input of shape (height, width, channels); {model.name!r} takes "
            f"{[tuple(tensor.shape[1:]) for tensor in taken.inputs]}."
        )
    if len(taken.outputs[0].shape) != 2 or taken.outputs[0].shape[-1] is None:
        raise CompatibilityError(
            f"the mean of views needs one output of shape (n_classes,); that of {model.name!r} has the shape "
            f"{tuple(taken.outputs[0].shape[1:])}. Maps would have to be turned back."
        )
    return taken


def _of_logits(model: Any, tensor: Any, output_name: str | None) -> str | None:
    """Name what makes probabilities of outputs that the loss calls logits."""
    loss = loss_of(model, output_name)
    if not from_logits(loss) or last_activation(tensor) in PROBABILITIES:
        return None
    return "sigmoid" if tensor.shape[-1] == 1 or loss_name(loss)[0].startswith("binary") else "softmax"


def _flipped(keras: Any, images: Any, flip: str, axes: tuple[int, int]) -> Any:
    height, width = axes
    for axis in {"horizontal": (width,), "vertical": (height,), "both": axes}[flip]:
        images = keras.ops.flip(images, axis=axis)  # Keras 3.12 cannot flip several at once
    return images


def _shifted(keras: Any, images: Any, pixels: int, axes: tuple[int, int]) -> list[Any]:
    if not pixels:
        return []
    sizes = [images.shape[axis] for axis in axes]
    if any(size is not None and size <= pixels for size in sizes):
        raise InvalidOptionError(f"shifts must be smaller than the images, {sizes}; received {pixels}.")
    padding = [(pixels, pixels) if axis in axes else (0, 0) for axis in range(4)]
    padded = keras.ops.pad(images, padding, mode="symmetric")
    twice, once = 2 * pixels, pixels
    ends = [
        ((twice, 0), (once, once)),
        ((0, twice), (once, once)),
        ((once, once), (twice, 0)),
        ((once, once), (0, twice)),
    ]
    return [keras.layers.Cropping2D(end, dtype=images.dtype)(padded) for end in ends]


def _cropped(keras: Any, images: Any, share: float | None, axes: tuple[int, int]) -> list[Any]:
    if share is None:
        return []
    height, width = (images.shape[axis] for axis in axes)
    if height is None or width is None:
        raise CompatibilityError("crops need images of a known size; the model takes images of any. Leave crops out.")
    left = [size - max(1, round(share * size)) for size in (height, width)]
    if not any(left):
        raise InvalidOptionError(f"crops must leave something out of {height} x {width} pixels; received {share}.")
    corners = [(y, x) for y in (0, left[0]) for x in (0, left[1])]
    views: list[Any] = []
    for top, start in [*corners, (left[0] // 2, left[1] // 2)]:
        border = ((top, left[0] - top), (start, left[1] - start))
        crop = keras.layers.Cropping2D(border, dtype=images.dtype)(images)
        resized = keras.layers.Resizing(height, width)(crop)
        if resized.dtype != images.dtype:
            resized = keras.ops.cast(keras.ops.round(resized), images.dtype)
        views.append(resized)
    return views
