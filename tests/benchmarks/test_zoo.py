"""The zoo: each model is fused, saved, exported and run with the same output, or refused in one line."""

import os

import pytest

pytest.importorskip("keras")

from benchmarks.model_zoo.alone import run_application
from benchmarks.model_zoo.cells import CELLS, is_kept, run_entry, run_keras_alone
from benchmarks.model_zoo.models import APPLICATIONS, ODD
from benchmarks.zoo import as_markdown

pytestmark = [pytest.mark.keras, pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

LARGE = os.environ.get("ENSEMBLEKIT_FUZZ") == "large"
SOME = {
    "two inputs without names": CELLS, "texts": ("fuse", "saved", "LiteRT"), "one output in a dict": ("fuse", "ONNX"),
    "GELU and LayerNormalization": ("fuse", "ONNX", "LiteRT"), "a layer of the user's own": ("fuse", "saved"),
    "labels, several of which may apply": ("fuse", "saved", "predict_images"), "a Lambda": CELLS,
    "convolutions in groups": ("fuse", "ONNX"),
}  # fmt: skip


@pytest.mark.parametrize(
    "which", [SOME, pytest.param(dict.fromkeys(ODD, CELLS), marks=pytest.mark.skipif(not LARGE, reason="all"))]
)
def test_each_cell_is_a_small_difference_or_a_line_of_ours(which, tmp_path):
    rows, folders = {}, {}
    for number, (name, cells) in enumerate(which.items()):
        folders[name] = tmp_path / str(number)
        folders[name].mkdir()
        rows[name] = run_entry(ODD[name](), folders[name], only=cells)
    for name, cell in run_keras_alone(folders).items():
        rows[name]["Keras alone"] = cell
    faults = {
        (name, cell): said
        for name, row in rows.items()
        for cell, said in row.items()
        if not is_kept(said, half="float" in name)
    }
    assert not faults
    assert sum(said[:1].isdigit() for row in rows.values() for said in row.values()) > 2 * len(which)
    assert as_markdown(rows).count("\n| ") == len(which)


@pytest.mark.parametrize(
    ("name", "only"),
    [pytest.param("MobileNet", ("fuse", "saved"), marks=pytest.mark.long)]
    + [pytest.param(name, CELLS, marks=pytest.mark.skipif(not LARGE, reason="minutes")) for name in APPLICATIONS],
)
def test_networks_of_keras_applications(name, only, tmp_path):
    found = run_application(name, tmp_path, limit=600, only=only)
    assert set(found) == set(only)
    assert all(map(is_kept, found.values())), found
    assert found["fuse"][:1].isdigit()


def test_what_takes_too_long_is_given_up(tmp_path):
    assert run_application("MobileNet", tmp_path, limit=0.1, only=("fuse",), starting=0) == {
        "fuse": "given up after 0.1 s."
    }


def test_a_fault_is_told_from_a_line():
    assert is_kept("3e-08")
    assert is_kept("members must be named.")
    assert not is_kept("1e-04")
    assert is_kept("1e-04", half=True)
    assert not is_kept("RAW TypeError: no")
    assert not is_kept("given up after 600 s.")
