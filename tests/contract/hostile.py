"""Calls of every public function that are right, and values that are wrong for nearly every argument."""

from __future__ import annotations

import atexit
import functools
import io
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image
from rich.console import Console

from ensemblekit import Predictions, align, audit_images
from ensemblekit.evaluation import compare_with_reference

FIELDS = {"ids": [f"r{k}" for k in range(6)], "classes": ["cat", "dog"]}
LABELS = ["cat", "dog"] * 3


def values() -> dict[str, Any]:
    """Give values of every wrong kind, by what they are."""
    cyclic: list[Any] = []
    cyclic.append(cyclic)
    cyclic_dict: dict[Any, Any] = {}
    cyclic_dict["cat"] = cyclic_dict
    return {
        "object": object(),
        "list of lists": [[1], [2]],
        "NaN": float("nan"),
        "huge": 10**400,
        "negative": -(10**30),
        "minus one": -1,
        "fraction": 1.5,
        "bytes": b"x",
        "set": {1, 2},
        "empty text": "",
        "text": "\x1b[2Jx",
        "surrogate": "\udcff",
        "NUL": "a\0b",
        "function": lambda *_, **__: None,
        "array": np.array([[0.5, 2.0]]),
        "object array": np.array([object(), None], dtype=object),
        "empty list": [],
        "mapping": {"cat": ["dog"]},
        "unhashable members": [{"a": 1}, [2]],
        "cyclic": cyclic,
        "cyclic mapping": cyclic_dict,
        "class": int,
        "complex": 1j,
    }


def predictions(seed: int, *, labels: Any = LABELS, **fields: Any) -> Predictions:
    probas = np.random.default_rng(seed).dirichlet([1, 1], 6)
    return Predictions(probas, **{**FIELDS, "labels": labels, "member": f"m{seed}", **fields})


FOLDERS = Path(tempfile.mkdtemp(prefix="hostile-"))
atexit.register(shutil.rmtree, FOLDERS, ignore_errors=True)


def folder() -> Path:
    return Path(tempfile.mkdtemp(dir=FOLDERS))


