"""The most probable classes of members as votes."""

from __future__ import annotations

from collections.abc import Hashable
from typing import NamedTuple

import numpy as np

from ...errors import InvalidPredictionsError
from ...predictions import PredictionSet
from ...predictions.names import readonly
from ._names import code_names

__all__ = ["MemberChoices", "member_choices"]


class MemberChoices(NamedTuple):
    """What members choose; the fields as of `Votes`, in no order."""

    items: np.ndarray
    raters: np.ndarray
    classes: tuple[Hashable, ...]
    item: np.ndarray
    rater: np.ndarray
    choice: np.ndarray
    gold: np.ndarray | None


def member_choices(aligned: PredictionSet) -> MemberChoices:
    """Take the most probable class of each row that a member has, the first of equals.

    Parameters
    ----------
    aligned : PredictionSet
        Predictions of classes that exclude each other.

    Returns
    -------
    MemberChoices
    """
    if aligned.kind != "multiclass" or aligned.member_probas.ndim != 3:
        raise InvalidPredictionsError(
            "votes must be for one of several classes that exclude each other; received predictions of the task "
            f"{aligned.task!r} of shape {aligned.member_probas.shape[1:]}. Take one output at a time."
        )
    items, item = code_names(aligned.ids, "ids")
    raters, rater = code_names(np.array(aligned.members, dtype=object), "members")
    n_members, n_items = aligned.member_probas.shape[:2]
    there = np.ones((n_members, n_items), bool) if aligned.present is None else aligned.present
    choice = np.where(there[..., np.newaxis], aligned.member_probas, 0).argmax(axis=-1).astype(np.int32)
    item_of, rater_of = np.broadcast_to(item, there.shape), np.broadcast_to(rater[:, np.newaxis], there.shape)
    gold = None
    if aligned.label_codes is not None:
        gold = np.empty(n_items, dtype=np.int32)
        gold[item] = aligned.label_codes
        readonly(gold)
    return MemberChoices(items, raters, aligned.classes, item_of[there], rater_of[there], choice[there], gold)
