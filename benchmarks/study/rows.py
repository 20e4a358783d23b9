"""The rows of the table for one seed, made piece by piece; pieces that are finished are read."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ensemblekit import InvalidOptionError, Predictions, PredictionSet, align, check_compatible
from ensemblekit.assembly import quiet_tensorflow
from ensemblekit.registry import Registry

from .ensembles import MEMBERS, RULES, Rule, combine_rule
from .honesty import COMPARED
from .images import SPLITS, Images
from .latency import ms_per_image
from .models import CHAINED, NETWORKS, create_backbone
from .networks import Networks
from .pieces import Pieces
from .screen import Screen
from .settings import BEST, BEST_FILE, Settings

__all__ = ["Rows", "make_rows", "prediction_files"]


@dataclasses.dataclass(frozen=True)
class Rows:
    """All rows of one seed.

    Attributes
    ----------
    predictions : dict
        Row -> split -> Predictions, in the order of the table.
    records : dict
        Row -> the record of its piece: ``train_seconds``, ``ms_per_image``; of a network ``epochs`` too.
    weights_used : str
        Of the backbone.
    fingerprint : str
        Of the backbone.
    complaints : list of str
        What the networks are not that the study asks of them.
    members : mapping of str to sequence of str
        Row -> the rows that it is held against.
    remarks : list of str
        What else is to be said of them.
    """

    predictions: dict[str, dict[str, Predictions]]
    records: dict[str, dict[str, Any]]
    weights_used: str
    fingerprint: str
    complaints: list[str] = dataclasses.field(default_factory=list[str])
    members: Mapping[str, Sequence[str]] = dataclasses.field(default_factory=lambda: COMPARED)
    remarks: list[str] = dataclasses.field(default_factory=list[str])

    @property
    def networks(self) -> list[str]:
        """Rows that are networks, trained in epochs."""
        return [row for row, record in self.records.items() if "epochs" in record]


def make_rows(settings: Settings, registry: Registry, images: Images, pieces: Pieces, screen: Screen) -> Rows:
    """Make the rows of one seed, or read those that are finished.

    Parameters
    ----------
    settings : Settings
        With the seed.
    registry : Registry
        Where the parts are.
    images : Images
        All splits.
    pieces : Pieces
        What is finished already.
    screen : Screen
        Told what is done.

    Returns
    -------
    Rows
        As their files have them.

    Raises
    ------
    InvalidOptionError
        If the backbone is not the one of the pieces that are finished.
    UnwritableError
        If a piece cannot be kept.
    """
    if settings.preset == BEST:
        return _make_best(settings, registry, images, pieces, screen)
    return _Maker(settings, registry, images, pieces, screen).make()


def prediction_files(row: str) -> list[str]:
    """Name the files of a row's predictions, in the folder of a run."""
    return [f"predictions/{row}.{split}.parquet" for split in SPLITS]


def keep_row(folder: Path, row: str, by_split: Mapping[str, Predictions]) -> None:
    """Write a row."""
    for split, file in zip(SPLITS, prediction_files(row), strict=True):
        by_split[split].save(folder / file, overwrite=True)


def load_row(folder: Path, row: str) -> dict[str, Predictions]:
    """Read a row: also one that was made just now, so that nothing that follows sees whether a run was cut off."""
    return {split: Predictions.load(folder / file) for split, file in zip(SPLITS, prediction_files(row), strict=True)}


def _make_best(settings: Settings, registry: Registry, images: Images, pieces: Pieces, screen: Screen) -> Rows:
    from .best import BEST_ROWS, run_best

    def build() -> dict[str, Any]:
        start_tensorflow(settings)
        made = run_best(settings, registry, images, screen, pieces.folder)
        for row, by_split in made.rows.items():
            keep_row(pieces.folder, row, by_split)
        return {"remarks": made.remarks, "weights_used": made.weights_used, "backbone_fingerprint": made.fingerprint}

    record = pieces.make("best", [BEST_FILE, *(file for row in BEST_ROWS for file in prediction_files(row))], build)
    return Rows(
        {row: load_row(pieces.folder, row) for row in BEST_ROWS},
        {},
        record["weights_used"],
        record["backbone_fingerprint"],
        members={"best": ["best_member"]},
        remarks=record["remarks"],
    )


