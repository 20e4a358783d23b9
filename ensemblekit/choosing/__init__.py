"""Choose a combiner: which rule combines these members best, and whether it is better than the best of them."""

from ._choice import Choice
from ._choose import choose

__all__ = ["Choice", "choose"]
