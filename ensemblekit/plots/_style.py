"""Style of all figures: colours by role, markers, lines, axes."""

from __future__ import annotations

import functools
import itertools
import math
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
    "WIDTH",
    "Look",
    "checked_plot",
    "grid_of",
    "label_legend",
    "literal",
    "looks",
    "new_figure",
    "shorten",
    "style_axes",
]

F = TypeVar("F", bound=Callable[..., Any])

WIDTH = 4.8
"""Default width in inches: readable on a phone."""
SIZE = 9
"""Font size in points."""

INK, MUTED, FAINT, PAPER, HEAT = "#1b1e23", "#565d67", "#d5d9df", "#fefefe", "#0b5c9e"
SERIES = ("#0067a5", "#b8480a", "#00795a", "#a3417f", "#6a5acd", "#8a6500", "#4d4d4e", "#b3202a")
"""The first four are distinct for colour-blind readers (Okabe and Ito, darkened for contrast on white)."""
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


def shorten(names: Iterable[object], most: int = 28) -> list[str]:
    """Shorten long names in their middle, and escape them for matplotlib."""
    plain = map(printable, names)
    return [literal(n if len(n) <= most else f"{n[: most // 2 - 1]}…{n[-(most - most // 2) :]}") for n in plain]


def literal(text: object) -> str:
    """Escape text for matplotlib, in which a dollar sign starts a formula."""
    return printable(text, lines=True).replace("$", r"\$")


def label_legend(legend: Any, names: Sequence[str]) -> None:
    """Set the names of a legend: matplotlib drops names that begin with an underscore."""
    for text, name in zip(legend.get_texts(), names, strict=False):
        text.set_text(name)
