"""The study's models and their training in plain Keras: nothing here imports ensemblekit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np

SPLITS = ("train", "valid", "test")
NETWORKS = ("first_model", "second_model", "chained_model")


class Recipe:
    """The study's recipe for one folder, backbone and image size.

    The folder holds ``train``, ``valid`` and ``test``, each with a folder a class; sorted order gives the labels. The
    backbone is ``keras_file``, a saved model that takes raw pixels, or ``mobilenet_v2`` or ``resnet50`` of Keras's
    applications. ``weights`` is their file, or None for random ones; ModelCheckpoint writes to ``out``.
    """

    def __init__(
        self, folder: Path, backbone: str, weights: str | None, *, image_size: int, out: Path, seed: int
    ) -> None:
        self.folder, self.backbone, self.weights, self.out, self.seed = folder, backbone, weights, out, seed
        self.shape = (image_size, image_size, 3)

    def dataset(self, split: str, *, shuffle: bool) -> Any:
        """Read one split from its folder, again at each pass."""
        return keras.utils.image_dataset_from_directory(
            self.folder / split,
            image_size=self.shape[:2],
            batch_size=32,
            shuffle=shuffle,
            seed=self.seed if shuffle else None,
            verbose=False,
        )

    def build(self, name: str) -> Any:
        """Build one of the three networks, compiled."""
        keras.utils.set_random_seed(self.seed)
        pixels = keras.Input(self.shape)
        x = keras.layers.RandomFlip("horizontal")(pixels)
        x = keras.layers.RandomRotation(0.2)(x)
        x = keras.layers.RandomZoom(0.2)(x)
        x = self._convolutions(x) if name == "second_model" else self._pretrained(x)
        if name == "chained_model":
            x = keras.layers.Dense(256, activation="relu")(x)
            x = keras.layers.Dropout(0.25)(x)
        n_classes = sum(path.is_dir() for path in (self.folder / "train").iterdir())
        model = keras.Model(pixels, keras.layers.Dense(n_classes, activation="softmax")(x), name=name)
        return _compiled(model)

    def fit(self, model: Any, epochs: int, *callbacks: Any) -> Any:
        """Train a network with the study's callbacks, from the folder, and give back its history."""
        return model.fit(
            self.dataset("train", shuffle=True),
            validation_data=self.dataset("valid", shuffle=False),
            epochs=epochs,
            callbacks=[*_best(self.out / f"{model.name}.keras"), *callbacks],
            shuffle=False,  # the dataset does that
            verbose=0,
        )

    def predict(self, model: Any, split: str) -> tuple[np.ndarray, np.ndarray]:
        """Predict a split in the order of its files, and give the labels in the same order."""
        data = self.dataset(split, shuffle=False)
        labels = np.concatenate([batch for _, batch in data.map(lambda _, y: ([], y))])
        return model.predict(data, verbose=0), labels

    def ensembles(self, members: dict[str, list[np.ndarray]], labels: dict[str, np.ndarray], epochs: int) -> None:
        """Train the study's ensembles A, C and D on the members' training predictions, and predict with B and them."""
        for name, merge, trained in (
            ("A", keras.layers.Average(), True),
            ("B", keras.layers.Average(), False),
            ("C", keras.layers.Average(), True),
            ("D", keras.layers.Concatenate(), True),
        ):
            n_classes = members["train"][0].shape[1]
            inputs = [keras.Input((n_classes,)) for _ in members["train"]]
            x = merge(inputs)
            if trained:
                x = keras.layers.Dense(n_classes, activation="softmax")(x)
            model = _compiled(keras.Model(inputs, x))
            if trained:
                model.fit(
                    members["train"],
                    labels["train"],
                    validation_data=(members["valid"], labels["valid"]),
                    epochs=epochs,
                    callbacks=_best(self.out / f"ensemble_{name}.keras"),
                    verbose=0,
                )
            for predictions in members.values():
                model.predict(predictions, verbose=0)

    def _convolutions(self, x: Any) -> Any:
        layers = keras.layers
        x = layers.Rescaling(1 / 255)(x)
        x = layers.Conv2D(32, 3, activation="relu")(x)
        x = layers.MaxPooling2D()(x)
        x = layers.Conv2D(32, 3, activation="relu")(x)
        x = layers.MaxPooling2D()(x)
        x = layers.Dropout(0.25)(x)
        x = layers.Conv2D(64, 3, activation="relu")(x)
        x = layers.MaxPooling2D()(x)
        x = layers.Dropout(0.25)(x)
        x = layers.Flatten()(x)
        x = layers.Dense(128, activation="relu")(x)
        return layers.Dropout(0.25)(x)

    def _pretrained(self, x: Any) -> Any:
        if self.backbone == "keras_file":
            base = keras.models.load_model(str(self.weights), compile=False)
        elif self.backbone == "mobilenet_v2":
            x = keras.layers.Rescaling(1 / 127.5, offset=-1)(x)
            base = keras.applications.MobileNetV2(include_top=False, weights=self.weights, input_shape=self.shape)
        else:
            x = keras.layers.Rescaling(1 / 255)(x)  # as in the study
            base = keras.applications.ResNet50(include_top=False, weights=self.weights, input_shape=self.shape)
        base.trainable = False
        x = base(x, training=False)
        if len(x.shape) == 4:
            x = keras.layers.GlobalMaxPooling2D()(x)
        x = keras.layers.BatchNormalization()(x)
        x = keras.layers.Dense(256, activation="relu")(x)
        return keras.layers.Dropout(0.25)(x)


def _compiled(model: Any) -> Any:
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def _best(path: Path) -> list[Any]:
    return [
        keras.callbacks.EarlyStopping(monitor="val_accuracy", patience=20, restore_best_weights=True),
        keras.callbacks.ModelCheckpoint(path, monitor="val_accuracy", save_best_only=True),
    ]
