"""The backbones of a run, and the features of each of their parts."""

from __future__ import annotations

from typing import Any

import numpy as np

from ensemblekit.features import FeatureBank, extract_features, image_keys
from ensemblekit.registry import Registry

from ..models import EXTRACT_BATCH, build_first, create_backbone
from ..screen import Screen
from ..settings import Settings
from .features import N_VIEWS, Mirror, Pooled


class Sources:
    """The backbones of a run, built once, and the features of each of their parts. Needs Keras."""

    def __init__(self, settings: Settings, registry: Registry, screen: Screen) -> None:
        self._bank = FeatureBank(settings.bank)
        self._screen = screen
        self._pooled: dict[str, Pooled] = {}
        self._backbones: list[Any] = []
        self._latest: tuple[Any, np.ndarray] | None = None
        for name, weights in settings.backbones:
            backbone = create_backbone(registry, settings, name, weights)
            pooled = Pooled(backbone)
            build_first(pooled, settings)
            same = sum(key.split("#")[0] == name for key in self._pooled)
            self._pooled[f"{name}#{same + 1}" if same else name] = pooled
            self._backbones.append(backbone)

    @property
    def names(self) -> list[str]:
        """``BACKBONE.PART`` of each source."""
        return [f"{name}.{kind}" for name, pooled in self._pooled.items() for kind in pooled.parts]

    @property
    def weights_used(self) -> str:
        """Where the weights came from; ``random`` where all are random."""
        return ", ".join(dict.fromkeys(str(getattr(b, "weights_used", "their own")) for b in self._backbones))

    @property
    def fingerprint(self) -> str:
        """Of all backbones."""
        return ", ".join(pooled.fingerprint for pooled in self._pooled.values())

    def extract(self, source: str, pixels: np.ndarray, what: str) -> np.ndarray:
        """Return the features ``(n_views, n, d)`` of one source. Those of one backbone are kept until another's."""
        name, _, kind = source.rpartition(".")
        if self._latest is None or self._latest[0] != (name, what):
            title = f"{name}, {what}"
            features = extract_features(
                self._pooled[name],
                pixels,
                augmentation=Mirror(),
                n_views=N_VIEWS,
                bank=self._bank,
                batch_size=EXTRACT_BATCH,
                keys=image_keys(pixels),
                progress=lambda done, total: self._screen.count(title, done, total, unit="images"),
            )
            self._latest = (name, what), features
        return self._pooled[name].columns(self._latest[1], kind)
