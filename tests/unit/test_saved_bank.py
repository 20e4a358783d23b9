"""A bank that version 0.1 wrote is read as it is: the same bits, and nothing is computed again.

Written by ``python -m tests.unit.test_saved_bank FOLDER`` with that version.
"""

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from ensemblekit import AffineViews, FeatureBank, extract_features
from tests.plain_backbone import make_images

SAVED = Path(__file__).parent / "saved_0_1" / "bank"
IMAGES = make_images(12, size=16)
VIEWS = {"augmentation": AffineViews(seed=3), "n_views": 2}


class SmallCNN:
    """A frozen convolutional network of fixed weights."""

    name, fingerprint = "small_cnn", "small-cnn-1"

    def build(self, input_shape):
        import keras

        model = keras.Sequential(
            [
                keras.Input(input_shape),
                keras.layers.Rescaling(1 / 255),
                keras.layers.Conv2D(8, 3, activation="relu"),
                keras.layers.GlobalAveragePooling2D(),
            ]
        )
        rng = np.random.default_rng(0)
        model.set_weights([rng.normal(size=weights.shape) for weights in model.get_weights()])
        model.trainable = False
        return model


class NeverBuilt(SmallCNN):
    """The same backbone; to compute anything with it is an error."""

    def build(self, input_shape):
        raise AssertionError("features that are in the bank are computed again")


def extracted(backbone, folder):
    """Extract in three calls, which write three segments in two folders of the bank."""
    bank = FeatureBank(folder)
    return {
        "some": np.array(extract_features(backbone, IMAGES[:9], bank=bank)),
        "all": np.array(extract_features(backbone, IMAGES, bank=bank)),
        "views": np.array(extract_features(backbone, IMAGES, bank=bank, **VIEWS)),
    }


def test_a_bank_of_version_0_1_gives_the_same_bits_and_nothing_is_computed_again(tmp_path):
    shutil.copytree(SAVED / "features", tmp_path / "features")
    expected = np.load(SAVED / "expected.npz")
    found = extracted(NeverBuilt(), tmp_path / "features")
    assert {name: array.tobytes() for name, array in found.items()} == {
        name: expected[name].tobytes() for name in ("some", "all", "views")
    }


def test_it_is_described_and_cleared_as_one_of_today(tmp_path):
    shutil.copytree(SAVED / "features", tmp_path / "features")
    bank = FeatureBank(tmp_path / "features")
    about = {(one.backbone, one.fingerprint, one.input_shape, one.rows, one.columns) for one in bank.collections()}
    assert about == {("small_cnn", "small-cnn-1", (16, 16, 3), rows, 8) for rows in (12, 24)}
    notes = [json.loads(path.read_text()) for path in (tmp_path / "features").glob("*/shelf.json")]
    assert {note["augmentation"] for note in notes} == {None, repr(VIEWS["augmentation"])}
    assert bank.clear() > 0
    assert list((tmp_path / "features").iterdir()) == []


def test_old_names_still_work_and_say_the_new_ones():
    import ensemblekit.features

    bank = FeatureBank(SAVED / "features")
    with pytest.warns(DeprecationWarning, match=r"^FeatureBank\.shelves\(\) is .* use FeatureBank\.collections\(\)\."):
        assert bank.shelves() == bank.collections()
    with pytest.warns(DeprecationWarning, match=r"\.ShelfInfo is .* use ensemblekit\.features\.CollectionInfo\."):
        assert ensemblekit.features.ShelfInfo is type(bank.collections()[0])


if __name__ == "__main__":
    np.savez(Path(sys.argv[1]) / "expected.npz", **extracted(SmallCNN(), Path(sys.argv[1]) / "features"))
