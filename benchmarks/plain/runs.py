"""Both ways run and timed: the plain recipe in this process, ours as its own command.

Times are seconds of the clock, or with ``processor`` those of the processor, all threads together.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ensemblekit import EnsembleKitError

ENSEMBLE_EPOCHS = 100
CTSCAN = Path(__file__).resolve().parent.parent / "ctscan.py"


@dataclass
class Ours:
    """One run of ``ctscan.py``."""

    whole: float
    seconds: dict[str, float]
    epochs: dict[str, int]
    validation: dict[str, float]
    """Accuracy by row."""
    n_validation: int

    @property
    def frozen(self) -> float:
        """Seconds of the features of all splits, and of both networks on them."""
        return sum(self.seconds.get(name, 0.0) for name in ("features", "first_model", "chained_model"))


@dataclass
class Plain:
    """The plain recipe: run to its end, or a few epochs of it."""

    epoch: dict[str, float] = field(default_factory=dict[str, float])
    """Seconds per epoch, by network."""
    epochs: dict[str, int] = field(default_factory=dict[str, int])
    """Number of epochs that it ran, or that its time is extrapolated to."""
    predict: dict[str, float] = field(default_factory=dict[str, float])
    """Seconds of predicting all splits, by network."""
    ensembles: float = 0.0
    validation: dict[str, float] = field(default_factory=dict[str, float])

    def seconds(self, name: str) -> float:
        """Return the seconds of training one network."""
        return self.epoch[name] * self.epochs[name]

    @property
    def frozen(self) -> float:
        """Seconds of both networks on the frozen backbone."""
        return sum(self.seconds(name) + self.predict[name] for name in ("first_model", "chained_model"))

    @property
    def whole(self) -> float:
        """Seconds of everything."""
        return sum(map(self.seconds, self.epoch)) + sum(self.predict.values()) + self.ensembles


def run_ours(arguments: list[str], out: Path, *, processor: bool = False) -> Ours:
    """Run ``ctscan.py`` as a process; return the seconds that it recorded, and those of the whole process."""
    now = _busy_children if processor else time.perf_counter
    start = now()
    # The speed that is promised is that of the precision that is fastest on this processor.
    command = [sys.executable, str(CTSCAN), *arguments, "--precision", "auto", "--out", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own program
    whole = now() - start
    if done.returncode:
        raise EnsembleKitError(f"ctscan.py must run to its end; it printed: {(done.stderr or done.stdout).strip()}")
    config = json.loads((out / "config.json").read_text(encoding="utf-8"))
    results = pd.read_csv(out / "results.csv").set_index("Model")
    return Ours(
        whole,
        config["processor_seconds" if processor else "seconds"],
        config["epochs"],
        results["Validation Accuracy"].to_dict(),
        config["data"]["images"]["valid"],
    )


def run_plain(
    recipe: Any,
    epochs: dict[str, int],
    *,
    measured: int,
    whole: bool,
    most: int,
    log: Callable[[str], None],
    processor: bool = False,
) -> Plain:
    """Train the plain networks and predict with them.

    With ``whole`` they train until early stopping, at most ``most`` epochs. Otherwise they train one epoch that is not
    timed and ``measured`` that are, and their time is extrapolated to ``epochs``. ``log`` is called with sentences.
    """
    now = time.process_time if processor else time.perf_counter
    from .recipe import NETWORKS, SPLITS

    plain = Plain()
    predicted: dict[str, list[np.ndarray]] = {split: [] for split in SPLITS}
    labels: dict[str, np.ndarray] = {}
    for name in NETWORKS:
        clock = _clock(now)
        model = recipe.build(name)
        recipe.fit(model, most if whole else measured + 1, clock)
        plain.epoch[name] = float(np.mean(clock.seconds if whole else clock.seconds[1:]))
        plain.epochs[name] = len(clock.seconds) if whole else epochs[name]
        start = now()
        for split in SPLITS:
            probas, labels[split] = recipe.predict(model, split)
            if name != "chained_model":
                predicted[split].append(probas)
            if split == "valid":
                plain.validation[name] = float(np.mean(probas.argmax(axis=1) == labels[split]))
        plain.predict[name] = now() - start
        log(f"plain {name}: {plain.epoch[name]:.1f} s an epoch, {len(clock.seconds)} epochs")
    start = now()
    recipe.ensembles(predicted, labels, ENSEMBLE_EPOCHS)
    plain.ensembles = now() - start
    return plain


def _busy_children() -> float:
    times = os.times()
    return times.children_user + times.children_system


def _clock(now: Callable[[], float]) -> Any:
    import keras

    class Clock(keras.callbacks.Callback):
        """Records the seconds of each epoch, with its validation and checkpoint."""

        def __init__(self) -> None:
            super().__init__()
            self.seconds: list[float] = []

        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            self._start = now()

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            self.seconds.append(now() - self._start)

    return Clock()
