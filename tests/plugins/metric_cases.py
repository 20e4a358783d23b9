"""Every registered metric with drawn predictions, and what scikit-learn says of them."""

from functools import partial

import numpy as np
import sklearn.metrics as sk


def drawn(kind, seed, n=60, width=4, ties=False, absent=False):
    """Draw labels and predictions; with ties by rounding, and with a class that no label names."""
    rng = np.random.default_rng(seed)
    if kind == "regression":
        labels = rng.normal(size=(n, width))
        predicted = labels + rng.normal(size=(n, width))
        return (np.round(labels), np.round(predicted)) if ties else (labels, predicted)
    if kind == "multilabel":
        labels = (rng.random((n, width)) < 0.4).astype(np.int64)
        labels[:2] = [[0], [1]]
        labels[:, -1] *= not absent
        predicted = np.clip(0.6 * rng.random((n, width)) + 0.4 * labels * rng.random((n, width)), 1e-6, 1 - 1e-6)
        return labels, np.round(predicted * 8 + 0.5) / 9 if ties else predicted
    known = max(2, width - absent)
    labels = np.r_[np.arange(known), rng.integers(known, size=n)][:n]
    predicted = np.array([rng.dirichlet(0.8 + np.eye(width)[code]) for code in labels]) + 1e-3
    if absent and seed % 2:  # and is never decided for
        predicted[:, -1] *= 0.01
    if ties:
        predicted = np.round(predicted * 4) + 1
    return labels, predicted / predicted.sum(axis=1, keepdims=True)


def weights_for(seed, n):
    """Draw weights of rows."""
    return np.random.default_rng(seed + 1).uniform(0.1, 3, n)


def by_class(function, kind, y, p, w, *, decided=False, average="macro"):
    """Ask scikit-learn about each class against the rest, and average where it is defined."""
    values, shares = [], []
    one = p.argmax(axis=1) if kind == "multiclass" else p >= 0.5
    for c in range(p.shape[1]):
        true, chosen = (y == c, one == c) if kind == "multiclass" else (y[:, c] == 1, one[:, c])
        if decided or 0 < true.sum() < len(true):
            values.append(function(true, chosen if decided else p[:, c], sample_weight=w))
            shares.append((np.ones(len(y)) if w is None else w)[true].sum() if average == "weighted" else 1.0)
    known = ~np.isnan(values)
    return np.average(np.array(values)[known], weights=np.array(shares)[known])


