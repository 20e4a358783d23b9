"""Every image goes through a frozen backbone once, and its features are those of the image."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ensemblekit import AffineViews, FeatureBank, InvalidOptionError, extract_features, image_folder, load_plugins
from ensemblekit.data import read_image
from ensemblekit.errors import CompatibilityError, DataError, UnreadableImageError
from ensemblekit.features import image_keys
from tests.plain_backbone import PlainBackbone, make_images
from tests.strangers import environment


class Counter:
    """Counts the images that are computed, as it is told."""

    done = total = 0

    def __call__(self, done, total):
        self.done, self.total = done, total


def computed(backbone, images, **options):
    """Extract; return the features and how many images were computed."""
    counter = Counter()
    features = extract_features(backbone, images, progress=counter, **options)
    assert counter.done == counter.total
    return features, counter.done


@pytest.fixture
def bank(tmp_path):
    return FeatureBank(tmp_path / "bank")


# Keys.


def test_a_key_is_of_the_shape_the_dtype_and_the_pixels():
    images = make_images(3)
    images[2] = images[0]
    first, second, third = image_keys(images)
    assert first == third != second
    assert image_keys(images.astype(np.float32))[0] != first
    assert image_keys(images.reshape(3, 4, 16, 3))[0] != first
    np.testing.assert_array_equal(image_keys(np.asfortranarray(images)), [first, second, third])
    np.testing.assert_array_equal(image_keys(images[:, ::-1][:, ::-1]), [first, second, third])
    np.testing.assert_array_equal(image_keys(images.astype(">i4")), image_keys(images.astype("<i4")))


def test_many_images_are_hashed_in_order():
    images = make_images(40, size=512)  # more than one task
    np.testing.assert_array_equal(image_keys(images)[[0, 39]], image_keys(images[[0, 39]]))


@given(st.integers(0, 7), st.integers(0, 7), st.integers(0, 2), st.integers(1, 255))
def test_a_changed_pixel_changes_the_key(row, column, channel, by):
    image = make_images(1)
    changed = image.copy()
    changed[0, row, column, channel] ^= by
    assert image_keys(image)[0] != image_keys(changed)[0]


@pytest.mark.parametrize("images", [np.zeros((4, 4, 3)), np.full((1, 2, 2, 3), "x"), np.zeros((1, 0, 4, 3))])
def test_what_is_no_image_is_refused(images):
    with pytest.raises(DataError, match=r"images must be numbers of shape \(n, height, width, channels\); received"):
        image_keys(images)


# Rows.


def test_features_are_those_of_each_image_in_order(bank):
    images = make_images(21)
    expected = (images.reshape(21, -1) / 255.0).mean(axis=1)
    for options in ({}, {"bank": bank}, {"bank": bank}):
        features = extract_features(PlainBackbone(), images, batch_size=4, **options)
        assert (features.shape, features.dtype, features.flags.writeable) == ((21, 4), np.float32, False)
        np.testing.assert_allclose(features[:, 0], expected, rtol=1e-5)


@given(st.lists(st.integers(0, 11), max_size=30), st.lists(st.integers(0, 11), max_size=30), st.integers(1, 9))
def test_whatever_was_banked_before_each_row_is_that_of_its_image(tmp_path_factory, before, now, batch_size):
    images = make_images(12)
    bank = FeatureBank(tmp_path_factory.mktemp("bank"))
    views = AffineViews()
    for options in ({}, {"augmentation": views, "n_views": 2}):
        fresh = extract_features(PlainBackbone(), images, **options)
        _, first = computed(PlainBackbone(), images[before], bank=bank, batch_size=batch_size, **options)
        features, second = computed(PlainBackbone(), images[now], bank=bank, batch_size=batch_size, **options)
        n_views = options.get("n_views", 1)
        assert (first, second) == (n_views * len(set(before)), n_views * len(set(now) - set(before)))
        np.testing.assert_allclose(features, fresh[..., now, :], rtol=1e-5)
        _, again = computed(PlainBackbone(), images[now], bank=bank, **options)
        assert again == 0


def test_the_same_rows_come_as_one_map_and_others_are_gathered(bank):
    images = make_images(20)
    images[7] = images[3]
    views = {"augmentation": AffineViews(), "n_views": 3}
    for options in ({}, views):
        extract_features(PlainBackbone(), images, bank=bank, **options)
        whole = extract_features(PlainBackbone(), images, bank=bank, **options)
        assert isinstance(whole.base, np.memmap) or isinstance(whole, np.memmap)
        with pytest.raises(ValueError, match="read-only"):
            whole[...] = 0
        some = extract_features(PlainBackbone(), images[::-1], bank=bank, **options)
        assert not isinstance(some, np.memmap)
        np.testing.assert_array_equal(some, whole[..., ::-1, :])
    assert isinstance(extract_features(PlainBackbone(), images[5:12], bank=bank), np.memmap)


def test_views_that_are_banked_are_not_drawn_again(bank):
    class Counting(AffineViews):
        drawn = 0

        def draw(self, images, keys, view):
            self.drawn += len(images)
            return super().draw(images, keys, view)

    images, views = make_images(10), Counting()
    two = extract_features(PlainBackbone(), images, augmentation=views, n_views=2, bank=bank)
    three = extract_features(PlainBackbone(), images, augmentation=views, n_views=3, bank=bank)
    assert views.drawn == 30
    np.testing.assert_array_equal(two, three[:2])
    for view in range(3):
        pixels = views.draw(images, image_keys(images), view)
        np.testing.assert_allclose(three[view], extract_features(PlainBackbone(), pixels), rtol=1e-5)


def test_whatever_features_depend_on_has_a_shelf_of_its_own(bank):
    images = make_images(4)
    for backbone in (PlainBackbone(), PlainBackbone(fingerprint="other")):
        for views in (None, AffineViews(), AffineViews(seed=1)):
            options = {} if views is None else {"augmentation": views, "n_views": 1}
            assert computed(backbone, images, bank=bank, **options)[1] == 4
    assert computed(PlainBackbone(), make_images(4, size=16), bank=bank)[1] == 4
    shelves = bank.collections()
    assert len(shelves) == 7
    assert {shelf.rows for shelf in shelves} == {4}
    assert {shelf.augmentation for shelf in shelves} == {None, repr(AffineViews()), repr(AffineViews(seed=1))}


def test_a_changed_image_is_computed_anew(bank):
    images = make_images(6)
    before = extract_features(PlainBackbone(), images, bank=bank)
    images[2, 0, 0, 0] ^= 1
    after, n = computed(PlainBackbone(), images, bank=bank)
    assert n == 1
    assert (after != before).any(axis=1).tolist() == [False, False, True, False, False, False]


def test_keys_that_are_known_are_not_hashed_again(bank):
    images = make_images(5)
    features = extract_features(PlainBackbone(), images, bank=bank, keys=image_keys(images))
    again, n = computed(PlainBackbone(), images, bank=bank)
    assert n == 0
    np.testing.assert_array_equal(features, again)


def test_batches_have_few_sizes():
    backbone = PlainBackbone()
    extract_features(backbone, make_images(70), batch_size=32)
    extract_features(backbone, make_images(9, seed=1), batch_size=32)
    extract_features(backbone, make_images(9, seed=1), batch_size=20)
    assert backbone.batches == [32, 32, 32, 32, 16]


def test_no_images_have_no_features(bank):
    none = make_images(3)[:0]
    assert extract_features(PlainBackbone(), none, bank=bank).shape == (0, 4)
    assert extract_features(PlainBackbone(), none, augmentation=AffineViews(), n_views=2).shape == (2, 0, 4)


# Folders.


@pytest.fixture
def folder(tmp_path):
    image = pytest.importorskip("PIL.Image")
    for number, pixels in enumerate(make_images(11)):
        path = tmp_path / "train" / ("cat" if number % 2 else "dog") / f"{number:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        image.fromarray(pixels).save(path)
    return tmp_path / "train"


def test_a_folder_gives_what_its_arrays_give(folder, bank):
    images = image_folder(folder, size=(6, 6))
    _, pixels, _ = images.load()
    options = {"augmentation": AffineViews(), "n_views": 2}
    for more in ({}, options):
        features, n = computed(PlainBackbone(), images, bank=bank, batch_size=4, **more)
        assert n == 11 * more.get("n_views", 1)
        again, n = computed(PlainBackbone(), pixels, bank=bank, **more)
        assert n == 0
        np.testing.assert_array_equal(features, again)
        np.testing.assert_array_equal(extract_features(PlainBackbone(), images, bank=bank, **more), features)


def test_a_folder_is_looked_up_while_rows_are_kept(folder, bank, monkeypatch):
    monkeypatch.setattr("ensemblekit.features._pipeline.FLUSH_SECONDS", 0)
    images = image_folder(folder, size=(8, 8))
    extract_features(PlainBackbone(), images.take(images.ids[::3]), bank=bank)
    features, n = computed(PlainBackbone(), images, bank=bank, batch_size=1)
    assert n == 7
    np.testing.assert_allclose(features, extract_features(PlainBackbone(), images), rtol=1e-6)


def test_an_unreadable_image_is_told_or_left_out(folder, bank):
    broken = folder / "cat" / "03.png"
    broken.write_bytes(broken.read_bytes()[:60])
    with pytest.raises(UnreadableImageError, match=r"cat/03\.png"):
        extract_features(PlainBackbone(), image_folder(folder, size=(8, 8)), bank=bank, batch_size=2)
    images = image_folder(folder, size=(8, 8), skip_unreadable=True)
    features = extract_features(PlainBackbone(), images, bank=bank)
    assert list(images.unreadable) == ["train/cat/03.png"]
    paths = [folder.parent / name for name in images.ids if name not in images.unreadable]
    expected = extract_features(PlainBackbone(), np.stack([read_image(path, (8, 8)) for path in paths]))
    np.testing.assert_allclose(features, expected, rtol=1e-5)


# Refusals.


class Trained(PlainBackbone):
    frozen = False


class Nameless(PlainBackbone):
    def __init__(self):
        super().__init__(fingerprint=None)


class Maps(PlainBackbone):
    def build(self, input_shape):
        model = super().build(input_shape)
        model.output_shape = (None, 2, 2, 4)
        return model


@pytest.mark.parametrize(
    ("backbone", "message"),
    [
        (Trained(), "only features of frozen backbones are kept.*'plain' has frozen=False. Make it with frozen=True"),
        (Nameless(), "kept under the fingerprint of their backbone.*'plain' has None. Give it one, or leave out"),
        (Maps(), r"must map images to features of shape \(n, d\); 'plain' maps them to \(None, 2, 2, 4\)"),
    ],
)
def test_a_backbone_that_cannot_be_banked_is_refused(backbone, message, bank):
    with pytest.raises(CompatibilityError, match=message):
        extract_features(backbone, make_images(2), bank=bank)
    assert bank.collections() == []


def test_a_fingerprint_that_stays_while_features_change_is_noticed(bank):
    extract_features(PlainBackbone(4), make_images(2), bank=bank)
    with pytest.raises(CompatibilityError, match="the bank has 4 an image under that of 'plain', which now gives 5"):
        extract_features(PlainBackbone(5), make_images(3), bank=bank)


def test_without_a_bank_a_trained_backbone_will_do():
    assert extract_features(Trained(), make_images(2)).shape == (2, 4)


class Cropping(AffineViews):
    def draw(self, images, keys, view):
        return images[:, 1:]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"batch_size": 0}, InvalidOptionError, "batch_size must be a whole number >= 1; received 0"),
        ({"bank": "folder"}, InvalidOptionError, "bank must be a FeatureBank or None; received str"),
        ({"n_views": 2}, InvalidOptionError, "augmentation and n_views, a whole number >= 1, must be given together"),
        ({"augmentation": AffineViews()}, InvalidOptionError, "must be given together.*n_views=None"),
        ({"augmentation": AffineViews(), "n_views": 0}, InvalidOptionError, "must be given together.*n_views=0"),
        ({"augmentation": "flip", "n_views": 1}, InvalidOptionError, "augmentation must have draw.*received str"),
        ({"augmentation": Cropping(), "n_views": 1}, DataError, r"must keep the shape of the images.*\(2, 7, 8, 3\)"),
        ({"keys": ["a"]}, DataError, r"keys must be one str an image.*shape \(1,\) for 2 images"),
        ({"keys": [1, 2]}, DataError, "keys must be one str an image"),
    ],
)
def test_options_are_checked(options, error, message):
    with pytest.raises(error, match=message):
        extract_features(PlainBackbone(), make_images(2), **options)


def test_a_folder_takes_no_keys(folder):
    with pytest.raises(InvalidOptionError, match="keys are those of an array"):
        extract_features(PlainBackbone(), image_folder(folder), keys=["a"])


# With Keras.


@pytest.mark.keras
@pytest.mark.slow
def test_banked_and_fresh_features_of_a_network_agree(bank, keras):
    backbone = load_plugins().create_backbone("mobilenet_v2", weights="none")
    images, views = make_images(11, size=32), AffineViews()
    network = backbone.build((32, 32, 3))
    plain = network.predict(images.astype(np.float32), verbose=0)
    drawn = [network.predict(views.draw(images, image_keys(images), view), verbose=0) for view in range(2)]
    for _ in range(2):
        # Another size of the batch makes other sums of float32 on some processors.
        fresh = extract_features(backbone, images, bank=bank, batch_size=4)
        np.testing.assert_allclose(fresh, plain, rtol=1e-4, atol=1e-5)
        banked = extract_features(backbone, images, augmentation=views, n_views=2, bank=bank)
        np.testing.assert_allclose(banked, drawn, rtol=1e-4, atol=1e-5)


@pytest.mark.keras
@pytest.mark.slow
def test_features_of_another_precision_are_others(bank, keras):
    backbone = load_plugins().create_backbone("mobilenet_v2", weights="none")
    images = make_images(3, size=32)
    exact = extract_features(backbone, images, bank=bank)
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        rounded, n = computed(backbone, images, bank=bank)
    finally:
        keras.config.set_dtype_policy("float32")
    assert n == 3
    assert rounded.dtype == np.float32
    assert np.abs(rounded - exact).max() > 1e-4
    np.testing.assert_array_equal(extract_features(backbone, images, bank=bank), exact)


@pytest.mark.keras
def test_a_model_with_trainable_weights_is_not_banked(bank, keras):
    class Untold:
        name, fingerprint = "untold", "u"

        def build(self, input_shape):
            return keras.Sequential([keras.Input(input_shape), keras.layers.Flatten(), keras.layers.Dense(2)])

    with pytest.raises(CompatibilityError, match="'untold' has 2 weights that training changes"):
        extract_features(Untold(), make_images(2), bank=bank)
    assert extract_features(Untold(), make_images(2)).shape == (2, 2)
    with pytest.raises(CompatibilityError, match="has frozen=False"):
        extract_features(load_plugins().create_backbone("custom_cnn"), make_images(2, size=32), bank=bank)


DATA = Path(environment().get("ENSEMBLEKIT_DATA") or Path(__file__).parents[2] / ".." / "shared")
WEIGHTS = DATA / "weights" / "mobilenet_v2_imagenet_notop.weights.h5"


@pytest.mark.keras
@pytest.mark.skipif(not WEIGHTS.is_file(), reason=f"the real weights are not at {WEIGHTS}")
@pytest.mark.slow
def test_banked_and_fresh_features_of_real_weights_agree(bank, keras):
    folder = image_folder(DATA / "data" / "chest-ctscan" / "valid", size=(96, 96))
    folder = folder.take(folder.ids[::8])
    backbone = load_plugins().create_backbone("mobilenet_v2", weights=WEIGHTS)
    _, pixels, _ = folder.load()
    fresh = backbone.build((96, 96, 3)).predict(pixels, verbose=0)
    assert fresh.std(axis=0).mean() > 0.01
    for images in (folder, pixels):
        np.testing.assert_allclose(extract_features(backbone, images, bank=bank), fresh, rtol=1e-5, atol=1e-5)


def test_the_bank_is_used_without_anything_heavy(tmp_path):
    code = (
        "import sys; from tests.plain_backbone import PlainBackbone, make_images\n"
        "from ensemblekit import AffineViews, FeatureBank, extract_features\n"
        "bank = FeatureBank(sys.argv[1]); views = {'augmentation': AffineViews(), 'n_views': 2}\n"
        "for _ in range(2): extract_features(PlainBackbone(), make_images(3), bank=bank, **views)\n"
        "print({name.partition('.')[0] for name in sys.modules} & {'tensorflow', 'keras', 'pandas', 'scipy', 'PIL'})"
    )
    root = Path(__file__).parents[2]
    command = [sys.executable, "-c", code, tmp_path / "bank"]
    done = subprocess.run(command, env=environment(root), capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
