"""Agreement: how far raters say the same beyond chance, with intervals over items."""

from ._agreement import Agreement
from ._alpha import fleiss_kappa, krippendorff_alpha
from ._cohen import cohen_kappa

__all__ = ["Agreement", "cohen_kappa", "fleiss_kappa", "krippendorff_alpha"]
