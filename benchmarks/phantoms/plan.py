"""Which images there are: the splits, class folders and counts of the real set, under names of our own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["CLASSES", "COUNTS", "FOLDERS", "Phantom", "plan"]

CLASSES = ("adenocarcinoma", "large.cell.carcinoma", "normal", "squamous.cell.carcinoma")

_STAGED = {
    "adenocarcinoma": "adenocarcinoma_left.lower.lobe_T2_N0_M0_Ib",
    "large.cell.carcinoma": "large.cell.carcinoma_left.hilum_T2_N2_M0_IIIa",
    "normal": "normal",
    "squamous.cell.carcinoma": "squamous.cell.carcinoma_left.hilum_T1_N2_M0_IIIa",
}
FOLDERS = {"train": _STAGED, "valid": _STAGED, "test": {name: name for name in CLASSES}}
"""Class folders by split: as in the real set, test has other names than train and valid."""

COUNTS = {
    "train": dict(zip(CLASSES, (195, 115, 148, 155), strict=True)),
    "valid": dict(zip(CLASSES, (23, 21, 13, 15), strict=True)),
    "test": dict(zip(CLASSES, (120, 51, 54, 90), strict=True)),
}


@dataclass(frozen=True)
class Phantom:
    """One image to draw: its POSIX path from the data root, which is also its seed, and its class."""

    name: str
    label: str


def plan(counts: Mapping[str, Mapping[str, int]] = COUNTS) -> list[Phantom]:
    """List the images of a set.

    Parameters
    ----------
    counts : mapping of str to mapping of str to int
        Images of each class, by split.

    Returns
    -------
    list of Phantom
        Split by split, class by class. An image of one name is the same in a set of any counts.
    """
    return [
        Phantom(f"{split}/{FOLDERS[split][label]}/phantom-{number:03d}.png", label)
        for split, classes in counts.items()
        for label, count in classes.items()
        for number in range(1, count + 1)
    ]
