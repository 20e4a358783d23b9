"""Several members out of one network: views by hand, dropped units, snapshots."""

import numpy as np
import pytest

from ensemblekit import InvalidOptionError, collect, fuse
from ensemblekit.errors import CompatibilityError, NotFittedError
from ensemblekit.evaluation import uncertainty
from ensemblekit.fusion import class_names, task_name
from ensemblekit.implicit import dropout_members, keep_snapshots, with_views

keras = pytest.importorskip("keras")
layers = keras.layers
pytestmark = pytest.mark.keras

RNG = np.random.default_rng(0)
IMAGES = RNG.uniform(0, 255, (5, 6, 8, 3)).astype("float32")
NUMBERS = RNG.normal(size=(5, 4)).astype("float32")


@pytest.fixture(scope="module")
def net():
    keras.utils.set_random_seed(0)
    parts = [layers.Rescaling(1 / 255), layers.Flatten(), layers.Dense(3, "softmax")]
    return keras.Sequential([keras.Input((6, 8, 3)), *parts])


def mean_of(net, views):
    return np.mean([np.asarray(net(np.ascontiguousarray(view))) for view in views], axis=0)


def moved(images, down, right):
    """Move images with a mirrored border, pixel by pixel."""
    out = np.empty_like(images)
    height, width = images.shape[1:3]
    for y in range(height):
        for x in range(width):
            row, column = y - down, x - right
            row = -row - 1 if row < 0 else 2 * height - row - 1 if row >= height else row
            column = -column - 1 if column < 0 else 2 * width - column - 1 if column >= width else column
            out[:, y, x] = images[:, row, column]
    return out


def test_flips_are_those_of_the_arrays(net):
    across, over = IMAGES[:, :, ::-1], IMAGES[:, ::-1]
    assert np.asarray(with_views(net)(IMAGES)) == pytest.approx(mean_of(net, [IMAGES, across]), abs=1e-6)
    every = with_views(net, flips=("horizontal", "vertical", "both"))
    views = [IMAGES, across, over, IMAGES[:, ::-1, ::-1]]
    assert np.asarray(every(IMAGES)) == pytest.approx(mean_of(net, views), abs=1e-6)
    assert np.asarray(every(IMAGES[:1])) == pytest.approx(mean_of(net, [v[:1] for v in views]), abs=1e-6)


def test_shifts_mirror_the_border(net):
    views = [IMAGES] + [moved(IMAGES, *by) for by in ((-2, 0), (2, 0), (0, -2), (0, 2))]
    found = np.asarray(with_views(net, flips=(), shifts=2)(IMAGES))
    assert found == pytest.approx(mean_of(net, views), abs=1e-6)
    assert np.abs(found - mean_of(net, views[:1])).max() > 1e-3
    flipped = with_views(net, flips="vertical", shifts=2)(IMAGES)
    assert np.asarray(flipped) == pytest.approx(mean_of(net, views + [v[:, ::-1] for v in views]), abs=1e-6)


def test_crops_are_the_corners_and_the_centre(net):
    # Half of 6 x 8 pixels is 3 x 4; the centre begins at row 1 and column 2.
    ends = [(0, 0), (0, 4), (3, 0), (3, 4), (1, 2)]
    resize = layers.Resizing(6, 8)
    views = [IMAGES] + [np.asarray(resize(IMAGES[:, y : y + 3, x : x + 4])) for y, x in ends]
    assert np.asarray(with_views(net, flips=(), crops=0.5)(IMAGES)) == pytest.approx(mean_of(net, views), abs=1e-5)


def test_views_are_saved_fused_and_collected(net, tmp_path):
    views = with_views(net, crops=0.8, shifts=1)
    views.save(tmp_path / "views.keras")
    again = keras.models.load_model(tmp_path / "views.keras")
    assert np.asarray(again(IMAGES)) == pytest.approx(np.asarray(views(IMAGES)), abs=1e-6)
    classes = ["a", "b", "c"]
    fused = fuse([("net", net), ("views", views)], "mean", classes=classes)
    both = collect({"net": net, "views": views}, (range(5), IMAGES), classes=classes)
    assert np.asarray(fused(IMAGES)) == pytest.approx(both.member_probas.mean(axis=0), abs=1e-5)
    assert fused.count_params() == net.count_params()
    assert class_names(with_views(fused)) == ("a", "b", "c")


