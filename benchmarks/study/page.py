"""``report.html``: the sections of the report, with plots, images and the configuration."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ensemblekit import Predictions, align
from ensemblekit.data import Audit, read_image
from ensemblekit.plots import (
    plot_confusion,
    plot_copies,
    plot_cost,
    plot_disagreement,
    plot_diversity,
    plot_learning_curves,
    plot_reliability,
    plot_scores,
)
from ensemblekit.report import Code, Picture, Section, Sentences, write_page

from .one_seed import SeedResults
from .report import DISCLAIMER, Report, report_sections

__all__ = ["write_report_page"]


def write_report_page(
    path: Path,
    report: Report,
    seed: SeedResults,
    *,
    histories: Mapping[str, pd.DataFrame],
    audit: Audit,
    config: Mapping[str, Any],
) -> None:
    """Write the page. ``histories`` has the epochs of each network, ``config`` is shown as JSON."""
    test = {name: by_split["test"] for name, by_split in seed.predictions.items()}
    *tables, reading = report_sections(report)
    sections = [
        reading,
        *tables,
        _figures(report, test, {name: record["ms_per_image"] for name, record in seed.records.items()}),
        _behaviour(test, histories),
        *_images(test, audit),
        Section("Configuration", [Code(json.dumps(config, indent=2, ensure_ascii=False))]),
    ]
    write_page(path, report.title, sections, subtitle=DISCLAIMER)


def _figures(report: Report, test: Mapping[str, Predictions], latency: Mapping[str, float]) -> Section:
    scores = report.evaluation.scores
    of = {metric: scores[scores["metric"] == metric] for metric in ("accuracy", "log_loss")}
    chance = 1 / len(next(iter(test.values())).classes)
    parts: list[Any] = [
        Picture(
            plot_scores(of["accuracy"], value="value", low="low", high="high", label="Accuracy", reference=chance),
            "Accuracy on the test images, 95 % intervals by image; the line is chance",
        ),
        Picture(
            plot_scores(of["log_loss"], value="value", low="low", high="high", label="Log loss"),
            "Log loss on the test images, 95 % intervals by image; lower is better",
        ),
    ]
    timed = {name: latency[name] for name in test if latency.get(name, 0) > 0}
    if timed:
        accuracies = of["accuracy"].set_index("model").loc[list(timed)]
        intervals = {name: (float(low), float(high)) for name, low, high in accuracies[["low", "high"]].itertuples()}
        parts.append(
            Picture(
                plot_cost(accuracies["value"].to_dict(), timed, intervals=intervals),
                "Accuracy against latency, whole models in batches of 32; a combination costs what its members cost",
            )
        )
    return Section("Figures with intervals", parts)


def _behaviour(test: Mapping[str, Predictions], histories: Mapping[str, pd.DataFrame]) -> Section:
    parts: list[Any] = []
    if histories:
        parts.append(Picture(plot_learning_curves(histories), "Learning curves"))
    if len(test) > 1:
        caption = "Share of the test images that exactly one of two models has right"
        parts.append(Picture(plot_diversity(align(list(test.values()))), caption))
    parts += [
        Picture(plot_reliability(test), "Accuracy against confidence on the test images; below the line is too sure"),
        Picture(plot_confusion(test), "Confusion on the test images"),
    ]
    return Section("How the models behave", parts)


def _images(test: Mapping[str, Predictions], audit: Audit) -> list[Section]:
    def image(name: Any) -> np.ndarray:
        return read_image(audit.paths[str(name)])

    sections: list[Section] = []
    # A combination agrees with its members by its nature; hard votes say nothing about doubt.
    members = [p for name, p in test.items() if not name.startswith("ensemble_") and name != "best"]
    if len(members) > 1:
        figure = plot_disagreement(align(members), image)
        caption = "The test images on which the models disagree most; the class in bold is the true one"
        sections.append(Section("Disagreement", [Picture(figure, caption)]))
    parts: list[Any] = [Sentences(audit.summary)]
    for groups, caption in (
        (audit.label_conflicts, "Equal pixels under different labels"),
        (audit.cross_split_groups, "Equal pixels in more than one split"),
        (audit.near_pairs[["first", "second"]].to_numpy().tolist(), "Near copies"),
    ):
        if len(groups):
            groups = [_across(group, audit) for group in groups]
            parts.append(Picture(plot_copies(groups, image), f"{caption}: {len(groups)}, of which the first are shown"))
    return [*sections, Section("Audit of the images", parts)]


def _across(group: list[str], audit: Audit) -> list[str]:
    """Put the first image of another split next to the first of all."""
    other = next((i for i in group if audit.split_of(i) != audit.split_of(group[0])), group[1])
    return [group[0], other, *(i for i in group[1:] if i != other)]
