"""The parts of a page, as plain records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from matplotlib.figure import Figure

    from ..predictions import PredictionSet

__all__ = [
    "Answer", "Code", "Fold", "Intervals", "MemberChoice", "Notice", "Part", "Picture", "Section", "Sentences",
    "SideBySide", "Table", "Thumbnail",
]  # fmt: skip


@dataclass(frozen=True)
class Sentences:
    """A list of sentences.

    Parameters
    ----------
    sentences : sequence of str
        Plain text.
    """

    sentences: Sequence[str]


@dataclass(frozen=True)
class Answer:
    """What the page has to say, in large letters.

    Parameters
    ----------
    text : str
        One or two sentences.
    """

    text: str


@dataclass(frozen=True)
class Notice:
    """A warning, in a frame.

    Parameters
    ----------
    text : str
        Plain text.
    """

    text: str


@dataclass(frozen=True)
class Table:
    """A table, which readers can sort and copy as CSV.

    Parameters
    ----------
    frame : pandas.DataFrame
        Its first column holds the names of the rows.
    caption : str
        Text above the table.
    marks : mapping of str to sequence of str, optional
        Name in the first column -> keys of its footnotes.
    notes : mapping of str to str, optional
        Key -> footnote.
    """

    frame: pd.DataFrame
    caption: str
    marks: Mapping[str, Sequence[str]] = field(default_factory=dict[str, Sequence[str]])
    notes: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True)
class Picture:
    """A figure.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        A figure of `ensemblekit.plots`, whose colours follow the page, or any other figure.
    caption : str
        Text below the figure.
    """

    figure: Figure
    caption: str


@dataclass(frozen=True)
class Thumbnail:
    """A small picture of an image, at most 160 pixels a side.

    Parameters
    ----------
    pixels : ndarray of shape (height, width) or (height, width, n_channels), or None
        Finite numbers, of any size: 0 to 255, or else their range becomes black to white. None leaves its place empty.
    name : str
        Text below it, such as an id.
    note : str, optional
        A second text, in small letters.
    """

    pixels: np.ndarray | None
    name: str
    note: str = ""


@dataclass(frozen=True)
class SideBySide:
    """Images beside each other, such as copies; consecutive ones are laid out as a grid.

    Parameters
    ----------
    title : str
        Text above them.
    thumbnails : sequence of Thumbnail
        In reading order.
    marked : bool, default=False
        Whether the title has the colour of a warning.
    """

    title: str
    thumbnails: Sequence[Thumbnail]
    marked: bool = False


@dataclass(frozen=True)
class Intervals:
    """A forest plot of values with their intervals, drawn by the page: its text keeps its size on a phone.

    Parameters
    ----------
    frame : pandas.DataFrame
        One row per model, in reading order: ``model``, ``value``, ``low`` and ``high``. NaN bounds are not drawn.
        With a column ``kind``, those of the kind ``rule`` have a square and others a circle.
    caption : str
        Text above the plot.
    marked : str, optional
        Model at whose value a line is drawn.
    mark : str, default="best member"
        What the marked model is called.
    """

    frame: pd.DataFrame
    caption: str
    marked: str | None = None
    mark: str = "best member"


@dataclass(frozen=True)
class MemberChoice:
    """Members that readers tick on and off: the page combines them anew, by mean, vote or median, and weighted mean.

    Parameters
    ----------
    predictions : PredictionSet
        Labelled predictions of the members; they are embedded in the page.
    caption : str
        Text above it.
    weights : mapping of str to float, optional
        Member -> weight with which the weighted mean begins; by default 1.
    sample_weight : mapping of id to float, or Series indexed by id, optional
        Weights of the rows.
    """

    predictions: PredictionSet
    caption: str
    weights: Mapping[str, float] = field(default_factory=dict[str, float])
    sample_weight: Any = None


@dataclass(frozen=True)
class Code:
    """Preformatted text, such as JSON.

    Parameters
    ----------
    text : str
        Line breaks are kept.
    """

    text: str


@dataclass(frozen=True)
class Fold:
    """Parts that are shown only when the reader opens them.

    Parameters
    ----------
    title : str
        What the reader sees before.
    parts : sequence of parts
        In reading order; a str is a paragraph.
    """

    title: str
    parts: Sequence[Part]


Part: TypeAlias = (
    str | Sentences | Answer | Notice | Table | Picture | SideBySide | Intervals | MemberChoice | Code | Fold
)


@dataclass(frozen=True)
class Section:
    """A part of the page under a heading.

    Parameters
    ----------
    title : str
        The heading, also in the table of contents.
    parts : sequence of parts
        In reading order; a str is a paragraph.
    """

    title: str
    parts: Sequence[Part]
