"""What a run of the study is: its data, its recipe, its seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ensemblekit import InvalidOptionError

__all__ = [
    "BEST",
    "BEST_FILE",
    "CT_ALIASES",
    "PRESETS",
    "Preset",
    "Settings",
    "parse_aliases",
    "parse_backbone",
    "parse_pairs",
    "parse_views",
]

ENSEMBLE_EPOCHS = 100
"""The trained ensembles cost seconds, and fewer epochs leave their 20 parameters near chance: never cut."""
PATIENCE = 20

BEST = "best"
BEST_FILE = "best.json"
BEST_BACKBONES = ("mobilenet_v2", "resnet50")

CT_ALIASES = {
    "adenocarcinoma_left.lower.lobe_T2_N0_M0_Ib": "adenocarcinoma",
    "large.cell.carcinoma_left.hilum_T2_N2_M0_IIIa": "large.cell.carcinoma",
    "squamous.cell.carcinoma_left.hilum_T1_N2_M0_IIIa": "squamous.cell.carcinoma",
}
"""The class folders of the CT set's train and valid, and what its test calls them."""


@dataclass(frozen=True)
class Preset:
    """One recipe: the backbone, pixels, epochs, how the backbone's input is prepared, and how many views are drawn."""

    backbone: str
    image_size: int
    epochs: int
    preprocessing: str
    summary: str
    views: int | None = None


PRESETS = {
    "quick": Preset(
        "mobilenet_v2",
        128,
        25,
        "imagenet",
        "the whole table in minutes: a light backbone, small images, few epochs",
        views=8,
    ),
    "published": Preset(
        "resnet50",
        224,
        100,
        "study",
        "the study's recipe to the letter: ResNet50, 224 pixels, 100 epochs, pixels times 1/255; hours on two cores",
    ),
    "corrected": Preset(
        "resnet50", 224, 100, "imagenet", "the same with the preprocessing that the ImageNet weights were trained on"
    ),
    BEST: Preset(
        BEST_BACKBONES[0],
        224,
        1,
        "imagenet",
        "no networks but one ensemble: heads of scikit-learn on several --backbone, chosen and weighed out of fold",
    ),
}


@dataclass(frozen=True)
class Settings:
    """One run, settled."""

    data: str
    preset: str
    backbone: str
    weights: str | None
    preprocessing: str
    image_size: int
    epochs: int
    batch_size: int
    seed: int
    rows: int | None
    views: int | None
    bank: Path | None
    precision: str
    deterministic: bool
    repeats: int
    aliases: dict[str, str]
    skip_unreadable: bool
    drop_leaks: bool
    out: Path
    pairs: tuple[tuple[str, str | None], ...] = ()
    """Backbones and their weights, of the preset ``best``."""


def parse_aliases(pairs: Sequence[str]) -> dict[str, str]:
    """Read ``OLD=NEW`` pairs, on top of the map of the CT set."""
    aliases = dict(CT_ALIASES)
    for pair in pairs:
        old, equals, new = pair.partition("=")
        if not (old and equals and new):
            raise InvalidOptionError(f"--alias must be CLASS_FOLDER=COMMON_NAME; received {pair!r}.")
        aliases[old] = new
    return aliases


def parse_backbone(preset: str, names: Sequence[str], weights: Sequence[str]) -> tuple[str, str | None]:
    """Settle the pairs of ``--backbone`` and ``--weights``: each preset so far uses one backbone."""
    if preset == BEST:
        return parse_pairs(names, weights)[0]
    if len(names) > 1 or len(weights) > 1:
        raise InvalidOptionError(
            f"the preset {preset!r} uses one backbone; received --backbone {', '.join(names) or 'none'} and --weights "
            f"{', '.join(weights) or 'none'}."
        )
    return (names[0] if names else PRESETS[preset].backbone), (weights[0] if weights else None)


def parse_views(value: str | None, preset: str) -> int | None:
    """Read ``--views``: how many views of each training image are drawn; None where each epoch draws new ones."""
    if value is None:
        return PRESETS[preset].views
    if value == "fresh":
        return None
    if not value.isascii() or not value.isdigit() or int(value) < 1:
        raise InvalidOptionError(f"--views must be a whole number >= 1, or fresh; received {value!r}.")
    return int(value)


def parse_pairs(names: Sequence[str], weights: Sequence[str]) -> tuple[tuple[str, str | None], ...]:
    """Settle the backbones of the preset ``best``: the first ``--weights`` is that of the first ``--backbone``."""
    if weights and len(weights) != len(names):
        raise InvalidOptionError(
            f"the preset {BEST!r} takes one --weights for each --backbone, in their order, or none; received "
            f"{len(names)} --backbone and {len(weights)} --weights."
        )
    names = names or BEST_BACKBONES
    return tuple(zip(names, weights or [None] * len(names), strict=True))
