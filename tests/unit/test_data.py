"""Folders of images are described with ids and labels, and what is wrong with them is said by name."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ensemblekit import AlignmentError, InvalidOptionError, image_folder, image_splits
from ensemblekit.data import read_image
from ensemblekit.errors import (
    DataError,
    FolderNotFoundError,
    ImageReadingWarning,
    InvalidPredictionsError,
    UnreadableImageError,
)
from tests.strangers import REPO

RANDOM = np.random.default_rng(0)
PIXELS = RANDOM.integers(0, 256, (20, 30, 4), dtype=np.uint8)
DEEP = RANDOM.integers(0, 65536, (20, 30), dtype=np.uint16)

STUDY = Path(os.environ.get("ENSEMBLEKIT_DATA", REPO.parent / "shared")) / "data" / "chest-ctscan"
needs_study = pytest.mark.skipif(not STUDY.is_dir(), reason=f"the images of the study are not at {STUDY}")


def save(path, pixels=PIXELS[..., :3], mode=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(pixels)
    (image.convert(mode) if mode else image).save(path)
    return path


@pytest.fixture
def folder(tmp_path):
    for name in ("cat/1.png", "cat/2.jpg", "dog/3.bmp", "dog/deeper/4.png"):
        save(tmp_path / "test" / name)
    return tmp_path / "test"


def test_ids_are_split_class_and_file_and_labels_are_class_folders(folder):
    images = image_folder(folder)
    assert images.ids.tolist() == ["test/cat/1.png", "test/cat/2.jpg", "test/dog/3.bmp", "test/dog/deeper/4.png"]
    assert images.labels.tolist() == ["cat", "cat", "dog", "dog"]
    assert images.label_codes.tolist() == [0, 0, 1, 1]
    assert (images.split, images.classes, len(images)) == ("test", ("cat", "dog"), 4)
    assert repr(images).startswith("<4 images in ")


def test_ids_do_not_depend_on_where_the_folder_is_looked_at_from(folder, monkeypatch):
    monkeypatch.chdir(folder / "cat")
    assert image_folder("..").ids.tolist() == image_folder(folder).ids.tolist()


def test_a_link_keeps_the_name_that_it_is_given_by(folder):
    (folder.parent / "valid").symlink_to(folder)
    images = image_folder(folder.parent / "valid")
    assert images.split == "valid"
    assert images.ids[0] == "valid/cat/1.png"


def test_what_is_no_image_or_hidden_is_left_alone(folder):
    (folder / "notes.txt").write_text("no class folder")
    (folder / "cat" / "notes.txt").write_text("no image")
    (folder / ".cache").mkdir()
    save(folder / "cat" / ".hidden.png")
    (folder / "cat" / "Thumbs.db").write_text("of the system")
    with pytest.warns(ImageReadingWarning, match=r"1 is none: 1 \('test/cat/notes.txt'\), and left out. If they are"):
        images = image_folder(folder)
    assert len(images) == 4
    assert images.others == ("test/cat/notes.txt",)
    with pytest.raises(DataError, match=r"1 is none: 1 \('test/cat/notes.txt'\)\. If they are images, give reader="):
        image_folder(folder, others="error")
    assert len(image_folder(folder, others="ignore")) == 4


def test_batches_yield_ids_images_and_codes_together(folder):
    batches = list(image_folder(folder, size=(8, 12)).batches(3))
    assert [len(ids) for ids, _, _ in batches] == [3, 1]
    ids, images, codes = batches[0]
    assert (images.shape, images.dtype) == ((3, 8, 12, 3), np.float32)
    assert (ids.tolist(), codes.tolist()) == (["test/cat/1.png", "test/cat/2.jpg", "test/dog/3.bmp"], [0, 0, 1])
    np.testing.assert_array_equal(images[2], read_image(folder / "dog" / "3.bmp", (8, 12)))


def test_batches_may_be_left_before_their_end(folder):
    images = image_folder(folder, size=(8, 8))
    first = next(images.batches(1))
    assert first[0].tolist() == ["test/cat/1.png"]
    assert sum(len(ids) for ids, _, _ in images.batches(1)) == 4


@pytest.mark.parametrize("batch_size", [0, 1.5])
def test_a_batch_size_is_a_whole_number(folder, batch_size):
    with pytest.raises(InvalidOptionError, match=f"batch_size must be a whole number >= 1; received {batch_size}"):
        next(image_folder(folder).batches(batch_size))


def test_load_reads_everything_and_tells_how_far(folder):
    told = []
    ids, images, labels = image_folder(folder, size=(8, 8)).load(progress=lambda *step: told.append(step))
    assert ids.tolist() == image_folder(folder).ids.tolist()
    assert images.shape == (4, 8, 8, 3)
    assert labels.tolist() == ["cat", "cat", "dog", "dog"]
    assert told == [(4, 4)]


def test_take_keeps_some_in_the_order_given(folder):
    some = image_folder(folder, size=(8, 8)).take(["test/dog/3.bmp", "test/cat/1.png"])
    assert some.ids.tolist() == ["test/dog/3.bmp", "test/cat/1.png"]
    assert some.labels.tolist() == ["dog", "cat"]
    assert some.classes == ("cat", "dog")
    np.testing.assert_array_equal(some.load()[1][0], read_image(folder / "dog" / "3.bmp", (8, 8)))
    with pytest.raises(DataError, match=r"ids to take must be there; received unknown: 1 \('test/cat/9.png'\)"):
        some.take(["test/cat/9.png"])


@pytest.mark.parametrize("size", [224, (224,), (224, 0), (224, 224, 3), (22.4, 22.4), "224"])
def test_a_size_is_height_and_width(folder, size):
    with pytest.raises(InvalidOptionError, match=r"size must be \(height, width\) in pixels"):
        image_folder(folder, size=size)


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nothing is at '.*nowhere'") as raised:
        image_folder(tmp_path / "nowhere")
    assert isinstance(raised.value, FolderNotFoundError)
    with pytest.raises(FolderNotFoundError, match=r"nothing is at '.*nowhere'"):
        image_splits(tmp_path / "nowhere")


def test_a_folder_without_class_folders_is_refused(tmp_path):
    save(tmp_path / "flat.png")
    with pytest.raises(DataError, match=r"must hold a folder a class; .* holds none"):
        image_folder(tmp_path)


def test_an_empty_class_folder_is_named(folder):
    (folder / "zebra").mkdir()
    with pytest.raises(DataError, match=r"each class folder must hold an image \(.bmp.*zebra' holds none. Fill it"):
        image_folder(folder)


def test_aliases_rename_class_folders(folder):
    images = image_folder(folder, aliases={"cat": "felis", "not here": "x"})
    assert images.classes == ("felis", "dog")
    assert images.labels.tolist() == ["felis", "felis", "dog", "dog"]
    assert images.ids[0] == "test/cat/1.png"
    with pytest.raises(InvalidPredictionsError, match="classes must be unique"):
        image_folder(folder, aliases={"cat": "dog"})


def make_splits(root, **classes):
    for split, names in classes.items():
        for name in names:
            save(root / split / name / "1.png")
    return root


def test_splits_have_the_same_classes(tmp_path):
    make_splits(tmp_path, train=["cat", "dog"], valid=["cat", "dog"], test=["cat", "dog"])
    splits = image_splits(tmp_path, size=(8, 8))
    assert list(splits) == ["train", "valid", "test"]
    assert {images.classes for images in splits.values()} == {("cat", "dog")}
    assert list(image_splits(tmp_path, splits=("test",))) == ["test"]


def test_a_missing_split_is_named_beside_what_is_there(tmp_path):
    make_splits(tmp_path, train=["cat", "dog"], validation=["cat", "dog"], test=["cat", "dog"])
    with pytest.raises(FolderNotFoundError, match=r"lacks valid. It holds the folders \['test', 'train', 'validation'"):
        image_splits(tmp_path)


def test_other_names_of_the_same_classes_are_refused_with_the_map_that_settles_it(tmp_path):
    long = ["cat_left_T2", "dog_right_T1", "none"]
    make_splits(tmp_path, train=long, valid=long, test=["cat", "dog", "none"])
    with pytest.raises(AlignmentError, match=r"'test' lacks .*give aliases=\{'cat': 'cat_left_T2'") as raised:
        image_splits(tmp_path)
    assert raised.value.aliases == {"cat": "cat_left_T2", "dog": "dog_right_T1"}
    settled = image_splits(tmp_path, aliases=raised.value.aliases)
    assert {images.classes for images in settled.values()} == {("cat_left_T2", "dog_right_T1", "none")}
    assert settled["test"].labels.tolist() == ["cat_left_T2", "dog_right_T1", "none"]
    assert settled["test"].ids[0] == "test/cat/1.png"


def test_other_classes_are_refused_without_a_map(tmp_path):
    make_splits(tmp_path, train=["cat", "dog"], valid=["cat", "dog"], test=["cat", "zebra"])
    with pytest.raises(AlignmentError, match=r"'test' lacks \['dog'\] and has also \['zebra'\]\.$") as raised:
        image_splits(tmp_path)
    assert raised.value.aliases == {}


@pytest.mark.parametrize(
    ("pixels", "mode", "expected"),
    [
        (PIXELS[..., :3], None, PIXELS[..., :3]),
        (PIXELS, None, PIXELS[..., :3]),
        (PIXELS[..., 0], None, PIXELS[..., [0, 0, 0]]),
        (PIXELS[..., 0], "LA", PIXELS[..., [0, 0, 0]]),
        (DEEP, None, np.stack([DEEP // 256] * 3, axis=-1)),
    ],
    ids=["RGB", "RGBA", "grey", "grey with transparency", "16 bits"],
)
def test_every_kind_of_png_becomes_rgb(tmp_path, pixels, mode, expected):
    image = read_image(save(tmp_path / "image.png", pixels, mode), (20, 30))
    assert image.dtype == np.float32
    np.testing.assert_array_equal(image, expected)


def test_a_palette_with_transparency_becomes_rgb(tmp_path):
    palette = Image.fromarray(PIXELS[..., :3]).convert("P")
    palette.save(tmp_path / "image.png", transparency=bytes(range(256)))
    np.testing.assert_array_equal(read_image(tmp_path / "image.png", (20, 30)), palette.convert("RGB"))


def test_values_without_a_known_white_are_refused(tmp_path):
    with pytest.raises(
        UnreadableImageError, match="its mode 'F', 32 bits a channel, does not say which value is white"
    ):
        read_image(save(tmp_path / "image.tif", DEEP.astype(np.float32)), (20, 30))


@pytest.mark.keras
@pytest.mark.parametrize("size", [(20, 30), (7, 11), (20, 11), (64, 45), (224, 224), (1, 1)])
def test_resizing_is_that_of_tensorflow(tmp_path, size):
    import tensorflow as tf

    path = save(tmp_path / "image.png")
    expected = tf.image.resize(tf.io.decode_png(tf.io.read_file(str(path)), channels=3), size, "bilinear").numpy()
    np.testing.assert_allclose(read_image(path, size), expected, atol=1e-3, rtol=0)


@pytest.mark.keras
@pytest.mark.parametrize("pixels", [PIXELS, PIXELS[..., 0], DEEP], ids=["RGBA", "grey", "16 bits"])
def test_decoding_is_that_of_keras(tmp_path, pixels):
    import keras

    save(tmp_path / "test" / "cat" / "1.png", pixels)
    dataset = keras.utils.image_dataset_from_directory(tmp_path / "test", image_size=(15, 25), verbose=False)
    expected = next(iter(dataset))[0].numpy()
    np.testing.assert_allclose(next(image_folder(tmp_path / "test", size=(15, 25)).batches())[1], expected, atol=1e-3)


def broken(folder, kind):
    """Break one image of four; return its id."""
    path = folder / "cat" / "1.png"
    path.write_bytes(path.read_bytes()[:900] if kind == "truncated" else b"no image")
    return "test/cat/1.png"


@pytest.mark.parametrize("kind", ["truncated", "unreadable"])
def test_an_image_that_cannot_be_decoded_is_named(folder, kind):
    name = broken(folder, kind)
    with pytest.raises(UnreadableImageError, match=rf"'.*{name}' is not: .*skip_unreadable=True") as raised:
        image_folder(folder).load()
    assert isinstance(raised.value, OSError)


@pytest.mark.parametrize("kind", ["truncated", "unreadable"])
def test_skipped_images_are_listed_with_the_reason(folder, kind):
    name = broken(folder, kind)
    images = image_folder(folder, size=(8, 8), skip_unreadable=True)
    assert images.unreadable == {}
    ids, pixels, labels = images.load()
    assert ids.tolist() == ["test/cat/2.jpg", "test/dog/3.bmp", "test/dog/deeper/4.png"]
    assert labels.tolist() == ["cat", "dog", "dog"]
    assert len(pixels) == 3
    np.testing.assert_array_equal(pixels[1], read_image(folder / "dog" / "3.bmp", (8, 8)))
    assert list(images.unreadable) == [name]
    assert "must be readable" in images.unreadable[name]


def test_a_batch_with_nothing_left_is_not_yielded(folder):
    broken(folder, "unreadable")
    sizes = [len(ids) for ids, _, _ in image_folder(folder, skip_unreadable=True).batches(1)]
    assert sizes == [1, 1, 1]


def test_nothing_but_unreadable_images_is_refused(tmp_path):
    (tmp_path / "test" / "cat").mkdir(parents=True)
    (tmp_path / "test" / "cat" / "1.png").write_bytes(b"no image")
    with pytest.raises(DataError, match="must hold readable images; all 1 were unreadable"):
        image_folder(tmp_path / "test", skip_unreadable=True).load()


@needs_study
def test_the_class_folders_of_the_study_are_settled_by_the_map_proposed():
    with pytest.raises(AlignmentError, match="class folders must have the same names in every split") as raised:
        image_splits(STUDY)
    assert raised.value.aliases == {
        "adenocarcinoma": "adenocarcinoma_left.lower.lobe_T2_N0_M0_Ib",
        "large.cell.carcinoma": "large.cell.carcinoma_left.hilum_T2_N2_M0_IIIa",
        "squamous.cell.carcinoma": "squamous.cell.carcinoma_left.hilum_T1_N2_M0_IIIa",
    }
    splits = image_splits(STUDY, aliases=raised.value.aliases)
    assert {name: len(images) for name, images in splits.items()} == {"train": 613, "valid": 72, "test": 315}
    assert len({images.classes for images in splits.values()}) == 1
    assert len(splits["test"].classes) == 4


@needs_study
def test_the_images_of_the_study_are_readable():
    ids, images, labels = image_folder(STUDY / "valid", size=(32, 32)).load()
    assert len(set(ids)) == 72
    assert set(labels) == {p.name for p in (STUDY / "valid").iterdir()}
    assert images.min() >= 0
    assert 200 < images.max() <= 255
