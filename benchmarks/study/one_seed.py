"""All models of the table for one seed, made piece by piece; finished pieces are read from disk."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ensemblekit import InvalidOptionError, Predictions, PredictionSet, align, check_compatible
from ensemblekit.assembly import quiet_tensorflow
from ensemblekit.registry import Registry

from .ensembles import MEMBERS, RULES, Rule, combine_rule
from .evaluate import COMPARED
from .images import SPLITS, Images
from .models import CHAINED, FIRST, NETWORKS, create_backbone, ms_per_image
from .networks import Networks
from .pieces import Pieces
from .published import published_notes
from .resampled import ROWS, fit_resampled
from .screen import Screen
from .settings import BEST, BEST_CSV, CANDIDATES_CSV, TECHNIQUES, Settings

if TYPE_CHECKING:
    import pandas as pd


@dataclasses.dataclass(frozen=True)
class SeedResults:
    """All models of one seed, in the order of the table.

    ``records`` are those of the pieces: ``train_seconds``, ``ms_per_image``, and of a network ``epochs``.
    ``complaints`` say which of the study's requirements the networks do not meet; ``compared`` names the models that
    each model is compared with; ``remarks`` are further sentences for the report. Of the preset ``best``, ``choice`` is
    the table of the rules, as `ensemblekit.choose` gives it, and ``candidates`` the figures of every candidate.
    """

    predictions: dict[str, dict[str, Predictions]]
    records: dict[str, dict[str, Any]]
    weights_used: str
    fingerprint: str
    complaints: Sequence[str] = ()
    compared: Mapping[str, Sequence[str]] = dataclasses.field(default_factory=lambda: COMPARED)
    remarks: Sequence[str] = ()
    choice: pd.DataFrame | None = None
    candidates: pd.DataFrame | None = None

    @property
    def trained(self) -> list[str]:
        """The models that are trained in epochs, each of which has a history."""
        return [name for name, record in self.records.items() if "epochs" in record]


def run_seed(settings: Settings, registry: Registry, images: Images, pieces: Pieces, screen: Screen) -> SeedResults:
    """Make the models of one seed, or read those that are finished."""
    if settings.preset == BEST:
        return _run_best(settings, registry, images, pieces, screen)
    return _SeedRun(settings, registry, images, pieces, screen).run()


def prediction_files(name: str) -> list[str]:
    """Return the files of a model's predictions, relative to the folder of a run."""
    return [f"predictions/{name}.{split}.parquet" for split in SPLITS]


def _save_predictions(folder: Path, name: str, by_split: Mapping[str, Predictions]) -> None:
    for split, file in zip(SPLITS, prediction_files(name), strict=True):
        by_split[split].save(folder / file, overwrite=True)


def _load_predictions(folder: Path, name: str) -> dict[str, Predictions]:
    # New predictions are read back too, so that a run that was cut off and one that was not continue alike.
    return {split: Predictions.load(folder / file) for split, file in zip(SPLITS, prediction_files(name), strict=True)}


def _run_best(settings: Settings, registry: Registry, images: Images, pieces: Pieces, screen: Screen) -> SeedResults:
    import pandas as pd

    from .best import BEST_MODELS, run_best

    record = run_best(
        settings,
        registry,
        images,
        pieces,
        screen,
        start=lambda: start_tensorflow(settings),
        save=functools.partial(_save_predictions, pieces.folder),
        files=prediction_files,
    )
    return SeedResults(
        {name: _load_predictions(pieces.folder, name) for name in BEST_MODELS},
        {},
        record["weights_used"],
        record["backbone_fingerprint"],
        compared={"best": ["best_member"]},
        remarks=record["remarks"],
        choice=pd.read_csv(pieces.folder / BEST_CSV),
        candidates=pd.read_csv(pieces.folder / CANDIDATES_CSV),
    )


