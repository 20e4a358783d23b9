"""The page of an audit: each copy beside its twin, as pictures of what models get."""

import base64
import io
import re
import shutil
import warnings
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from ensemblekit import InvalidOptionError, audit_images
from ensemblekit.data import ImageReader
from ensemblekit.errors import OutputExistsError
from ensemblekit.report import Section, SideBySide, Thumbnail, write_audit, write_page
from tests.pages import NASTY
from tests.unit.test_audit import folder, opened, picture, save

__all__ = ["folder"]


class Pairs(HTMLParser):
    """Reads the pairs of a page: (title, marked, [(text below a picture, its pixels or None)])."""

    def __init__(self, text):
        super().__init__()
        self.found, self._inside = [], ""
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        if "pair" in given.get("class", "").split():
            self.found.append((given["aria-label"], "marked" in given["class"].split(), []))
        elif tag == "figure":
            self._pictures = given.get("class") != "table"
            if self._pictures:
                self.found[-1][2].append(["", None])
        elif self.found and tag == "img":
            content = base64.b64decode(given["src"].partition("base64,")[2])
            with Image.open(io.BytesIO(content)) as image:
                assert max(image.size) <= 160
                assert {int(given["width"]), int(given["height"])} <= {*range(1, 161)}
                self.found[-1][2][-1][1] = np.asarray(image)
        self._inside = tag

    def handle_endtag(self, tag):
        self._inside = ""

    def handle_data(self, data):
        if self._inside in ("figcaption", "small") and self._pictures:
            self.found[-1][2][-1][0] += f"{data} | "


def pairs(path, audit, **options):
    write_audit(path, audit, **options)
    text = path.read_text()
    return text, Pairs(text).found


@pytest.fixture
def copied(folder):
    """A byte copy, the same pixels in another format with another class, a near copy and a copy within a split."""
    shutil.copy(folder / "train/cat/0.png", folder / "test/cat/bytes.png")
    save(opened(folder, "train/dog/0.png"), folder / "test/cat/pixels.bmp")
    save(opened(folder, "train/dog/1.png"), folder / "test/dog/near.jpg", quality=70)
    shutil.copy(folder / "valid/cat/0.png", folder / "valid/cat/again.png")
    (folder / "test/dog/broken.png").write_text("no image")
    return folder


def test_each_copy_stands_beside_its_twin_with_ids_classes_and_kind(copied, tmp_path):
    audit = audit_images(copied)
    text, found = pairs(tmp_path / "audit.html", audit)
    told = [(title.partition(",")[0], marked, [name for name, _ in images]) for title, marked, images in found]
    conflict = ["train/dog/0.png | train, class dog | ", "test/cat/pixels.bmp | test, class cat | "]
    assert told == [
        ("Same pixels", True, conflict[::-1]),
        ("Same bytes", False, ["test/cat/bytes.png | test, class cat | ", "train/cat/0.png | train, class cat | "]),
        ("Near copy", False, ["test/dog/near.jpg | test, class dog | ", "train/dog/1.png | train, class dog | "]),
        ("2 images with these pixels", True, conflict),
        ("Same bytes", False, ["valid/cat/again.png | valid, class cat | ", "valid/cat/0.png | valid, class cat | "]),
    ]
    assert found[0][0] == "Same pixels, other bytes, and the classes differ"
    assert re.fullmatch(r"Near copy, \d+ of 255 bits differ, correlation 0\.99\d\d", found[2][0])
    # A JPEG is near what it was made of; another image is not.
    shown, twin, other = found[1][2][0][1], found[1][2][1][1], found[0][2][0][1]
    assert (shown == twin).all()
    assert np.abs(shown.astype(float) - opened(copied, "train/cat/0.png")).mean() < 4
    assert np.abs(shown.astype(float) - other).mean() > 20
    assert "3 of 7 test images are copies of images of an earlier split" in text
    assert "test/dog/broken.png" in text
    assert audit.leaked == {"valid": [], "test": ["test/cat/bytes.png", "test/cat/pixels.bmp"]}
    assert audit.near_leaked == {"valid": [], "test": ["test/dog/near.jpg"]}


def test_no_more_are_shown_than_asked_for_and_the_rest_is_counted(folder, tmp_path):
    for k in range(5):
        shutil.copy(folder / "train/cat/0.png", folder / f"test/cat/copy{k}.png")
    audit = audit_images(folder)
    text, found = pairs(tmp_path / "audit.html", audit, limit=2)
    assert [images[0][0][:18] for _, _, images in found] == ["test/cat/copy0.png", "test/cat/copy1.png"]
    assert found[0][0] == "Same bytes, 6 images in all"
    assert "Shown: 2 of 5; left out: 3." in text
    text, found = pairs(tmp_path / "audit.html", audit)
    assert len(found) == 5
    assert "left out: 3" not in text
    with pytest.raises(InvalidOptionError, match="limit must be a whole number >= 1; received 0"):
        write_audit(tmp_path / "audit.html", audit, limit=0)


