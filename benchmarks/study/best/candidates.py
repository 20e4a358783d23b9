"""The candidates: heads on parts of the features, fitted out of fold and on all rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ensemblekit.registry import Registry

N_JOBS = 2
KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "logistic": ("logistic_head", {}),
    "neighbours": ("neighbours_head", {}),
    "trees": ("trees_head", {}),
    "svm": ("svm_head", {"cv": 3}),
    "discriminant": ("discriminant_head", {}),
}
"""Short name of a head -> its registered name and options."""


@dataclass(frozen=True)
class Candidate:
    """One head on one part of the features."""

    name: str
    source: str
    head: str
    options: dict[str, Any] = field(default_factory=dict[str, Any])

    @property
    def backbone(self) -> str:
        """The backbone, with its number where there are several of one name."""
        return self.source.split(".")[0]


def make_candidates(sources: Sequence[str]) -> list[Candidate]:
    """Name every head on every source, ``BACKBONE.PART.HEAD``."""
    return [
        Candidate(f"{source}.{kind}", source, head, options)
        for source in sources
        for kind, (head, options) in KINDS.items()
    ]


def out_of_fold(
    candidates: Sequence[Candidate],
    views: np.ndarray,
    codes: np.ndarray,
    folds: Sequence[tuple[np.ndarray, np.ndarray]],
    registry: Registry,
    progress: Callable[[int, int], None],
) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Predict the rows of each fold with each candidate, fitted on the other folds.

    ``views`` are the features ``(n_views, n, d)`` of the source of the candidates. The result has probabilities
    ``(n, n_classes)`` by candidate, and the reason by candidate that cannot be fitted. ``progress`` is called with the
    number of fits done, and their total.
    """
    n_classes = int(codes.max()) + 1
    probas = {c.name: np.zeros((len(codes), n_classes)) for c in candidates}
    failed: dict[str, str] = {}

    def one(candidate: Candidate, fitted: np.ndarray, held: np.ndarray) -> tuple[str, np.ndarray, Any]:
        try:
            model = _fit(candidate, views[:, fitted], codes[fitted], n_classes, registry)
        except ValueError as error:  # too few rows for this head; the others go on
            return candidate.name, held, error
        return candidate.name, held, predict(model, views[:, held], n_classes)

    jobs = [(one, (c, fitted, held)) for c in candidates for fitted, held in folds]
    for done, (name, held, values) in enumerate(_parallel(jobs), start=1):
        if isinstance(values, ValueError):
            failed.setdefault(name, str(values).partition("\n")[0])
        else:
            probas[name][held] = values
        progress(done, len(jobs))
    return {name: values for name, values in probas.items() if name not in failed}, failed


def fit(candidates: Sequence[Candidate], views: np.ndarray, codes: np.ndarray, registry: Registry) -> dict[str, Any]:
    """Fit candidates of one source on all rows; return the classifiers by name."""
    n_classes = int(codes.max()) + 1
    jobs = [(_fit, (c, views, codes, n_classes, registry)) for c in candidates]
    return {c.name: model for c, model in zip(candidates, _parallel(jobs), strict=True)}


def predict(model: Any, views: np.ndarray, n_classes: int) -> np.ndarray:
    """Average a classifier's probabilities over the views; a class that it never saw gets 0."""
    probas = np.zeros((views.shape[1], n_classes))
    for view in views:
        probas[:, model.classes_] += model.predict_proba(view)
    return probas / probas.sum(axis=1, keepdims=True)


def _fit(candidate: Candidate, views: np.ndarray, codes: np.ndarray, n_classes: int, registry: Registry) -> Any:
    head = registry.create_head(candidate.head, **candidate.options)
    model = head.build((views.shape[-1],), n_classes)
    return model.fit(views.reshape(-1, views.shape[-1]), np.tile(codes, len(views)))


def _parallel(jobs: Sequence[tuple[Callable[..., Any], tuple[Any, ...]]]) -> Any:
    """Run jobs in threads and yield their results in order; each on one core, so that sums are added in one order."""
    from joblib import Parallel, delayed
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        yield from Parallel(n_jobs=N_JOBS, backend="threading", return_as="generator")(
            delayed(run)(*arguments) for run, arguments in jobs
        )
