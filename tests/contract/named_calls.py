"""Calls of functions and of predictions, each with one argument whose rows, columns or members are named."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.naive_bayes import GaussianNB

import ensemblekit as ek
from ensemblekit import Combiner, Predictions, align, choose, combine, evaluation, fit_combiner
from ensemblekit.folds import fit_folds, load_folds
from ensemblekit.predictions.named import by_member, is_default

from .named_doors import CLASSES, LOOKED_UP, TABLES, Give, N, World, cells, door, of_ids

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


@door("predictions.Predictions(groups)", containers=LOOKED_UP)
def _(world: World, give: Give) -> Any:
    p = Predictions(world.probas, ids=world.ids, classes=CLASSES, groups=give(world.group))
    return of_ids(p.ids, p.groups)


@door(
    "predictions.Predictions.with_groups(groups)", "predictions.PredictionSet.with_groups(groups)", containers=LOOKED_UP
)
def _(world: World, give: Give) -> Any:
    p = align([world.member().with_groups(give(world.group))]).with_groups(give(world.group))
    return of_ids(p.ids, p.groups)


@door("predictions.Predictions.with_labels(labels)", containers=LOOKED_UP)
def _(world: World, give: Give) -> Any:
    p = world.member(labels=None).with_labels(give(world.labels))
    return of_ids(p.ids, p.labels)


@door("predictions.Predictions.aggregate(by)", containers=LOOKED_UP)
def _(world: World, give: Give) -> Any:
    p = world.member(labels=None).aggregate(give(world.group))
    return of_ids(p.ids, p.probas.round(9))


@door("predictions.Predictions.aggregate(labels)", reads=False)
def _(world: World, give: Give) -> Any:
    names = [str(group) for group in np.unique(world.group)]
    p = world.member().aggregate(world.group, labels=give(np.resize(CLASSES, len(names)), names=names))
    return of_ids(p.ids, p.labels)


@door("folds.fit_folds(groups)", "folds.fit_folds(source)", containers=("pandas", "mapping"))
def _(world: World, give: Give) -> Any:
    p = fit_folds(GaussianNB(), (world.ids, world.x, world.labels), 2, groups=give(world.group)).oof
    return of_ids(p.ids, p.groups)


@door("folds.fit_folds(sample_weight)", containers=("pandas", "mapping"))
def _(world: World, give: Give) -> Any:
    source = world.ids, world.x, world.labels
    return cells(fit_folds(GaussianNB(), source, 2, sample_weight=give(world.weight)).oof)


@door("folds.FoldBag.predict(groups)", "folds.FoldBag.collect(groups)", "folds.FoldBag.predict(source)",
      "folds.FoldBag.collect(source)", containers=("pandas", "mapping"))  # fmt: skip
def _(world: World, give: Give) -> Any:
    bag = fit_folds(GaussianNB(), (world.ids, world.x, world.labels), 2)
    p = bag.predict((world.ids, world.x), groups=give(world.group))
    return of_ids(p.ids, p.groups)


def _files_of_folds(world: World, folder: str) -> dict[str, Path]:
    p, paths = world.member(labels=None), {}
    for fold in range(2):
        paths[str(fold)] = Path(folder) / f"fold_{fold}.npz"
        p.take(p.ids[np.arange(N) % 2 == fold]).save(paths[str(fold)])
    return paths


@door("folds.load_folds(groups)", containers=("pandas", "mapping"))
def _(world: World, give: Give) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        paths = _files_of_folds(world, folder)
        groups = give(world.group)
        if groups is world.group:  # files have an order of their own
            groups = dict(zip(world.ids, groups, strict=True))
        p = load_folds(paths, groups=groups).oof
    return of_ids(p.ids, p.groups)


@door("folds.load_folds(labels)", containers=("pandas", "mapping"))
def _(world: World, give: Give) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        paths = _files_of_folds(world, folder)
        labels = give(world.labels)
        if labels is world.labels:
            labels = dict(zip(world.ids, labels, strict=True))
        p = load_folds(paths, labels=labels).oof
    return of_ids(p.ids, p.labels)


@door("predictions.Predictions(folds)", containers=LOOKED_UP)
def _(world: World, give: Give) -> Any:
    p = Predictions(world.probas, ids=world.ids, classes=CLASSES, folds=give(world.codes))
    return of_ids(p.ids, p.folds)


@door("predictions.Predictions(fit_groups)", reads=False)
def _(world: World, give: Give) -> Any:
    return Predictions(world.probas, ids=world.ids, classes=CLASSES, fit_groups=give(world.group)).fit_groups.tolist()


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


@door("choosing.choose(groups)", containers=LOOKED_UP, reads=False)
def _(world: World, give: Give) -> Any:
    return choose(world.pair, rules=["mean"], groups=grouped(world, give)).sentence


@door("choosing.choose(sample_weight)", containers=LOOKED_UP)
def _(world: World, give: Give) -> Any:
    return choose(world.pair, rules=["mean"], sample_weight=give(world.weight)).table["value"].tolist()


# Evaluation.


def grouped(world: World, give: Give) -> Any:
    groups = give(world.group)
    return dict(zip(world.ids, groups.tolist(), strict=True)) if groups is world.group else groups


@door("evaluation.group_places(groups)", containers=LOOKED_UP, reads=False)
def _(world: World, give: Give) -> Any:
    return evaluation.group_places(world.member().ids, grouped(world, give)).tolist()


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


def by_id(world: World, given: Any, values: Any) -> Any:
    return dict(zip(world.ids, values.tolist(), strict=True)) if given is values else given


@door("evaluation.fit_conformal(groups)", containers=LOOKED_UP)
def _(world: World, give: Give) -> Any:
    groups = np.repeat(["x", "y"], N // 2)[np.argsort(world.value)]
    fitted = evaluation.fit_conformal(world.member(), alpha=0.3, groups=by_id(world, give(groups), groups))
    return fitted.thresholds.to_dict("records")


@door("evaluation.fit_conformal(folds)", containers=LOOKED_UP)
def _(world: World, give: Give) -> Any:
    folds = np.repeat(["x", "y"], N // 2)[np.argsort(world.value)]
    fitted = evaluation.fit_conformal(world.member(), alpha=0.3, folds=by_id(world, give(folds), folds))
    return [scores.tolist() for fold in fitted.cells.scores for scores in fold]


@door("evaluation.fit_conformal(spread)", containers=LOOKED_UP)
def _(world: World, give: Give) -> Any:
    p = Predictions(world.x[:, 0], ids=world.ids, classes=["value"], labels=world.value, task="regression")
    spread = by_id(world, give(world.weight), world.weight)
    return evaluation.fit_conformal(p, alpha=0.3, method="normalised", spread=spread).half_widths.tolist()


@door("evaluation.risk_coverage_curve(certainty)", containers=LOOKED_UP)
def _(world: World, give: Give) -> Any:
    certainty = by_id(world, give(world.weight), world.weight)
    return evaluation.risk_coverage_curve(world.member(seed=3), certainty=certainty).to_dict("list")


@door("evaluation.aurc(certainty)", containers=LOOKED_UP)
def _(world: World, give: Give) -> Any:
    return evaluation.aurc(world.member(seed=3), certainty=by_id(world, give(world.weight), world.weight))


@door("evaluation.fit_selective(certainty)", containers=LOOKED_UP)
def _(world: World, give: Give) -> Any:
    certainty = by_id(world, give(world.weight), world.weight)
    rule = evaluation.fit_selective(world.member(seed=3), risk=0.5, confidence=0.6, certainty=certainty)
    return [rule.threshold, rule.observed_risk]


def figures(table: Any) -> Any:
    return table.select_dtypes("number").to_numpy(dtype=float, na_value=-1).tolist()


@door("evaluation.bootstrap_interval(sample_weight)", containers=LOOKED_UP)
def _(world: World, give: Give) -> Any:
    return evaluation.bootstrap_interval(world.member(), "log_loss", sample_weight=give(world.weight), n_resamples=99)


@door("evaluation.score_table(sample_weight)", containers=LOOKED_UP)
def _(world: World, give: Give) -> Any:
    return figures(evaluation.score_table(world.member(), sample_weight=give(world.weight), n_resamples=99))


@door("evaluation.paired_bootstrap(sample_weight)", containers=LOOKED_UP)
def _(world: World, give: Give) -> Any:
    return figures(evaluation.paired_bootstrap(*world.pair, sample_weight=give(world.weight), n_resamples=99))


@door("evaluation.compare_with_reference(sample_weight)", containers=LOOKED_UP)
def _(world: World, give: Give) -> Any:
    models = dict(zip("km", world.pair, strict=True))
    return figures(evaluation.compare_with_reference(models, "k", sample_weight=give(world.weight), n_resamples=99))


@door("evaluation.compare_with_best_member(sample_weight)", containers=LOOKED_UP)
def _(world: World, give: Give) -> Any:
    models = dict(zip("km", world.pair, strict=True))
    other = "other" if isinstance(world.ids[0], str) else 999
    chosen_on = {"m": Predictions([[0.5, 0.25, 0.25]], ids=[other], classes=CLASSES, labels=["cat"])}
    return figures(
        evaluation.compare_with_best_member(
            models, {"k": ["m"]}, chosen_on=chosen_on, sample_weight=give(world.weight), n_resamples=99
        )
    )


@door("evaluation.permutation_test(groups)", containers=LOOKED_UP, reads=False)
def _(world: World, give: Give) -> Any:
    return evaluation.permutation_test(*world.pair, "log_loss", groups=grouped(world, give), n_resamples=99)


@door("evaluation.mcnemar(groups)", "evaluation.cochran_q(groups)", containers=LOOKED_UP, reads=False)
def _(world: World, give: Give) -> Any:
    one, other = world.pair
    both = {"one": one, "other": other}
    return (
        evaluation.mcnemar(one, other, groups=grouped(world, give)).p_value,
        evaluation.cochran_q(both, groups=grouped(world, give), n_resamples=99).p_value,
    )


@door("evaluation.permutation_test(sample_weight)", containers=LOOKED_UP)
def _(world: World, give: Give) -> Any:
    return evaluation.permutation_test(*world.pair, "log_loss", sample_weight=give(world.weight), n_resamples=99)


@door("evaluation.wilcoxon_test(groups)", containers=LOOKED_UP, reads=False)
def _(world: World, give: Give) -> Any:
    return evaluation.wilcoxon_test(*world.pair, "log_loss", groups=grouped(world, give))


@door("evaluation.wilcoxon_test(sample_weight)", containers=LOOKED_UP)
def _(world: World, give: Give) -> Any:
    return evaluation.wilcoxon_test(*world.pair, "log_loss", sample_weight=give(world.weight))


@door("evaluation.sign_test(groups)", containers=LOOKED_UP, reads=False)
def _(world: World, give: Give) -> Any:
    return evaluation.sign_test(*world.pair, "log_loss", groups=grouped(world, give))


@door("evaluation.sign_test(sample_weight)", containers=LOOKED_UP, reads=False)  # weights change no sign
def _(world: World, give: Give) -> Any:
    return evaluation.sign_test(*world.pair, "log_loss", sample_weight=give(world.weight))


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
