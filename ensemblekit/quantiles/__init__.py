"""Distributions that are given by quantiles: readers, weights that follow time, calibration."""

from ._by_group import FittedBy, fit_by
from ._calibration import Recalibration, fit_recalibration, pit_values, quantile_coverage
from ._forecasts import read_forecasts
from ._hub import read_hub
from ._online import OnlineWeights, online_weights
from ._pit import pit_histogram
from ._values import from_samples, sort_quantiles
from .levels import level_name, levels_of

__all__ = [
    "FittedBy",
    "OnlineWeights",
    "Recalibration",
    "fit_by",
    "fit_recalibration",
    "from_samples",
    "level_name",
    "levels_of",
    "online_weights",
    "pit_histogram",
    "pit_values",
    "quantile_coverage",
    "read_forecasts",
    "read_hub",
    "sort_quantiles",
]
