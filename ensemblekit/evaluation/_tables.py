"""Tables of metrics, with one row per model, and of repeats. The numbers are not formatted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..arguments import typed
from ..deprecation import takes_old_arguments
from ..errors import InvalidOptionError
from ..predictions import Predictions
from ._metrics import accuracy, log_loss

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["balance_table", "compare_published", "repeats_table", "results_table"]

SPLITS = {"train": "Train", "valid": "Validation", "test": "Test"}
"""Split -> its name in the study's tables."""
COLUMNS = tuple(f"{split} {metric}" for split in SPLITS.values() for metric in ("Loss", "Accuracy"))


@takes_old_arguments(rows="models")
@typed()
def results_table(models: Mapping[str, Mapping[str, Predictions]]) -> pd.DataFrame:
    """Compute the loss and accuracy of each model on each split.

    Parameters
    ----------
    models : mapping of str to mapping of str to Predictions
        Model -> split (``train``, ``valid``, ``test``) -> its labelled predictions.

    Returns
    -------
    pandas.DataFrame
        ``Model`` and the study's six columns, ``Train Loss`` to ``Test Accuracy``; one row per model.

    Raises
    ------
    InvalidPredictionsError
        If predictions have no labels.
    """
    import pandas as pd

    table = [
        {"Model": model}
        | {
            f"{title} {name}": metric(by_split[split])
            for split, title in SPLITS.items()
            for name, metric in (("Loss", log_loss), ("Accuracy", accuracy))
        }
        for model, by_split in models.items()
    ]
    return pd.DataFrame(table, columns=["Model", *COLUMNS])


@typed()
def balance_table(results: pd.DataFrame) -> pd.DataFrame:
    """Compute the study's balance of each model over the splits.

    Parameters
    ----------
    results : pandas.DataFrame
        From `results_table`.

    Returns
    -------
    pandas.DataFrame
        ``Model``, ``Balance``, ``Average Accuracy``, ``Composite``.

    Notes
    -----
    ``balance = 1 - max |a_s - a_t|``, the maximum over the pairs of splits with accuracies ``a``; ``composite = 0.5 *
    balance + 0.5 * average accuracy``.
    """
    import pandas as pd

    accuracies = results[[f"{title} Accuracy" for title in SPLITS.values()]]
    balance = 1 - (accuracies.max(axis=1) - accuracies.min(axis=1))
    average = accuracies.mean(axis=1)
    return pd.DataFrame(
        {
            "Model": results["Model"],
            "Balance": balance,
            "Average Accuracy": average,
            "Composite": 0.5 * balance + 0.5 * average,
        }
    )


@typed()
def compare_published(
    results: pd.DataFrame, runs: Sequence[Mapping[str, Any]], *, name: str = "this run"
) -> pd.DataFrame:
    """Put published results beside the results of the same models.

    Parameters
    ----------
    results : pandas.DataFrame
        From `results_table`.
    runs : sequence of mapping
        Each with ``name`` and ``results``: model -> column -> value.
    name : str, default="this run"
        Name of these results.

    Returns
    -------
    pandas.DataFrame
        ``Model``, ``Run`` and the six columns of `results_table`: for each published model first these results, then
        the published ones. NaN if nothing was published.
    """
    import pandas as pd

    by_model = results.set_index("Model")
    table: list[dict[str, Any]] = []
    for model in dict.fromkeys(model for run in runs for model in run["results"]):
        if model in by_model.index:
            table.append({"Model": model, "Run": name, **by_model.loc[model].to_dict()})
        table += [
            {"Model": model, "Run": run["name"], **run["results"][model]} for run in runs if model in run["results"]
        ]
    return pd.DataFrame(table, columns=["Model", "Run", *COLUMNS])


@typed()
def repeats_table(tables: Mapping[Any, pd.DataFrame]) -> pd.DataFrame:
    """Compute the mean and spread of each column over repeats with other seeds.

    Parameters
    ----------
    tables : mapping of int to pandas.DataFrame
        Seed -> its table, such as that of `results_table`: the first column holds names, all others hold numbers. All
        tables have the same names, in any order.

    Returns
    -------
    pandas.DataFrame
        One row per name and column, in the order of the first table: the name, ``figure``, which is the column, and
        its ``mean``, ``spread``, ``smallest`` and ``largest`` value; ``n``, the number of repeats.

    Raises
    ------
    InvalidOptionError
        If there is no table, or tables differ in their names or columns.

    Notes
    -----
    The spread is the sample standard deviation, with ``n - 1``; NaN for one repeat. It covers the choice of the seed on
    the same images. The intervals of `score_table` cover the choice of the images.

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