def test_views_of_a_fused_model_keep_its_task():
    parts = [layers.Flatten(), layers.Dense(2, "sigmoid")]
    labels = fuse(
        [("net", keras.Sequential([keras.Input((6, 8, 3)), *parts]))], "mean", classes=["a", "b"], task="multilabel"
    )
    views = with_views(labels)
    assert (class_names(views), task_name(views)) == (("a", "b"), "multilabel")


@pytest.mark.parametrize(
    ("units", "loss", "how"),
    [(3, "SparseCategoricalCrossentropy", "softmax"), (1, "BinaryCrossentropy", "sigmoid")],
)
def test_the_mean_is_that_of_probabilities_where_the_loss_takes_logits(units, loss, how):
    keras.utils.set_random_seed(0)
    logits = keras.Sequential(
        [keras.Input((6, 8, 3)), layers.Rescaling(1 / 255), layers.Flatten(), layers.Dense(units)]
    )
    logits.compile(loss=getattr(keras.losses, loss)(from_logits=True))
    ended = keras.Sequential([*logits.layers, layers.Activation(how)])
    expected = mean_of(ended, [IMAGES, IMAGES[:, :, ::-1]])
    found = collect({"views": with_views(logits)}, (range(5), IMAGES), classes=["a", "b", "c"][: max(units, 2)])
    assert found["views"].probas[:, -units:] == pytest.approx(expected, abs=1e-6)


def test_whole_numbers_stay_whole():
    net = keras.Sequential([keras.Input((6, 8, 3), dtype="uint8"), layers.Rescaling(1 / 255), layers.Flatten(),
                            layers.Dense(2, "softmax")])  # fmt: skip
    views = with_views(net, crops=0.5)
    assert views.input.dtype == "uint8"
    assert np.asarray(views(IMAGES.astype("uint8"))).sum(axis=1) == pytest.approx(1)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"flips": "sideways"}, "flips must be different ones of horizontal, vertical, both; received 'sideways'"),
        ({"flips": ("both", "both")}, "flips must be different"),
        ({"flips": ()}, "a view besides the image itself"),
        ({"crops": 1.5}, "crops must be a share"),
        ({"crops": 0.99}, "crops must leave something out of 6 x 8"),
        ({"shifts": -1}, "shifts must be a number of pixels"),
        ({"shifts": 6}, "shifts must be smaller than the images"),
    ],
)
def test_wrong_views_are_refused(net, options, says):
    with pytest.raises(InvalidOptionError, match=says):
        with_views(net, **options)


def test_networks_without_views_are_refused():
    dense = keras.Sequential([keras.Input((4,)), layers.Dense(2)])
    with pytest.raises(CompatibilityError, match=r"views are of images, .* takes \[\(4,\)\]"):
        with_views(dense)
    maps = keras.Sequential([keras.Input((6, 8, 3)), layers.Conv2D(2, 1)])
    with pytest.raises(CompatibilityError, match="Maps would have to be turned back"):
        with_views(maps)
    anywhere = keras.Sequential([keras.Input((None, None, 3)), layers.GlobalMaxPooling2D()])
    with pytest.raises(CompatibilityError, match="crops need images of a known size"):
        with_views(anywhere, crops=0.5)
    assert with_views(anywhere, shifts=1).output_shape == (None, 3)
    with pytest.raises(CompatibilityError, match="received Sequential"):
        with_views(keras.Sequential([layers.Flatten()]))


def dropping(rate=0.5, inner=None):
    given = keras.Input((4,))
    x = layers.Dense(64, "relu")(given)
    x = (inner or layers.Dropout(rate))(x)
    return keras.Model(given, layers.Dense(2)(x))


