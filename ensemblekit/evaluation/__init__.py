"""Metrics, uncertainty, diversity and tables of predictions, as numbers and DataFrames; nothing is formatted here."""

from typing import TYPE_CHECKING, Any

from ..deprecation import warn_deprecated
from ._asked_metrics import AskedMetric, find_metric, find_metrics, statistic
from ._calibration import calibration_error, confidence_bins, reliability_curve
from ._diversity import diversity, diversity_matrix
from ._leave_one_out import leave_one_member_out
from ._metrics import (
    METRICS,
    MetricFunction,
    accuracy,
    balanced_accuracy,
    brier_score,
    confusion_matrix,
    log_loss,
    macro_auroc,
)
from ._models import Models, aligned_models, named_models
from ._tables import balance_table, compare_published, repeats_table, results_table
from ._uncertainty import uncertainty, uncertainty_maps
from ._weighted import LOG_LOSS_CLIP, N_BINS
from .conformal import (
    ConformalIntervals,
    ConformalLabels,
    ConformalSets,
    Selective,
    aurc,
    fit_conformal,
    fit_selective,
    risk_coverage_curve,
)
from .significance import (
    CochranQ,
    Friedman,
    McNemar,
    accuracy_interval,
    bootstrap_interval,
    cochran_q,
    compare_with_best_member,
    compare_with_reference,
    friedman_test,
    group_places,
    holm,
    mcnemar,
    mean_interval,
    nemenyi_test,
    paired_bootstrap,
    permutation_test,
    score_table,
    sign_test,
    wilcoxon_test,
)

__all__ = [
    "LOG_LOSS_CLIP",
    "METRICS",
    "N_BINS",
    "AskedMetric",
    "CochranQ",
    "ConformalIntervals",
    "ConformalLabels",
    "ConformalSets",
    "Friedman",
    "McNemar",
    "MetricFunction",
    "Models",
    "Selective",
    "accuracy",
    "accuracy_interval",
    "aligned_models",
    "aurc",
    "balance_table",
    "balanced_accuracy",
    "bootstrap_interval",
    "brier_score",
    "calibration_error",
    "cochran_q",
    "compare_published",
    "compare_with_best_member",
    "compare_with_reference",
    "confidence_bins",
    "confusion_matrix",
    "diversity",
    "diversity_matrix",
    "find_metric",
    "find_metrics",
    "fit_conformal",
    "fit_selective",
    "friedman_test",
    "group_places",
    "holm",
    "leave_one_member_out",
    "log_loss",
    "macro_auroc",
    "mcnemar",
    "mean_interval",
    "named_models",
    "nemenyi_test",
    "paired_bootstrap",
    "permutation_test",
    "reliability_curve",
    "repeats_table",
    "results_table",
    "risk_coverage_curve",
    "score_table",
    "sign_test",
    "statistic",
    "uncertainty",
    "uncertainty_maps",
    "wilcoxon_test",
]


if not TYPE_CHECKING:  # a type checker would take every name for one of this module

    def __getattr__(name: str) -> Any:
        """Answer for the name that is also that of the base class of all metrics."""
        if name == "Metric":
            warn_deprecated(
                "ensemblekit.evaluation.Metric", "ensemblekit.evaluation.MetricFunction, or ensemblekit.Metric"
            )
            return MetricFunction
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
