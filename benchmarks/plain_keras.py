"""The study's recipe in plain Keras, timed against ``ctscan.py``: same images, models and epochs, in one run.

Run it from a checkout: ``python benchmarks/plain_keras.py --data FOLDER --backbone keras_file --weights FILE``.
"""

from __future__ import annotations

import sys
import tempfile
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.command import make_app, run_app
from benchmarks.plain import tables
from benchmarks.plain.runs import run_ours, run_plain
from ensemblekit import EnsembleKitError
from ensemblekit.assembly import quiet_tensorflow
from ensemblekit.errors import FolderNotFoundError
from ensemblekit.report import print_table

app = make_app()


class Backbone(str, Enum):  # noqa: UP042 - typer shows the values
    """The backbones of the plain recipe."""

    keras_file = "keras_file"
    mobilenet_v2 = "mobilenet_v2"
    resnet50 = "resnet50"


@app.command()
def plain_keras(
    data: Annotated[Path, typer.Option(help="Folder with train, valid and test, each with a folder a class.")],
    backbone: Annotated[Backbone, typer.Option(help="Of first_model and chained_model.")] = Backbone.keras_file,
    weights: Annotated[
        str, typer.Option(help="Its weights: a file, imagenet, or none.", metavar="FILE|imagenet|none")
    ] = "none",
    views: Annotated[int, typer.Option(help="Views of each training image in our run.", min=1)] = 8,
    image_size: Annotated[int, typer.Option(help="Pixels a side.", min=32)] = 224,
    epochs: Annotated[int, typer.Option(help="Most epochs of each network.", min=1)] = 100,
    measure_epochs: Annotated[
        int, typer.Option(help="Epochs of each plain network that are timed, after one that is not.", min=1)
    ] = 2,
    whole: Annotated[
        bool, typer.Option("--whole", help="Train the plain networks to their end, and compare accuracies.")
    ] = False,
    alias: Annotated[list[str] | None, typer.Option(help="As in ctscan.py; repeatable.", metavar="FOLDER=NAME")] = None,
    processor: Annotated[
        bool,
        typer.Option(
            "--processor",
            help="Count seconds of the processor, all threads together: for a machine that has other work to do.",
        ),
    ] = False,
    seed: Annotated[int, typer.Option(help="Of both ways.", min=0)] = 0,
    check: Annotated[bool, typer.Option("--check", help="Exit with 1 where a ratio is too small.")] = False,
) -> None:
    """Time the study's table in plain Keras and by ctscan.py, on an empty feature bank and then on the full one.

    The plain networks run a few epochs, which are multiplied by the epochs that
    ctscan.py ran; with --whole they run to their end.
    """
    if not (data / "train").is_dir():
        raise FolderNotFoundError(f"--data must be a folder with train, valid and test; received {str(data)!r}.")
    console = Console()

    def log(sentence: str) -> None:
        console.print(sentence, markup=False, highlight=False, soft_wrap=True)

    arguments = ["--data", str(data), "--preset", "published", "--backbone", backbone.value, "--weights", weights]
    arguments += ["--image-size", str(image_size), "--epochs", str(epochs), "--seed", str(seed)]
    arguments += ["--views", str(views), *(part for pair in alias or [] for part in ("--alias", pair))]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        arguments += ["--bank", str(folder / "bank")]
        cold = run_ours(arguments, folder / "cold", processor=processor)
        log(f"ctscan.py, {views} views, empty bank: {cold.whole:.1f} s")
        warm = run_ours(arguments, folder / "warm", processor=processor)
        log(f"ctscan.py again, full bank: {warm.whole:.1f} s")
        with quiet_tensorflow():
            from benchmarks.plain.recipe import Recipe
        (folder / "plain").mkdir()
        file = None if weights == "none" else weights
        recipe = Recipe(data, backbone.value, file, image_size=image_size, out=folder / "plain", seed=seed)
        plain = run_plain(
            recipe,
            cold.epochs,
            measured=measure_epochs,
            whole=whole,
            most=epochs,
            log=log,
            processor=processor,
        )
    how = "run to its end" if whole else f"{measure_epochs} timed, times the epochs that ctscan.py ran"
    clock = "seconds of the processor" if processor else "seconds"
    title = f"Plain Keras ({how}) and ctscan.py, in {clock}"
    seconds = tables.seconds_table(plain, cold, warm)
    print_table(seconds, title=title, console=console, right=list(seconds.columns[1:]))
    if whole:
        print_table(
            tables.accuracy_table(plain, cold),
            title="Validation accuracy, with its 95 % interval",
            console=console,
        )
    ratios = tables.ratios(plain, cold, warm)
    for key, promise in tables.PROMISES.items():
        aim = f", aim {promise.aim:g}" if promise.aim else ""
        log(f"{promise.what}: {ratios[key]:.1f} (at least {promise.least:g}{aim})")
    if check and (complaints := tables.broken(ratios)):
        raise EnsembleKitError("; ".join(complaints) + ".")


def main() -> None:
    """Run the command."""
    run_app(app, "plain_keras")


if __name__ == "__main__":
    main()
