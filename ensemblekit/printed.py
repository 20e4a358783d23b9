"""Safe printing of names from outside: control, invisible and bidirectional characters are escaped."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.text import Text

__all__ = ["as_text", "one_line", "printable"]

_LONGEST = 4000
"""Most characters of a line on stderr; the middle of a longer line is left out."""

# Controls (C0, DEL, C1), bidirectional controls, invisible characters, line separators, surrogates.
_HIDDEN = (
    "\x00-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    "\u3164\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff\ud800-\udfff"
)
_IN_A_NAME = re.compile(f"[{_HIDDEN}]")
_IN_LINES = re.compile(f"(?!\n)[{_HIDDEN}]")


def printable(text: object, *, lines: bool = False) -> str:
    r"""Escape characters that would act on a terminal or are invisible; leave all others unchanged.

    Parameters
    ----------
    text : object
        A name, or a text that contains names; other objects are converted to str.
    lines : bool, default=False
        Keep line feeds: for a text of several lines, never for a name.

    Returns
    -------
    str
        Without control characters (C0, DEL, C1), bidirectional controls, characters of no width, line separators and
        lone surrogates (which Python uses for file names that are not UTF-8).

    Examples
    --------
    >>> from ensemblekit.printed import printable
    >>> print(printable("hündin\x1b[2J"))
    hündin\x1b[2J
    """
    return (_IN_LINES if lines else _IN_A_NAME).sub(lambda found: repr(found[0])[1:-1], str(text))


def one_line(text: object) -> str:
    """Join the lines of a text to one printable line of limited length.

    Parameters
    ----------
    text : object
        As in `printable`.

    Returns
    -------
    str
        One line.
    """
    line = printable(re.sub(r"\s*\n\s*", " ", str(text).strip()))
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST // 2]} [...] {line[-_LONGEST // 2 :]}"


def as_text(text: object, *, style: str = "", lines: bool = False) -> Text:
    """Convert a text for rich so that nothing in it is read as markup, emoji or link.

    Parameters
    ----------
    text : object
        As in `printable`.
    style : str, optional
        Style of the whole text.
    lines : bool, default=False
        As in `printable`.

    Returns
    -------
    rich.text.Text
        For `rich.console.Console.print`, a title, a heading or a cell.
    """
    from rich.text import Text

    return Text(printable(text, lines=lines), style=style)
