"""One HTML page with everything in it: tables, figures, sentences. Nothing is computed here."""

from __future__ import annotations

import html
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from typing import TYPE_CHECKING, Any

from ..arguments import typed
from ..errors import InvalidOptionError
from ..files import write_text
from ..printed import printable
from ._svg import to_svg
from ._tables import cells_of, footnotes_of, numeric_columns

if TYPE_CHECKING:
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
        The first column names the rows.
    caption : str
        What it says.
    marks : mapping of str to sequence of str, optional
        Name of a row -> keys of its footnotes.
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
        Of `ensemblekit.plots`, whose colours follow the page, or any other.
    caption : str
        What it shows.
    """

    figure: Figure
    caption: str


@dataclass(frozen=True)
class Code:
    """Text that is shown as it is, JSON for example.

    Parameters
    ----------
    text : str
        Its lines are kept.
    """

    text: str


@dataclass(frozen=True)
class Section:
    """A part of the page under a heading.

    Parameters
    ----------
    title : str
        The heading, which the list of contents repeats.
    parts : sequence of str, Sentences, Table, Picture or Code
        In their order; a str is a paragraph.
    """

    title: str
    parts: Sequence[str | Sentences | Table | Picture | Code]


@typed()
def write_page(
    path: str | os.PathLike[str], title: str, sections: Sequence[Section], *, subtitle: str = "", language: str = "en"
) -> None:
    """Write a page that needs nothing beside it: no network, no script, no other file.

    Parameters
    ----------
    path : path-like
        Of the ``.html`` file, replaced where it is there, whole or not at all.
    title : str
        Of the page.
    sections : sequence of Section
        What is on it.
    subtitle : str, optional
        Stands below the title.
    language : str, default="en"
        Of its texts, as HTML names it.

    Raises
    ------
    InvalidOptionError
        If a part of a section is nothing that can be shown.

    Notes
    -----
    Light or dark as the reader's system is, light in print. Wide tables scroll by themselves. The page tells the
    browser to fetch nothing and to run nothing. The same contents give
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
    counter = iter(range(1, 1_000_000))
    anchors = _anchors([section.title for section in sections])
    contents = "".join(
        f'<li><a href="#{anchor}">{_text(section.title)}</a></li>'
        for anchor, section in zip(anchors, sections, strict=True)
    )
    body = "\n".join(
        f'<section aria-labelledby="{anchor}">\n<h2 id="{anchor}">{_text(section.title)}</h2>\n'
        f"{_parts(section.parts, counter)}\n</section>"
        for anchor, section in zip(anchors, sections, strict=True)
    )
    style = resources.files("ensemblekit.report").joinpath("page.css").read_text(encoding="utf-8")
    write_text(
        path,
        f"""<!DOCTYPE html>
<html lang="{_text(language)}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<title>{_text(title)}</title>
<link rel="icon" href="data:,">
<style>
{style}</style>
</head>
<body>
<header>
<h1>{_text(title)}</h1>
{f'<p class="subtitle">{_text(subtitle)}</p>' if subtitle else ""}
<nav aria-label="Contents"><ul>{contents}</ul></nav>
</header>
<main>
{body}
</main>
</body>
</html>
""",
    )


def _parts(parts: Sequence[Any], counter: Any) -> str:
    written: list[str] = []
    pictures: list[str] = []
    for part in [*parts, None]:
        if isinstance(part, Picture):
            pictures.append(_picture(part, f"figure--{next(counter)}"))
            continue
        if pictures:  # figures that follow each other stand side by side where there is room
            written.append(f'<div class="figures">{"".join(pictures)}</div>' if len(pictures) > 1 else pictures[0])
            pictures = []
        if isinstance(part, str):
            written.append(f"<p>{_text(part)}</p>")
        elif isinstance(part, Sentences):
            written.append(f"<ul>{''.join(f'<li>{_text(sentence)}</li>' for sentence in part.sentences)}</ul>")
        elif isinstance(part, Table):
            written.append(_table(part, f"table--{next(counter)}"))
        elif isinstance(part, Code):
            written.append(f'<pre tabindex="0"><code>{_text(part.text, lines=True)}</code></pre>')
        elif part is not None:
            raise InvalidOptionError(
                "a part of a section must be a str, Sentences, Table, Picture or Code; received "
                f"{type(part).__name__}. Give a figure as Picture(figure, caption), a table as Table(frame, caption)."
            )
    return "\n".join(written)


def _table(table: Table, name: str) -> str:
    right = numeric_columns(table.frame)
    kinds = [' class="number"' if number else "" for number in right]
    head = "".join(
        f'<th scope="col"{kind}>{_text(column)}</th>' for column, kind in zip(table.frame.columns, kinds, strict=True)
    )
    rows = "".join(
        f'<tr><th scope="row">{_text(row)}</th>'
        + "".join(f"<td{kind}>{_text(cell)}</td>" for cell, kind in zip(values, kinds[1:], strict=True))
        + "</tr>\n"
        for row, *values in cells_of(table.frame, table.marks, table.notes)
    )
    notes = "".join(f"<br>{_text(note)}" for note in footnotes_of(table.notes))
    return (
        # The caption stays when the table is scrolled, as a <caption> would not.
        f'<figure class="table">\n<figcaption id="{name}">{_text(table.caption)}</figcaption>\n'
        f'<div class="scroll" tabindex="0" role="group" aria-labelledby="{name}">\n<table aria-labelledby="{name}">\n'
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}</tbody></table></div>\n</figure>"
        + (f'\n<p class="notes">{notes.removeprefix("<br>")}</p>' if notes else "")
    )


def _picture(picture: Picture, prefix: str) -> str:
    from ..plots import ROLES

    svg = to_svg(picture.figure, prefix=prefix, label=picture.caption, roles=ROLES)
    return f"<figure>\n{svg}\n<figcaption>{_text(picture.caption)}</figcaption>\n</figure>"


def _anchors(titles: Sequence[str]) -> list[str]:
    anchors: list[str] = []
    for title in titles:
        plain = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-") or "section"
        taken = sum(anchor == plain or anchor.startswith(f"{plain}--") for anchor in anchors)
        anchors.append(f"{plain}--{taken + 1}" if taken else plain)
    return anchors


def _text(text: object, *, lines: bool = False) -> str:
    return html.escape(printable(text, lines=lines))
