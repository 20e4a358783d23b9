"""`profile_model`: latency, size and memory, by member; and what dropping a member saves and loses."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Hashable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..assembly import import_keras
from ..errors import InvalidOptionError
from ..evaluation import paired_bootstrap
from ..fusion import fuse
from ..predicting import Predictor, open_model
from ..predictions import PredictionSet, align
from ._graph import FusedGraph
from ._timing import time_calls
from ._worth import Worth, subsets_of

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Profile", "profile_model"]

MEMORY = """
import sys
from ensemblekit import open_model
import numpy as np
def size(key):
    return int([line for line in open("/proc/self/status") if line.startswith(key)][0].split()[1]) * 1024
import keras
before = size("VmRSS")
model = open_model(sys.argv[1], classes=sys.argv[3:] or None)
for _ in range(3):
    model.predict(np.zeros((int(sys.argv[2]), *model.input_shape), "float32"))
print(size("VmHWM") - before)
"""


class Profile(NamedTuple):
    """What a model costs.

    Attributes
    ----------
    name : str
        Of the model.
    latency : pandas.DataFrame
        A row a batch size: ``batch``; ``ms``, the median for a whole batch, with the deciles ``low`` and ``high``;
        ``images_per_second``.
    members : pandas.DataFrame or None
        A row a member: ``alone_ms`` and ``alone_parameters``, what it costs by itself; ``saves_ms`` and
        ``saves_parameters``, what the model without it costs less, which is less than that where layers are shared.
        With predictions ``accuracy`` and ``log_loss`` of the ensemble without it, and ``accuracy_change`` and
        ``log_loss_change`` against the whole, each with ``_low`` and ``_high`` of its 95 % paired interval. None
        where the members are not known.
    frontier : pandas.DataFrame or None
        A row a subset of the members: ``members``, ``ms``, whether that is ``measured``, ``accuracy``, ``log_loss``,
        and ``on_frontier``: no other subset is as fast and more accurate, or as accurate and faster. None without
        predictions.
    batch : int
        Batch size that the costs of members are measured at.
    n_parameters : int or None
        Of the model, where it is of Keras.
    n_bytes : int or None
        On disk, where it was opened from there.
    peak_memory : int or None
        Bytes that a process of its own takes more to load it and predict its largest batch; where it was opened from
        disk, on Linux.
    """

    name: str
    latency: pd.DataFrame
    members: pd.DataFrame | None
    frontier: pd.DataFrame | None
    batch: int
    n_parameters: int | None
    n_bytes: int | None
    peak_memory: int | None


def profile_model(
    model: Any,
    *,
    classes: Sequence[Hashable] | None = None,
    predictions: Any = None,
    combiner: Any = "mean",
    fit_on: Any = None,
    batch_sizes: Sequence[int] = (1, 8, 32),
    seconds: float = 2.0,
    seed: int = 0,
) -> Profile:
    """Measure what a model costs, and what each of its members is worth.

    Parameters
    ----------
    model : path-like, keras.Model, EnsembleClassifier, Predictor, or mapping of str to keras.Model
        As in `open_model`; a mapping is fused first.
    classes : sequence of str or int, optional
        Names of the outputs, where the model does not hold them.
    predictions : PredictionSet, or sequence or mapping of Predictions or paths, optional
        Labelled predictions of each member, as `predict_images` writes with ``members=True``.
    combiner : str or Combiner, default="mean"
        The rule by which the members' predictions are combined anew without some of them.
    fit_on : like ``predictions``, optional
        Held-out predictions, for a rule that learns; never the rows of ``predictions``.
    batch_sizes : sequence of int, default=(1, 8, 32)
        Images at a time. Members are measured at the first.
    seconds : float, default=2
        How long each comparison is measured.
    seed : int, default=0
        Of the images, which are noise, and of the resamples.

    Returns
    -------
    Profile
        Tables; `ensemblekit.report.print_table` prints them, `ensemblekit.plots.plot_frontier` draws the frontier.

    Raises
    ------
    InvalidOptionError
        If options are not valid.
    AlignmentError
        If predictions are not of the members of the model.
    NotFittedError
        If the rule learns and ``fit_on`` is not given.
    LeakageError
        If ``fit_on`` has rows of ``predictions``, or of the test split.

    Notes
    -----
    All is compiled and called once before it is timed, and timed in turns, so that other work on the machine hits all
    alike. A member's cost is that of the layers that it needs. The latency of a subset of the members is measured for
    all members, each alone, and all but one; that of other subsets is estimated, as the sum of what groups of layers
    cost that the same members share, which fits the measured ones best (non-negative least squares). Up to 10 members
    (6 where the rule learns) all subsets are looked at, beyond that those of a greedy way down.
    """
    sizes = list(batch_sizes)
    if not sizes or any(not isinstance(n, int) or isinstance(n, bool) or n < 1 for n in sizes):
        raise InvalidOptionError(f"batch_sizes must be whole numbers >= 1, one at least; received {batch_sizes!r}.")
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not seconds > 0:
        raise InvalidOptionError(f"seconds must be a number > 0; received {seconds!r}.")
    path = Path(model) if isinstance(model, (str, os.PathLike)) else None
    if isinstance(model, Mapping):
        model = fuse(model, "mean", classes=classes)
        classes = None
    predictor = open_model(model, classes=classes)
    random = np.random.default_rng(seed)
    images = random.uniform(0, 255, (max(sizes), *predictor.input_shape)).astype(np.float32)
    latency = _latency(predictor, images, sizes, seconds)
    members = frontier = None
    if predictor.members:
        graph = FusedGraph(predictor.model)
        worth = None
        if predictions is not None:
            worth = Worth(_set(predictions), combiner, None if fit_on is None else _set(fit_on), graph.members)
        members, frontier = _by_member(graph, worth, images[: sizes[0]], seconds, seed)
    elif predictions is not None:
        raise InvalidOptionError(f"{predictor.name!r} does not know its members, of which predictions tell the worth.")
    return Profile(
        predictor.name,
        latency,
        members,
        frontier,
        sizes[0],
        None if predictor.model is None else int(predictor.model.count_params()),
        None if path is None else _size(path),
        None if path is None else _peak(path, max(sizes), classes),
    )


def _set(predictions: Any) -> PredictionSet:
    return predictions if isinstance(predictions, PredictionSet) else align(predictions)


def _latency(predictor: Predictor, images: np.ndarray, sizes: Sequence[int], seconds: float) -> pd.DataFrame:
    import pandas as pd

    def call(n: int) -> Callable[[], object]:
        return lambda: predictor.predict(images[:n])

    taken = time_calls({n: call(n) for n in sizes}, seconds)
    rows = [
        {
            "batch": n,
            "ms": 1000 * float(np.median(times)),
            "low": 1000 * float(np.quantile(times, 0.1)),
            "high": 1000 * float(np.quantile(times, 0.9)),
            "images_per_second": n / float(np.median(times)),
        }
        for n, times in taken.items()
    ]
    return pd.DataFrame(rows)


def _by_member(
    graph: FusedGraph, worth: Worth | None, images: np.ndarray, seconds: float, seed: int
) -> tuple[pd.DataFrame, pd.DataFrame | None]:
    import pandas as pd

    whole = graph.members
    without = {m: tuple(o for o in whole if o != m) for m in whole}
    looked_at = dict.fromkeys([whole, *((m,) for m in whole), *(rest for rest in without.values() if rest)])
    measured = time_calls({some: graph.call_of(some, images) for some in looked_at}, seconds)
    ms = {frozenset(some): 1000 * float(np.median(times)) for some, times in measured.items()}
    all_ms = ms[frozenset(whole)]
    rows: list[dict[str, Any]] = []
    for member in whole:
        rest = without[member]
        row: dict[str, Any] = {
            "member": member,
            "alone_ms": ms[frozenset([member])],
            "alone_parameters": graph.parameters([member]),
            "saves_ms": all_ms - ms.get(frozenset(rest), 0.0),
            "saves_parameters": graph.parameters(whole) - graph.parameters(rest),
        }
        if worth is not None and rest:
            row |= _loss(worth, whole, rest, seed)
        rows.append(row)
    return pd.DataFrame(rows), None if worth is None else _frontier(graph, worth, ms)


def _loss(worth: Worth, whole: Sequence[str], rest: Sequence[str], seed: int) -> dict[str, float]:
    changes = paired_bootstrap(
        worth.combined(rest), worth.combined(whole), metrics=("accuracy", "log_loss"), seed=seed
    ).set_index("metric")
    found: dict[str, float] = {}
    for metric in ("accuracy", "log_loss"):
        line: Any = changes.loc[metric]
        found |= {
            metric: float(line["first"]),
            f"{metric}_change": float(line["difference"]),
            f"{metric}_change_low": float(line["low"]),
            f"{metric}_change_high": float(line["high"]),
        }
    return found


def _frontier(graph: FusedGraph, worth: Worth, ms: dict[frozenset[str], float]) -> pd.DataFrame:
    import pandas as pd

    groups = list(graph.groups)
    estimate = _estimator(groups, ms)
    rows: list[dict[str, Any]] = []
    for some in subsets_of(graph.members, worth):
        right, loss = worth.score(some)
        key = frozenset(some)
        known = key in ms
        rows.append(
            {"members": some, "ms": ms[key] if known else estimate(key), "measured": known, "accuracy": right,
             "log_loss": loss}
        )  # fmt: skip
    rows.sort(key=lambda row: (row["ms"], -row["accuracy"]))
    best = -1.0
    for row in rows:
        row["on_frontier"] = row["accuracy"] > best
        best = max(best, row["accuracy"])
    return pd.DataFrame(rows)


def _estimator(groups: list[frozenset[str]], ms: dict[frozenset[str], float]) -> Callable[[frozenset[str]], float]:
    from scipy.optimize import nnls

    subsets = list(ms)
    # Whatever is run costs a call: the last column.
    uses = np.array([[bool(group & some) for group in groups] + [True] for some in subsets], dtype=np.float64)
    costs, _ = nnls(uses, np.array([ms[some] for some in subsets]))
    return lambda some: float(np.array([bool(group & some) for group in groups] + [True]) @ costs)


def _size(path: Path) -> int:
    return sum(p.stat().st_size for p in path.rglob("*") if p.is_file()) if path.is_dir() else path.stat().st_size


def _peak(path: Path, batch: int, classes: Sequence[Hashable] | None) -> int | None:
    if not Path("/proc/self/status").is_file():
        return None
    import_keras("profile_model")
    command = [sys.executable, "-c", MEMORY, os.fspath(path), str(batch), *map(str, classes or ())]
    done = subprocess.run(command, capture_output=True, text=True)  # noqa: S603 - our own interpreter and code
    return int(done.stdout.split()[-1]) if done.returncode == 0 and done.stdout.split() else None
