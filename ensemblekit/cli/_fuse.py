"""``ensemblekit fuse``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import DataError, InvalidOptionError
from ..printed import as_text
from ._arguments import (
    ActivationName,
    CombinerOptions,
    Overwrite,
    TaskName,
    check_output,
    key_and_value,
    name_and_path,
    pairs_of,
)
from ._commands import command
from ._completion import complete_combiner
from ._image_options import takes_image_options
from ._screen import import_keras_quietly, make_console, make_table, print_json, size_of, takes_plain

if TYPE_CHECKING:
    import numpy as np


@command(
    (
        "Two networks and their mean as one Keras file",
        "ensemblekit fuse cnn.keras resnet.keras --images photos -o ensemble.keras",
    ),
    (
        "A saved ensemble as ONNX and for phones",
        "ensemblekit fuse ensemble --images photos -o ensemble.onnx -o ensemble.tflite",
    ),
    lists=("combiner",),
)
@takes_plain
@takes_image_options
def fuse(
    members: Annotated[
        list[str],
        typer.Argument(
            help="Keras files of the members, FILE or NAME=FILE; or one folder with a saved ensemble.", metavar="MEMBER"
        ),
    ],
    output: Annotated[
        list[Path],
        typer.Option(
            "--output",
            "-o",
            help="A .keras, .onnx or .tflite file, or a folder for a SavedModel; as often as needed.",
            metavar="FILE",
        ),
    ],
    images: Annotated[
        list[Path],
        typer.Option(
            help="Real images, as folders or files: each output is compared with the separate members on them.",
            metavar="PATH",
        ),
    ],
    combiner: Annotated[
        str | None,
        typer.Option(
            "--combiner",
            "-c",
            help="Name of the rule. Default: mean, or that of the saved ensemble.",
            autocompletion=complete_combiner,
            metavar="RULE",
        ),
    ] = None,
    option: CombinerOptions = None,
    load: Annotated[
        Path | None, typer.Option(help="A fitted rule saved with combine --save.", metavar="FOLDER")
    ] = None,
    class_name: Annotated[
        list[str] | None,
        typer.Option("--class", help="Name of an output, in the order of all members.", metavar="NAME"),
    ] = None,
    task: TaskName = None,
    activation: ActivationName = None,
    size: Annotated[
        str | None, typer.Option(help="Size of the images, if members take several.", metavar="HEIGHTxWIDTH")
    ] = None,
    scale: Annotated[
        list[str] | None, typer.Option(help="A member takes pixels times NUMBER.", metavar="MEMBER=NUMBER")
    ] = None,
    offset: Annotated[list[str] | None, typer.Option(help="And plus NUMBER.", metavar="MEMBER=NUMBER")] = None,
    samples: Annotated[int, typer.Option(help="Maximal number of images to compare on.", min=1, metavar="NUMBER")] = 64,
    tolerance: Annotated[
        float, typer.Option(help="Largest admitted difference of a probability.", metavar="NUMBER")
    ] = 1e-5,
    overwrite: Overwrite = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was written as JSON.")] = False,
    *,
    reader: Any,
) -> None:
    """Fuse several models and a rule into one model, kept only if it predicts the same as the separate members."""
    for path in output:
        check_output(path, overwrite=overwrite)
    import_keras_quietly(*(path for _, path in map(name_and_path, members)))
    from ..fusion import export_fused
    from ..members import as_member
    from ..store import load as load_saved

    saved = len(members) == 1 and Path(members[0]).is_dir()
    if saved and (combiner or option or load or class_name or task or activation):
        raise InvalidOptionError(
            "a saved ensemble brings its own rule, classes and task. Leave out --combiner, --option, --load, --class, "
            "--task and --activation."
        )
    if load is not None and (combiner or option):
        raise InvalidOptionError("--load brings a fitted rule; --combiner and --option are for a new one.")
    given: Any = load_saved(members[0]) if saved else _read(members)
    rule: Any = combiner or (None if saved else "mean") if load is None else load_saved(load)
    shape = None if size is None else (*_read_size(size), 3)
    pixels = _sample(images, shape[:2] if shape else _image_size(given), samples, reader)
    if activation is not None:
        said: dict[str, Any] = {"classes": class_name or None, "task": task, "activation": activation}
        given = [(name, as_member(model, name=name, **said)) for name, model in given]
    exports = export_fused(
        given,
        rule,
        to=output,
        inputs=pixels,
        classes=class_name or None,
        task=task,
        tolerance=tolerance,
        overwrite=overwrite,
        **({} if shape is None else {"input_shape": shape}),
        **({} if not scale else {"scale": _numbers("--scale", scale)}),
        **({} if not offset else {"offset": _numbers("--offset", offset)}),
        **dict(key_and_value(text) for text in option or []),
    )
    if as_json:
        print_json([{**one._asdict(), "path": str(one.path)} for one in exports])
        return
    table = make_table(f"Compared on {len(pixels)} images with members and rule apart")
    for name in ("Output", "Format", "Size", "Largest difference"):
        table.add_column(name, overflow="fold")
    for one in exports:
        table.add_row(as_text(one.path), one.format, size_of(one.n_bytes), f"{one.max_difference:.1e}")
    make_console().print(table)


def _read(files: list[str]) -> list[tuple[str, Any]]:
    from ..assembly import load_keras_file

    given = [name_and_path(file) for file in files]
    for _, path in given:
        if path.suffix != ".keras" or not path.is_file():
            raise InvalidOptionError(
                f"members must be .keras files, or one folder with a saved ensemble; received {str(path)!r}."
            )
    return [(name or path.stem, load_keras_file(path)) for name, path in given]


def _read_size(text: str) -> tuple[int, int]:
    height, _, width = text.lower().partition("x")
    if not (height.isdecimal() and width.isdecimal() and int(height) and int(width)):
        raise InvalidOptionError(f"--size must be HEIGHTxWIDTH in pixels, such as 224x224; received {text!r}.")
    return int(height), int(width)


def _numbers(option: str, texts: list[str]) -> dict[str, float]:
    pairs = pairs_of(option, texts)
    try:
        return {name: float(number) for name, number in pairs.items()}
    except ValueError:
        raise InvalidOptionError(f"{option} must be MEMBER=NUMBER; received {texts}.") from None


def _image_size(members: Any) -> tuple[int, int]:
    """Read the size of the input images from the first member."""
    from ..fusion.members import read_members

    models = [model for _, model in members] if isinstance(members, list) else [m.model for m in read_members(members)]
    shapes = [tuple(model.inputs[0].shape[1:]) for model in models]
    shape = shapes[0]
    if len({*shapes}) > 1:
        raise InvalidOptionError(
            f"members of several sizes need the size of the images that the one model takes; these take "
            f"{', '.join(map(str, dict.fromkeys(shapes)))}. Give it: --size HEIGHTxWIDTH."
        )
    if len(shape) != 3 or None in shape or shape[2] != 3:
        raise InvalidOptionError(
            "members must take images of one size, (height, width, 3), to be compared on images; the first takes "
            f"{shape}. In Python export_fused takes any inputs."
        )
    return shape[0], shape[1]


def _sample(images: list[Path], size: tuple[int, int], most: int, reader: Any) -> np.ndarray:
    """Read images that are evenly spaced in the list of all images."""
    import numpy as np

    from ..data.listing import list_images
    from ..data.reading import read_image

    paths = [file.path for file in list_images(images, reader) if file is not None]
    if not paths:
        raise DataError(f"--images must hold images to compare on; there is none in {[str(path) for path in images]}.")
    n = min(most, len(paths))
    return np.stack([read_image(paths[k * len(paths) // n], size, reader=reader) for k in range(n)])
