"""The CT images through frozen backbones, kept in a feature bank, and the time that a backbone takes for an image."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ensemblekit import FeatureBank, extract_features, image_folder, load_plugins
from ensemblekit.errors import FolderNotFoundError

SPLITS = ("train", "valid", "test")
BACKBONES = {"mobilenet_96": 96, "mobilenet_224": 224, "resnet_224": 224}
"""Backbone -> its size of images in pixels. The ResNet is that of 50 layers up to its third stage."""


@dataclass(frozen=True)
class Rows:
    """Images of all splits as features.

    Attributes
    ----------
    ids, labels : ndarray of shape (n_samples,)
        Ids of the images, and their classes.
    features : dict of str to ndarray of shape (n_samples, n_features)
        By backbone.
    """

    ids: np.ndarray
    labels: np.ndarray
    features: dict[str, np.ndarray]


def find_data(data: Path) -> tuple[Path, Path]:
    """Find the images and the weights in the folder of shared data, or say what is absent."""
    images, weights = data / "data" / "chest-ctscan", data / "weights"
    for folder in (images, weights):
        if not folder.is_dir():
            raise FolderNotFoundError(f"DATA must hold the CT images and weights; there is no folder {str(folder)!r}.")
    return images, weights


def make_backbone(name: str, weights: Path) -> Any:
    """Make a backbone with its weights from ImageNet."""
    registry = load_plugins()
    if name.startswith("mobilenet"):
        return registry.create_backbone("mobilenet_v2", weights=weights / "mobilenet_v2_imagenet_notop.weights.h5")
    return registry.create_backbone("keras_file", weights=weights / "resnet50v2_stage3_imagenet.keras", pooling="avg")


def image_rows(
    data: Path, bank: FeatureBank, names: tuple[str, ...], progress: Callable[[str], None] = lambda text: None
) -> Rows:
    """Compute the features of all images, or read them from the bank."""
    images, weights = find_data(data)
    features: dict[str, np.ndarray] = {}
    ids: list[np.ndarray] = []
    labels: list[np.ndarray] = []
    for name in names:
        folders = [image_folder(images / split, size=(BACKBONES[name], BACKBONES[name])) for split in SPLITS]
        ids, labels = [f.ids for f in folders], [_short(f.labels) for f in folders]
        backbone = make_backbone(name, weights)
        parts: list[np.ndarray] = []
        for folder in folders:
            progress(f"{name}: {folder.split}")
            parts.append(np.asarray(extract_features(backbone, folder, bank=bank, batch_size=8)))
        features[name] = np.concatenate(parts)
    return Rows(np.concatenate(ids), np.concatenate(labels), features)


def _short(labels: Any) -> np.ndarray:
    """Name the classes alike in all splits: the training folders add stage and site to the name."""
    return np.array([str(name).partition("_")[0] for name in labels])


def seconds_per_image(name: str, weights: Path, *, n_images: int = 16) -> float:
    """Measure the processor time of a backbone for one image, in batches of 8."""
    size = BACKBONES[name]
    model = make_backbone(name, weights).build((size, size, 3))
    pixels = np.random.default_rng(0).uniform(0, 255, (8, size, size, 3)).astype(np.float32)
    model.predict_on_batch(pixels)
    started = time.process_time()
    for _ in range(n_images // 8):
        model.predict_on_batch(pixels)
    return (time.process_time() - started) / n_images
