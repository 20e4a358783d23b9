"""The rules by name."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from ._biased_centroids import RankBiasedCentroids
from ._borda import Borda
from ._combination import CombANZ, CombMAX, CombMED, CombMIN, CombMNZ, CombSUM
from ._condorcet import Condorcet
from ._inverse_square import InverseSquareRank
from ._reciprocal import ReciprocalRankFusion

__all__ = ["RULES"]

RULES: Mapping[str, type[Any]] = MappingProxyType(
    {
        "rrf": ReciprocalRankFusion,
        "isr": InverseSquareRank,
        "comb_sum": CombSUM,
        "comb_mnz": CombMNZ,
        "comb_anz": CombANZ,
        "comb_max": CombMAX,
        "comb_min": CombMIN,
        "comb_med": CombMED,
        "borda": Borda,
        "condorcet": Condorcet,
        "rbc": RankBiasedCentroids,
    }
)
"""Name of a rule -> its class."""
