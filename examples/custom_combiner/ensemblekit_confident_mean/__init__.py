"""A plugin for ensemblekit: one combiner, and the hook that registers it."""

import numpy as np

from ensemblekit import Combiner, hookimpl


class ConfidentMean(Combiner):
    """Mean of the members, each weighted by its own largest probability, sample by sample."""

    traits = frozenset({"symmetric", "idempotent", "bounded", "graphable", "class_equivariant"})
    tasks = frozenset({"multiclass"})

    def combine(self, member_probas, *, xp=np):
        """Average with the weights ``max_c p_m[i, c]``."""
        confidence = xp.max(member_probas, axis=-1, keepdims=True)
        weighted = xp.sum(xp.multiply(confidence, member_probas), axis=0)
        return xp.divide(weighted, xp.sum(confidence, axis=0))


@hookimpl
def ensemblekit_register_combiners(register):
    """Register ``confident_mean``."""
    register("confident_mean", ConfidentMean)
