"""Cascades: how often the promised agreement holds, and what they save.

``python benchmarks/cascades.py`` takes scikit-learn's digits, and the CT images where DATA holds them. Rows are divided
at random into those that the models are fitted on, those that the threshold is set on, and new ones. The first run
computes the features of the CT images, which takes some minutes.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import typer
from rich.console import Console

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.command import make_app, run_app
from benchmarks.fewer.images import find_data, image_rows, seconds_per_image
from benchmarks.fewer.trials import Setting, Stage, run_trials, summary
from ensemblekit import EnsembleKitError, FeatureBank
from ensemblekit.assembly import import_keras, quiet_tensorflow
from ensemblekit.errors import FolderNotFoundError
from ensemblekit.report import to_markdown

AGREEMENT, CONFIDENCE = 0.98, 0.95
DATA = Path(os.environ.get("ENSEMBLEKIT_DATA", Path(__file__).resolve().parents[1].parent / "shared"))

app = make_app()


def digits() -> list[Setting]:
    """Make the settings of scikit-learn's digits: two stages, and three."""
    from sklearn.datasets import load_digits
    from sklearn.ensemble import ExtraTreesClassifier

    digits: Any = load_digits()
    x, y = digits.data, digits.target
    linear = Stage("linear", _linear, x, 0.0)
    some, many = (Stage(f"{n} trees", lambda n=n: ExtraTreesClassifier(n, random_state=0), x, 0.0) for n in (20, 200))
    return [Setting("digits", stages, y, 500, 300) for stages in ([linear, many], [linear, some, many])]


def ct_images(data: Path, bank: FeatureBank, console: Console) -> list[Setting]:
    """Make the settings of the CT images: heads on a small backbone, and on two larger ones together."""
    with quiet_tensorflow():
        import_keras("cascades")
    weights = find_data(data)[1]
    names = ("mobilenet_96", "mobilenet_224", "resnet_224")
    rows = image_rows(data, bank, names, lambda text: console.print(f"features of {text}", style="dim"))
    seconds = {name: seconds_per_image(name, weights) for name in names}
    tiny, small = (Stage(name, _linear, rows.features[name], seconds[name]) for name in names[:2])
    both = np.concatenate([rows.features[name] for name in names[1:]], axis=1)
    # The large model holds the small one, which a cascade computes again.
    large = Stage("mobilenet_224 + resnet_224", _linear, both, seconds[names[1]] + seconds[names[2]])
    return [Setting("CT images", stages, rows.labels, 400, 300) for stages in ([small, large], [tiny, small, large])]


def _linear() -> Any:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=200))


@app.command()
def cascades(
    data: Annotated[Path, typer.Option(help="Folder of the CT images and weights.")] = DATA,
    bank: Annotated[Path | None, typer.Option(help="Folder of the feature bank; by default that of the user.")] = None,
    splits: Annotated[int, typer.Option(help="Divisions of the rows, of each setting.", min=1)] = 200,
    sets: Annotated[str, typer.Option(help="Data sets, divided by commas: digits, ct.")] = "digits,ct",
    check: Annotated[bool, typer.Option("--check", help="Exit with 1 where the promise holds too rarely.")] = False,
) -> None:
    """Divide the rows anew so often, set the threshold of a cascade, and count how often its promise holds."""
    console = Console(stderr=True)
    settings: list[Setting] = []
    for name in sets.split(","):
        try:
            settings += digits() if name == "digits" else ct_images(data, FeatureBank(bank), console)
        except FolderNotFoundError as error:
            console.print(f"left out: {error}", markup=False)
    found = [(setting, run_trials(setting, splits, AGREEMENT, CONFIDENCE)) for setting in settings]
    table = pd.DataFrame([summary(setting, trials, AGREEMENT) for setting, trials in found])
    typer.echo(f"Promised: agreement {AGREEMENT} with the last stage, with confidence {CONFIDENCE}.\n")
    typer.echo(to_markdown(table))
    kept = [np.mean([trial.agreement_all >= AGREEMENT for trial in trials]) >= CONFIDENCE for _, trials in found]
    if check and not all(kept):
        raise EnsembleKitError("the promise holds less often than is said.")


def main() -> None:
    """Run the command."""
    run_app(app, "cascades")


if __name__ == "__main__":
    main()
