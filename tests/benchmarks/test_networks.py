"""The study's networks trained on banked features and drawn views: the same models, from their own seeds, or fresh."""

from pathlib import Path

import numpy as np
import pytest

from ensemblekit import InvalidOptionError, load_plugins
from ensemblekit.errors import CompatibilityError

pytestmark = pytest.mark.keras

keras = pytest.importorskip("keras")

from benchmarks.study.images import Images, Split  # noqa: E402
from benchmarks.study.models import build_head, build_second_model, in_bfloat16, multiplies_bfloat16  # noqa: E402
from benchmarks.study.networks import Networks  # noqa: E402
from benchmarks.study.resampled import ROWS, fit_resampled  # noqa: E402
from benchmarks.study.settings import TECHNIQUES, Settings  # noqa: E402

CLASSES = ("cat", "dog", "owl")
SIDE = 32


@pytest.fixture(scope="module")
def images():
    rng = np.random.default_rng(0)
    splits = {}
    for name, n in (("train", 18), ("valid", 9), ("test", 6)):
        codes = np.arange(n) % 3
        x = rng.integers(0, 150, (n, SIDE, SIDE, 3)).astype(np.float32)
        x[np.arange(n), :, :, codes] += 100
        splits[name] = Split(np.array([f"{name}/{k}" for k in range(n)]), x, np.array(CLASSES)[codes])
    return Images(splits, CLASSES, Path("pets"), synthetic=False, audit=None)


def settings(tmp_path, **changes):
    options = {"data": "pets", "backbone": ["small"], "image_size": SIDE, "epochs": 3, "batch": 8, "views": "2"}
    return Settings(**options | {"bank": tmp_path / "bank", "out": tmp_path} | changes)


class Small:
    """A backbone of two layers."""

    name = "small"

    def __init__(self, *, frozen=True, steady=True):
        self.frozen, self._steady, self.built, self._weights = frozen, steady, 0, None
        self.fingerprint = f"small {frozen}"

    def build(self, input_shape):
        pixels = keras.Input(input_shape)
        self.built += 1
        x = keras.layers.Conv2D(8, 3, strides=4, activation="relu")(keras.layers.Rescaling(1 / 255)(pixels))
        model = keras.Model(pixels, keras.layers.GlobalMaxPooling2D()(x), name="small")
        model.trainable = not self.frozen
        if self._weights and self._steady:
            model.set_weights(self._weights)
        self._weights = model.get_weights()
        return model


def networks(images, chosen, backbone):
    said = []
    made = Networks(load_plugins(), chosen, backbone, images, log=said.append, count=lambda *_, **__: None)
    return made, said


@pytest.fixture
def watch():
    return keras.callbacks.Callback()


@pytest.mark.parametrize("name", ["first_model", "chained_model"])
@pytest.mark.slow
@pytest.mark.long
def test_the_saved_model_predicts_from_pixels_what_was_predicted_from_features(images, tmp_path, watch, name):
    made, said = networks(images, settings(tmp_path), Small())
    model = made.train(name, tmp_path / f"{name}.keras", watch)
    for split in ("valid", "test"):
        predicted = made.predict({name: model}, split)
        pixels = images.splits[split].x
        np.testing.assert_allclose(predicted[name].probas, model.predict(pixels, verbose=0), atol=1e-5)
        assert predicted[name].ids.tolist() == images.splits[split].ids.tolist()
        assert predicted[name].fit_ids is not None
    assert [type(layer).__name__ for layer in model.layers][:4] == [
        "InputLayer", "RandomFlip", "RandomRotation", "RandomZoom",
    ]  # fmt: skip
    assert not model.get_layer("small").trainable_weights
    assert model.optimizer is not None
    assert made.epochs == {name: 3}
    assert made.histories[name].keys() == {"loss", "accuracy", "val_loss", "val_accuracy"}
    assert set(made.seconds) == {"features", name}
    assert said[0].startswith(f"{name}: from pixels and from banked features it predicts the same, up to")


@pytest.mark.slow
def test_a_network_does_not_depend_on_which_were_trained_before(images, tmp_path, watch):
    def chained(*before):
        made, _ = networks(images, settings(tmp_path), Small())
        for name in before:
            made.train(name, tmp_path / "before.keras", watch)
        return made.train("chained_model", tmp_path / "chained.keras", watch).get_weights()

    for alone, after in zip(chained(), chained("first_model", "second_model"), strict=True):
        np.testing.assert_allclose(alone, after, atol=1e-4)


@pytest.mark.slow
@pytest.mark.long
def test_a_second_run_reads_the_features_from_the_bank(images, tmp_path, watch):
    for first in (True, False):
        backbone = Small()
        made, _ = networks(images, settings(tmp_path), backbone)
        model = made.train("first_model", tmp_path / "first.keras", watch)
        made.predict({"first_model": model}, "test")
        assert backbone.built == (3 if first else 2)  # to draw it, for its features, and in the model that is kept


