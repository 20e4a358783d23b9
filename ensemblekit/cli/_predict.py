"""``ensemblekit predict``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, cast

import typer

from ..printed import as_text
from ._app import STOPPED, UNREADABLE
from ._arguments import ActivationName, ClassNames, ModelPath, Overwrite, TaskName, pairs_of
from ._commands import command
from ._image_options import takes_image_options
from ._screen import import_keras_quietly, make_console, print_json, show_progress


@command(
    ("All images of a folder", "ensemblekit predict model.keras photos -o predictions.csv"),
    ("The class folders are the labels", "ensemblekit predict model.keras photos/test --labels -o test.parquet"),
    ("Continue a run that was stopped", "ensemblekit predict model.keras photos -o predictions.csv --resume"),
)
@takes_image_options
def predict(
    model: ModelPath,
    images: Annotated[
        list[Path],
        typer.Argument(help="Folders of images, to any depth, image files, and .txt lists of them.", metavar="PATH"),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Output file: .parquet, .csv or .npz.", metavar="FILE")
    ],
    class_name: ClassNames = None,
    members: Annotated[bool, typer.Option("--members", help="Also write the predictions of each member.")] = False,
    labels: Annotated[bool, typer.Option("--labels", help="Use the class folder of each image as its label.")] = False,
    alias: Annotated[
        list[str] | None, typer.Option(help="Class of a class folder; as often as needed.", metavar="FOLDER=CLASS")
    ] = None,
    task_name: TaskName = None,
    activation: ActivationName = None,
    batch_size: Annotated[int, typer.Option(help="Batch size.", metavar="NUMBER")] = 32,
    resume: Annotated[bool, typer.Option("--resume", help="Continue an interrupted run.")] = False,
    overwrite: Overwrite = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was done as JSON.")] = False,
    *,
    reader: Any,
) -> None:
    """Predict any number of images; exit status 4 if some could not be read."""
    if model.suffix != ".onnx":
        import_keras_quietly(model)
    from ..predicting import predict_images

    with show_progress("Predicting") as shown:
        try:
            done = predict_images(
                model,
                images,
                output,
                classes=class_name or None,
                members=members,
                labels=labels,
                aliases=pairs_of("--alias", alias) or None,
                task=task_name,
                activation=cast("Any", activation),
                batch_size=batch_size,
                resume=resume,
                overwrite=overwrite,
                progress=shown.update,
                reader=reader,
            )
        except KeyboardInterrupt:
            shown.say("Stopped. --resume goes on where it was.")
            raise typer.Exit(STOPPED) from None
    if as_json:
        record = {**done._asdict(), "outputs": {name: str(path) for name, path in done.outputs.items()}}
        print_json(record)
    else:
        console = make_console()

        def write(line: str) -> None:
            console.print(as_text(line), soft_wrap=True)

        write(f"{done.n_images} images in {done.seconds:.1f} s, {done.images_per_second:.0f} a second.")
        for name, path in done.outputs.items():
            write(f"{'Predictions' if name == 'combined' else name}: {path}")
        if done.n_others:
            write(f"{done.n_others} files are no images by their name, and were left out.")
        if done.unreadable:
            first, reason = next(iter(done.unreadable.items()))
            write(f"{len(done.unreadable)} images cannot be read, first {first!r}: {reason}")
            write(f"All are listed in {output.with_name(f'{output.stem}.unreadable.csv')}.")
    if done.unreadable:
        raise typer.Exit(UNREADABLE)
