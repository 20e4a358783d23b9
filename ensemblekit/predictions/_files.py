"""Predictions as files and tables: the methods `save`, `load` and `to_frame`."""

from __future__ import annotations

import os
from collections.abc import Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, Self

from ..arguments import typed
from ._kept import KeptPredictions
from .choices import Task
from .tables import Columns, ReadOptions

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["PredictionFiles"]


class PredictionFiles(KeptPredictions):
    """What `Predictions` inherits: they are written and read whole, and shown as a table."""

    __slots__ = ()

    def to_frame(self) -> pd.DataFrame:
        """Convert to a table with the index ``id``, a column per class, and ``label`` and ``group`` if known.

        Of ids with a key the index is a MultiIndex of its columns.

        Returns
        -------
        pandas.DataFrame
            One row per sample.

        Raises
        ------
        InvalidPredictionsError
            If the predictions are dense, or a class is called ``label`` or ``group`` like a column that is added.
        """
        from ._frame import frame_of

        return frame_of(self)

    @typed()
    def save(
        self, path: str | os.PathLike[str], *, overwrite: bool = False,
        form: Literal["predictions", "table", "votes"] = "predictions",
        id: str | Sequence[str] | None = None, label: str | None = None,  # noqa: A002
        columns: str | Sequence[Hashable] | Mapping[str, Hashable] | None = None, separator: str | None = None,
        decimal: Literal[".", ","] | None = None,
    ) -> None:  # fmt: skip
        """Write to a file, by default so that `load` gives the same predictions, to the bit.

        The write is atomic: after an error the path is unchanged.

        Parameters
        ----------
        path : path-like
            The suffix selects the format: ``.parquet``, ``.csv``, ``.tsv``, ``.csv.gz``, ``.tsv.gz`` or ``.npz``. Dense
            predictions need Parquet or NPZ.
        overwrite : bool, default=False
            Replace an existing file.
        form : {"predictions", "table", "votes"}
            ``table`` writes ids and values alone, such as a submission; ``votes`` writes ids and the most probable
            class of each row (for multilabel, 0 or 1 in a column a class).
        id, label : str, optional
            Names of columns of such a table; ``id`` may be a sequence, for ids with a key. With ``label`` a
            table has the true labels too.
        columns : str, sequence or mapping, optional
            Classes to write in a table, or ``{column: class}``.
        separator, decimal : str, optional
            Characters of a table of text. With a decimal comma, cells are separated by semicolons.

        Raises
        ------
        InvalidPredictionsError
            If the suffix is unknown or the format cannot hold these predictions.
        InvalidOptionError
            If the options do not fit the form, or name unknown classes.
        OutputExistsError
            If the file exists and ``overwrite`` is False, or the path is a folder, a pipe or a device.
        """
        from .formats import save

        table = {"id": id, "label": label, "columns": columns, "separator": separator, "decimal": decimal}
        save(self, path, overwrite=overwrite, form=form, **table)

    @classmethod
    @typed(but=("missing", "task"))
    def load(
        cls, path: str | os.PathLike[str], *, task: Task | None = None,
        id: str | Sequence[str] | None = None,  # noqa: A002
        label: str | Mapping[str, Hashable] | None = None, columns: Columns = None, positive: Any = None,
        missing: Literal["error", "renormalize"] = "error", separator: str | None = None,
        decimal: Literal[".", ","] | None = None, edited: bool = False,
    ) -> Self:  # fmt: skip
        """Read from a file or a folder of parts, with every check.

        Parameters
        ----------
        path : path-like
            A file of `save`; any CSV, TSV or Parquet table with a column of ids and one per class, or of ids and class
            names alone, which are votes; or a folder of such files, the parts of one table.
        task : str, optional
            Task of a table, by default ``multiclass``.
        id : str or sequence of str, optional
            Column of the ids; several are the columns of a key, such as ``["location", "target_date", "horizon"]``. In
            a text file, columns of whole numbers and ISO dates are read as these. By default ``id`` in
            any case, or a first column with a name such as ``image_id``.
        label : str or mapping, optional
            Column of the labels, by default ``label`` if there is one; for several outputs ``{column: class}``.
        columns : str, sequence of str or mapping, optional
            Columns of values, or ``{column: class}``. Others are ignored. By default all but ids and labels.
        positive : str, int, bool or (negative, positive), optional
            Class whose probability is the one column of values. The other is called ``not ...``, or 0 for 1.
        missing : {"error", "renormalize"}
            ``renormalize`` accepts rows without values, for which the member has no prediction.
        separator, decimal : str, optional
            Characters of a text file. By default they are recognised, unless they can mean two things.
        edited : bool, default=False
            Accept a file that was changed since it was saved.

        Returns
        -------
        Predictions
            With the names and metadata of the file. Its ``member`` is None if the file names none, so that what was
            saved without a member comes back equal; `align`, `combine` and others name a path after its file.

        Raises
        ------
        InvalidPredictionsError
            If the file cannot be read as predictions, was changed since it was saved, or exceeds the memory limit; see
            `ensemblekit.limits`.
        InvalidOptionError
            If an option has another kind of value.
        FileNotFoundError
            If the file does not exist.
        """
        from .formats import load

        read = ReadOptions(
            task=task, id=id, label=label, columns=columns, positive=positive, missing=missing, separator=separator,
            decimal=decimal, edited=edited,
        )  # fmt: skip
        make: Any = cls
        return load(path, make, read)
