"""The command line says how images are read, with the same words as Python."""

import json

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from ensemblekit import InvalidOptionError
from ensemblekit.cli import app
from ensemblekit.cli._image_options import _reader
from ensemblekit.data import ImageReader


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ({}, None),
        ({"window": "40,400"}, ImageReader(window=(40, 400))),
        ({"window": "-600,1500.5"}, ImageReader(window=(-600, 1500.5))),
        ({"window": "bits", "frame": "middle"}, ImageReader(window="bits", frame="middle")),
        ({"frame": "3"}, ImageReader(frame=3)),
        ({"frame": "3,4,5", "channels": "grayscale"}, ImageReader(frame=(3, 4, 5), channels="grayscale")),
        ({"channels": "3,0", "suffix": [".ima", ""]}, ImageReader(channels=(3, 0), suffixes=(".ima", ""))),
    ],
)
def test_words_become_options(texts, expected):
    named = dict.fromkeys(("window", "frame", "channels", "suffix")) | texts
    assert _reader(**named) == expected


@pytest.mark.parametrize("texts", [{"window": "lung"}, {"window": "1,2,3"}, {"frame": "1.5"}, {"channels": "x"}])
def test_other_words_are_refused(texts):
    with pytest.raises(InvalidOptionError, match=next(iter(texts))):
        _reader(**dict.fromkeys(("window", "frame", "channels", "suffix")) | texts)


def test_an_audit_reads_as_it_is_told(tmp_path):
    (tmp_path / "film").mkdir()
    dark = np.arange(0, 4000, 10, dtype=np.uint16).reshape(20, 20)
    Image.fromarray(dark).save(tmp_path / "film" / "a.png")
    np.save(tmp_path / "film" / "b.npy", dark[::-1])
    (tmp_path / "film" / "b.npy").rename(tmp_path / "film" / "b.raw")

    def audit(*options):
        done = CliRunner().invoke(app, ["audit", str(tmp_path), "--json", *options])
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)

    plain = audit()
    assert (len(plain["notes"]), len(plain["unreadable"])) == (1, 1)
    read = audit("--window", "2000,4000", "--suffix", ".raw")
    assert (read["notes"], read["unreadable"], read["n_images"]) == ({}, {}, 2)
