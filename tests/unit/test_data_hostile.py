"""Whatever lies where an image should be: it is read as what its suffix may promise, or refused in one line."""

import contextlib
import io
import os
import random
import resource
import struct
import subprocess
import sys
import textwrap
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFile

from ensemblekit import EnsembleKitError, FeatureBank, audit_images, extract_features, image_folder
from ensemblekit.data import read_image, resize_image
from ensemblekit.data.listing import list_images
from ensemblekit.data.reading import FORMATS, SUFFIXES
from ensemblekit.errors import DataError, UnreadableImageError
from ensemblekit.limits import VARIABLE
from ensemblekit.predicting._survey import survey_images
from tests.plain_backbone import PlainBackbone
from tests.strangers import environment

PIXELS = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)


def save(path, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(PIXELS).save(path, **options)
    return path


@pytest.fixture
def folder(tmp_path):
    for name in ("cat/1.png", "cat/2.png", "dog/3.png"):
        save(tmp_path / "test" / name)
    yield tmp_path / "test"
    # Python's own way to remove a folder does not go as deep as some of these are.
    subprocess.run(["rm", "-rf", tmp_path / "test"], check=True)


def read_one(folder, name):
    with pytest.raises(UnreadableImageError, match=r"an image must be readable; .* is not: "):
        read_image(folder / name)


def read_all(folder, name):
    with pytest.raises(UnreadableImageError):
        image_folder(folder, size=(8, 8)).load()
    images = image_folder(folder, size=(8, 8), skip_unreadable=True)
    assert len(images.load()[0]) == 2
    assert list(images.unreadable) == [f"test/{name}"]


def audit(folder, name):
    audit = audit_images(folder, splits=())
    assert len(audit) == 2
    assert list(audit.unreadable) == [f"test/{name}"]


def fill_bank(folder, name):
    images = image_folder(folder, size=(8, 8), skip_unreadable=True)
    assert len(extract_features(PlainBackbone(), images, bank=FeatureBank(folder.parent / "bank"))) == 2


READERS = [read_one, read_all, audit, fill_bank]


# Formats.


def test_the_formats_are_those_that_the_suffixes_promise():
    Image.init()
    assert {Image.EXTENSION[suffix] for suffix in SUFFIXES} == {name.upper() for name in FORMATS}


@pytest.mark.parametrize("form", sorted({name.upper() for name in FORMATS}))
def test_an_image_is_read_whatever_its_suffix_says(tmp_path, form):
    path = save(tmp_path / "image.png", format=form)
    assert read_image(path).shape == (20, 30, 3)


def of_other_formats():
    Image.init()
    for form in sorted(set(Image.SAVE) - {name.upper() for name in FORMATS} - {"MPO"}):
        held = io.BytesIO()
        with contextlib.suppress(Exception):  # some want what this image has not
            Image.fromarray(PIXELS).save(held, form)
            yield form, held.getvalue()


@pytest.mark.parametrize(("form", "content"), [pytest.param(*one, id=one[0]) for one in of_other_formats()])
def test_no_other_format_is_read(tmp_path, form, content):
    path = tmp_path / "photo.png"
    path.write_bytes(content)
    with pytest.raises(UnreadableImageError, match="no image, whatever its name says"):
        read_image(path)


def test_no_image_starts_a_program(folder, tmp_path):
    (folder / "cat" / "2.png").write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n")
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "gs"
    program.write_text(f"#!/bin/sh\ntouch {tmp_path}/started\n")
    program.chmod(0o755)
    code = "import sys; from ensemblekit import audit_images, image_folder; from PIL import Image; Image.init()\n"
    code += "audit_images(sys.argv[1]); image_folder(sys.argv[1], skip_unreadable=True).load()"
    variables = environment() | {"PATH": f"{tmp_path}/bin:{os.environ['PATH']}"}
    subprocess.run([sys.executable, "-c", code, folder], check=True, env=variables)
    assert not (tmp_path / "started").exists()


# Whatever fails.

ERRORS = [
    ArithmeticError("x"),
    AttributeError("x"),
    Image.DecompressionBombError("x"),
    EOFError(),
    IndexError("x"),
    KeyError(0),
    MemoryError(),
    NotImplementedError("x"),
    OSError("x"),
    OverflowError("x"),
    RecursionError("x"),
    RuntimeError("x"),
    SyntaxError("x"),
    TypeError("x"),
    UnicodeDecodeError("utf-8", b"x", 0, 1, "x"),
    ValueError(),
    ZeroDivisionError("x"),
    struct.error("x"),
    zlib.error("x"),
    UserWarning("x"),
    type("OwnError", (Exception,), {})("x"),
]


@pytest.mark.parametrize(
    ("reader", "error"),
    [
        pytest.param(reader, error, id=f"{reader.__name__}-{type(error).__name__}")
        for reader in READERS
        for error in ERRORS[:: 1 if reader is read_one else 5]
    ],
)
def test_whatever_a_decoder_raises_is_one_error_for_every_reader(folder, monkeypatch, reader, error):
    save(folder / "cat" / "2.gif", format="GIF")
    (folder / "cat" / "2.png").unlink()
    load = ImageFile.ImageFile.load

    def fail(image):
        if image.format == "GIF":
            raise error
        return load(image)

    monkeypatch.setattr(ImageFile.ImageFile, "load", fail)
    reader(folder, "cat/2.gif")


@pytest.mark.parametrize("reader", READERS)
def test_a_warning_that_is_an_error_is_no_other_matter(folder, monkeypatch, reader):
    (folder / "cat" / "2.png").write_bytes((folder / "cat" / "2.png").read_bytes()[:300])
    load = ImageFile.ImageFile.load

    def warn(image):
        warnings.warn("odd", UserWarning, stacklevel=1)
        return load(image)

    monkeypatch.setattr(ImageFile.ImageFile, "load", warn)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        reader(folder, "cat/2.png")


# Bombs.


def png(width, height, *, data=b""):
    def chunk(name, content):
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + data + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


def with_size(form, size, places, pack):
    held = io.BytesIO()
    Image.fromarray(PIXELS).save(held, form)
    content = bytearray(held.getvalue())
    for place, length in zip(places(content), size, strict=True):
        content[place : place + struct.calcsize(pack)] = struct.pack(pack, length)
    return bytes(content)


def tiff_places(content):
    (at,) = struct.unpack_from("<I", content, 4)
    (n,) = struct.unpack_from("<H", content, at)
    tags = {struct.unpack_from("<H", content, at + 2 + 12 * k)[0]: at + 2 + 12 * k + 8 for k in range(n)}
    return tags[256], tags[257]


BOMBS = {
    "png": png(50_000, 50_000),
    "png of one row": png(2**31 - 1, 1),
    "jpeg": with_size("JPEG", (60_000, 60_000), lambda c: [c.find(b"\xff\xc0") + 5, c.find(b"\xff\xc0") + 7], ">H"),
    "gif": with_size("GIF", (65_535, 65_535), lambda c: [6, 8], "<H"),
    "bmp": with_size("BMP", (100_000, 100_000), lambda c: [18, 22], "<i"),
    "tiff": with_size("TIFF", (65_535, 65_535), tiff_places, "<H"),
}


@pytest.mark.parametrize("kind", BOMBS)
def test_a_size_is_known_before_memory_is_taken(tmp_path, kind):
    path = tmp_path / "bomb.png"
    path.write_bytes(BOMBS[kind])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(UnreadableImageError, match=rf"of \d+ x \d+ pixels must take at most .*Set {VARIABLE}=\d+ if"):
        read_image(path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000  # kB


@pytest.mark.parametrize("form", ["BMP", "GIF", "JPEG", "PNG"])  # those of TIFF and WebP ask Pillow's own limit too
def test_the_limit_can_be_raised_beyond_that_of_pillow_and_lowered(tmp_path, monkeypatch, form):
    path = save(tmp_path / "image.png", format=form)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    assert read_image(path).shape == (20, 30, 3)
    assert Image.MAX_IMAGE_PIXELS == 100
    monkeypatch.setenv(VARIABLE, str(12 * 20 * 30 - 1))
    if path.stat().st_size * 32 < 12 * 20 * 30:
        with pytest.raises(UnreadableImageError, match=VARIABLE):
            read_image(path)


MEASURED = """
import sys
from ensemblekit.data import read_image
def peak():
    return int([line for line in open("/proc/self/status") if line.startswith("VmHWM")][0].split()[1]) * 1024
read_image(sys.argv[1])
before = peak()
height, width, _ = read_image(sys.argv[2]).shape
print((peak() - before) / (height * width))
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="there is no /proc")
@pytest.mark.parametrize(
    ("form", "mode"),
    [("PNG", "RGB"), ("PNG", "RGBA"), ("JPEG", "CMYK"), ("WEBP", "RGB")],
)
@pytest.mark.slow
def test_no_image_takes_more_memory_a_pixel_than_is_reckoned_with(tmp_path, form, mode):
    Image.new("RGB", (8, 8)).save(tmp_path / "small.png")
    Image.new("RGB", (2500, 2000)).convert(mode).save(tmp_path / "large.png", form)
    command = [sys.executable, "-c", MEASURED, tmp_path / "small.png", tmp_path / "large.png"]
    said = subprocess.run(command, check=True, capture_output=True, env=environment(), text=True).stdout
    assert float(said) < (19 if form == "WEBP" else 15)


def test_a_jpeg_of_thousands_of_scans_is_refused(tmp_path):
    held = io.BytesIO()
    Image.new("L", (64, 64), 128).save(held, "JPEG", progressive=True)
    content = held.getvalue()
    last = content.rfind(b"\xff\xda")
    path = tmp_path / "scans.jpg"
    path.write_bytes(content[:last] + 90 * content[last:-2] + b"\xff\xd9" + 10_000 * content[last:-2])
    assert read_image(path).shape == (64, 64, 3)  # what comes behind its end is no part of it
    path.write_bytes(content[:last] + 101 * content[last:-2] + b"\xff\xd9")
    with pytest.raises(UnreadableImageError, match="a JPEG has at most 100 scans, and this one has more"):
        read_image(path)


@pytest.mark.parametrize("shape", [(3, 40_000), (40_000, 3), (500, 700), (224, 448), (224, 449), (7, 900), (1, 1)])
def test_resizing_without_the_columns_that_nobody_looks_at_changes_no_bit(shape):
    pixels = np.random.default_rng(1).integers(0, 256, (*shape, 3), dtype=np.uint8)
    size = (20, 224)
    expected = pixels
    for axis, length in enumerate(size):
        scale = np.float32(expected.shape[axis]) / np.float32(length)
        centre = (np.arange(length, dtype=np.float32) + np.float32(0.5)) * scale - np.float32(0.5)
        lower = np.maximum(np.floor(centre), 0).astype(np.intp)
        upper = np.minimum(np.ceil(centre), expected.shape[axis] - 1).astype(np.intp)
        part = (centre - np.floor(centre)).reshape((-1, 1, 1) if axis == 0 else (1, -1, 1))
        if expected.shape[axis] != length:
            low = np.take(expected, lower, axis=axis).astype(np.float32)
            expected = low + (np.take(expected, upper, axis=axis) - low) * part
    np.testing.assert_array_equal(resize_image(pixels, size), expected)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="there is no /proc")
@pytest.mark.parametrize("shape", [(1, 5_000_000), (5_000_000, 1)])
def test_an_image_of_one_row_or_column_is_audited_and_resized_within_its_own_memory(tmp_path, shape):
    (tmp_path / "d" / "cat").mkdir(parents=True)
    Image.new("L", shape[::-1]).save(tmp_path / "d" / "cat" / "1.png")
    code = """
        import sys
        from ensemblekit import audit_images, image_folder
        def peak():
            return int([line for line in open("/proc/self/status") if line.startswith("VmHWM")][0].split()[1]) * 1024
        before = peak()
        assert len(audit_images(sys.argv[1])) == 1
        assert image_folder(sys.argv[1], size=(224, 224)).load()[1].shape == (1, 224, 224, 3)
        print((peak() - before) / 5e6)
    """
    command = [sys.executable, "-c", textwrap.dedent(code), tmp_path / "d"]
    assert float(subprocess.run(command, check=True, capture_output=True, env=environment(), text=True).stdout) < 30


# What is no file, and folders.


def make_deep(folder):
    here = Path.cwd()
    os.chdir(folder / "cat")
    try:
        for _ in range(1000):
            Path("d").mkdir()
            os.chdir("d")
        Image.fromarray(PIXELS).save("x.png")
    finally:
        os.chdir(here)
    return 4


def make_long(folder):
    here = Path.cwd()
    os.chdir(folder / "cat")
    try:
        for _ in range(500):
            Path("directory").mkdir()
            os.chdir("directory")
    finally:
        os.chdir(here)
    return "File name too long"


def write_as(*names):
    def build(folder):
        path = os.path.join(os.fsencode(folder), *names)  # noqa: PTH118 - names that are no text
        os.makedirs(os.path.dirname(path), exist_ok=True)  # noqa: PTH103, PTH120
        with open(path, "wb") as file:  # noqa: PTH123
            Image.fromarray(PIXELS).save(file, "PNG")
        return 4

    return build


def link_to(target, name="cat/x.png"):
    def build(folder):
        (folder / name).symlink_to(target)

    return build


FOLDERS = {
    "a name that is no Unicode": write_as(b"cat", b"\xff\xfe.png"),
    "a class that is no Unicode": write_as(b"\xff\xfe", b"x.png"),
    "a name with control characters": write_as(b"cat", b"a\nb\r\x1b[31m.png"),
    "a class with a line end": write_as(b"a\nb", b"x.png"),
    "a class like markup": write_as(b"[bold][link=x]", b"[x].png"),
    "a thousand folders deep": make_deep,
    "deeper than can be opened": make_long,
    "a link to itself": link_to("x.png"),
    "a link to its folder": link_to("."),
    "a link to nowhere": link_to("nowhere"),
    "a class that is a link to all": link_to(".", "all"),
    "a class that is a link to itself": link_to("all", "all"),
    "a pipe": lambda folder: os.mkfifo(folder / "cat" / "x.png"),
    "a folder called as an image": lambda folder: (folder / "cat" / "x.png").mkdir(),
    "a device": link_to("/dev/zero"),
    "what the kernel makes up": link_to("/proc/self/mem"),
    "a terabyte of nothing": lambda folder: os.truncate(save(folder / "cat" / "x.png"), 2**40),
}


@pytest.mark.filterwarnings("ignore:files in:ensemblekit.errors.ImageReadingWarning")
@pytest.mark.timeout(60)
@pytest.mark.parametrize("kind", [pytest.param(k, marks=[pytest.mark.slow] * k.endswith("deep")) for k in FOLDERS])
def test_whatever_a_folder_holds_is_read_or_told_in_one_line(folder, kind):
    expected = FOLDERS[kind](folder)
    if isinstance(expected, str):
        for look in (image_folder, audit_images, lambda folder: survey_images([folder], None)):
            with pytest.raises(DataError, match=expected):
                look(folder)
        return
    images = image_folder(folder, size=(8, 8), skip_unreadable=True)
    n_read = len(images.load()[0])
    audit = audit_images(folder, splits=())
    assert n_read >= (expected or 3)
    assert len(audit) == n_read or kind == "a class that is a link to all"
    assert audit.summary
    found = survey_images([folder], None)
    assert found.n_images == len([file for file in list_images([folder]) if file])
    for file in list_images([folder]):
        if file:
            with contextlib.suppress(EnsembleKitError):
                read_image(file.path)


def test_a_list_of_images_is_read_a_line_at_a_time(tmp_path):
    path = tmp_path / "list.txt"
    path.write_bytes(b"a.png\n")
    os.truncate(path, 2**40)
    with pytest.raises(DataError, match=r"must have a path a line; '.*list\.txt' has a longer one"):
        list(list_images([path]))


def test_a_folder_that_cannot_be_read_is_told(folder):
    if os.geteuid() == 0:
        pytest.skip("root reads all")
    (folder / "cat" / "closed").mkdir(mode=0)
    with pytest.raises(DataError, match=r"must be readable; '.*closed' is not: Permission denied"):
        image_folder(folder)


def test_damage_of_any_kind_is_one_error(tmp_path):
    rng = random.Random(0)
    path = save(tmp_path / "x.png")
    whole = path.read_bytes()
    for end in rng.sample(range(len(whole)), 50):
        path.write_bytes(whole[:end])
        with contextlib.suppress(UnreadableImageError):
            read_image(path, (8, 8))
