"""Rankings: runs of members of whom most do not return most items, and the rules that make one ranking of them."""

from ._fuse import fuse_runs
from ._learned import FittedWeights, fit_weights
from ._normalise import NORMALISATIONS
from ._pool import CandidateValues, Pool
from .measures import (
    NDCG,
    RANKING_METRICS,
    AveragePrecision,
    Hits,
    Precision,
    Recall,
    ReciprocalRank,
    RPrecision,
    compare_runs,
    find_ranking_metrics,
    hits_of,
    judge_queries,
    score_runs,
)
from .rules import (
    RULES,
    Borda,
    CombANZ,
    CombMAX,
    CombMED,
    CombMIN,
    CombMNZ,
    CombSUM,
    Condorcet,
    InverseSquareRank,
    RankBiasedCentroids,
    ReciprocalRankFusion,
)
from .runs import Qrels, Run

__all__ = [
    "NDCG",
    "NORMALISATIONS",
    "RANKING_METRICS",
    "RULES",
    "AveragePrecision",
    "Borda",
    "CandidateValues",
    "CombANZ",
    "CombMAX",
    "CombMED",
    "CombMIN",
    "CombMNZ",
    "CombSUM",
    "Condorcet",
    "FittedWeights",
    "Hits",
    "InverseSquareRank",
    "Pool",
    "Precision",
    "Qrels",
    "RPrecision",
    "RankBiasedCentroids",
    "Recall",
    "ReciprocalRank",
    "ReciprocalRankFusion",
    "Run",
    "compare_runs",
    "find_ranking_metrics",
    "fit_weights",
    "fuse_runs",
    "hits_of",
    "judge_queries",
    "score_runs",
]
