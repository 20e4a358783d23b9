"""Metrics and tasks that are each wrong in a way of its own, and the check that must say so."""

import numpy as np

from ensemblekit import Metric, Task
from ensemblekit.errors import InvalidOptionError

WRONG = {}
"""Class -> the name of the check that must reject it."""
WRONG_TASKS = {}
"""The same of tasks."""


def breaks(check, wrong_ones=WRONG):
    def mark(wrong):
        wrong_ones[wrong] = check
        return wrong

    return mark


class Hits(Metric):
    """The accuracy, which is right; most of the wrong ones are it with one mistake."""

    needs = "decisions"

    def row_values(self, labels, predicted):
        return predicted.argmax(axis=-1) == labels


class Squared(Metric):
    """The squared error of a regression, which is right."""

    tasks = frozenset({"regression"})
    needs = "numbers"
    higher_is_better = False
    range = (0.0, np.inf)

    def row_values(self, labels, predicted):
        return ((labels - predicted) ** 2).mean(axis=-1)


class Recall(Metric):
    """The recall of each class or of one, which is right, and no mean of rows."""

    needs = "decisions"
    by_class = True

    def __init__(self, of=None):
        self.of = of

    def score(self, labels, predicted, *, sample_weight=None):
        weights = np.ones(len(labels)) if sample_weight is None else sample_weight
        right = weights * (predicted.argmax(axis=-1) == labels)
        places = range(predicted.shape[-1]) if self.place is None else [self.place]
        counts = [(right[labels == k].sum(), weights[labels == k].sum()) for k in places]
        return float(np.mean([hit / n for hit, n in counts if n] or [np.nan]))


# What it says of itself.


@breaks("contract")
class OfUnknownTasks(Hits):
    tasks = frozenset({"ranking"})


@breaks("contract")
class TasksAsText(Hits):
    tasks = "multiclass"


@breaks("contract")
class NumbersOfClasses(Hits):
    needs = "numbers"


@breaks("contract")
class NoDirection(Hits):
    higher_is_better = None


@breaks("contract")
class EmptyRange(Hits):
    range = (1.0, 1.0)


@breaks("contract")
class NoMethods:
    name, tasks, higher_is_better, range, needs, dense = "no", {"multiclass"}, True, (0.0, 1.0), "decisions", False


# Values.


@breaks("range")
class InPercent(Hits):
    def row_values(self, labels, predicted):
        return 100.0 * super().row_values(labels, predicted)


@breaks("range")
class Raises(Hits):
    def row_values(self, labels, predicted):
        if len(labels) < 2:
            raise ValueError("too few rows")
        return super().row_values(labels, predicted)


@breaks("range")
class Warns(Recall):
    def score(self, labels, predicted, *, sample_weight=None):
        np.mean(labels[labels > 1])
        return super().score(labels, predicted, sample_weight=sample_weight)


@breaks("range")
class AnArray(Recall):
    def score(self, labels, predicted, *, sample_weight=None):
        return np.array([super().score(labels, predicted, sample_weight=sample_weight)])


@breaks("defined")
class OfManyRows(Recall):
    def score(self, labels, predicted, *, sample_weight=None):
        if len(labels) < 4:
            return float("nan")
        return super().score(labels, predicted, sample_weight=sample_weight)


@breaks("perfect")
class LossThatIsAScore(Hits):
    higher_is_better = False


@breaks("perfect")
class Confidence(Hits):
    needs = "probabilities"

    def row_values(self, labels, predicted):
        return 1 - predicted.max(axis=-1)


@breaks("perfect")
class Bias(Squared):
    range = (-np.inf, np.inf)

    def row_values(self, labels, predicted):
        return (predicted - labels).mean(axis=-1)


# Rows and weights.


