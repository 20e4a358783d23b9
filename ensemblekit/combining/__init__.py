"""Many predictions into one: `combine`, and `fit_combiner` for combiners that learn."""

from ._combine import combine
from ._fit import fit_combiner
from .asked import AskedCombiner, ask, merged_options

__all__ = ["AskedCombiner", "ask", "combine", "fit_combiner", "merged_options"]
