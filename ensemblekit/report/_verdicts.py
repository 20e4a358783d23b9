"""Comparisons as one table with a verdict in each row, instead of a sentence for each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..arguments import typed
from ..errors import InvalidOptionError
from ..evaluation.words import metric_title

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["verdict_table"]

OTHERS = ("best_member", "reference")


@typed()
def verdict_table(comparisons: pd.DataFrame) -> pd.DataFrame:
    """Turn comparisons into a table to show, with a verdict in each row.

    Parameters
    ----------
    comparisons : pandas.DataFrame
        From `compare_with_best_member` or `compare_with_reference`.

    Returns
    -------
    pandas.DataFrame
        One row per model and metric: ``Model``, ``Metric``, the ``Verdict`` in a word or two, the ``Difference`` with
        its interval, ``Low`` and ``High`` (by group if there are groups), ``p``, corrected for the number of models,
        the ``Value``, the ``Other`` model and ``Its value``.

    Raises
    ------
    InvalidOptionError
        If the table has other columns.

    Examples
    --------
    >>> from ensemblekit import Predictions
    >>> from ensemblekit.evaluation import compare_with_reference
    >>> from ensemblekit.report import verdict_table
    >>> fields = {"ids": range(20), "classes": ["cat", "dog"], "labels": ["cat"] * 20}
    >>> models = {name: Predictions([[p, 1 - p]] * 20, **fields) for name, p in {"old": 0.6, "new": 0.7}.items()}
    >>> compared = compare_with_reference(models, "old", metrics=["accuracy"])
    >>> verdict_table(compared)[["Model", "Metric", "Verdict", "Difference"]]
      Model    Metric      Verdict  Difference
    0   new  Accuracy  cannot tell         0.0
    """
    import pandas as pd

    other = next((name for name in OTHERS if name in comparisons.columns), "")
    wanted = {"model", "metric", "value", "member_value", "difference", "p_holm", "verdict"}
    if not other or wanted - {*comparisons.columns}:
        raise InvalidOptionError(
            f"comparisons must have the columns of compare_with_reference or compare_with_best_member; received "
            f"{list(map(str, comparisons.columns))}."
        )
    prefix = "group_" if "group_low" in comparisons.columns else ""
    return pd.DataFrame(
        {
            "Model": comparisons["model"],
            "Metric": [metric_title(name) for name in comparisons["metric"]],
            "Verdict": comparisons["verdict"],
            "Difference": comparisons["difference"],
            "Low": comparisons[f"{prefix}low"],
            "High": comparisons[f"{prefix}high"],
            "p": comparisons["p_holm"],
            "Value": comparisons["value"],
            "Other": comparisons[other],
            "Its value": comparisons["member_value"],
        }
    )
