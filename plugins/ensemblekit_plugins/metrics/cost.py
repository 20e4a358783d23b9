"""Mean cost of decisions, by a table of costs."""

from __future__ import annotations

import copy
from collections.abc import Hashable, Mapping
from typing import Any, Self

import numpy as np

from ensemblekit import hookimpl
from ensemblekit.errors import InvalidOptionError
from ensemblekit.interfaces import Metric

from .class_metric import mean_of_positions

__all__ = ["Cost"]


class Cost(Metric):
    r"""Mean cost of the decisions, each by its true class.

    Parameters
    ----------
    costs : mapping, DataFrame or array-like of shape (n_classes, n_classes), optional
        Cost of each decision: ``{true: {predicted: cost}}`` by class name, or a table with the true classes as index
        and the predicted ones as columns. A pair of equal classes that is left out costs 0. An array has the true
        classes as rows, both axes in the order of the classes. By default each wrong decision costs 1.

    Notes
    -----
    .. math::

        \frac{\sum_i w_i\, K_{y_i d_i}}{\sum_i w_i}

    ``K`` are the costs of each decision for each true class [1]_. Negative costs are gains.

    Tie rule: the first of equally probable classes is decided for.

    References
    ----------
    .. [1] C. Elkan, "The foundations of cost-sensitive learning", IJCAI, 2001.

    Examples
    --------
    >>> import numpy as np
    >>> from ensemblekit_plugins.metrics.cost import Cost
    >>> missed = Cost(costs={"ill": {"well": 10}, "well": {"ill": 1}}).for_classes(("ill", "well"), "multiclass")
    >>> missed.score(np.array([0, 1]), np.array([[0.4, 0.6], [0.3, 0.7]]))
    5.0
    """

    tasks = frozenset({"multiclass"})
    higher_is_better = False
    needs = "decisions"
    dense = True

    def __init__(self, *, costs: Any = None) -> None:
        self.costs = costs
        named = _by_name(costs)
        self.ordered = costs is not None and named is None
        values = [0.0, 1.0] if costs is None else _numbers(costs, named)
        self.range = (float(np.min(values)), float(np.max(values)))
        self._table = np.asarray(costs, dtype=np.float64) if costs is not None and named is None else None

    def for_classes(self, classes: tuple[Hashable, ...], task: str) -> Self:
        settled = copy.copy(self)
        settled._table = self._of(len(classes), classes)
        return settled

    def row_values(self, labels: np.ndarray, predicted: np.ndarray) -> np.ndarray:
        table = self._of(predicted.shape[-1]) if self._table is None else self._table
        if table.shape != (predicted.shape[-1],) * 2:
            raise _refused(table.shape, predicted.shape[-1])
        return mean_of_positions(table[labels, predicted.argmax(axis=-1)])

    def _of(self, n_classes: int, classes: tuple[Hashable, ...] | None = None) -> np.ndarray:
        if self.costs is None:
            return 1.0 - np.eye(n_classes)
        named = _by_name(self.costs)
        if named is None:
            table = np.asarray(self.costs, dtype=np.float64)
            if table.shape != (n_classes, n_classes):
                raise _refused(table.shape, n_classes)
            return table
        if classes is None:
            raise InvalidOptionError(
                "costs by class name must be made positions by for_classes(classes, task) before arrays are scored."
            )
        asked = [(true, decided) for true in classes for decided in classes]
        missing = [pair for pair in asked if pair[0] != pair[1] and pair[1] not in named.get(pair[0], {})]
        unknown = {*named, *(name for row in named.values() for name in row)} - set(classes)
        if missing or unknown:
            raise InvalidOptionError(
                f"costs must name each pair of a true and a predicted class out of {classes!r}; missing {missing[:5]}"
                f"{' and more' if len(missing) > 5 else ''}, unknown {sorted(map(repr, unknown))}. Give "
                "{true: {predicted: cost}}."
            )
        values = [named.get(true, {}).get(decided, 0.0) for true, decided in asked]
        return np.array(values, dtype=np.float64).reshape(n_classes, n_classes)


def _by_name(costs: Any) -> Mapping[Any, Mapping[Any, float]] | None:
    if isinstance(costs, Mapping):
        if not all(isinstance(row, Mapping) for row in costs.values()):
            raise InvalidOptionError(f"costs by name must be {{true: {{predicted: cost}}}}; received {costs!r}.")
        return costs
    if hasattr(costs, "columns") and hasattr(costs, "index"):
        rows = zip(costs.index, costs.to_numpy().tolist(), strict=True)
        return {true: dict(zip(costs.columns, row, strict=True)) for true, row in rows}
    return None


def _numbers(costs: Any, named: Mapping[Any, Mapping[Any, float]] | None) -> np.ndarray:
    values = costs if named is None else [0.0, *(cost for row in named.values() for cost in row.values())]
    try:
        numbers = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        numbers = np.array([np.nan])
    square = named is not None or (numbers.ndim == 2 and numbers.shape[0] == numbers.shape[1])
    if not square or not numbers.size or not np.isfinite(numbers).all():
        raise InvalidOptionError(
            f"costs must be finite numbers, {{true: {{predicted: cost}}}} or a square array; received {costs!r}."
        )
    return numbers


def _refused(shape: tuple[int, ...], n_classes: int) -> InvalidOptionError:
    return InvalidOptionError(
        f"costs must have a row and a column a class; received shape {shape} for {n_classes} classes. Give "
        "{true: {predicted: cost}}."
    )


@hookimpl
def ensemblekit_register_metrics(register: Any) -> None:
    """Register ``cost``."""
    register("cost", Cost)
