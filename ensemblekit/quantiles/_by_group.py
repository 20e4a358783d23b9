"""`fit_by`: a combiner fitted for each group of rows, such as each horizon, by itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ..arguments import typed
from ..combining import combine, fit_combiner
from ..errors import InvalidOptionError
from ..interfaces import CombinerLike
from ..predictions import Alignable, Predictions, PredictionSet, align
from ..predictions.named import by_id
from ..predictions.names import few, shown

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["FittedBy", "fit_by"]


class FittedBy:
    """A combiner for each group of rows; made by `fit_by`.

    Parameters
    ----------
    combiners : dict
        Group -> fitted combiner. A group is text, or a tuple of several.
    by : tuple of str, or None
        Key columns that say of which group a row is; None if the groups were given.
    """

    def __init__(self, combiners: Mapping[Any, Any], by: tuple[str, ...] | None) -> None:
        self.combiners = dict(combiners)
        self.by = by

    def __repr__(self) -> str:
        return f"FittedBy({len(self.combiners)} groups, by={self.by!r})"

    @typed(but=("predictions", "by"))
    def combine(self, predictions: Alignable, *, by: Any = None) -> Predictions:
        """Combine each row by the combiner of its group.

        Parameters
        ----------
        predictions : PredictionSet, or sequence or mapping of Predictions or paths
            Of the same members and classes.
        by : Series, mapping or array-like of shape (n_samples,), optional
            Group of each row; by default the key columns of the fit.

        Returns
        -------
        Predictions
            Rows in the order of the first member.

        Raises
        ------
        InvalidOptionError
            If there are rows of groups on which nothing was fitted, or groups must be given.
        """
        aligned = predictions if isinstance(predictions, PredictionSet) else align(predictions)
        if by is None and self.by is None:
            raise InvalidOptionError("by must say of which group each row is, as it did in the fit; received nothing.")
        groups, rows_of = _groups(aligned, self.by if by is None else by)
        unknown = [group for group in groups if group not in self.combiners]
        if unknown:
            raise InvalidOptionError(
                f"rows must be of groups that something was fitted on; received also {few(unknown)}. There are "
                f"{shown([*self.combiners])}. Combine those rows by a rule for all of them."
            )
        parts = [combine(aligned.take(aligned.ids[rows]), self.combiners[group])
                 for group, rows in zip(groups, rows_of, strict=True)]  # fmt: skip
        return Predictions.concat(parts).take(aligned.ids)

    def weights(self) -> pd.DataFrame:
        """Show the weights of the members in each group.

        Returns
        -------
        pandas.DataFrame
            One row a group and one column a member.

        Raises
        ------
        InvalidOptionError
            If the combiners have not one weight a member.
        """
        import pandas as pd

        found = {group: getattr(one, "weights_", None) for group, one in self.combiners.items()}
        members = next(iter(self.combiners.values())).members_
        rows = [np.asarray(one) for one in found.values()]  # of None, an array of no axis
        if any(row.shape != (len(members),) for row in rows):
            raise InvalidOptionError(
                "weights need a combiner that learns one weight a member, as pinball_weights does."
            )
        index = [*found]
        named = self.by if self.by is not None and len(self.by) > 1 else None
        index_of_rows: Any = pd.MultiIndex.from_tuples(index, names=named) if named else pd.Index(
            index, name=self.by[0] if self.by else "group"
        )  # fmt: skip
        return pd.DataFrame(np.stack(rows), index=index_of_rows, columns=pd.Index(members, name="member"))


@typed(but=("predictions", "combiner", "by"))
def fit_by(
    predictions: Alignable, combiner: str | CombinerLike, by: Any, *, allow_leakage: bool = False, **options: Any
) -> FittedBy:
    """Fit a combiner for each group of rows by itself, such as each horizon or each series.

    Parameters
    ----------
    predictions : PredictionSet, or sequence or mapping of Predictions or paths
        Labelled, as in `ensemblekit.fit_combiner`.
    combiner : str or Combiner
        As in `ensemblekit.fit_combiner`.
    by : str, tuple of str, Series, mapping or array-like of shape (n_samples,)
        One key column or several by name, or the group of each row.
    allow_leakage : bool, default=False
        As in `ensemblekit.fit_combiner`.
    **options
        Options of the combiner.

    Returns
    -------
    FittedBy
        It combines rows of the same groups.

    Raises
    ------
    InvalidOptionError
        If a column is unknown, or there is not one group a row.

    Notes
    -----
    Groups with few rows have weights that follow chance. Compare with one fit on all rows before you trust them.

    Examples
    --------
    >>> from ensemblekit import Predictions
    >>> from ensemblekit.quantiles import fit_by
    >>> fields = {"ids": [1, 2, 3, 4], "classes": [0.5], "task": "quantile", "labels": [1.0, 2.0, 3.0, 4.0]}
    >>> early = Predictions([[1.0], [2.0], [9.0], [9.0]], member="early", **fields)
    >>> late = Predictions([[8.0], [8.0], [3.0], [4.0]], member="late", **fields)
    >>> fitted = fit_by([early, late], "pinball_weights", by=["day 1", "day 1", "day 2", "day 2"])
    >>> fitted.weights().round(3).to_dict("index")
    {'day 1': {'early': 1.0, 'late': 0.0}, 'day 2': {'early': 0.0, 'late': 1.0}}
    """
    aligned = predictions if isinstance(predictions, PredictionSet) else align(predictions)
    groups, rows_of = _groups(aligned, by)
    fitted = {
        group: fit_combiner(aligned.take(aligned.ids[rows]), combiner, allow_leakage=allow_leakage, options=options)
        for group, rows in zip(groups, rows_of, strict=True)
    }
    return FittedBy(fitted, _names(by))


def _names(by: Any) -> tuple[str, ...] | None:
    if isinstance(by, str):
        return (by,)
    return by if isinstance(by, tuple) and all(isinstance(name, str) for name in by) else None


def _groups(aligned: PredictionSet, by: Any) -> tuple[list[Any], list[np.ndarray]]:
    """Return the groups, sorted, and the rows of each."""
    names = _names(by)
    if names is not None:
        first = aligned[aligned.members[0]]
        columns = [np.asarray(first.key(name)) for name in names]
    else:
        columns = [np.asarray(by_id("by", by, aligned.ids, error=InvalidOptionError))]
    if any(column.shape != aligned.ids.shape for column in columns) or not len(aligned.ids):
        raise InvalidOptionError(
            f"by must say of which group each row is, shape {aligned.ids.shape}; received shape {columns[0].shape}."
        )
    codes = np.zeros(len(aligned.ids), dtype=np.int64)
    for column in columns:
        plain = column if column.dtype.kind in "iuMU" else column.astype(str)  # numbers and dates by value
        values, places = np.unique(plain, return_inverse=True)
        codes = np.unique(codes * len(values) + places, return_inverse=True)[1]
    order = np.argsort(codes, kind="stable")
    rows_of = np.split(order, np.cumsum(np.bincount(codes))[:-1])
    firsts = [[column[rows[0]] for column in columns] for rows in rows_of]
    groups = [tuple(map(_plain, one)) if len(one) > 1 else _plain(one[0]) for one in firsts]
    return groups, rows_of


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, np.datetime64) else value.item() if isinstance(value, np.generic) else value
