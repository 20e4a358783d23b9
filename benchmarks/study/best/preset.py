"""One run of the preset ``best``, piece by piece. The test images are given only to `_members`, after the choice."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ensemblekit import InvalidOptionError, Predictions, PredictionSet, align, combine, fit_combiner
from ensemblekit.evaluation import accuracy, log_loss
from ensemblekit.files import atomic_path
from ensemblekit.registry import Registry
from ensemblekit.report import to_csv

from ..images import SPLITS, Images
from ..pieces import Pieces, write_json
from ..screen import Screen
from ..settings import BEST_CSV, BEST_FILE, CANDIDATES_CSV, Settings
from .candidates import Candidate, fit, make_candidates, out_of_fold, predict
from .choice import BEST_MEMBER, choose_rule, make_rules
from .folds import copy_groups, folds_of, group_levels
from .sources import Sources

CHOSEN_ON = ("train", "valid")
N_FOLDS = 5

BEST_MODELS = ("best_member", "best")
"""The one candidate that is best out of fold, and what was chosen."""
HELD_OUT = "out_of_fold/choice.npz"


def run_best(
    settings: Settings,
    registry: Registry,
    images: Images,
    pieces: Pieces,
    screen: Screen,
    *,
    start: Callable[[], None],
    save: Callable[[str, Mapping[str, Predictions]], None],
    files: Callable[[str], list[str]],
) -> dict[str, Any]:
    """Choose on train and validation, fit all candidates on both, and predict test once.

    Each source is a piece out of fold and a piece fitted on all rows; the choice and the two models are pieces too.
    ``start`` prepares Keras where it is needed, ``save`` and ``files`` keep the predictions of a model. Train figures
    are those of the fit, validation figures out of fold. Returns the record of the last piece.
    """
    return _Run(settings, registry, images, pieces, screen, start).run(save, files)


class _Run:
    def __init__(
        self,
        settings: Settings,
        registry: Registry,
        images: Images,
        pieces: Pieces,
        screen: Screen,
        start: Callable[[], None],
    ) -> None:
        self._settings, self._registry, self._images = settings, registry, images
        self._pieces, self._screen, self._start = pieces, screen, start
        parts = [images.splits[name] for name in CHOSEN_ON]
        self._ids, self._labels = (np.concatenate([getattr(p, name) for p in parts]) for name in ("ids", "labels"))
        self._codes = np.concatenate([images.codes(name) for name in CHOSEN_ON])

    def run(
        self, save: Callable[[str, Mapping[str, Predictions]], None], files: Callable[[str], list[str]]
    ) -> dict[str, Any]:
        self._backbones = self._pieces.make("backbones", [], self._describe)
        held = {
            source: self._pieces.make(f"out_of_fold.{source}", [f"out_of_fold/{source}.npz"], build)
            for source, build in self._by_source(self._hold_out)
        }
        failed = {name: why for record in held.values() for name, why in record["failed"].items()}
        candidates = [c for c in make_candidates(list(held)) if c.name not in failed]
        for name, why in failed.items():
            self._screen.log(f"{name} cannot be fitted and is left out: {why}")
        everyone = self._predictions("out_of_fold", list(held), "probas", self._ids, self._labels)
        chosen = self._pieces.make(
            "choice",
            [BEST_FILE, BEST_CSV, HELD_OUT],
            lambda: self._choose(everyone, candidates),
            needs=[f"out_of_fold/{source}.npz" for source in held],
        )
        for sentence in chosen["remarks"]:
            self._screen.log(sentence)
        for source, build in self._by_source(functools.partial(self._members, candidates)):
            self._pieces.make(f"members.{source}", [f"members/{source}.npz"], build, needs=[BEST_FILE])

        def build() -> dict[str, Any]:
            predictions, figures = self._combine(everyone, candidates, chosen, list(held))
            for name, by_split in predictions.items():
                save(name, by_split)
            to_csv(figures, self._pieces.folder / CANDIDATES_CSV)
            return {"remarks": [*chosen["remarks"], _hindsight(figures, chosen["best_member"])]}

        members = [f"members/{source}.npz" for source in held]
        record = self._pieces.make(
            "best",
            [CANDIDATES_CSV, *(file for name in BEST_MODELS for file in files(name))],
            build,
            needs=[BEST_FILE, HELD_OUT, *(f"out_of_fold/{source}.npz" for source in held), *members],
        )
        return {**self._backbones, **record}

    def _by_source(self, build: Callable[[str], dict[str, Any]]) -> list[tuple[str, Callable[[], dict[str, Any]]]]:
        return [(source, functools.partial(build, source)) for source in self._backbones["sources"]]

    @functools.cached_property
    def _sources(self) -> Sources:
        self._start()
        return Sources(self._settings, self._registry, self._screen)

    def _describe(self) -> dict[str, Any]:
        sources = self._sources
        return {
            "sources": sources.names,
            "weights_used": sources.weights_used,
            "backbone_fingerprint": sources.fingerprint,
        }

    def _features(self, source: str, splits: tuple[str, ...], what: str) -> np.ndarray:
        if self._sources.fingerprint != self._backbones["backbone_fingerprint"]:
            raise InvalidOptionError(
                f"--resume must go on with the backbones that the run in {str(self._pieces.folder)!r} began with; "
                "their weights are others now. Put them back, or choose another --out, or give --overwrite to start "
                "anew."
            )
        pixels = [self._images.splits[split].x for split in splits]
        return self._sources.extract(source, pixels[0] if len(pixels) == 1 else np.concatenate(pixels), what)

    @functools.cached_property
    def _folds(self) -> tuple[np.ndarray, list[tuple[np.ndarray, np.ndarray]], list[str]]:
        pixels = np.concatenate([self._images.splits[name].x for name in CHOSEN_ON])
        levels = group_levels(pixels, copy_groups(self._ids, self._images.audit.groups))
        groups, folds, notes = folds_of(self._codes, levels, N_FOLDS, self._settings.seed)
        for note in notes:
            self._screen.log(note)
        return groups, folds, notes

    def _hold_out(self, source: str) -> dict[str, Any]:
        probas, failed = out_of_fold(
            make_candidates([source]),
            self._features(source, CHOSEN_ON, "train and valid"),
            self._codes,
            self._folds[1],
            self._registry,
            lambda done, total: self._screen.count(f"{source}, out of fold", done, total, unit="fits"),
        )
        _write_arrays(self._pieces.folder / "out_of_fold" / f"{source}.npz", {"probas": probas})
        self._screen.log(f"{source}: heads fitted out of fold")
        return {"failed": failed}

    def _choose(self, everyone: PredictionSet, candidates: list[Candidate]) -> dict[str, Any]:
        groups, folds, notes = self._folds
        by_id = dict(zip(self._ids.tolist(), groups.tolist(), strict=True))
        chosen = choose_rule(everyone, candidates, by_id, self._registry, self._settings.seed)
        to_csv(chosen.table, self._pieces.folder / BEST_CSV)
        held_out = chosen.out_of_fold.take(self._ids).probas
        _write_arrays(self._pieces.folder / HELD_OUT, {"probas": {"best": held_out}})
        figures = {p.member: (log_loss(p), accuracy(p)) for p in map(everyone.__getitem__, everyone.members)}
        what = (
            "the best member itself" if chosen.rule == BEST_MEMBER else f"{len(candidates)} candidates, {chosen.rule}"
        )
        loss, right = figures[chosen.best_member]
        chosen_loss, chosen_right = log_loss(chosen.out_of_fold), accuracy(chosen.out_of_fold)
        write_json(
            self._pieces.folder / BEST_FILE,
            {
                "chosen_on": list(CHOSEN_ON),
                "images": len(groups),
                "groups": len(np.unique(groups)),
                "folds": len(folds),
                "rule": chosen.rule,
                "best_member": chosen.best_member,
                "log_loss": chosen_loss,
                "accuracy": chosen_right,
                "candidates": {
                    name: {"log_loss": figures[name][0], "accuracy": figures[name][1]}
                    for name in sorted(figures, key=figures.__getitem__)
                },
            },
        )
        return {
            "rule": chosen.rule,
            "best_member": chosen.best_member,
            "remarks": [
                *notes,
                f"best is {what}; best_member is {chosen.best_member}, the best candidate out of fold.",
                *chosen.sentences,
                f"Out of fold, on the {len(everyone.ids)} train and validation images: best_member log loss "
                f"{loss:.3f}, accuracy {right:.3f}; best {chosen_loss:.3f} and {chosen_right:.3f}.",
            ],
        }

    def _members(self, candidates: list[Candidate], source: str) -> dict[str, Any]:
        fitted = [c for c in candidates if c.source == source]
        models = fit(fitted, self._features(source, CHOSEN_ON, "train and valid"), self._codes, self._registry)
        arrays = {}
        for split in ("train", "test"):
            views = self._features(source, (split,), split)
            arrays[split] = {name: predict(model, views, len(self._images.classes)) for name, model in models.items()}
        _write_arrays(self._pieces.folder / "members" / f"{source}.npz", arrays)
        self._screen.log(f"{source}: heads fitted on train and valid")
        return {}

    def _combine(
        self, everyone: PredictionSet, candidates: list[Candidate], chosen: Mapping[str, Any], sources: list[str]
    ) -> tuple[dict[str, dict[str, Predictions]], pd.DataFrame]:
        rule = self._rule(everyone, candidates, chosen)
        by_split: dict[str, PredictionSet] = {}
        for split in ("train", "test"):
            part = self._images.splits[split]
            by_split[split] = self._predictions("members", sources, split, part.ids, part.labels, split=split)
        predictions = {
            "best_member": {split: members[chosen["best_member"]] for split, members in by_split.items()},
            "best": {split: rule(members) for split, members in by_split.items()},
        }
        valid = self._images.splits["valid"].ids
        held_out = self._predictions("out_of_fold", ["choice"], "probas", self._ids, self._labels)
        predictions["best_member"]["valid"] = everyone[chosen["best_member"]].take(valid)
        predictions["best"]["valid"] = held_out["best"].take(valid)
        test = by_split["test"]
        figures = pd.DataFrame(
            [
                {
                    "candidate": c.name,
                    "out_of_fold_log_loss": log_loss(everyone[c.name]),
                    "out_of_fold_accuracy": accuracy(everyone[c.name]),
                    "test_log_loss": log_loss(test[c.name]),
                    "test_accuracy": accuracy(test[c.name]),
                }
                for c in candidates
            ]
        ).sort_values("out_of_fold_log_loss", kind="stable", ignore_index=True)
        named = {
            name: {split: _of_split(of[split], split, name) for split in SPLITS} for name, of in predictions.items()
        }
        return named, figures

    def _rule(self, everyone: PredictionSet, candidates: list[Candidate], chosen: Mapping[str, Any]) -> Any:
        if chosen["rule"] == BEST_MEMBER:
            return lambda members: members[chosen["best_member"]]
        combiner = fit_combiner(everyone, make_rules(candidates, self._registry)[chosen["rule"]])
        return lambda members: combine(members, combiner)

    def _predictions(
        self,
        folder: str,
        sources: list[str],
        key: str,
        ids: np.ndarray,
        labels: np.ndarray,
        *,
        split: str | None = None,
    ) -> PredictionSet:
        fields: dict[str, Any] = {"ids": ids, "classes": self._images.classes, "labels": labels, "split": split}
        fields["fit_ids"] = self._ids if split else None
        members: list[Predictions] = []
        for source in sources:
            with np.load(self._pieces.folder / folder / f"{source}.npz") as arrays:
                members += [
                    Predictions(arrays[name], member=name.partition("/")[2], **fields)
                    for name in arrays.files
                    if name.startswith(f"{key}/")
                ]
        return align(members)


def _of_split(p: Predictions, split: str, name: str) -> Predictions:
    fit_ids = None if split == "valid" else p.fit_ids
    return Predictions(
        p.probas, ids=p.ids, classes=p.classes, labels=p.labels, split=split, member=name, fit_ids=fit_ids
    )


def _hindsight(figures: pd.DataFrame, best_member: str) -> str:
    of = figures.set_index("candidate")["test_accuracy"]
    return (
        f"best_member is chosen out of fold; its test accuracy is {of[best_member]:.3f}. The best of the {len(of)} "
        f"candidates on test, which is known only afterwards, is {of.idxmax()} with {of.max():.3f}."
    )


def _write_arrays(path: Path, arrays: Mapping[str, Mapping[str, np.ndarray]]) -> None:
    """Write arrays as ``KEY/NAME``."""
    with atomic_path(path) as partial, Path(partial).open("wb") as file:
        np.savez(file, **{f"{key}/{name}": array for key, by_name in arrays.items() for name, array in by_name.items()})
