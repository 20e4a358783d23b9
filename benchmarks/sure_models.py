"""How often intervals miss the figures of sure models that are calibrated: their errors are rare, and may not be seen.

``python benchmarks/sure_models.py`` takes two minutes on one core. All rows have one confidence.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
import typer
from rich.console import Console

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from ensemblekit import Predictions
from ensemblekit.evaluation import score_table
from ensemblekit.report import print_table, to_markdown

CONFIDENCES = (0.9, 0.97, 0.99, 0.999)
ROWS = (10, 30, 100)
METRICS = ("log_loss", "brier_score", "calibration_error")


def truths(confidence: float) -> np.ndarray:
    """Compute the figures of infinitely many rows, in the order of the metrics."""
    rest = 1 - confidence
    return np.array([-confidence * np.log(confidence) - rest * np.log(rest), 2 * confidence * rest, 0.0])


def missed(confidence: float, n: int, repeats: int, n_resamples: int) -> np.ndarray:
    """Count how often each interval misses."""
    wrong, truth = np.zeros(len(METRICS)), truths(confidence)
    for repeat in range(repeats):
        right = np.random.default_rng([repeat, n]).random(n) < confidence
        labels = np.where(right, "cat", "dog")
        p = Predictions([[confidence, 1 - confidence]] * n, ids=range(n), classes=["cat", "dog"], labels=labels)
        table = score_table({"m": p}, metrics=METRICS, n_resamples=n_resamples, seed=repeat)
        wrong += (table["low"] > truth + 1e-9) | (table["high"] < truth - 1e-9)
    return wrong / repeats


def main(
    repeats: Annotated[int, typer.Option(help="Simulated models of each setting.", min=10)] = 200,
    n_resamples: Annotated[int, typer.Option(help="Resamples of each interval.", min=99)] = 399,
    markdown: Annotated[Path | None, typer.Option(help="Write the table as Markdown.")] = None,
) -> None:
    """Simulate, and print how often each interval misses; at most 0.05 is allowed."""
    rows = []
    for n in ROWS:
        shares = np.stack([missed(confidence, n, repeats, n_resamples) for confidence in CONFIDENCES], axis=1)
        for metric, each in zip(METRICS, shares, strict=True):
            cells = [f"{share:.3f}" for share in each]
            rows.append({"metric": metric, "rows": n} | dict(zip(map(str, CONFIDENCES), cells, strict=True)))
    table = pd.DataFrame(rows).sort_values(["metric", "rows"], kind="stable", ignore_index=True)
    print_table(table, title=f"Share of wrong intervals, by confidence; {repeats} repeats", console=Console())
    if markdown is not None:
        markdown.write_text(to_markdown(table), encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