@breaks("order_of_rows")
class FirstHalf(Recall):
    def score(self, labels, predicted, *, sample_weight=None):
        half = slice(0, (len(labels) + 1) // 2)
        weights = None if sample_weight is None else sample_weight[half]
        return super().score(labels[half], predicted[half], sample_weight=weights)


@breaks("row_values")
class SumOfRows(Hits):
    range = (0.0, np.inf)

    def score(self, labels, predicted, *, sample_weight=None):
        weights = np.ones(len(labels)) if sample_weight is None else sample_weight
        return float(self.row_values(labels, predicted) @ weights)


@breaks("row_values")
class OneValueForAll(Hits):
    def row_values(self, labels, predicted):
        return super().row_values(labels, predicted).mean()

    def score(self, labels, predicted, *, sample_weight=None):
        return float(np.average(super().row_values(labels, predicted), weights=sample_weight))


@breaks("weights")
class IgnoresWeights(Recall):
    def score(self, labels, predicted, *, sample_weight=None):
        return super().score(labels, predicted)


@breaks("weights")
class CountsWeights(Recall):
    def score(self, labels, predicted, *, sample_weight=None):
        total = len(labels) if sample_weight is None else sample_weight.sum()
        return super().score(labels, predicted, sample_weight=sample_weight) * (1 - 1 / (total + 9)) / (1 - 0)


@breaks("of_weights")
class OtherWhenResampled(Recall):
    def of_weights(self, labels, predicted):
        return lambda weights: np.full(weights.shape[1], self.score(labels, predicted))


@breaks("of_weights")
class OneForAllResamples(Recall):
    def of_weights(self, labels, predicted):
        return lambda weights: self.score(labels, predicted, sample_weight=weights[:, 0])


# Classes and decisions.


@breaks("decisions")
class SeesProbabilities(Hits):
    def row_values(self, labels, predicted):
        return np.take_along_axis(predicted, labels[:, np.newaxis], axis=1)[:, 0]


@breaks("order_of_classes")
class FirstClassCountsTwice(Hits):
    def row_values(self, labels, predicted):
        return super().row_values(labels, predicted) * np.where(labels == 0, 1, 0.5)


@breaks("by_class")
class AnyClass(Recall):
    def for_classes(self, classes, task):
        return self


@breaks("by_class")
class UnknownClassIsAKeyError(Recall):
    def for_classes(self, classes, task):
        try:
            return super().for_classes(classes, task)
        except InvalidOptionError:
            raise KeyError(self.of) from None


@breaks("by_class")
class ByNoClass(Hits):
    by_class = True


# Arguments and state.


@breaks("arguments")
class SortsItsArguments(Hits):
    def row_values(self, labels, predicted):
        hits = super().row_values(labels, predicted)
        predicted.sort(axis=-1)
        return hits


@breaks("arguments")
class Remembers(Hits):
    def row_values(self, labels, predicted):
        self.last = len(labels)
        return super().row_values(labels, predicted)


@breaks("arguments")
class Counts(Recall):
    calls = iter(range(10**9))

    def score(self, labels, predicted, *, sample_weight=None):
        return super().score(labels, predicted, sample_weight=sample_weight) * (1 - 1e-3 * (next(self.calls) % 2))


# Tasks.


class Amounts(Task):
    """Numbers >= 0, which is right."""

    kind = "regression"
    metrics = ("rmse", "mae")

    def check(self, probas, classes):
        if (probas < 0).any():
            raise ValueError("amounts must be >= 0")

    check_labels = check


@breaks("contract", WRONG_TASKS)
class OfAnotherKind(Amounts):
    kind = "ranking"


@breaks("contract", WRONG_TASKS)
class OneNameForAll(Amounts):
    metrics = "rmse"


@breaks("contract", WRONG_TASKS)
class NoMetric(Amounts):
    metrics = ()


@breaks("metrics", WRONG_TASKS)
class UnknownMetric(Amounts):
    metrics = ("rmsee",)


@breaks("metrics", WRONG_TASKS)
class MetricOfClasses(Amounts):
    metrics = ("accuracy",)


@breaks("metrics", WRONG_TASKS)
class NotForMasks(Task):
    dense_metrics = ("calibration_error",)


@breaks("rows_alone", WRONG_TASKS)
class NeedsTwoRows(Amounts):
    def check(self, probas, classes):
        if len(probas) < 2:
            raise ValueError("two rows at least")


@breaks("rows_alone", WRONG_TASKS)
class RefusesAbsentRows(Amounts):
    def check(self, probas, classes):
        if not (probas >= 0).all():
            raise ValueError("amounts must be >= 0")


@breaks("rows_alone", WRONG_TASKS)
class Asserts(Amounts):
    def check(self, probas, classes):
        assert (np.nan_to_num(probas) >= 0).all()


@breaks("rows_alone", WRONG_TASKS)
class SaysFalse(Amounts):
    def check(self, probas, classes):
        return bool((probas >= 0).all())


@breaks("rows_alone", WRONG_TASKS)
class RoundsInPlace(Amounts):
    def check(self, probas, classes):
        np.round(probas, out=probas)


@breaks("rows_alone", WRONG_TASKS)
class SaysNothing(Amounts):
    def check(self, probas, classes):
        if (probas < 0).any():
            raise ValueError


@breaks("mean_admitted", WRONG_TASKS)
class WholeNumbers(Amounts):
    def check(self, probas, classes):
        known = probas[np.isfinite(probas)]
        if (known != np.round(known)).any():
            raise ValueError("counts must be whole")


@breaks("complete", WRONG_TASKS)
class DropsAColumn(Amounts):
    def complete(self, probas, classes):
        return probas[..., :1] * 2


@breaks("baseline", WRONG_TASKS)
class BaselineOfOneNumber(Amounts):
    def baseline(self, labels, n_classes, *, sample_weight=None):
        return np.float64(0)


@breaks("baseline", WRONG_TASKS)
class BaselineWithoutWeights(Amounts):
    def baseline(self, labels, n_classes, *, sample_weight=None):
        return super().baseline(labels, n_classes)


@breaks("baseline", WRONG_TASKS)
class CountsAsShares(Task):
    def baseline(self, labels, n_classes, *, sample_weight=None):
        return np.bincount(labels.ravel(), minlength=n_classes).astype(float)


@breaks("baseline", WRONG_TASKS)
class BaselineThatItRefuses(Amounts):
    def baseline(self, labels, n_classes, *, sample_weight=None):
        return super().baseline(labels, n_classes, sample_weight=sample_weight) - 1
