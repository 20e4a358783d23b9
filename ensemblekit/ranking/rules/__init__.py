"""Rules: how the rows of an item become one score. Each has a file, and a name in `RULES`."""

from ._biased_centroids import RankBiasedCentroids
from ._borda import Borda
from ._combination import CombANZ, CombMAX, CombMED, CombMIN, CombMNZ, CombSUM
from ._condorcet import Condorcet
from ._inverse_square import InverseSquareRank
from ._reciprocal import ReciprocalRankFusion
from ._rules import RULES

__all__ = [
    "RULES",
    "Borda",
    "CombANZ",
    "CombMAX",
    "CombMED",
    "CombMIN",
    "CombMNZ",
    "CombSUM",
    "Condorcet",
    "InverseSquareRank",
    "RankBiasedCentroids",
    "ReciprocalRankFusion",
]
