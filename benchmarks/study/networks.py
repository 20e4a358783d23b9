"""The study's networks trained fast: on banked features, and on views that are drawn once."""

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
    seed,
    train_fresh,
)
from .precision import in_bfloat16, multiplies_bfloat16
from .settings import Settings

__all__ = ["Networks"]

TOLERANCE = 1e-3
"""How far a probability of the whole model may lie from that of its head on banked features."""
FEW = 8


class Networks:
    """Trains and asks the networks of one run. No network depends on whether another was trained before it.

    Parameters
    ----------
    registry : Registry
        Where their parts are.
    settings : Settings
        The recipe. Without ``views`` everything is done as in the study.
    backbone : Backbone
        Of the transfer model and the chained one.
    images : Images
        All splits.
    say : callable
        Called with sentences.
    count : callable
        Called with what is done, how much of it, how much there is, and ``unit``.

    Attributes
    ----------
    seconds, processor_seconds : dict of str to float
        What took how long so far, ``features`` and the name of each network: by the clock, and of all threads together.
    histories : dict of str to dict
        By network: ``loss``, ``accuracy``, ``val_loss`` and ``val_accuracy``, each with one value an epoch.
    """

    def __init__(
        self,
        registry: Registry,
        settings: Settings,
        backbone: Any,
        images: Images,
        *,
        say: Callable[[str], None],
        count: Callable[..., None],
    ) -> None:
        self.seconds: dict[str, float] = {}
        self.processor_seconds: dict[str, float] = {}
        self.histories: dict[str, dict[str, list[float]]] = {}
        self._registry, self._settings, self._backbone, self._images = registry, settings, backbone, images
        self._say, self._count = say, count
        self._n_classes = len(images.classes)
        self._bank = FeatureBank(settings.bank)
        self._views = AffineViews(seed=settings.seed)
        self._keys: dict[str, np.ndarray] = {}
        self._features: dict[tuple[str, bool], np.ndarray] = {}
        self._heads: dict[str, Any] = {}
        build_first(backbone, settings)  # here, whatever is trained first
        self.fingerprint: str = backbone.fingerprint

    @property
    def epochs(self) -> dict[str, int]:
        """Epochs run, by network."""
        return {name: len(history["loss"]) for name, history in self.histories.items()}

    def train(self, name: str, path: Path, watch: Any) -> Any:
        """Train one network, from its own seed, keep it in a file, and give back what the file holds.

        Parameters
        ----------
        name : {"first_model", "second_model", "chained_model"}
            Which.
        path : Path
            The file; it appears whole or not at all.
        watch : keras.callbacks.Callback
            Told of each epoch.

        Returns
        -------
        keras.Model
            Of its best epoch: raw pixels in, probabilities out, the augmentation inside.
        """
        if self._settings.views is None:
            return self._train_fresh(name, path, watch)
        if name == SECOND:
            return self._train_on_views(path, watch)
        try:
            self._extract("train", views=True)
        except CompatibilityError as error:
            self._say(f"{name} sees a new view of every image at each epoch: {error}")
            return self._train_fresh(name, path, watch)
        return self._train_on_features(name, path, watch)

    def predict(self, models: Mapping[str, Any], split: str) -> PredictionSet:
        """Ask networks for the probabilities of a split; those that were trained on features are not run again.

        Parameters
        ----------
        models : mapping of str to keras.Model
            What `train` gave.
        split : str
            Which images.

        Returns
        -------
        PredictionSet
            Labelled, by id.
        """
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
                        f"{apart:.1g} apart. The backbone {self._settings.backbone!r} is another one each time it is "
                        "built, under one fingerprint: mend it, or give --views fresh."
                    )
            self._say(f"{name}: from pixels and from banked features it predicts the same, up to {apart:.0e}")
        self._heads[name] = head
        return model

    def _train_on_views(self, path: Path, watch: Any) -> Any:
        train, keys = self._images.splits["train"], self._hashed("train")

        def draw(view: int) -> np.ndarray:
            drawn = self._views.draw(train.x, keys, view)
            return np.rint(drawn, out=drawn).astype(np.uint8)

        with self._timed(SECOND):
            seed(SECOND, self._settings)
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
        from ensemblekit.features import ViewCycle  # imports Keras, whose start-up lines are to be lost

        data = ViewCycle(
            views,
            self._images.codes("train"),
            n_views=self._settings.views if callable(views) else None,
            batch_size=self._settings.batch_size,
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
                    n_views=self._settings.views if views else None,
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
    """A head that is built already."""

    def __init__(self, model: Any) -> None:
        self._model = model

    def build(self, feature_shape: tuple[int, ...], n_classes: int) -> Any:
        return self._model


def _saved(model: Any, path: Path, pixels: np.ndarray) -> tuple[Any, np.ndarray]:
    """Write a model with an optimizer that is at its start, read it, and ask it for a few images."""
    import keras

    compile_model(model).optimizer.build(model.trainable_variables)
    model.save(path)
    read = keras.models.load_model(path)
    return read, np.asarray(read(pixels, training=False))
