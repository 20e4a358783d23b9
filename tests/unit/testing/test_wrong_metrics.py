"""Each wrong metric and task is rejected by the check of what it breaks, with a small counter-example."""

import numpy as np
import pytest

from ensemblekit import Metric, Task
from ensemblekit.errors import InvalidOptionError
from ensemblekit.testing import CheckFailedError, check_metric, check_task, run_checks
from ensemblekit.testing._metrics import METRIC_CHECKS
from ensemblekit.testing._tasks import TASK_CHECKS

from .wrong_metrics import WRONG, WRONG_TASKS, Amounts, Hits, Recall, Squared

EXAMPLES = 10
"""Fewer than by default are enough for all of them."""
SMALL = 60
"""Most numbers of a counter-example."""
BY_CHANCE = {"Counts"}


@pytest.mark.parametrize(("wrong", "check"), [pytest.param(w, c, id=w.__name__) for w, c in WRONG.items()])
def test_a_wrong_metric_is_rejected(wrong, check):
    with pytest.raises(CheckFailedError) as caught:
        check_metric(wrong, max_examples=EXAMPLES)
    error = caught.value
    assert error.check == check, str(error)
    assert str(error).startswith(f"{wrong.__name__} breaks the promise {check!r}: ")
    assert sum(array.size for array in error.arrays.values()) <= SMALL
    assert len(str(error)) < 1500


@pytest.mark.parametrize(("wrong", "check"), [pytest.param(w, c, id=w.__name__) for w, c in WRONG_TASKS.items()])
def test_a_wrong_task_is_rejected(wrong, check):
    with pytest.raises(CheckFailedError) as caught:
        check_task(wrong, max_examples=EXAMPLES)
    assert caught.value.check == check, str(caught.value)


def test_a_task_that_admits_what_its_author_says_it_refuses_is_rejected():
    check_task(Amounts, refused=[([[-1.0]], ["a"])], max_examples=2)
    with pytest.raises(CheckFailedError, match="it admits what it must refuse") as caught:
        check_task(Amounts, refused=[([[1.0]], ["a"])], max_examples=2)
    assert caught.value.check == "refuses"


def test_every_check_has_one_that_it_rejects():
    assert {check.name for check in METRIC_CHECKS} == set(WRONG.values())
    assert {check.name for check in TASK_CHECKS} == {*WRONG_TASKS.values(), "refuses"}


class Plain:
    """Right, without the base class."""

    name, tasks, higher_is_better, range, needs, dense = "plain", {"multiclass"}, True, (0.0, 1.0), "decisions", False

    def score(self, labels, predicted, *, sample_weight=None):
        return float(np.average(predicted.argmax(axis=-1) == labels, weights=sample_weight))

    def of_weights(self, labels, predicted):
        return lambda weights: (predicted.argmax(axis=-1) == labels) @ weights / weights.sum(axis=0)


class FirstClass(Hits):
    """The order of its classes means something, and it says so."""

    ordered = True

    def row_values(self, labels, predicted):
        return (predicted.argmax(axis=-1) == 0) == (labels == 0)


class Dense(Hits):
    """A mean over the places of each row."""

    dense = True

    def row_values(self, labels, predicted):
        return (predicted.argmax(axis=-1) == labels).reshape(len(labels), -1).mean(axis=1)


class OfLabels(Metric):
    tasks = frozenset({"multilabel"})
    needs = "decisions"

    def row_values(self, labels, predicted):
        return ((predicted >= 0.5) == labels).all(axis=-1)


RIGHT = {right.__name__: right for right in (Hits, Squared, Recall, Plain, FirstClass, Dense, OfLabels)}


@pytest.mark.parametrize("right", [*RIGHT.values(), lambda: Plain()], ids=[*RIGHT, "lambda"])
def test_right_metrics_pass(right):
    check_metric(right, max_examples=EXAMPLES)


@pytest.mark.parametrize("right", [Amounts, Task], ids=["Amounts", "Task"])
def test_right_tasks_pass(right):
    check_task(right, max_examples=EXAMPLES)


def test_expected_failures_and_labels():
    reasons = {"perfect": "it rewards doubt"}
    doubtful = next(wrong for wrong in WRONG if wrong.__name__ == "Confidence")
    check_metric(doubtful, expected_failed_checks=reasons, max_examples=EXAMPLES)
    with pytest.raises(CheckFailedError, match="was expected to fail the check 'perfect'"):
        check_metric(Hits, expected_failed_checks=reasons, max_examples=EXAMPLES)
    with pytest.raises(InvalidOptionError, match=r"must name checks; received 'prefect'\. Did you mean 'perfect'\?"):
        check_metric(Hits, expected_failed_checks={"prefect": "a slip"})
    results = list(run_checks("metric", doubtful, label="doubt", max_examples=EXAMPLES))
    assert [r.check for r in results if r.status == "failed"] == ["perfect"]
    assert "doubt breaks the promise" in str(next(r.error for r in results if r.error))
    assert {r.status for r in run_checks("task", Amounts, max_examples=2)} == {"passed", "skipped"}
