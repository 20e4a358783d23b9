"""One network of the CT images by each way to have fewer models, and what each costs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ensemblekit import Predictions, collect, combine, image_folder
from ensemblekit.assembly import import_keras
from ensemblekit.compressing import distil, soup
from ensemblekit.evaluation import paired_bootstrap, score_table
from ensemblekit.implicit import dropout_members, keep_snapshots, with_views

from .images import BACKBONES, Rows, find_data, make_backbone, seconds_per_image

SMALL, LARGE = "mobilenet_96", ("mobilenet_224", "resnet_224")
N_MEMBERS, N_DRAWS = 5, 20
EPOCHS, FINE_EPOCHS = 30, 10
ONE = "one network"


@dataclass
class Study:
    """Rows by split, heads that are trained on them, and the predictions of the test rows.

    Attributes
    ----------
    rows : Rows
        Features of all images.
    data : Path
        Folder of the CT images and weights.
    seed : int
        Of starts and orders.
    say : callable
        Told what is done.
    found : dict of str to (int, int, float, Predictions)
        Way -> number of heads, number of passes through a backbone, its seconds for an image, predictions.
    """

    rows: Rows
    data: Path
    seed: int
    say: Callable[[str], None]
    found: dict[str, tuple[int, int, float, Predictions]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.keras: Any = import_keras("fewer_models")
        self.classes: list[str] = sorted({*self.rows.labels.tolist()})
        weights = find_data(self.data)[1]
        self.seconds = {name: seconds_per_image(name, weights) for name in (SMALL, *LARGE)}
        self.large = np.concatenate([self.rows.features[name] for name in LARGE], axis=1)

    def part(self, split: str, features: Any = None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Take ids, features and labels of a split."""
        rows = np.array([str(one).startswith(f"{split}/") for one in self.rows.ids])
        x = self.rows.features[SMALL] if features is None else features
        return self.rows.ids[rows], x[rows], self.rows.labels[rows]

    def start(self, seed: int, width: int) -> Any:
        """Make a head that is not trained."""
        keras = self.keras
        keras.utils.set_random_seed(1000 * self.seed + seed)
        hidden = [keras.layers.Dense(64, "relu"), keras.layers.Dropout(0.5)]
        return keras.Sequential([keras.Input((width,)), *hidden, keras.layers.Dense(len(self.classes), "softmax")])

    def train(self, model: Any, seed: int, epochs: int, features: Any = None, callbacks: Any = ()) -> Any:
        """Train a head on the training rows, in an order of its own."""
        self.keras.utils.set_random_seed(1000 * self.seed + 500 + seed)
        _, x, labels = self.part("train", features)
        codes = np.searchsorted(self.classes, labels)
        model.compile(self.keras.optimizers.Adam(1e-3), "sparse_categorical_crossentropy")
        model.fit(x, codes, epochs=epochs, batch_size=32, verbose=0, callbacks=list(callbacks))
        return model

    def judge(self, way: str, models: Mapping[str, Any], *, passes: int = 1, features: Any = None) -> None:
        """Predict the test rows by the mean of some heads."""
        ids, x, labels = self.part("test", features)
        predicted = combine(collect(dict(models), (ids, x, labels), classes=self.classes, batch_size=128), "mean")
        seconds = self.seconds[SMALL] if features is None else sum(self.seconds[name] for name in LARGE)
        self.found[way] = len(models), passes, passes * seconds, predicted

    def run(self) -> None:
        """Train and judge all ways."""
        keras, width = self.keras, self.rows.features[SMALL].shape[1]
        self.say("networks of different starts")
        apart = {f"start {k}": self.train(self.start(k, width), k, EPOCHS) for k in range(N_MEMBERS)}
        one = apart["start 0"]
        self.judge(ONE, {"one": one})
        self.judge(f"{N_MEMBERS} networks, mean", apart)
        self.judge("soup of different starts", {"soup": soup(apart).model})
        self.say("networks of one start")
        common = self.train(self.start(0, width), 0, EPOCHS - FINE_EPOCHS)
        fine: dict[str, Any] = {}
        for k in range(N_MEMBERS):
            copied = keras.models.clone_model(common)
            copied.set_weights(common.get_weights())
            fine[f"order {k}"] = self.train(copied, k, FINE_EPOCHS)
        self.judge(f"{N_MEMBERS} of one start, mean", fine)
        self.judge("soup of one start", {"soup": soup(fine).model})
        greedy = soup(fine, greedy_on=self.part("valid"), classes=self.classes)
        self.judge(f"greedy soup, {len(greedy.members)} of {N_MEMBERS}", {"soup": greedy.model})
        self.say("snapshots and dropout")
        snapshots = keep_snapshots(last=N_MEMBERS)
        self.train(self.start(0, width), 0, EPOCHS, callbacks=[snapshots])
        self.judge(f"last {N_MEMBERS} epochs, mean", snapshots.members())
        self.judge(f"last {N_MEMBERS} epochs, soup", {"soup": soup(snapshots.members()).model})
        self.judge(f"{N_DRAWS} dropout members, mean", dropout_members(one, N_DRAWS))
        self.say("students")
        ids, x, labels = self.part("train")
        taught = {"label_weight": 0.5, "temperature": 2.0, "epochs": EPOCHS, "classes": self.classes}
        self.judge("student of the 5", {"student": distil(apart, self.start(0, width), (ids, x, labels), **taught)})
        large = {
            f"large {k}": self.train(self.start(k, self.large.shape[1]), k, EPOCHS, self.large)
            for k in range(N_MEMBERS)
        }
        self.judge(f"{N_MEMBERS} large networks, mean", large, features=self.large)
        teacher = combine(collect(large, self.part("train", self.large)[:2], classes=self.classes), "mean")
        student = distil(teacher, self.start(0, width), (ids, x, labels), **taught)
        self.judge(f"student of the {N_MEMBERS} large", {"student": student})
        self.say("views")
        self._views(one)

    def _views(self, head: Any) -> None:
        images, weights = find_data(self.data)
        size = BACKBONES[SMALL]
        backbone = make_backbone(SMALL, weights).build((size, size, 3))
        pixels = self.keras.Input((size, size, 3))
        whole = self.keras.Model(pixels, head(backbone(pixels)))
        folder = image_folder(images / "test", size=(size, size))
        ids, _, labels = self.part("test")
        kinds = {"2 views, flip": (2, {}), "10 views, flip and shifts": (10, {"shifts": 4})}
        for way, (n_views, options) in kinds.items():
            views = with_views(whole, **options)
            x = folder.load()[1]
            probas = views.predict(x, batch_size=8, verbose=0)
            known = dict(zip(ids.tolist(), labels.tolist(), strict=True))
            truth = [known[one] for one in folder.ids.tolist()]
            predicted = Predictions(probas, ids=folder.ids, classes=self.classes, labels=truth)
            self.found[way] = 1, n_views, n_views * self.seconds[SMALL], predicted.take(ids)

    def table(self) -> pd.DataFrame:
        """Make one row for each way, with intervals over the test rows."""
        scores = score_table(
            {way: predicted for way, (*_, predicted) in self.found.items()},
            metrics=["accuracy", "log_loss"], seed=self.seed,
        )  # fmt: skip
        one = self.found[ONE]
        rows: list[dict[str, Any]] = []
        for way, (members, passes, seconds, predicted) in self.found.items():
            own: Any = scores[scores["model"] == way].set_index("metric")
            row = {
                "way": way,
                "heads": members,
                "passes": passes,
                "cost of backbones": f"{seconds / one[2]:.1f}",
                "accuracy": _interval(own.loc["accuracy"], "value"),
                "log loss": f"{own.loc['log_loss', 'value']:.3f}",
                "accuracy above one network": "",
            }
            if way != ONE:
                change: Any = paired_bootstrap(predicted, one[3], metrics=("accuracy",), seed=self.seed).iloc[0]
                row["accuracy above one network"] = _interval(change, "difference")
            rows.append(row)
        return pd.DataFrame(rows)

    def sentence(self) -> str:
        """Say which ways are shown to help, and which are not."""
        better: list[str] = []
        worse: list[str] = []
        for way, (*_, predicted) in self.found.items():
            if way == ONE:
                continue
            change: Any = paired_bootstrap(predicted, self.found[ONE][3], metrics=("accuracy",), seed=self.seed).iloc[0]
            better += [way] if change["low"] > 0 else []
            worse += [way] if change["high"] < 0 else []
        helped = (
            f"more accurate than one network: {'; '.join(better)}" if better else "none is shown to be more accurate"
        )
        harmed = f" Less accurate: {'; '.join(worse)}." if worse else ""
        return f"On {len(self.found[ONE][3])} test images, {helped}.{harmed} For the others these images do not tell."


def _interval(row: Any, value: str) -> str:
    return f"{row[value]:.3f} ({row['low']:.3f} to {row['high']:.3f})"
