"""Raters: how good each is, what the jury is without each, and whether it is better than its best juror."""

from ._tables import leave_one_rater_out, rater_table
from ._verdict import JuryVerdict, judge_jury

__all__ = ["JuryVerdict", "judge_jury", "leave_one_rater_out", "rater_table"]
