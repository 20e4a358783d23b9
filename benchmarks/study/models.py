"""The study's three networks: built from plugins, trained with its callbacks, saved, reloaded."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

from ensemblekit import Registry, build_classifier
from ensemblekit.files import atomic_path

from .images import Images
from .settings import PATIENCE, Settings

__all__ = ["build_chained_model", "build_first_model", "build_second_model", "create_backbone", "train"]


def create_backbone(registry: Registry, settings: Settings) -> Any:
    """Make the pretrained backbone of the transfer model and of the chained one."""
    options: dict[str, Any] = {} if settings.weights is None else {"weights": settings.weights}
    if "preprocessing" in inspect.signature(registry.backbones[settings.backbone]).parameters:
        options["preprocessing"] = settings.preprocessing
    return registry.create_backbone(settings.backbone, **options)


def build_first_model(registry: Registry, settings: Settings, backbone: Any, n_classes: int) -> Any:
    """Build the transfer model."""
    return _classifier(backbone, registry.create_head("classifier_head"), settings, n_classes, "first_model", 1)


def build_second_model(registry: Registry, settings: Settings, n_classes: int) -> Any:
    """Build the study's own convolutional network."""
    head = registry.create_head("classifier_head", dense_units=128, batch_normalization=False)
    return _classifier(registry.create_backbone("custom_cnn"), head, settings, n_classes, "second_model", 2)


def build_chained_model(registry: Registry, settings: Settings, backbone: Any, n_classes: int) -> Any:
    """Chain a first model, up to its features, with a second head; as in the study, neither is trained before."""
    first = _classifier(backbone, registry.create_head("classifier_head"), settings, n_classes, "chained_model", 3)
    head = registry.create_head("classifier_head", dense_units=256, batch_normalization=False)
    return registry.create_chainer("chained").chain(first, head)


def train(model: Any, images: Images, settings: Settings, path: Path, watch: Any) -> Any:
    """Train a model with the study's callbacks, keep its best epoch in a file, and give back what the file holds."""
    import keras

    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    best = {"monitor": "val_accuracy", "mode": "max"}
    with atomic_path(path) as partial:
        model.fit(
            images.splits["train"].x,
            images.codes("train"),
            validation_data=(images.splits["valid"].x, images.codes("valid")),
            epochs=settings.epochs,
            batch_size=settings.batch_size,
            callbacks=[
                keras.callbacks.EarlyStopping(patience=PATIENCE, restore_best_weights=True, **best),
                keras.callbacks.ModelCheckpoint(partial, save_best_only=True, **best),
                watch,
            ],
            verbose=0,
        )
    return keras.models.load_model(path)


def _classifier(backbone: Any, head: Any, settings: Settings, n_classes: int, name: str, offset: int) -> Any:
    import keras

    keras.utils.set_random_seed(settings.seed + offset)
    augmentation = [
        keras.layers.RandomFlip("horizontal"),
        keras.layers.RandomRotation(0.2),
        keras.layers.RandomZoom(0.2),
    ]
    shape = (settings.image_size, settings.image_size, 3)
    return build_classifier(
        backbone, head, input_shape=shape, n_classes=n_classes, augmentation=augmentation, name=name
    )
