"""One run of the study, from images to the report."""

from __future__ import annotations

import contextlib
import dataclasses
import sys
import warnings
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

import pandas as pd

from ensemblekit import load_plugins
from ensemblekit.evaluation import results_table
from ensemblekit.registry import Registry

from . import output
from .config import Config, basis
from .images import Images, load_images
from .one_seed import SeedResults, prediction_files, run_seed
from .pieces import Pieces, UnwritableError, write_json, writing
from .report import Report, make_report, print_sections, report_files, report_sections, write_report
from .screen import Screen
from .settings import Settings


def run(settings: Settings) -> None:
    """Run the study, or go on with it, and leave its results in the output folder."""
    registry = load_plugins()
    for name, _ in settings.backbones:
        registry.backbones[name]  # an unknown name fails here, before any work
    with output.hold(settings.out):
        resumed = output.prepare(settings.out, overwrite=settings.overwrite, resume=settings.resume)
        config = Config(settings, resumed=resumed)
        screen = Screen()
        warnings.showwarning = _say_once(screen)  # type: ignore[assignment]
        if settings.resume and not resumed:
            screen.log(f"{settings.out} holds no finished piece to go on from: the run starts at its beginning")
        try:
            with screen:
                _study(settings, registry, config, screen)
        except KeyboardInterrupt:
            with contextlib.suppress(UnwritableError):
                config.update(status="interrupted")
            finished = ", ".join(sorted(p.name for p in settings.out.glob("*.keras"))) or "no model yet"
            screen.log(
                f"Interrupted. {settings.out} holds what was finished: {finished}. To go on, give the same command "
                f"with --out '{settings.out}' --resume."
            )
            sys.exit(130)
        except BaseException as error:
            with contextlib.suppress(UnwritableError):  # where the disk is full, that may be the error itself
                config.update(status=f"failed: {error}")
            raise


def _say_once(screen: Screen) -> Any:
    """Show each warning once. Threads that fit heads share the filters of warnings, which then let all through."""
    said = {"`sklearn.utils.parallel.delayed` should be used"}  # of that race itself; nothing is amiss

    def show(message: Warning | str, *_: object) -> None:
        text = str(message)
        if not text.startswith(tuple(said)):
            said.add(text)
            screen.log(f"warning: {text}")

    return show


def _study(settings: Settings, registry: Registry, config: Config, screen: Screen) -> None:
    images = load_images(settings, screen.count)
    config.add_images(images)
    with writing(output.AUDIT, settings.out):
        write_json(settings.out / output.AUDIT, images.audit.to_dict())
    screen.log(f"{images.title}, {settings.image_size} x {settings.image_size} pixels; results go to {settings.out}")
    for name in images.unreadable:
        screen.log(f"left out, unreadable: {name}")
    seeds: dict[int, SeedResults] = {}
    for seed in range(settings.seed, settings.seed + settings.repeats):
        folder = settings.out if seed == settings.seed else settings.out / output.REPEATS / str(seed)
        of_seed = dataclasses.replace(settings, seed=seed)
        pieces = Pieces(folder, basis(of_seed, images), screen.log)
        seeds[seed] = run_seed(of_seed, registry, images, pieces, screen)
        if seed == settings.seed:
            first, first_pieces = seeds[seed], pieces
            config.update(
                weights_used=first.weights_used,
                backbone_fingerprint=first.fingerprint,
                seconds=_seconds(first, "seconds"),
                processor_seconds=_seconds(first, "processor_seconds"),
                epochs={name: first.records[name]["epochs"] for name in first.trained},
            )
    repeats = {seed: results_table(results.predictions) for seed, results in seeds.items()}
    report = make_report(settings, images, first, repeats=repeats if len(repeats) > 1 else None)
    _write(settings, report, first, first_pieces, images, config, screen, repeats)
    config.update(status="finished")
    screen.stop()
    print_sections(report_sections(report, brief=True), screen.console)


def _write(
    settings: Settings,
    report: Report,
    results: SeedResults,
    pieces: Pieces,
    images: Images,
    config: Config,
    screen: Screen,
    repeats: Mapping[int, pd.DataFrame],
) -> None:
    """Write the report as a piece of its own, with the page where matplotlib is installed."""
    page = [output.PAGE] if find_spec("matplotlib") else []
    if not page:
        screen.log('no report.html: it needs matplotlib, which is not installed: pip install "ensemblekit[plots]"')

    def build() -> dict[str, str]:
        write_report(settings.out, report)
        if page:
            from .page import write_report_page

            write_report_page(
                settings.out / output.PAGE,
                report,
                results,
                histories={n: pd.read_csv(settings.out / "histories" / f"{n}.csv") for n in results.trained},
                audit=images.audit,
                config={name: value for name, value in config.content.items() if name != "status"},
            )
        return {}

    pieces.make(
        "report",
        [*report_files(report), *page],
        build,
        needs=[file for name in results.predictions for file in prediction_files(name)],
        also={
            "drop_leaks": settings.drop_leaks,
            "repeats": {str(seed): table.to_csv(index=False) for seed, table in repeats.items()},
        },
    )


def _seconds(results: SeedResults, clock: str) -> dict[str, float]:
    networks = {name: record for name, record in results.records.items() if f"feature_{clock}" in record}
    features = sum(record[f"feature_{clock}"] for record in networks.values())
    return ({"features": features} if features else {}) | {
        name: record[f"train_{clock}"] for name, record in networks.items()
    }
