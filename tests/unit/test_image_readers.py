"""Windows, frames and channels: what stands in a file becomes pixels as it is asked for, and no loss is silent."""

import warnings

import numpy as np
import pytest
from PIL import Image

from ensemblekit import InvalidOptionError, audit_images, image_folder
from ensemblekit.data import ImageReader, read_image
from ensemblekit.data.reading import is_image_name
from ensemblekit.errors import ImageReadingWarning, UnreadableImageError

DARK = np.arange(0, 4000, 40, dtype=np.uint16).reshape(10, 10)
"""100 grey levels, of which 16 are left if the upper 8 bits are kept."""
FRAMES = np.stack([np.full((4, 5), 1000 * k, dtype=np.uint16) for k in range(5)])


def save(path, pixels, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".npy":
        np.save(path, pixels)
    else:
        Image.fromarray(pixels).save(path, **options)
    return path


def stack(path):
    first, *others = map(Image.fromarray, FRAMES)
    first.save(path, save_all=True, append_images=others)
    return path


# Windows.


@pytest.mark.parametrize(
    ("window", "expected"),
    [
        ((2000, 4000), [0, 0, 63.75, 255]),
        ((1500, 1000), [0, 0, 0, 255]),
        ((1000, 2000), [0, 0, 127.5, 255]),
        ("range", [0, 0, 63.75, 255]),
        ("bits", [0, 0, 1000 * 255 / 65535, 4000 * 255 / 65535]),
    ],
)
@pytest.mark.parametrize("suffix", [".png", ".tif", ".npy"])
def test_a_window_says_which_values_are_black_and_white(tmp_path, window, expected, suffix):
    path = save(tmp_path / f"a{suffix}", np.array([[0, 0], [1000, 4000]], dtype=np.uint16))
    read = read_image(path, reader=ImageReader(window=window))
    assert read.shape == (2, 2, 3)
    assert read.dtype == np.float32
    for channel in range(3):
        np.testing.assert_allclose(read[..., channel].ravel(), expected, rtol=1e-6)


def test_few_grey_levels_are_warned_of_with_a_window_that_keeps_them(tmp_path):
    path = save(tmp_path / "film.png", DARK)
    with pytest.warns(ImageReadingWarning, match=r"film.png' keeps 16 of the 100 grey .*\(window=\(1980, 3960\)\)"):
        read = read_image(path)
    np.testing.assert_array_equal(read[..., 0], DARK >> 8)
    with pytest.warns(ImageReadingWarning, match=r"keeps 3 of the 100 grey levels of its file, with window="):
        read_image(path, reader=ImageReader(window=(40, 40)))
    read = read_image(path, reader=ImageReader(window=(1980, 3960)))
    assert len(np.unique(read)) == 100
    read_image(save(tmp_path / "whole.png", DARK * 16))
    read_image(save(tmp_path / "mask.png", np.eye(10, dtype=np.uint16) * 65535))


def test_a_source_warns_once_and_an_audit_lists_all(tmp_path):
    for k in range(3):
        save(tmp_path / "train" / "film" / f"{k}.png", np.rot90(DARK, k))
    images = image_folder(tmp_path / "train", size=(10, 10))
    with pytest.warns(ImageReadingWarning) as seen:
        images.load()
    assert [str(one.message)[:19] for one in seen] == ["'train/film/0.png' "]
    audit = audit_images(tmp_path / "train", splits=())
    assert list(audit.notes) == images.ids.tolist()
    assert audit.summary[1].startswith("Much is lost of 3 images by the way of reading; first 'train/film/0.png'")
    clear = ImageReader(window=(2000, 4000))
    assert audit_images(tmp_path / "train", splits=(), reader=clear).notes == {}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        _, pixels, _ = image_folder(tmp_path / "train", size=(10, 10), reader=clear).load()
    assert pixels.max() == pytest.approx(3960 / 4000 * 255)


def test_equal_values_are_equal_pixels_whatever_the_format(tmp_path):
    for name in ("a.png", "b.npy", "c.tif"):
        save(tmp_path / "x" / "film" / name, DARK)
    audit = audit_images(tmp_path / "x", splits=(), reader=ImageReader(window=(2000, 4000)))
    assert [len(ids) for ids in audit.equal_groups] == [3]


@pytest.mark.parametrize("pixels", [DARK, DARK.astype(np.float32), DARK.astype(np.int16)])
def test_an_array_that_says_no_white_is_refused_without_a_window(tmp_path, pixels):
    path = save(tmp_path / "a.npy", pixels)
    with pytest.raises(UnreadableImageError, match=r"does not say which value is white\. Give reader=ImageReader\("):
        read_image(path)
    assert read_image(path, reader=ImageReader(window="range")).max() == 255


def test_bytes_stay_bytes(tmp_path):
    grey = np.arange(100, dtype=np.uint8).reshape(10, 10)
    read = read_image(save(tmp_path / "a.npy", grey))
    assert read.dtype == np.uint8
    np.testing.assert_array_equal(read, np.stack([grey] * 3, axis=-1))


@pytest.mark.parametrize("hole", [np.nan, np.inf])
def test_values_that_are_no_numbers_are_refused(tmp_path, hole):
    pixels = DARK.astype(np.float32)
    pixels[0, 0] = hole
    with pytest.raises(UnreadableImageError, match="1 of its values are no finite numbers"):
        read_image(save(tmp_path / "a.npy", pixels), reader=ImageReader(window=(2000, 4000)))


# Frames.


def test_frames_that_are_left_out_are_told(tmp_path):
    path = stack(tmp_path / "s.tif")
    with pytest.warns(ImageReadingWarning, match="s.tif' holds several frames, of which the first is taken. Give"):
        read_image(path)


@pytest.mark.parametrize(
    ("frame", "expected"), [(0, [0]), (3, [3000]), (-1, [4000]), ("middle", [2000]), ((4, 0, 2), [4000, 0, 2000])]
)
@pytest.mark.parametrize("suffix", [".tif", ".npy"])
def test_a_frame_is_chosen_by_its_number(tmp_path, frame, expected, suffix):
    path = stack(tmp_path / "s.tif") if suffix == ".tif" else save(tmp_path / "s.npy", FRAMES)
    read = read_image(path, reader=ImageReader(window=(2000, 4000), frame=frame))
    np.testing.assert_allclose(read[0, 0], np.broadcast_to(expected, 3) * 255 / 4000)


def test_a_frame_that_is_not_there_or_not_chosen_is_refused(tmp_path):
    with pytest.raises(UnreadableImageError, match=r"holds 5 frames, and frame=5 is not among them"):
        read_image(stack(tmp_path / "s.tif"), reader=ImageReader(frame=5))
    with pytest.raises(UnreadableImageError, match=r"it holds 5 frames, and one is an image\. Give the one"):
        read_image(save(tmp_path / "s.npy", FRAMES), reader=ImageReader(window="range"))


# Channels.


def test_channels_are_those_that_are_asked_for(tmp_path):
    colours = np.random.default_rng(0).integers(0, 256, (6, 7, 3), dtype=np.uint8)
    path = save(tmp_path / "a.png", colours)
    np.testing.assert_array_equal(read_image(path, reader=ImageReader(channels=(2, 0))), colours[..., [2, 0]])
    grey = read_image(path, reader=ImageReader(channels="grayscale"))
    np.testing.assert_array_equal(grey[..., 0], Image.open(path).convert("L"))
    with pytest.raises(UnreadableImageError, match=r"it has 3 channels, and channels=\(3,\) asks for more"):
        read_image(path, reader=ImageReader(channels=(3,)))
    four = save(tmp_path / "a.npy", np.dstack([colours, colours[..., 0]]))
    with pytest.raises(UnreadableImageError, match=r"it has 4 channels. Say which are meant"):
        read_image(four)
    np.testing.assert_array_equal(read_image(four, reader=ImageReader(channels=(0, 1, 2))), colours)
    folder = image_folder(save(tmp_path / "t" / "x" / "a.png", colours).parents[1], reader=ImageReader(channels=(0,)))
    assert next(folder.batches())[1].shape == (1, 224, 224, 1)


# Functions of the user, names, options.


def test_any_function_of_a_path_is_a_reader(tmp_path):
    (tmp_path / "x" / "film").mkdir(parents=True)
    (tmp_path / "x" / "film" / "a.csv").write_text("1,2\n3,4\n")

    def read(path):
        return np.loadtxt(path, delimiter=",")

    read.suffixes = (".csv",)
    images = image_folder(tmp_path / "x", size=(2, 2), reader=read)
    assert images.load()[1][0, ..., 1].tolist() == [[1, 2], [3, 4]]
    assert audit_images(tmp_path / "x", splits=(), reader=read).unreadable == {}
    (tmp_path / "x" / "film" / "b.csv").write_text("none")
    with pytest.raises(UnreadableImageError, match=r"b.csv' is not: could not convert string 'none'"):
        image_folder(tmp_path / "x", size=(2, 2), reader=read).load()
    assert list(audit_images(tmp_path / "x", splits=(), reader=read).unreadable) == ["x/film/b.csv"]


@pytest.mark.parametrize("found", [np.zeros(3), np.zeros((2, 2, 1)), np.zeros((2, 2), "U1"), np.full((2, 2), np.nan)])
def test_what_a_function_gives_is_checked(tmp_path, found):
    path = save(tmp_path / "a.png", np.zeros((2, 2), np.uint8))
    with pytest.raises(UnreadableImageError, match=r"a reader must give (numbers of shape \(height, |finite)"):
        read_image(path, reader=lambda _: found)


def test_names_of_images():
    names = ["a.PNG", "b.dcm", "c.nii.gz", "d.npy", "e.ima", "IM0001", "f.gz", ".dcm"]
    assert [name for name in names if is_image_name(name)] == ["a.PNG", "b.dcm", "c.nii.gz", "d.npy"]
    more = ImageReader(suffixes=[".ima", ""])
    assert [name for name in names if not is_image_name(name, more)] == ["f.gz"]


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"window": (40, 0)}, r"window must be \(level, width\) with width > 0, or one of 'file'.*received \(40, 0\)"),
        ({"window": "lung"}, "received 'lung'"),
        ({"window": (np.nan, 1)}, "window must be"),
        ({"frame": 1.5}, "frame must be a whole number, 'middle' or several numbers; received 1.5"),
        ({"frame": ()}, "frame must be"),
        ({"channels": "grey"}, "channels must be"),
        ({"channels": (-1,)}, "channels must be"),
        ({"suffixes": "dcm"}, "suffixes must be a list"),
    ],
)
def test_options_are_checked(options, text):
    with pytest.raises(InvalidOptionError, match=text):
        ImageReader(**options)


def test_readers_are_compared_by_what_they_read():
    assert ImageReader(window=[40, 400]) == ImageReader(window=(40, 400))
    assert ImageReader(window=(40, 400)).fingerprint != ImageReader(window=(40, 401)).fingerprint
    assert ImageReader(suffixes=(".ima",)).fingerprint == ImageReader().fingerprint
    with pytest.raises(InvalidOptionError, match="reader must be an ImageReader, or a function of a path; received"):
        read_image("a.png", reader="window")


def test_grey_frames_of_8_bits_become_channels(tmp_path):
    first, *others = (Image.fromarray(np.full((4, 5), value, dtype=np.uint8)) for value in (10, 20, 30))
    first.save(tmp_path / "s.tif", save_all=True, append_images=others)
    read = read_image(tmp_path / "s.tif", reader=ImageReader(frame=(2, 0, 1)))
    assert (read.dtype, read[0, 0].tolist()) == (np.uint8, [30, 10, 20])