def test_without_copies_the_page_says_so(folder, tmp_path):
    text, found = pairs(tmp_path / "audit.html", audit_images(folder))
    assert "No image is a copy of one in an earlier split." in text
    assert found == []
    assert '<td class="number">2</td>' in text


MODES = {
    "grey": (np.tile(np.arange(0, 250, 5, dtype=np.uint8), (40, 1)), "L"),
    "transparent": (np.dstack([np.full((40, 40, 3), 200, np.uint8), np.zeros((40, 40), np.uint8)]), "RGBA"),
    "sixteen": (np.tile(np.linspace(0, 65535, 50).astype(np.uint16), (40, 1)), None),
    "palette": (np.zeros((40, 40), np.uint8), "P"),
    "long": (np.zeros((2000, 3), np.uint8), "L"),
}


@pytest.mark.parametrize("name", MODES)
def test_images_are_shown_as_models_get_them(tmp_path, name):
    pixels, mode = MODES[name]
    image = Image.fromarray(pixels) if mode != "P" else Image.fromarray(pixels).convert("P")
    for split in ("train", "test"):
        save(image, tmp_path / "set" / split / "cat" / f"{name}.png")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        _, found = pairs(tmp_path / "audit.html", audit_images(tmp_path / "set"))
    shown = found[0][2][0][1].astype(int)
    expected = {"transparent": 200, "sixteen": (pixels >> 8)}.get(name, pixels)
    if name != "long":
        assert np.abs((shown if shown.ndim == 2 else shown[..., 0]) - expected).max() <= 6
    assert max(shown.shape) <= 160


def test_the_reader_of_the_audit_reads_the_pictures(tmp_path):
    for split in ("train", "test"):
        path = tmp_path / "set" / split / "ill" / "film.npy"
        path.parent.mkdir(parents=True)
        np.save(path, np.tile(np.arange(1000, 1064, dtype=np.int16), (64, 1)))
    audit = audit_images(tmp_path / "set", reader=ImageReader(window=(1032, 64)))
    _, found = pairs(tmp_path / "audit.html", audit)
    shown = found[0][2][0][1]
    assert shown.min() <= 4
    assert shown.max() >= 250


def test_a_file_that_is_gone_has_the_reason_in_its_place(copied, tmp_path):
    audit = audit_images(copied)
    (copied / "train/cat/0.png").unlink()
    (copied / "train/dog/1.png").write_text("spoiled")
    _, found = pairs(tmp_path / "audit.html", audit)
    texts = [text for _, _, images in found for text, pixels in images if pixels is None]
    assert "can no longer be read: No such file or directory" in texts[0]
    assert "can no longer be read: no image" in texts[1]


def test_hostile_names_do_no_harm(folder, tmp_path):
    name = "a<script>x\x1b[2J'\"&.png"
    shutil.copy(folder / "train/cat/0.png", folder / "test/cat" / name)
    text, found = pairs(tmp_path / "audit.html", audit_images(folder))
    assert found[0][2][0][0].startswith("test/cat/a<script>x\\x1b[2J'\"&.png")
    assert "<script>x" not in text
    assert "\x1b" not in text


def test_the_page_appears_whole_or_not_at_all(folder, tmp_path):
    audit = audit_images(folder)
    (tmp_path / "there").mkdir()
    with pytest.raises(OutputExistsError, match="a file replaces only a file"):
        write_audit(tmp_path / "there", audit)
    write_audit(tmp_path / "a.html", audit)
    write_audit(tmp_path / "b.html", audit)
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.html", "b.html", "pets", "there"]


def test_images_of_any_kind_stand_side_by_side_on_a_page(tmp_path):
    rows = [
        SideBySide(NASTY, [Thumbnail(np.eye(4) * 1000.0, NASTY, NASTY), Thumbnail(None, "none")], marked=True),
        SideBySide("large", [Thumbnail(np.asarray(picture(0, (600, 300))), "a")]),
    ]
    write_page(tmp_path / "page.html", "x", [Section("x", rows)])
    found = Pairs((tmp_path / "page.html").read_text()).found
    assert [len(images) for _, _, images in found] == [2, 1]
    assert found[0][2][0][1].tolist() == (np.eye(4) * 255).tolist()
    assert found[1][2][0][1].shape == (160, 80, 3)
    for wrong in (np.zeros(3), np.zeros((0, 3)), np.full((2, 2), np.nan), np.array([["a"]])):
        with pytest.raises(InvalidOptionError, match="pixels of a thumbnail must be finite numbers of shape"):
            write_page(tmp_path / "page.html", "x", [Section("x", [SideBySide("x", [Thumbnail(wrong, "x")])])])
