"""Intervals and tests: what can be told from so many rows or groups, of one model, of two, and of several."""

from ._accuracy_tests import CochranQ, McNemar, cochran_q, holm, mcnemar
from ._comparisons import compare_with_best_member, compare_with_reference
from ._difference_tests import permutation_test, sign_test, wilcoxon_test
from ._intervals import accuracy_interval, bootstrap_interval, score_table
from ._known_groups import find_groups
from ._mean_intervals import mean_interval
from ._paired import paired_bootstrap
from ._rank_tests import Friedman, friedman_test, nemenyi_test
from ._resampling import group_places, resample
from ._unit_intervals import fewest_units

__all__ = [
    "CochranQ",
    "Friedman",
    "McNemar",
    "accuracy_interval",
    "bootstrap_interval",
    "cochran_q",
    "compare_with_best_member",
    "compare_with_reference",
    "fewest_units",
    "find_groups",
    "friedman_test",
    "group_places",
    "holm",
    "mcnemar",
    "mean_interval",
    "nemenyi_test",
    "paired_bootstrap",
    "permutation_test",
    "resample",
    "score_table",
    "sign_test",
    "wilcoxon_test",
]
