"""``report.html``: the answer first, then the evidence, with plots, images and the configuration."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ensemblekit import Predictions, align
from ensemblekit.data import Audit, read_image
from ensemblekit.evaluation import uncertainty
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
    write_page,
)

from .one_seed import SeedResults
from .report import DISCLAIMER, Report, answer, report_sections

__all__ = ["write_report_page"]

SIDE_BY_SIDE = 3
"""Images, or groups of copies, in each of two pictures that stand side by side."""


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
    results, figures, *tables, reading = report_sections(report)
    sections = [
        *(section for section in tables if section.title.startswith("Each combination")),
        *_members(test),
        results,
        reading,
        Section(figures.title, [Fold("Six metrics with their intervals", figures.parts)]),
        *(section for section in tables if not section.title.startswith("Each combination")),
        _figures(report, test, {name: record["ms_per_image"] for name, record in seed.records.items()}),
        _behaviour(test, histories),
        *_images(test, audit),
        Section("Configuration", [Fold("As JSON", [Code(json.dumps(config, indent=2, ensure_ascii=False))])]),
    ]
    write_page(path, report.title, sections, lead=_lead(report, seed), subtitle=DISCLAIMER)


def _lead(report: Report, seed: SeedResults) -> list[Any]:
    scores = report.evaluation.scores
    of_metric = scores[scores["metric"] == "accuracy"].sort_values("value", ascending=False, kind="stable")
    rules = set(seed.compared)
    frame = of_metric[["model", "value", "low", "high"]].assign(
        kind=["rule" if name in rules else "member" for name in of_metric["model"]]
    )
    comparisons = report.evaluation.comparisons
    best = None if comparisons.empty else comparisons["best_member"].mode().iloc[0]
    caption = (
        f"Accuracy on the {of_metric['n'].max()} test images with 95 % intervals by image, combinations as squares; "
        "the best member is the one that was best on other images"
    )
    return [Answer(answer(report.evaluation)), *map(Notice, report.warnings), Intervals(frame, caption, marked=best)]


def _members(test: Mapping[str, Predictions]) -> list[Section]:
    members = [p for name, p in test.items() if not _is_combination(name)]
    if len(members) < 2:
        return []
    caption = (
        "Untick a model, or change its weight: the figures of the combinations on the test images are computed anew, "
        "in this page"
    )
    warning = "Models that are chosen by these figures are chosen to fit the test images: on others they do less well."
    return [Section("Try other members", [MemberChoice(align(members), caption), warning])]


def _is_combination(name: str) -> bool:
    return name.startswith("ensemble_") or name == "best"


def _figures(report: Report, test: Mapping[str, Predictions], latency: Mapping[str, float]) -> Section:
    scores = report.evaluation.scores
    of = {metric: scores[scores["metric"] == metric] for metric in ("accuracy", "log_loss")}
    parts: list[Any] = [
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
    return Section("Log loss and latency", parts)


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
    return Section("How the models behave", [Fold(f"{len(parts)} figures", parts)])


def _images(test: Mapping[str, Predictions], audit: Audit) -> list[Section]:
    def image(name: Any) -> np.ndarray:
        return read_image(audit.paths[str(name)])

    sections: list[Section] = []
    # A combination agrees with its members by its nature; hard votes say nothing about doubt.
    members = [p for name, p in test.items() if not _is_combination(name)]
    if len(members) > 1:
        aligned = align(members)
        doubt = uncertainty(aligned)["epistemic"].sort_values(ascending=False, kind="stable")
        halves = _halves(list(doubt.index[: 2 * SIDE_BY_SIDE]))
        figures = [plot_disagreement(aligned.take(ids), image, most=SIDE_BY_SIDE) for ids in halves]
        captions = (
            "The test images on which the models disagree most; the class in bold is the true one",
            "Those on which they disagree a little less",
        )
        sections.append(Section("Disagreement", list(map(Picture, figures, captions))))
    parts: list[Any] = [Sentences(audit.summary)]
    for groups, caption in (
        (audit.label_conflicts, "Equal pixels under different labels"),
        (audit.cross_split_groups, "Equal pixels in more than one split"),
        (audit.near_pairs[["first", "second"]].to_numpy().tolist(), "Near copies"),
    ):
        if len(groups):
            shown = _halves([_across(group, audit) for group in groups[: 2 * SIDE_BY_SIDE]])
            captions = (f"{caption}: {len(groups)}, of which the first are shown", f"{caption}, continued")
            parts.append(
                Fold(
                    f"{caption}: {len(groups)}",
                    [Picture(plot_copies(half, image), said) for half, said in zip(shown, captions, strict=False)],
                )
            )
    return [*sections, Section("Audit of the images", parts)]


def _halves(things: list[Any]) -> list[list[Any]]:
    """Divide what is shown into the two columns of the page."""
    return [half for half in (things[:SIDE_BY_SIDE], things[SIDE_BY_SIDE:]) if half]


def _across(group: list[str], audit: Audit) -> list[str]:
    """Put the first image of another split next to the first of all."""
    other = next((i for i in group if audit.split_of(i) != audit.split_of(group[0])), group[1])
    return [group[0], other, *(i for i in group[1:] if i != other)]
