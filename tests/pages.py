"""A page with every kind of part, whose every name is hostile."""

import numpy as np
import pandas as pd

from ensemblekit import Predictions, align
from ensemblekit.plots import plot_confusion, plot_copies, plot_learning_curves, plot_reliability, plot_scores
from ensemblekit.report import (
    Answer,
    Code,
    Fold,
    Intervals,
    MemberChoice,
    Notice,
    Picture,
    Section,
    Sentences,
    SideBySide,
    Table,
    Thumbnail,
)

NASTY = "<script>alert(\"x\")</script> & 'quotes'"


def predictions():
    rng = np.random.default_rng(0)
    probas = rng.dirichlet(np.ones(3), 60)
    labels = np.array([NASTY, "b", "c"])[rng.integers(0, 3, 60)]
    return Predictions(probas, ids=range(60), classes=[NASTY, "b", "c"], labels=labels, member=NASTY)


def members():
    rng = np.random.default_rng(1)
    rows = predictions()
    fields = {"ids": rows.ids, "classes": rows.classes, "labels": rows.labels}
    hostile = (NASTY, "</script ><img src=x onerror=pwned=1>", "c")
    return align([Predictions(rng.dirichlet(np.ones(3), 60), member=name, **fields) for name in hostile])


def lead():
    values = pd.DataFrame({"model": [NASTY, "b", "c"], "value": [0.5, 0.7, float("nan")], "low": [0.4, 0.6, 0.1],
                           "high": [0.6, 0.9, 0.2], "kind": ["rule", "member", "member"]})  # fmt: skip
    return [Answer(NASTY), Notice(NASTY), Intervals(values, NASTY, marked="b")]


def sections():
    rows = predictions()
    scores = pd.DataFrame({"row": [NASTY, "b"], "value": [0.5, 0.7], "low": [0.4, 0.6], "high": [0.6, 0.9]})
    wide = pd.DataFrame({"Model": [NASTY, "b"]} | {f"Figure number {k}": [0.25, float("nan")] for k in range(12)})
    history = pd.DataFrame({"loss": [3.0, 2.0, 1.0], "val_loss": [3.0, 2.5, 2.0]})
    pixels = {0: np.zeros((20, 30, 3), np.uint8), 1: np.full((20, 30), 200, np.uint8)}
    return [
        Section("Tables & more", [NASTY, Table(wide, NASTY, {"b": ["why"]}, {"why": NASTY}), Sentences([NASTY])]),
        Section("Tables & more", [
            Picture(plot_confusion(rows), NASTY), Picture(plot_reliability(rows), "reliability"),
            Picture(plot_scores(scores, value="value", low="low", high="high"), "scores"),
            Picture(plot_learning_curves({NASTY: history}), "curves"),
            Picture(plot_copies([[0, 1]], pixels.get), "two"),
        ]),
        Section("Configuration", [Fold(NASTY, [Code('{"a": "<b>"}'), Fold("inner", ["inside"])])]),
        Section("Copies", [
            SideBySide(NASTY, [Thumbnail(pixels[k], f"{NASTY}{'x' * 60}", NASTY) for k in (0, 1, 0)], marked=True),
            SideBySide("gone", [Thumbnail(None, "a", "b")]),
        ]),
        Section("Members", [MemberChoice(members(), NASTY)]),
    ]  # fmt: skip
