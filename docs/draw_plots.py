"""Draw a picture of each plot for the pages: ``python docs/draw_plots.py`` writes them into docs/_static/plots."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from scipy.stats import norm
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier

import ensemblekit
from ensemblekit import Predictions, PredictionSet, align, plots
from ensemblekit.evaluation import fit_conformal, score_table
from ensemblekit.report._svg import to_svg

PAGE = (Path(ensemblekit.__file__).parent / "report" / "templates" / "page.css").read_text()
FOLDER = Path(__file__).with_name("_static") / "plots"


def digits() -> tuple[PredictionSet, np.ndarray]:
    """Predict handwritten digits by three classifiers; return the images, too."""
    images, labels = load_digits(return_X_y=True)
    members = {
        "logistic": LogisticRegression(max_iter=500),
        "neighbours": KNeighborsClassifier(5),
        "bayes": GaussianNB(),
    }
    fields = {"ids": [f"{row}.png" for row in range(797)], "classes": range(10), "labels": labels[1000:]}
    probas = {
        name: model.fit(images[:1000] / 16, labels[:1000]).predict_proba(images[1000:] / 16)
        for name, model in members.items()
    }
    return align([Predictions(p, member=name, **fields) for name, p in probas.items()]), images[1000:].reshape(-1, 8, 8)


def few_classes(digits: Predictions) -> Predictions:
    """Ask of each digit only whether it is 0 to 3, 4 to 6, or 7 to 9."""
    groups = {"0 to 3": slice(0, 4), "4 to 6": slice(4, 7), "7 to 9": slice(7, 10)}
    probas = np.stack([digits.probas[:, part].sum(axis=1) for part in groups.values()], axis=1)
    labels = np.repeat(list(groups), [4, 3, 3])[digits.labels.astype(int)]
    return Predictions(probas, ids=digits.ids, classes=list(groups), labels=labels, member=digits.member)


def forecasts() -> list[Predictions]:
    """Draw numbers, and forecasts of them that are right and too sure."""
    true, levels = np.random.default_rng(0).normal(size=500), np.round(np.arange(0.05, 1, 0.05), 2)
    fields = {"ids": range(500), "classes": levels.tolist(), "task": "quantile", "labels": true}
    spread = {"calibrated": 1.0, "too sure": 0.6}
    return [Predictions(np.tile(s * norm.ppf(levels), (500, 1)), member=name, **fields) for name, s in spread.items()]


def figures() -> dict[str, Figure]:
    """Draw each plot: its name -> the figure."""
    members, images = digits()
    one = {name: members[name] for name in members.members}
    half = members.ids[:400]
    sets = {m: fit_conformal(one["bayes"].take(half), method=m).predict_sets(one["bayes"].take(members.ids[400:]))
            for m in ("lac", "aps")}  # fmt: skip
    table = score_table(one, metrics=["accuracy"])
    accuracy = dict(zip(table["model"], table["value"], strict=True))
    curve = np.exp(-np.arange(30) / 8)
    history = {"small": pd.DataFrame({"loss": 2 * curve, "val_loss": 1.8 * curve + 0.3}),
               "large": pd.DataFrame({"loss": 2 * curve**2, "val_loss": 1.5 * curve**1.5 + 0.4})}  # fmt: skip
    subsets = [("bayes",), ("logistic",), ("bayes", "logistic"), ("neighbours",), ("logistic", "neighbours")]
    frontier = pd.DataFrame({"members": subsets, "ms": [1.0, 1.6, 2.6, 6.0, 7.6],
                             "accuracy": [0.77, 0.91, 0.90, 0.96, 0.97],
                             "on_frontier": [True, True, False, True, True]})  # fmt: skip
    pixels = {name: 255 - 15.9 * image for name, image in zip(members.ids.tolist(), images, strict=True)}
    rules = plots.plot_scores(table, value="value", low="low", high="high", name="model", label="Accuracy")
    return {
        "plot_scores": rules,
        "plot_confusion": plots.plot_confusion(few_classes(one["bayes"])),
        "plot_reliability": plots.plot_reliability({name: one[name] for name in ("logistic", "bayes")}),
        "plot_risk_coverage": plots.plot_risk_coverage(one),
        "plot_set_sizes": plots.plot_set_sizes(sets),
        "plot_diversity": plots.plot_diversity(members),
        "plot_disagreement": plots.plot_disagreement(members, pixels.get, most=2),
        "plot_learning_curves": plots.plot_learning_curves(history),
        "plot_cost": plots.plot_cost(accuracy, {"logistic": 1.6, "neighbours": 6.0, "bayes": 1.0}),
        "plot_frontier": plots.plot_frontier(frontier),
        "plot_copies": plots.plot_copies([members.ids[:3].tolist()], lambda _: pixels[members.ids[0]]),
        "plot_pit": plots.plot_pit(forecasts()),
        "plot_quantile_coverage": plots.plot_quantile_coverage(forecasts()),
    }


def standing_alone(svg: str) -> str:
    """Give an element its colours, light and dark, so that it is a file of its own."""
    light, dark = (re.sub(r"\s+", "", part.partition("}")[0]) for part in PAGE.split(":root {")[1:3])
    light, dark = (";".join(re.findall(r"--[\w-]+:#\w+", part)) for part in (light, dark))
    style = f"<style>svg{{{light}}}@media (prefers-color-scheme: dark){{svg{{{dark}}}}}</style>"
    return re.sub(r"(<svg [^>]*>)", rf"\1{style}", svg, count=1) + "\n"


def main() -> None:
    """Write all pictures."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, figure in figures().items():
        svg = to_svg(figure, prefix=name, label=f"An example of {name}", roles=plots.ROLES)
        (FOLDER / f"{name}.svg").write_text(standing_alone(svg))


if __name__ == "__main__":
    main()
