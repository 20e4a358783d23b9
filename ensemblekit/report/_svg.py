"""Convert figures to SVG elements that take their colours from the page."""

from __future__ import annotations

import html
import io
import re
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING

from ..printed import printable

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["to_svg"]


def to_svg(figure: Figure, *, prefix: str, label: str, roles: Mapping[str, str]) -> str:
    """Write a figure as an SVG element.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        Not changed.
    prefix : str
        Prefix of every id, so that no two figures of a page share one.
    label : str
        Text for screen readers.
    roles : mapping of str to str
        Name of a CSS variable -> the colour in the figure that it replaces.

    Returns
    -------
    str
        The element. It is deterministic, and fills the width of its container.
    """
    import matplotlib as mpl

    drawn = io.StringIO()
    with (
        warnings.catch_warnings(),
        mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "ensemblekit", "path.simplify": True}),
    ):
        # The text is drawn with the reader's fonts.
        warnings.filterwarnings("ignore", "Glyph .* missing from font", UserWarning)
        figure.savefig(drawn, format="svg", metadata={"Date": None, "Creator": None})
    svg = drawn.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r"<[^>]+>", lambda tag: _placed(tag[0], prefix, roles), svg)  # only tags, not the text between them
    # With a fixed width it could not shrink to the screen of a phone.
    svg = re.sub(r'<svg ([^>]*?)width="[^"]*"', r"<svg \1", svg, count=1)
    svg = re.sub(r'<svg ([^>]*?)height="[^"]*"', r"<svg \1", svg, count=1)
    return svg.replace("<svg ", f'<svg role="img" aria-label="{html.escape(printable(label))}" ', 1).strip()


def _placed(tag: str, prefix: str, roles: Mapping[str, str]) -> str:
    tag = re.sub(r'\bid="', f'id="{prefix}-', tag)
    tag = re.sub(r'(href="#|url\(#)', rf"\1{prefix}-", tag)
    for role, colour in roles.items():
        tag = tag.replace(colour, f"var(--{role})")
    return tag
