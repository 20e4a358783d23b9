"""Each wrong combiner is rejected by the check of the property that it breaks, with a small counter-example."""

import numpy as np
import pytest

from ensemblekit import Combiner
from ensemblekit.testing import CheckFailedError, check_combiner
from ensemblekit.testing._combiners import COMBINER_CHECKS

from .wrong import WRONG, Right
from .wrong_promises import BestMember

EXAMPLES = 15
"""Fewer than by default are enough for all of them."""
SMALL = 64
"""Most numbers of a counter-example: mostly a few, but a loaded machine ends the search for smaller ones early."""
BY_CHANCE = {"ShufflesMembersByChance", "DrawsItsWeightsWhenMade"}
"""What fails by chance fails otherwise the next time: its counter-example cannot be made as small."""
NEED_KERAS = {"graphable", "graph_of_any_batch"}


@pytest.mark.parametrize(
    ("wrong", "check"),
    [
        pytest.param(wrong, check, id=wrong.__name__, marks=[pytest.mark.keras] if check in NEED_KERAS else [])
        for wrong, check in WRONG.items()
    ],
)
@pytest.mark.slow
def test_a_wrong_combiner_is_rejected(wrong, check):
    by_chance = wrong.__name__ in BY_CHANCE
    with pytest.raises(CheckFailedError) as caught:
        check_combiner(wrong, max_examples=50 if by_chance else EXAMPLES)
    error = caught.value
    assert error.check == check, str(error)
    assert str(error).startswith(f"{wrong.__name__} breaks the promise {check!r}: ")
    assert sum(array.size for array in error.arrays.values()) <= (256 if by_chance else SMALL)
    assert all(f"{name} = np." in str(error) for name in error.arrays)
    assert by_chance or len(str(error)) < 1500


def test_there_are_more_than_thirty_and_each_is_another():
    assert len(WRONG) >= 30
    bodies = {
        tuple((name, function.__code__.co_code, function.__code__.co_consts, function.__code__.co_names)
              for name, function in sorted(vars(wrong).items()) if hasattr(function, "__code__"))
        + (tuple(sorted(wrong.traits)) if hasattr(wrong, "traits") else ())
        for wrong in WRONG
    }  # fmt: skip
    assert len(bodies) == len(WRONG) == len({wrong.__name__ for wrong in WRONG})


def test_every_check_has_a_combiner_that_it_rejects():
    assert {check.name for check in COMBINER_CHECKS} == set(WRONG.values())


class Plain:
    """Nothing but a right combine."""

    def combine(self, member_probas):
        return member_probas.mean(axis=0)


class Promising(Combiner):
    traits = frozenset({"symmetric", "idempotent", "bounded"})

    def combine(self, member_probas, *, xp=np):
        return xp.mean(member_probas, axis=0)


@pytest.mark.parametrize("right", [Plain, Right, Promising, BestMember, lambda: Plain()])
@pytest.mark.slow
def test_right_ones_pass(right):
    check_combiner(right)
