"""One run of the study, from images to the results table."""

from __future__ import annotations

import dataclasses
import sys
import warnings
from pathlib import Path
from typing import Any

from ensemblekit import Predictions, PredictionSet, Registry, load_plugins
from ensemblekit.assembly import quiet_tensorflow

from . import output, tables
from .ensembles import MEMBERS, RULES, combine_rule
from .images import SPLITS, load_images
from .models import NETWORKS, create_backbone
from .networks import Networks
from .screen import Screen
from .settings import Settings

__all__ = ["run"]


def run(settings: Settings, *, overwrite: bool) -> None:
    """Run the study and leave its results in the output folder."""
    registry = load_plugins()
    registry.backbones[settings.backbone]  # an unknown name fails here, before any work
    output.prepare(settings.out, overwrite=overwrite)
    record = Record(settings)
    screen = Screen()
    warnings.showwarning = lambda message, *_: screen.say(f"warning: {message}")  # type: ignore[assignment]
    try:
        with screen:
            _study(settings, registry, record, screen)
    except KeyboardInterrupt:
        record.update(status="interrupted")
        finished = sorted(p.name for p in settings.out.glob("*.keras")) or ["no model yet"]
        screen.say(f"Interrupted. {settings.out} holds what was finished: {', '.join(finished)}.")
        sys.exit(130)
    except BaseException as error:
        record.update(status=f"failed: {error}")
        raise


class Record:
    """``config.json``: what ran, kept up to date."""

    def __init__(self, settings: Settings) -> None:
        self._path = settings.out / output.CONFIG
        self._content: dict[str, Any] = {}
        options = {k: str(v) if isinstance(v, Path) else v for k, v in dataclasses.asdict(settings).items()}
        self.update(status="running", settings=options, versions=output.versions())

    def update(self, **content: Any) -> None:
        """Write with these entries changed or added."""
        self._content |= content
        output.write_json(self._path, self._content)


def _study(settings: Settings, registry: Registry, record: Record, screen: Screen) -> None:
    images = load_images(settings, screen.count)
    output.write_json(settings.out / output.AUDIT, images.audit.to_dict())
    record.update(
        data={
            "folder": str(images.folder),
            "synthetic": images.synthetic,
            "fingerprint": images.fingerprint,
            "classes": images.classes,
            "images": {name: len(split.ids) for name, split in images.splits.items()},
            "unreadable": images.unreadable,
            "test_copies_of_fitted_images": images.copies,
        }
    )
    screen.say(f"{images.title}, {settings.image_size} x {settings.image_size} pixels; results go to {settings.out}")
    for name in images.unreadable:
        screen.say(f"left out, unreadable: {name}")
    with quiet_tensorflow():
        import keras  # noqa: F401 - its start-up lines are lost here
        import tensorflow as tf

        # Its warnings are for its own developers: how often it traced a function.
        tf.get_logger().setLevel("ERROR")
    backbone = create_backbone(registry, settings)
    networks = Networks(registry, settings, backbone, images, say=screen.say, count=screen.count)
    models: dict[str, Any] = {}
    for name in NETWORKS:
        watch = screen.watch(name, settings.epochs)
        models[name] = networks.train(name, settings.out / f"{name}.keras", watch)
    weights_used = str(getattr(backbone, "weights_used", settings.weights))
    record.update(weights_used=weights_used, backbone_fingerprint=networks.fingerprint)
    predictions = {split: networks.predict(models, split) for split in SPLITS}
    record.update(seconds=networks.seconds, epochs=networks.epochs)
    rows = _rows(settings, registry, predictions, screen)
    output.write_predictions(settings.out, rows)
    report = tables.make_report(settings, images, rows, models, weights_used)
    output.write_report(settings.out, report)
    record.update(status="finished")
    screen.stop()
    tables.show(report, screen.console)


def _rows(
    settings: Settings, registry: Registry, predictions: dict[str, PredictionSet], screen: Screen
) -> dict[str, dict[str, Predictions]]:
    """Every row of the table, in its order: the two members, their combinations, the chained model."""
    rows = {name: {split: p[name] for split, p in predictions.items()} for name in MEMBERS}
    pairs = {split: p.select(MEMBERS) for split, p in predictions.items()}
    for place, rule in enumerate(RULES):
        screen.count("ensembles", place, len(RULES), metrics=rule.row)
        rows[rule.row] = combine_rule(rule, registry, pairs, settings.out, settings.seed + 10 + place, screen.say)
    screen.count("ensembles", len(RULES), len(RULES))
    return rows | {"chained_model": {split: p["chained_model"] for split, p in predictions.items()}}
