"""Values are those of ranx and pytrec_eval where definitions agree; what differs is stated in docs/rankings.md.

Theirs were computed with the versions that the file names.
"""

import json
from pathlib import Path

import pytest

from ensemblekit.ranking import Qrels, Run, fuse_runs, judge_queries
from tests.unit.ranking_samples import as_dict

FOUND = json.loads((Path(__file__).parent / "data" / "rankings_published.json").read_text())
RUNS, QRELS = FOUND["runs"], Qrels(FOUND["qrels"])
OF_TREC = {
    "ndcg": "ndcg", "ndcg:k=5": "ndcg_cut_5", "ndcg:k=10": "ndcg_cut_10", "map": "map", "map:k=5": "map_cut_5",
    "mrr": "recip_rank", "recall:k=5": "recall_5", "recall:k=10": "recall_10", "precision:k=5": "P_5",
    "precision:k=10": "P_10", "r_precision": "Rprec",
}  # fmt: skip
OF_LEVEL_2 = {
    "map:min_grade=2": "map", "mrr:min_grade=2": "recip_rank", "precision:k=5,min_grade=2": "P_5",
    "recall:k=5,min_grade=2": "recall_5", "r_precision:min_grade=2": "Rprec",
}  # fmt: skip
OF_RANX = {
    "ndcg:k=10": "ndcg@10", "ndcg:k=10,gain=exponential": "ndcg_burges@10", "ndcg": "ndcg", "map": "map",
    "map:k=5": "map@5", "mrr": "mrr", "recall:k=5": "recall@5", "precision:k=5": "precision@5",
    "r_precision": "r-precision",
}  # fmt: skip


def test_the_versions_are_these():
    assert (FOUND["ranx"], FOUND["pytrec_eval_terrier"]) == ("0.3.21", "0.5.11")


@pytest.mark.parametrize("key", FOUND["fused"])
def test_fused_scores_are_those_of_ranx(key):
    name, _, text = key.partition(":")
    option, _, value = text.partition("=")
    options = {} if not text else {option: value if option == "normalisation" else float(value)}
    found, theirs = as_dict(fuse_runs(RUNS, name, **options)), FOUND["fused"][key]
    assert found.keys() == theirs.keys()
    if name == "condorcet":
        # ranx sorts with a comparison that goes in circles, and gives places; ours are majorities won.
        assert {q: {*items} for q, items in found.items()} == {q: {*items} for q, items in theirs.items()}
        assert found != theirs
        return
    for query, items in theirs.items():
        assert found[query] == pytest.approx(items, rel=1e-9, abs=1e-12)


def test_weights_are_those_of_ranx_but_for_their_mean():
    # ranx takes weights as they are; ours have the mean 1.
    found = as_dict(fuse_runs(RUNS, "comb_sum", weights=[0.4, 0.3, 0.2, 0.1]))
    for query, items in FOUND["weighted_sum"].items():
        assert found[query] == pytest.approx({item: 4 * score for item, score in items.items()}, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("name", [*RUNS, "tied"])
@pytest.mark.parametrize(("level", "names"), [("trec", OF_TREC), ("trec_level_2", OF_LEVEL_2)])
def test_metrics_are_those_of_trec_eval_ties_included(name, level, names):
    found = judge_queries(Run(RUNS.get(name, FOUND["tied"])), QRELS, [*names])
    for query, values in FOUND[level][name].items():
        ours = found.loc[query].to_dict()
        assert ours == pytest.approx({metric: values[theirs] for metric, theirs in names.items()}, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize(("ours", "theirs"), OF_RANX.items())
def test_metrics_are_those_of_ranx(ours, theirs):
    found = judge_queries(Run(RUNS["bm25"]), QRELS, ours)[ours]
    assert found.to_dict() == pytest.approx(FOUND["ranx_metrics"][theirs], rel=1e-9, abs=1e-12)
