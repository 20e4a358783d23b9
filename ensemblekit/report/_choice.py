"""The result of `choose` on the page: its answer, its best candidates as a picture, all of them as a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..evaluation import find_metric
from ..evaluation.words import metric_title
from ._parts import Answer, Intervals, Notice, Part, Section, Sentences, Table

if TYPE_CHECKING:
    from ..choosing import Choice

__all__ = ["choice_lead", "choice_sections"]

MOST_CANDIDATES = 10
COLUMNS = {
    "candidate": "Candidate", "kind": "Kind", "value": "Value", "low": "Low", "high": "High",
    "difference": "Difference", "difference_low": "Its low", "difference_high": "Its high", "p_holm": "p",
    "left_out": "Left out",
}  # fmt: skip


def choice_lead(choice: Choice, warnings: Sequence[str], confidence: float, unit: str) -> list[Part]:
    """Say what was chosen, and show the best candidates beside the best member."""
    import pandas as pd

    table = choice.table
    names = table["candidate"].tolist()
    reference = "best member" if "best member" in names else choice.best_member
    always = {"choice", choice.name, reference}
    shown = [
        place
        for place, (name, left_out) in enumerate(zip(names, table["left_out"], strict=True))
        if not left_out and (place < MOST_CANDIDATES or name in always)
    ]
    figures = table.iloc[shown]
    frame = pd.DataFrame({name: figures[name] for name in ("value", "low", "high")})
    frame = frame.assign(
        model=figures["candidate"], kind=["member" if kind == "member" else "rule" for kind in figures["kind"]]
    )
    direction = "higher" if find_metric(choice.metric).higher_is_better else "lower"
    caption = (
        f"{metric_title(choice.metric)} on {unit} that a candidate did not see, with {100 * confidence:g} % intervals, "
        f"rules as squares and members as circles; {direction} is better"
    )
    return [Answer(choice.sentence), *map(Notice, warnings), Intervals(frame, caption, marked=reference)]


def choice_sections(choice: Choice | None) -> list[Section]:
    """Show every candidate."""
    import pandas as pd

    if choice is None:
        return []
    caption = (
        f"{metric_title(choice.metric)} of each candidate on rows that its fit did not see, and the difference to the "
        "best member; choice is the whole choice, made anew without each fold"
    )
    frame = pd.DataFrame({heading: choice.table[name] for name, heading in COLUMNS.items()})
    notes = [Sentences(choice.notes)] if choice.notes else []
    return [Section("The candidates", [*notes, Table(frame, caption)])]
