"""Models of folds: no model predicts what it has seen, and a folder of folds goes on where it stopped."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import GroupKFold, KFold, PredefinedSplit, RepeatedKFold
from sklearn.tree import DecisionTreeClassifier

from ensemblekit import (
    InvalidOptionError,
    LeakageError,
    Predictions,
    align,
    as_member,
    choose,
    collect,
    combine,
    fit_combiner,
)
from ensemblekit.errors import (
    DataError,
    FolderNotFoundError,
    InvalidPredictionsError,
    MissingClassWarning,
    OutputExistsError,
    StoreError,
)
from ensemblekit.folds import fit_folds, load_folds
from ensemblekit.predictions.formats._metadata import digest_of

CLASSES = ("ant", "bee", "cat")


def rows(n=30, seed=0):
    rng = np.random.default_rng(seed)
    codes = np.arange(n) % 3
    x = np.eye(3)[codes] + rng.normal(scale=0.7, size=(n, 3))
    return [f"s{i:03d}" for i in range(n)], x, np.array(CLASSES)[codes]


def patients(n=30):
    return {f"s{i:03d}": f"p{i // 3}" for i in range(n)}


@pytest.fixture(scope="module")
def bag():
    return fit_folds(LogisticRegression(), rows(), GroupKFold(5), groups=patients(), name="line")


def test_each_row_is_predicted_by_the_model_that_has_not_seen_it(bag):
    ids, x, y = rows()
    assert bag.oof.ids.tolist() != ids or bag.oof.take(ids).labels.tolist() == y.tolist()
    assert not bag.oof.seen.any()
    assert bag.folds == ("0", "1", "2", "3", "4")
    x, y = pd.DataFrame(x, index=ids), pd.Series(y, index=ids)
    for fold in bag.folds:
        held = bag.oof.ids[bag.oof.folds == fold]
        fit = bag.oof.fits.fit_ids(fold)
        assert {*held} | {*fit} == {*ids}
        again = LogisticRegression().fit(x.loc[fit].to_numpy(), y.loc[fit])
        assert np.allclose(again.predict_proba(x.loc[held].to_numpy()), bag.oof.take(held).probas)


def test_honest_out_of_fold_predictions_are_learned_from(bag):
    other = fit_folds(DecisionTreeClassifier(random_state=0), rows(), 3, groups=patients(), name="tree")
    both = align(bag.oof, other.oof)
    assert fit_combiner(both, "weighted").fit_groups_.tolist() == sorted({*patients().values()})
    choice = choose(both, rules=["mean"], cv=3)
    assert choice.name
    combined = combine(both, "mean")
    assert not combined.seen.any()
    assert combined.aggregate(labels="majority").ids.tolist() == sorted({*patients().values()})


def test_a_leak_of_slices_is_refused(bag):
    with pytest.raises(LeakageError, match=r"fold 0 cuts .* groups\. Take a splitter that keeps groups together"):
        fit_folds(LogisticRegression(), rows(), KFold(5, shuffle=True, random_state=0), groups=patients())
    planted = fit_folds(
        LogisticRegression(), rows(), KFold(5, shuffle=True, random_state=0), groups=patients(), allow_leakage=True
    )
    assert planted.oof.seen.any()
    with pytest.raises(LeakageError, match="or on other rows of their groups"):
        fit_combiner([planted.oof, bag.oof], "weighted")
    # New slices of a patient whose other slices were fitted on.
    new = bag.predict((["new", "other"], np.eye(3)[:2]), groups={"new": "p0", "other": "elsewhere"})
    assert new.seen.tolist() == [True, False]
    assert not fit_folds(LogisticRegression(), rows(), groups=patients()).oof.seen.any()


def test_no_order_of_the_source_changes_anything(bag):
    ids, x, y = rows()
    order = np.random.default_rng(1).permutation(len(ids))
    moved = ([ids[i] for i in order], x[order], y[order])
    moved_groups = [patients()[ids[i]] for i in order]
    again = fit_folds(LogisticRegression(), moved, GroupKFold(5), groups=moved_groups, name="line")
    assert digest_of(again.oof) == digest_of(bag.oof)
    batches = [(moved[0][i : i + 7], moved[1][i : i + 7], moved[2][i : i + 7]) for i in range(0, 30, 7)]
    streamed = fit_folds(LogisticRegression(), batches, GroupKFold(5), groups=pd.Series(patients()), name="line")
    assert digest_of(streamed.oof) == digest_of(bag.oof)


@pytest.mark.parametrize("of", [PredefinedSplit, lambda folds: [*PredefinedSplit(folds).split()]])
def test_positions_are_those_of_the_source(of):
    ids, x, y = rows()
    wanted = {name: str(place // 10) for place, name in enumerate(ids)}
    order = np.random.default_rng(1).permutation(len(ids))
    moved = [ids[i] for i in order]
    found = fit_folds(LogisticRegression(), (moved, x[order], y[order]), of([int(wanted[i]) for i in moved]))
    assert dict(zip(found.oof.ids.tolist(), found.oof.folds.tolist(), strict=True)) == wanted
    assert found.oof.take(ids).labels.tolist() == y.tolist()


def test_members_know_the_groups_that_they_were_fitted_on(bag):
    new = ["n0", "n1"]
    found = collect(bag.members, (new, np.eye(3)[:2]))
    for member in found:
        of_fold = set(member.fit_groups.tolist())
        assert member.with_groups({"n0": "p3", "n1": "new"}).seen.tolist() == ["p3" in of_fold, False]
    told = as_member(bag.models["0"], name="line", fit_groups=["p3"])
    assert collect([told], (new, np.eye(3)[:2]))["line"].fit_groups.tolist() == ["p3"]


def test_new_rows_are_predicted_by_all_models(bag):
    source = (["n0", "n1"], np.eye(3)[:2])
    found = bag.predict(source)
    assert found.member == "line"
    by_hand = np.mean([model.predict_proba(source[1]) for model in bag.models.values()], axis=0)
    assert np.allclose(found.probas, by_hand)
    members = collect(bag.members, source)
    assert members.members == tuple(f"line/{fold}" for fold in bag.folds)
    assert members.fit_ids["line/0"].tolist() == bag.oof.fits.fit_ids("0").tolist()
    assert bag.predict(source, combiner="median").probas.shape == (2, 3)
    scores = bag.scores
    assert scores["model"].unique().tolist() == [*(f"line/{fold}" for fold in bag.folds), "line"]
    assert {*scores[scores["model"] == "line"]["n_groups"]} == {10}


def test_numbers_and_missing_classes_and_estimators_made_by_functions():
    ids, x, y = rows(12)
    line = fit_folds(LinearRegression(), (ids, x, x @ [1.0, 2, 3]), 3)
    assert line.oof.task == "regression"
    assert np.allclose(line.oof.probas, line.oof.labels)
    assert line.predict((["n"], np.ones((1, 3)))).probas.item() == pytest.approx(6)

    def tree():
        return DecisionTreeClassifier(random_state=0)

    y = np.array(["ant", "bee"] * 5 + ["cat"] * 2)
    with pytest.warns(MissingClassWarning, match=r"'tree/1' was fitted on no row of 1 \('cat'\)"):
        found = fit_folds(tree, (ids, x, y), [(np.arange(6, 12), np.arange(6)), (np.arange(6), np.arange(6, 12))])
    assert found.oof.classes == ("ant", "bee", "cat")
    assert found.oof.probas[6:, 2].tolist() == [0] * 6
    assert found.predict((["n"], np.ones((1, 3))), missing="zero").classes == ("ant", "bee", "cat")


@pytest.mark.parametrize(
    ("build", "source", "cv", "error", "message"),
    [
        (3, rows(), 5, InvalidOptionError, "build must be a scikit-learn estimator, or a function"),
        (lambda: 3, rows(), 5, InvalidOptionError, "it made int"),
        (LogisticRegression(), rows()[:2], 5, DataError, "the source yields no labels"),
        (LogisticRegression(), rows(), 1, InvalidOptionError, "at least two folds; received 1"),
        (LogisticRegression(), rows(), GroupKFold(3), InvalidOptionError, "'groups' parameter should not be None"),
        (LogisticRegression(), rows(), "five", InvalidOptionError, "cv must be a number of folds"),
        (LogisticRegression(), rows(), RepeatedKFold(n_splits=3, n_repeats=2), InvalidOptionError, "at most once"),
        (LogisticRegression(), rows(), [([0, 1], [1, 2]), ([2], [0])], LeakageError, r"fold 0: 1 \('s001'\)"),
        (LogisticRegression(), rows(), [([0, 1], [99]), ([2], [0])], InvalidOptionError, "positions of the 30 rows"),
        (LogisticRegression(), rows(), [([0, 1], [2])], InvalidOptionError, "at least two folds; received 1"),
        (LogisticRegression(), rows(), [([0, 1], []), ([2], [0])], InvalidOptionError, "fold 0 does not"),
    ],
)
def test_what_makes_no_folds_is_refused(build, source, cv, error, message):
    with pytest.raises(error, match=message):
        fit_folds(build, source, cv)


def test_a_folder_of_folds_is_loaded_and_goes_on(tmp_path, bag):
    folder = tmp_path / "line"
    kwargs = {"cv": GroupKFold(5), "groups": patients(), "name": "line", "folder": folder}
    first = fit_folds(LogisticRegression(), rows(), **kwargs)
    assert digest_of(first.oof) == digest_of(bag.oof)
    kept = {path: path.stat().st_mtime_ns for path in folder.rglob("oof.parquet")}
    assert len(kept) == 5
    import shutil

    shutil.rmtree(folder / "fold_3")
    with pytest.raises(StoreError, match=r"lacks 1 \('3'\) of 5 folds\. Call fit_folds again"):
        load_folds(folder)
    assert digest_of(fit_folds(LogisticRegression(), rows(), **kwargs).oof) == digest_of(bag.oof)
    fresh = [path for path in folder.rglob("oof.parquet") if kept[path] != path.stat().st_mtime_ns]
    assert [path.parent.name for path in fresh] == ["fold_3"]
    loaded = load_folds(folder)
    assert loaded.name == "line"
    assert digest_of(loaded.oof) == digest_of(bag.oof)
    source = (["n0", "n1"], np.eye(3)[:2])
    assert np.array_equal(loaded.predict(source).probas, bag.predict(source).probas)
    for changed in ({"groups": None, "cv": KFold(5)}, {"cv": GroupKFold(3)}):
        with pytest.raises(OutputExistsError, match=r"begun with other .*rows"):
            fit_folds(LogisticRegression(), rows(), **kwargs | changed)
    with pytest.raises(OutputExistsError, match="begun with other rows"):
        fit_folds(LogisticRegression(), rows(seed=1), **kwargs)
    with pytest.raises(OutputExistsError, match="begun with other model"):
        fit_folds(LogisticRegression(C=2), rows(), **kwargs)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    with pytest.raises(OutputExistsError, match="new or empty"):
        fit_folds(LogisticRegression(), rows(), folder=tmp_path / "full")


def write(folder, name, ids, labels=None, group=None, shift=0.0):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    frame = pd.DataFrame({"Id": ids, "ill": 0.25 + shift, "well": 0.75 - shift})
    if labels is not None:
        frame["label"] = labels
    frame.to_csv(path, index=False)
    return path


@pytest.mark.parametrize("name", ["fold_{}/{}.csv", "{1}_fold{0}.csv", "cv-{}/{}.csv"])
def test_files_from_elsewhere_become_a_bag(name, tmp_path):
    for fold in range(3):
        ids = [f"s{fold}a", f"s{fold}b"]
        write(tmp_path, name.format(fold, "oof"), ids, ["ill", "well"])
        write(tmp_path, name.format(fold, "test"), ["n1", "n2"], shift=0.1 * fold)
    bag = load_folds(tmp_path, name="net", read={"id": "Id"})
    assert bag.oof.ids.tolist() == ["s0a", "s0b", "s1a", "s1b", "s2a", "s2b"]
    assert bag.oof.folds.tolist() == ["0", "0", "1", "1", "2", "2"]
    assert not bag.oof.seen.any()
    assert bag.oof.fits.fit_ids("1").tolist() == ["s0a", "s0b", "s2a", "s2b"]
    assert np.allclose(bag.predict().probas, [[0.35, 0.65]] * 2)
    assert bag.predict().fit_ids.tolist() == bag.oof.ids.tolist()
    assert collect(bag.members, (["n2"], np.zeros((1, 1)))).member_probas[:, 0, 0] == pytest.approx([0.25, 0.35, 0.45])
    with pytest.raises(InvalidOptionError, match="new rows need models"):
        bag.predict((["n"], np.zeros((1, 1))))
    # A patient whose slices are in two folds: the files cannot say so, the groups can.
    cut = load_folds(tmp_path, read={"id": "Id"}, groups={i: i[:2] if i != "s1a" else "s0" for i in bag.oof.ids})
    assert cut.oof.seen.tolist() == [True, True, True, False, False, False]
    with pytest.raises(LeakageError):
        fit_combiner([cut.oof], "weighted")


def test_files_are_given_by_name_too(tmp_path):
    paths = {fold: write(tmp_path, f"{fold}.csv", [f"s{fold}"]) for fold in ("a", "b")}
    bag = load_folds(paths, read={"id": "Id"}, labels={"sa": "ill", "sb": "well", "more": "ill"})
    assert bag.oof.labels.tolist() == ["ill", "well"]
    assert bag.test is None
    with pytest.raises(InvalidOptionError, match="no predictions of test rows"):
        bag.predict()
    ours = {
        fold: Predictions([[0.5, 0.5]], ids=[f"r{fold}"], classes=["ill", "well"], fit_ids=[f"r{fold}", "x"])
        for fold in (0, 1)
    }
    for fold, p in ours.items():
        p.save(tmp_path / f"{fold}.npz")
    kept = load_folds({fold: tmp_path / f"{fold}.npz" for fold in ours})
    assert kept.oof.seen.tolist() == [True, True]  # files that say what was fitted are believed


def test_files_that_do_not_say_their_folds_are_refused(tmp_path):
    write(tmp_path, "fold_0/oof.csv", ["a"])
    write(tmp_path, "mean.csv", ["a"])
    with pytest.raises(InvalidOptionError, match=r"must say their fold.*received 'mean.csv'"):
        load_folds(tmp_path, read={"id": "Id"})
    (tmp_path / "mean.csv").unlink()
    write(tmp_path, "fold_0/valid.csv", ["b"])
    with pytest.raises(InvalidOptionError, match="one file of each kind; fold 0 has"):
        load_folds(tmp_path, read={"id": "Id"})
    (tmp_path / "fold_0/valid.csv").unlink()
    write(tmp_path, "fold_1/oof.csv", ["a"])
    with pytest.raises(InvalidPredictionsError, match=r"1 \('a'\) are in several"):
        load_folds(tmp_path, read={"id": "Id"})
    with pytest.raises(FolderNotFoundError):
        load_folds(tmp_path / "none")
    with pytest.raises(InvalidOptionError, match="read must have keys"):
        load_folds(tmp_path, read={"Id": "Id"})


@pytest.mark.slow
@pytest.mark.keras
def test_keras_builders_are_trained_fold_by_fold(tmp_path):
    import keras

    from ensemblekit import fuse

    ids, x, y = rows()

    def net():
        keras.utils.set_random_seed(0)
        model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(3, "softmax")])
        model.compile(keras.optimizers.SGD(1.0), "categorical_crossentropy")
        return model

    kwargs = {"cv": 2, "folder": tmp_path / "net", "options": {"epochs": 3, "seed": 0}}
    bag = fit_folds(net, (ids, x, y), **kwargs)
    assert bag.name == "net"
    assert not bag.oof.seen.any()
    loaded = load_folds(tmp_path / "net")
    assert digest_of(loaded.oof) == digest_of(bag.oof)
    source = (["n0", "n1"], x[:2])
    assert np.allclose(loaded.predict(source).probas, bag.predict(source).probas, atol=1e-6)
    fused = fuse(loaded.members, "mean")
    assert np.allclose(np.asarray(fused(x[:2].astype(np.float32))), loaded.predict(source).probas, atol=1e-5)
    with pytest.raises(InvalidOptionError, match="build must make a new model for each fold"):
        fit_folds(net(), (ids, x, y))


@pytest.mark.slow
@pytest.mark.keras
def test_several_labels_at_once_are_trained_too(tmp_path):
    import keras

    ids, x, _ = rows(12)
    signs = np.eye(3)[np.arange(12) % 3]

    def film():
        keras.utils.set_random_seed(0)
        model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(3, "sigmoid")])
        model.compile("adam", "binary_crossentropy")
        return model

    bag = fit_folds(film, (ids, x, signs), 2, classes=["opacity", "nodule", "fluid"], folder=tmp_path / "film")
    assert bag.oof.task == "multilabel"
    assert bag.oof.take(ids).labels.tolist() == signs.astype(bool).tolist()
    assert load_folds(tmp_path / "film").predict((["n"], x[:1])).task == "multilabel"


CHILD = """
import sys, time
import numpy as np
from sklearn.linear_model import LogisticRegression
from ensemblekit.folds import fit_folds