@pytest.mark.slow
@pytest.mark.long
def test_a_backbone_that_is_not_frozen_is_trained_on_fresh_views(images, tmp_path, watch):
    made, said = networks(images, settings(tmp_path, epochs=1), Small(frozen=False))
    model = made.train("first_model", tmp_path / "first.keras", watch)
    assert said[0].startswith("first_model sees a new view of every image at each epoch: only features of frozen")
    assert model.get_layer("small").trainable_weights
    assert made.predict({"first_model": model}, "test")["first_model"].probas.shape == (6, 3)


@pytest.mark.slow
@pytest.mark.long
def test_a_backbone_that_is_another_at_each_build_is_refused_and_no_file_left(images, tmp_path, watch):
    made, _ = networks(images, settings(tmp_path), Small(steady=False))
    with pytest.raises(CompatibilityError, match=r"must predict from pixels what .* apart\. .* give --views fresh"):
        made.train("first_model", tmp_path / "first.keras", watch)
    assert not list(tmp_path.glob("*.keras"))


@pytest.mark.slow
@pytest.mark.long
def test_fresh_views_need_no_bank(images, tmp_path, watch):
    made, _ = networks(images, settings(tmp_path, views="fresh", epochs=1), Small())
    for name in ("first_model", "chained_model"):
        made.train(name, tmp_path / f"{name}.keras", watch)
    assert set(made.seconds) == {"first_model", "chained_model"}
    assert not (tmp_path / "bank").exists()


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_the_convolutional_network_is_kept_in_float32(images, tmp_path, watch, precision):
    made, _ = networks(images, settings(tmp_path, precision=precision), Small())
    model = made.train("second_model", tmp_path / "second.keras", watch)
    assert {layer.dtype_policy.name for layer in model._flatten_layers()} == {"float32"}
    assert "random_flip" in {layer.name.rstrip("_0123456789") for layer in model.layers}
    predicted = made.predict({"second_model": model}, "test")["second_model"]
    np.testing.assert_allclose(predicted.probas, model.predict(images.splits["test"].x, verbose=0), atol=1e-5)


def test_a_penalty_on_the_heads_reaches_each_network(tmp_path):
    registry = load_plugins()
    for weight, n_losses in ((0.0, (0, 0, 0)), (0.1, (2, 3, 2))):
        chosen = settings(tmp_path, head_l2=weight)
        heads = [build_head(name, registry, chosen, 6, 3) for name in ("first_model", "chained_model")]
        second = build_second_model(registry, chosen, 3, augmented=False)
        assert tuple(len(model.losses) for model in (*heads, second)) == n_losses


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.parametrize("technique", TECHNIQUES)
def test_heads_are_bagged_and_boosted_on_the_training_images(images, tmp_path, technique, monkeypatch):
    monkeypatch.setattr("benchmarks.study.resampled.N_HEADS", 2)
    monkeypatch.setattr("benchmarks.study.resampled.EPOCHS", 1)
    chosen = settings(tmp_path, also=[technique])
    made, _ = networks(images, chosen, Small())
    predictions, seconds = fit_resampled(technique, load_plugins(), chosen, made, images)
    assert seconds > 0
    for split, p in predictions.items():
        assert p.ids.tolist() == images.splits[split].ids.tolist()
        assert p.member == ROWS[technique]
        assert set(p.fit_ids) == set(images.splits["train"].ids)


# Precision.


def test_a_copy_in_bfloat16_has_the_weights_and_an_output_in_float32(tmp_path):
    model = build_second_model(load_plugins(), settings(tmp_path), 4, augmented=False)
    copy = in_bfloat16(model)
    policies = {layer.name: layer.dtype_policy.name for layer in copy._flatten_layers(include_self=False)}
    assert policies.pop(model.layers[-1].name) == "float32"
    assert {policy for name, policy in policies.items() if name.startswith(("conv", "dense"))} == {"mixed_bfloat16"}
    for a, b in zip(model.get_weights(), copy.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    x = np.random.default_rng(0).integers(0, 256, (5, SIDE, SIDE, 3)).astype("float32")
    got = copy(x, training=False)
    assert got.dtype == "float32"
    np.testing.assert_allclose(got, model(x, training=False), atol=0.02)
    assert {layer.dtype_policy.name for layer in model._flatten_layers()} == {"float32"}


@pytest.mark.parametrize(
    ("told", "expected"), [("flags : fpu amx_bf16 sse", True), ("flags : fpu avx512_bf16", False), (None, False)]
)
def test_bfloat16_is_for_processors_that_multiply_it(tmp_path, told, expected):
    path = tmp_path / "cpuinfo"
    if told:
        path.write_text(told)
    assert multiplies_bfloat16(path) is expected


@pytest.mark.parametrize(("value", "expected"), [("4", 4), ("fresh", None), (None, 8)])
def test_how_many_views(value, expected):
    assert Settings(views=value).n_views == expected
    assert Settings(preset="published").n_views is None


@pytest.mark.parametrize("value", ["0", "-1", "many", "2.5", ""])
def test_views_are_a_number_or_fresh(value):
    with pytest.raises(InvalidOptionError, match=f"--views must be a whole number >= 1, or fresh; received {value!r}"):
        Settings(views=value)
