"""Fewer models: soups, views, snapshots, dropout members and students on the CT images.

``python benchmarks/fewer_models.py`` needs the CT images and weights in DATA. Heads are trained on a frozen MobileNetV2
at 96 pixels, on the training images; the greedy soup is chosen by the validation images, and all are judged by the test
images. The first run computes the features, which takes some minutes.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.cascades import DATA
from benchmarks.command import make_app, run_app
from benchmarks.fewer.images import image_rows
from benchmarks.fewer.networks import LARGE, SMALL, Study
from ensemblekit import FeatureBank
from ensemblekit.assembly import import_keras, quiet_tensorflow
from ensemblekit.report import to_markdown

app = make_app()


@app.command()
def fewer_models(
    data: Annotated[Path, typer.Option(help="Folder of the CT images and weights.")] = DATA,
    bank: Annotated[Path | None, typer.Option(help="Folder of the feature bank; by default that of the user.")] = None,
    seed: Annotated[int, typer.Option(help="Of starts, orders and resamples.", min=0)] = 0,
) -> None:
    """Train heads, make one network of several in each way, and compare all with one network."""
    console = Console(stderr=True)

    def say(text: str) -> None:
        console.print(text, style="dim")

    with quiet_tensorflow():
        import_keras("fewer_models")
    rows = image_rows(data, FeatureBank(bank), (SMALL, *LARGE), say)
    study = Study(rows, data, seed, say)
    study.run()
    typer.echo(to_markdown(study.table()))
    typer.echo(study.sentence())


def main() -> None:
    """Run the command."""
    run_app(app, "fewer_models")


if __name__ == "__main__":
    main()
