"""The figures of an audit, and the sentences that say what they mean."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from ..predictions.names import few
from ..printed import printable

if TYPE_CHECKING:
    from ._audited import Audit

__all__ = ["count_classes", "describe_sizes", "find_imbalance", "summarise", "to_dict"]


def count_classes(audit: Audit) -> dict[str, dict[str, int]]:
    """Count images: split -> common name of a class -> images, 0 where a class folder is empty or absent."""
    names = {audit.common_name(folder) for folders in audit.class_folders.values() for folder in folders}
    counts = {split: dict.fromkeys(sorted(str(name) for name in names), 0) for split in audit.splits}
    for i, label in audit.labels.items():
        of_split = counts[audit.split_of(i)]
        # Images that lie in no class folder are counted under no name.
        of_split[label or ""] = of_split.get(label or "", 0) + 1
    return counts


def find_imbalance(audit: Audit) -> dict[str, float | None]:
    """Divide the largest class of each split by its smallest; None where one has no image."""
    found: dict[str, float | None] = {}
    for split, counts in audit.counts.items():
        sizes = [n for label, n in counts.items() if label]
        found[split] = round(max(sizes) / min(sizes), 4) if sizes and min(sizes) else None
    return found


def describe_sizes(audit: Audit) -> dict[str, Any]:
    """Say how many sizes there are, and the least, median and greatest height and width in pixels."""
    if not len(audit):
        return {"n_distinct": 0}
    sizes = audit.images[["height", "width"]].to_numpy()
    low, middle, high = sizes.min(axis=0), np.median(sizes, axis=0), sizes.max(axis=0)
    return {"n_distinct": len(np.unique(sizes, axis=0))} | {
        name: {"min": int(low[k]), "median": float(middle[k]), "max": int(high[k])}
        for k, name in enumerate(("height", "width"))
    }


def to_dict(audit: Audit) -> dict[str, Any]:
    """Give everything as what JSON can hold, in an order that does not change."""
    return {
        "folder": str(audit.folder),
        "fingerprint": audit.fingerprint,
        "n_images": len(audit),
        "splits": list(audit.splits),
        "summary": audit.summary,
        "leaked": audit.leaked,
        "near_leaked": audit.near_leaked,
        "cross_split_groups": audit.cross_split_groups,
        "label_conflicts": audit.label_conflicts,
        "equal_groups": audit.equal_groups,
        "n_byte_copies": audit.n_byte_copies,
        "near_pairs": audit.near_pairs.to_dict("records"),
        "max_distance": audit.max_distance,
        "min_correlation": audit.min_correlation,
        "unreadable": audit.unreadable,
        "class_folders": audit.class_folders,
        "aliases": audit.aliases,
        "proposed_aliases": audit.proposed_aliases,
        "counts": audit.counts,
        "imbalance": audit.imbalance,
        "modes": dict(sorted(Counter(audit.images["mode"].tolist()).items())),
        "formats": dict(sorted(Counter(audit.images["format"].tolist()).items())),
        "sizes": audit.sizes,
    }


def summarise(audit: Audit) -> list[str]:
    """Say in sentences what was found, the gravest first."""
    n_of = {split: sum(counts.values()) for split, counts in audit.counts.items()}
    parts = ", ".join(f"{n} in {split}" for split, n in n_of.items())
    said = [f"{_count(len(audit), 'readable image')}: {parts}."]
    if audit.unreadable:
        name, reason = next(iter(audit.unreadable.items()))
        said.append(f"{_count(len(audit.unreadable), 'file')} cannot be read as an image, first {name!r}: {reason}.")
    for place, split in enumerate(audit.splits[1:], start=1):
        earlier = " or ".join(audit.splits[:place])
        there, near = len(audit.leaked[split]), len(audit.near_leaked[split])
        said.append(
            f"{there} of {n_of[split]} {split} images have pixels that stand in {earlier}"
            + (f"; {near} more with a near copy there." if near else ".")
        )
    conflicts = audit.label_conflicts
    if conflicts:
        said.append(
            f"{_count(len(conflicts), 'group')} of equal pixels with more than one class, first {few(conflicts[0])}."
        )
    n_equal, n_near = len(audit.equal_groups), len(audit.near_pairs)
    inside = sum(map(len, audit.equal_groups))
    said.append(
        f"{_count(n_equal, 'group')} of equal pixels, {inside} images in all; {audit.n_byte_copies} of {len(audit)} "
        f"images are byte copies of another. {_count(n_near, 'pair')} of near copies."
        if n_equal or n_near
        else "No two images are equal or near copies of each other."
    )
    return [printable(sentence) for sentence in (*said, *_about_classes(audit))]


def _about_classes(audit: Audit) -> list[str]:
    said: list[str] = []
    if audit.proposed_aliases:
        said.append(
            "Class folders differ between splits; taken for the same, as their names say: "
            + ", ".join(f"{old!r} for {new!r}" for old, new in audit.proposed_aliases.items())
            + ". Give aliases if that is wrong."
        )
    absent = {
        split: [label for label, n in counts.items() if label and not n] for split, counts in audit.counts.items()
    }
    said += [f"{split} has no image of the class {few(names)}." for split, names in absent.items() if names]
    said += [
        f"In {split} the largest class has {ratio:.1f} times as many images as the smallest."
        for split, ratio in audit.imbalance.items()
        if ratio and ratio >= 1.5
    ]
    return said


def _count(n: int, what: str) -> str:
    return f"{n} {what}" + ("" if n == 1 else "s")
