"""Every plot can be read: no text over marks or other text, nothing cut, named axes, one legend, distinct colours."""

import itertools
import re

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from ensemblekit import plots
from ensemblekit.plots._style import SERIES, fitted, shorten, text_inches
from tests.plots import drawn
from tests.strangers import REPO

NAMES = [name for name in plots.__all__ if name.startswith("plot_")]
SMALL = {"n_members": 2, "n_classes": 2, "n_rows": 6, "long": False}
LARGE = {"n_members": 12, "n_classes": 20, "n_rows": 30, "long": True}
CSS = (REPO / "ensemblekit" / "report" / "templates" / "page.css").read_text()


def boxes(figure):
    """Return (text, box) of each text that is seen, and the boxes of what is drawn for data, in pixels."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    renderer = canvas.get_renderer()
    marks = []
    legends = [*figure.legends, *(axes.get_legend() for axes in figure.axes if axes.get_legend())]
    holders = [*figure.texts]
    for legend in legends:
        holders += legend.get_texts()
    for axes in figure.axes:
        holders += [*axes.texts, axes.title, axes._left_title]
        if axes.axison:
            for axis in (axes.xaxis, axes.yaxis):
                holders += [axis.label, *(tick.label1 for tick in axis._update_ticks())]
        points = [line.get_xydata() for line in axes.lines if line.get_transform() == axes.transData]
        points += [c.get_offsets() for c in axes.collections if c.get_offset_transform() == axes.transData]
        for data in points:
            # Points of lines, and of the way between them.
            steps = np.concatenate([np.linspace(a, b, 9) for a, b in itertools.pairwise(data)] or [data])
            marks += [(x - 1, y - 1, x + 1, y + 1) for x, y in axes.transData.transform(steps)]
        marks += [bar.get_window_extent(renderer).extents for bars in axes.containers for bar in bars]
    seen = [text for text in holders if text.get_visible() and text.get_text().strip()]
    return [(text.get_text(), text.get_window_extent(renderer).extents) for text in seen], marks


def overlap(one, two, slack=1.0):
    return min(one[2], two[2]) - max(one[0], two[0]) > slack and min(one[3], two[3]) - max(one[1], two[1]) > slack


def faults(figure):
    """Say what cannot be read."""
    texts, marks = boxes(figure)
    width, height = figure.canvas.get_width_height()
    said = [f"{text!r} is cut" for text, box in texts
            if box[0] < -1 or box[1] < -1 or box[2] > width + 1 or box[3] > height + 1]  # fmt: skip
    said += [f"{text!r} is over a mark" for text, box in texts if any(overlap(box, mark) for mark in marks)]
    said += [f"{a!r} and {b!r} overlap" for (a, one), (b, two) in itertools.combinations(texts, 2)
             if overlap(one, two, 2)]  # fmt: skip
    legends = [*figure.legends, *(axes.get_legend() for axes in figure.axes if axes.get_legend())]
    if len(legends) > 1:
        said.append(f"{len(legends)} legends")
    seen = [axes for axes in figure.axes if axes.axison]
    for side, of in (("x", lambda a: a.get_xlabel()), ("y", lambda a: a.get_ylabel())):
        if seen and not any(map(of, seen)) and not _named_by_ticks(seen, side):
            said.append(f"no axis {side} has a name")
    return said


def _named_by_ticks(axes, side):
    """Whether the ticks are names of models or classes, which say themselves what they are."""
    labels = [t.get_text() for a in axes for t in getattr(a, f"get_{side}ticklabels")()]
    return bool(labels) and all(re.match("member|m\\d|class|c\\d", text) for text in labels)


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_cut_covered_or_unnamed(name):
    assert faults(drawn(name, **SMALL)) == []


FASTEST = ("plot_cost", "plot_copies", "plot_risk_coverage")


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] * (name not in FASTEST)) for name in NAMES]
)
def test_nothing_is_cut_covered_or_unnamed_with_many_members_and_long_names(name):
    assert faults(drawn(name, **LARGE)) == []


def test_what_cannot_be_read_is_noticed():
    figure = Figure(figsize=(3, 2))
    axes = figure.add_subplot()
    axes.plot([0, 1], [0, 1], label="one")
    axes.text(0.4, 0.5, "on the line")
    axes.text(0.42, 0.5, "on the text")
    axes.text(0.9, 0.1, "out of the figure, as it is long")
    axes.legend()
    figure.legend()
    said = " ".join(faults(figure))
    for fault in ("is over a mark", "overlap", "is cut", "2 legends", "no axis x has a name", "no axis y has a name"):
        assert fault in said


def linear(colour):
    values = np.array([int(colour[k : k + 2], 16) for k in (1, 3, 5)]) / 255
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
# G. M. Machado, M. M. Oliveira, L. A. F. Fernandes, IEEE TVCG 15, 2009: full deuteranopia, and normal sight.
SIGHTS = {
    "deuteranopia": np.array([[0.3673, 0.8606, -0.2280], [0.2801, 0.6725, 0.0474], [-0.0118, 0.0429, 0.9689]]),
    "normal": np.eye(3),
}


def lab(colour, sight):
    xyz = TO_XYZ @ np.clip(sight @ linear(colour), 0, 1) / (0.9505, 1, 1.089)
    x, y, z = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def least_distance(colours):
    """Return the least CIELAB distance of two colours in any sight; about 2 is just noticed side by side."""
    return min(
        np.linalg.norm(lab(a, sight) - lab(b, sight))
        for sight in SIGHTS.values()
        for a, b in itertools.combinations(colours, 2)
    )


def contrast(one, two):
    low, high = sorted(float(TO_XYZ[1] @ linear(colour)) for colour in (one, two))
    return (high + 0.05) / (low + 0.05)


MODES = [dict(re.findall(r"--([\w-]+): (#\w{6})", part.partition("}")[0])) for part in CSS.split(":root {")[1:]]


def test_the_colours_of_figures_are_those_of_the_light_page():
    assert [colours["paper"] for colours in MODES] == ["#fefefe", "#15181c", "#ffffff"]  # light, dark, print
    for colours in (MODES[0], MODES[2]):
        assert [colours[role] for role in plots.ROLES if role.startswith("series")] == list(SERIES)


@pytest.mark.parametrize("mode", [0, 1, 2], ids=["light", "dark", "print"])
def test_colours_stand_out_and_are_told_apart_by_every_reader(mode):
    colours = MODES[mode]
    series = [colours[f"series-{k}"] for k in range(1, 9)]
    assert min(contrast(colour, colours["paper"]) for colour in series) >= 3
    assert min(contrast(colours[role], colours["paper"]) for role in ("ink", "muted")) >= 4.5
    assert least_distance(series) >= 15


def test_colours_that_a_reader_takes_for_each_other_are_noticed():
    former = ["#0067a5", "#b8480a", "#00795a", "#a3417f", "#6a5acd", "#8a6500", "#4d4d4e", "#b3202a"]
    assert least_distance(former) < 6
    assert contrast("#cccccc", "#fefefe") < 3


def test_shortened_names_still_differ_and_say_where():
    long = [
        f"a model that was trained for a long time, seed {k}, fold 1 of the ten folds that there are" for k in (1, 2)
    ]
    short = shorten([*long, "cnn"])
    assert [len(name) <= 32 for name in short] == [True] * 3
    assert "1" in short[0]
    assert "2" in short[1]
    assert short[2] == "cnn"
    assert len({*shorten([f"{'x' * 40}{k}{'y' * 40}{j}{'z' * 40}" for k in (1, 2) for j in (1, 2)])}) == 4
    assert shorten(["x" * 80] * 2) == shorten(["x" * 80]) * 2  # one name twice is one name


def test_text_is_broken_where_it_fits():
    lines = fitted("member number 00 with a long name", 1.2, 8).split("\n")
    assert len(lines) == 2
    assert all(text_inches(line, 8) <= 1.3 for line in lines)
    assert fitted("x" * 200, 1, 8).endswith("…")


def test_each_plot_has_a_small_picture_on_its_page():
    page = (REPO / "docs" / "plots-and-reports.md").read_text()
    for name in NAMES:
        assert f"(_static/plots/{name}.svg)" in page
        picture = REPO / "docs" / "_static" / "plots" / f"{name}.svg"
        assert picture.stat().st_size <= 60_000
        assert "prefers-color-scheme: dark" in picture.read_text()


@pytest.mark.slow
def test_the_command_that_draws_the_pictures_runs(tmp_path, monkeypatch):
    code = (REPO / "docs" / "draw_plots.py").read_text()
    made = {"__name__": "draw_plots", "__file__": str(REPO / "docs" / "draw_plots.py")}
    exec(compile(code, "draw_plots.py", "exec"), made)  # noqa: S102
    monkeypatch.setitem(made, "FOLDER", tmp_path)
    made["main"]()
    assert sorted(path.stem for path in tmp_path.iterdir()) == sorted(NAMES)
