"""Members of other sizes, other channels and other scales on the images of one model; and files with own layers."""

import numpy as np
import pytest

from ensemblekit import collect, export_fused, fuse
from ensemblekit.assembly import load_keras_file, own_objects
from ensemblekit.errors import CompatibilityError, InvalidOptionError, OwnLayersWarning
from ensemblekit.fusion import task_name

keras = pytest.importorskip("keras")
layers = keras.layers
pytestmark = pytest.mark.keras

X = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 3)).astype("float32")
CLASSES = ["no", "yes"]


def net(shape, *first):
    return keras.Sequential([keras.Input(shape), *first, layers.Flatten(), layers.Dense(2, "softmax")])


def said(model, x):
    return np.asarray(model(x, training=False))


def test_each_member_gets_its_own_size_channels_and_scale(tmp_path):
    members = {"grey": net((8, 8, 1)), "small": net((4, 4, 3)), "unit": net((8, 8, 3)), "plain": net((8, 8, 3))}
    grey = (X * [0.2989, 0.587, 0.114]).sum(axis=-1, keepdims=True)
    small = (X[:, ::2] + X[:, 1::2])[:, :, ::2] / 4 + (X[:, ::2] + X[:, 1::2])[:, :, 1::2] / 4  # bilinear halving
    by_hand = [
        said(members["grey"], grey / 255), said(members["small"], small / 255), said(members["unit"], X / 127.5 - 1),
        said(members["plain"], X / 255),
    ]  # fmt: skip
    scale = {"grey": 1 / 255, "small": 1 / 255, "unit": 2 / 255, "plain": 1 / 255}
    options = {"input_shape": (8, 8, 3), "scale": scale, "offset": {"unit": -1}}
    fused = fuse(members, "mean", classes=CLASSES, **options)
    np.testing.assert_allclose(said(fused, X), np.mean(by_hand, axis=0), atol=1e-5)
    (kept,) = export_fused(members, "mean", to=tmp_path / "m.keras", inputs=X, classes=CLASSES, **options)
    assert kept.max_difference < 1e-5
    np.testing.assert_allclose(said(load_keras_file(kept.path), X), np.mean(by_hand, axis=0), atol=1e-5)


def test_grey_images_are_copied_to_three_channels():
    members = {"grey": net((8, 8, 1), layers.Rescaling(1 / 255)), "colour": net((8, 8, 3), layers.Rescaling(1 / 255))}
    grey = X[..., :1]
    by_hand = (said(members["grey"], grey) + said(members["colour"], np.repeat(grey, 3, axis=-1))) / 2
    fused = fuse(members, "mean", classes=CLASSES, input_shape=(8, 8, 1))
    np.testing.assert_allclose(said(fused, grey), by_hand, atol=1e-6)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"scale": {"other": 1.0}}, InvalidOptionError, r"scale must be by the names of members, \['one'\]; received"),
        ({"offset": {"one": np.nan}}, InvalidOptionError, r"offset\['one'\] must be a finite number; received nan"),
        ({"input_shape": (8, 8, 2)}, CompatibilityError, r"to which images of shape \(8, 8, 2\) cannot be resized"),
    ],
)
def test_what_cannot_be_is_refused(options, error, message):
    with pytest.raises(error, match=message):
        fuse({"one": net((8, 8, 3))}, "mean", classes=CLASSES, **options)


class Doubled(layers.Layer):
    def call(self, x):
        return x * 2


@keras.saving.register_keras_serializable("tests")
class Tripled(layers.Layer):
    def call(self, x):
        return x * 3


def test_layers_of_the_users_own_are_named_before_they_ship(tmp_path):
    own = fuse({"one": net((8, 8, 3), Doubled(name="twice"))}, "mean", classes=CLASSES)
    assert own_objects(keras.saving.serialize_keras_object(own)) == {"'twice' (Doubled)": False}
    with pytest.raises(CompatibilityError, match=r"`import keras` alone .*; this one would hold 'twice' \(Doubled\)\."):
        export_fused(own, to=tmp_path / "m.keras", inputs=X)
    own.save(tmp_path / "own.keras")
    with pytest.raises(InvalidOptionError, match=r"holds also 'twice' \(Doubled\)\. Give the classes and functions"):
        load_keras_file(tmp_path / "own.keras")
    loaded = load_keras_file(tmp_path / "own.keras", custom_objects={"Doubled": Doubled})
    np.testing.assert_array_equal(said(loaded, X), said(own, X))
    registered = fuse({"one": net((8, 8, 3), Tripled(name="thrice"))}, "mean", classes=CLASSES)
    with pytest.warns(OwnLayersWarning, match=r"this one holds 'thrice' \(Tripled\), whose code must be"):
        export_fused(registered, to=tmp_path / "m.keras", inputs=X)


def test_stateful_layers_are_refused_by_name():
    given = keras.Input(batch_shape=(3, 5, 4))
    model = keras.Model(given, layers.Dense(2, "softmax")(layers.LSTM(3, stateful=True, name="memory")(given)))
    with pytest.raises(CompatibilityError, match=r"'memory' of member 'one' is stateful\. Build it"):
        fuse({"one": model}, "mean", classes=CLASSES)
    with pytest.raises(CompatibilityError, match=r"'memory' of member 'one' is stateful\. Build it"):
        collect({"one": model}, (["a", "b", "c"], np.zeros((3, 5, 4))), classes=CLASSES)


def test_only_some_inputs_with_names_are_refused():
    def pair(**options):
        a, b = keras.Input((4,)), keras.Input((4,), **options)
        return keras.Model([a, b], layers.Dense(2, "softmax")(layers.Concatenate()([a, b])))

    with pytest.raises(CompatibilityError, match="inputs without names must be as many for each member, and none may"):
        fuse({"one": pair(), "other": pair(name="b")}, "mean", classes=CLASSES)


def test_the_task_of_a_fused_model_is_known_and_classes_may_be_bool():
    sigmoid = keras.Sequential([keras.Input((4,)), layers.Dense(2, "sigmoid")])
    assert task_name(fuse({"one": sigmoid}, "mean", classes=CLASSES, task="multilabel")) == "multilabel"
    assert task_name(fuse({"one": net((4,))}, "mean", classes=CLASSES)) == "multiclass"
    assert task_name(net((4,))) is None
    from ensemblekit.fusion import class_names

    assert class_names(fuse({"one": net((4,))}, "mean", classes=[False, True])) == (False, True)