class _Maker:
    def __init__(self, settings: Settings, registry: Registry, images: Images, pieces: Pieces, screen: Screen) -> None:
        self._settings, self._registry, self._images = settings, registry, images
        self._pieces, self._screen = pieces, screen
        self._folder = pieces.folder
        self._models: dict[str, Any] = {}

    def make(self) -> Rows:
        records = {name: self._network(name) for name in NETWORKS}
        rows = {name: load_row(self._folder, name) for name in NETWORKS}
        pairs = {split: align([rows[name][split] for name in MEMBERS]) for split in SPLITS}
        for place, rule in enumerate(RULES):
            self._screen.count("ensembles", place, len(RULES), metrics=rule.row)
            records[rule.row] = self._combination(place, rule, pairs, records)
            rows[rule.row] = load_row(self._folder, rule.row)
        self._screen.count("ensembles", len(RULES), len(RULES))
        complaints = self._pieces.make("compatibility", [], self._check, needs=[f"{name}.keras" for name in NETWORKS])[
            "complaints"
        ]
        order = (*MEMBERS, *(rule.row for rule in RULES), CHAINED)
        return Rows(
            {row: rows[row] for row in order},
            {row: records[row] for row in order},
            records[NETWORKS[0]]["weights_used"],
            records[NETWORKS[0]]["backbone_fingerprint"],
            complaints,
        )

    def _network(self, name: str) -> dict[str, Any]:
        files = [f"{name}.keras", f"histories/{name}.csv", *prediction_files(name)]
        return self._pieces.make(name, files, functools.partial(self._train, name))

    def _train(self, name: str) -> dict[str, Any]:
        networks = self._networks
        extracted = networks.seconds.get("features", 0.0), networks.processor_seconds.get("features", 0.0)
        repeat = self._folder != self._settings.out
        label = f"{name}, seed {self._settings.seed}" if repeat else name
        watch = self._screen.watch(label, self._settings.epochs)
        model = self._models[name] = networks.train(name, self._folder / f"{name}.keras", watch)
        history = networks.histories[name]
        _write_history(self._folder / "histories" / f"{name}.csv", history)
        keep_row(self._folder, name, {split: networks.predict({name: model}, split)[name] for split in SPLITS})
        return {
            "train_seconds": networks.seconds[name],
            "feature_seconds": networks.seconds.get("features", 0.0) - extracted[0],
            "train_processor_seconds": networks.processor_seconds[name],
            "feature_processor_seconds": networks.processor_seconds.get("features", 0.0) - extracted[1],
            "epochs": networks.epochs[name],
            "ms_per_image": ms_per_image(model, self._images.splits["valid"].x),
            "weights_used": str(getattr(self._backbone, "weights_used", self._settings.weights)),
            "backbone_fingerprint": networks.fingerprint,
        }

    def _combination(
        self, place: int, rule: Rule, pairs: Mapping[str, PredictionSet], records: Mapping[str, Mapping[str, Any]]
    ) -> dict[str, Any]:
        def build() -> dict[str, Any]:
            if rule.trained:
                start_tensorflow(self._settings)
            seed = self._settings.seed + 10 + place
            combined, seconds = combine_rule(rule, self._registry, pairs, self._folder, seed, self._screen.say)
            keep_row(self._folder, rule.row, combined)
            latency = sum(records[name]["ms_per_image"] for name in MEMBERS)
            return {"train_seconds": seconds, "ms_per_image": latency}

        model = [f"{rule.row}.keras"] if rule.trained else []
        needs = [file for name in MEMBERS for file in prediction_files(name)]
        return self._pieces.make(rule.row, model + prediction_files(rule.row), build, needs=needs)

    def _check(self) -> dict[str, Any]:
        missing = [name for name in NETWORKS if name not in self._models]
        if missing:
            start_tensorflow(self._settings)
            import keras

            for name in missing:
                self._models[name] = keras.models.load_model(self._folder / f"{name}.keras")
        answers = check_compatible({name: self._models[name] for name in NETWORKS})
        return {"complaints": [answer.sentence for answer in answers if answer.ok is False]}

    @functools.cached_property
    def _backbone(self) -> Any:
        return create_backbone(self._registry, self._settings, self._settings.backbone, self._settings.weights)

    @functools.cached_property
    def _networks(self) -> Networks:
        start_tensorflow(self._settings)
        screen = self._screen
        networks = Networks(
            self._registry, self._settings, self._backbone, self._images, say=screen.say, count=screen.count
        )
        for name in NETWORKS:
            before = self._pieces.recorded(name)
            if before and before.get("backbone_fingerprint") != networks.fingerprint:
                raise InvalidOptionError(
                    f"--resume must go on with the backbone that {name} in {str(self._folder)!r} was trained on; the "
                    f"weights of {self._settings.backbone!r} are others now. Put them back, or choose another --out, "
                    "or give --overwrite to start anew."
                )
        return networks


def start_tensorflow(settings: Settings) -> None:
    """Import it without a word of its own."""
    with quiet_tensorflow():
        import keras  # noqa: F401 - its start-up lines are lost here
        import tensorflow as tf

        # Its warnings are for its own developers: how often it traced a function.
        tf.get_logger().setLevel("ERROR")
        if settings.deterministic:
            tf.config.experimental.enable_op_determinism()


def _write_history(path: Path, history: Mapping[str, list[float]]) -> None:
    import pandas as pd

    from ensemblekit.report import to_csv

    columns = ("loss", "accuracy", "val_loss", "val_accuracy")
    table = pd.DataFrame({"epoch": range(1, len(history["loss"]) + 1), **{name: history[name] for name in columns}})
    to_csv(table, path)
