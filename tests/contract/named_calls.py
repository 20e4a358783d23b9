"""Calls of functions and of predictions, each with one argument whose rows, columns or members are named."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

import ensemblekit as ek
from ensemblekit import Combiner, Predictions, align, combine, evaluation, fit_combiner
from ensemblekit.predictions.named import by_member, is_default

from .named_doors import CLASSES, LOOKED_UP, TABLES, Give, World, cells, door, of_ids

# Predictions.


@door("predictions.Predictions(probas)", "predictions.Predictions(ids)", containers=TABLES, columns=True)
def _(world: World, give: Give) -> Any:
    return cells(Predictions(give(world.probas), ids=world.ids, classes=CLASSES))


@door("predictions.Predictions(probas) alone", containers=TABLES, columns=True, reads=False)
def _(world: World, give: Give) -> Any:
    frame = give(world.probas)
    if frame is world.probas:
        return cells(Predictions(frame, ids=world.ids, classes=CLASSES))
    return cells(Predictions(frame))


@door("predictions.Predictions(labels)", containers=LOOKED_UP)
def _(world: World, give: Give) -> Any:
    p = Predictions(world.probas, ids=world.ids, classes=CLASSES, labels=give(world.labels))
    return of_ids(p.ids, p.labels)


@door("predictions.Predictions(labels) of numbers", containers=LOOKED_UP)
def _(world: World, give: Give) -> Any:
    p = Predictions(world.value, ids=world.ids, classes=["value"], labels=give(world.value), task="regression")
    return of_ids(p.ids, p.labels[:, 0])


@door("predictions.Predictions(labels) of indicators", containers=("pandas",), columns=True)
def _(world: World, give: Give) -> Any:
    truth = np.eye(3)[world.codes]
    p = Predictions(world.probas, ids=world.ids, classes=CLASSES, labels=give(truth), task="multilabel")
    return of_ids(p.ids, p.labels)


@door("predictions.Predictions(fit_ids)", reads=False)
def _(world: World, give: Give) -> Any:
    fitted = give(np.array(world.ids, dtype=object))
    kept = fitted.index if hasattr(fitted, "index") else fitted
    return Predictions(world.probas, ids=world.ids, classes=CLASSES, fit_ids=kept).fit_ids.tolist()


@door("predictions.Predictions(classes)", reads=False)
def _(world: World, give: Give) -> Any:
    given = give(np.array(CLASSES, dtype=object), names=[0, 1, 2])
    classes = given.to_dict() if hasattr(given, "index") else CLASSES
    return cells(Predictions(world.probas, ids=world.ids, classes=classes))


@door("predictions.Predictions(classes) by name", reads=False)
def _(world: World, give: Give) -> Any:
    given = give(np.arange(3), names=CLASSES)
    classes = given.astype(int).to_dict() if hasattr(given, "index") else CLASSES
    return cells(Predictions(world.probas, ids=world.ids, classes=classes))


@door("predictions.PredictionSet.with_labels(labels)", containers=LOOKED_UP)
def _(world: World, give: Give) -> Any:
    p = align([world.member(labels=None)]).with_labels(give(world.labels))
    return of_ids(p.ids, p.labels)


@door("predictions.Predictions.take(ids)", "predictions.PredictionSet.take(ids)", reads=False)
def _(world: World, give: Give) -> Any:
    ids = give(np.array(world.ids, dtype=object))
    kept = ids.index if hasattr(ids, "index") else ids
    return cells(align([world.member()]).take(kept)["k"]) | cells(world.member().take(kept))


# Combining.


class Shown(Combiner):
    """Answers with the features that it is shown."""

    traits = frozenset({"learns"})

    def fit(self, predictions: Any, *, features: Any = None, sample_weight: Any = None) -> Any:
        self.seen_, self.weight_ = features, sample_weight
        return self

    def combine(self, member_probas: Any, *, features: Any = None, xp: Any = np) -> Any:
        return features / features.sum(axis=1, keepdims=True)


@door("combining.combine(features)", containers=TABLES, columns=True)
def _(world: World, give: Give) -> Any:
    shown = fit_combiner([world.member()], Shown(), features=pd.DataFrame(world.probas, world.ids, CLASSES))
    features = give(world.probas**2)
    features = features if hasattr(features, "columns") else (world.ids, features)
    return cells(combine([world.member()], shown, features=features))


@door("combining.fit_combiner(features)", containers=LOOKED_UP)
def _(world: World, give: Give) -> Any:
    features = give(world.x)
    features = (world.ids, features) if features is world.x else features
    return fit_combiner([world.member()], Shown(), features=features).seen_.tolist()


@door("combining.fit_combiner(features) beside ids")
def _(world: World, give: Give) -> Any:
    return fit_combiner([world.member()], Shown(), features=(world.ids, give(world.x))).seen_.tolist()


@door("combining.fit_combiner(sample_weight)", containers=LOOKED_UP)
def _(world: World, give: Give) -> Any:
    return fit_combiner(world.pair, "weighted", sample_weight=give(world.weight)).weights_.tolist()


@door("combining.combine(more_options) of weights", reads=False)
def _(world: World, give: Give) -> Any:
    weights = by_member(give(np.array([0.2, 0.8]), names=["k", "m"]))
    return cells(combine(world.pair, "weighted", weights=weights))


# Evaluation.


def grouped(world: World, give: Give) -> Any:
    groups = give(world.group)
    return dict(zip(world.ids, groups.tolist(), strict=True)) if groups is world.group else groups


@door("evaluation.bootstrap_interval(groups)", containers=LOOKED_UP, reads=False)
def _(world: World, give: Give) -> Any:
    return evaluation.bootstrap_interval(world.member(), "log_loss", groups=grouped(world, give), n_resamples=99)


@door("evaluation.score_table(groups)", containers=LOOKED_UP, reads=False)
def _(world: World, give: Give) -> Any:
    table = evaluation.score_table({"k": world.member()}, groups=grouped(world, give), n_resamples=99)
    return table.drop(columns="in_sample").to_dict("records")


@door("evaluation.paired_bootstrap(groups)", containers=LOOKED_UP, reads=False)
def _(world: World, give: Give) -> Any:
    return evaluation.paired_bootstrap(*world.pair, groups=grouped(world, give), n_resamples=99).to_dict("records")


@door("evaluation.compare_with_reference(groups)", containers=LOOKED_UP, reads=False)
def _(world: World, give: Give) -> Any:
    models = dict(zip("km", world.pair, strict=True))
    return evaluation.compare_with_reference(models, "k", groups=grouped(world, give), n_resamples=99).to_dict(
        "records"
    )


@door("evaluation.compare_with_best_member(groups)", containers=LOOKED_UP, reads=False)
def _(world: World, give: Give) -> Any:
    models = dict(zip("km", world.pair, strict=True))
    other = Predictions([[0.5, 0.25, 0.25]], ids=["other"], classes=CLASSES, labels=["cat"])
    if not isinstance(world.ids[0], str):
        other = Predictions([[0.5, 0.25, 0.25]], ids=[999], classes=CLASSES, labels=["cat"])
    return evaluation.compare_with_best_member(
        models, {"k": ["m"]}, chosen_on={"m": other}, groups=grouped(world, give), n_resamples=99
    ).to_dict("records")


# Members.


def answer(x: Any) -> np.ndarray:
    shares = np.exp(np.asarray(x, dtype=float))
    return shares / shares.sum(axis=1, keepdims=True)


@door("members.collect(source)")
def _(world: World, give: Give) -> Any:
    return cells(ek.collect({"m": answer}, (world.ids, give(world.x)), classes=CLASSES, batch_size=10)["m"])


@door("members.collect(source) with labels")
def _(world: World, give: Give) -> Any:
    p = ek.collect({"m": answer}, (world.ids, world.x, give(world.labels)), classes=CLASSES, batch_size=10)
    return of_ids(p.ids, p.labels)


@door("members.collect(members) that answer in a table", containers=("pandas",), columns=True)
def _(world: World, give: Give) -> Any:
    def member(x: Any) -> Any:
        found = give(answer(x))
        return answer(x) if hasattr(found, "index") and is_default(found.index) else found

    return cells(ek.collect({"m": member}, (world.ids, world.x), classes=CLASSES)["m"])


@door("members.collect(classes)", "members.as_member(classes)", reads=False)
def _(world: World, give: Give) -> Any:
    given = give(np.array(CLASSES, dtype=object), names=[0, 1, 2])
    classes = given.to_dict() if hasattr(given, "index") else CLASSES
    member = ek.as_member(answer, name="m", classes=classes)
    first = ek.collect({"m": answer}, (world.ids, world.x), classes=classes)["m"]
    assert cells(first) == cells(ek.collect([member], (world.ids, world.x))["m"])
    return cells(first)


@door("members.as_member(fit_ids)", reads=False)
def _(world: World, give: Give) -> Any:
    fitted = give(np.array(world.ids, dtype=object))
    kept = fitted.index if hasattr(fitted, "index") else fitted
    member = ek.as_member(answer, name="m", classes=CLASSES, fit_ids=kept)
    return np.sort(member.fit_ids).tolist()
