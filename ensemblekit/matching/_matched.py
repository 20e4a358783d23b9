"""`Matched`: found objects as rows with ids, and what each reader says of them, for the rules that combine it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..arguments import typed
from ..crowd import Votes
from ..errors import InvalidOptionError, InvalidPredictionsError
from ..limits import check_size
from ..predictions import Predictions, PredictionSet, align
from ..predictions.names import as_ids, readonly, shown
from ._regions import Regions

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Matched", "row_means"]


class Matched:
    """Objects that readers have found, one a row.

    Made by `match_regions`.

    Attributes
    ----------
    regions : Regions
        What readers marked.
    row : ndarray of int64 of shape (n_marks,)
        Row of each of them; -1 for those that are left out.
    ids : ndarray of str of shape (n_rows,)
        Names of the rows: keys of the columns ``case`` and ``object``, its number in the case, such as ``scan 7/2``.
    case : ndarray of int64 of shape (n_rows,)
        Position of the case of each row in ``regions.cases``.
    measure, threshold, method : str, float, str
        How they were matched.
    """

    __slots__ = ("case", "ids", "measure", "method", "regions", "row", "threshold")

    case: np.ndarray
    ids: np.ndarray
    measure: str
    method: str
    regions: Regions
    row: np.ndarray
    threshold: float

    def __init__(self, regions: Regions, row: np.ndarray, measure: str, threshold: float, method: str) -> None:
        row = row.astype(np.int64)
        n = int(row.max(initial=-1)) + 1
        case = np.zeros(n, dtype=np.int64)
        case[row[row >= 0]] = regions.case[row >= 0]
        # Objects of a case are numbered by the middle of their marks, from low to high on the last axis first.
        centres = _means(regions.shapes.centres[row >= 0], row[row >= 0], n)
        order = np.lexsort([np.arange(n), *np.round(centres.T, 9), case])
        place = np.empty(n + 1, dtype=np.int64)
        place[order], place[-1] = np.arange(n), -1
        case = case[order]
        number = np.arange(n) - np.searchsorted(case, case) + 1
        ids = as_ids({"case": regions.cases[case], "object": number})
        fields = {
            "case": readonly(case),
            "ids": ids,
            "measure": measure,
            "method": method,
            "regions": regions,
            "row": readonly(place[row]),
            "threshold": threshold,
        }
        for name, value in fields.items():
            object.__setattr__(self, name, value)

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"Matched cannot be changed; {name!r} stays as it is. Match again instead.")

    def __reduce__(self) -> Any:
        return type(self), (self.regions, self.row, self.measure, self.threshold, self.method)

    def __len__(self) -> int:
        return len(self.ids)

    def __repr__(self) -> str:
        left = int((self.row < 0).sum())
        out = f", left_out={left}" if left else ""
        return (
            f"Matched(n_rows={len(self)}, n_marks={len(self.regions)}{out}, measure={self.measure!r}, "
            f"threshold={self.threshold:g}, method={self.method!r})"
        )

    @property
    def n_marked(self) -> np.ndarray:
        """Number of readers who marked each row, shape ``(n_rows,)``."""
        return np.bincount(self.row[self.row >= 0], minlength=len(self))

    @property
    def n_read(self) -> np.ndarray | None:
        """Number of readers who read the case of each row, shape ``(n_rows,)``; None if it is not known."""
        read = self.regions.read
        return None if read is None else read.sum(axis=1)[self.case]

    def table(self) -> pd.DataFrame:
        """List the rows.

        Returns
        -------
        pandas.DataFrame
            Index ``id``; ``case``, ``n_marked``, ``n_read`` if it is known, and the means over the marks of the
            coordinates, the score and the ratings.
        """
        import pandas as pd

        r = self.regions
        columns: dict[str, Any] = {"case": r.cases[self.case], "n_marked": self.n_marked}
        if (n_read := self.n_read) is not None:
            columns["n_read"] = n_read
        columns |= dict(zip(r.names, row_means(self, r.coordinates).T, strict=True))
        if r.score is not None:
            columns["score"] = row_means(self, r.score)
        columns |= {name: row_means(self, values) for name, values in r.ratings.items()}
        return pd.DataFrame(columns, index=pd.Index(self.ids, name="id"))

    def to_frame(self) -> pd.DataFrame:
        """List the marks.

        Returns
        -------
        pandas.DataFrame
            As of `Regions.to_frame`, with the column ``id`` of the row that each is in; None for those left out.
        """
        frame = self.regions.to_frame()
        ids = np.array([*self.ids.tolist(), None], dtype=object)
        frame.insert(0, "id", ids[self.row])
        return frame

    @typed()
    def votes(self, of: str = "label") -> Votes:
        """Let each reader vote on the rows that it has marked.

        Parameters
        ----------
        of : str, default="label"
            ``label``, or the name of a rating with whole numbers.

        Returns
        -------
        Votes
            Items are the ids, raters the readers. An empty rating is an absent vote.

        Raises
        ------
        InvalidOptionError
            If the marks have no such column, or its numbers are not whole.
        """
        import pandas as pd

        r = self.regions
        there = self.row >= 0
        if of == "label" and r.label is not None:
            labels, classes = np.array(r.labels)[r.label], [*r.labels]
        elif of in r.ratings:
            values = r.ratings[of]
            there = there & ~np.isnan(values)
            if (values[there] != np.round(values[there])).any():
                raise InvalidOptionError(
                    f"a vote names a class, and ratings that are to be votes must be whole numbers; those of {of!r} "
                    f"are "
                    f"not. Combine them as numbers: matched.numbers([{of!r}])."
                )
            labels = np.nan_to_num(values).astype(np.int64)
            classes = np.unique(labels[there]).tolist()
        else:
            known = [*(["label"] if r.label is not None else []), *r.ratings]
            raise InvalidOptionError(
                f"votes must be of a label or a rating of the marks; received {of!r}, and they have {shown(known)}. "
                f"Name "
                f"the column when the marks are read: Regions(..., ratings=[{of!r}])."
            )
        if not there.any():
            raise InvalidOptionError(f"votes need a mark with a value; received none of {of!r}.")
        frame = pd.DataFrame({
            "item": self.ids[self.row[there]],
            "rater": np.array([*r.readers])[r.reader[there]],
            "label": labels[there],
        })  # fmt: skip
        return Votes(frame, classes=classes)

    def presence(self) -> Votes:
        """Let each reader who has read a case vote on whether each of its objects is there.

        Returns
        -------
        Votes
            Of the classes ``no`` and ``yes``: yes by who marked it, no by who read the case and did not. Who has not
            read it has no vote.

        Raises
        ------
        InvalidOptionError
            If it is not known who has read what.
        """
        import pandas as pd

        r = self.regions
        read = r.known_read("the vote on whether an object is there")
        rows, who = np.nonzero(read[self.case])
        marked = self._marked()[rows, who]
        frame = pd.DataFrame({
            "item": self.ids[rows],
            "rater": np.array([*r.readers])[who],
            "label": np.where(marked, "yes", "no"),
        })  # fmt: skip
        return Votes(frame, classes=["no", "yes"])

    def _marked(self) -> np.ndarray:
        shape = (len(self), len(self.regions.readers))
        check_size(shape[0] * shape[1], "who has marked what", InvalidPredictionsError)
        marked = np.zeros(shape, dtype=bool)
        there = self.row >= 0
        marked[self.row[there], self.regions.reader[there]] = True
        return marked

    @typed()
    def numbers(self, columns: Sequence[str] | None = None) -> PredictionSet:
        """Take numbers of the marks as predictions of the readers, to combine them: means, medians, weights.

        Parameters
        ----------
        columns : sequence of str, optional
            Coordinates, ``score`` or ratings. By default the coordinates.

        Returns
        -------
        PredictionSet
            Of the task ``regression``: members are the readers, rows the objects, with the case as group. Who did not
            mark a row, or left one of the columns empty, is absent there: that is no 0. Rows without any are left out.

        Raises
        ------
        InvalidOptionError
            If the marks have no such column, or nobody has all of them.
        """
        r = self.regions
        known = dict(zip(r.names, r.coordinates.T, strict=True)) | dict(r.ratings)
        if r.score is not None:
            known["score"] = r.score
        names = [*(r.names if columns is None else columns)]
        if not names or any(name not in known for name in names):
            raise InvalidOptionError(
                f"columns must name coordinates, the score or ratings of the marks; received {shown(names)}, and they "
                f"have {shown([*known])}. Name ratings when the marks are read: Regions(..., ratings=[...])."
            )
        values = np.stack([known[name] for name in names], axis=1)
        there = (self.row >= 0) & ~np.isnan(values).any(axis=1)
        if not there.any():
            raise InvalidOptionError(
                f"columns must be known of a mark at least; received {shown(names)}, known of none."
            )
        kept = np.unique(self.row[there])
        place = np.searchsorted(kept, np.maximum(self.row, 0))
        who = np.unique(r.reader[there])
        check_size(8 * len(who) * len(kept) * len(names), "a number of each reader and row", InvalidPredictionsError)
        members: list[Predictions] = []
        for reader in who.tolist():
            own = there & (r.reader == reader)
            cube = np.full((len(kept), len(names)), np.nan)
            cube[place[own]] = values[own]
            members.append(Predictions(
                readonly(cube), ids=self.ids[kept], classes=names, task="regression", member=str(r.readers[reader]),
                groups="case", missing="renormalize",
            ))  # fmt: skip
        return align(members, missing="renormalize")


def _means(values: np.ndarray, row: np.ndarray, n: int, weight: np.ndarray | None = None) -> np.ndarray:
    total = np.bincount(row, weight, minlength=n)
    sums = [np.bincount(row, column if weight is None else column * weight, minlength=n) for column in values.T]
    with np.errstate(invalid="ignore"):
        return np.stack(sums, axis=1) / total[:, np.newaxis]


def row_means(matched: Matched, values: np.ndarray) -> np.ndarray:
    """Average values of the marks over each row, without the empty ones.

    Parameters
    ----------
    matched : Matched
        The rows.
    values : ndarray of shape (n_marks,) or (n_marks, n_columns)
        Values; NaN if empty.

    Returns
    -------
    ndarray
        Shape ``(n_rows,)`` or ``(n_rows, n_columns)``; NaN where all are empty.
    """
    columns = values if values.ndim == 2 else values[:, np.newaxis]
    there = (matched.row >= 0) & ~np.isnan(columns).any(axis=1)
    found = _means(columns[there], matched.row[there], len(matched))
    return found if values.ndim == 2 else found[:, 0]
