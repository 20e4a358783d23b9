"""`Regions`: what readers have marked on cases. Who marked nothing and who has not read are kept apart."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np

from ..arguments import typed
from ..errors import InvalidOptionError, InvalidPredictionsError
from ..predictions.names import readonly, shown
from ._columns import as_frame, check_column, code_column, find_column, find_corners, number_column
from ._masks import Masks, masks_of_image
from ._read_cases import read_cases
from ._shapes import Balls, Boxes, Shapes

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Regions"]


class Regions:
    """Regions that readers have marked on cases: boxes, points with a radius, or masks.

    A reader is an annotator or a detector. Three things are kept apart: a reader who has not read a case; one who has
    read it and marked nothing; one who has marked something.

    Parameters
    ----------
    table : table, mapping or list of records
        A row a mark: a DataFrame, a polars or Arrow table, a mapping of columns, or a list of dicts.
    case, reader : str, optional
        Columns of names, text or whole numbers. By default, in any case, ``case``, ``image``, ``image_id``, ``scan`` or
        ``item``; and ``reader``, ``annotator``, ``rater``, ``detector``, ``member`` or ``model``.
    box : sequence of str, optional
        Columns of the lower corner, then of the upper one, in one to three dimensions and one unit of length. By
        default ``x1, y1, x2, y2`` or ``xmin, ymin, xmax, ymax``, also with ``z``.
    centre : sequence of str, optional
        Columns of a point, for regions that are points with a radius. By default ``x``, ``y`` and ``z``, as far as they
        are there.
    radius : str, optional
        Column of their radius. By default ``radius``.
    label : str, optional
        Column of the class of each mark. By default ``label`` or ``class``, if there is one.
    score : str, optional
        Column of the confidence of each mark, in [0, 1]. By default ``score`` or ``confidence``, if there is one.
    ratings : sequence of str, default=()
        Columns of what readers say of a mark, such as its malignancy. A cell may be empty.
    read : "all", mapping of reader to cases, or table, optional
        Which reader has read which cases: all of the table; those named; or a table with a case and a reader in each
        row. Cases and readers without any mark are known from here. By default it is not known.

    Raises
    ------
    InvalidPredictionsError
        If the table has not these columns, a box has no extent, a radius is not > 0, a number is not finite, or a
        reader has marked a case that it has not read.
    InvalidOptionError
        If an option has another value.

    Notes
    -----
    Marks are sorted by case, reader and then by all that is known of them, so that no result depends on the order of
    the table, nor on that of the readers.

    Examples
    --------
    >>> from ensemblekit.matching import Regions
    >>> regions = Regions(
    ...     {
    ...         "case": ["a", "a", "a"],
    ...         "reader": ["ann", "bo", "bo"],
    ...         "x1": [0, 1, 7],
    ...         "y1": [0, 0, 7],
    ...         "x2": [4, 4, 9],
    ...         "y2": [4, 4, 9],
    ...     },
    ...     read={"ann": ["a", "b"], "bo": ["a"]},
    ... )
    >>> regions
    Regions(n_marks=3, n_cases=2, n_readers=2, kind='boxes')
    """

    __slots__ = ("case", "cases", "label", "labels", "ratings", "read", "reader", "readers", "row", "score", "shapes")

    case: np.ndarray
    cases: np.ndarray
    label: np.ndarray | None
    labels: tuple[Any, ...]
    ratings: Mapping[str, np.ndarray]
    read: np.ndarray | None
    reader: np.ndarray
    readers: tuple[Any, ...]
    row: np.ndarray
    score: np.ndarray | None
    shapes: Shapes

    @typed()
    def __init__(
        self,
        table: Any,
        *,
        case: str | None = None,
        reader: str | None = None,
        box: Sequence[str] | None = None,
        centre: Sequence[str] | None = None,
        radius: str | None = None,
        label: str | None = None,
        score: str | None = None,
        ratings: Sequence[str] = (),
        read: Any = None,
    ) -> None:
        frame = as_frame(table, "marks")
        names, are_boxes = find_corners(frame, box, centre, radius)
        numbers = np.stack([number_column(frame, "coordinates", name) for name in names], axis=1)
        half = len(names) // 2
        shapes: Shapes = (
            Boxes(numbers[:, :half], numbers[:, half:], names)
            if are_boxes
            else Balls(numbers[:, :-1], numbers[:, -1], names)
        )
        self._fill(frame, shapes, case, reader, label, score, ratings, read, {*names})

    def _fill(
        self, frame: Any, shapes: Shapes, case: str | None, reader: str | None, label: str | None, score: str | None,
        ratings: Sequence[str], read: Any, used: Collection[Any] = (),
    ) -> None:  # fmt: skip
        used = {*used, *ratings, *(name for name in (case, reader, label, score) if name is not None)}
        case = find_column(frame, "case", case, used=used)
        reader = find_column(frame, "reader", reader, used={*used, case})
        cases, of_case = code_column(frame[case], "case")
        readers, of_reader = code_column(frame[reader], "reader")
        cases, readers, of_case, of_reader, matrix = read_cases(read, cases, readers, of_case, of_reader)
        label, score = (
            find_column(frame, what, given, optional=True, used=used)
            for what, given in (("label", label), ("score", score))
        )
        scores = None if score is None else _scores(number_column(frame, "scores", score))
        labels, codes = (np.empty(0), None) if label is None else code_column(frame[label], "label")
        rated = {
            name: number_column(frame, "ratings", check_column(frame, "ratings", name), empty=True) for name in ratings
        }
        more = [*rated.values(), *([] if scores is None else [-scores]), *([] if codes is None else [codes])]
        # The last key is the first that counts.
        order = np.lexsort([*more, *shapes.sort_keys()[::-1], of_reader, of_case])
        fields = {
            "case": of_case[order],
            "cases": cases,
            "label": None if codes is None else codes[order],
            "ratings": {name: readonly(values[order]) for name, values in rated.items()},
            "read": matrix,
            "reader": of_reader[order],
            "row": order,
            "score": None if scores is None else scores[order],
        }
        for name, value in fields.items():
            object.__setattr__(self, name, readonly(value) if isinstance(value, np.ndarray) else value)
        object.__setattr__(self, "labels", tuple(labels.tolist()))
        object.__setattr__(self, "readers", tuple(readers.tolist()))
        object.__setattr__(self, "shapes", shapes.take(order))

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"Regions cannot be changed; {name!r} stays as it is. Make new ones instead.")

    def __reduce__(self) -> Any:
        return _restore, (type(self), {slot: getattr(self, slot) for slot in Regions.__slots__})

    def __len__(self) -> int:
        return len(self.case)

    def __repr__(self) -> str:
        return (
            f"Regions(n_marks={len(self)}, n_cases={len(self.cases)}, n_readers={len(self.readers)}, "
            f"kind={self.shapes.kind!r})"
        )

    @property
    def coordinates(self) -> np.ndarray:
        """Coordinates of the marks, ``(n_marks, n_coordinates)``: corners; a point and radius; a centroid and size."""
        return self.shapes.coordinates

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the coordinates."""
        return self.shapes.names

    def to_frame(self) -> pd.DataFrame:
        """Convert to a table.

        Returns
        -------
        pandas.DataFrame
            A row a mark, with ``case``, ``reader``, the coordinates and, as far as they are known, ``label``, ``score``
            and the ratings; indexed by ``row``, the row of the table that was given.
        """
        import pandas as pd

        columns: dict[str, Any] = {
            "case": self.cases[self.case],
            "reader": np.array([*self.readers], dtype=object if not self.readers else None)[self.reader],
            **dict(zip(self.names, self.coordinates.T, strict=True)),
        }
        if self.label is not None:
            columns["label"] = np.array(self.labels)[self.label]
        if self.score is not None:
            columns["score"] = self.score
        return pd.DataFrame({**columns, **self.ratings}, index=pd.Index(self.row, name="row"))

    def known_read(self, why: str) -> np.ndarray:
        """Return who has read what, or say that it must be known.

        Parameters
        ----------
        why : str
            What needs it, for the error.

        Returns
        -------
        ndarray of bool of shape (n_cases, n_readers)
            Whether each reader has read each case.

        Raises
        ------
        InvalidOptionError
            If it is not known.
        """
        if self.read is None:
            raise InvalidOptionError(
                f"{why} needs to know which reader has read which cases: a case without marks is not one that was not "
                f"read; received read=None. Say that all readers have read all cases, Regions(..., read='all'), or "
                f"which: "
                f"read={{{shown(self.readers[0]) if self.readers else '...'}: [...]}}."
            )
        return self.read

    @classmethod
    @typed()
    def from_masks(
        cls,
        masks: Mapping[Any, Mapping[Any, Any]],
        *,
        spacing: Sequence[float] | Mapping[Any, Sequence[float]] | None = None,
        parts: Literal["connected", "numbers"] | None = None,
    ) -> Self:
        """Read regions from masks of the whole image.

        Parameters
        ----------
        masks : mapping of case to mapping of reader to array
            Boolean arrays, or arrays of whole numbers with 0 for none. All readers of a case have one shape. A mask
            without regions says that the reader has read the case.
        spacing : sequence of float, or mapping of case to that, optional
            Distance between voxels on each axis, such as in mm; by default 1.
        parts : {"connected", "numbers"}, optional
            What a region is: each connected part of a number (corners connect), or all voxels of a number. By default
            ``connected`` for boolean arrays and ``numbers`` for those of whole numbers, of which one with the numbers 0
            and 1 alone and several parts is refused, as it could be both.

        Returns
        -------
        Regions
            Of the kind ``masks``, with centroids and sizes as coordinates.

        Raises
        ------
        InvalidPredictionsError
            If an array is no mask or has masked entries, readers of a case have different shapes, or it is not clear
            what a region is.
        """
        import pandas as pd

        rows: list[tuple[Any, Any]] = []
        found: list[tuple[Any, ...]] = []
        read: dict[Any, list[Any]] = {}
        n_axes = 0
        for case, of_case in masks.items():
            step: Any = spacing.get(case) if isinstance(spacing, Mapping) else spacing
            shapes = {who: np.shape(mask) for who, mask in of_case.items()}
            if len({*shapes.values()}) > 1 or (n_axes and any(len(shape) != n_axes for shape in shapes.values())):
                raise InvalidPredictionsError(
                    f"masks of one case must have one shape, and all cases as many axes; received for {shown(case)}: "
                    f"{shown(shapes)}. Resample them to one grid first."
                )
            for who, mask in of_case.items():
                n_axes = len(shapes[who])
                own = masks_of_image(mask, step, f"reader {shown(who)} of {shown(case)}", parts)
                found += own
                rows += [(case, who)] * len(own)
                read.setdefault(who, []).append(case)
        frame = pd.DataFrame(rows, columns=["case", "reader"])
        starts = np.append(0, np.cumsum([len(part[0]) for part in found], dtype=np.int64)).astype(np.int64)
        voxels = np.concatenate([part[0] for part in found]) if found else np.empty(0, dtype=np.int64)
        low, high, middle = (
            np.array([part[k] for part in found], dtype=np.float64).reshape(len(found), n_axes) for k in (1, 2, 3)
        )
        new = object.__new__(cls)
        unit = np.array([part[4] for part in found], dtype=np.float64)
        new._fill(frame, Masks(starts, voxels, low, high, middle, unit), "case", "reader", None, None, (), read)
        return new


def _scores(values: np.ndarray) -> np.ndarray:
    wrong = (values < 0) | (values > 1)
    if wrong.any():
        row = int(wrong.argmax())
        raise InvalidPredictionsError(
            f"scores must be in [0, 1]; {int(wrong.sum())} are not, first {values[row]:g} in row {row}. Scale them, "
            f"or name "
            "the column in ratings= if it is no confidence."
        )
    return values


def _restore(kind: type[Any], slots: Mapping[str, Any]) -> Any:
    new = object.__new__(kind)
    for slot, value in slots.items():
        object.__setattr__(new, slot, readonly(value) if isinstance(value, np.ndarray) else value)
    return new
