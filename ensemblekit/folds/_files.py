"""`load_folds`: files of fold models, of ours or from elsewhere, as one bag."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..arguments import typed
from ..errors import FolderNotFoundError, InvalidOptionError, InvalidPredictionsError, StoreError
from ..predictions import Predictions, PredictionSet, align
from ..predictions.formats import SUFFIXES
from ..predictions.names import few
from ..predictions.tables import READ
from ._bag import FoldBag
from ._kept import MANIFEST, kept_fold, read_manifest

__all__ = ["load_folds"]

Paths = Mapping[str, str | os.PathLike[str]]
FOLD = re.compile(r"(?:^|[^a-z0-9])(?:fold|split|cv|f)[ _=-]?([0-9]+)(?![0-9])", re.IGNORECASE)
"""How names of files and folders say the fold: ``fold_0``, ``fold-3``, ``oof_cv1``."""
TEST = re.compile(r"(?:^|[^a-z])(test|sub|submission|new)(?![a-z])", re.IGNORECASE)
"""Names of files with predictions of other rows."""


@typed(but=("folds", "groups", "labels"))
def load_folds(
    folds: str | os.PathLike[str] | Paths,
    *,
    test: Paths | None = None,
    groups: Any = None,
    labels: Any = None,
    name: str | None = None,
    read: Mapping[str, Any] | None = None,
    trusted: Iterable[type | str] = (),
) -> FoldBag:
    r"""Load a bag that `fit_folds` kept, or files of folds from elsewhere.

    Parameters
    ----------
    folds : path-like, or mapping of fold to path
        A folder of `fit_folds`; a folder whose files or folders say their fold by names such as ``fold_0``: files
        called ``test`` or ``submission`` hold other rows, all others those that the fold held out, such as ``oof.csv``;
        or ``{fold: path}`` of the held-out rows.
    test : mapping of fold to path, optional
        Files with predictions of other rows, the same for every fold.
    groups : mapping of id to group, or Series indexed by id, optional
        Groups of the held-out rows. Groups of ids that are not here are ignored.
    labels : mapping of id to label, or Series indexed by id, optional
        Labels of the held-out rows, if the files have none.
    name : str, optional
        Name of the bag; by default that of the folder.
    read : mapping of str to Any, optional
        How tables that `Predictions.save` did not write are read, as in `align`: ``{"id": "image", "label": "y"}``.
    trusted : iterable of type or str, optional
        As in `ensemblekit.store.load`, for a folder of `fit_folds`.

    Returns
    -------
    FoldBag
        With ``oof`` and, from files, ``test`` instead of models.

    Raises
    ------
    StoreError
        If a folder of `fit_folds` is not finished.
    InvalidOptionError
        If names of files do not say their folds.
    FolderNotFoundError
        If there is no such folder.
    InvalidPredictionsError
        If a row is held out by several folds.

    Notes
    -----
    Files that do not say ``fit_ids`` are taken at their word: the model of a fold was fitted on the rows of all other
    folds. If groups are cut by the folds, the rows are known as seen, and guards refuse them.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from ensemblekit.folds import load_folds
    >>> folder = Path(tempfile.mkdtemp())
    >>> for fold in (0, 1):
    ...     (folder / f"fold_{fold}").mkdir()
    ...     _ = (folder / f"fold_{fold}" / "oof.csv").write_text(f"id,cat,dog,label\nrow{fold},0.9,0.1,cat\n")
    ...     _ = (folder / f"fold_{fold}" / "test.csv").write_text(f"id,cat,dog\nnew,0.{fold + 6},0.{4 - fold}\n")
    >>> bag = load_folds(folder, name="net")
    >>> bag.oof.folds.tolist(), bag.oof.seen.any().item(), bag.predict().probas.round(2).tolist()
    (['0', '1'], False, [[0.65, 0.35]])
    """
    if unknown := [option for option in read or () if option not in READ]:
        raise InvalidOptionError(f"read must have keys out of {', '.join(READ)}; received {few(unknown)}.")
    options = dict(read or {})
    if isinstance(folds, Mapping):
        held, others = {str(fold): Path(path) for fold, path in folds.items()}, dict(test or {})
        name = name or "folds"
    else:
        folder = Path(folds)
        if not folder.is_dir():
            raise FolderNotFoundError(f"there must be a folder of folds at {os.fspath(folder)!r}; there is none.")
        name = name or folder.absolute().name
        if (folder / MANIFEST).is_file():
            return _own(folder, trusted)
        held, found = _sorted(folder)
        others = dict(test) if test is not None else found
    if not held:
        raise InvalidOptionError("files of folds must say which rows they held out; received none.")
    parts = {fold: Predictions.load(path, **options) for fold, path in held.items()}
    oof = _joined(parts, name, groups, labels)
    return FoldBag(name, oof, {}, test=_test(others, oof, name, options) if others else None)


def _own(folder: Path, trusted: Iterable[type | str]) -> FoldBag:
    manifest = read_manifest(folder)
    kept = {fold: kept_fold(folder, fold, trusted) for fold in manifest["folds"]}
    if lacks := [fold for fold, found in kept.items() if found is None]:
        raise StoreError(
            f"a folder of folds must be finished to be loaded; {os.fspath(folder)!r} lacks {few(lacks)} of {len(kept)} "
            "folds. Call fit_folds again with the same arguments: it goes on."
        )
    found = {fold: pair for fold, pair in kept.items() if pair is not None}
    oof = Predictions.concat({fold: p for fold, (p, _) in found.items()}, member=manifest["name"])
    return FoldBag(manifest["name"], oof, {fold: model for fold, (_, model) in found.items()})


def _sorted(folder: Path) -> tuple[dict[str, Path], dict[str, Path]]:
    """Tell files of held-out rows from those of other rows, by their names and those of their folders."""
    held: dict[str, Path] = {}
    others: dict[str, Path] = {}
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name.lower().endswith(SUFFIXES))
    for path in files:
        relative = path.relative_to(folder)
        match = [m for part in relative.parts for m in FOLD.finditer(part)]
        if not match:
            raise InvalidOptionError(
                f"names of files must say their fold, as fold_0/oof.csv or oof_fold0.csv; received "
                f"{os.fspath(relative)!r}. Give {{fold: path}}, and test={{fold: path}}."
            )
        fold = match[-1].group(1)
        of = others if TEST.search(path.stem) else held
        if fold in of:
            raise InvalidOptionError(
                f"each fold must have one file of each kind; fold {fold} has "
                f"{os.fspath(of[fold].relative_to(folder))!r} and {os.fspath(relative)!r}. Give {{fold: path}}, and "
                "test={fold: path}."
            )
        of[fold] = path
    return dict(sorted(held.items())), dict(sorted(others.items()))


def _joined(parts: Mapping[str, Predictions], name: str, groups: Any, labels: Any) -> Predictions:
    oof = Predictions.concat(parts, member=name)
    if labels is not None:
        oof = oof.with_labels(labels)
    if groups is not None:
        oof = oof.with_groups(groups)
    if any(p.fit_ids is not None for p in parts.values()):
        if lacks := [fold for fold, p in parts.items() if p.fit_ids is None]:
            raise InvalidPredictionsError(
                f"all folds must say what they were fitted on, or none; {few(lacks)} of {len(parts)} do not."
            )
        return oof
    folds = np.concatenate([np.full(len(p), fold, dtype=object) for fold, p in parts.items()])
    return Predictions(
        oof.probas, ids=oof.ids, classes=oof.classes, labels=oof.labels, task=oof.task, split=oof.split, member=name,
        groups=oof.groups, folds=folds, missing="error" if oof.present is None else "renormalize",
    )  # fmt: skip


def _test(paths: Mapping[str, Any], oof: Predictions, name: str, options: Mapping[str, Any]) -> PredictionSet:
    fits = oof.fits
    members: list[Predictions] = []
    for fold, path in paths.items():
        p = Predictions.load(path, **options)
        known = fits is not None and str(fold) in fits.names
        members.append(
            Predictions(
                p.probas, ids=p.ids, classes=p.classes, labels=p.labels, task=p.task, split=p.split,
                member=f"{name}/{fold}", groups=p.groups,
                fit_ids=fits.fit_ids(str(fold)) if known and fits is not None else p.fit_ids,
                fit_groups=fits.fit_groups(str(fold)) if known and fits is not None else p.fit_groups,
                missing="error" if p.present is None else "renormalize",
            )
        )  # fmt: skip
    return align(members)
