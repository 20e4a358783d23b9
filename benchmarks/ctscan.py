"""The CT-scan study, end to end: train its models, combine them, and print its results table.

Run it from a checkout: ``python benchmarks/ctscan.py``, or ``make ctscan``.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Annotated

import typer

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.study.precision import PRECISIONS
from benchmarks.study.settings import BEST, PRESETS, Settings, parse_aliases, parse_backbone, parse_pairs, parse_views
from ensemblekit import EnsembleKitError, InvalidOptionError

PRESET_HELP = "\n\n".join(f"[bold]{name}[/bold]: {preset.summary}." for name, preset in PRESETS.items())

app = typer.Typer(add_completion=False, rich_markup_mode="rich", pretty_exceptions_enable=False)


EXAMPLES = """Examples:

  python benchmarks/ctscan.py

  python benchmarks/ctscan.py --data kaggle --preset corrected

  python benchmarks/ctscan.py --data FOLDER --backbone mobilenet_v2 --weights FILE.weights.h5 --out OUT
"""


@app.command(epilog=EXAMPLES)
def ctscan(
    data: Annotated[
        str,
        typer.Option(
            help="[bold]synthetic[/bold] (CT-like phantoms, drawn once into the cache), [bold]kaggle[/bold] (needs the "
            "extra 'kaggle'), or a folder with train, valid and test, each with a folder a class.",
            metavar="WHICH",
            rich_help_panel="Data",
        ),
    ] = "synthetic",
    alias: Annotated[
        list[str] | None,
        typer.Option(
            help="Common name of a class folder; repeatable. That of the CT set's own folders is built in.",
            metavar="FOLDER=NAME",
            rich_help_panel="Data",
        ),
    ] = None,
    rows: Annotated[
        int | None, typer.Option(help="At most so many images a split, for a try.", min=8, rich_help_panel="Data")
    ] = None,
    skip_unreadable: Annotated[
        bool,
        typer.Option(
            "--skip-unreadable",
            help="Go on without images that cannot be decoded, and list them.",
            rich_help_panel="Data",
        ),
    ] = False,
    drop_leaks: Annotated[
        bool,
        typer.Option(
            "--drop-leaks",
            help="Beside the table, one without the test images whose pixels stand in train or valid.",
            rich_help_panel="Data",
        ),
    ] = False,
    preset: Annotated[
        str, typer.Option(help=PRESET_HELP, metavar="|".join(PRESETS), rich_help_panel="Recipe")
    ] = "quick",
    backbone: Annotated[
        list[str] | None,
        typer.Option(
            help="Backbone of first_model and chained_model: resnet50, mobilenet_v2, keras_file, or any plugin's (see "
            "`ensemblekit plugins`); default: the preset's.",
            metavar="NAME",
            rich_help_panel="Recipe",
        ),
    ] = None,
    weights: Annotated[
        list[str] | None,
        typer.Option(
            help="Its weights: auto (ImageNet, cached or downloaded; random where there are none, and the table says "
            "so), imagenet, none, or a file.",
            metavar="VALUE",
            rich_help_panel="Recipe",
        ),
    ] = None,
    image_size: Annotated[
        int | None, typer.Option(help="Pixels a side; default: the preset's.", min=32, rich_help_panel="Recipe")
    ] = None,
    epochs: Annotated[
        int | None,
        typer.Option(
            help="Most epochs of the three networks; default: the preset's. The trained ensembles always have 100.",
            min=1,
            rich_help_panel="Recipe",
        ),
    ] = None,
    batch_size: Annotated[int, typer.Option("--batch", help="Images a step.", min=1, rich_help_panel="Recipe")] = 32,
    views: Annotated[
        str | None,
        typer.Option(
            help="How many augmented views of each training image are drawn, once, and cycled through the epochs; or "
            "[bold]fresh[/bold]: a new view at each epoch, as in the study. Default: the preset's.",
            metavar="K|fresh",
            rich_help_panel="Recipe",
        ),
    ] = None,
    precision: Annotated[
        str,
        typer.Option(
            help="What the custom CNN computes in while it is trained on K views; auto: bfloat16 where the processor "
            "multiplies it (AMX).",
            metavar="|".join(PRECISIONS),
            rich_help_panel="Recipe",
        ),
    ] = "auto",
    seed: Annotated[int, typer.Option(help="Of everything that is drawn.", min=0, rich_help_panel="Recipe")] = 0,
    repeats: Annotated[
        int,
        typer.Option(
            help="Run the recipe with so many seeds, from --seed on, and add a table of mean and spread.",
            min=1,
            metavar="N",
            rich_help_panel="Recipe",
        ),
    ] = 1,
    deterministic: Annotated[
        bool,
        typer.Option(
            "--deterministic",
            help="Let TensorFlow use deterministic operations alone: the same seed gives the same figures to the bit, "
            "on the same machine.",
            rich_help_panel="Recipe",
        ),
    ] = False,
    bank: Annotated[
        Path | None,
        typer.Option(
            help="Folder of the feature bank; default: features, in the user's cache.",
            metavar="FOLDER",
            rich_help_panel="Output",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder of the results; default: a new one, results/ctscan-WHICH-DATE-TIME.",
            metavar="FOLDER",
            rich_help_panel="Output",
        ),
    ] = None,
    overwrite: Annotated[
        bool,
        typer.Option("--overwrite", help="Replace the results of an earlier run in --out.", rich_help_panel="Output"),
    ] = False,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="Go on with the run in --out, from its last finished piece: after a kill, Ctrl-C, or a full disk.",
            rich_help_panel="Output",
        ),
    ] = False,
) -> None:
    """Reproduce the chest CT-scan study: a transfer model, a custom CNN, seven combinations of them, a chained model.

    Ten rows of train, validation and test loss and accuracy, the balance
    table, and the published figures beside them. Every prediction carries the
    path of its image and is combined by it. Research software, not for diagnosis.
    """
    if preset not in PRESETS:
        raise InvalidOptionError(f"--preset must be one of {', '.join(PRESETS)}; received {preset!r}.")
    if precision not in PRECISIONS:
        raise InvalidOptionError(f"--precision must be one of {', '.join(PRECISIONS)}; received {precision!r}.")
    if resume and out is None:
        raise InvalidOptionError("--resume goes on with the run in a folder; received no folder. Give it with --out.")
    recipe = PRESETS[preset]
    name, value = parse_backbone(preset, backbone or [], weights or [])
    settings = Settings(
        data=data,
        preset=preset,
        backbone=name,
        weights=value,
        preprocessing=recipe.preprocessing,
        image_size=image_size or recipe.image_size,
        epochs=epochs or recipe.epochs,
        batch_size=batch_size,
        seed=seed,
        rows=rows,
        views=parse_views(views, preset),
        bank=bank,
        precision=precision,
        deterministic=deterministic,
        repeats=repeats,
        aliases=parse_aliases(alias or []),
        skip_unreadable=skip_unreadable,
        drop_leaks=drop_leaks,
        pairs=parse_pairs(backbone or [], weights or []) if preset == BEST else (),
        out=out or Path("results") / f"ctscan-{Path(data).resolve().name}-{time.strftime('%Y%m%d-%H%M%S')}",
    )
    from benchmarks.study.run import run

    run(settings, overwrite=overwrite, resume=resume)


def main() -> None:
    """Run the command; an error of ours is one line, and an interruption leaves what was finished."""
    try:
        app()
    except EnsembleKitError as error:
        typer.echo(f"ctscan: {error}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
