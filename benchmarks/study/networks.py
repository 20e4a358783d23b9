"""Training the study's networks fast: on features from the bank, and on views that are drawn once."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from ensemblekit import Predictions, PredictionSet, as_member, collect
from ensemblekit.errors import CompatibilityError
from ensemblekit.features import AffineViews, FeatureBank, extract_features, image_keys
from ensemblekit.files import atomic_path
from ensemblekit.registry import Registry

from .images import Images
from .models import (
    EXTRACT_BATCH,
    SECOND,
    assemble,
    best_epoch,
    build_first,
    build_fresh,
    build_head,
    build_second_model,
    compile_model,
    in_bfloat16,
    multiplies_bfloat16,
    set_seed,
    train_fresh,
)
from .settings import Settings

TOLERANCE = 1e-3
"""Largest difference allowed between a probability of the whole model and that of its head on banked features."""
FEW = 8


class Networks:
    """Trains the networks of one run and predicts with them. None depends on whether another was trained before it.

    ``log`` is called with sentences, ``count`` with what is being done, how much is done, how much there is, and
    ``unit``. ``seconds`` and ``processor_seconds`` are the time taken so far by ``features`` and by each network: by
    the clock, and of all threads together. ``histories`` has losses and accuracies by network, one value an epoch.
    """

    def __init__(
        self,
        registry: Registry,
        settings: Settings,
        backbone: Any,
        images: Images,
        *,
        log: Callable[[str], None],
        count: Callable[..., None],
    ) -> None:
        self.seconds: dict[str, float] = {}
        self.processor_seconds: dict[str, float] = {}
        self.histories: dict[str, dict[str, list[float]]] = {}
        self._registry, self._settings, self._backbone, self._images = registry, settings, backbone, images
        self._log, self._count = log, count
        self._n_classes = len(images.classes)
        self._bank = FeatureBank(settings.bank)
        self._views = AffineViews(seed=settings.seed)
        self._keys: dict[str, np.ndarray] = {}
        self._features: dict[tuple[str, bool], np.ndarray] = {}
        self._heads: dict[str, Any] = {}
        build_first(backbone, settings)  # here, so that the order of training does not matter
        self.fingerprint: str = backbone.fingerprint

    @property
    def epochs(self) -> dict[str, int]:
        """Number of epochs run, by network."""
        return {name: len(history["loss"]) for name, history in self.histories.items()}

    def train(self, name: str, path: Path, watch: Any) -> Any:
        """Train one network from its own seed and save its best epoch; return the model as the file holds it.

        The model takes raw pixels, contains the augmentation, and returns probabilities. ``watch`` is a Keras callback.
        """
        if self._settings.n_views is None:
            return self._train_fresh(name, path, watch)
        if name == SECOND:
            return self._train_on_views(path, watch)
        try:
            self._extract("train", views=True)
        except CompatibilityError as error:
            self._log(f"{name} sees a new view of every image at each epoch: {error}")
            return self._train_fresh(name, path, watch)
        return self._train_on_features(name, path, watch)

    def predict(self, models: Mapping[str, Any], split: str) -> PredictionSet:
        """Predict a split with trained networks; those that were trained on features are not run on pixels again."""
        samples, classes = self._images.splits[split], self._images.classes
        fitted = self._images.splits["train"].ids
        members: list[Any] = []
        for name, model in models.items():
            if name in self._heads:
                probas = self._heads[name].predict(self._extract(split), batch_size=256, verbose=0)
                model = Predictions(probas, ids=samples.ids, classes=classes, member=name, fit_ids=fitted)
                members.append((name, model))
            else:
                members.append(as_member(model, name=name, classes=classes, fit_ids=fitted))
        return collect(
            members,
            (samples.ids, samples.x, samples.labels),
            split=split,
            batch_size=64,
            progress=lambda done, total: self._count(f"predict {split}", done, total, unit="images"),
        )

    def features(self, split: str) -> np.ndarray:
        """Return the features of the images of a split, as they are; refuses a backbone that is not frozen."""
        return self._extract(split)

    def _train_fresh(self, name: str, path: Path, watch: Any) -> Any:
        with self._timed(name):
            model = build_fresh(name, self._registry, self._settings, self._backbone, self._n_classes)
            model, history = train_fresh(model, self._images, self._settings, path, watch)
            self.histories[name] = history.history
        return model

    def _train_on_features(self, name: str, path: Path, watch: Any) -> Any:
        views, valid = self._extract("train", views=True), self._extract("valid")
        with self._timed(name):
            head = build_head(name, self._registry, self._settings, views.shape[-1], self._n_classes)
            self._fit(name, head, views, valid, watch)
            whole = assemble(name, _Built(head), self._settings, self._backbone, self._n_classes)
            expected = np.asarray(head(valid[:FEW], training=False))
            pixels = self._images.splits["valid"].x[:FEW]
            with atomic_path(path) as partial:
                model, got = _saved(whole, partial, pixels)
                apart = float(np.abs(got - expected).max())
                if not apart <= TOLERANCE:
                    raise CompatibilityError(
                        f"{name} must predict from pixels what its head predicts from banked features; they are "
                        f"{apart:.1g} apart. The backbone {self._backbone.name!r} is another one each time it is "
                        "built, under one fingerprint: mend it, or give --views fresh."
                    )
            self._log(f"{name}: from pixels and from banked features it predicts the same, up to {apart:.0e}")
        self._heads[name] = head
        return model

    def _train_on_views(self, path: Path, watch: Any) -> Any:
        train, keys = self._images.splits["train"], self._hashed("train")

        def draw(view: int) -> np.ndarray:
            drawn = self._views.draw(train.x, keys, view)
            return np.rint(drawn, out=drawn).astype(np.uint8)

        with self._timed(SECOND):
            set_seed(SECOND, self._settings)
            net = build_second_model(self._registry, self._settings, self._n_classes, augmented=False)
            if self._settings.precision == "bfloat16" or (self._settings.precision == "auto" and multiplies_bfloat16()):
                net = in_bfloat16(net)
            self._fit(SECOND, net, draw, self._images.splits["valid"].x, watch)
            whole = build_second_model(self._registry, self._settings, self._n_classes)
            whole.set_weights(net.get_weights())
            with atomic_path(path) as partial:
                model, _ = _saved(whole, partial, self._images.splits["valid"].x[:FEW])
        return model

    def _fit(self, name: str, model: Any, views: Any, valid: np.ndarray, watch: Any) -> None:
        from ensemblekit.features import ViewCycle  # imports Keras, whose start-up messages are suppressed by then

        data = ViewCycle(
            views,
            self._images.codes("train"),
            n_views=self._settings.n_views if callable(views) else None,
            batch_size=self._settings.batch,
            seed=self._settings.seed,
        )
        compile_model(model)
        history = model.fit(
            data,
            validation_data=(valid, self._images.codes("valid")),
            epochs=self._settings.epochs,
            shuffle=False,
            callbacks=[best_epoch(), watch],
            verbose=0,
        )
        self.histories[name] = history.history

    def _extract(self, split: str, *, views: bool = False) -> np.ndarray:
        if (split, views) not in self._features:
            what = f"features of {split}"
            with self._timed("features"):
                self._features[split, views] = extract_features(
                    self._backbone,
                    self._images.splits[split].x,
                    augmentation=self._views if views else None,
                    n_views=self._settings.n_views if views else None,
                    bank=self._bank,
                    batch_size=EXTRACT_BATCH,
                    keys=self._hashed(split),
                    progress=lambda done, total: self._count(what, done, total, unit="images"),
                )
        return self._features[split, views]

    def _hashed(self, split: str) -> np.ndarray:
        if split not in self._keys:
            self._keys[split] = image_keys(self._images.splits[split].x)
        return self._keys[split]

    @contextmanager
    def _timed(self, what: str) -> Generator[None]:
        start, busy = time.perf_counter(), time.process_time()
        try:
            yield
        finally:
            self.seconds[what] = self.seconds.get(what, 0.0) + time.perf_counter() - start
            self.processor_seconds[what] = self.processor_seconds.get(what, 0.0) + time.process_time() - busy


class _Built:
    """A head that returns a model built earlier."""

    def __init__(self, model: Any) -> None:
        self._model = model

    def build(self, feature_shape: tuple[int, ...], n_classes: int) -> Any:
        return self._model


def _saved(model: Any, path: Path, pixels: np.ndarray) -> tuple[Any, np.ndarray]:
    """Save a model with a new optimizer, load it, and predict a few images."""
    import keras

    compile_model(model).optimizer.build(model.trainable_variables)
    model.save(path)
    read = keras.models.load_model(path)
    return read, np.asarray(read(pixels, training=False))
