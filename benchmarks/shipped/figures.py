"""The study's networks, fused with several rules: differences and seconds. Nothing is printed here."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ensemblekit import Predictions, combine, export_fused, fit_combiner, fuse
from ensemblekit.combining.asked import ask
from ensemblekit.data import read_image
from ensemblekit.fusion import Exported

NETWORKS = ("first_model", "second_model", "chained_model")
RULES = ("mean", "weighted", "geometric_mean", "voting", "stacking")
SHARED = ("first_model", "chained_model")
"""These two share the frozen backbone."""


@dataclass(frozen=True)
class Study:
    """Trained networks, their predictions of the validation images, and the test images."""

    members: list[tuple[str, Any]]
    valid: list[Predictions]
    images: np.ndarray
    classes: tuple[Hashable, ...]


def load_study(out: Path, data: Path) -> Study:
    """Load the networks and predictions that ``ctscan.py`` has saved, and read its test images."""
    import keras

    members = [(name, keras.models.load_model(out / f"{name}.keras", compile=False)) for name in NETWORKS]
    valid = [Predictions.load(out / "predictions" / f"{name}.valid.parquet") for name in NETWORKS]
    test = Predictions.load(out / "predictions" / f"{NETWORKS[0]}.test.parquet")
    side = members[0][1].input_shape[1:3]
    images = np.stack([read_image(data / name, size=side) for name in test.ids.tolist()])
    return Study(members, valid, images.astype(np.float32), test.classes)


def rule(study: Study, name: str) -> Any:
    """Make a combiner, fitted on the validation images where it learns."""
    asked = ask(name)
    return fit_combiner(study.valid, asked.combiner) if asked.learns else asked.combiner


def export_all(study: Study, folder: Path) -> dict[str, list[Exported]]:
    """Write each rule's model in each format; measure its difference from the separate networks, and refuse none."""
    return {
        name: export_fused(
            study.members,
            rule(study, name),
            to=[folder / f"{name}.keras", folder / f"{name}.onnx", folder / name],
            inputs=study.images,
            classes=study.classes,
            tolerance=1.0,
        )
        for name in RULES
    }


def files_table(files: dict[str, list[Exported]]) -> pd.DataFrame:
    """Make a table of the largest differences and the sizes."""
    rows = [
        {"rule": name, **{e.format: f"{e.max_difference:.1e}" for e in kept}}
        | {"keras, MB": round(kept[0].n_bytes / 1e6, 1), "onnx, MB": round(kept[1].n_bytes / 1e6, 1)}
        for name, kept in files.items()
    ]
    return pd.DataFrame(rows)


def time_ways(study: Study, rounds: int) -> dict[str, float]:
    """Return the median seconds of one image in several ways, timed in turn: other load slows all of them alike."""
    image = study.images[:1]
    ways: dict[str, Callable[[], Any]] = {"each predict, NumPy": lambda: _apart(study, study.members, image)}
    for name, model in study.members:
        ways[f"{name}, compiled"] = _compiled(model, image)
    pair = [(name, model) for name, model in study.members if name in SHARED]
    ways["fused, compiled"] = _compiled(fuse(study.members, "mean", classes=study.classes), image)
    ways["fused, shared backbone"] = _compiled(fuse(pair, "mean", classes=study.classes), image)
    alone = [(name, model) for name, model in study.members if name in ("first_model", "second_model")]
    ways["fused, nothing shared"] = _compiled(fuse(alone, "mean", classes=study.classes), image)
    ways["fused, onnxruntime"] = _in_onnxruntime(study, image)
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    for run in ways.values():
        run()
    for _ in range(rounds):
        for way, run in ways.items():
            start = time.perf_counter()
            run()
            seconds[way].append(time.perf_counter() - start)
    return {way: statistics.median(taken) for way, taken in seconds.items()}


def _apart(study: Study, members: list[tuple[str, Any]], image: np.ndarray) -> np.ndarray:
    predictions = [
        Predictions(model.predict(image, verbose=0), ids=[0], classes=study.classes, member=name)
        for name, model in members
    ]
    return combine(predictions, "mean").probas


def _in_onnxruntime(study: Study, image: np.ndarray) -> Callable[[], Any]:
    import tempfile

    import onnxruntime

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "fused.onnx"
        export_fused(study.members, "mean", classes=study.classes, to=file, inputs=image, tolerance=1.0)
        session = onnxruntime.InferenceSession(file.read_bytes())
    name = session.get_inputs()[0].name
    return lambda: session.run(None, {name: image})


def _compiled(model: Any, image: np.ndarray) -> Callable[[], Any]:
    import tensorflow as tf

    given = tf.constant(image)
    call = tf.function(lambda x: model(x, training=False)).get_concrete_function(given)
    return lambda: call(given).numpy()


def times_table(times: dict[str, float]) -> pd.DataFrame:
    """Make a table of milliseconds."""
    rows = [{"way": way, "ms": round(seconds * 1000, 2)} for way, seconds in times.items()]
    return pd.DataFrame(rows)


def promises(files: dict[str, list[Exported]], times: dict[str, float]) -> list[tuple[str, bool]]:
    """Return each promise with its figure as a sentence, and whether it is kept."""
    worst = max(kept.max_difference for of_rule in files.values() for kept in of_rule)
    apart = times["each predict, NumPy"] / times["fused, compiled"]
    compiled = {name: times[f"{name}, compiled"] for name in NETWORKS}
    own = sum(compiled.values()) / times["fused, compiled"]
    alone = times["fused, nothing shared"] / (compiled["first_model"] + compiled["second_model"])
    shared = times["fused, shared backbone"] / sum(compiled[name] for name in SHARED)
    return [
        (f"largest difference of a probability {worst:.1e} (at most 1e-05)", worst <= 1e-5),
        (
            f"each predict and NumPy take {apart:.1f} times as long as the fused model (at least 10); the members' own "
            f"compiled calls, one after another, take {own:.1f} times as long",
            apart >= 10,
        ),
        (
            f"fused takes {alone:.2f} of its members' compiled calls where nothing is shared (at most 1.05)",
            alone <= 1.05,
        ),
        (f"and {shared:.2f} of them where two share the backbone (at most 0.6)", shared <= 0.6),
    ]
