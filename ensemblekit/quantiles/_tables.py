"""What readers of forecasts share: files and tables as one frame, keys of rows, outcomes."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InvalidPredictionsError
from ..predictions import Predictions
from ..predictions.names import few, shown
from ..predictions.tables import frame_of
from ..regular import open_regular

__all__ = ["UNOBSERVED", "as_frame", "check_columns", "numbers_of", "outcomes_of", "predictions_of", "spread"]

SUFFIXES = (".csv", ".parquet")
UNOBSERVED = ("error", "drop")
"""What may become of rows without an outcome."""
MOMENT = r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2})?)?"
VERSIONS = ("as_of", "issue", "issue_date", "version")
"""Columns that say when a table of outcomes was written, and not what they are outcomes of."""
OUTCOME = ("outcome",)
"""A name that no column of text has."""


def as_frame(table: Any, what: str) -> Any:
    """Read a CSV or Parquet file, or take a table of pandas, polars or Arrow."""
    import pandas as pd

    if isinstance(table, (str, os.PathLike)):
        path = Path(table)
        if path.suffix.lower() not in SUFFIXES:
            raise InvalidPredictionsError(
                f"{what} must be a table, or a file that ends in .csv or .parquet; received {path.name!r}."
            )
        with open_regular(path) as file:
            if path.suffix.lower() == ".parquet":
                return pd.read_parquet(file)
            # Codes of places such as 01 are text: only what becomes a number below is read as one.
            return pd.read_csv(file, dtype=str, keep_default_na=False)
    if isinstance(table, pd.Series) and table.name is not None:
        table = table.to_frame()
    frame = frame_of(table)
    if frame is None:
        raise InvalidPredictionsError(f"{what} must be a table or the path of one; received {shown(table)}.")
    return frame


def check_columns(frame: Any, wanted: Sequence[str], what: str, advice: str) -> None:
    """Refuse a table that lacks columns."""
    lacking = [name for name in wanted if name not in frame.columns]
    if lacking:
        raise InvalidPredictionsError(
            f"{what} must have the columns {', '.join(map(repr, wanted))}; it lacks {', '.join(map(repr, lacking))} of "
            f"{shown([*frame.columns])}. {advice}"
        )


def numbers_of(values: Any, what: str) -> np.ndarray:
    """Convert a column to float64; refuse what is no finite number."""
    import pandas as pd

    series: Any = pd.to_numeric(pd.Series(np.asarray(values)), errors="coerce")
    column = series.to_numpy(dtype=np.float64, na_value=np.nan)
    wrong = np.flatnonzero(~np.isfinite(column))
    if len(wrong):
        raise InvalidPredictionsError(
            f"{what} must be finite numbers; {len(wrong)} of {len(column)} are not, the first in row {wrong[0]}: "
            f"{shown(np.asarray(values, dtype=object)[wrong[0]])}. Leave these rows out."
        )
    return column


def outcomes_of(labels: Any, keys: Any, label: str | None) -> Any:
    """Look up the outcome of each row by the key columns that the table of outcomes has; NaN where there is none."""
    import pandas as pd

    if labels is None:
        return None
    frame = as_frame(labels, "labels")
    common = [name for name in keys.columns if name in frame.columns]
    found = label or next(
        (name for name in ("oracle_value", "observation", "value", "y") if name in frame.columns), None
    )
    if not common or found is None or found not in frame.columns:
        raise InvalidPredictionsError(
            f"labels must have a column of outcomes and some of the key columns {shown([*keys.columns])}; received "
            f"{shown([*frame.columns])}. Name the column: label='observation'."
        )
    unused = [name for name in frame.columns if name not in (*common, found, *VERSIONS) and _are_dates(frame[name])]
    if unused:
        raise InvalidPredictionsError(
            f"labels must be matched by all their dates; {', '.join(map(repr, unused))} is no key column of the "
            f"predictions, which have {shown([*keys.columns])}. Give the predictions this column, or drop it if an "
            "outcome does not depend on it."
        )
    known: Any = pd.DataFrame({name: _comparable(frame[name]) for name in common})
    known[OUTCOME] = numbers_of(frame[found].where(frame[found].notna(), np.nan), f"the column {found!r}")
    known = known.drop_duplicates()
    twice = known.duplicated(common)
    if twice.any():
        raise InvalidPredictionsError(
            f"labels must have one outcome for each of {', '.join(map(repr, common))}; {int(twice.sum())} have two, "
            f"the first {shown(known.loc[twice, common].iloc[0].tolist())}. Give the outcomes of one version."
        )
    wanted = pd.DataFrame({name: _comparable(keys[name]) for name in common})
    merged: Any = wanted.merge(known, on=common, how="left")[OUTCOME]
    if len(known) and len(wanted) and merged.isna().all():
        raise InvalidPredictionsError(
            f"labels must have an outcome for a row at least; no value of {', '.join(map(repr, common))} is that of a "
            f"row: labels have {shown(known[common].iloc[0].to_dict())}, the predictions "
            f"{shown(wanted.iloc[0].to_dict())}. Write both in one way, e.g. codes such as '01' as text."
        )
    return merged.set_axis(keys.index)


def _comparable(column: Any) -> Any:
    """Write moments and other values alike, whether they came as text or not."""
    if column.dtype.kind == "M":
        midnight = (column.dt.normalize() == column).all()
        return column.dt.strftime("%Y-%m-%d" if midnight else "%Y-%m-%dT%H:%M:%S")
    if column.dtype.kind == "f" and (column % 1 == 0).all():
        column = column.astype("int64")
    text = column.astype(str)
    if text.str.fullmatch(MOMENT).all() and len(text):
        text = text.str.replace(" ", "T").str.replace(r"(T\d{2}:\d{2})$", r"\1:00", regex=True)
        return text.str.replace("T00:00:00", "") if text.str.fullmatch(r"[^T]*(T00:00:00)?").all() else text
    return text


def _are_dates(column: Any) -> bool:
    """Tell whether a column holds dates, maybe as text."""
    if column.dtype.kind == "M":
        return True
    texts = column.dropna()
    return bool(len(texts)) and column.dtype.kind not in "iufb" and bool(texts.astype(str).str.fullmatch(MOMENT).all())


def predictions_of(
    member: str, keys: Any, values: np.ndarray, levels: Sequence[Any], outcomes: Any,
    unobserved: str,
) -> Predictions:  # fmt: skip
    """Make predictions of the task ``quantile``; leave rows without outcome out, or refuse them."""
    kept = np.ones(len(keys), dtype=bool)
    if outcomes is not None:
        kept = outcomes.notna().to_numpy()
        if not kept.all() and unobserved == "error":
            first = keys[~kept].iloc[0].to_dict()
            raise InvalidPredictionsError(
                f"labels must have an outcome for every row; {int((~kept).sum())} of {len(kept)} of {member!r} have "
                f"none, first {shown(first)}. Give unobserved='drop' to leave these rows out."
            )
    labels = None if outcomes is None else outcomes.to_numpy()[kept]
    return Predictions(
        values[kept], ids=keys[kept].reset_index(drop=True), classes=[*levels], labels=labels, task="quantile",
        member=member,
    )  # fmt: skip


def spread(rows: np.ndarray, columns: np.ndarray, values: np.ndarray, shape: tuple[int, int], who: str,
           names: Sequence[Any], key_of: Any) -> np.ndarray:  # fmt: skip
    """Turn a long table into one row a key and one column a level; refuse what is there twice or not at all."""
    place = rows * shape[1] + columns
    counts = np.bincount(place, minlength=shape[0] * shape[1])
    if counts.max(initial=0) > 1:
        first = int(counts.argmax())
        raise InvalidPredictionsError(
            f"each key must have one value a level; {who} has {counts[first]} at the level {names[first % shape[1]]} "
            f"for {shown(key_of(first // shape[1]))}. Leave one out, or name a further key column."
        )
    if (counts == 0).any():
        first = int(counts.argmin())
        lacking = int((counts.reshape(shape) == 0).any(axis=1).sum())
        raise InvalidPredictionsError(
            f"each key must have all levels {few([*names])}; {who} lacks some for {lacking} of {shape[0]} keys, first "
            f"the level {names[first % shape[1]]} for {shown(key_of(first // shape[1]))}. Leave these out."
        )
    wide = np.empty(shape[0] * shape[1])
    wide[place] = values
    return wide.reshape(shape)
