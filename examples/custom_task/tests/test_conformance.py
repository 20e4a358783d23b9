"""Check every promise of the task and its metrics: `pip install "ensemblekit[testing]"`, then `pytest`."""

from functools import partial

import numpy as np
from ensemblekit_survival import Concordance, IntegratedBrier, Survival

from ensemblekit.testing import check_metric, check_task

TIMES = (30, 90, 365)


def curves(values):
    """Turn any numbers into survival curves."""
    shares = np.exp(-np.abs(np.clip(values, -50, 50)) / 10)
    return -np.sort(-shares, axis=-1)


def signed_times(labels):
    """Turn any numbers into signed times > 0, one a row."""
    first = np.clip(np.asarray(labels, dtype=np.float64)[:, :1], -1e6, 1e6)
    return np.repeat(first + np.where(first < 0, -1, 1), labels.shape[1], axis=1)


def all_events(labels):
    """Turn any numbers into different times of events, so that pairs can be compared."""
    rows = 1 + np.arange(len(labels))[:, np.newaxis] + 100 * np.argsort(np.argsort(labels[:, :1], axis=0), axis=0)
    return np.repeat(rows.astype(np.float64), labels.shape[1], axis=1)


REFUSED = [([[0.5, 0.6, 0.4]], TIMES), ([[1.2, 0.6, 0.4]], TIMES), ([[0.9, 0.6]], ("a", "b")), ([[0.9, 0.6]], (2, 1))]


def test_the_task_keeps_its_promises():
    """Run all checks of tasks."""
    check_task(Survival, refused=REFUSED, valid=curves, valid_labels=signed_times, columns=TIMES)


def test_the_brier_score_keeps_its_promises():
    """Run all checks of metrics."""
    check_metric(partial(IntegratedBrier, TIMES), n_classes=3, valid=curves, valid_labels=signed_times)


def test_the_concordance_keeps_its_promises():
    """Run all checks of metrics; it needs pairs that can be compared, and sees one order of columns as any other."""
    check_metric(Concordance, n_classes=3, valid=curves, valid_labels=all_events)
