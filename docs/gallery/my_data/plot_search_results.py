"""
I have search results of three engines
======================================

A search by words, a search by meaning and a list of what people click. Their scores have nothing in common: one goes
to 30, one to 1, one counts clicks. The sum of the scores is the ranking of the engine with the largest numbers.
"""

import textwrap

import numpy as np
import pandas as pd

from ensemblekit.plots import plot_scores
from ensemblekit.ranking import Qrels, Run, compare_runs, fuse_runs, score_runs

# %%
# The results
# -----------
# 80 made-up queries over 400 documents, of which about ten answer each. Each engine returns 30.

rng = np.random.default_rng(0)
queries = [f"q{k:02}" for k in range(80)]
documents = np.array([f"d{k:03}" for k in range(400)])
relevance = {query: rng.choice([0, 1, 2], 400, p=[0.975, 0.015, 0.01]) for query in queries}
qrels = Qrels({query: dict(zip(documents[g > 0], g[g > 0].tolist(), strict=True)) for query, g in relevance.items()})


def engine(name, seed, noise, scale):
    """Return the best 30 documents of a noisy engine, with scores on its own scale."""
    draw = np.random.default_rng(seed)
    rows = []
    for query in queries:
        score = relevance[query] + noise * draw.normal(size=400)
        best = np.argsort(-score)[:30]
        rows.append(pd.DataFrame({"query": query, "item": documents[best], "score": scale(score[best])}))
    return Run(pd.concat(rows), member=name)


runs = [
    engine("words", 1, 0.60, lambda s: 10 * np.maximum(s, 0)),
    engine("meaning", 2, 0.55, lambda s: 1 / (1 + np.exp(-s))),
    engine("clicks", 3, 0.90, lambda s: np.exp(2 * s + 3).round()),
]
print(pd.concat([run.to_frame().head(2).assign(engine=run.member) for run in runs]).to_string(index=False))

# %%
# The wrong way
# -------------
# Add the scores as they are. A document that an engine did not return counts as 0.

summed = pd.concat([run.to_frame() for run in runs]).groupby(["query", "item"], as_index=False)["score"].sum()
added = Run(summed, member="scores added")

# %%
# The right way
# -------------
# Ranks are comparable: ``rrf`` is reciprocal rank fusion. ``comb_sum`` adds scores that are first brought to the
# range from 0 to 1 for each engine and query.

fused = {rule: fuse_runs(runs, rule) for rule in ("rrf", "comb_sum")}
everything = {**{run.member: run for run in runs}, "scores added": added, **fused}
table = score_runs(everything, qrels, metrics="ndcg:k=10")
print(table[["model", "value", "low", "high"]].round(3).to_string(index=False))

# %%
# What the verdict says
# ---------------------
# Compared query by query with the best engine:

told = compare_runs(everything, "meaning", qrels, metrics="ndcg:k=10").set_index("model")
print(told.loc[["scores added", "rrf", "comb_sum"], "verdict"].to_string())
print(textwrap.fill(told.loc["rrf", "sentence"], 100))
figure = plot_scores(table, value="value", low="low", high="high", label="nDCG of the first ten documents")
figure.savefig("search_results.png")

# %%
# On the command line: ``ensemblekit rank words.run meaning.run --qrels judged.qrels -o fused.run``. See also
# :doc:`/rankings`.
