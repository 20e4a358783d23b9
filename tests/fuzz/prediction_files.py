"""Cases of files of predictions: one small edit of a file that we wrote, or of a table of others."""

import contextlib
import functools
import random
import tempfile
from pathlib import Path

import numpy as np

from ensemblekit import EnsembleKitError, Predictions
from tests.fuzz.harness import edited

NAMES = ("probas", "ids", "labels", "label_codes", "fit_ids", "present")


def draw(seed: int, *, dense: bool) -> Predictions:
    rng = np.random.default_rng(seed)
    task = rng.choice(["multiclass", "multilabel", "regression"])
    n, n_classes = int(rng.integers(1, 8)), int(rng.integers(2, 4))
    shape = (n, *((2,) if dense else ()), n_classes)
    probas = rng.dirichlet(np.ones(n_classes), shape[:-1]).astype(rng.choice(["f2", "f4", "f8"]))
    if rng.random() < 0.3:
        probas[0] = np.nan
    classes = [["cat", "dog", "a,b"], [0, 1, 2], ["0", "1", "é"]][rng.integers(3)][:n_classes]
    codes = rng.integers(0, n_classes, shape[:-1])
    labels = np.asarray(classes)[codes] if task == "multiclass" else np.eye(n_classes)[codes]
    text = rng.random() < 0.6
    name = (lambda row: f"test/{'x' * (row % 3)}{row}.png") if text else (lambda row: 7 * row - 10)
    return Predictions(
        probas,
        ids=[name(row) for row in rng.permutation(20)[:n].tolist()],
        classes=classes,
        labels=labels if rng.random() < 0.6 else None,
        task=str(task),
        split=rng.choice(["valid", None]),
        member=rng.choice(["cnn", None]),
        fit_ids=[name(row) for row in range(20, 23)] if rng.random() < 0.6 else None,
        missing="renormalize",
    )


def said(p: Predictions) -> list[object]:
    """All that predictions say; of -0.0 and 0.0 the sign too."""
    return [*(repr(None if a is None else a.tolist()) for a in (getattr(p, name) for name in NAMES)), p.probas.dtype,
            p.probas.shape, repr(p.classes), p.task, p.split, p.member]  # fmt: skip


def an_edit(suffix: str, seed: int) -> str | None:
    saved = draw(seed, dense=suffix != ".csv" and seed % 4 == 0)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"p{suffix}"
        saved.save(path, overwrite=True)
        path.write_bytes(edited(random.Random(seed), path.read_bytes()))
        try:
            loaded = Predictions.load(path)
        except EnsembleKitError as error:
            return None if len(str(error)) < 3000 else f"an error of {len(str(error))} characters"
    return None if said(loaded) == said(saved) else f"a silent change: {said(saved)} became {said(loaded)}"


csv = functools.partial(an_edit, ".csv")
parquet = functools.partial(an_edit, ".parquet")
npz = functools.partial(an_edit, ".npz")


def aborted(number: int) -> str | None:
    """Edits at which pyarrow ended the interpreter."""
    return parquet([658][number])


def table(seed: int) -> None:
    """A table of others, edited up to three times: it is read, or refused by an error of ours."""
    import pandas as pd

    rng = random.Random(seed)
    p = draw(seed, dense=False)
    frame = pd.DataFrame(p.probas.astype("f8"), columns=list(map(str, p.classes)))
    frame.insert(0, "id", p.ids.tolist())
    if rng.random() < 0.5:
        frame["label"] = rng.choices(frame.columns[1:].tolist(), k=len(frame))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / rng.choice(["p.csv", "p.parquet"])
        if path.suffix == ".csv":
            frame.to_csv(path, index=rng.random() < 0.1)
        else:
            frame.to_parquet(path)
        content = path.read_bytes()
        for _ in range(rng.randint(1, 3)):
            content = edited(rng, content)
        path.write_bytes(content)
        for way in (False, True):
            with contextlib.suppress(EnsembleKitError):
                Predictions.load(path, edited=way)
