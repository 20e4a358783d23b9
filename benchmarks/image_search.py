"""Image search over the CT images: the neighbours by two backbones as runs, fused, judged by class.

``python benchmarks/image_search.py`` takes the test images as queries and the training images as the collection, where
DATA holds them. The first run computes the features, which takes some minutes. ``--page`` writes the table into
``docs/rankings.md``.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import typer
from rich.console import Console

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.command import make_app, run_app
from benchmarks.fewer.images import find_data, image_rows
from ensemblekit import FeatureBank
from ensemblekit.assembly import import_keras, quiet_tensorflow
from ensemblekit.ranking import Qrels, Run, compare_runs, fit_weights, fuse_runs, score_runs
from ensemblekit.report import to_markdown

DATA = Path(os.environ.get("ENSEMBLEKIT_DATA", Path(__file__).resolve().parents[1].parent / "shared"))
PAGE = Path(__file__).resolve().parent.parent / "docs" / "rankings.md"
BACKBONES = {"mobilenet_224": "MobileNetV2", "resnet_224": "ResNet50V2"}
METRICS = ("ndcg:k=10", "precision:k=10", "map", "mrr")
DEPTH = 50
FUSED = {
    "rrf": ("rrf", {}), "isr": ("isr", {}), "comb_sum": ("comb_sum", {}), "comb_mnz": ("comb_mnz", {}),
    "comb_sum, z-score": ("comb_sum", {"normalisation": "z-score"}), "borda": ("borda", {}),
}  # fmt: skip

app = make_app()


def neighbours(features: np.ndarray, ids: np.ndarray, query: np.ndarray, member: str, depth: int = DEPTH) -> Run:
    """Rank the images of the collection for each query by the cosine of their features.

    Parameters
    ----------
    features : ndarray of shape (n_images, n_features)
        Of all images.
    ids : ndarray of str, shape (n_images,)
        Names of the images.
    query : ndarray of bool, shape (n_images,)
        Which images are queries; the others are the collection.
    member : str
        Name of the run.
    depth : int
        Most neighbours of a query.
    """
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    cosine = unit[query] @ unit[~query].T
    depth = min(depth, cosine.shape[1])
    nearest = np.argpartition(-cosine, depth - 1, axis=1)[:, :depth]
    table = {
        "query": ids[query].repeat(depth),
        "item": ids[~query][nearest].ravel(),
        "score": np.take_along_axis(cosine, nearest, axis=1).ravel(),
    }
    return Run(table, member=member)


def judgements(ids: np.ndarray, labels: np.ndarray, query: np.ndarray) -> Qrels:
    """Call an image of the collection relevant to a query of its class."""
    same = labels[query][:, np.newaxis] == labels[~query]
    which, item = np.nonzero(same)
    return Qrels({"query": ids[query][which], "item": ids[~query][item], "grade": np.ones(len(item), dtype=int)})


def tables(runs: dict[str, Run], qrels: Qrels) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Fuse the runs in several ways; score each, and compare it with the better backbone.

    The better backbone by the first metric on these queries is the harder reference.
    """
    found = {name: fuse_runs(runs, rule, **options) for name, (rule, options) in FUSED.items()}
    found["rrf, learned weights"] = fit_weights(runs, qrels, "rrf", metric=METRICS[0]).out_of_fold
    scores = score_runs({**runs, **found}, qrels, metrics=METRICS)
    first = scores[scores["metric"] == METRICS[0]].set_index("model")["value"]
    best = max(runs, key=first.__getitem__)
    compared = compare_runs({best: runs[best], **found}, best, qrels, metrics=METRICS[0])
    wide = scores.assign(cell=[f"{v:.3f} ({a:.3f}-{b:.3f})" for v, a, b in scores[["value", "low", "high"]].to_numpy()])
    wide = wide.pivot_table(index="model", columns="metric", values="cell", aggfunc="first")
    wide = wide.loc[[*runs, *found], [*METRICS]].rename_axis(columns=None).reset_index(names="run")
    told = pd.DataFrame(
        {
            f"against {best}": compared["model"],
            "change of nDCG (k=10)": [f"{d:+.3f} ({a:+.3f} to {b:+.3f})" for d, a, b in
                                      compared[["difference", "low", "high"]].to_numpy()],
            "Holm p": [f"{p:.3f}" for p in compared["p_holm"]],
            "verdict": compared["verdict"],
        }
    )  # fmt: skip
    return wide, told


@app.command()
def image_search(
    data: Annotated[Path, typer.Option(help="Folder of the CT images and weights.")] = DATA,
    bank: Annotated[Path | None, typer.Option(help="Folder of the feature bank; by default that of the user.")] = None,
    page: Annotated[bool, typer.Option("--page", help="Write the tables into docs/rankings.md.")] = False,
) -> None:
    """Search images of the same class by two backbones, and by both."""
    console = Console(stderr=True)
    find_data(data)
    with quiet_tensorflow():
        import_keras("image_search")
    rows: Any = image_rows(
        data, FeatureBank(bank), tuple(BACKBONES), lambda text: console.print(f"features of {text}", style="dim")
    )
    query = np.array([str(name).startswith("test/") for name in rows.ids])
    kept = query | np.array([str(name).startswith("train/") for name in rows.ids])
    ids, labels, query = rows.ids[kept], rows.labels[kept], query[kept]
    runs = {name: neighbours(rows.features[key][kept], ids, query, name) for key, name in BACKBONES.items()}
    wide, told = tables(runs, judgements(ids, labels, query))
    text = f"{to_markdown(wide).strip()}\n\n{to_markdown(told).strip()}\n"
    typer.echo(text)
    if page:
        write_page(PAGE, text)


def write_page(path: Path, text: str) -> None:
    """Put tables between the marks of a page."""
    old = path.read_text()
    marks = re.compile("(<!-- image search -->\n).*?(<!-- /image search -->)", re.DOTALL)
    path.write_text(marks.sub(lambda found: f"{found[1]}\n{text}\n{found[2]}", old))


def main() -> None:
    """Run the command."""
    run_app(app, "image_search")


if __name__ == "__main__":
    main()
