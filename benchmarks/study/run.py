"""One run of the study, from images to the results table."""

from __future__ import annotations

import contextlib
import dataclasses
import sys
import warnings
from importlib.util import find_spec

import pandas as pd

from ensemblekit import load_plugins
from ensemblekit.evaluation import results_table
from ensemblekit.registry import Registry

from . import output, tables
from .config import Config, basis
from .images import Images, load_images
from .pieces import Pieces, UnwritableError, write_json, writing
from .rows import Rows, make_rows, prediction_files
from .screen import Screen
from .settings import Settings

__all__ = ["run"]


def run(settings: Settings, *, overwrite: bool = False, resume: bool = False) -> None:
    """Run the study and leave its results in the output folder.

    Parameters
    ----------
    settings : Settings
        What is run, and where it goes.
    overwrite : bool, default=False
        Replace the results of another run.
    resume : bool, default=False
        Go on with the run in the folder, from its last finished piece.
    """
    registry = load_plugins()
    for name in (settings.backbone, *(name for name, _ in settings.pairs)):
        registry.backbones[name]  # an unknown name fails here, before any work
    with output.hold(settings.out):
        go_on = output.prepare(settings.out, overwrite=overwrite, resume=resume)
        config = Config(settings, go_on=go_on)
        screen = Screen()
        warnings.showwarning = lambda message, *_: screen.say(f"warning: {message}")  # type: ignore[assignment]
        if resume and not go_on:
            screen.say(f"{settings.out} holds no finished piece to go on from: the run starts at its beginning")
        try:
            with screen:
                _study(settings, registry, config, screen)
        except KeyboardInterrupt:
            with contextlib.suppress(UnwritableError):
                config.update(status="interrupted")
            screen.say(
                f"Interrupted. {settings.out} holds what was finished: {_finished(settings)}. To go on, give the same "
                f"command with --out '{settings.out}' --resume."
            )
            sys.exit(130)
        except BaseException as error:
            with contextlib.suppress(UnwritableError):  # the disk may be full, and that be the error
                config.update(status=f"failed: {error}")
            raise


def _study(settings: Settings, registry: Registry, config: Config, screen: Screen) -> None:
    images = load_images(settings, screen.count)
    config.add_images(images)
    with writing(output.AUDIT, settings.out):
        write_json(settings.out / output.AUDIT, images.audit.to_dict())
    screen.say(f"{images.title}, {settings.image_size} x {settings.image_size} pixels; results go to {settings.out}")
    for name in images.unreadable:
        screen.say(f"left out, unreadable: {name}")
    pieces, rows = _rows(settings, settings.seed, registry, images, screen)
    config.update(
        weights_used=rows.weights_used,
        backbone_fingerprint=rows.fingerprint,
        seconds=_seconds(rows, "seconds"),
        processor_seconds=_seconds(rows, "processor_seconds"),
        epochs={name: rows.records[name]["epochs"] for name in rows.networks},
    )
    repeats = {settings.seed: results_table(rows.predictions)}
    for seed in range(settings.seed + 1, settings.seed + settings.repeats):
        _, repeat = _rows(settings, seed, registry, images, screen)
        repeats[seed] = results_table(repeat.predictions)
    report = tables.make_report(
        settings,
        images,
        rows.predictions,
        rows.complaints,
        rows.weights_used,
        members=rows.members,
        remarks=rows.remarks,
        repeats=repeats if len(repeats) > 1 else None,
    )
    page = find_spec("matplotlib") is not None
    if not page:
        screen.say('no report.html: it needs matplotlib, which is not installed: pip install "ensemblekit[plots]"')

    def write() -> dict[str, str]:
        output.write_report(settings.out, report)
        if page:
            _write_page(settings, report, rows, images, config)
        return {}

    pieces.make(
        "report",
        [*output.report_files(report), *([output.PAGE] if page else [])],
        write,
        needs=[file for row in rows.predictions for file in prediction_files(row)],
        also={
            "drop_leaks": settings.drop_leaks,
            "repeats": {str(seed): table.to_csv(index=False) for seed, table in repeats.items()},
        },
    )
    config.update(status="finished")
    screen.stop()
    tables.show(report, screen.console)


def _write_page(settings: Settings, report: tables.Report, rows: Rows, images: Images, config: Config) -> None:
    from .page import write_report_page

    write_report_page(
        settings.out / output.PAGE,
        report,
        rows.predictions,
        histories={name: pd.read_csv(settings.out / "histories" / f"{name}.csv") for name in rows.networks},
        latency={row: record["ms_per_image"] for row, record in rows.records.items()},
        audit=images.audit,
        config={name: value for name, value in config.content.items() if name != "status"},
    )


def _rows(settings: Settings, seed: int, registry: Registry, images: Images, screen: Screen) -> tuple[Pieces, Rows]:
    """Make the rows of one seed: those of the run itself in its folder, others in ``repeats/SEED``."""
    folder = settings.out if seed == settings.seed else settings.out / output.REPEATS / str(seed)
    settings = dataclasses.replace(settings, seed=seed)
    pieces = Pieces(folder, basis(settings, images), screen.say)
    return pieces, make_rows(settings, registry, images, pieces, screen)


def _seconds(rows: Rows, clock: str) -> dict[str, float]:
    features = sum(rows.records[name][f"feature_{clock}"] for name in rows.networks)
    return ({"features": features} if features else {}) | {
        name: rows.records[name][f"train_{clock}"] for name in rows.networks
    }


def _finished(settings: Settings) -> str:
    return ", ".join(sorted(p.name for p in settings.out.glob("*.keras"))) or "no model yet"
