"""A right `combine` alone makes a whole combiner; weights are settled by member name, once."""

from collections import OrderedDict

import numpy as np
import pytest

from ensemblekit import Backbone, Chainer, Combiner, Head, InvalidOptionError, Member
from ensemblekit.interfaces import TRAITS


class Pick(Combiner):
    """The first member, with or without weights."""

    def __init__(self, weights=None, *, depth=3):
        self.weights = weights
        self.depth = depth

    def combine(self, member_probas, *, xp=np):
        return member_probas[0]


def test_combine_must_be_written():
    class Nothing(Combiner):
        pass

    with pytest.raises(NotImplementedError, match=r"Nothing must define combine\(member_probas, \*, xp=numpy\)"):
        Nothing().combine(np.ones((1, 1, 2)))


def test_fit_learns_nothing_by_default():
    combiner = Pick()
    before = dict(vars(combiner))
    assert combiner.fit(None) is combiner
    assert vars(combiner) == before


def test_a_combiner_promises_nothing_by_default_and_takes_every_task():
    assert Pick.traits == frozenset()
    assert Pick.tasks == {"multiclass", "multilabel", "regression"}
    assert len(TRAITS) == 6


def test_without_weights_there_is_nothing_to_settle():
    combiner = Pick()
    assert combiner.for_members(("k", "m")) is combiner


@pytest.mark.parametrize(
    "weights",
    [[1, 3], (1, 3), np.array([1, 3]), {"k": 1, "m": 3}, {"m": 3, "k": 1}, OrderedDict(m=3.0, k=np.float32(1))],
)
def test_weights_are_put_in_the_order_of_the_members(weights):
    combiner = Pick(weights)
    settled = combiner.for_members(("k", "m"))
    assert settled.weights.tolist() == [1, 3]
    assert settled.weights.dtype == np.float64
    assert combiner.weights is weights
    assert settled.depth == 3


def test_one_weight_may_be_zero():
    assert Pick({"k": 0, "m": 2}).for_members(("k", "m")).weights.tolist() == [0, 2]


RULE = r"weights must be finite and >= 0 with a positive sum; received "
MEMBERS = r" for members \('k', 'm'\)"


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([np.nan, 1], RULE + r"\[nan, 1\.0\]" + MEMBERS),
        ([np.inf, 1], RULE + r"\[inf, 1\.0\]" + MEMBERS),
        ([-1, 2], RULE + r"\[-1\.0, 2\.0\]" + MEMBERS),
        ([0, 0], RULE + r"\[0\.0, 0\.0\]" + MEMBERS),
        ([1e308, 1e308], RULE + r"\[1e\+308, 1e\+308\]" + MEMBERS),
        ({"k": -1, "m": 2}, RULE + r"\[-1\.0, 2\.0\]"),
        (["much", "little"], RULE + r"\['much', 'little'\]"),
        ([[1], [2, 3]], RULE),
        ([1, 2, 3], r"one value a member; received shape \(3,\) for 2 members .* Give \{member: weight\}"),
        ([1], r"one value a member; received shape \(1,\)"),
        (1.0, r"one value a member; received shape \(\)"),
        ([[1, 2]], r"one value a member; received shape \(1, 2\)"),
        ({"k": 1}, r"must name each member once; missing \['m'\], unknown \[\]"),
        ({"k": 1, "m": 1, "x": 1}, r"missing \[\], unknown \['x'\], for members .* with 0 for a member to leave out"),
        ({"K": 1, "m": 1}, r"missing \['k'\], unknown \['K'\]"),
    ],
)
def test_bad_weights_are_refused(weights, message):
    with pytest.raises(InvalidOptionError, match=message):
        Pick(weights).for_members(("k", "m"))


def test_repr_shows_the_options_as_given_and_nothing_learned():
    combiner = Pick({"k": 1.0}, depth=2)
    combiner.members_ = ("k",)
    combiner._cache = 5
    combiner.traits = frozenset({"bounded"})
    assert repr(combiner) == "Pick(weights={'k': 1.0}, depth=2)"


def test_what_has_the_same_methods_is_one():
    class Stranger:
        name = "s"
        classes = ("cat", "dog")
        task = "multiclass"
        fit_ids = None
        fingerprint = "0f"

        def predict(self, ids, x):
            return x

        def build(self, *shape):
            return None

        def chain(self, first, second_head):
            return first

    for contract in (Member, Backbone, Head, Chainer):
        assert isinstance(Stranger(), contract)
        assert not isinstance(object(), contract)
