"""scikit-learn's metrics as functions ``(truth, said) -> float``, by the names of its scorers, greater is better."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["TASKS", "Measures", "measures"]

TASKS = ("multiclass", "binary", "multilabel", "regression")
Measures = dict[str, Callable[[Any, Any], float]]


def measures(task: str = "multiclass") -> Measures:
    """Give the metrics that make sense for a task.

    Parameters
    ----------
    task : str
        One of `TASKS`.

    Returns
    -------
    dict of str to callable
        Name as of a scikit-learn scorer -> function.
    """
    return {"multiclass": _multiclass, "binary": _binary, "multilabel": _multilabel, "regression": _regression}[task]()


def _averaged(averages: tuple[str, ...], decide: Callable[[Any], Any]) -> Measures:
    from sklearn import metrics

    def one(function: Callable[..., Any], average: str) -> Callable[[Any, Any], float]:
        return lambda y, p: function(y, decide(p), average=average)

    kinds = {
        "f1": metrics.f1_score,
        "precision": metrics.precision_score,
        "recall": metrics.recall_score,
        "jaccard": metrics.jaccard_score,
    }
    return {f"{kind}_{average}": one(f, average) for kind, f in kinds.items() for average in averages}


def _of_classes(p: Any) -> Any:
    return p.argmax(axis=1)


def _predicted(function: Callable[..., Any]) -> Callable[[Any, Any], float]:
    return lambda y, p: function(y, _of_classes(p))


def _multiclass() -> Measures:
    from sklearn import metrics

    clusterings = (
        metrics.adjusted_mutual_info_score, metrics.adjusted_rand_score, metrics.completeness_score,
        metrics.fowlkes_mallows_score, metrics.homogeneity_score, metrics.mutual_info_score,
        metrics.normalized_mutual_info_score, metrics.rand_score, metrics.v_measure_score,
    )  # fmt: skip
    return {
        "log_loss": lambda y, p: -metrics.log_loss(y, p),
        "neg_brier_score": lambda y, p: -metrics.brier_score_loss(y, p),
        "accuracy": _predicted(metrics.accuracy_score),
        "balanced_accuracy": _predicted(metrics.balanced_accuracy_score),
        "matthews_corrcoef": _predicted(metrics.matthews_corrcoef),
        **_averaged(("macro", "micro", "weighted"), _of_classes),
        "d2_log_loss_score": metrics.d2_log_loss_score,
        "d2_brier_score": metrics.d2_brier_score,
        "top_k_accuracy": metrics.top_k_accuracy_score,
        "roc_auc_ovr": lambda y, p: metrics.roc_auc_score(y, p, multi_class="ovr"),
        "roc_auc_ovr_weighted": lambda y, p: metrics.roc_auc_score(y, p, multi_class="ovr", average="weighted"),
        "roc_auc_ovo": lambda y, p: metrics.roc_auc_score(y, p, multi_class="ovo"),
        "roc_auc_ovo_weighted": lambda y, p: metrics.roc_auc_score(y, p, multi_class="ovo", average="weighted"),
        "average_precision": metrics.average_precision_score,
        **{function.__name__: _predicted(function) for function in clusterings},
    }


def _binary() -> Measures:
    from sklearn import metrics

    return {
        "log_loss": lambda y, p: -metrics.log_loss(y, p),
        "neg_brier_score": lambda y, p: -metrics.brier_score_loss(y, p[:, 1]),
        "accuracy": _predicted(metrics.accuracy_score),
        "f1": _predicted(metrics.f1_score),
        "precision": _predicted(metrics.precision_score),
        "recall": _predicted(metrics.recall_score),
        "jaccard": _predicted(metrics.jaccard_score),
        "d2_log_loss_score": metrics.d2_log_loss_score,
        "d2_brier_score": lambda y, p: metrics.d2_brier_score(y, p[:, 1]),
        "roc_auc": lambda y, p: metrics.roc_auc_score(y, p[:, 1]),
        "average_precision": lambda y, p: metrics.average_precision_score(y, p[:, 1]),
        "positive_likelihood_ratio": lambda y, p: metrics.class_likelihood_ratios(y, _of_classes(p))[0],
        "neg_negative_likelihood_ratio": lambda y, p: -metrics.class_likelihood_ratios(y, _of_classes(p))[1],
    }


def _multilabel() -> Measures:
    from sklearn import metrics

    def decide(p: Any) -> Any:
        return (p >= 0.5).astype(int)

    return {
        "accuracy": lambda y, p: metrics.accuracy_score(y, decide(p)),
        **_averaged(("macro", "micro", "samples", "weighted"), decide),
        "roc_auc": metrics.roc_auc_score,
        "average_precision": metrics.average_precision_score,
    }


def _regression() -> Measures:
    from sklearn import metrics

    def negated(function: Callable[..., Any]) -> Callable[[Any, Any], float]:
        return lambda y, p: -function(y, p)

    return {
        "neg_mean_squared_error": negated(metrics.mean_squared_error),
        "neg_root_mean_squared_error": negated(metrics.root_mean_squared_error),
        "r2": metrics.r2_score,
        "explained_variance": metrics.explained_variance_score,
        "neg_mean_absolute_error": negated(metrics.mean_absolute_error),
        "d2_absolute_error_score": metrics.d2_absolute_error_score,
        "neg_mean_absolute_percentage_error": negated(metrics.mean_absolute_percentage_error),
        "neg_mean_squared_log_error": negated(metrics.mean_squared_log_error),
        "neg_root_mean_squared_log_error": negated(metrics.root_mean_squared_log_error),
        "neg_mean_poisson_deviance": negated(metrics.mean_poisson_deviance),
        "neg_mean_gamma_deviance": negated(metrics.mean_gamma_deviance),
        "neg_median_absolute_error": negated(metrics.median_absolute_error),
        "neg_max_error": negated(metrics.max_error),
    }
