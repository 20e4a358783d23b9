"""One run of the preset ``best``. The test images are given to one function only, `_ask`, when all is chosen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ensemblekit import Predictions, align, combine
from ensemblekit.evaluation import accuracy, log_loss
from ensemblekit.features import FeatureBank, extract_features, image_keys
from ensemblekit.registry import Registry

from ..images import Images, Split
from ..models import EXTRACT_BATCH, build_first, create_backbone
from ..pieces import write_json
from ..screen import Screen
from ..settings import BEST_FILE, Settings
from .candidates import Candidate, fit, make_candidates, out_of_fold, predict
from .choice import Choice, calibrate, choose
from .features import N_VIEWS, Mirror, Pyramid
from .folds import alike, copy_groups, folds_of, rows_of

__all__ = ["BEST_ROWS", "BestRun", "run_best"]

CHOSEN_ON = ("train", "valid")
N_FOLDS = 5


BEST_ROWS = ("best_member", "best")
"""The one candidate that is best out of fold, and the ensemble."""


@dataclass(frozen=True)
class BestRun:
    """What a run leaves: its rows, what is to be said of them, and what its backbones had for weights."""

    rows: dict[str, dict[str, Predictions]]
    remarks: list[str]
    weights_used: str
    fingerprint: str


@dataclass(frozen=True)
class _Fitted:
    """All that predicts: chosen, calibrated and fitted. The first candidate is the best."""

    candidates: list[Candidate]
    models: dict[str, Any]
    choice: Choice
    alone: Any
    fit_ids: np.ndarray


def run_best(settings: Settings, registry: Registry, images: Images, screen: Screen, folder: Path) -> BestRun:
    """Choose members out of fold on train and validation, fit them on both, and predict test once.

    Parameters
    ----------
    settings : Settings
        With the backbones and the seed.
    registry : Registry
        Where backbones, heads and combiners are.
    images : Images
        All splits.
    screen : Screen
        Told how far it is, and what was chosen.
    folder : Path
        Where ``best.json`` goes: every candidate with its figures, and who was chosen.

    Returns
    -------
    BestRun
        Of the rows `BEST_ROWS`. Train figures are those of the fit, validation figures out of fold.
    """
    sources = _Sources(settings, registry, screen)
    ids, pixels, labels, codes = rows_of(images, CHOSEN_ON)
    copies = copy_groups(ids, images.audit.groups)
    looks, folds = folds_of(codes, (alike(pixels, copies), copies), N_FOLDS, settings.seed)
    screen.say(
        f"{len(ids)} images to choose on, in {len(np.unique(looks))} groups of alike ones and {len(folds)} folds"
    )
    features = sources.extract(pixels, "train and valid")
    candidates = make_candidates(list(features))
    probas = out_of_fold(
        candidates,
        features,
        codes,
        folds,
        registry,
        lambda done, total, name: screen.count("heads out of fold", done, total, unit="fits", metrics=name),
    )
    rows = {
        name: Predictions(p, ids=ids, classes=images.classes, labels=labels, member=name) for name, p in probas.items()
    }
    groups = dict(zip(ids.tolist(), looks.tolist(), strict=True))
    everyone = align(list(rows.values()))
    choice, first, whole = choose(everyone, folds, groups, registry)
    remarks = _remarks(choice, len(rows), first, whole)
    for remark in remarks:
        screen.say(remark)
    _write(folder, rows, choice, whole, folds, looks)
    by_name = {c.name: c for c in candidates}
    members = [by_name[name] for name in choice.members]
    alone = calibrate(everyone, choice.members[0], registry)
    fitted = _Fitted(members, fit(members, features, codes, registry), choice, alone, ids)
    screen.say(f"{len(members)} members fitted on train and valid")
    valid = images.splits["valid"].ids
    table = {
        row: {"valid": _of_split(p.take(valid), row, "valid")} for row, p in zip(BEST_ROWS, (first, whole), strict=True)
    }
    for split in ("train", "test"):
        for row, predictions in _ask(fitted, images.splits[split], split, sources, images.classes).items():
            table[row][split] = predictions
    order = {name: {split: by[split] for split in ("train", "valid", "test")} for name, by in table.items()}
    return BestRun(order, remarks, sources.weights_used, sources.fingerprint)


class _Sources:
    """The backbones of a run, as features by source."""

    def __init__(self, settings: Settings, registry: Registry, screen: Screen) -> None:
        self._bank = FeatureBank(settings.bank)
        self._screen = screen
        self._pyramids: dict[str, Pyramid] = {}
        self._backbones: list[Any] = []
        for name, weights in settings.pairs:
            backbone = create_backbone(registry, settings, name, weights)
            pyramid = Pyramid(backbone)
            build_first(pyramid, settings)
            same = sum(key.split("#")[0] == name for key in self._pyramids)
            self._pyramids[f"{name}#{same + 1}" if same else name] = pyramid
            self._backbones.append(backbone)

    @property
    def weights_used(self) -> str:
        """Where the weights came from; ``random`` where all are random."""
        used = list(dict.fromkeys(str(getattr(b, "weights_used", "their own")) for b in self._backbones))
        return ", ".join(used)

    @property
    def fingerprint(self) -> str:
        """Of all backbones."""
        return ", ".join(pyramid.fingerprint for pyramid in self._pyramids.values())

    def extract(self, pixels: np.ndarray, what: str) -> dict[str, np.ndarray]:
        """Give the features of every source, ``(n_views, n, d)``: each part of each backbone."""
        keys = image_keys(pixels)
        found: dict[str, np.ndarray] = {}
        for name, pyramid in self._pyramids.items():
            title = f"{name}, {what}"
            features = extract_features(
                pyramid,
                pixels,
                augmentation=Mirror(),
                n_views=N_VIEWS,
                bank=self._bank,
                batch_size=EXTRACT_BATCH,
                keys=keys,
                progress=lambda done, total, title=title: self._screen.count(title, done, total, unit="images"),
            )
            found |= {f"{name}.{kind}": pyramid.columns(features, kind) for kind in pyramid.kinds}
        return found


def _ask(
    fitted: _Fitted, samples: Split, split: str, sources: _Sources, classes: Sequence[str]
) -> dict[str, Predictions]:
    """Predict one split with everything chosen and fitted: the only function that is given the test images."""
    features = sources.extract(samples.x, split)
    rows = [
        Predictions(
            predict(fitted.models[c.name], features[c.source], len(classes)),
            ids=samples.ids,
            classes=classes,
            labels=samples.labels,
            split=split,
            member=c.name,
            fit_ids=fitted.fit_ids,
        )
        for c in fitted.candidates
    ]
    both = combine(rows[:1], fitted.alone), combine(rows, fitted.choice.combiner)
    return {row: predictions.rename(row) for row, predictions in zip(BEST_ROWS, both, strict=True)}


def _of_split(rows: Predictions, name: str, split: str) -> Predictions:
    return Predictions(rows.probas, ids=rows.ids, classes=rows.classes, labels=rows.labels, split=split, member=name)


def _remarks(choice: Choice, n_candidates: int, first: Predictions, whole: Predictions) -> list[str]:
    return [
        f"best is {len(choice.members)} members out of {n_candidates} candidates, combined by {choice.rule}; "
        f"best_member is {choice.members[0]}, the best of them out of fold. Both are calibrated.",
        f"Out of fold, on the {len(whole)} train and validation images: best_member log loss {log_loss(first):.3f}, "
        f"accuracy {accuracy(first):.3f}; best {log_loss(whole):.3f} and {accuracy(whole):.3f}.",
    ]


def _write(
    folder: Path,
    rows: Mapping[str, Predictions],
    choice: Choice,
    held_out: Predictions,
    folds: Sequence[Any],
    looks: np.ndarray,
) -> None:
    order = sorted(rows, key=choice.losses.__getitem__)
    write_json(
        folder / BEST_FILE,
        {
            "chosen_on": list(CHOSEN_ON),
            "images": len(looks),
            "groups": len(np.unique(looks)),
            "folds": len(folds),
            "log_loss": log_loss(held_out),
            "accuracy": accuracy(held_out),
            "rule": choice.rule,
            "rules": choice.rule_losses,
            "members": choice.members,
            "candidates": {name: {"log_loss": choice.losses[name], "accuracy": accuracy(rows[name])} for name in order},
        },
    )
