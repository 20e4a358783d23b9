"""Style of all figures: colours by role, markers, lines, axes."""

from __future__ import annotations

import functools
import itertools
import math
import warnings
from collections.abc import Callable, Hashable, Iterable, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from ..arguments import typed
from ..errors import InvalidOptionError, MissingDependencyError
from ..printed import printable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "FAINT",
    "HEAT",
    "INK",
    "MOST_TINT",
    "MUTED",
    "ROLES",
    "SERIES",
    "SIZE",
    "WIDTH",
    "Look",
    "add_legend",
    "checked_plot",
    "fitted",
    "grid_of",
    "legend_inches",
    "literal",
    "looks",
    "new_figure",
    "shorten",
    "style_axes",
    "text_inches",
    "titled",
]

F = TypeVar("F", bound=Callable[..., Any])

WIDTH = 4.8
"""Default width in inches: readable on a phone."""
SIZE = 9
"""Font size in points."""
MOST = 32
"""Characters of a name that are shown without shortening it."""
BESIDE = 0.45
"""Inches that the line or mark of an entry of a legend takes, with the space to the next column."""

INK, MUTED, FAINT, PAPER, HEAT = "#1b1e23", "#565d67", "#d5d9df", "#fefefe", "#0b5c9e"
SERIES = ("#1364a7", "#863000", "#1b7d4e", "#aa85b0", "#6a42d1", "#917f15", "#484652", "#fa4972")
"""Distinct also for colour-blind readers: any two are told apart as simulated for deuteranopia and protanopia."""
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
DASHES: tuple[Any, ...] = ("-", (0, (5, 2)), (0, (1, 1.5)), (0, (5, 2, 1, 2)))

ROLES = MappingProxyType(
    {"ink": INK, "muted": MUTED, "faint": FAINT, "paper": PAPER, "heat": HEAT}
    | {f"series-{place}": colour for place, colour in enumerate(SERIES, start=1)}
)
"""Role -> colour. A page replaces colours by role in dark mode."""

MOST_TINT = 0.6
"""Opacity of `HEAT` in the darkest cell: text stays readable in light and dark mode."""


def checked_plot(function: F) -> F:
    """Let a plot refuse arguments of the wrong type, and widths out of range."""
    of_models = function.__annotations__.get("predictions") == "Models"  # checked by as_models
    typed_function = typed(but=("predictions",) if of_models else ())(function)

    @functools.wraps(function)
    def checked_width(*args: Any, width: float = WIDTH, **options: Any) -> Any:
        if isinstance(width, (int, float)) and not 0.1 <= width <= 100:
            raise InvalidOptionError(f"width must be a number of inches from 0.1 to 100; received {width!r}.")
        return typed_function(*args, width=width, **options)

    return checked_width  # pyright: ignore[reportReturnType]


class Look(NamedTuple):
    """Colour, marker and line of one model, so that models do not only differ in colour."""

    colour: str
    marker: str
    line: Any


