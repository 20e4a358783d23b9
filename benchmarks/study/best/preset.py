"""One run of the preset ``best``. The test images are given only to `_predict_split`, after all choices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ensemblekit import Predictions, PredictionSet, align, combine
from ensemblekit.evaluation import accuracy, log_loss
from ensemblekit.features import FeatureBank, extract_features, image_keys
from ensemblekit.registry import Registry

from ..images import SPLITS, Images, Split
from ..models import EXTRACT_BATCH, build_first, create_backbone
from ..pieces import write_json
from ..screen import Screen
from ..settings import BEST_FILE, Settings
from .candidates import Candidate, fit, make_candidates, out_of_fold, predict
from .choice import Choice, calibrate, choose
from .features import N_VIEWS, Mirror, Pyramid
from .folds import alike, copy_groups, folds_of

CHOSEN_ON = ("train", "valid")
N_FOLDS = 5

BEST_MODELS = ("best_member", "best")
"""The one candidate that is best out of fold, and the ensemble."""


@dataclass(frozen=True)
class BestRun:
    """Predictions by model and split, sentences for the report, and the weights and fingerprint of the backbones."""

    predictions: dict[str, dict[str, Predictions]]
    remarks: list[str]
    weights_used: str
    fingerprint: str


@dataclass(frozen=True)
class _Fitted:
    """Members, best first, and their combiner; ``alone`` calibrates the first."""

    candidates: list[Candidate]
    models: dict[str, Any]
    choice: Choice
    alone: Any
    fit_ids: np.ndarray


def run_best(settings: Settings, registry: Registry, images: Images, screen: Screen, folder: Path) -> BestRun:
    """Choose members out of fold on train and validation, fit them on both, and predict test once.

    ``best.json`` in the folder gets every candidate with its figures, and which were chosen. Train figures are those of
    the fit, validation figures out of fold.
    """
    sources = _Sources(settings, registry, screen)
    parts = [images.splits[name] for name in CHOSEN_ON]
    ids, pixels, labels = (np.concatenate([getattr(part, name) for part in parts]) for name in ("ids", "x", "labels"))
    codes = np.concatenate([images.codes(name) for name in CHOSEN_ON])
    copies = copy_groups(ids, images.audit.groups)
    groups, folds = folds_of(codes, (alike(pixels, copies), copies), N_FOLDS, settings.seed)
    screen.log(
        f"{len(ids)} images to choose on, in {len(np.unique(groups))} groups of alike ones and {len(folds)} folds"
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
    everyone = align(
        [Predictions(p, ids=ids, classes=images.classes, labels=labels, member=name) for name, p in probas.items()]
    )
    choice, alone_held, best_held = choose(
        everyone, folds, dict(zip(ids.tolist(), groups.tolist(), strict=True)), registry
    )
    held_out = dict(zip(BEST_MODELS, (alone_held, best_held), strict=True))
    remarks = _remarks(choice, len(candidates), held_out)
    for remark in remarks:
        screen.log(remark)
    _write(folder, everyone, choice, best_held, len(folds), groups)
    by_name = {c.name: c for c in candidates}
    members = [by_name[name] for name in choice.members]
    alone = calibrate(everyone, choice.members[0], registry)
    fitted = _Fitted(members, fit(members, features, codes, registry), choice, alone, ids)
    screen.log(f"{len(members)} members fitted on train and valid")
    by_split = {
        "valid": {name: _as_valid(p.take(images.splits["valid"].ids), name) for name, p in held_out.items()},
        **{split: _predict_split(fitted, images, split, sources) for split in ("train", "test")},
    }
    predictions = {name: {split: by_split[split][name] for split in SPLITS} for name in BEST_MODELS}
    return BestRun(predictions, remarks, sources.weights_used, sources.fingerprint)


class _Sources:
    """The backbones of a run, and the features of each of their parts."""

    def __init__(self, settings: Settings, registry: Registry, screen: Screen) -> None:
        self._bank = FeatureBank(settings.bank)
        self._screen = screen
        self._pyramids: dict[str, Pyramid] = {}
        self._backbones: list[Any] = []
        for name, weights in settings.backbones:
            backbone = create_backbone(registry, settings, name, weights)
            pyramid = Pyramid(backbone)
            build_first(pyramid, settings)
            same = sum(key.split("#")[0] == name for key in self._pyramids)
            self._pyramids[f"{name}#{same + 1}" if same else name] = pyramid
            self._backbones.append(backbone)

    @property
    def weights_used(self) -> str:
        """Where the weights came from; ``random`` where all are random."""
        return ", ".join(dict.fromkeys(str(getattr(b, "weights_used", "their own")) for b in self._backbones))

    @property
    def fingerprint(self) -> str:
        """Of all backbones."""
        return ", ".join(pyramid.fingerprint for pyramid in self._pyramids.values())

    def extract(self, pixels: np.ndarray, what: str) -> dict[str, np.ndarray]:
        """Return the features ``(n_views, n, d)`` of each part of each backbone."""
        keys = image_keys(pixels)
        by_source: dict[str, np.ndarray] = {}
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
            by_source |= {f"{name}.{kind}": pyramid.columns(features, kind) for kind in pyramid.kinds}
        return by_source


def _predict_split(fitted: _Fitted, images: Images, split: str, sources: _Sources) -> dict[str, Predictions]:
    samples: Split = images.splits[split]
    features = sources.extract(samples.x, split)
    members = [
        Predictions(
            predict(fitted.models[c.name], features[c.source], len(images.classes)),
            ids=samples.ids,
            classes=images.classes,
            labels=samples.labels,
            split=split,
            member=c.name,
            fit_ids=fitted.fit_ids,
        )
        for c in fitted.candidates
    ]
    both = combine(members[:1], fitted.alone), combine(members, fitted.choice.combiner)
    return {name: predictions.rename(name) for name, predictions in zip(BEST_MODELS, both, strict=True)}


def _as_valid(p: Predictions, name: str) -> Predictions:
    return Predictions(p.probas, ids=p.ids, classes=p.classes, labels=p.labels, split="valid", member=name)


def _remarks(choice: Choice, n_candidates: int, held_out: dict[str, Predictions]) -> list[str]:
    alone, best = held_out.values()
    return [
        f"best is {len(choice.members)} members out of {n_candidates} candidates, combined by {choice.rule}; "
        f"best_member is {choice.members[0]}, the best of them out of fold. Both are calibrated.",
        f"Out of fold, on the {len(best)} train and validation images: best_member log loss {log_loss(alone):.3f}, "
        f"accuracy {accuracy(alone):.3f}; best {log_loss(best):.3f} and {accuracy(best):.3f}.",
    ]


def _write(
    folder: Path,
    candidates: PredictionSet,
    choice: Choice,
    held_out: Predictions,
    n_folds: int,
    groups: Sequence[int] | np.ndarray,
) -> None:
    write_json(
        folder / BEST_FILE,
        {
            "chosen_on": list(CHOSEN_ON),
            "images": len(groups),
            "groups": len(np.unique(groups)),
            "folds": n_folds,
            "log_loss": log_loss(held_out),
            "accuracy": accuracy(held_out),
            "rule": choice.rule,
            "rules": choice.rule_losses,
            "members": choice.members,
            "candidates": {
                name: {"log_loss": choice.losses[name], "accuracy": accuracy(candidates[name])}
                for name in sorted(choice.losses, key=choice.losses.__getitem__)
            },
        },
    )
