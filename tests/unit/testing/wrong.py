"""Combiners that are each wrong in a way of its own, and the check that must say so."""

import random

import numpy as np

from ensemblekit import Combiner

WRONG = {}
"""Class -> the name of the check that must reject it."""


def breaks(check):
    def mark(wrong):
        WRONG[wrong] = check
        return wrong

    return mark


class Right(Combiner):
    """The mean, which is right; most of the wrong ones are it with one mistake."""

    tasks = frozenset({"multiclass"})

    def combine(self, member_probas, *, xp=np):
        return xp.mean(member_probas, axis=0)


def mean(member_probas):
    return member_probas.mean(axis=0)


# Shapes, dtypes and values.


@breaks("contract")
class UnknownTrait(Right):
    traits = frozenset({"commutative"})


@breaks("shape_and_dtype")
class OneRowTooFew(Right):
    def combine(self, member_probas):
        return mean(member_probas)[1:]


@breaks("shape_and_dtype")
class WrongAxisForDense(Right):
    def combine(self, member_probas):
        return member_probas.mean(axis=-3)


@breaks("shape_and_dtype")
class CastsToDouble(Right):
    def combine(self, member_probas):
        return mean(member_probas.astype(np.float64))


@breaks("shape_and_dtype")
class ReturnsAList(Right):
    def combine(self, member_probas):
        return mean(member_probas).tolist()


@breaks("shape_and_dtype")
class FailsOnAnEmptyBatch(Right):
    def combine(self, member_probas):
        member_probas.max()  # of nothing there is no largest
        return mean(member_probas)


@breaks("shape_and_dtype")
class ForgetsToPromiseThatItLearns(Right):
    def fit(self, predictions, *, sample_weight=None):
        self.best_ = 0
        return self

    def combine(self, member_probas):
        return member_probas[self.best_].copy()


@breaks("valid_values")
class SumsInsteadOfAveraging(Right):
    def combine(self, member_probas):
        return member_probas.sum(axis=0)


@breaks("valid_values")
class ForgetsToNormalise(Right):
    def combine(self, member_probas):
        return member_probas.max(axis=0)


@breaks("valid_values")
class NaNOnOneHotRows(Right):
    def combine(self, member_probas):
        pooled = np.exp((member_probas * np.log(member_probas)).sum(axis=0))
        return pooled / pooled.sum(axis=-1, keepdims=True)


@breaks("valid_values")
class OverflowsAtHugeValues(Right):
    tasks = frozenset({"regression"})

    def combine(self, member_probas):
        return np.sqrt((member_probas**2).mean(axis=0)).astype(member_probas.dtype)


@breaks("valid_values")
class SumsToALittleMoreThanOne(Right):
    def combine(self, member_probas):
        return (mean(member_probas) * member_probas.dtype.type(1.0005)).clip(0, 1)


@breaks("valid_values")
class ClipsAwayFromZero(Right):
    def combine(self, member_probas):
        return mean(member_probas).clip(0.01, 0.99)


# What is changed, remembered, or left to chance.


@breaks("changes_nothing")
class ChangesItsInput(Right):
    def combine(self, member_probas):
        member_probas[0] += member_probas[1:].sum(axis=0)
        return member_probas[0] / member_probas.dtype.type(len(member_probas))


@breaks("changes_nothing")
class ReturnsAViewOfItsInput(Right):
    def combine(self, member_probas):
        return member_probas[0]


@breaks("changes_nothing")
class CountsItsCalls(Right):
    def __init__(self):
        self.calls = 0

    def combine(self, member_probas):
        self.calls += 1
        return mean(member_probas)


@breaks("deterministic")
class UsesTheGlobalGenerator(Right):
    def combine(self, member_probas):
        return member_probas[np.random.randint(len(member_probas))].copy()  # noqa: NPY002


@breaks("deterministic")
class ShufflesMembersByChance(Right):
    def combine(self, member_probas):
        order = np.random.default_rng().permutation(len(member_probas))
        return member_probas[order[0]].copy()


@breaks("deterministic")
class CachesByShape(Right):
    def __init__(self):
        self.cache = {}

    def combine(self, member_probas):
        key = (member_probas.shape, member_probas.dtype)
        return self.cache.setdefault(key, mean(member_probas)).copy()


@breaks("deterministic")
class DrawsItsWeightsWhenMade(Right):
    def __init__(self):
        self.first_ = random.random()

    def combine(self, member_probas):
        share = member_probas.dtype.type(self.first_)
        return share * member_probas[0] + (1 - share) * mean(member_probas)


# Samples, and their order in memory.


@breaks("samples_alone")
class NormalisesOverTheBatch(Right):
    def combine(self, member_probas):
        lifted = mean(member_probas) + mean(member_probas).mean(axis=0, keepdims=True)
        return lifted / lifted.sum(axis=-1, keepdims=True)


@breaks("samples_alone")
class DependsOnThePositionOfTheRow(Right):
    def combine(self, member_probas):
        rows = np.arange(member_probas.shape[1])
        return member_probas[rows % len(member_probas), rows].copy()


@breaks("memory_layout")
class IsWrongForFortranOrder(Right):
    def combine(self, member_probas):
        return mean(member_probas) if member_probas.flags.c_contiguous else member_probas[0].copy()


# The reference lines and the fast path.


@breaks("reference")
class FastPathIgnoresTheLastMember(Right):
    def combine(self, member_probas, *, xp=np):
        if xp is np and len(member_probas) > 2:
            return member_probas[:-1].mean(axis=0)
        return xp.mean(member_probas, axis=0)


@breaks("reference")
class FastPathIsOffByAThousandth(Right):
    def combine(self, member_probas, *, xp=np):
        result = xp.mean(member_probas, axis=0)
        if xp is np:
            small = member_probas.dtype.type(0.02 if member_probas.dtype == np.float16 else 1e-3)
            return (result + small) / (1 + small * result.shape[-1])
        return result


@breaks("reference")
class FastPathIsWrongForOneMember(Right):
    def combine(self, member_probas, *, xp=np):
        if xp is np and len(member_probas) == 1:
            return np.full_like(member_probas[0], 1 / member_probas.shape[-1])
        return xp.mean(member_probas, axis=0)


@breaks("reference")
class FastPathIsWrongForHalfPrecision(Right):
    def combine(self, member_probas, *, xp=np):
        if xp is np and member_probas.dtype == np.float16:
            return member_probas.max(axis=0) / member_probas.max(axis=0).sum(axis=-1, keepdims=True)
        return xp.mean(member_probas, axis=0)
