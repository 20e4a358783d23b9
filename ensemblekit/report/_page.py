"""A self-contained HTML page of tables, figures and sentences."""

from __future__ import annotations

import html
import itertools
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..arguments import typed
from ..errors import InvalidOptionError
from ..files import write_text
from ..printed import printable
from ._svg import to_svg
from ._tables import cells_of, footnotes_of, numeric_columns

if TYPE_CHECKING:
    import jinja2
    import pandas as pd
    from matplotlib.figure import Figure

__all__ = ["Code", "Picture", "Section", "Sentences", "Table", "write_page"]


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
class Table:
    """A table.

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
class Code:
    """Preformatted text, such as JSON.

    Parameters
    ----------
    text : str
        Line breaks are kept.
    """

    text: str


@dataclass(frozen=True)
class Section:
    """A part of the page under a heading.

    Parameters
    ----------
    title : str
        The heading, also in the table of contents.
    parts : sequence of str, Sentences, Table, Picture or Code
        In reading order; a str is a paragraph.
    """

    title: str
    parts: Sequence[str | Sentences | Table | Picture | Code]


@typed()
def write_page(
    path: str | os.PathLike[str], title: str, sections: Sequence[Section], *, subtitle: str = "", language: str = "en"
) -> None:
    """Write a self-contained HTML page: no script, no network, no other file.

    Parameters
    ----------
    path : path-like
        Name of the ``.html`` file. An existing one is replaced atomically.
    title : str
        Title of the page.
    sections : sequence of Section
        Contents of the page.
    subtitle : str, optional
        Text below the title.
    language : str, default="en"
        HTML language code of the texts.

    Raises
    ------
    InvalidOptionError
        If a part of a section is of another type.

    Notes
    -----
    The page follows the reader's light or dark mode; it is always light when printed. Each wide table has its own
    scroll bar. A content security policy keeps the browser from loading and running anything. The same contents give
    the same bytes.

    Examples
    --------
    >>> import pandas as pd, tempfile
    >>> from pathlib import Path
    >>> from ensemblekit.report import Section, Table, write_page
    >>> scores = pd.DataFrame({"Model": ["cnn"], "Accuracy": [0.5]})
    >>> path = Path(tempfile.mkdtemp()) / "report.html"
    >>> write_page(path, "Two cats", [Section("Results", [Table(scores, "On 2 images")])])
    >>> "On 2 images</figcaption>" in path.read_text()
    True
    """
    counter = itertools.count(1)
    anchors = _anchors([section.title for section in sections])
    page = _environment().get_template("page.html")
    write_text(
        path,
        page.render(
            title=title,
            subtitle=subtitle,
            language=language,
            sections=[
                {"anchor": anchor, "title": section.title, "blocks": _blocks(section.parts, counter)}
                for anchor, section in zip(anchors, sections, strict=True)
            ],
        ),
    )


class _Html(str):
    """HTML that this module creates: the only text that a template writes unescaped."""

    def __html__(self) -> str:
        return self


def _environment() -> jinja2.Environment:
    import jinja2

    return jinja2.Environment(
        loader=jinja2.PackageLoader("ensemblekit.report"),
        autoescape=True,
        finalize=lambda value: value if type(value) is _Html else printable(value),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        keep_trailing_newline=True,
    )


def _blocks(parts: Sequence[Any], counter: Iterator[int]) -> list[dict[str, Any]]:
    """Describe the parts of a section; the kind of each part is the name of its template."""
    blocks: list[dict[str, Any]] = []
    for part in parts:
        if isinstance(part, str):
            blocks.append({"kind": "paragraph", "text": part})
        elif isinstance(part, Sentences):
            blocks.append({"kind": "sentences", "sentences": part.sentences})
        elif isinstance(part, Table):
            blocks.append({"kind": "table", "id": f"table--{next(counter)}", **_table(part)})
        elif isinstance(part, Code):
            blocks.append({"kind": "code", "text": _Html(html.escape(printable(part.text, lines=True)))})
        elif isinstance(part, Picture):
            if not blocks or blocks[-1]["kind"] != "figures":  # consecutive figures are placed side by side
                blocks.append({"kind": "figures", "figures": []})
            blocks[-1]["figures"].append(_picture(part, f"figure--{next(counter)}"))
        else:
            raise InvalidOptionError(
                "a part of a section must be a str, Sentences, Table, Picture or Code; received "
                f"{type(part).__name__}. Give a figure as Picture(figure, caption), a table as Table(frame, caption)."
            )
    return blocks


def _table(table: Table) -> dict[str, Any]:
    return {
        "caption": table.caption,
        "columns": list(table.frame.columns),
        "numeric": numeric_columns(table.frame),
        "rows": cells_of(table.frame, table.marks, table.notes),
        "notes": footnotes_of(table.notes),
    }


def _picture(picture: Picture, prefix: str) -> dict[str, str]:
    from ..plots import ROLES

    svg = to_svg(picture.figure, prefix=prefix, label=picture.caption, roles=ROLES)
    return {"svg": _Html(svg), "caption": picture.caption}


def _anchors(titles: Sequence[str]) -> list[str]:
    anchors: list[str] = []
    for title in titles:
        plain = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-") or "section"
        taken = sum(anchor == plain or anchor.startswith(f"{plain}--") for anchor in anchors)
        anchors.append(f"{plain}--{taken + 1}" if taken else plain)
    return anchors
