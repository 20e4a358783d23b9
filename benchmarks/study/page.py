"""`report.html`: one page with all that a run found."""

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
from ensemblekit.report import Code, Picture, Section, Sentences, Table, write_page

from .shown import worth_sections
from .tables import DISCLAIMER, Report

__all__ = ["write_report_page"]


def write_report_page(
    path: Path,
    report: Report,
    rows: Mapping[str, Mapping[str, Predictions]],
    *,
    histories: Mapping[str, pd.DataFrame],
    latency: Mapping[str, float],
    audit: Audit | None,
    config: Mapping[str, Any],
) -> None:
    """Write the page.

    Parameters
    ----------
    path : Path
        Of the file.
    report : Report
        Tables and sentences.
    rows : mapping of str to mapping of str to Predictions
        Row -> split -> its predictions.
    histories : mapping of str to DataFrame
        Network -> its epochs.
    latency : mapping of str to float
        Row -> milliseconds an image.
    audit : Audit, optional
        Of the images. Without one no image is shown.
    config : mapping
        Shown as JSON.
    """
    test = {row: by_split["test"] for row, by_split in rows.items()}
    sections = [
        _results(report),
        *_worth(report),
        _figures(report, test, latency),
        _behaviour(test, histories),
        *_images(test, audit),
        Section("Configuration", [Code(json.dumps(config, indent=2, ensure_ascii=False))]),
    ]
    write_page(path, report.title, sections, subtitle=DISCLAIMER)


def _results(report: Report) -> Section:
    return Section(
        "Results",
        [
            Sentences(report.remarks),
            Table(report.results, "Loss and accuracy of each row on each split", report.marks, report.notes),
            Table(report.balance, "Balance over the splits"),
            *([] if report.published is None else [Table(report.published, "Beside the published figures")]),
        ],
    )


def _worth(report: Report) -> list[Section]:
    sections: list[Section] = []
    for title, frames, sentences in worth_sections(report.worth):
        parts: list[Any] = [Table(frame, caption, report.marks, report.notes) for caption, frame in frames.items()]
        sections.append(Section(title, [*parts, Sentences(sentences)] if sentences else parts))
    return sections


def _figures(report: Report, test: Mapping[str, Predictions], latency: Mapping[str, float]) -> Section:
    scores = report.worth.scores
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
    timed = {row: latency[row] for row in test if latency.get(row, 0) > 0}
    if timed:
        accuracies = of["accuracy"].set_index("model").loc[list(timed)]
        intervals = {row: (float(low), float(high)) for row, low, high in accuracies[["low", "high"]].itertuples()}
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
        caption = "Share of the test images that exactly one of two rows has right"
        parts.append(Picture(plot_diversity(align(list(test.values()))), caption))
    parts += [
        Picture(plot_reliability(test), "Accuracy against confidence on the test images; below the line is too sure"),
        Picture(plot_confusion(test), "Confusion on the test images"),
    ]
    return Section("How the rows behave", parts)


def _images(test: Mapping[str, Predictions], audit: Audit | None) -> list[Section]:
    if audit is None:
        return []

    def image(name: Any) -> np.ndarray:
        return read_image(audit.paths[str(name)])

    sections: list[Section] = []
    members = [rows for rows in test.values() if _own(rows)]
    if len(members) > 1:
        figure = plot_disagreement(align(members), image)
        caption = "The test images on which the rows disagree most; the class in bold is the true one"
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


def _own(predictions: Predictions) -> bool:
    # A combination agrees with its members by its nature; hard votes say nothing of doubt.
    return not (predictions.member or "").startswith("ensemble_") and predictions.member != "best"


def _across(group: list[str], audit: Audit) -> list[str]:
    """Put the first image of another split beside the first of all."""
    other = next((i for i in group if audit.split_of(i) != audit.split_of(group[0])), group[1])
    return [group[0], other, *(i for i in group[1:] if i != other)]
