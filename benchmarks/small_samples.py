"""How often intervals and tests of few rows or groups are wrong: a simulation with models whose figures are known.

``python benchmarks/small_samples.py`` takes two hours on one core. With ``--parts FILE`` it can be stopped and goes on.
Two models are drawn that differ by chance alone; each claim that one is better is false. Others differ by a known
amount, which an interval must contain.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import typer
from rich.console import Console

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from ensemblekit import Predictions
from ensemblekit.evaluation import (
    cochran_q,
    compare_with_reference,
    find_metrics,
    friedman_test,
    mcnemar,
    nemenyi_test,
    permutation_test,
    score_table,
    sign_test,
    wilcoxon_test,
)
from ensemblekit.registry import default_registry
from ensemblekit.report import print_table, to_markdown

LEVEL = 0.05
ROWS = (2, 3, 5, 10, 30, 300)
GROUPS = (2, 5, 10, 30)
WORLDS = ("multiclass", "binary", "multilabel", "regression", "masks")
TRUTH_ROWS = 40_000
PART = 25
"""Repeats of a setting that one process computes at once."""
WHAT = {
    "interval": "equal models: the interval of the difference excludes 0",
    "p value": "equal models: p at most 0.05",
    "verdict": "equal models: called better or worse",
    "difference": "unequal models: the interval of the difference misses it",
    "value": "one model: the interval of its figure misses it",
    "tests": "equal models: McNemar, sign, Wilcoxon, permutation, Cochran, Friedman, Nemenyi: p at most 0.05",
}


@dataclass(frozen=True)
class Cell:
    """One setting: a kind of predictions, the number of rows or groups, and which."""

    world: str
    by: str
    n: int


def draw(rng: np.random.Generator, cell: Cell, n_models: int, sharpness: tuple[float, ...]) -> list[Predictions]:
    """Draw models of one skill; a sharpness above 1 makes a model too sure, one below 1 not sure enough.

    By group, rows of a group have one label, and half of what a model does wrong is common to them; groups have 1 to 7
    rows.
    """
    sizes = rng.integers(1, 8, cell.n) if cell.by == "group" else np.ones(cell.n, dtype=int)
    group = np.repeat(np.arange(cell.n), sizes)
    n, ids = len(group), [f"{g}/{k}" for k, g in enumerate(group)]

    def noise(*shape: int) -> np.ndarray:
        return np.sqrt(0.5) * (rng.normal(size=(cell.n, *shape))[group] + rng.normal(size=(n, *shape)))

    def models(of: Any, labels: np.ndarray, classes: list[str], task: str) -> list[Predictions]:
        fields: dict[str, Any] = {"ids": ids, "classes": classes, "labels": labels, "task": task}
        return [Predictions(of(s), **fields) for s in sharpness]

    if cell.world in ("multiclass", "binary"):
        k = 3 if cell.world == "multiclass" else 2
        codes = rng.choice(k, size=cell.n, p=[0.6, 0.4] if k == 2 else [0.5, 0.3, 0.2])[group]
        signal = 1.5 * np.eye(k)[codes] + 0.5 * noise(k)
        classes = ["a", "b", "c"][:k]
        return models(lambda s: softmax(s * (signal + noise(k))), np.array(classes)[codes], classes, cell.world)
    if cell.world == "multilabel":
        marks = (rng.random((cell.n, 3)) < [0.5, 0.3, 0.4])[group]
        signal = 2.0 * marks - 1 + 0.5 * noise(3)
        return models(lambda s: 1 / (1 + np.exp(-s * (signal + noise(3)))), marks, ["a", "b", "c"], cell.world)
    if cell.world == "regression":
        # Positive, as a percentage error needs.
        truth = np.exp(0.5 * rng.normal(size=(cell.n, 1))[group] + 0.2 * rng.normal(size=(n, 1)))
        # Sharpness scales errors that have heavy tails.
        return models(lambda s: truth + s * 0.3 * noise(1) * np.exp(0.5 * noise(1)), truth, ["y"], cell.world)
    inside = np.zeros((n, 6, 6), dtype=int)
    inside[:, 1:4, 1:5] = 1
    signal = 2.0 * inside - 1 + 0.5 * noise(1, 1)

    def masks(s: float) -> np.ndarray:
        share = 1 / (1 + np.exp(-s * (signal + noise(1, 1) + rng.normal(size=inside.shape))))
        return np.stack([1 - share, share], axis=-1)

    return models(masks, np.array(["out", "in"])[inside], ["out", "in"], "multiclass")


def softmax(logits: np.ndarray) -> np.ndarray:
    """Make probabilities of logits."""
    shares = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return shares / shares.sum(axis=-1, keepdims=True)


_metrics: dict[tuple[Any, ...], list[Any]] = {}


def metrics_of(predictions: Predictions) -> list[Any]:
    """Make every registered metric that predictions of this kind can have, once."""
    kind = predictions.task, predictions.probas.shape[1:]
    if kind not in _metrics:
        _metrics[kind] = _made(predictions)
    return _metrics[kind]


def _made(predictions: Predictions) -> list[Any]:
    registry, found = default_registry(), []
    for name in registry.metrics:
        k = len(predictions.classes)
        options = {"cost": {"costs": (1 - np.eye(k)) * np.arange(1, k + 1)}, "top_k": {"k": 2}}.get(name, {})
        metric = registry.create_metric(name, **options)
        if predictions.probas.ndim > 2 and not metric.dense:
            continue
        try:
            found += find_metrics([metric], predictions)
        except ValueError:
            continue
    return [m for m in found if not (m.name == "top_k" and len(predictions.classes) < 3)]


@functools.cache
def truths(world: str, by: str, sharpness: float) -> dict[str, float]:
    """Compute every metric of very many rows."""
    n = TRUTH_ROWS // (4 if by == "group" else 1) // (36 if world == "masks" else 1)
    (model,) = draw(np.random.default_rng(0), Cell(world, by, n), 1, (sharpness,))
    from ensemblekit.evaluation import statistic

    ones = np.ones((len(model), 1))
    return {m.name: float(statistic(model, m)(ones)[0]) for m in metrics_of(model)}


def groups_of(predictions: Predictions) -> dict[str, str]:
    """Read the group of each row from its id."""
    return {name: name.split("/")[0] for name in predictions.ids.tolist()}


def simulate(cell: Cell, repeats: int, n_resamples: int, seed: int, first: int = 0) -> pd.DataFrame:
    """Count the wrong answers of one setting, from a repeat on: one row per kind of answer and metric."""
    sharp = {s: truths(cell.world, cell.by, s) for s in (3.0, 0.6)}
    wrong: dict[tuple[str, str], list[bool]] = {}
    low, high = ("group_low", "group_high") if cell.by == "group" else ("low", "high")

    def note(what: str, name: str, is_wrong: bool) -> None:
        wrong.setdefault((what, name), []).append(bool(is_wrong))

    for repeat in range(first, first + repeats):
        rng = np.random.default_rng([seed, WORLDS.index(cell.world), cell.n, cell.by == "group", repeat])
        options: dict[str, Any] = {"n_resamples": n_resamples, "seed": repeat}
        alike = draw(rng, cell, 2, (1.5, 1.5))
        metrics = metrics_of(alike[0])
        options["metrics"] = metrics
        if cell.by == "group":
            options["groups"] = groups_of(alike[0])
        table = compare_with_reference(dict(zip("ab", alike, strict=True)), "b", **options)
        p_column = "p_value"
        for row in table.to_dict("records"):
            note("interval", row["metric"], row[low] > 0 or row[high] < 0)
            note("p value", row["metric"], row[p_column] <= LEVEL)
            note("verdict", row["metric"], row["verdict"] in ("better", "worse"))
        grouped = options.get("groups")
        unlike = dict(zip("ab", draw(rng, cell, 2, (3.0, 0.6)), strict=True))
        if cell.by == "group":
            options["groups"] = groups_of(unlike["a"])
        for row in compare_with_reference(unlike, "b", **options).to_dict("records"):
            truth = sharp[3.0][row["metric"]] - sharp[0.6][row["metric"]]
            note("difference", row["metric"], row[low] > truth + 1e-3 or row[high] < truth - 1e-3)
        for row in score_table({"a": unlike["a"]}, **options).to_dict("records"):
            truth = sharp[3.0][row["metric"]]
            note("value", row["metric"], row[low] > truth + 1e-3 or row[high] < truth - 1e-3)
        for name, p_value in other_tests(rng, cell, alike, grouped, n_resamples):
            note("tests", name, p_value <= LEVEL)
    rows = [
        {
            "world": cell.world,
            "by": cell.by,
            "n": cell.n,
            "what": what,
            "metric": name,
            "wrong": np.mean(each),
            "first": first,
            "repeats": len(each),
        }
        for (what, name), each in wrong.items()
    ]
    return pd.DataFrame(rows)


def other_tests(
    rng: np.random.Generator, cell: Cell, alike: list[Predictions], groups: Any, n_resamples: int
) -> Iterator[tuple[str, float]]:
    """Test equal models by the tests that stand alone."""
    if cell.world != "multiclass":
        return
    for metric in ("log_loss", "accuracy", "macro_auroc"):
        yield f"permutation, {metric}", permutation_test(*alike, metric, groups=groups, n_resamples=n_resamples)
    for metric in ("log_loss", "accuracy"):
        yield f"Wilcoxon, {metric}", wilcoxon_test(*alike, metric, groups=groups)
        yield f"sign, {metric}", sign_test(*alike, metric, groups=groups)
    if cell.by == "row":
        yield "McNemar", mcnemar(*alike).p_value
        three = draw(rng, cell, 3, (1.5, 1.5, 1.5))
        yield "Cochran", cochran_q(dict(zip("abc", three, strict=True)), n_resamples=n_resamples).p_value
        values = pd.DataFrame(rng.normal(size=(cell.n, 4)), columns=list("abcd"))
        yield "Friedman", friedman_test(values, higher_is_better=True).p_value
        yield "Nemenyi", float(nemenyi_test(values, higher_is_better=True)["p_value"].min())


def together(tables: list[pd.DataFrame]) -> pd.DataFrame:
    """Put the parts of each setting together."""
    each = pd.concat(tables, ignore_index=True)
    each["wrong"] *= each["repeats"]
    keys = [name for name in each.columns if name not in ("wrong", "repeats", "first")]
    table = each.drop(columns="first").groupby(keys, as_index=False, sort=False).sum()
    table["wrong"] /= table["repeats"]
    return table


def summary(table: pd.DataFrame, repeats: int) -> pd.DataFrame:
    """Show the worst metric of each setting, over the kinds of predictions; ``!`` where it is above the level."""
    bound = LEVEL + 3 * np.sqrt(LEVEL * (1 - LEVEL) / repeats)
    worst = table.loc[table.groupby(["what", "by", "n"])["wrong"].idxmax()]
    rows: list[dict[str, Any]] = []
    for what, text in WHAT.items():
        for by in ("row", "group"):
            part = worst[(worst["what"] == what) & (worst["by"] == by)].set_index("n")["wrong"]
            if len(part):
                cells = {f"{n}": f"{w:.3f}{' !' if w > bound else ''}" for n, w in part.items()}
                rows.append({"wrong answers": text, "by": by} | cells)
    order = ["wrong answers", "by", *(str(n) for n in sorted({*ROWS, *GROUPS}) if any(str(n) in r for r in rows))]
    return pd.DataFrame(rows).reindex(columns=order).fillna("")


def main(
    repeats: Annotated[int, typer.Option(help="Simulated comparisons of each setting.", min=10)] = 200,
    n_resamples: Annotated[int, typer.Option(help="Resamples of each interval.", min=99)] = 399,
    world: Annotated[list[str] | None, typer.Option(help="Only this kind of predictions; as often as needed.")] = None,
    rows: Annotated[list[int] | None, typer.Option(help="Only this many rows or groups.")] = None,
    jobs: Annotated[int, typer.Option(help="Processes.", min=1)] = 2,
    seed: Annotated[int, typer.Option(help="Seed of the simulation.")] = 0,
    parts: Annotated[
        Path | None, typer.Option(help="Keep finished parts in this CSV file, and go on from it; of one seed.")
    ] = None,
    markdown: Annotated[Path | None, typer.Option(help="Write the table as Markdown.")] = None,
    csv: Annotated[Path | None, typer.Option(help="Write the share of each metric.")] = None,
) -> None:
    """Simulate, and print how often the worst metric is wrong; at most 0.05 is allowed."""
    cells = [
        Cell(name, by, n)
        for by, numbers in (("row", ROWS), ("group", GROUPS))
        for n in numbers
        for name in world or WORLDS
        if not rows or n in rows
    ]
    cells.sort(key=lambda cell: -cell.n)
    done = pd.read_csv(parts) if parts is not None and parts.exists() else None
    tables = [] if done is None else [done[done["first"] < repeats]]
    known = set() if done is None else set(done[["world", "by", "n", "first"]].itertuples(index=False, name=None))
    # The first repeats of every setting come first: what is there when it is stopped is of use.
    left = [
        (cell, n) for n in range(0, repeats, PART) for cell in cells if (cell.world, cell.by, cell.n, n) not in known
    ]
    with ProcessPoolExecutor(jobs) as pool:
        runs = [pool.submit(simulate, cell, min(PART, repeats - n), n_resamples, seed, n) for cell, n in left]
        for run in as_completed(runs):
            tables.append(run.result())
            if parts is not None:
                tables[-1].to_csv(parts, mode="a", header=not parts.exists(), index=False)
    table = together(tables)
    shown = summary(table, repeats)
    print_table(shown, title=f"Share of wrong answers, worst of all metrics; {repeats} repeats", console=Console())
    if markdown is not None:
        markdown.write_text(to_markdown(shown), encoding="utf-8")
    if csv is not None:
        table.to_csv(csv, index=False)


if __name__ == "__main__":
    typer.run(main)
