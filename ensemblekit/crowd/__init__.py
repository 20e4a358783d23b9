"""Crowds: votes of raters of whom most have not seen most items, and the rules that make one label of them."""

from ._aggregate import aggregate_votes
from ._result import CrowdResult
from ._vanished import warn_if_vanished
from .agreement import Agreement, cohen_kappa, fleiss_kappa, krippendorff_alpha
from .raters import JuryVerdict, judge_jury, leave_one_rater_out, rater_table
from .rules import (
    GLAD,
    KOS,
    MACE,
    RULES,
    DawidSkene,
    MajorityVote,
    OneCoinDawidSkene,
    OrdinalDawidSkene,
    Wawa,
    WeightedVote,
    ZeroBasedSkill,
)
from .votes import Votes

__all__ = [
    "GLAD",
    "KOS",
    "MACE",
    "RULES",
    "Agreement",
    "CrowdResult",
    "DawidSkene",
    "JuryVerdict",
    "MajorityVote",
    "OneCoinDawidSkene",
    "OrdinalDawidSkene",
    "Votes",
    "Wawa",
    "WeightedVote",
    "ZeroBasedSkill",
    "aggregate_votes",
    "cohen_kappa",
    "fleiss_kappa",
    "judge_jury",
    "krippendorff_alpha",
    "leave_one_rater_out",
    "rater_table",
    "warn_if_vanished",
]
