"""The models of the zoo: networks of ``keras.applications``, and models of odd structure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

__all__ = ["APPLICATIONS", "ODD", "Entry", "application"]

N_SAMPLES = 4


class Entry(NamedTuple):
    """Members of one kind, and what they predict.

    Attributes
    ----------
    members : dict of str to keras.Model
        Members by name.
    x : ndarray, or dict of str to ndarray
        Samples, as `collect` and `export_fused` take them.
    options : dict
        Further arguments of `fuse`.
    said : callable
        ``said(model) -> ndarray``: probabilities of one member for ``x``, without ensemblekit.
    """

    members: dict[str, Any]
    x: Any
    options: dict[str, Any]
    said: Callable[[Any], np.ndarray]


APPLICATIONS: Mapping[str, tuple[int, Mapping[str, Any]]] = {
    "MobileNet": (32, {"alpha": 0.25}),
    "MobileNetV2": (32, {"alpha": 0.35}),
    "MobileNetV3Small": (32, {"alpha": 0.35}),
    "MobileNetV3Large": (32, {"alpha": 0.35}),
    "VGG16": (32, {}),
    "ConvNeXtTiny": (32, {}),
    "EfficientNetB0": (32, {}),
    "EfficientNetV2B0": (32, {}),
    "Xception": (71, {}),
    "InceptionV3": (75, {}),
    "ResNet50": (32, {}),
    "ResNet50V2": (32, {}),
    "DenseNet121": (32, {}),
    "NASNetMobile": (32, {}),
    "ResNet101": (32, {}),
}
"""Networks of ``keras.applications``: the fewest pixels a side that each takes, and options that make it small."""


def application(name: str) -> Entry:
    """Make one network of ``keras.applications`` without weights, and a small network to combine it with."""
    import keras

    keras.utils.set_random_seed(0)
    side, options = APPLICATIONS[name]
    x = _coloured(side)
    network = getattr(keras.applications, name)(
        weights=None, include_top=False, input_shape=(side, side, 3), pooling="avg", **options
    )
    pixels = keras.Input((side, side, 3))
    features = keras.layers.LayerNormalization()(network(keras.layers.Rescaling(1 / 255)(pixels)))
    _wake(network, x / 255)
    members = {
        name: keras.Model(pixels, keras.layers.Dense(2, "softmax")(features)),
        "small": _sequential(keras.layers.Rescaling(1 / 255), keras.layers.Flatten(), keras.layers.Dense(2, "softmax"),
                             shape=(side, side, 3)),
    }  # fmt: skip
    return Entry(members, x, {"classes": ["no", "yes"]}, _said(x))


def _coloured(side: int) -> np.ndarray:
    """Draw images of different colours; networks make little of the differences between images of noise."""
    rng = np.random.default_rng(4)
    colours = rng.integers(40, 216, (N_SAMPLES, 1, 1, 3))
    return (colours + rng.integers(-40, 40, (N_SAMPLES, side, side, 3))).astype("float32")


def _wake(network: Any, x: np.ndarray) -> None:
    """Give a network without weights what training gives it: without it all images have the same probabilities."""
    import keras

    layers = network._flatten_layers()
    normed = [layer for layer in layers if isinstance(layer, keras.layers.BatchNormalization)]
    momenta = [layer.momentum for layer in normed]
    for layer in normed:
        layer.momentum = 0.0
    network(x, training=True)  # the statistics are those of this batch
    for layer, momentum in zip(normed, momenta, strict=True):
        layer.momentum = momentum
        # A small spread beside a large mean would multiply the rounding of float32.
        layer.moving_variance.assign_add(4 * keras.ops.square(layer.moving_mean))
    for layer in network._flatten_layers():
        if type(layer).__name__ == "LayerScale":
            layer.gamma.assign(keras.ops.ones_like(layer.gamma))


def images(side: int, channels: int = 3) -> np.ndarray:
    """Draw pixels, 0 to 255."""
    return np.random.default_rng(1).integers(0, 256, (N_SAMPLES, side, side, channels)).astype("float32")


def _said(x: Any) -> Callable[[Any], np.ndarray]:
    return lambda model: np.asarray(model(x, training=False), dtype=np.float64)


def _pair(make: Callable[[], Any]) -> dict[str, Any]:
    import keras

    keras.utils.set_random_seed(0)
    return {"one": make(), "other": make()}


def _numbers(*names: str, width: int = 4) -> Any:
    rng = np.random.default_rng(2)
    drawn = {name: rng.normal(size=(N_SAMPLES, width)).astype("float32") for name in names}
    return drawn if len(names) > 1 else drawn[names[0]]


def _sequential(*parts: Any, shape: tuple[int | None, ...] = (8, 8, 3), dtype: str | None = None) -> Any:
    import keras

    return keras.Sequential([keras.Input(shape, dtype=dtype), *parts])


def _of_images(
    *last: Callable[[], Any], loss: Any = None, channels: int = 3, classes: Any = ("no", "yes"), **options: Any
):
    """Small networks of images, which end in these layers."""
    import keras

    def make() -> Any:
        model = _sequential(keras.layers.Rescaling(1 / 255), keras.layers.Flatten(), *(part() for part in last),
                            shape=(8, 8, channels))  # fmt: skip
        if loss is not None:
            model.compile("adam", loss)
        return model

    x = images(8, channels)
    return Entry(_pair(make), x, {"classes": list(classes), **options}, _said(x))


def _two_named() -> Entry:
    import keras

    def make() -> Any:
        a, b = keras.Input((4,), name="a"), keras.Input((4,), name="b")
        return keras.Model([a, b], keras.layers.Dense(2, "softmax")(keras.layers.Concatenate()([a, b])))

    x = _numbers("a", "b")
    return Entry(_pair(make), x, {"classes": ["no", "yes"]}, _said([x["a"], x["b"]]))


def _two_unnamed() -> Entry:
    import keras

    def make() -> Any:
        a, b = keras.Input((4,)), keras.Input((4,))
        return keras.Model([a, b], keras.layers.Dense(2, "softmax")(keras.layers.Concatenate()([a, b])))

    x = tuple(_numbers("a", "b").values())
    return Entry(_pair(make), x, {"classes": ["no", "yes"]}, _said(list(x)))


def _other_keys() -> Entry:
    import keras

    def make() -> Any:
        a, b = keras.Input((4,)), keras.Input((4,))
        hidden = keras.layers.Concatenate()([a, b])
        return keras.Model({"left": a, "right": b}, keras.layers.Dense(2, "softmax")(hidden))

    x = _numbers("left", "right")
    return Entry(_pair(make), x, {"classes": ["no", "yes"]}, _said(x))


def _dict_output() -> Entry:
    import keras

    def make() -> Any:
        given = keras.Input((4,))
        return keras.Model(given, {"probas": keras.layers.Dense(2, "softmax")(given)})

    x = _numbers("a")
    return Entry(_pair(make), x, {"classes": ["no", "yes"]}, lambda model: np.asarray(model(x)["probas"]))


def _texts() -> Entry:
    import keras

    texts = np.array(["a b", "c d", "b z", "a a"], dtype=object)

    def make() -> Any:
        words = keras.layers.TextVectorization(output_sequence_length=3)
        words.adapt(texts)
        return _sequential(words, keras.layers.Embedding(9, 2), keras.layers.Flatten(),
                           keras.layers.Dense(2, "softmax"), shape=(1,), dtype="string")  # fmt: skip

    tensor = keras.ops.convert_to_tensor(texts[:, None])
    return Entry(_pair(make), texts[:, None], {"classes": ["no", "yes"]}, _said(tensor))


def _adapted() -> Entry:
    import keras

    def make() -> Any:
        scale = keras.layers.Normalization()
        scale.adapt(images(8))
        return _sequential(scale, keras.layers.Flatten(), keras.layers.Dense(3), keras.layers.BatchNormalization(),
                           keras.layers.Dense(2, "softmax"))  # fmt: skip

    return Entry(_pair(make), images(8), {"classes": ["no", "yes"]}, _said(images(8)))


def _stateful() -> Entry:
    import keras

    def make() -> Any:
        given = keras.Input(batch_shape=(N_SAMPLES, 5, 4))
        return keras.Model(given, keras.layers.Dense(2, "softmax")(keras.layers.LSTM(3, stateful=True)(given)))

    x = np.random.default_rng(3).normal(size=(N_SAMPLES, 5, 4)).astype("float32")
    return Entry(_pair(make), x, {"classes": ["no", "yes"]}, _said(x))


def _own_layer() -> Entry:
    import keras

    class Doubled(keras.layers.Layer):
        def call(self, x: Any) -> Any:
            return x * 2

    return _of_images(Doubled, lambda: keras.layers.Dense(2, "softmax"))


def _lambda() -> Entry:
    import keras

    return _of_images(lambda: keras.layers.Lambda(lambda x: x * 2), lambda: keras.layers.Dense(2, "softmax"))


def _subclass() -> Entry:
    import keras

    class Own(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.dense = keras.layers.Dense(2, "softmax")

        def call(self, x: Any) -> Any:
            return self.dense(x)

    x = _numbers("a")
    members = _pair(Own)
    for model in members.values():
        model(x)
    return Entry(members, x, {"classes": ["no", "yes"]}, _said(x))


def _two_sizes() -> Entry:
    import keras

    keras.utils.set_random_seed(0)
    x = images(16)
    members = {
        f"of_{side}": _sequential(keras.layers.Rescaling(1 / 255), keras.layers.Flatten(),
                                  keras.layers.Dense(2, "softmax"), shape=(side, side, 3))
        for side in (8, 16)
    }  # fmt: skip

    def said(model: Any) -> np.ndarray:
        side = model.inputs[0].shape[1]
        resized = x if side == 16 else keras.layers.Resizing(side, side)(x)
        return np.asarray(model(resized), dtype=np.float64)

    return Entry(members, x, {"classes": ["no", "yes"], "input_shape": (16, 16, 3)}, said)


def _typed(policy: str) -> Entry:
    import keras

    def dense() -> Any:
        return keras.layers.Dense(2, "softmax", dtype=policy)

    entry = _of_images(lambda: keras.layers.Dense(4, dtype=policy), dense)
    return entry._replace(said=lambda model: np.asarray(keras.ops.cast(model(entry.x), "float32"), dtype=np.float64))


def _gelu() -> Entry:
    import keras

    return _of_images(
        lambda: keras.layers.Dense(4, "gelu"), keras.layers.LayerNormalization, lambda: keras.layers.Dense(2, "softmax")
    )


def _grouped() -> Entry:
    import keras

    def conv(filters: int, groups: int, activation: str | None = None) -> Callable[[], Any]:
        return lambda: keras.layers.Conv2D(filters, 3, padding="same", groups=groups, activation=activation)

    def make() -> Any:
        last = [keras.layers.Flatten(), keras.layers.Dense(2, "softmax")]
        return _sequential(keras.layers.Rescaling(1 / 255), conv(6, 3, "gelu")(), conv(4, 2)(), *last, shape=(8, 8, 3))

    return Entry(_pair(make), images(8), {"classes": ["no", "yes"]}, _said(images(8)))


def _labels() -> Entry:
    import keras

    return _of_images(lambda: keras.layers.Dense(3, "sigmoid"), classes=("cough", "fever", "rash"), task="multilabel")


def _one_sigmoid() -> Entry:
    import keras

    entry = _of_images(lambda: keras.layers.Dense(1, "sigmoid"))

    def said(model: Any) -> np.ndarray:
        probas = entry.said(model)
        return np.concatenate([1 - probas, probas], axis=1)

    return entry._replace(said=said)


def _logits() -> Entry:
    import keras

    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    entry = _of_images(lambda: keras.layers.Dense(2), loss=loss)

    def said(model: Any) -> np.ndarray:
        return np.asarray(keras.ops.softmax(model(entry.x)), dtype=np.float64)

    return entry._replace(said=said)


def _bools() -> Entry:
    import keras

    return _of_images(lambda: keras.layers.Dense(2, "softmax"), classes=(False, True))


def _grey() -> Entry:
    import keras

    return _of_images(lambda: keras.layers.Dense(2, "softmax"), channels=1)


def _pixelwise() -> Entry:
    import keras

    def make() -> Any:
        return _sequential(
            keras.layers.Rescaling(1 / 255), keras.layers.Conv2D(2, 3, padding="same", activation="softmax")
        )

    return Entry(_pair(make), images(8), {"classes": ["no", "yes"]}, _said(images(8)))


def _values() -> Entry:
    import keras

    return _of_images(lambda: keras.layers.Dense(1), classes=("age",), task="regression")


ODD: Mapping[str, Callable[[], Entry]] = {
    "two inputs by name": _two_named,
    "two inputs without names": _two_unnamed,
    "inputs by keys that are not their names": _other_keys,
    "one output in a dict": _dict_output,
    "texts": _texts,
    "Normalization and BatchNormalization": _adapted,
    "a stateful LSTM": _stateful,
    "a layer of the user's own": _own_layer,
    "a Lambda": _lambda,
    "a subclass of keras.Model": _subclass,
    "images of two sizes": _two_sizes,
    "mixed_float16": lambda: _typed("mixed_float16"),
    "mixed_bfloat16": lambda: _typed("mixed_bfloat16"),
    "float8": lambda: _typed("float8_from_float32"),
    "GELU and LayerNormalization": _gelu,
    "convolutions in groups": _grouped,
    "labels, several of which may apply": _labels,
    "one sigmoid unit": _one_sigmoid,
    "logits, by the loss": _logits,
    "boolean classes": _bools,
    "grey images": _grey,
    "a class a pixel": _pixelwise,
    "regression": _values,
}