@functools.cache
def images() -> Path:
    root = folder()
    for split in ("train", "test"):
        for name in ("cat", "dog"):
            (root / split / name).mkdir(parents=True)
            for k in range(2):
                pixels = np.random.default_rng(k + len(name)).integers(0, 255, (8, 8, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(root / split / name / f"{k}.png")
    return root


def _calls() -> dict[str, Callable[[], dict[str, Any]]]:
    first, second = predictions(1), predictions(2)
    aligned = align(first, second)
    rows = {"a": first, "b": second}
    scores = pd.DataFrame({"Model": ["cnn"], "Accuracy": [0.5], "low": [0.4], "high": [0.6]})
    numbers = {"ids": FIELDS["ids"], "classes": [0.25, 0.75], "task": "quantile", "labels": np.arange(6.0)}
    forecasts = Predictions([[1.0, 3.0]] * 6, **numbers)
    history = pd.DataFrame({"loss": [1.0, 0.5]})
    frontier = pd.DataFrame({"members": [("a",)], "ms": [1.0], "accuracy": [0.5], "on_frontier": [True]})
    figures = [f"{s} {figure}" for s in ("Train", "Validation", "Test") for figure in ("Loss", "Accuracy")]
    results = pd.DataFrame({"Model": ["a"], **{name: [0.5] for name in figures}})
    unseen = predictions(3, ids=[f"v{k}" for k in range(6)])
    published = [{"name": "study", "results": {"a": {"Test Accuracy": 0.5}}}]

    numbers = [Predictions([1.0, 2.0, 4.0], ids=[1, 2, 3], classes=["x"], labels=[1.5, 2.0, 3.0], task="regression",
                           member=name) for name in "ab"]  # fmt: skip

    def give(**arguments: Any) -> Callable[[], dict[str, Any]]:
        return lambda: dict(arguments)

    ranked = pd.DataFrame({"a": [0.9, 0.8, 0.7], "b": [0.8, 0.9, 0.6], "c": [0.7, 0.7, 0.5]})
    one, pair = give(predictions=first), give(first=first, second=second)
    return {
        "choosing.choose": give(predictions=[first, second], rules=["mean"]),
        "combining.combine": give(predictions=[first, second], combiner="mean"),
        "combining.fit_combiner": give(combiner="weighted", predictions=[first, second]),
        "evaluation.accuracy": one,
        "evaluation.accuracy_interval": give(n_correct=3, n_samples=6),
        "evaluation.balance_table": give(results=results),
        "evaluation.balanced_accuracy": one,
        "evaluation.bootstrap_interval": give(predictions=first, metric="accuracy", n_resamples=50),
        "evaluation.brier_score": one,
        "evaluation.calibration_error": one,
        "evaluation.confidence_bins": give(confidence=np.array([0.5, 1.0])),
        "evaluation.cochran_q": give(models=rows, n_resamples=50),
        "evaluation.compare_published": give(results=results, runs=published),
        "evaluation.compare_with_best_member": give(
            models=rows, members={"a": ["b"]}, chosen_on={"b": unseen}, n_resamples=50
        ),
        "evaluation.compare_with_reference": give(models=rows, reference="a", n_resamples=50),
        "evaluation.confusion_matrix": one,
        "evaluation.diversity": give(predictions=aligned),
        "evaluation.diversity_matrix": give(predictions=aligned),
        "evaluation.find_metric": give(metric="neg_log_loss"),
        "evaluation.find_metrics": give(metrics=["neg_log_loss"], predictions=first),
        "evaluation.aurc": one,
        "evaluation.fit_conformal": give(predictions=first, alpha=0.5),
        "evaluation.fit_selective": give(predictions=first, risk=0.9, confidence=0.1),
        "evaluation.risk_coverage_curve": one,
        "evaluation.friedman_test": give(scores=ranked, higher_is_better=True),
        "evaluation.group_places": give(ids=first.ids, groups=None),
        "evaluation.holm": give(p_values=[0.1, 0.2]),
        "evaluation.leave_one_member_out": give(predictions=aligned, combiner="mean"),
        "evaluation.log_loss": one,
        "evaluation.macro_auroc": one,
        "evaluation.mcnemar": pair,
        "evaluation.aligned_models": give(models=rows),
        "evaluation.named_models": give(models=rows),
        "evaluation.nemenyi_test": give(scores=ranked, higher_is_better=True),
        "evaluation.paired_bootstrap": lambda: pair() | {"n_resamples": 50},
        "evaluation.permutation_test": lambda: pair() | {"metric": "log_loss", "n_resamples": 50},
        "evaluation.reliability_curve": one,
        "evaluation.repeats_table": give(tables={1: scores[["Model", "Accuracy"]]}),
        "evaluation.results_table": give(models={"a": {"train": first, "valid": first, "test": first}}),
        "evaluation.mean_interval": give(values=[0.5, 0.7, 0.6, 0.8, 0.9, 0.4], n_resamples=50),
        "evaluation.score_table": give(models=rows, n_resamples=50),
        "evaluation.sign_test": lambda: pair() | {"metric": "log_loss"},
        "evaluation.statistic": give(predictions=first, metric="neg_brier_score"),
        "evaluation.uncertainty": give(predictions=aligned),
        "evaluation.uncertainty_maps": give(
            predictions=align(*(
                Predictions(np.full((1, 2, 2, 2), 0.5), ids=["a"], classes=["cat", "dog"], member=m) for m in "ab"
            ))
        ),
        "evaluation.wilcoxon_test": lambda: pair() | {"metric": "log_loss"},
        "plots.plot_confusion": one,
        "plots.plot_copies": give(groups=[["a", "b"]], image=lambda _: np.zeros((4, 4))),
        "plots.plot_cost": give(accuracy={"a": 0.5}, latency={"a": 1.0}),
        "plots.plot_disagreement": give(predictions=aligned, image=lambda _: np.zeros((4, 4))),
        "plots.plot_diversity": give(predictions=aligned),
        "plots.plot_frontier": give(frontier=frontier),
        "plots.plot_learning_curves": give(histories={"a": history}),
        "plots.plot_pit": give(predictions=forecasts),
        "plots.plot_quantile_coverage": give(predictions=forecasts),
        "plots.plot_reliability": one,
        "plots.plot_risk_coverage": one,
        "plots.plot_set_sizes": give(sets=pd.DataFrame({"cat": [True, False], "dog": [True, True]})),
        "plots.plot_scores": give(scores=scores, value="Accuracy", low="low", high="high"),
        "predictions.Predictions": give(probas=first.probas, **FIELDS),
        "predictions.align": give(aliases=None),
        "report.print_table": lambda: {"table": scores, "title": "t", "console": Console(file=io.StringIO())},
        "report.to_csv": lambda: {"table": scores, "path": folder() / "t.csv"},
        "report.to_markdown": give(table=scores),
        "report.verdict_table": give(comparisons=compare_with_reference(rows, "a", n_resamples=50)),
        "report.write_audit": lambda: {"path": folder() / "t.html", "audit": audit_images(images())},
        "report.write_page": lambda: {"path": folder() / "t.html", "title": "t", "sections": []},
        "report.write_report": lambda: {"path": folder() / "t.html", "predictions": numbers, "n_resamples": 50},
        "store.save": lambda: {"obj": _fitted(), "folder": folder() / "rule"},
        "store.load": lambda: {"folder": _saved()},
        "scaling.combine_batch": give(members=rows, combiner="mean"),
        "scaling.combine_files": lambda: {"files": _files(), "combiner": "mean", "output": folder() / "out.parquet"},
        "data.audit_images": lambda: {"folder": images()},
        "data.image_folder": lambda: {"folder": images() / "train"},
        "data.image_splits": lambda: {"folder": images(), "splits": ("train", "test")},
        "data.ImageReader": give(),
        "data.image_table": lambda: {"frame": {"path": sorted(map(str, images().rglob("*.png")))}},
        "data.read_image": lambda: {"path": images() / "train" / "cat" / "0.png"},
        "data.resize_image": give(pixels=np.zeros((8, 8, 3), np.uint8), size=(4, 4)),
        "features.AffineViews": give(),
        "features.FeatureBank": lambda: {"folder": folder()},
        "features.ViewCycle": give(views=np.zeros((2, 4, 3), np.float32), y=[0, 1, 0, 1]),
        "features.image_keys": give(images=np.zeros((2, 4, 4, 3), np.uint8)),
        "members.as_source": give(source=(["a", "b"], np.eye(2))),
        "members.column_source": give(dataset=[{"file": ["a", "b"], "pixels": np.eye(2)}], ids="file", x="pixels"),
        "members.as_member": give(model=lambda x: np.full((len(x), 2), 0.5), name="m", classes=["cat", "dog"]),
        "registry.load_plugins": give(),
    }  # fmt: skip


@functools.cache
def calls() -> dict[str, Callable[[], dict[str, Any]]]:
    """Give for each public function what makes the arguments of a call that is right."""
    return _calls()


@functools.cache
def _fitted() -> Any:
    from ensemblekit import fit_combiner

    return fit_combiner([predictions(1), predictions(2)], "weighted")


@functools.cache
def _saved() -> Path:
    from ensemblekit.store import save

    path = folder() / "rule"
    save(_fitted(), path)
    return path


@functools.cache
def _files() -> list[Path]:
    root = folder()
    for seed in (1, 2):
        predictions(seed).save(root / f"{seed}.parquet")
    return [root / "1.parquet", root / "2.parquet"]
