"""The findings of an audit in sentences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..predictions.names import few
from ..printed import printable

__all__ = ["summarise"]


def summarise(findings: Mapping[str, Any]) -> list[str]:
    """State the findings in sentences, the most serious first.

    Parameters
    ----------
    findings : mapping
        As `Audit.to_dict` returns them.
    """
    n_images = {split: sum(counts.values()) for split, counts in findings["counts"].items()}
    total, splits = sum(n_images.values()), list(n_images)
    parts = ", ".join(f"{n} in {split}" for split, n in n_images.items())
    sentences = [f"{_count(total, 'readable image')}: {parts}."]
    if unreadable := findings["unreadable"]:
        name, reason = next(iter(unreadable.items()))
        sentences.append(f"{_count(len(unreadable), 'file')} cannot be read as an image, first {name!r}: {reason}.")
    if notes := findings["notes"]:
        name, note = next(iter(notes.items()))
        sentences.append(f"Much is lost of {_count(len(notes), 'image')} by the way of reading; first {name!r} {note}")
    for place, split in enumerate(splits[1:], start=1):
        earlier = " or ".join(splits[:place])
        equal, near = len(findings["leaked"][split]), len(findings["near_leaked"][split])
        sentences.append(
            f"{equal} of {n_images[split]} {split} images have pixels that stand in {earlier}"
            + (f"; {near} more with a near copy there." if near else ".")
        )
        if grouped := len(findings["group_leaked"].get(split, ())):
            sentences.append(f"{grouped} of {n_images[split]} {split} images are of a group that stands in {earlier}.")
    if conflicts := findings["label_conflicts"]:
        sentences.append(
            f"{_count(len(conflicts), 'group')} of equal pixels with more than one class, first {few(conflicts[0])}."
        )
    n_equal, n_near = len(findings["equal_groups"]), len(findings["near_pairs"])
    inside = sum(map(len, findings["equal_groups"]))
    sentences.append(
        f"{_count(n_equal, 'group')} of equal pixels, {inside} images in all; {findings['n_byte_copies']} of {total} "
        f"images are byte copies of another. {_count(n_near, 'pair')} of near copies."
        if n_equal or n_near
        else "No two images are equal or near copies of each other."
    )
    return [printable(sentence) for sentence in (*sentences, *_about_classes(findings))]


def _about_classes(findings: Mapping[str, Any]) -> list[str]:
    sentences: list[str] = []
    if aliases := findings["proposed_aliases"]:
        sentences.append(
            "Class folders differ between splits; taken for the same, as their names say: "
            + ", ".join(f"{old!r} for {new!r}" for old, new in aliases.items())
            + ". Give aliases if that is wrong."
        )
    for split, counts in findings["counts"].items():
        if absent := [label for label, n in counts.items() if label and not n]:
            sentences.append(f"{split} has no image of the class {few(absent)}.")
    sentences += [
        f"In {split} the largest class has {ratio:.1f} times as many images as the smallest."
        for split, ratio in findings["imbalance"].items()
        if ratio and ratio >= 1.5
    ]
    return sentences


def _count(n: int, what: str) -> str:
    return f"{n} {what}" + ("" if n == 1 else "s")
