"""Metrics of rankings by hand and by plain Python; intervals and paired tests are those of evaluation."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ensemblekit import Predictions
from ensemblekit.errors import InvalidOptionError, InvalidPredictionsError, LeakageError, UnknownMemberError
from ensemblekit.evaluation import compare_with_reference, paired_bootstrap
from ensemblekit.ranking import (
    FittedWeights,
    Qrels,
    Run,
    compare_runs,
    fit_weights,
    fuse_runs,
    judge_queries,
    score_runs,
)
from tests.unit import ranking_samples as samples

EVERY = [
    "ndcg", "ndcg:k=2", "ndcg:k=3,gain=exponential", "map", "map:k=2", "mrr", "mrr:min_grade=2", "recall", "recall:k=2",
    "precision:k=2", "precision:k=20", "r_precision", "r_precision:min_grade=2", "map:min_grade=3",
]  # fmt: skip


def test_every_metric_by_hand():
    # Judged: a 2, b 0, c 1, e 3, which the run does not have. The run: a, b, u (not judged), c.
    run = Run({"q": {"a": 9, "b": 8, "u": 7, "c": 6}})
    qrels = Qrels({"q": {"a": 2, "b": 0, "c": 1, "e": 3}})
    found = judge_queries(run, qrels, EVERY).loc["q"]
    log = math.log2
    expected = {
        "ndcg": (2 + 1 / log(5)) / (3 + 2 / log(3) + 1 / 2),
        "ndcg:k=2": 2 / (3 + 2 / log(3)),
        "ndcg:k=3,gain=exponential": 3 / (7 + 3 / log(3) + 1 / 2),
        "map": (1 + 2 / 4) / 3,
        "map:k=2": 1 / 3,
        "mrr": 1,
        "mrr:min_grade=2": 1,
        "recall": 2 / 3,
        "recall:k=2": 1 / 3,
        "precision:k=2": 1 / 2,
        "precision:k=20": 2 / 20,
        "r_precision": 1 / 3,
        "r_precision:min_grade=2": 1 / 2,
        "map:min_grade=3": 0,
    }
    assert found.to_dict() == pytest.approx(expected, rel=1e-14)


def test_whole_numbers_and_text_in_any_vocabulary():
    expected = [1 / 2, 1 / 3]
    for names in ([100, 205, 307, 409], ["d100", "d205", "d307", "d409"]):
        first, second, third, fourth = names
        run = Run({"q": {first: 3, second: 2, third: 1}, "r": {first: 3, second: 2, fourth: 1}, "s": {second: 1}})
        qrels = Qrels({"r": {fourth: 1, third: 0}, "q": {second: 1, fourth: 3}})
        assert judge_queries(run, qrels, "mrr")["mrr"].tolist() == expected


def plain(ranking, grades, metric):
    """A metric of one query, as its definition says."""
    name, _, text = metric.partition(":")
    options = dict(part.split("=") for part in text.split(",")) if text else {}
    k, level = int(options.get("k", 10**6)), int(options.get("min_grade", 1))
    order = sorted(ranking, key=lambda item: (ranking[item], item), reverse=True)
    found = [grades.get(item, 0) for item in order[:k]]
    n = sum(grade >= level for grade in grades.values())
    if name == "ndcg":
        gain = (lambda g: 2**g - 1) if "gain" in options else float
        best = sorted((max(g, 0) for g in grades.values()), reverse=True)[:k]
        dcg, ideal = (sum(gain(max(g, 0)) / math.log2(p + 2) for p, g in enumerate(grades)) for grades in (found, best))
        return dcg / ideal
    hits = [p for p, grade in enumerate(found, 1) if grade >= level]
    return {
        "map": sum((i + 1) / p for i, p in enumerate(hits)) / max(n, 1),
        "mrr": 1 / hits[0] if hits else 0,
        "recall": len(hits) / max(n, 1),
        "precision": len(hits) / k,
        "r_precision": sum(p <= n for p in hits) / max(n, 1),
    }[name]


@settings(max_examples=15, deadline=None)
@given(
    members=samples.runs(),
    grades=st.dictionaries(
        st.sampled_from(["q1", "q2", "q10"]),
        st.dictionaries(st.sampled_from([*samples.ITEMS, "other"]), st.integers(-1, 3), max_size=8),
    ),
    wide=st.booleans(),
)
def test_every_metric_is_what_its_definition_says(members, grades, wide):
    relevant = {query for query, items in grades.items() if any(grade > 0 for grade in items.values())}
    run = next(iter(members.values()))
    if not relevant:
        with pytest.raises(InvalidPredictionsError, match="judgements must have a relevant item, of a grade above 0"):
            judge_queries(Run(run), Qrels(grades))
        return
    if wide:  # items as whole numbers that need 64 bits
        code = {name: (k - 5) * (2**63 // 6) for k, name in enumerate(sorted([*samples.ITEMS, "other"]))}
        table = judge_queries(*(kind({q: {code[i]: v for i, v in items.items()} for q, items in given_.items()})
                                for kind, given_ in ((Run, run), (Qrels, grades))), EVERY)  # fmt: skip
    else:
        table = judge_queries(Run(run), Qrels(grades), EVERY)
    assert [*table.index] == sorted(relevant)
    for query, row in table.iterrows():
        for metric in EVERY:
            assert row[metric] == pytest.approx(plain(run.get(query, {}), grades[query], metric), abs=1e-14)


def drawn(n=30, seed=0):
    rng = np.random.default_rng(seed)
    names = [f"d{k}" for k in range(20)]
    grades = {f"q{k:02d}": dict(zip(names, rng.choice([0, 0, 1, 2], 20).tolist(), strict=True)) for k in range(n)}
    noise = {"sharp": 0.7, "dull": 1.5, "blind": 9.0}
    members = {
        m: {q: {d: g + s * rng.normal() for d, g in items.items()} for q, items in grades.items()}
        for m, s in noise.items()
    }
    return members, Qrels(grades)


def test_the_verdict_is_that_of_evaluation():
    members, qrels = drawn()
    table = compare_runs(members, "dull", qrels, metrics=["ndcg:k=10", "map"])
    assert table["verdict"].tolist() == ["better", "better", "worse", "worse"]
    assert table["sentence"][0].startswith("From dull to sharp, nDCG (k=10) rises by ")
    assert "on these 30 queries" in table["sentence"][0]
    # The same columns as of models, and the figures of the values of the queries.
    p = {m: judge_queries(Run(run), qrels, "map")["map"] for m, run in members.items()}
    labels = [[0.0]] * 30
    models = {m: Predictions(v.to_numpy()[:, None], ids=[*v.index], classes=["x"], labels=labels, task="regression")
              for m, v in p.items()}  # fmt: skip
    other = compare_with_reference(models, "dull", metrics="mae")
    assert [*table.columns] == [*other.columns]
    assert table["n"].tolist() == [30] * 4
    of_map = table[table["metric"] == "map"].iloc[0]
    assert of_map["difference"] == pytest.approx((p["sharp"] - p["dull"]).mean())
    difference = paired_bootstrap(models["sharp"], models["dull"], metrics="mae").iloc[0]
    assert of_map["p_value"] == pytest.approx(difference["p_value"], abs=0.01)
    with pytest.raises(UnknownMemberError):
        compare_runs(members, "nobody", qrels)


def test_scores_have_intervals_by_query_and_by_group():
    members, qrels = drawn()
    table = score_runs(members, qrels, metrics="ndcg:k=5")
    values = {m: judge_queries(Run(run), qrels, "ndcg:k=5").mean().item() for m, run in members.items()}
    assert dict(zip(table["model"], table["value"], strict=True)) == pytest.approx(values)
    assert ((table["low"] < table["value"]) & (table["value"] < table["high"])).all()
    groups = {f"q{k:02d}": k // 2 for k in range(30)}
    assert score_runs(members, qrels, metrics="map", groups=groups)["n_groups"].tolist() == [15] * 3
    seen = {"sharp": Run(members["sharp"], fit_queries=["q00"]), "dull": members["dull"]}
    assert score_runs(seen, qrels, metrics="map")["in_sample"].tolist()[0] == 1
    assert compare_runs(seen, "dull", qrels, metrics="map")["verdict"].item() == "in sample"


def test_metrics_that_are_none_are_refused():
    members, qrels = drawn(6)
    run = Run(members["sharp"])

    class Twice:
        def values(self, hits):
            return 2 * np.ones(hits.n_queries)

    class Any1:
        name = "any"

        def values(self, hits):
            return hits.sum(hits.query, hits.position <= 1)

    assert [*judge_queries(run, qrels, [Any1(), "map"]).columns] == ["any", "map"]
    for metric, text in (
        ("ndgc", "Did you mean 'ndcg'"),
        ("precision", "Precision needs the number of items that it looks at, k"),
        ("map:k=0", "k must be a whole number >= 1"),
        ("map:k", "NAME:OPTION=VALUE"),
        ("map:depth=3", "metric 'map' does not accept these options"),
        ("ndcg:gain=square", "gain must be"),
        (["map", "map"], "metrics must have different names; received 'map' twice"),
        ([], "metrics must be one or more"),
        (Twice(), r"metric 'Twice' must return a value in \[0, 1\] for each query"),
        (Twice, "an object with a method values"),
    ):
        with pytest.raises(InvalidOptionError, match=text):
            judge_queries(run, qrels, metric)
    with pytest.raises(InvalidPredictionsError, match=r"Give Qrels\(qrels\), or Qrels.load\(path\)"):
        judge_queries(run, {"q": {"a": 1}})
    with pytest.raises(InvalidPredictionsError, match="items must be of one kind"):
        judge_queries(run, Qrels({"q1": {1: 1}}))


# Learned weights.


def test_learned_weights_are_judged_out_of_fold_and_better():
    members, qrels = drawn()
    found = fit_weights(members, qrels, "comb_sum", metric="ndcg:k=10", normalisation="z-score", n_jobs=1)
    assert found.weights["blind"] < 0.5 < found.weights["sharp"]
    assert sum(found.weights.values()) == pytest.approx(3)
    judged = {"equal": fuse_runs(members, "comb_sum", normalisation="z-score"), "learned": found.out_of_fold}
    held_out = judge_queries(found.out_of_fold, qrels, "ndcg:k=10").mean().item()
    assert held_out < found.in_sample
    assert compare_runs(judged, "equal", qrels, metrics="ndcg:k=10")["verdict"].item() == "better"
    turned = {name: members[name] for name in reversed(members)}
    other = fit_weights(turned, qrels, "comb_sum", metric="ndcg:k=10", normalisation="z-score", n_jobs=1)
    assert other.weights == found.weights
    pd.testing.assert_frame_equal(other.out_of_fold.to_frame(), found.out_of_fold.to_frame(), check_exact=True)


def test_a_query_tells_nothing_of_its_own_weights(monkeypatch):
    from ensemblekit.ranking import _learned

    members, qrels = drawn(20)
    learned_on, fused = [], []
    best, fuse = _learned._Search.best, _learned._Search.fused
    monkeypatch.setattr(_learned._Search, "best", lambda s, q: learned_on.append({*q.tolist()}) or best(s, q))
    monkeypatch.setattr(_learned._Search, "fused", lambda s, q, w: fused.append({*q.tolist()}) or fuse(s, q, w))
    groups = {f"q{k:02d}": k // 3 for k in range(20)}
    found = fit_weights(members, qrels, metric="mrr", cv=3, groups=groups, n_jobs=1)
    assert len(fused) == 3
    for train, test in zip(learned_on[:3], fused, strict=True):
        assert not {groups[q] for q in train} & {groups[q] for q in test}
    assert set.union(*fused) == {*found.queries.tolist()} == {*groups}


def test_leaks_are_refused():
    members, qrels = drawn(10)
    seen = members | {"sharp": Run(members["sharp"], fit_queries=["q03"])}
    with pytest.raises(LeakageError, match=r"'sharp' was fitted on 1 \('q03'\) of 10"):
        fit_weights(seen, qrels, metric="mrr", cv=2)
    found = fit_weights(seen, qrels, metric="mrr", cv=2, allow_leakage=True, n_jobs=1)
    assert isinstance(found, FittedWeights)
    assert found.out_of_fold.fit_queries.tolist() == ["q03"]
    with pytest.raises(LeakageError, match=r"queries that they were not learned on; they were learned on 10"):
        found.fuse(members)
    new = {m: {"new": run["q00"]} for m, run in members.items()}
    fused = found.fuse(dict(reversed(new.items())))
    assert fused.fit_queries.tolist() == sorted(run for run in members["sharp"])
    assert fused.score.tolist() == fuse_runs(new, "rrf", weights=found.weights).score.tolist()
    told = compare_runs({"a": members["dull"], "b": found.fuse(members, allow_leakage=True)}, "a", qrels, metrics="mrr")
    assert told["verdict"].item() == "in sample"


def test_what_cannot_be_learned_is_refused():
    members, qrels = drawn(4)
    for options, text in (
        ({"rule": "comb_max"}, "rule 'comb_max' takes no weights"),
        ({"cv": 5}, "cv must be at most the number of queries or groups to learn from, 4"),
        ({"cv": 1}, "cv must be a whole number >= 2"),
        ({"metric": ["map", "mrr"]}, "metric must be one"),
        ({"seed": -1}, "seed must be a whole number >= 0"),
    ):
        with pytest.raises(InvalidOptionError, match=text):
            fit_weights(members, qrels, **options)
    with pytest.raises(InvalidOptionError, match="two members or more"):
        fit_weights({"sharp": members["sharp"]}, qrels)
    with pytest.raises(InvalidPredictionsError, match="none in a run"):
        fit_weights(members, Qrels({"z": {"d1": 1}}))
