"""A bank that others wrote: what its notes and segments hold is taken where it is of its kind, or told."""

import contextlib
import hashlib
import json
import os
import struct
import warnings

import numpy as np
import pytest
from typer.testing import CliRunner

from ensemblekit import FeatureBank, extract_features
from ensemblekit.cli import app
from ensemblekit.errors import CompatibilityError, FeatureBankWarning
from ensemblekit.features._bank_folder import collection_folder
from ensemblekit.features._segment import DamagedSegmentError, read_segment
from tests.plain_backbone import PlainBackbone, make_images

IMAGES = make_images(8)
EXPECTED = extract_features(PlainBackbone(), IMAGES)
ABOUT = ["backbone", "fingerprint", "input_shape", "precision", "augmentation", "augmentation_fingerprint"]
ODD = [
    None,
    True,
    7,
    -1,
    1e999,
    [],
    [[1, "x"]],
    {"a": 1},
    "[/x][bold]\x1b[31m\n\udcff",
    "x" * 10**5,
    [10**30],
    ["a", 2, 3],
]


@pytest.fixture
def bank(tmp_path):
    bank = FeatureBank(tmp_path / "bank")
    extract_features(PlainBackbone(), IMAGES, bank=bank)
    return bank


def paths(bank):
    (note,), (segment,) = bank.folder.glob("*/shelf.json"), bank.folder.glob("*/*.features")
    return note, segment


@pytest.mark.parametrize("value", ODD, ids=lambda value: repr(value)[:20])
def test_a_note_may_say_anything_and_still_be_of_its_folder(bank, value):
    note, _ = paths(bank)
    about = json.loads(note.read_text()) | dict.fromkeys(ABOUT, value)
    note.write_text(json.dumps(about))
    note.parent.rename(collection_folder(bank.folder, about))
    (shelf,) = bank.collections()
    assert [type(shelf.backbone), type(shelf.fingerprint), type(shelf.precision)] == [str, str, str]
    assert shelf.augmentation is None or isinstance(shelf.augmentation, str)
    assert all(isinstance(n, int) for n in shelf.input_shape)
    for options in ([], ["--json"]):
        said = CliRunner().invoke(app, ["cache", "--folder", str(bank.folder), *options])
        assert said.exit_code == 0, said.exception


@pytest.mark.parametrize("text", ["[" * 10**5, "null", "1", '"x"', "[1]", "{", '{"format":' * 900 + "1" + "}" * 900])
def test_a_note_that_is_none_makes_the_folder_no_shelf(bank, text):
    note, _ = paths(bank)
    note.write_text(text)
    assert bank.collections() == []
    with pytest.warns(FeatureBankWarning, match="not kept"):
        features = extract_features(PlainBackbone(), IMAGES, bank=FeatureBank(bank.folder))
    np.testing.assert_array_equal(features, EXPECTED)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("name", ["shelf.json", "segment"])
@pytest.mark.parametrize("kind", ["a pipe", "a device", "a folder", "a terabyte of nothing", "a link to itself"])
def test_what_is_no_file_in_a_bank_is_waited_for_by_nobody(bank, name, kind):
    path = paths(bank)[name == "segment"]
    path.unlink()
    match kind:
        case "a pipe":
            os.mkfifo(path)
        case "a device":
            path.symlink_to("/dev/zero")
        case "a folder":
            path.mkdir()
        case "a link to itself":
            path.symlink_to(path.name)
        case _:
            path.touch()
            os.truncate(path, 2**40)
    bank.collections()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FeatureBankWarning)
        np.testing.assert_array_equal(extract_features(PlainBackbone(), IMAGES, bank=bank), EXPECTED)


def write(shelf, rows, columns, keys, data=b"", size=None):
    """Write a segment that is right in all that its name and header say."""
    head = struct.pack("<8sIIQQ32s", b"EKITBANK", 1, 16, rows, columns, hashlib.sha256(data).digest()) + keys
    path = shelf / (hashlib.sha256(head).hexdigest()[:32] + ".features")
    start = -(-(64 + rows * 16) // 64) * 64
    path.write_bytes(head + bytes(max(0, start - len(head) if size is None else 0)) + data)
    if size is not None:
        os.truncate(path, size)
    return path


@pytest.mark.parametrize(("rows", "columns"), [(0, 0), (0, 4), (4, 0)])
def test_a_segment_without_features_is_damaged(tmp_path, rows, columns):
    with pytest.raises(DamagedSegmentError, match="it has no features"):
        read_segment(write(tmp_path, rows, columns, bytes(16 * rows)))


def test_keys_that_are_all_hole_are_not_read(tmp_path):
    rows = 2**36
    path = write(tmp_path, rows, 1, b"", size=64 + 20 * rows)
    with pytest.raises(DamagedSegmentError, match=f"it has {rows} keys, which are not there"):
        read_segment(path)


def test_a_segment_of_another_width_is_damaged(bank):
    note, _ = paths(bank)
    for columns in (1, 1000):
        data = np.zeros(columns, "<f4").tobytes()
        write(note.parent, 1, columns, b"k" * 16, data)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        # The first that was looked at says what the width is: the backbone's, or one that it is then told of.
        with contextlib.suppress(CompatibilityError):
            features = extract_features(PlainBackbone(), make_images(12), bank=FeatureBank(bank.folder))
            np.testing.assert_array_equal(features, extract_features(PlainBackbone(), make_images(12)))
    assert any("features a row, and others have" in str(one.message) for one in said)
