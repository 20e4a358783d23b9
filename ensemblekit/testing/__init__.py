"""The conformance kit: checks that a plugin keeps its promises, and shows a small counter-example if it does not.

Needs the extra ``testing``: ``pip install "ensemblekit[testing]"``.

Examples
--------
>>> from ensemblekit.testing import parametrize_with_combiner_checks
>>> class Mean:
...     def combine(self, member_probas):
...         return member_probas.mean(axis=0)
>>> @parametrize_with_combiner_checks([Mean])
... def test_mean(check):
...     check()
"""

from importlib import import_module

from ..errors import CheckFailedError, MissingDependencyError

for _needed in ("hypothesis", "pytest"):
    try:
        import_module(_needed)
    except ImportError as error:
        raise MissingDependencyError(
            f'ensemblekit.testing needs {_needed}, which is not installed: pip install "ensemblekit[testing]".'
        ) from error

# ruff: noqa: E402 - the error for a missing package must come before these imports
from ._backbones import check_backbone
from ._chainers import check_chainer
from ._combiners import check_combiner
from ._foreign import ForeignReport, assert_foreign, check_foreign, foreign_promises
from ._heads import check_head
from ._metrics import check_metric
from ._pytest import (
    parametrize_with_backbone_checks,
    parametrize_with_chainer_checks,
    parametrize_with_combiner_checks,
    parametrize_with_foreign_checks,
    parametrize_with_head_checks,
    parametrize_with_metric_checks,
    parametrize_with_task_checks,
)
from ._report import run_checks
from ._running import CheckResult
from ._strategies import labels, member_probas, prediction_sets, weights
from ._tasks import check_task
from ._training import training_predictions

__all__ = [
    "CheckFailedError",
    "CheckResult",
    "ForeignReport",
    "assert_foreign",
    "check_backbone",
    "check_chainer",
    "check_combiner",
    "check_foreign",
    "check_head",
    "check_metric",
    "check_task",
    "foreign_promises",
    "labels",
    "member_probas",
    "parametrize_with_backbone_checks",
    "parametrize_with_chainer_checks",
    "parametrize_with_combiner_checks",
    "parametrize_with_foreign_checks",
    "parametrize_with_head_checks",
    "parametrize_with_metric_checks",
    "parametrize_with_task_checks",
    "prediction_sets",
    "run_checks",
    "training_predictions",
    "weights",
]
