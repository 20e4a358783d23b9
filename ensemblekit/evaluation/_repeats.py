"""What repeats with other seeds have in common, and how far they lie apart."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..arguments import typed
from ..errors import InvalidOptionError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["repeats_table"]


@typed()
def repeats_table(tables: Mapping[Any, pd.DataFrame]) -> pd.DataFrame:
    """Mean and spread of each figure over repeats.

    Parameters
    ----------
    tables : mapping of int to pandas.DataFrame
        Seed -> its table, such as that of `results_table`: the first column names the rows, all others hold figures.
        Rows may come in another order, not others.

    Returns
    -------
    pandas.DataFrame
        A row a row and figure, in the order of the first table: the naming column, ``figure``, ``mean``, ``spread``,
        ``smallest``, ``largest`` and ``n``, the number of repeats.

    Raises
    ------
    InvalidOptionError
        If there is no table, or tables differ in their rows or columns.

    Notes
    -----
    The spread is the sample standard deviation, with ``n - 1``; NaN for one repeat. It says how far one seed is from
    another on the same images, and not how far new images would move the figure: that is in the intervals of
    `score_table`.

    Examples
    --------
    >>> import pandas as pd
    >>> from ensemblekit.evaluation import repeats_table
    >>> runs = {seed: pd.DataFrame({"Model": ["cnn"], "Test Accuracy": [a]}) for seed, a in ((1, 0.5), (2, 0.7))}
    >>> repeats_table(runs).round(3)
      Model         figure  mean  spread  smallest  largest  n
    0   cnn  Test Accuracy   0.6   0.141       0.5      0.7  2
    """
    import pandas as pd

    if not tables:
        raise InvalidOptionError("repeats need one table at least, {seed: table}; received none.")
    (first_seed, first), *others = tables.items()
    name = str(first.columns[0])
    for seed, table in others:
        same = list(table.columns) == list(first.columns) and sorted(table[name]) == sorted(first[name])
        if not same:
            raise InvalidOptionError(
                f"repeats must have the same rows and columns; seed {seed!r} differs from seed {first_seed!r}: "
                f"{list(table.columns)} by {list(table.iloc[:, 0])} against {list(first.columns)} by "
                f"{list(first[name])}."
            )
    if first[name].duplicated().any():
        raise InvalidOptionError(f"each row of a repeat must have a name of its own; received {list(first[name])}.")
    figures = first.columns[1:]
    long = pd.concat([table.melt(id_vars=name, var_name="figure") for table in tables.values()])
    grouped = long.groupby([name, "figure"], sort=False)["value"]
    summary = grouped.agg(mean="mean", spread="std", smallest="min", largest="max", n="size")
    order = pd.MultiIndex.from_product([first[name], figures], names=[name, "figure"])
    return summary.reindex(order).reset_index()