def on_decisions(function, kind, y, p, w, **options):
    """Ask scikit-learn about the decisions, of all positions alike."""
    decided = p.argmax(axis=-1) if kind == "multiclass" else (p >= 0.5).astype(int)
    if decided.ndim > (1 if kind == "multiclass" else 2):
        w = None if w is None else np.repeat(w, decided[0].size // (1 if kind == "multiclass" else p.shape[-1]))
        shape = (-1,) if kind == "multiclass" else (-1, p.shape[-1])
        y, decided = y.reshape(shape), decided.reshape(shape)
    return function(y, decided, sample_weight=w, **options)


def area(average, kind, y, p, w):
    """Ask scikit-learn for the area of all classes, or of those that have one."""
    whole = len(np.unique(y)) == p.shape[1] > 2 if kind == "multiclass" else (y.any(axis=0) & ~y.all(axis=0)).all()
    if whole:
        return sk.roc_auc_score(y, p, sample_weight=w, multi_class="ovr", average=average)
    return by_class(sk.roc_auc_score, kind, y, p, w, average=average)


def precision(kind, y, p, w):
    """Ask scikit-learn for the average precision; of two classes, for that of the second."""
    if kind == "multiclass" and p.shape[1] == 2:
        return sk.average_precision_score(y, p[:, 1], sample_weight=w)
    if kind == "multiclass" and len(np.unique(y)) == p.shape[1]:
        return sk.average_precision_score(y, p, sample_weight=w)
    return by_class(sk.average_precision_score, kind, y, p, w)


def brier(kind, y, p, w):
    """Add the scores of the classes, or average those of the labels."""
    truth = (y[:, np.newaxis] == np.arange(p.shape[1])).astype(float) if kind == "multiclass" else y
    return sk.mean_squared_error(truth, p, sample_weight=w) * (p.shape[1] if kind == "multiclass" else 1)


def log_loss(kind, y, p, w):
    """Give the log loss of classes, or the mean of those of the labels."""
    if kind == "multiclass":
        return sk.log_loss(y, p, sample_weight=w, labels=range(p.shape[1]))
    return np.mean([sk.log_loss(y[:, c], p[:, c], sample_weight=w, labels=[0, 1]) for c in range(p.shape[1])])


def top_k(k, kind, y, p, w):
    """Turn the order of the classes round: of equals scikit-learn takes the last."""
    last = p.shape[1] - 1
    return sk.top_k_accuracy_score(last - y, p[:, ::-1], k=k, sample_weight=w, labels=range(p.shape[1]))


def cost(table, kind, y, p, w):
    """Weigh the confusion matrix by the costs."""
    counts = on_decisions(sk.confusion_matrix, kind, y, p, w, labels=range(len(table)), normalize="all")
    return (counts * table).sum()


def on_numbers(function, kind, y, p, w, **options):
    """Ask scikit-learn about numbers."""
    return function(y, p, sample_weight=w, **options)


COSTS = np.array([[0.0, 1, 4, 9], [2, 0, 1, 3], [5, 2, -1, 1], [7, 6, 2, 0]])
MULTICLASS, MULTILABEL, REGRESSION = "multiclass", "multilabel", "regression"
decided = partial(partial, on_decisions)
numbers = partial(partial, on_numbers)
each = partial(partial, by_class, decided=True)

CASES = {
    ("accuracy", MULTICLASS): decided(sk.accuracy_score),
    ("balanced_accuracy", MULTICLASS): decided(sk.balanced_accuracy_score),
    ("log_loss", MULTICLASS): log_loss,
    ("brier_score", MULTICLASS): brier,
    ("macro_auroc", MULTICLASS): partial(area, "macro"),
    ("weighted_auroc", MULTICLASS): partial(area, "weighted"),
    ("average_precision", MULTICLASS): precision,
    ("f1_macro", MULTICLASS): decided(sk.f1_score, average="macro"),
    ("f1_micro", MULTICLASS): decided(sk.f1_score, average="micro"),
    ("f1_weighted", MULTICLASS): decided(sk.f1_score, average="weighted"),
    ("f1:of=1", MULTICLASS): decided(sk.f1_score, labels=[1], average="macro"),
    ("mcc", MULTICLASS): decided(sk.matthews_corrcoef),
    ("kappa", MULTICLASS): decided(sk.cohen_kappa_score),
    ("kappa:weights=linear", MULTICLASS): decided(sk.cohen_kappa_score, weights="linear", labels=range(4)),
    ("kappa:weights=quadratic", MULTICLASS): decided(sk.cohen_kappa_score, weights="quadratic", labels=range(4)),
    ("top_k", MULTICLASS): partial(top_k, 2),
    ("top_k:k=3", MULTICLASS): partial(top_k, 3),
    ("cost", MULTICLASS): decided(sk.zero_one_loss),
    ("dice", MULTICLASS): decided(sk.f1_score, average="macro"),
    ("iou", MULTICLASS): decided(sk.jaccard_score, average="macro"),
    ("iou:of=1", MULTICLASS): decided(sk.jaccard_score, labels=[1], average="macro"),
    ("accuracy", MULTILABEL): decided(sk.accuracy_score),
    ("subset_accuracy", MULTILABEL): decided(sk.accuracy_score),
    ("hamming_loss", MULTILABEL): decided(sk.hamming_loss),
    ("ranking_loss", MULTILABEL): numbers(sk.label_ranking_loss),
    ("balanced_accuracy", MULTILABEL): each(sk.balanced_accuracy_score),
    ("log_loss", MULTILABEL): log_loss,
    ("brier_score", MULTILABEL): brier,
    ("macro_auroc", MULTILABEL): partial(area, "macro"),
    ("weighted_auroc", MULTILABEL): partial(area, "weighted"),
    ("average_precision", MULTILABEL): precision,
    ("f1:of=1", MULTILABEL): decided(sk.f1_score, labels=[1], average="macro"),
    ("f1_macro", MULTILABEL): decided(sk.f1_score, average="macro"),
    ("f1_micro", MULTILABEL): decided(sk.f1_score, average="micro"),
    ("f1_weighted", MULTILABEL): decided(sk.f1_score, average="weighted"),
    ("mcc", MULTILABEL): each(sk.matthews_corrcoef),
    ("kappa", MULTILABEL): each(sk.cohen_kappa_score),
    ("dice", MULTILABEL): decided(sk.f1_score, average="macro"),
    ("iou", MULTILABEL): decided(sk.jaccard_score, average="macro"),
    ("squared_error", REGRESSION): numbers(sk.mean_squared_error),
    ("rmse", REGRESSION): numbers(sk.root_mean_squared_error),
    ("mae", REGRESSION): numbers(sk.mean_absolute_error),
    ("absolute_error", REGRESSION): numbers(sk.mean_absolute_error),
    ("mape", REGRESSION): numbers(sk.mean_absolute_percentage_error),
    ("r2", REGRESSION): numbers(sk.r2_score),
    ("median_absolute_error", REGRESSION): numbers(sk.median_absolute_error),
    ("pinball", REGRESSION): numbers(sk.mean_pinball_loss),
    ("pinball:quantile=0.9", REGRESSION): numbers(sk.mean_pinball_loss, alpha=0.9),
}
"""Metric and kind of values -> what scikit-learn says: ``(kind, labels, predicted, sample_weight) -> float``."""

WITHOUT_ORACLE = {
    ("calibration_error", MULTICLASS), ("calibration_error:strategy=mass", MULTICLASS),
    ("calibration_error", MULTILABEL), ("median_percentage_error", REGRESSION),
}  # fmt: skip
"""scikit-learn has none of these; there are cases by hand."""


def named(cases):
    """Give pairs of a metric and a kind readable names in pytest."""
    return [f"{kind}-{name}" for name, kind in cases]
