"""Columns of a table of marks, found by name: cases, readers, coordinates, scores and ratings."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

from ..errors import InvalidPredictionsError
from ..predictions.column_names import columns_called, naming_advice
from ..predictions.joining import order_of
from ..predictions.names import as_ids, plain, shown
from ..predictions.spellings import check_spellings, check_types
from ..predictions.tables import frame_of

__all__ = ["as_frame", "code_column", "find_column", "find_corners", "number_column"]

KNOWN = {
    "case": ("case", "image", "image_id", "scan", "item"),
    "reader": ("reader", "annotator", "rater", "detector", "member", "model"),
    "score": ("score", "confidence"),
    "label": ("label", "class"),
}
"""Names by which a column is recognised, in any case, if the caller names none."""
CORNERS = (
    ("x1", "y1", "z1", "x2", "y2", "z2"),
    ("x1", "y1", "x2", "y2"),
    ("xmin", "ymin", "zmin", "xmax", "ymax", "zmax"),
    ("xmin", "ymin", "xmax", "ymax"),
)
"""Names of the columns of boxes that are recognised, in any case, lower corner first."""
SIZES = ("w", "h", "d", "width", "height", "depth")
"""Names of columns that hold the size of a box, as in COCO, and no corner."""


def as_frame(table: Any, what: str) -> Any:
    """Make a DataFrame of any table: a DataFrame, a polars or Arrow table, a mapping of columns, or records.

    Parameters
    ----------
    table : table, mapping or list of records
        With a name for each column.
    what : str
        What its rows are, for errors.

    Returns
    -------
    DataFrame
    """
    frame = frame_of(table)
    if frame is None:
        raise InvalidPredictionsError(
            f"{what} must be a table with a name for each column (a DataFrame, an Arrow or polars table, a mapping of "
            f"columns, records); received {shown(table, 100)} of the type {type(table).__name__}. Give "
            "pd.DataFrame(rows, columns=['case', 'reader', 'x1', 'y1', 'x2', 'y2'])."
        )
    return frame


def find_column(frame: Any, what: str, given: str | None, *, optional: bool = False, used: Collection[Any] = ()) -> Any:
    """Find a column by the name that is given, or by those that are recognised.

    Parameters
    ----------
    frame : DataFrame
        The table.
    what : {"case", "reader", "score", "label"}
        What the column is.
    given : str or None
        Name that the caller gives.
    optional : bool, default=False
        Whether there may be none, which is None.
    used : collection
        Columns that are something else.

    Returns
    -------
    str or None
    """
    if given is not None:
        return check_column(frame, what, given)
    columns = [*frame.columns]
    found = columns_called(columns, KNOWN[what], used)
    if len(found) == 1:
        return found[0]
    if not found and optional:
        return None
    others = {name for known in KNOWN.values() for name in columns_called(columns, known)} | {*used}
    left = [name for name in columns if name not in others]
    advice = naming_advice(what, found, KNOWN[what], left, frame.__getitem__, numbers=what == "score")
    raise InvalidPredictionsError(
        f"a table of marks must have one column of the {what}; received {shown(columns)}, in which "
        f"{f'{found} could each be it' if found else 'none is known as such'}. {advice}"
    )


def check_column(frame: Any, what: str, name: Any) -> Any:
    """Refuse a name that no column has."""
    if name in frame.columns:
        return name
    raise InvalidPredictionsError(
        f"{what} must name a column of the table of marks; received {name!r}, and the columns are "
        f"{shown([*frame.columns])}."
    )


def find_corners(frame: Any, box: Sequence[str] | None, centre: Sequence[str] | None, radius: str | None) -> Any:
    """Find the columns of coordinates.

    Parameters
    ----------
    frame : DataFrame
        The table.
    box : sequence of str or None
        Columns of a lower and an upper corner.
    centre : sequence of str or None
        Columns of a point.
    radius : str or None
        Column of its radius.

    Returns
    -------
    tuple
        Names of the columns, and whether they are of boxes.
    """
    if box is not None and (centre is not None or radius is not None):
        raise InvalidPredictionsError(
            "regions are boxes, or points with a radius; received box= and centre=. Give one."
        )
    if box is not None:
        names = [check_column(frame, "box", name) for name in box]
        if len(names) % 2 or not 2 <= len(names) <= 6:
            raise InvalidPredictionsError(
                f"box must name the columns of a lower corner and then of an upper one, 2, 4 or 6; received "
                f"{shown(names)}."
            )
        if sizes := [name for name in names if str(name).lower() in SIZES]:
            raise InvalidPredictionsError(
                f"box must name the columns of two corners; received {shown(names)}, of which {shown(sizes)} are "
                "sizes. Add them to the lower corner: table.assign(x2=table['x'] + table['w'], ...)."
            )
        return tuple(names), True
    if centre is None and radius is None:
        for names in CORNERS:
            if (found := _in_any_case(frame, names)) is not None:
                return found, True
        if not columns_called(frame.columns, ["radius"]):
            raise InvalidPredictionsError(
                f"a table of marks must have columns of coordinates; received {shown([*frame.columns])}. Name those of "
                "boxes, box=['x1', 'y1', 'x2', 'y2'], or of points, centre=['x', 'y'], radius='r'."
            )
    if radius is None:
        radius = (_in_any_case(frame, ["radius"]) or ("radius",))[0]
    radius = check_column(frame, "radius", radius)
    if centre is None:
        axes = [name for name in ("x", "y", "z") if columns_called(frame.columns, [name])]
        centre = [*(_in_any_case(frame, axes) or ())]
    names = [check_column(frame, "centre", name) for name in centre]
    if not 1 <= len(names) <= 3:
        raise InvalidPredictionsError(f"centre must name one to three columns; received {shown(names)}.")
    return (*names, radius), False


def _in_any_case(frame: Any, names: Sequence[str]) -> tuple[Any, ...] | None:
    """Find a column for each name, in any case; None if one is not there. Refuse several of one name."""
    found = [columns_called(frame.columns, [name]) for name in names]
    if not all(found):
        return None
    if several := next((columns for columns in found if len(columns) > 1), None):
        raise InvalidPredictionsError(
            f"a table of marks must have one column for each coordinate; received {shown([*frame.columns])}, in which "
            f"{shown(several)} could each be it. Drop one, or name those that count: box=[...], or centre=[...], "
            "radius=...."
        )
    return tuple(columns[0] for columns in found)


def number_column(frame: Any, what: str, name: Any, *, empty: bool = False) -> np.ndarray:
    """Read a column of finite numbers.

    Parameters
    ----------
    frame : DataFrame
        The table.
    what : str
        What the column is, for errors.
    name : str
        Its name.
    empty : bool, default=False
        Whether a cell may be empty, which is NaN.

    Returns
    -------
    ndarray of float64
    """
    column: Any = frame[name]
    try:
        values = np.array(column.astype("float64"), dtype=np.float64)
    except (TypeError, ValueError):
        raise InvalidPredictionsError(
            f"{what} must be numbers; the column {name!r} holds {shown(column.iloc[:3].tolist())}."
        ) from None
    wrong = np.isinf(values) if empty else ~np.isfinite(values)
    if wrong.any():
        row = int(wrong.argmax())
        raise InvalidPredictionsError(
            f"{what} must be finite numbers; {int(wrong.sum())} of the column {name!r} are not, first in row {row}: "
            f"{values[row]}. Drop these rows."
        )
    return values


def code_column(column: Any, what: str) -> tuple[np.ndarray, np.ndarray]:
    """Name the different cells of a column, sorted, and code its rows by them.

    Parameters
    ----------
    column : Series or array
        A name in each row.
    what : str
        What they are, for errors.

    Returns
    -------
    tuple of ndarray
        Names, int64 or text, and the position of that of each row, int64.
    """
    import pandas as pd

    codes, values = pd.factorize(column)
    check_types(column, values.tolist(), f"names of the {what}")
    if (codes < 0).any():
        raise InvalidPredictionsError(
            f"each mark must have a {what}; row {int((codes < 0).argmax())} has none. Name it, or drop the row."
        )
    listed: list[Any] = [plain(value) for value in values.tolist()]
    if all(isinstance(value, float) and value.is_integer() for value in listed):
        listed = [int(value) for value in listed]
    names = as_ids(listed, what=f"names of the {what}")
    check_spellings(names, f"names of the {what}")
    order = order_of(names)
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    return names[order], rank[codes]
