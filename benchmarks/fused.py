"""The study's networks as one model: the same probabilities in every format, and the time for one image.

Run it on what ``ctscan.py`` has written: ``python benchmarks/fused.py OUT --data FOLDER``, with the same ``--data``.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.command import make_app, run_app
from benchmarks.shipped import figures
from ensemblekit import EnsembleKitError
from ensemblekit.assembly import quiet_tensorflow
from ensemblekit.errors import FolderNotFoundError
from ensemblekit.report import print_table

app = make_app()


@app.command()
def fused(
    out: Annotated[Path, typer.Argument(help="What ctscan.py wrote: networks and predictions.")],
    data: Annotated[Path, typer.Option(help="The images that it was given.")],
    rounds: Annotated[int, typer.Option(help="How often each way predicts one image.", min=3)] = 60,
    check: Annotated[bool, typer.Option("--check", help="Exit with 1 where a promise is not kept.")] = False,
) -> None:
    """Fuse the study's three networks with five rules, compare each file, and time one image at a time."""
    if not (out / "first_model.keras").is_file():
        raise FolderNotFoundError(f"OUT must be a folder that ctscan.py wrote; {str(out)!r} has no first_model.keras.")
    console = Console()
    with quiet_tensorflow():
        import keras  # noqa: F401
    study = figures.load_study(out, data)
    with tempfile.TemporaryDirectory() as folder:
        files = figures.export_all(study, Path(folder))
    print_table(
        figures.files_table(files),
        title=f"Largest difference of a probability on {len(study.images)} test images",
        console=console,
    )
    times = figures.time_ways(study, rounds)
    print_table(figures.times_table(times), title=f"One image, median of {rounds}, interleaved", console=console)
    promises = figures.promises(files, times)
    for sentence, _ in promises:
        console.print(sentence, markup=False, highlight=False, soft_wrap=True)
    if check and (broken := [sentence for sentence, kept in promises if not kept]):
        raise EnsembleKitError("; ".join(broken) + ".")


def main() -> None:
    """Run the command."""
    run_app(app, "fused")


if __name__ == "__main__":
    main()
