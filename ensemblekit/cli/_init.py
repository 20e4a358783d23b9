"""``ensemblekit init``."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import FolderNotFoundError, OutputExistsError
from ..printed import printable
from ._commands import command

if TYPE_CHECKING:
    import numpy as np

README, LABELS, PART = "README.md", "labels.csv", "forest.part.csv"
DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
N_FITTED, N_HELD_OUT, N_LACKING = 600, 600, 40

TEXT = """# An example to play with

Three models have learned to read handwritten digits, the {n_digits} of scikit-learn's `load_digits`, from {n_fitted}
of them. Here are their predictions of the others:

| files | rows | labels |
|---|---|---|
| `forest.valid.csv`, `bayes.valid.csv`, `logistic.valid.csv` | {n_valid} held-out rows, to fit rules on | inside |
| `forest.test.csv`, `bayes.test.csv`, `logistic.test.csv` | {n_test} test rows, to judge on | in `labels.csv` |
| `forest.part.csv` | the test rows without {n_lacking} | in `labels.csv` |

Open one: a line is a digit, a column a class. The lines of each file are in an order of their own. Rows are matched by
id, so the order does not matter.

Run the commands in this folder. How good is each model, with 95 % intervals?

```sh
ensemblekit evaluate *.test.csv --labels labels.csv
```

Which rule combines them best, by the held-out rows? The rule is written to the folder `choice`.

```sh
ensemblekit choose *.valid.csv --rule mean --rule geometric_mean --rule stacking -o choice
```

Combine the test rows by this rule, and by the mean:

```sh
ensemblekit combine *.test.csv --load choice/combiner -o chosen.csv
ensemblekit combine *.test.csv -o mean.csv
```

Is either better than the best model? One look at the test rows decides:

```sh
ensemblekit compare logistic.test.csv mean.csv chosen.csv --labels labels.csv --metric accuracy
ensemblekit report *.test.csv --labels labels.csv -o report.html
```

One model lacks rows. That is refused, and the error says what can be done; to combine the rows that all models have,
say so:

```sh
ensemblekit combine forest.part.csv bayes.test.csv -o part.csv --missing common
```

All rules with their options, and the help of each command, which has more examples for these files:

```sh
ensemblekit plugins --kind combiner
ensemblekit combine --help
```
"""


@command(
    ("A folder with predictions of three models, labels, and commands to try", "ensemblekit init"),
    ("The same elsewhere", "ensemblekit init digits"),
)
def init(
    folder: Annotated[Path, typer.Argument(help="Folder to write; it must be new or empty.", metavar="FOLDER")] = Path(
        "ensemblekit-example"
    ),
) -> None:
    """Write a small example to play with: predictions of three models, labels, and a page of commands."""
    from ..files import atomic_folder

    path = folder.resolve()
    if path.is_dir() and any(path.iterdir()):
        raise OutputExistsError(
            f"an example is written to a new or an empty folder; {str(folder)!r} has files. Take another: ensemblekit "
            "init FOLDER."
        )
    if path.exists() and not path.is_dir():
        raise OutputExistsError(f"an example is a folder; {str(folder)!r} is a file. Take another name.")
    if not path.parent.is_dir():
        raise FolderNotFoundError(
            f"the folder of an output must exist; that of {str(folder)!r} does not. Make it first."
        )
    if path.is_dir():
        _fill(path)
    else:
        with atomic_folder(path) as new:
            _write(new)
    typer.echo(f"{printable(folder)}: predictions of 3 models, labels, and {README} with commands to try there")


def _fill(folder: Path) -> None:
    """Write into an empty folder, which may be the current one of a shell and must stay the same: all files or none."""
    with tempfile.TemporaryDirectory(prefix=".ensemblekit-", dir=folder) as temporary:
        _write(Path(temporary))
        moved: list[Path] = []
        try:
            moved.extend(file.rename(folder / file.name) for file in sorted(Path(temporary).iterdir()))
        except BaseException:
            for file in moved:
                file.unlink()
            raise


def _write(folder: Path) -> None:
    """Fit three models on digits, and write what they predict of the rows that they have not seen."""
    import numpy as np
    from sklearn.datasets import load_digits

    from ..predictions import Predictions

    pixels, digits = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(digits))
    ids = np.array([f"digit-{row:04}" for row in range(len(digits))])
    fitted, held_out, test = np.split(order, [N_FITTED, N_FITTED + N_HELD_OUT])
    for number, (name, model) in enumerate(_models().items()):
        model.fit(pixels[fitted], digits[fitted])
        shuffled = np.random.default_rng(number + 1)
        for split, rows in (("valid", np.sort(held_out)), ("test", np.sort(test))):
            rows = shuffled.permutation(rows)
            predictions = Predictions(
                model.predict_proba(pixels[rows]),
                ids=ids[rows],
                classes=DIGITS,
                labels=np.array(DIGITS)[digits[rows]] if split == "valid" else None,
                member=name,
                split=split,
            )
            predictions.save(folder / f"{name}.{split}.csv")
            if (name, split) == ("forest", "test"):
                predictions.take(predictions.ids[N_LACKING:]).save(folder / PART)
    _write_labels(folder / LABELS, ids[np.sort(test)], np.array(DIGITS)[digits[np.sort(test)]])
    counts = {"n_digits": len(digits), "n_fitted": N_FITTED, "n_valid": N_HELD_OUT, "n_test": len(test)}
    (folder / README).write_text(TEXT.format(**counts, n_lacking=N_LACKING), encoding="utf-8")


def _models() -> dict[str, Any]:
    from sklearn.decomposition import PCA
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.naive_bayes import GaussianNB
    from sklearn.pipeline import make_pipeline

    return {
        "forest": RandomForestClassifier(60, max_depth=6, random_state=0),
        "bayes": make_pipeline(PCA(16, random_state=0), GaussianNB()),
        "logistic": make_pipeline(PCA(12, random_state=0), LogisticRegression(C=0.1, max_iter=500)),
    }


def _write_labels(path: Path, ids: np.ndarray, labels: np.ndarray) -> None:
    import pandas as pd

    pd.DataFrame({"id": ids, "label": labels}).to_csv(path, index=False)
