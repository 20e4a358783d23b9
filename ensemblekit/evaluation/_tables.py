"""Tables of metrics, a row a model: numbers, not formatted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..arguments import typed
from ..predictions import Predictions
from ._metrics import accuracy, log_loss

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["balance_table", "compare_published", "results_table"]

SPLITS = {"train": "Train", "valid": "Validation", "test": "Test"}
"""Split -> what the study calls it in its tables."""
FIGURES = tuple(f"{split} {figure}" for split in SPLITS.values() for figure in ("Loss", "Accuracy"))


@typed()
def results_table(rows: Mapping[str, Mapping[str, Predictions]]) -> pd.DataFrame:
    """Loss and accuracy of each model on each split.

    Parameters
    ----------
    rows : mapping of str to mapping of str to Predictions
        Model -> split (``train``, ``valid``, ``test``) -> its labelled predictions.

    Returns
    -------
    pandas.DataFrame
        ``Model`` and the study's six columns, ``Train Loss`` to ``Test Accuracy``; a row a model.

    Raises
    ------
    InvalidPredictionsError
        If predictions have no labels.
    """
    import pandas as pd

    table = [
        {"Model": model}
        | {
            f"{title} {figure}": metric(by_split[split])
            for split, title in SPLITS.items()
            for figure, metric in (("Loss", log_loss), ("Accuracy", accuracy))
        }
        for model, by_split in rows.items()
    ]
    return pd.DataFrame(table, columns=["Model", *FIGURES])


@typed()
def balance_table(results: pd.DataFrame) -> pd.DataFrame:
    """The study's balance of each model over the splits.

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
    ``balance = 1 - max |a_s - a_t|`` over the pairs of splits, of accuracies ``a``; ``composite = 0.5 * balance + 0.5 *
    average accuracy``.
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
    """Put published figures beside those of the same models.

    Parameters
    ----------
    results : pandas.DataFrame
        From `results_table`.
    runs : sequence of mapping
        Each with ``name`` and ``results``: model -> column -> figure.
    name : str, default="this run"
        What these results are called.

    Returns
    -------
    pandas.DataFrame
        ``Model``, ``Run`` and the six columns of `results_table`: for each published model first these
        results, then the others. NaN where nothing was published.
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
    return pd.DataFrame(table, columns=["Model", "Run", *FIGURES])
