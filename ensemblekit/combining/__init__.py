"""Combine the predictions of several members: `combine`, and `fit_combiner` for combiners that learn."""

from ._combine import combine
from ._fit import fit_combiner
from .asked import AskedCombiner, ask

__all__ = ["AskedCombiner", "ask", "combine", "fit_combiner"]
