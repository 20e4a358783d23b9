"""Damaged images, models and banks: each is read as it is, or refused in one line, at once and in its own memory."""

import pytest

from tests.fuzz.harness import n_cases, run_cases

WORK = "tests.fuzz.damaged"


def test_edited_images_are_read_or_refused():
    assert run_cases(f"{WORK}:read_edited_image", n_cases(300, 9000)) == []


@pytest.mark.slow
def test_edited_banks_give_the_right_features():
    assert run_cases(f"{WORK}:use_edited_bank", n_cases(60, 2000)) == []


@pytest.mark.slow
def test_cut_and_edited_onnx_files_predict_or_are_refused():
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    assert run_cases(f"{WORK}:open_edited_onnx", n_cases(300, 3000)) == []


@pytest.mark.slow
@pytest.mark.keras
def test_edited_keras_files_predict_or_are_refused():
    pytest.importorskip("keras")
    assert run_cases(f"{WORK}:open_edited_keras", n_cases(100, 1500), seconds=120, memory=8 * 2**30) == []
