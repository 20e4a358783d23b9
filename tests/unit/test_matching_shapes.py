"""What a region is: parts of a mask, and boxes and points whose size is a number."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from ensemblekit.errors import InvalidOptionError, InvalidPredictionsError
from ensemblekit.matching import Regions, fuse_boxes, match_regions


def marks(*rows: tuple[Any, ...], columns: str = "case reader x1 y1 x2 y2") -> pd.DataFrame:
    return pd.DataFrame(rows, columns=columns.split())


def test_what_a_region_of_numbers_is_must_be_clear() -> None:
    image = np.zeros((6, 6), dtype=np.uint8)
    image[0, 0] = image[1, 1] = image[4, 4] = 1
    message = (
        r"numbers 0 and 1 has one region, or one for each connected part; received one with 2 parts from reader 'ann"
    )
    with pytest.raises(InvalidPredictionsError, match=message):
        Regions.from_masks({"a": {"ann": image}})
    sizes = {parts: sorted(Regions.from_masks({"a": {"ann": image}}, parts=parts).coordinates[:, -1].tolist())
             for parts in ("connected", "numbers")}  # fmt: skip
    assert sizes == {"connected": [1, 2], "numbers": [3]}
    as_bool, as_ones = (Regions.from_masks({"a": {"ann": image > 0}}, parts=parts) for parts in (None, "numbers"))
    assert (len(as_bool), len(as_ones)) == (2, 1)
    image[0, 5], image[5, 0] = 2, 2
    assert len(Regions.from_masks({"a": {"ann": image}})) == 2
    assert len(Regions.from_masks({"a": {"ann": image}}, parts="connected")) == 4
    touching = np.array([[1, 1, 2, 2]])
    assert len(Regions.from_masks({"a": {"ann": touching}}, parts="connected")) == 2
    with pytest.raises(InvalidOptionError, match=r"parts must be one of 'connected', 'numbers'"):
        Regions.from_masks({"a": {"ann": image}}, parts="all")  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("corner", [1e300, 1e80])
def test_boxes_whose_size_is_no_number_are_refused(corner: float) -> None:
    table = marks(("a", "ann", 0, 0, corner, corner), ("a", "bo", 0, 0, corner, corner))
    with pytest.raises(
        InvalidPredictionsError, match=r"each box must have coordinates from -1e\+70 to 1e\+70.*2 are not"
    ):
        Regions(table)
    with pytest.raises(InvalidPredictionsError, match="1e-70 wide or more"):
        Regions(marks(("a", "ann", 0, 0, 1 / corner, 1 / corner)))
    points = pd.DataFrame({"case": ["a"], "reader": ["ann"], "x": [0.0], "y": [0.0], "radius": [corner]})
    with pytest.raises(InvalidPredictionsError, match="each region must have coordinates"):
        Regions(points)
    edge = marks(("a", "ann", 0, 0, 1e70, 1e70), ("a", "bo", 0, 0, 1e70, 1e70))
    assert match_regions(Regions(edge, read="all")).n_marked.tolist() == [2]


@pytest.mark.parametrize("method", ["weighted", "non_maximum_weighted", "nms", "soft_nms"])
def test_no_marks_at_all_are_fused_to_no_boxes(method: Any) -> None:
    nothing = Regions(marks(("a", "ann", 0, 0, 1, 1))[:0], read={"ann": ["a"]})
    assert fuse_boxes(nothing, method).to_frame().empty
    nobody = Regions(marks(("a", "ann", 0, 0, 1, 1))[:0], read="all")
    assert fuse_boxes(nobody, method).to_frame().empty
