"""Drawn runs for the tests, and the rules written out in plain Python with exact fractions."""

from fractions import Fraction
from itertools import groupby
from statistics import median

from hypothesis import strategies as st

ITEMS = [f"d{k}" for k in range(9)]
SCORES = st.sampled_from([-2.0, 0.0, 0.25, 0.5, 1.0, 1.5, 3.0, 7.0])


def runs(min_members=1):
    """Draw {member: {query: {item: score}}}, with ties, empty queries and members that lack queries."""
    ranking = st.dictionaries(st.sampled_from(ITEMS), SCORES, min_size=1, max_size=6)
    run = st.dictionaries(st.sampled_from(["q1", "q2", "q10"]), ranking, max_size=3)
    return st.dictionaries(st.sampled_from(["a", "b", "c", "d"]), run, min_size=min_members, max_size=4)


def ranks(ranking):
    """Mean ranks."""
    found, place = {}, 0
    for _, group in groupby(sorted(ranking, key=ranking.get, reverse=True), key=ranking.get):
        tied = list(group)
        found |= dict.fromkeys(tied, Fraction(2 * place + 1 + len(tied), 2))
        place += len(tied)
    return found


def normalised(ranking, name):
    scores = {item: Fraction(score) for item, score in ranking.items()}
    low, high, n = min(scores.values()), max(scores.values()), len(scores)
    if name == "none":
        return scores
    if name == "rank":
        return {item: 1 - (rank - 1) / n for item, rank in ranks(ranking).items()}
    if low == high:
        return dict.fromkeys(scores, Fraction(1) if name == "min-max" else Fraction(1, n))
    whole = high - low if name == "min-max" else sum(score - low for score in scores.values())
    return {item: (score - low) / whole for item, score in scores.items()}


def values(ranking, rule, candidates, k, phi, normalisation):
    if rule.startswith("comb"):
        return normalised(ranking, normalisation)
    of_rank = {
        "rrf": lambda r: 1 / (k + r),
        "isr": lambda r: 1 / r**2,
        "rbc": lambda r: (1 - float(phi)) * float(phi) ** float(r - 1),
        "borda": lambda r: len(candidates) + 1 - r,
    }[rule]
    found = {item: of_rank(rank) for item, rank in ranks(ranking).items()}
    if rule == "borda":
        found |= {c: Fraction(len(candidates) - len(ranking) + 1, 2) for c in candidates if c not in ranking}
    return found


def beats(one, other, rankings):
    """How many more members prefer the one."""
    lead = 0
    for ranking in map(ranks, rankings):
        first, second = (ranking.get(item, Fraction(10**6)) for item in (one, other))
        lead += (first < second) - (first > second)
    return lead


def fused(members, rule, *, k=60, phi=Fraction(4, 5), normalisation="min-max"):
    """Fuse as the formulas say: {query: {item: score}}."""
    queries = {query for run in members.values() for query in run}
    found = {}
    for query in sorted(queries):
        rankings = [run[query] for run in members.values() if query in run]
        candidates = {item for ranking in rankings for item in ranking}
        if rule == "condorcet":
            leads = {c: [beats(c, o, rankings) for o in candidates if o != c] for c in candidates}
            found[query] = {c: sum(v > 0 for v in own) + sum(v == 0 for v in own) / 2 for c, own in leads.items()}
            continue
        parts = [values(ranking, rule, candidates, k, phi, normalisation) for ranking in rankings]
        mine = {c: [part[c] for part in parts if c in part] for c in candidates}
        combine = {
            "comb_max": max,
            "comb_min": min,
            "comb_med": median,
            "comb_anz": lambda v: sum(v) / len(v),
            "comb_mnz": lambda v: len(v) * sum(v),
            "isr": lambda v: len(v) * sum(v),
        }.get(rule, sum)
        found[query] = {c: float(combine(own)) for c, own in mine.items()}
    return found


def as_dict(run):
    """A run as {query: {item: score}}."""
    frame = run.to_frame()
    return {q: dict(zip(g["item"], g["score"], strict=True)) for q, g in frame.groupby("query")}
