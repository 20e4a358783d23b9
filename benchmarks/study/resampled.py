"""``ensemble_bagging`` and ``ensemble_boosting``: the study names both techniques, but trains neither."""

from __future__ import annotations

import time
from typing import Any

from ensemblekit import Predictions
from ensemblekit.registry import Registry

from .images import SPLITS, Images
from .models import FIRST, build_head, compile_model
from .networks import Networks
from .settings import Settings

N_HEADS = 10
EPOCHS = 20
ROWS = {"bagging": "ensemble_bagging", "boosting": "ensemble_boosting"}
"""Technique -> its row of the table."""


def fit_resampled(
    technique: str, registry: Registry, settings: Settings, networks: Networks, images: Images
) -> tuple[dict[str, Predictions], float]:
    """Train ten heads of the transfer model on the features of the training images, as they are, for 20 epochs each.

    Bagging trains each on a bootstrap sample of the images, and averages them. Boosting trains them one after the
    other: images that those before had wrong weigh more (SAMME). Returns the predictions by split, and the seconds.
    """
    import keras
    from sklearn.ensemble import AdaBoostClassifier, BaggingClassifier

    from ensemblekit import KerasClassifier

    x = {split: networks.features(split) for split in SPLITS}
    start = time.perf_counter()
    net = compile_model(build_head(FIRST, registry, settings, x["train"].shape[-1], len(images.classes)))
    head = KerasClassifier(net, epochs=EPOCHS, batch_size=settings.batch)
    kinds: dict[str, Any] = {"bagging": BaggingClassifier, "boosting": AdaBoostClassifier}
    keras.utils.set_random_seed(settings.seed + 30 + list(ROWS).index(technique))
    model = kinds[technique](head, n_estimators=N_HEADS, random_state=settings.seed).fit(
        x["train"], images.codes("train")
    )
    seconds = time.perf_counter() - start
    predictions = {
        split: Predictions(
            model.predict_proba(x[split]),
            ids=images.splits[split].ids,
            classes=images.classes,
            labels=images.splits[split].labels,
            split=split,
            member=ROWS[technique],
            fit_ids=images.splits["train"].ids,
        )
        for split in SPLITS
    }
    return predictions, seconds
