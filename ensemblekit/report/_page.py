"""A self-contained HTML page of tables, figures and sentences."""

from __future__ import annotations

import base64
import hashlib
import html
import itertools
import os
import re
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from ..arguments import typed
from ..errors import InvalidOptionError
from ..files import write_text
from ..printed import printable
from ._forest import forest
from ._members import as_json, embedded
from ._parts import (
    Answer,
    Code,
    Fold,
    Intervals,
    MemberChoice,
    Notice,
    Part,
    Picture,
    Section,
    Sentences,
    SideBySide,
    Table,
)  # fmt: skip
from ._raster import embedded_image
from ._svg import to_svg
from ._tables import cells_of, footnotes_of, numeric_columns

if TYPE_CHECKING:
    import jinja2

__all__ = ["write_page"]


@typed()
def write_page(
    path: str | os.PathLike[str],
    title: str,
    sections: Sequence[Section],
    *,
    lead: Sequence[Part] = (),
    subtitle: str = "",
    language: str = "en",
) -> None:
    """Write a self-contained HTML page: no network, no other file, and only the script of this library.

    Parameters
    ----------
    path : path-like
        Name of the ``.html`` file. An existing one is replaced atomically.
    title : str
        Title of the page.
    sections : sequence of Section
        Contents of the page.
    lead : sequence of parts, optional
        What stands on the first screen, above the table of contents, such as an `Answer` and its `Intervals`.
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
    scroll bar. A content security policy keeps the browser from loading anything, and from running any script but that
    of the page, which sorts and copies tables and combines members anew. Without scripts all else can be read. The same
    contents give the same bytes.

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
    environment = _environment()
    script = environment.get_template("page.js").render()
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")
    write_text(
        path,
        environment.get_template("page.html").render(
            title=title,
            subtitle=subtitle,
            language=language,
            script=_Html(script),
            script_hash=f"sha256-{digest}",
            lead=_blocks(lead, counter),
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
        if isinstance(part, Picture):
            if not blocks or blocks[-1]["kind"] != "figures":  # consecutive figures are placed side by side
                blocks.append({"kind": "figures", "figures": []})
            blocks[-1]["figures"].append(_picture(part, f"figure--{next(counter)}"))
            continue
        if isinstance(part, SideBySide):
            if not blocks or blocks[-1]["kind"] != "beside":
                blocks.append({"kind": "beside", "rows": []})
            blocks[-1]["rows"].append(_beside(part))
            continue
        describe = next((describe for kind, describe in _DESCRIBED.items() if isinstance(part, kind)), None)
        if describe is None:
            *names, last = (kind.__name__ for kind in (*_DESCRIBED, SideBySide, Picture))
            raise InvalidOptionError(
                f"a part of a section must be a {', '.join(names)} or {last}; received {type(part).__name__}. Give a "
                "figure as Picture(figure, caption), a table as Table(frame, caption)."
            )
        blocks.append(describe(part, counter))
    return blocks


def _table(table: Table, counter: Iterator[int]) -> dict[str, Any]:
    texts = cells_of(table.frame, table.marks, table.notes)
    return {
        "kind": "table",
        "id": f"table--{next(counter)}",
        "caption": table.caption,
        "columns": list(table.frame.columns),
        "numeric": numeric_columns(table.frame),
        "rows": [
            [{"text": text, "value": _in_full(value, text)} for text, value in zip(row, values, strict=True)]
            for row, values in zip(texts, table.frame.itertuples(index=False), strict=True)
        ],
        "notes": footnotes_of(table.notes),
    }


def _in_full(value: Any, text: str) -> str | None:
    """Give what a cell holds where its text does not say it all: every digit, a name without its marks."""
    if isinstance(value, float):
        return repr(float(value)) if value == value and repr(float(value)) != text else None
    return str(value) if str(value) != text else None


def _members(choice: MemberChoice, _: Iterator[int]) -> dict[str, Any]:
    record, limits = embedded(choice)
    return {"kind": "members", "caption": choice.caption, "limits": limits, "data": _Html(as_json(record))}


def _code(code: Code, _: Iterator[int]) -> dict[str, Any]:
    return {"kind": "code", "text": _Html(html.escape(printable(code.text, lines=True)))}


_DESCRIBED: dict[type, Callable[[Any, Iterator[int]], dict[str, Any]]] = {
    str: lambda part, _: {"kind": "paragraph", "text": part},
    Sentences: lambda part, _: {"kind": "sentences", "sentences": part.sentences},
    Table: _table,
    Answer: lambda part, _: {"kind": "answer", "text": part.text},
    Notice: lambda part, _: {"kind": "notice", "text": part.text},
    Intervals: lambda part, _: {"kind": "intervals", **forest(part)},
    MemberChoice: _members,
    Code: _code,
    Fold: lambda part, counter: {"kind": "fold", "title": part.title, "blocks": _blocks(part.parts, counter)},
}


def _picture(picture: Picture, prefix: str) -> dict[str, str]:
    from ..plots import ROLES

    svg = to_svg(picture.figure, prefix=prefix, label=picture.caption, roles=ROLES)
    return {"svg": _Html(svg), "caption": picture.caption}


def _beside(row: SideBySide) -> dict[str, Any]:
    thumbnails = [
        {"name": one.name, "note": one.note, "image": None if one.pixels is None else embedded_image(one.pixels)}
        for one in row.thumbnails
    ]
    return {"title": row.title, "marked": row.marked, "thumbnails": thumbnails}


def _anchors(titles: Sequence[str]) -> list[str]:
    anchors: list[str] = []
    for title in titles:
        plain = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-") or "section"
        taken = sum(anchor == plain or anchor.startswith(f"{plain}--") for anchor in anchors)
        anchors.append(f"{plain}--{taken + 1}" if taken else plain)
    return anchors
