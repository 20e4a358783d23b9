"""Measures: how good runs are by judgements, query by query, with intervals and paired tests."""

from ._compare import compare_runs, score_runs
from ._hits import Hits, hits_of
from ._metrics import (
    NDCG,
    RANKING_METRICS,
    AveragePrecision,
    Precision,
    Recall,
    ReciprocalRank,
    RPrecision,
    find_ranking_metrics,
)
from ._queries import judge_queries, judged_queries, values_of

__all__ = [
    "NDCG",
    "RANKING_METRICS",
    "AveragePrecision",
    "Hits",
    "Precision",
    "RPrecision",
    "Recall",
    "ReciprocalRank",
    "compare_runs",
    "find_ranking_metrics",
    "hits_of",
    "judge_queries",
    "judged_queries",
    "score_runs",
    "values_of",
]
