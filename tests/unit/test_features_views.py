"""A view is that of its image, key, number and seed, and what Keras's layers would draw by the same numbers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from ensemblekit import AffineViews, InvalidOptionError
from ensemblekit.errors import DataError
from ensemblekit.features import image_keys
from tests.plain_backbone import make_images

STILL = {"flip": None, "rotation": 0, "zoom": 0}
IMAGES = arrays(np.uint8, array_shapes(min_dims=4, max_dims=4, max_side=9))
FACTORS = st.floats(-0.99, 1) | st.tuples(st.floats(-0.99, 1), st.floats(-0.99, 1))


def draw(views, images, view=0):
    return views.draw(images, image_keys(images), view)


def smooth(n, height, width):
    """Make images without sharp edges, float32."""
    x, y = np.linspace(0, 3, width), np.linspace(0, 2, height)[:, np.newaxis]
    planes = [np.sin((i + 1) * x + c) * np.cos(y * (c + 1) + i) for i in range(n) for c in range(3)]
    return np.moveaxis(127.5 + 127.5 * np.reshape(planes, (n, 3, height, width)), 1, -1).astype(np.float32)


@given(IMAGES)
def test_without_any_change_a_view_is_the_image(images):
    drawn = draw(AffineViews(**STILL), images)
    assert drawn.dtype == np.float32
    np.testing.assert_array_equal(drawn, images)


@given(IMAGES, FACTORS, FACTORS, st.sampled_from(["horizontal", "horizontal_and_vertical", None]), st.integers(0, 9))
def test_a_view_stays_within_the_values_of_its_image(images, rotation, zoom, flip, view):
    drawn = draw(AffineViews(flip=flip, rotation=rotation, zoom=zoom), images, view)
    assert drawn.shape == images.shape
    over_pixels = {"axis": (1, 2)}
    assert (drawn.min(**over_pixels) >= images.min(**over_pixels) - 1e-3).all()
    assert (drawn.max(**over_pixels) <= images.max(**over_pixels) + 1e-3).all()


@given(st.lists(st.integers(0, 7), min_size=1, max_size=12), st.integers(0, 3), st.integers(-2, 2))
def test_a_view_does_not_depend_on_what_else_is_drawn(rows, view, seed):
    images = make_images(8)
    keys, views = image_keys(images), AffineViews(seed=seed)
    together = views.draw(images, keys, view)
    np.testing.assert_array_equal(views.draw(images[rows], keys[rows], view), together[rows])
    np.testing.assert_array_equal(AffineViews(seed=seed).draw(images.astype(np.float32), keys, view), together)


def test_another_view_key_or_seed_gives_another_picture():
    images = np.repeat(make_images(1), 2, axis=0)
    views = AffineViews()
    first, second = views.draw(images, ["a", "b"], 0)
    others = [second, views.draw(images, ["a", "b"], 1)[0], AffineViews(seed=1).draw(images, ["a", "b"], 0)[0]]
    assert all(np.abs(first - other).max() > 1 for other in others)


@pytest.mark.parametrize(
    ("flip", "axes"), [("horizontal", [None, 2]), ("vertical", [None, 1]), ("horizontal_and_vertical", None)]
)
def test_flips_are_exact_and_each_as_frequent(flip, axes):
    image = make_images(1)
    drawn = AffineViews(flip=flip, rotation=0, zoom=0).draw(
        np.repeat(image, 400, axis=0), np.arange(400).astype(str), 0
    )
    possible = [image, image[:, :, ::-1], image[:, ::-1], image[:, ::-1, ::-1]]
    counts = [int((drawn == one).all(axis=(1, 2, 3)).sum()) for one in possible]
    wanted = {None: [100] * 4, 2: [200, 200, 0, 0], 1: [200, 0, 200, 0]}[None if axes is None else axes[1]]
    assert sum(counts) == 400
    np.testing.assert_allclose(counts, wanted, atol=45)


def test_a_quarter_turn_is_exact():
    image = make_images(1)
    views = AffineViews(flip=None, rotation=(0.25, 0.25), zoom=0)
    np.testing.assert_allclose(draw(views, image)[0], np.rot90(image[0], 1), atol=1e-2)


def test_angles_and_zooms_fill_their_ranges_evenly():
    views = AffineViews(flip=None, rotation=0.2, zoom=(-0.1, 0.3))
    maps = views._maps(np.arange(4000).astype(str), 3, 9, 9)
    turns = np.arctan2(maps[:, 1, 0], maps[:, 0, 0]) / (2 * np.pi)
    zooms = np.hypot(maps[:, 1, 0], maps[:, 0, 0]) - 1
    for values, low, high in ((turns, -0.2, 0.2), (zooms, -0.1, 0.3)):
        counts, _ = np.histogram(values, bins=8, range=(low, high))
        assert counts.sum() == 4000
        np.testing.assert_allclose(counts, 500, atol=100)
    assert abs(np.corrcoef(turns, zooms)[0, 1]) < 0.06


def test_beyond_the_border_the_image_is_reflected_however_far():
    row = np.arange(4, dtype=np.float32).reshape(1, 1, 4, 1)
    far = AffineViews(flip=None, rotation=0, zoom=(1, 1)).draw(np.repeat(row, 4, axis=1), ["a"], 0)
    np.testing.assert_allclose(far[0, 0, :, 0], [0.5, 0.5, 2.5, 2.5])  # at -1.5, 0.5, 2.5 and 4.5
    turned = AffineViews(flip=None, rotation=(0.125, 0.125), zoom=(1, 1))
    wide = np.broadcast_to(np.arange(40, dtype=np.float32).reshape(1, 1, 40, 1), (1, 2, 40, 1))
    assert 0 <= draw(turned, wide).min() <= draw(turned, wide).max() <= 39


# Beside Keras.


@pytest.mark.keras
@pytest.mark.parametrize("size", [(24, 24), (17, 30)])
@pytest.mark.parametrize("factor", [-0.2, -0.03, 0.11, 0.2])
def test_a_turn_or_zoom_alone_is_that_of_keras(keras, size, factor):
    images = np.random.default_rng(0).uniform(0, 255, (2, *size, 3)).astype(np.float32)
    pairs = [
        (keras.layers.RandomRotation((factor, factor)), AffineViews(flip=None, rotation=(factor, factor), zoom=0)),
        (keras.layers.RandomZoom((factor, factor)), AffineViews(flip=None, rotation=0, zoom=(factor, factor))),
    ]
    for layer, views in pairs:
        theirs = np.asarray(layer(images, training=True))
        np.testing.assert_allclose(draw(views, images), theirs, atol=0.05)


@pytest.mark.keras
def test_both_in_one_resampling_are_close_to_one_after_the_other(keras):
    images = smooth(2, 60, 80)
    turn, zoom = (0.07, 0.07), (-0.15, -0.15)
    layers = [keras.layers.RandomRotation(turn), keras.layers.RandomZoom(zoom)]
    theirs = images
    for layer in layers:
        theirs = np.asarray(layer(theirs, training=True))
    ours = draw(AffineViews(flip=None, rotation=turn, zoom=zoom), images)
    inside = np.s_[:, 15:-15, 15:-15]
    np.testing.assert_allclose(ours[inside], theirs[inside], atol=1.0)
    other = draw(AffineViews(flip=None, rotation=(-0.07, -0.07), zoom=zoom), images)
    assert np.abs(other[inside] - theirs[inside]).max() > 20


# Options.


def test_a_fingerprint_is_that_of_the_options():
    every = [
        AffineViews(),
        AffineViews(flip=None),
        AffineViews(rotation=0.1),
        AffineViews(zoom=0.1),
        AffineViews(zoom=(0, 0.2)),
        AffineViews(seed=1),
    ]
    assert len({views.fingerprint for views in every}) == len(every)
    assert AffineViews(rotation=(-0.2, 0.2)).fingerprint == AffineViews().fingerprint
    assert repr(AffineViews()) == "AffineViews(flip='horizontal', rotation=0.2, zoom=0.2, seed=0)"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"flip": "left"}, "flip must be one of 'horizontal', 'vertical', 'horizontal_and_vertical', None; received"),
        ({"rotation": 1.5}, r"rotation must be a number from -1 to 1, or a pair of them; received 1\.5"),
        ({"rotation": (0.1, 0.2, 0.3)}, "rotation must be a number from -1 to 1"),
        ({"rotation": "0.2"}, "rotation must be a number from -1 to 1"),
        ({"rotation": float("nan")}, "rotation must be a number from -1 to 1"),
        ({"zoom": -1.5}, r"zoom must be a number from -1 to 1, or a pair of them; received -1\.5"),
        ({"zoom": True}, "zoom must be a number from -1 to 1"),
        ({"seed": 0.5}, r"seed must be a whole number; received 0\.5"),
    ],
)
def test_options_are_checked(options, message):
    with pytest.raises(InvalidOptionError, match=message):
        AffineViews(**options)


def test_what_is_drawn_is_checked():
    images = make_images(2)
    with pytest.raises(DataError, match=r"keys must be one an image; received shape \(1,\) for 2 images"):
        AffineViews().draw(images, ["a"], 0)
    with pytest.raises(DataError, match="images must be numbers"):
        AffineViews().draw(images[0], ["a"] * 8, 0)
    for view in (-1, 0.5, None, True):
        with pytest.raises(InvalidOptionError, match="view must be a whole number >= 0; received"):
            AffineViews().draw(images, ["a", "b"], view)


def test_nothing_drawn_is_nothing():
    assert AffineViews().draw(make_images(2)[:0], [], 0).shape == (0, 8, 8, 3)
