"""Metrics, uncertainty, diversity and tables of predictions, as numbers and DataFrames; nothing is formatted here."""

from ._calibration import calibration_error, reliability_curve
from ._comparisons import compare_with_best_member, compare_with_reference
from ._conformal import fit_conformal
from ._conformal_results import ConformalIntervals, ConformalSets
from ._diversity import diversity, diversity_matrix
from ._intervals import accuracy_interval, bootstrap_interval, score_table
from ._leave_one_out import leave_one_member_out
from ._metrics import (
    METRICS,
    Metric,
    accuracy,
    balanced_accuracy,
    brier_score,
    confusion_matrix,
    log_loss,
    macro_auroc,
)
from ._paired import McNemar, holm, mcnemar, paired_bootstrap
from ._tables import balance_table, compare_published, repeats_table, results_table
from ._uncertainty import uncertainty, uncertainty_maps
from ._weighted import LOG_LOSS_CLIP

__all__ = [
    "LOG_LOSS_CLIP",
    "METRICS",
    "ConformalIntervals",
    "ConformalSets",
    "McNemar",
    "Metric",
    "accuracy",
    "accuracy_interval",
    "balance_table",
    "balanced_accuracy",
    "bootstrap_interval",
    "brier_score",
    "calibration_error",
    "compare_published",
    "compare_with_best_member",
    "compare_with_reference",
    "confusion_matrix",
    "diversity",
    "diversity_matrix",
    "fit_conformal",
    "holm",
    "leave_one_member_out",
    "log_loss",
    "macro_auroc",
    "mcnemar",
    "paired_bootstrap",
    "reliability_curve",
    "repeats_table",
    "results_table",
    "score_table",
    "uncertainty",
    "uncertainty_maps",
]
