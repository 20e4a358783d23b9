"""`write_report`: several members' predictions as one page, the answer first."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..arguments import typed
from ..combining.row_weights import weights_of
from ..errors import InvalidOptionError, InvalidPredictionsError, MissingDependencyError
from ..evaluation import AskedMetric
from ..evaluation.words import counted, metric_title
from ..files import check_file
from ..predictions import Alignable, PredictionSet, align
from ._choice import choice_lead, choice_sections
from ._findings import Findings, find
from ._page import write_page
from ._parts import Answer, Fold, Intervals, MemberChoice, Notice, Part, Picture, Section, Sentences, Table
from ._verdicts import verdict_table

if TYPE_CHECKING:
    from ..choosing import Choice

__all__ = ["write_report"]

MOST_IN_PICTURE = 30


@typed(but=("predictions", "metrics", "groups", "sample_weight", "choice"))
def write_report(
    path: str | os.PathLike[str],
    predictions: Alignable,
    *,
    rules: Sequence[str] | Mapping[str, Any] | None = None,
    metrics: AskedMetric | Sequence[AskedMetric] | None = None,
    groups: Any = None,
    sample_weight: Any = None,
    smallest: float | Mapping[str, float] | None = None,
    choice: Choice | None = None,
    confidence: float = 0.95,
    n_resamples: int = 5000,
    seed: int = 0,
    title: str = "",
    unit: str = "rows",
) -> None:
    """Write a page that says how to combine members, and whether it is worth it, with the evidence.

    Parameters
    ----------
    path : path-like
        Name of the ``.html`` file. An existing one is replaced atomically.
    predictions : PredictionSet, or sequence or mapping of Predictions or paths
        Labelled predictions of the members for the same rows, of any task.
    rules : sequence of str, or mapping of str to combiner, optional
        Registered names of rules that learn nothing, or ``{name: combiner}``, whose combiners may be fitted on other
        rows. By default the mean, and the vote or the median.
    metrics : metric or sequence of metric, optional
        In the forms that `ensemblekit.evaluation.find_metric` accepts; by default those of the task. The first one
        decides.
    groups : mapping of id to group, or Series indexed by id, optional
        Rows that are not independent, as in `ensemblekit.evaluation.bootstrap_interval`. By default the groups of the
        predictions.
    sample_weight : Series with an index of ids, mapping of id to float, or array-like of shape (n_samples,), optional
        How much each row counts.
    smallest : float or mapping of str to float, optional
        Smallest difference of interest, as in `ensemblekit.evaluation.compare_with_reference`.
    choice : Choice, optional
        The result of `ensemblekit.choosing.choose` for these predictions: its answer and its candidates then stand on
        the first screen.
    confidence, n_resamples, seed
        As in `ensemblekit.evaluation.bootstrap_interval`.
    title : str, optional
        Title of the page.
    unit : str, default="rows"
        Plural word for the samples in the sentences.

    Raises
    ------
    InvalidPredictionsError
        If there are no labels.
    AlignmentError
        If the predictions cannot be aligned.
    InvalidOptionError
        If an option is out of range or unknown, or a rule and a member share a name.

    Notes
    -----
    The best member is the best one on these very rows. That favours it: its figure is in part luck, and a combination
    that is better than it is better than an opponent chosen with hindsight.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from ensemblekit import Predictions
    >>> from ensemblekit.report import write_report
    >>> fields = {"ids": range(20), "classes": ["cat", "dog"], "labels": ["cat"] * 20}
    >>> members = [Predictions([[p, 1 - p]] * 20, member=name, **fields) for name, p in (("a", 0.6), ("b", 0.7))]
    >>> path = Path(tempfile.mkdtemp()) / "report.html"
    >>> write_report(path, members, unit="images")
    >>> "Against the best member" in path.read_text()
    True
    """
    check_file(path)
    if choice is not None and not hasattr(choice, "out_of_fold"):
        raise InvalidOptionError(f"choice must be the result of choose(...); received {type(choice).__name__}.")
    members = predictions if isinstance(predictions, PredictionSet) else align(predictions)
    if sample_weight is not None:
        sample_weight = dict(zip(members.ids.tolist(), weights_of(sample_weight, members.ids).tolist(), strict=True))
    options = {"groups": groups, "sample_weight": sample_weight}
    options |= {"confidence": confidence, "n_resamples": n_resamples, "seed": seed}
    found = find(members, rules, metrics, smallest=smallest, unit=unit, **options)
    n_members = f"{len(members)} members" if len(members) > 1 else "one member"
    title = title or (f"What {n_members} are worth together" if len(members) > 1 else "What this model is worth")
    lead = _lead(found, confidence, unit)
    if choice is not None:
        lead = choice_lead(choice, found.warnings, confidence, unit)
    write_page(
        path,
        title,
        [*choice_sections(choice), *_sections(found, confidence, unit, sample_weight)],
        lead=lead,
        subtitle=f"{n_members[:1].upper()}{n_members[1:]}, {counted(len(members.ids), unit)}, task {members.task}",
    )


def _lead(found: Findings, confidence: float, unit: str) -> list[Part]:
    of_metric = found.scores[found.scores["metric"] == found.metric.name].set_index("model", drop=False)
    order = of_metric.sort_values("value", ascending=not found.metric.higher_is_better, kind="stable")
    shown = order.head(MOST_IN_PICTURE)
    low, high = found.bounds
    frame = shown[["model", "value"]].assign(
        low=shown[low],
        high=shown[high],
        kind=["rule" if name in found.rules else "member" for name in shown["model"]],
    )
    by = " by group" if low != "low" else ""
    marks = ", rules as squares and members as circles" if found.rules else ""
    caption = (
        f"{metric_title(found.metric.name)} on {counted(len(found.members.ids), unit)} with {100 * confidence:g} % "
        f"intervals{by}{marks}; {'higher' if found.metric.higher_is_better else 'lower'} is better"
    )
    picture = Intervals(frame, caption, marked=found.best_member if len(found.members) > 1 else None)
    return [Answer(found.answer), *map(Notice, found.warnings), picture]


def _sections(found: Findings, confidence: float, unit: str, sample_weight: Any) -> list[Section]:
    sections: list[Section] = []
    if found.comparisons is not None:
        caption = (
            f"Each rule against {found.best_member}, the best member on these {unit}; p values are corrected by Holm "
            "for the number of rules"
        )
        sentences = Fold("The same in sentences", [Sentences(found.comparisons["sentence"].tolist())])
        sections.append(
            Section("Against the best member", [Table(verdict_table(found.comparisons), caption), sentences])
        )
    if len(found.members) > 1:
        caption = (
            f"Untick a member, or change its weight: the figures of the combinations on these {unit} are computed "
            "anew, in this page"
        )
        warning = f"Members chosen by these figures are chosen to fit these {unit}: on new ones they will do less well."
        sections.append(
            Section("Try other members", [MemberChoice(found.members, caption, sample_weight=sample_weight), warning])
        )
    intervals = Fold("With their intervals", [_score_table(found, confidence, unit)])
    sections.append(Section("All figures", [_values(found, unit), intervals]))
    if found.without is not None:
        table = found.without.reset_index().rename(
            columns={"member": "Without", "with_all": "With all", "without": "Without it", "difference": "Difference"}
        )
        caption = f"{metric_title(found.metric.name)} of the mean without each member"
        sections.append(Section("What each member adds", [Table(table, caption)]))
    pictures = _pictures(found)
    if pictures:
        sections.append(Section("How the models behave", [Fold(f"{len(pictures)} figures", pictures)]))
    return sections


def _values(found: Findings, unit: str) -> Table:
    wide = found.scores.pivot(index="model", columns="metric", values="value")
    names = list(dict.fromkeys(found.scores["metric"]))
    wide = wide.loc[list(dict.fromkeys(found.scores["model"])), names].set_axis(map(metric_title, names), axis=1)
    kinds = ["rule" if name in found.rules else "member" for name in wide.index]
    wide.insert(0, "Kind", kinds)
    return Table(wide.rename_axis("Model").reset_index(), f"Every metric on {counted(len(found.members.ids), unit)}")


def _score_table(found: Findings, confidence: float, unit: str) -> Table:
    import pandas as pd

    low, high = found.bounds
    scores = found.scores
    frame = pd.DataFrame(
        {
            "Model": scores["model"],
            "Kind": ["rule" if name in found.rules else "member" for name in scores["model"]],
            "Metric": [metric_title(name) for name in scores["metric"]],
            "Value": scores["value"],
            "Low": scores[low],
            "High": scores[high],
        }
    )
    by = "group" if low != "low" else "row"
    return Table(
        frame, f"Every metric on {counted(len(found.members.ids), unit)}, with {100 * confidence:g} % intervals by {by}"
    )


def _pictures(found: Findings) -> list[Picture]:
    from .. import plots

    models: dict[str, Any] = {**found.rules, **{name: found.members[name] for name in found.members.members}}
    drawn = {
        "Accuracy against confidence; below the line a model is too sure": lambda: plots.plot_reliability(models),
        "Which classes are taken for each other": lambda: plots.plot_confusion(models),
        "Share of the rows that exactly one of two members has right": lambda: plots.plot_diversity(found.members),
    }
    pictures: list[Picture] = []
    for caption, draw in drawn.items():
        # Where there is no matplotlib, or a figure is not for this task, the page does without it.
        with contextlib.suppress(MissingDependencyError, InvalidPredictionsError, InvalidOptionError):
            pictures.append(Picture(draw(), caption))
    return pictures