def slow():
    print("fit", flush=True)
    if sys.argv[2] == "slow" and slow.times:
        time.sleep(60)
    slow.times += 1
    return LogisticRegression()

slow.times = 0
ids = [f"s{i:02d}" for i in range(20)]
x = np.random.default_rng(0).normal(size=(20, 2))
bag = fit_folds(slow, (ids, x, np.where(x[:, 0] > 0, "a", "b")), 3, folder=sys.argv[1])
print("done", not bag.oof.seen.any(), len(bag.oof), flush=True)
"""


@pytest.mark.slow
def test_a_killed_run_goes_on(tmp_path):
    script = tmp_path / "child.py"
    script.write_text(CHILD)
    folder = tmp_path / "folds"
    with subprocess.Popen([sys.executable, script, folder, "slow"], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert [child.stdout.readline().strip() for _ in range(2)] == ["fit", "fit"]  # the second sleeps
        time.sleep(0.2)
        os.kill(child.pid, signal.SIGKILL)
    assert [path.name for path in sorted(folder.glob("fold_*"))] == ["fold_0"]
    with pytest.raises(StoreError, match="lacks 2"):
        load_folds(folder)
    again = subprocess.run([sys.executable, script, folder, "fast"], capture_output=True, text=True, check=True)
    assert again.stdout.split() == ["fit", "fit", "done", "True", "20"]  # the first was kept
    assert len(load_folds(folder).oof) == 20


class Clinic:
    """A source that knows its groups, as a table of images does."""

    classes, split = None, "train"

    def __init__(self, n=30):
        self.ids, self.x, self.y = rows(n)
        self.groups = np.array([*patients(n).values()])

    def batches(self, batch_size):
        for start in range(0, len(self.ids), batch_size):
            part = slice(start, start + batch_size)
            yield np.array(self.ids[part]), self.x[part], self.y[part]

    def __len__(self):
        return len(self.ids)


def test_a_source_brings_its_groups_along():
    bag = fit_folds(LogisticRegression(), Clinic(), 5)
    assert dict(zip(bag.oof.ids.tolist(), bag.oof.groups.tolist(), strict=True)) == patients()
    assert not bag.oof.seen.any()
    assert bag.oof.split == "train"
    seen = collect(bag.members, Clinic())
    assert dict(zip(seen.ids.tolist(), seen.groups.tolist(), strict=True)) == patients()
    with pytest.raises(InvalidPredictionsError, match=r"received others for 1 \('s000'\)"):
        fit_folds(LogisticRegression(), Clinic(), 5, groups=patients() | {"s000": "other"})