def test_a_member_has_the_mask_that_was_drawn():
    model = dropping()
    members = dropout_members(model, 3, seed=5)
    assert list(members) == ["dropout_0", "dropout_1", "dropout_2"]
    first, last = model.layers[1], model.layers[-1]
    for number, member in enumerate(members.values()):
        mask = (np.random.default_rng([5, number]).random((64,)) >= 0.5) / 0.5
        assert 10 < np.count_nonzero(mask) < 54
        expected = np.asarray(last(np.asarray(first(NUMBERS)) * mask))
        assert np.asarray(member(NUMBERS)) == pytest.approx(expected, abs=1e-5)
        assert np.array_equal(member(NUMBERS), member(NUMBERS))
    assert np.asarray(dropout_members(model, 3, seed=5)["dropout_1"](NUMBERS)).tolist() == (
        np.asarray(members["dropout_1"](NUMBERS)).tolist()
    )


def test_the_mean_of_many_members_is_the_network_where_it_is_linear():
    model = dropping(0.2)
    members = dropout_members(model, 40)
    answers = [member(NUMBERS) for member in members.values()]
    off = np.abs(np.mean(answers, axis=0) - np.asarray(model(NUMBERS)))
    assert off.max() < 4 * np.std(answers, axis=0).max() / np.sqrt(40)


@pytest.mark.parametrize(
    ("layer", "shape", "ones"),
    [
        (layers.SpatialDropout2D(0.5), (1, 1, 3), None),
        (layers.Dropout(0.5, noise_shape=(None, 1, 8, 3)), (1, 8, 3), None),
        (layers.Dropout(0.5), (6, 8, 3), None),
    ],
    ids=["spatial", "noise_shape", "plain"],
)
def test_maps_lose_what_the_layer_would_drop(layer, shape, ones):
    model = keras.Sequential([keras.Input((6, 8, 3)), type(layer).from_config(layer.get_config())])
    member = dropout_members(model, 2)["dropout_1"]
    mask = (np.random.default_rng([0, 1]).random(shape) >= 0.5) / 0.5
    assert np.asarray(member(IMAGES)) == pytest.approx(IMAGES * mask, rel=1e-6)


def test_dropout_within_a_nested_network_is_found_and_the_trunk_runs_once():
    inner = keras.Sequential([keras.Input((64,)), layers.Dropout(0.5), layers.Dense(8)])
    model = dropping(inner=inner)
    members = dropout_members(model, 4)
    answers = [np.asarray(member(NUMBERS)) for member in members.values()]
    assert min(np.abs(one - answers[0]).max() for one in answers[1:]) > 1e-4
    fused = fuse(members, "mean", classes=["a", "b"], task="regression")
    assert fused.count_params() == model.count_params()
    assert np.asarray(fused(NUMBERS)) == pytest.approx(np.mean(answers, axis=0), abs=1e-5)
    assert np.array_equal(model(NUMBERS), model(NUMBERS))


def test_members_tell_how_unsure_the_network_is():
    model = keras.Sequential([dropping(), layers.Softmax()])
    predictions = collect(dropout_members(model, 8), (range(5), NUMBERS), classes=["a", "b"])
    assert (uncertainty(predictions)["epistemic"] > 0).all()


def test_a_network_that_drops_nothing_is_refused():
    with pytest.raises(CompatibilityError, match="must have a Dropout or SpatialDropout layer"):
        dropout_members(keras.Sequential([keras.Input((4,)), layers.Dense(2)]))
    with pytest.raises(InvalidOptionError, match="n_members must be a whole number >= 2"):
        dropout_members(dropping(), 1)
    with pytest.raises(InvalidOptionError, match="seed must be"):
        dropout_members(dropping(), seed=-1)


def test_snapshots_are_the_weights_after_their_epochs():
    model = keras.Sequential([keras.Input((4,)), layers.Dense(1, use_bias=False)])
    model.compile(keras.optimizers.SGD(0.1), "mse")
    seen = {}
    spy = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.update({epoch + 1: model.get_weights()}))
    snapshots = keep_snapshots(last=2, every=2)
    with pytest.raises(NotFittedError, match=r"Give callbacks="):
        snapshots.members()
    model.fit(NUMBERS, np.ones(5), epochs=7, callbacks=[snapshots, spy], verbose=0)
    members = snapshots.members()
    assert list(members) == ["epoch_4", "epoch_6"]
    for name, member in members.items():
        assert np.array_equal(member.get_weights()[0], seen[int(name[6:])][0])
    assert not np.array_equal(seen[4][0], seen[6][0])
    with pytest.raises(InvalidOptionError, match="last must be a whole number >= 1"):
        keep_snapshots(last=0)
