"""Prediction sets, intervals and answers with a promised coverage or risk."""

from ._fit_conformal import fit_conformal
from ._intervals import ConformalIntervals
from ._labels import ConformalLabels
from ._risk_coverage import aurc, risk_coverage_curve
from ._selective import Selective, fit_selective
from ._sets import ConformalSets

__all__ = [
    "ConformalIntervals",
    "ConformalLabels",
    "ConformalSets",
    "Selective",
    "aurc",
    "fit_conformal",
    "fit_selective",
    "risk_coverage_curve",
]
