"""Metrics, uncertainty, diversity and tables of predictions, as numbers and DataFrames; nothing is formatted here."""

from ._conformal import fit_conformal
from ._conformal_results import ConformalIntervals, ConformalSets
from ._diversity import diversity, diversity_matrix
from ._leave_one_out import leave_one_member_out
from ._metrics import accuracy, accuracy_interval, log_loss
from ._tables import balance_table, compare_published, results_table
from ._uncertainty import uncertainty, uncertainty_maps

__all__ = [
    "ConformalIntervals",
    "ConformalSets",
    "accuracy",
    "accuracy_interval",
    "balance_table",
    "compare_published",
    "diversity",
    "diversity_matrix",
    "fit_conformal",
    "leave_one_member_out",
    "log_loss",
    "results_table",
    "uncertainty",
    "uncertainty_maps",
]
