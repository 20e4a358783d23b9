"""Many predictions into one: `combine`, and `fit_combiner` for combiners that learn."""

from ._combine import combine
from ._fit import fit_combiner

__all__ = ["combine", "fit_combiner"]
