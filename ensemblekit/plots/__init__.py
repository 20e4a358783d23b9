"""Plots of predictions as matplotlib figures, without pyplot: no global state and no window. Nothing is computed here.

Each function returns a ``matplotlib.figure.Figure``. Save it with ``figure.savefig``, show it as the last line of a
notebook cell, or give it to `ensemblekit.report.write_page`.
"""

from ._cost import plot_cost, plot_frontier
from ._heat_maps import plot_confusion, plot_diversity
from ._learning import plot_learning_curves
from ._pictures import plot_copies, plot_disagreement
from ._quantiles import plot_pit, plot_quantile_coverage
from ._reliability import plot_reliability
from ._scores import plot_scores
from ._sets import plot_risk_coverage, plot_set_sizes
from ._style import ROLES

__all__ = [
    "ROLES",
    "plot_confusion",
    "plot_copies",
    "plot_cost",
    "plot_disagreement",
    "plot_diversity",
    "plot_frontier",
    "plot_learning_curves",
    "plot_pit",
    "plot_quantile_coverage",
    "plot_reliability",
    "plot_risk_coverage",
    "plot_scores",
    "plot_set_sizes",
]
