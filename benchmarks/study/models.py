"""The study's three networks: built from plugins, with its augmentation, optimizer and callbacks."""

from __future__ import annotations

import inspect
import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np

from ensemblekit import build_classifier
from ensemblekit.files import atomic_path
from ensemblekit.registry import Registry

from .images import Images
from .settings import PATIENCE, Settings

FIRST, SECOND, CHAINED = NETWORKS = ("first_model", "second_model", "chained_model")

EXTRACT_BATCH = 8
"""Images that a frozen backbone is given at a time: more than fit the caches of a processor are slower."""
LATENCY_BATCH = 32


def create_backbone(registry: Registry, settings: Settings, name: str, weights: str | None) -> Any:
    """Make a pretrained backbone that prepares its input as the preset asks."""
    options: dict[str, Any] = {} if weights is None else {"weights": weights}
    if "preprocessing" in inspect.signature(registry.backbones[name]).parameters:
        options["preprocessing"] = settings.preprocessing
    return registry.create_backbone(name, **options)


def create_classifier_head(registry: Registry, settings: Settings, **options: Any) -> Any:
    """Make a head of the study's, with the penalty that was asked for."""
    return registry.create_head("classifier_head", **options, l2=settings.head_l2 or 0.0)


def build_first(backbone: Any, settings: Settings) -> None:
    """Build a backbone from the seed: one without weights draws them when it is first built, and keeps them."""
    import keras

    keras.utils.set_random_seed(settings.seed)
    backbone.build((settings.image_size, settings.image_size, 3))


def build_fresh(name: str, registry: Registry, settings: Settings, backbone: Any, n_classes: int) -> Any:
    """Build a network that augments its input, so that, as in the study, each epoch sees new views of the images."""
    set_seed(name, settings)
    if name == SECOND:
        return build_second_model(registry, settings, n_classes)
    first = assemble(name, create_classifier_head(registry, settings), settings, backbone, n_classes)
    return first if name == FIRST else registry.create_chainer("chained").chain(first, _second_head(registry, settings))


def build_head(name: str, registry: Registry, settings: Settings, n_features: int, n_classes: int) -> Any:
    """Build what follows the backbone in the transfer model or the chained one: features in, probabilities out.

    The chained model is a first model up to its features and a second head; as in the study, neither is trained before.
    """
    set_seed(name, settings)
    first = create_classifier_head(registry, settings).build((n_features,), n_classes)
    return first if name == FIRST else registry.create_chainer("chained").chain(first, _second_head(registry, settings))


def build_second_model(registry: Registry, settings: Settings, n_classes: int, *, augmented: bool = True) -> Any:
    """Build the study's own convolutional network."""
    head = create_classifier_head(registry, settings, dense_units=128, batch_normalization=False)
    backbone = registry.create_backbone("custom_cnn")
    return assemble(SECOND, head, settings, backbone, n_classes, augmented=augmented)


def assemble(name: str, head: Any, settings: Settings, backbone: Any, n_classes: int, *, augmented: bool = True) -> Any:
    """Join the study's augmentation, a backbone and a head to one model."""
    import keras

    layers = keras.layers
    augmentation = [layers.RandomFlip("horizontal"), layers.RandomRotation(0.2), layers.RandomZoom(0.2)]
    return build_classifier(
        backbone,
        head,
        input_shape=(settings.image_size, settings.image_size, 3),
        n_classes=n_classes,
        augmentation=augmentation if augmented else (),
        name=name,
    )


def set_seed(name: str, settings: Settings) -> None:
    """Seed the random numbers of one network, so that it does not depend on what was made before."""
    import keras

    keras.utils.set_random_seed(settings.seed + 1 + NETWORKS.index(name))


def compile_model(model: Any, **options: Any) -> Any:
    """Give a model the study's optimizer, loss and metric."""
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"], **options)
    return model


def best_epoch() -> Any:
    """Make the callback that stops training when it no longer improves, and restores the best epoch."""
    import keras

    return keras.callbacks.EarlyStopping(
        monitor="val_accuracy", mode="max", patience=PATIENCE, restore_best_weights=True
    )


def train_fresh(model: Any, images: Images, settings: Settings, path: Path, watch: Any) -> tuple[Any, Any]:
    """Train a whole model and save its best epoch; return the model as the file holds it, and Keras's history."""
    import keras

    compile_model(model)
    with atomic_path(path) as partial:
        history = model.fit(
            images.splits["train"].x,
            images.codes("train"),
            validation_data=(images.splits["valid"].x, images.codes("valid")),
            epochs=settings.epochs,
            batch_size=settings.batch,
            callbacks=[
                best_epoch(),
                keras.callbacks.ModelCheckpoint(partial, monitor="val_accuracy", mode="max", save_best_only=True),
                watch,
            ],
            verbose=0,
        )
    return keras.models.load_model(path), history


def multiplies_bfloat16(processor: Path = Path("/proc/cpuinfo")) -> bool:
    """Tell whether the processor multiplies matrices of bfloat16 (AMX); where it does not, bfloat16 is no faster."""
    try:
        return "amx_bf16" in processor.read_text(encoding="utf-8", errors="replace").split()
    except OSError:
        return False


def in_bfloat16(model: Any) -> Any:
    """Copy a functional model so that it computes in bfloat16, with weights and output in float32."""
    import keras

    from ensemblekit.assembly import copy_weights

    output = model.layers[-1].name

    def copy(operation: Any) -> Any:
        config = operation.get_config()
        if isinstance(operation, keras.Layer) and operation.name != output:
            config["dtype"] = "mixed_bfloat16"
        return type(operation).from_config(config)

    copied = keras.models.clone_model(model, clone_function=copy, recursive=True)
    copy_weights(model, copied)
    return copied


def ms_per_image(model: Any, images: np.ndarray) -> float:
    """Measure the milliseconds a whole model takes for an image, in batches of 32: the median of ten, or of a second.

    The first images are repeated where there are fewer than a batch. The first batch, which compiles, is not timed.
    """
    batch = np.resize(images[:LATENCY_BATCH], (LATENCY_BATCH, *images.shape[1:]))
    model.predict_on_batch(batch)
    seconds: list[float] = []
    while len(seconds) < 10 and sum(seconds) < 1.0:
        start = time.perf_counter()
        model.predict_on_batch(batch)
        seconds.append(time.perf_counter() - start)
    return 1000 * statistics.median(seconds) / LATENCY_BATCH


def _second_head(registry: Registry, settings: Settings) -> Any:
    return create_classifier_head(registry, settings, dense_units=256, batch_normalization=False)
