"""The look of every figure: its colours by what they stand for, its markers and lines, its axes."""

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
    "grid_of",
    "looks",
    "new_figure",
    "tidy",
]

F = TypeVar("F", bound=Callable[..., Any])

WIDTH = 4.8
"""Inches. Shown at the width of a phone, text keeps its size."""
SIZE = 9
"""Points of text."""

INK, MUTED, FAINT, PAPER, HEAT = "#1b1e23", "#565d67", "#d5d9df", "#fefefe", "#0b5c9e"
SERIES = ("#0067a5", "#b8480a", "#00795a", "#a3417f", "#6a5acd", "#8a6500", "#4d4d4e", "#b3202a")
"""Distinct to colour-blind eyes in their first four (after Okabe and Ito, darkened until they stand out on white)."""
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
DASHES: tuple[Any, ...] = ("-", (0, (5, 2)), (0, (1, 1.5)), (0, (5, 2, 1, 2)))

ROLES = MappingProxyType(
    {"ink": INK, "muted": MUTED, "faint": FAINT, "paper": PAPER, "heat": HEAT}
    | {f"series-{place}": colour for place, colour in enumerate(SERIES, start=1)}
)
"""What a colour stands for -> the colour. A page changes them by these names, for a dark screen."""

MOST_TINT = 0.6
"""How much of `HEAT` the darkest cell has: ink stays readable on it, on white paper and on a dark screen alike."""


def draws(function: F) -> F:
    """Let a plot refuse arguments of other kinds, and a width that no figure can have."""
    of_models = function.__annotations__.get("predictions") == "Models"  # of which the plot says more
    checked = typed(but=("predictions",) if of_models else ())(function)

    @functools.wraps(function)
    def drawn(*args: Any, width: float = WIDTH, **options: Any) -> Any:
        if isinstance(width, (int, float)) and not 0.1 <= width <= 100:
            raise InvalidOptionError(f"width must be a number of inches from 0.1 to 100; received {width!r}.")
        return checked(*args, width=width, **options)

    return drawn  # pyright: ignore[reportReturnType]


class Look(NamedTuple):
    """How one model is told from the others: never by its colour alone."""

    colour: str
    marker: str
    line: Any


def looks(names: list[Hashable]) -> dict[Hashable, Look]:
    """Give each name a colour, a marker and a line of its own."""
    pairs = zip(itertools.cycle(SERIES), itertools.cycle(MARKERS), strict=False)
    # A second round of the colours has other markers.
    return {
        name: Look(colour, MARKERS[(place + place // len(SERIES)) % len(MARKERS)], DASHES[place % len(DASHES)])
        for place, (name, (colour, _)) in enumerate(zip(names, pairs, strict=False))
    }


def new_figure(width: float, height: float) -> Figure:
    """Make a figure that belongs to no window and no global state."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingDependencyError(
            'Plots need matplotlib, which is not installed: pip install "ensemblekit[plots]".'
        ) from error
    return Figure(figsize=(width, height), facecolor=PAPER, layout="constrained")


def grid_of(n: int, *, columns: int, width: float, height: float, below: float = 0) -> tuple[Figure, list[Axes]]:
    """Make a figure of ``n`` equal panels, row by row, with room for what stands below the last."""
    columns = max(1, min(columns, n))
    rows = math.ceil(n / columns)
    figure = new_figure(width, height * rows + below)
    return figure, [figure.add_subplot(rows, columns, place + 1) for place in range(n)]


def tidy(axes: Axes, *, title: str = "", x: str = "", y: str = "", lines: str | None = "both") -> None:
    """Label the axes, and take away what says nothing."""
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


def shown(names: Iterable[object], most: int = 28) -> list[str]:
    """Shorten long names in their middle, where they differ least, and make them what a figure shows as it is."""
    plain = map(printable, names)
    return [literal(n if len(n) <= most else f"{n[: most // 2 - 1]}…{n[-(most - most // 2) :]}") for n in plain]


def literal(text: object) -> str:
    """Make a text what a figure shows as it is: a dollar sign is one, and begins no formula."""
    return printable(text, lines=True).replace("$", r"\$")


def name_lines(legend: Any, names: Sequence[str]) -> None:
    """Write the names of a legend, which by itself drops those that begin with an underscore."""
    for text, name in zip(legend.get_texts(), names, strict=False):
        text.set_text(name)
