"""Dempster's rule of combination: each member is a source of evidence, discounted by its reliability."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any, Self

import numpy as np

from ensemblekit import Combiner, hookimpl
from ensemblekit.errors import InvalidOptionError
from ensemblekit.predictions.named import by_member

from ..kernels.evidence import pool_evidence
from ..kernels.sums import shaped_like_members
from ..options import check_number

__all__ = ["DempsterShafer"]


class DempsterShafer(Combiner):
    r"""Dempster's rule of combination: members are sources of evidence, each discounted by its reliability.

    Parameters
    ----------
    reliability : float, mapping of member name to float, or sequence of shape (n_members,), default=0.9
        From 0 (the member is ignored) to 1 (it is not discounted): one number for all members, or one per member.

    Notes
    -----
    .. math::

        p_{ic} = \frac{A_c - Q + Q / C}{K}, \qquad
        A_c = \prod_m (r_m\, p_{mic} + 1 - r_m), \qquad
        Q = \prod_m (1 - r_m), \qquad
        K = \sum_c A_c - (C - 1)\, Q

    Each member gives the mass ``r_m p_m[i, c]`` to the class ``c``, and ``1 - r_m`` to the whole frame, which means
    that any class is possible [1]_; ``r`` is its reliability. Dempster's rule multiplies the masses, removes the mass
    of empty intersections and divides by the rest: the class ``c`` gets the mass ``(A_c - Q) / K`` and the frame ``Q /
    K``. The result is the pignistic probability, which divides the mass on the frame equally among the classes [3]_.
    With reliability 1 it is the normalised product. The accuracy of a member on held-out rows is a common choice for
    its reliability [2]_. A member that is absent gives no evidence.

    For multilabel each column is combined separately, on the frame of its two outcomes.

    Total conflict: if members with reliability 1 together exclude every class, ``K`` is 0 and Dempster's rule is
    undefined. The result is then the mean of the members.

    Tie rule: equal values stay equal, and the first of them is predicted.

    References
    ----------
    .. [1] G. Shafer, "A Mathematical Theory of Evidence", Princeton University Press, 1976, chapters 3 and 11.
    .. [2] L. Xu, A. Krzyzak, C. Y. Suen, "Methods of combining multiple classifiers and their applications to
       handwriting recognition", IEEE Transactions on Systems, Man, and Cybernetics 22(3), 1992.
    .. [3] P. Smets, R. Kennes, "The transferable belief model", Artificial Intelligence 66(2), 1994.

    Examples
    --------
    >>> import numpy as np
    >>> from ensemblekit_plugins.combiners.dempster_shafer import DempsterShafer
    >>> DempsterShafer(0.5).combine(np.array([[[1.0, 0.0]], [[0.0, 1.0]]]))
    array([[0.5, 0.5]])
    >>> DempsterShafer([0.8, 0.5]).combine(np.array([[[1.0, 0.0]], [[0.0, 1.0]]])).round(3)
    array([[0.75, 0.25]])
    """

    tasks = frozenset({"multiclass", "multilabel"})

    def __init__(self, reliability: float | Mapping[str, float] | Sequence[float] = 0.9) -> None:
        given: Any = by_member(reliability)
        if isinstance(given, Mapping):
            for member, value in given.items():
                check_number(f"reliability of {member!r}", value, 0, 1)
        elif isinstance(given, Sequence | np.ndarray) and not isinstance(given, str | bytes):
            for value in given:
                check_number("reliability", value, 0, 1)
        else:
            check_number("reliability", reliability, 0, 1)
        self.reliability = reliability
        # Reliabilities given by name do not depend on the order of the members.
        of_all = isinstance(given, Real | Mapping)
        self.traits = frozenset({"graphable"} | ({"symmetric"} if of_all else set[str]()))

    def for_members(self, members: tuple[str, ...]) -> Self:
        if isinstance(self.reliability, Real):
            return self
        settled = copy.copy(self)
        given: Any = by_member(self.reliability)
        if isinstance(given, Mapping):
            missing = [m for m in members if m not in given]
            unknown = [m for m in given if m not in members]
            if missing or unknown:
                raise InvalidOptionError(
                    f"reliability by member name must name each member once; missing {missing}, unknown {unknown}, for "
                    f"members {members}. Name them all, with 0 for a member to leave out."
                )
            settled.reliability = np.array([given[m] for m in members], dtype=np.float64)
        elif len(given) != len(members):
            raise InvalidOptionError(
                f"reliability must be one number, or one a member; received {len(given)} for {len(members)} members "
                f"{members}. Give {{member: reliability}} to be safe from their order."
            )
        return settled

    def combine(self, member_probas: Any, *, present: Any = None, task: str = "multiclass", xp: Any = np) -> Any:
        if isinstance(by_member(self.reliability), Mapping):
            raise InvalidOptionError(
                "reliability by name needs the members' names: call ensemblekit.combine, or for_members(names) first."
            )
        reliability = np.broadcast_to(np.asarray(self.reliability, dtype=np.float64), (member_probas.shape[0],))
        if xp is np:
            return pool_evidence(member_probas, reliability, present, task)
        trust = shaped_like_members(xp.array(reliability, dtype=member_probas.dtype), member_probas, xp)
        doubt = shaped_like_members(xp.array(1 - reliability, dtype=member_probas.dtype), member_probas, xp)
        one = xp.ones((), dtype=member_probas.dtype)
        is_present = xp.ones_like(doubt)
        if present is not None:
            present = shaped_like_members(present, member_probas, xp)
            member_probas = xp.where(present, member_probas, xp.zeros_like(member_probas))
            trust = xp.where(present, trust, xp.zeros_like(trust))
            doubt = xp.where(present, doubt, one)
            is_present = xp.where(present, one, xp.zeros_like(one))
        mean = xp.divide(xp.sum(member_probas, axis=0), xp.sum(is_present, axis=0))
        if task == "multilabel":
            answers = xp.stack([member_probas, xp.subtract(one, member_probas)], axis=-1)
            trust, doubt = xp.expand_dims(trust, -1), xp.expand_dims(doubt, -1)
            pignistic = _pignistic(answers, trust, doubt, xp.stack([mean, xp.subtract(one, mean)], axis=-1), xp)
            return xp.take(pignistic, 0, axis=-1)
        return _pignistic(member_probas, trust, doubt, mean, xp)


def _pignistic(answers: Any, trust: Any, doubt: Any, mean: Any, xp: Any) -> Any:
    n_answers = answers.shape[-1]
    with np.errstate(divide="ignore"):
        agreed = xp.sum(xp.log(xp.add(xp.multiply(answers, trust), doubt)), axis=0)
        frame = xp.sum(xp.log(doubt), axis=0)
    best = xp.max(agreed, axis=-1, keepdims=True)
    conflict = xp.equal(best, -np.inf)
    best = xp.where(conflict, xp.zeros_like(best), best)
    agreed, frame = xp.exp(xp.subtract(agreed, best)), xp.exp(xp.subtract(frame, best))
    shared = xp.multiply(frame, xp.array(1 - 1 / n_answers, dtype=frame.dtype))
    masses = xp.where(conflict, mean, xp.subtract(agreed, shared))
    return xp.divide(masses, xp.sum(masses, axis=-1, keepdims=True))


@hookimpl
def ensemblekit_register_combiners(register: Any) -> None:
    """Register ``dempster_shafer``."""
    register("dempster_shafer", DempsterShafer)
