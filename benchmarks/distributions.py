"""Whether combining distributions is worth it: rain and the Bank of England's forecasts, with outturns.

``python benchmarks/distributions.py`` takes a minute. It prints the tables of ``docs/distributions.md``.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import typer
from rich.console import Console

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.forecasts.sets import Forecasts, bank_of_england, rain
from ensemblekit import Predictions, combine, fit_combiner
from ensemblekit.evaluation import compare_with_reference, score_table
from ensemblekit.quantiles import online_weights
from ensemblekit.report import print_table, to_markdown

RULES = ("mean", "median", "linear_pool")
SEED = 0


def judged(forecasts: Forecasts) -> tuple[pd.DataFrame, dict[str, Predictions]]:
    """Fit on what was known before the middle of the time, judge on what was made after it.

    Returns
    -------
    table : pandas.DataFrame
        One row a model: its CRPS with an interval, and the difference to the best member of the first half.
    combined : dict of str to Predictions
        The models on the rows that are judged.
    """
    made, known = forecasts.made, forecasts.known
    middle = made.sort_values().iloc[len(made) // 2]
    ids = np.array(next(iter(forecasts.members.values())).ids)
    before = ids[(known.loc[ids] <= middle).to_numpy()]
    after = ids[(made.loc[ids] >= middle).to_numpy()]
    learned = {name: p.take(before) for name, p in forecasts.members.items()}
    later = {name: p.take(after) for name, p in forecasts.members.items()}
    past = score_table(learned, metrics=["crps"]).set_index("model")["value"]
    best = str(past.idxmin())
    online = online_weights(forecasts.members, cutoff=made, known=known, method="boa").predictions
    models = {
        f"best member, {best}": later[best],
        **{rule: combine(later, rule) for rule in RULES},
        "pinball_weights": combine(later, fit_combiner(learned, "pinball_weights")),
        "pinball_weights of the linear pool": combine(
            later, "linear_pool", weights=_weights(fit_combiner(learned, "pinball_weights"))
        ),
        "inverse_pinball": combine(later, fit_combiner(learned, "inverse_pinball")),
        "online_weights, boa": online.take(after),
    }
    models = {name: p.rename(name) for name, p in models.items()}
    groups = forecasts.groups.loc[after]
    reference = next(iter(models))
    table = score_table(models, metrics=["crps"], groups=groups, seed=SEED).set_index("model")
    paired = compare_with_reference(models, reference, metrics=["crps"], groups=groups, seed=SEED).set_index("model")
    coverage = score_table(models, metrics=["coverage:interval=0.9"], groups=groups, seed=SEED).set_index("model")
    rows = pd.DataFrame({"crps": table["value"], "low": table["low"], "high": table["high"]})
    rows["difference"] = paired["difference"].reindex(rows.index)
    rows["difference low"] = paired["low"].reindex(rows.index)
    rows["difference high"] = paired["high"].reindex(rows.index)
    rows["covered of 90 %"] = coverage["value"].reindex(rows.index)
    return rows.reset_index(), models


def _weights(fitted: object) -> dict[str, float]:
    return dict(zip(fitted.members_, fitted.weights_.tolist(), strict=True))  # type: ignore[attr-defined]


def absolute_errors(forecasts: Forecasts) -> pd.DataFrame:
    """Compute the mean absolute error of each member's median, and of the mean's and the median's, on all rows."""
    models = {
        **forecasts.members,
        **{rule: combine(forecasts.members, rule).rename(rule) for rule in ("mean", "median")},
    }
    table = score_table(models, metrics=["mae:of=0.5"], groups=forecasts.groups, seed=SEED)
    return table[["model", "value", "low", "high"]].rename(columns={"value": "mean absolute error"})


def main(markdown: bool = typer.Option(False, help="Print the tables as they stand in the page.")) -> None:
    """Print the tables."""
    console = Console()
    tables = {}
    for forecasts in (rain(), bank_of_england()):
        if forecasts.name == "rain":
            tables["rain, all rows"] = absolute_errors(forecasts)
        tables[f"{forecasts.name}, the later half"] = judged(forecasts)[0]
    for title, table in tables.items():
        rounded = table.round(3)
        if markdown:
            console.print(f"\n{title}\n\n{to_markdown(rounded)}", soft_wrap=True, markup=False, highlight=False)
        else:
            print_table(rounded, console=console, title=title)


if __name__ == "__main__":
    typer.run(main)