def looks(names: list[Hashable]) -> dict[Hashable, Look]:
    """Assign a look to each name."""
    pairs = zip(itertools.cycle(SERIES), itertools.cycle(MARKERS), strict=False)
    # If colours repeat, markers differ.
    return {
        name: Look(colour, MARKERS[(place + place // len(SERIES)) % len(MARKERS)], DASHES[place % len(DASHES)])
        for place, (name, (colour, _)) in enumerate(zip(names, pairs, strict=False))
    }


def new_figure(width: float, height: float) -> Figure:
    """Create a figure without a window and without global state."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingDependencyError(
            'Plots need matplotlib, which is not installed: pip install "ensemblekit[plots]".'
        ) from error
    return Figure(figsize=(width, height), facecolor=PAPER, layout="constrained")


def grid_of(n: int, *, columns: int, width: float, height: float, below: float = 0) -> tuple[Figure, list[Axes]]:
    """Create a figure of ``n`` equal panels in rows, with ``below`` inches under the last row."""
    columns = max(1, min(columns, n))
    rows = math.ceil(n / columns)
    figure = new_figure(width, height * rows + below)
    return figure, [figure.add_subplot(rows, columns, place + 1) for place in range(n)]


def style_axes(axes: Axes, *, title: str = "", x: str = "", y: str = "", lines: str | None = "both") -> None:
    """Label axes, and hide spines and ticks that carry no information."""
    axes.set_facecolor("none")
    axes.set_xlabel(x, fontsize=SIZE, color=MUTED)
    axes.set_ylabel(y, fontsize=SIZE, color=MUTED)
    if title:
        axes.set_title(title, fontsize=SIZE, color=INK, loc="left")
    axes.tick_params(labelsize=SIZE - 1, labelcolor=MUTED, color=FAINT, length=3)
    for side, spine in axes.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(FAINT)
    axes.set_axisbelow(True)
    if lines:
        axes.grid(axis=lines, color=FAINT, linewidth=0.6)  # type: ignore[arg-type]
    else:
        axes.grid(visible=False)


@functools.lru_cache(4096)
def text_inches(text: str, size: float) -> float:
    """Measure the width of a line of text in inches, in matplotlib's font."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font", UserWarning)
        width, _, _ = text_to_path.get_text_width_height_descent(text, FontProperties(size=size), ismath=False)
    return width / 72


def shorten(names: Iterable[object], most: int = MOST) -> list[str]:
    """Shorten long names so that they still differ, and escape them for matplotlib."""
    plain = list(map(printable, names))
    short = [_cut(name, most) for name in plain]
    for place, name in enumerate(plain):
        alike = {other for other, cut in zip(plain, short, strict=True) if cut == short[place]}
        if len(alike) > 1:
            differ = next(k for k, letters in enumerate(itertools.zip_longest(*alike)) if len({*letters}) > 1)
            cuts = {other: _cut(other, most, keep=differ) for other in alike}
            short = [cuts.get(other, cut) for other, cut in zip(plain, short, strict=True)]
            short = [
                f"{cut[: most - 6]}… ({number})" if name in alike and short.count(cut) > plain.count(name) else cut
                for number, (name, cut) in enumerate(zip(plain, short, strict=True), 1)
            ]
    return list(map(literal, short))


def _cut(name: str, most: int, *, keep: int | None = None) -> str:
    """Leave out the middle of a long name, or what is far from the character ``keep``."""
    if len(name) <= most:
        return name
    if keep is None:
        return f"{name[: most // 2 - 1]}…{name[-(most - most // 2) :]}"
    head = most // 4
    rest = name[max(head, min(keep - 2, len(name) - (most - head - 1))) :]
    return f"{name[:head]}…{rest if len(rest) < most - head else rest[: most - head - 2] + '…'}"


def literal(text: object) -> str:
    """Escape text for matplotlib, in which a dollar sign starts a formula."""
    return printable(text, lines=True).replace("$", r"\$")


def fitted(text: object, inches: float, size: float, *, lines: int = 2) -> str:
    """Break text into lines that fit, cut what is left over, and escape it for matplotlib."""
    left, broken = printable(text), list[str]()
    while left and len(broken) < lines:
        n = len(left)
        while n > 1 and text_inches(left[:n], size) > inches:
            n -= 1
        if n < len(left):
            if len(broken) == lines - 1:
                broken.append(left[: max(1, n - 1)] + "…")
                break
            at = max(left.rfind(mark, 0, n) for mark in " _-/")
            n = at + 1 if at >= 0.4 * n else n
        broken.append(left[:n].rstrip())
        left = left[n:]
    return literal("\n".join(broken))


def legend_inches(names: Sequence[str], width: float) -> float:
    """Compute the height of the legend that `add_legend` draws."""
    texts, columns = _legend_texts(names, width)
    return 0.1 + 0.185 * math.ceil(len(texts) / columns) + 0.15 * sum("\n" in text for text in texts) / columns


def add_legend(figure: Figure, handles: Sequence[Any], names: Sequence[str], width: float) -> None:
    """Put one legend below the panels, in as many columns as fit."""
    texts, columns = _legend_texts(names, width)
    legend = figure.legend(
        handles=list(handles), labels=["model"] * len(texts), loc="outside lower center", ncols=columns, frameon=False,
        fontsize=SIZE - 1, labelcolor=INK, handlelength=1.8, columnspacing=1.2, labelspacing=0.4,
    )  # fmt: skip
    # matplotlib drops names that begin with an underscore.
    for entry, text in zip(legend.get_texts(), texts, strict=True):
        entry.set_text(text)


def titled(axes: Axes, name: object, figures: str, *, inches: float, size: float = SIZE - 1) -> None:
    """Write the name of a panel above it, and its figures below the name, outside the marks."""
    title = fitted(name, inches, size)
    axes.set_title(title, fontsize=size, color=INK, loc="left", pad=16 if figures else 5)
    if figures:
        axes.annotate(
            figures, (0, 1), xytext=(0, 4), xycoords="axes fraction", textcoords="offset points", fontsize=SIZE - 1,
            color=MUTED,
        )  # fmt: skip


def _legend_texts(names: Sequence[str], width: float) -> tuple[list[str], int]:
    """Break the names of a legend into lines that fit, and choose the number of columns."""
    texts = [fitted(name, width - BESIDE, SIZE - 1) for name in names]
    widest = max(text_inches(line, SIZE - 1) for text in texts for line in text.split("\n"))
    return texts, max(1, min(len(texts), 4, int(width / (widest + BESIDE))))
