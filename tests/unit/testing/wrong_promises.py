"""More wrong combiners: traits that do not hold, fits that break the contract, bad input that is taken."""

from dataclasses import dataclass

import numpy as np

from ensemblekit import Combiner, InvalidOptionError

from .wrong import Right, breaks, mean

# Traits.


@breaks("symmetric")
class WeighsByPosition(Right):
    traits = frozenset({"symmetric"})

    def combine(self, member_probas):
        return np.average(member_probas, axis=0, weights=1 / np.arange(1, len(member_probas) + 1)).astype(
            member_probas.dtype
        )


@breaks("symmetric")
class IgnoresTheLastMember(Right):
    traits = frozenset({"symmetric"})

    def combine(self, member_probas):
        return member_probas[: max(1, len(member_probas) - 1)].mean(axis=0)


def one_hot(member_probas):
    summed = member_probas.sum(axis=0)
    return np.eye(summed.shape[-1], dtype=member_probas.dtype)[summed.argmax(axis=-1)]


@breaks("idempotent")
class OneHotIsNotTheMember(Right):
    traits = frozenset({"idempotent"})

    def combine(self, member_probas):
        return one_hot(member_probas)


@breaks("bounded")
class OneHotIsOutOfBounds(Right):
    traits = frozenset({"bounded"})

    def combine(self, member_probas):
        return one_hot(member_probas)


@breaks("class_equivariant")
class OneHotTakesTheFirstOfTies(Right):
    traits = frozenset({"class_equivariant"})

    def combine(self, member_probas):
        return one_hot(member_probas)


@breaks("present")
class IgnoresWhoIsPresent(Right):
    def combine(self, member_probas, *, present=None):
        return mean(member_probas)


@breaks("present")
class CountsTheAbsent(Right):
    def combine(self, member_probas, *, present=None):
        if present is not None:
            there = present.reshape(*present.shape, *(1,) * (member_probas.ndim - 2))
            member_probas = np.where(there, member_probas, member_probas.dtype.type(1 / member_probas.shape[-1]))
        return mean(member_probas)

    traits = frozenset({"symmetric"})


# Graphs.


@breaks("graphable")
class UsesNumPyInside(Right):
    traits = frozenset({"graphable"})

    def combine(self, member_probas, *, xp=np):
        return np.mean(np.asarray(member_probas), axis=0)


@breaks("graph_of_any_batch")
class NeedsToKnowTheBatch(Right):
    traits = frozenset({"graphable"})

    def combine(self, member_probas, *, xp=np):
        return xp.add(xp.mean(member_probas, axis=0), xp.zeros(member_probas.shape[1:], dtype=member_probas.dtype))


# Learning.


class BestMember(Combiner):
    """A learner that is right: the member with the best accuracy."""

    traits = frozenset({"learns", "idempotent", "bounded"})
    tasks = frozenset({"multiclass"})

    def fit(self, predictions, *, sample_weight=None):
        right = (predictions.member_probas.argmax(axis=-1) == predictions.label_codes).astype(float)
        right = right.reshape(*right.shape[:2], -1).mean(axis=-1)
        self.scores_ = np.average(right, axis=1, weights=sample_weight).round(3)
        return self

    def combine(self, member_probas, *, xp=np):
        scores = self.scores_ / self.scores_.sum()
        return np.tensordot(scores, member_probas, axes=1).astype(member_probas.dtype)


@breaks("learns")
class LearnsNothing(Right):
    traits = frozenset({"learns"})


@breaks("fit_contract")
class FitReturnsNothing(BestMember):
    def fit(self, predictions, *, sample_weight=None):
        super().fit(predictions, sample_weight=sample_weight)


@breaks("fit_contract")
class FitReturnsAnotherObject(BestMember):
    def fit(self, predictions, *, sample_weight=None):
        return BestMember().fit(predictions, sample_weight=sample_weight)


@breaks("fit_contract")
class FitChangesAParameter(BestMember):
    def __init__(self, rounds=10):
        self.rounds = rounds

    def fit(self, predictions, *, sample_weight=None):
        self.rounds = 5
        return super().fit(predictions, sample_weight=sample_weight)


@breaks("fit_contract")
class StateWithoutUnderscore(BestMember):
    def fit(self, predictions, *, sample_weight=None):
        self.best = 0
        return super().fit(predictions, sample_weight=sample_weight)


@breaks("fit_forgets")
class RemembersTheFirstFit(BestMember):
    def fit(self, predictions, *, sample_weight=None):
        return self if hasattr(self, "scores_") else super().fit(predictions, sample_weight=sample_weight)


@breaks("fit_row_order")
class LearnsFromTheFirstRow(BestMember):
    def fit(self, predictions, *, sample_weight=None):
        super().fit(predictions)
        self.scores_ = np.ones(len(predictions.members))
        codes = predictions.label_codes.reshape(len(predictions.ids), -1)[:, 0]
        self.scores_[codes[:2].sum() % len(self.scores_)] = 9.0
        return self


@breaks("fit_without_labels")
class NeedsLabelsAndSaysNo(BestMember):
    needs_labels = False


@breaks("fit_without_labels")
class PeeksAtLabels(BestMember):
    needs_labels = False

    def fit(self, predictions, *, sample_weight=None):
        if predictions.label_codes is not None:
            return super().fit(predictions, sample_weight=sample_weight)
        self.scores_ = np.ones(len(predictions.members))
        return self


@breaks("sample_weight")
class IgnoresSampleWeight(BestMember):
    def fit(self, predictions, *, sample_weight=None):
        return super().fit(predictions)


@dataclass
class Slope:
    function: object


@breaks("saved_state")
class KeepsAFunction(BestMember):
    def fit(self, predictions, *, sample_weight=None):
        self.slope_ = Slope(np.exp)
        return super().fit(predictions, sample_weight=sample_weight)


@breaks("saved_state")
class RenamesItsParameter(BestMember):
    def __init__(self, power=1):
        self.exponent = power


# What must be refused.


@breaks("bad_input_refused")
class ChecksNoWeights:
    def __init__(self, weights=(1.0, 2.0)):
        self.weights = weights

    def combine(self, member_probas):
        weighted = np.tensordot(np.asarray(self.weights, dtype=member_probas.dtype), member_probas, axes=1)
        return weighted / weighted.sum(axis=-1, keepdims=True)


@breaks("bad_input_refused")
class TurnsBadWeightsAround(Right):
    """It refuses NaN and zeros, and takes the absolute value of what is negative."""

    def __init__(self, weights=(1.0, 2.0)):
        if not np.isfinite(weights).all() or not np.any(weights):
            raise InvalidOptionError("weights must be finite, with one that is not 0.")
        self.weights = weights

    def for_members(self, members):
        return self

    def combine(self, member_probas):
        weights = np.abs(np.asarray(self.weights, dtype=member_probas.dtype))
        return np.tensordot(weights / weights.sum(), member_probas, axes=1).astype(member_probas.dtype)