class _SeedRun:
    def __init__(self, settings: Settings, registry: Registry, images: Images, pieces: Pieces, screen: Screen) -> None:
        self._settings, self._registry, self._images = settings, registry, images
        self._pieces, self._screen = pieces, screen
        self._folder = pieces.folder
        self._models: dict[str, Any] = {}

    def run(self) -> SeedResults:
        records = {
            name: self._pieces.make(
                name,
                [f"{name}.keras", f"histories/{name}.csv", *prediction_files(name)],
                functools.partial(self._train, name),
            )
            for name in NETWORKS
        }
        predictions = {name: _load_predictions(self._folder, name) for name in NETWORKS}
        members = {split: align([predictions[name][split] for name in MEMBERS]) for split in SPLITS}
        for place, rule in enumerate(RULES):
            self._screen.count("ensembles", place, len(RULES), metrics=rule.name)
            records[rule.name] = self._combine(place, rule, members, records)
            predictions[rule.name] = _load_predictions(self._folder, rule.name)
        self._screen.count("ensembles", len(RULES), len(RULES))
        resampled = [ROWS[technique] for technique in TECHNIQUES if technique in (self._settings.also or ())]
        for name in resampled:
            records[name] = self._resample(name, records)
            predictions[name] = _load_predictions(self._folder, name)
        models = [f"{name}.keras" for name in NETWORKS]
        compatibility = self._pieces.make("compatibility", [], self._check, needs=models)
        order = (*MEMBERS, *(rule.name for rule in RULES), *resampled, CHAINED)
        return SeedResults(
            {name: predictions[name] for name in order},
            {name: records[name] for name in order},
            records[NETWORKS[0]]["weights_used"],
            records[NETWORKS[0]]["backbone_fingerprint"],
            compatibility["complaints"],
            compared=COMPARED | dict.fromkeys(resampled, (FIRST,)),
            remarks=[*compatibility["remarks"], *published_notes()],
        )

    def _train(self, name: str) -> dict[str, Any]:
        networks = self._networks
        extracted = networks.seconds.get("features", 0.0), networks.processor_seconds.get("features", 0.0)
        repeat = self._folder != self._settings.out
        watch = self._screen.watch(f"{name}, seed {self._settings.seed}" if repeat else name, self._settings.epochs)
        model = self._models[name] = networks.train(name, self._folder / f"{name}.keras", watch)
        _write_history(self._folder / "histories" / f"{name}.csv", networks.histories[name])
        by_split = {split: networks.predict({name: model}, split)[name] for split in SPLITS}
        _save_predictions(self._folder, name, by_split)
        return {
            "train_seconds": networks.seconds[name],
            "feature_seconds": networks.seconds.get("features", 0.0) - extracted[0],
            "train_processor_seconds": networks.processor_seconds[name],
            "feature_processor_seconds": networks.processor_seconds.get("features", 0.0) - extracted[1],
            "epochs": networks.epochs[name],
            "ms_per_image": ms_per_image(model, self._images.splits["valid"].x),
            "weights_used": str(getattr(self._backbone, "weights_used", self._settings.backbones[0][1])),
            "backbone_fingerprint": networks.fingerprint,
        }

    def _combine(
        self, place: int, rule: Rule, members: Mapping[str, PredictionSet], records: Mapping[str, Mapping[str, Any]]
    ) -> dict[str, Any]:
        def build() -> dict[str, Any]:
            if rule.trained:
                start_tensorflow(self._settings)
            seed = self._settings.seed + 10 + place
            combined = combine_rule(rule, self._registry, members, self._folder, seed, self._screen.log)
            _save_predictions(self._folder, rule.name, combined.predictions)
            epochs = {}
            if combined.history:
                _write_history(self._folder / "histories" / f"{rule.name}.csv", combined.history)
                epochs = {"epochs": len(combined.history["loss"])}
            latency = sum(records[name]["ms_per_image"] for name in MEMBERS)
            return {"train_seconds": combined.seconds, "ms_per_image": latency, **epochs}

        model = [f"{rule.name}.keras", f"histories/{rule.name}.csv"] if rule.trained else []
        needs = [file for name in MEMBERS for file in prediction_files(name)]
        return self._pieces.make(rule.name, model + prediction_files(rule.name), build, needs=needs)

    def _resample(self, name: str, records: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
        def build() -> dict[str, Any]:
            technique = next(key for key, row in ROWS.items() if row == name)
            predictions, seconds = fit_resampled(
                technique, self._registry, self._settings, self._networks, self._images
            )
            _save_predictions(self._folder, name, predictions)
            # The heads cost next to nothing beside the backbone, which runs once.
            return {"train_seconds": seconds, "ms_per_image": records[FIRST]["ms_per_image"]}

        return self._pieces.make(name, prediction_files(name), build)

    def _check(self) -> dict[str, Any]:
        missing = [name for name in NETWORKS if name not in self._models]
        if missing:
            start_tensorflow(self._settings)
            import keras

            for name in missing:
                self._models[name] = keras.models.load_model(self._folder / f"{name}.keras")
        answers = check_compatible({name: self._models[name] for name in NETWORKS})
        wrong = [answer for answer in answers if answer.ok is False]
        # The study's own precautions ask for pixels from 0 to 1: there this is no departure from them.
        own = [answer for answer in wrong if answer.check == "rescaling" and self._settings.preprocessing == "study"]
        return {
            "complaints": [answer.sentence for answer in wrong if answer not in own],
            "remarks": [f"As the study asks, pixels are scaled to 0 to 1. {answer.sentence}" for answer in own],
        }

    @functools.cached_property
    def _backbone(self) -> Any:
        return create_backbone(self._registry, self._settings, *self._settings.backbones[0])

    @functools.cached_property
    def _networks(self) -> Networks:
        start_tensorflow(self._settings)
        screen = self._screen
        networks = Networks(
            self._registry, self._settings, self._backbone, self._images, log=screen.log, count=screen.count
        )
        for name in NETWORKS:
            earlier = self._pieces.recorded(name)
            if earlier and earlier.get("backbone_fingerprint") != networks.fingerprint:
                raise InvalidOptionError(
                    f"--resume must go on with the backbone that {name} in {str(self._folder)!r} was trained on; the "
                    f"weights of {self._settings.backbones[0][0]!r} are others now. Put them back, or choose another "
                    "--out, or give --overwrite to start anew."
                )
        return networks


def start_tensorflow(settings: Settings) -> None:
    """Import TensorFlow without its start-up messages."""
    with quiet_tensorflow():
        import keras  # noqa: F401 - prints its own start-up messages
        import tensorflow as tf

        tf.get_logger().setLevel("ERROR")  # its warnings are for its developers: how often it traced a function
        if settings.deterministic:
            tf.config.experimental.enable_op_determinism()


def _write_history(path: Path, history: Mapping[str, list[float]]) -> None:
    import pandas as pd

    from ensemblekit.report import to_csv

    columns = ("loss", "accuracy", "val_loss", "val_accuracy")
    table = pd.DataFrame({"epoch": range(1, len(history["loss"]) + 1), **{name: history[name] for name in columns}})
    to_csv(table, path)
