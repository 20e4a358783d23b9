"""Names and figures of metrics as they stand in sentences and tables; for other rooms."""

from __future__ import annotations

import math

__all__ = ["counted", "decimals_of", "figure", "metric_title"]

NAMES = {
    "auroc": "AUROC", "brier": "Brier", "f1": "F1", "iou": "IoU", "mae": "MAE", "map": "MAP", "mape": "MAPE",
    "mcc": "MCC", "mrr": "MRR", "ndcg": "nDCG", "r2": "R²", "rmse": "RMSE",
}  # fmt: skip
"""Words of names of metrics that are not written in small letters."""
DECIMALS = 3
LARGE, MOST_DECIMALS = 1e15, 15
"""Figures that are larger, or need more decimals, are printed as powers of ten."""
WIDE = 2.0
"""Figures of a metric whose range is wider may all be small, as errors in metres are."""


def metric_title(name: str, *, within: bool = False) -> str:
    """Write the name of a metric for a heading, or ``within`` a sentence: ``log_loss`` as ``Log loss``."""
    words, colon, options = str(name).partition(":")
    title = " ".join(NAMES.get(word, word) for word in words.split("_"))
    if not within:
        title = title[:1].upper() + title[1:]
    return f"{title} ({options})" if colon else title


def counted(number: int, plural: str, *, these: bool = False) -> str:
    """Write a number of things: ``3 rows``, ``1 row``, or ``these 3 rows`` and ``this 1 row``."""
    word = plural
    if number == 1 and plural.endswith("s") and not plural.endswith("ss"):
        word = f"{plural[:-3]}y" if plural.endswith("ies") else plural[:-1]
    which = ("this " if number == 1 else "these ") if these else ""
    return f"{which}{number} {word}"


def decimals_of(*values: float, width: float = math.inf) -> int:
    """Count the decimals of figures: three, or three digits of these values where they are small.

    Parameters
    ----------
    *values : float
        Values of a metric.
    width : float, default=inf
        Width of its range; figures of a narrow one always have three decimals.

    Returns
    -------
    int
        At least 3.
    """
    largest = max((abs(value) for value in values if math.isfinite(value)), default=0.0)
    return max(DECIMALS, 2 - math.floor(math.log10(largest))) if width > WIDE and largest else DECIMALS


def figure(value: float, decimals: int = DECIMALS) -> str:
    """Print a figure; one that is printed as 0 has no sign."""
    if abs(value) >= LARGE or decimals > MOST_DECIMALS:
        return f"{value:.3g}"
    printed = f"{value:.{decimals}f}"
    return printed.lstrip("-") if float(printed) == 0 else printed
