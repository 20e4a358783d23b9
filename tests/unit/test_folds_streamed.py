"""Models of folds: weights of rows, rows that are read when they are needed, folders that are in use."""

import shutil

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from ensemblekit import InvalidOptionError
from ensemblekit.errors import DataError, NotStorableError, OutputExistsError
from ensemblekit.folds import fit_folds, load_folds
from ensemblekit.folds._kept import alone_in
from ensemblekit.predictions.formats._metadata import digest_of
from ensemblekit.store import save

CLASSES = ("ant", "bee", "cat")


def rows(n=30):
    rng = np.random.default_rng(0)
    codes = np.arange(n) % 3
    return [f"s{k:03d}" for k in range(n)], np.eye(3)[codes] + rng.normal(scale=0.7, size=(n, 3)), codes


class Shelf:
    """A source of which any rows can be read alone, as of an image folder; it keeps how many were read at once."""

    classes, split = CLASSES, "train"

    def __init__(self, n=30, places=None, log=None, task="multiclass"):
        ids, x, codes = rows(n)
        self.places = np.arange(n) if places is None else places
        self.n, self.log, self.task = n, [] if log is None else log, task
        self.ids, self.x, self.codes = np.array(ids)[self.places], x[self.places], codes[self.places]
        self.groups = np.array([f"p{k // 3}" for k in range(n)])[self.places]

    @property
    def labels(self):
        return np.array(CLASSES)[self.codes] if self.task == "multiclass" else np.eye(3)[self.codes]

    def take(self, ids):
        known = {name: place for place, name in enumerate(self.ids.tolist())}
        return Shelf(self.n, self.places[[known[name] for name in ids]], self.log, self.task)

    def batches(self, batch_size):
        for start in range(0, len(self.ids), batch_size):
            part = slice(start, start + batch_size)
            self.log.append(len(self.ids[part]))
            labels = self.codes[part] if self.task == "multiclass" else self.labels[part]
            yield self.ids[part], self.x[part].astype(np.float32), labels

    def __len__(self):
        return len(self.ids)


def test_weights_of_rows_are_those_of_the_fits():
    ids, x, codes = rows()
    y, weight = np.array(CLASSES)[codes], np.random.default_rng(1).uniform(0, 3, 30)
    named = pd.Series(weight, index=ids)
    bag = fit_folds(LogisticRegression(), (ids, x, y), 3, sample_weight=named.sample(frac=1, random_state=0))
    table, labels = pd.DataFrame(x, index=ids), pd.Series(y, index=ids)
    for fold in bag.folds:
        fit, held = bag.oof.fits.fit_ids(fold), bag.oof.ids[bag.oof.folds == fold]
        by_hand = LogisticRegression().fit(table.loc[fit].to_numpy(), labels.loc[fit], named.loc[fit])
        assert np.allclose(by_hand.predict_proba(table.loc[held].to_numpy()), bag.oof.take(held).probas)
    order = np.random.default_rng(2).permutation(30)
    moved = ([ids[k] for k in order], x[order], y[order])
    assert digest_of(fit_folds(LogisticRegression(), moved, 3, sample_weight=weight[order]).oof) == digest_of(bag.oof)
    assert digest_of(fit_folds(LogisticRegression(), moved, 3).oof) != digest_of(bag.oof)
    piped = fit_folds(make_pipeline(StandardScaler(), LogisticRegression()), moved, 3, sample_weight=named)
    plain = fit_folds(make_pipeline(StandardScaler(), LogisticRegression()), moved, 3)
    assert not np.allclose(piped.oof.probas, plain.oof.probas)
    line = fit_folds(LinearRegression, (ids, x, x @ [1.0, 2, 3]), 3, sample_weight=weight)
    assert np.allclose(line.oof.probas, line.oof.labels)


@pytest.mark.parametrize("build", [KNeighborsClassifier(), KNeighborsClassifier, make_pipeline(KNeighborsClassifier())])
def test_models_that_take_no_weights_are_refused(build):
    ids, x, codes = rows()
    with pytest.raises(InvalidOptionError, match=r"models whose fit takes it; that of \w+ does not"):
        fit_folds(build, (ids, x, codes), 3, sample_weight=np.ones(30))
    with pytest.raises(InvalidOptionError, match="sample_weight must be finite and >= 0"):
        fit_folds(LogisticRegression(), (ids, x, codes), 3, sample_weight=-np.ones(30))


def test_a_folder_is_one_runs_alone(tmp_path):
    ids, x, codes = rows()
    folder = tmp_path / "bag"
    with alone_in(folder), pytest.raises(OutputExistsError, match="must be one run's alone; another is at work in"):
        fit_folds(LogisticRegression(), (ids, x, codes), 3, folder=folder)
    bag = fit_folds(LogisticRegression(), (ids, x, codes), 3, folder=folder)  # begun, and left without a fold
    assert digest_of(load_folds(folder).oof) == digest_of(bag.oof)
    with pytest.raises(OutputExistsError, match="begun with other rows"):
        fit_folds(LogisticRegression(), (ids, x, codes), 3, folder=folder, sample_weight=np.ones(30))

    def interrupted(done, total):
        with pytest.raises(OutputExistsError, match="another is at work"), alone_in(folder):
            pass

    fit_folds(LogisticRegression(), (ids, x, codes), 3, folder=folder, progress=interrupted)
    with pytest.raises(NotStorableError, match=r"FoldBag is kept in a folder of its own.*fit_folds\(\.\.\., folder="):
        save(bag, tmp_path / "saved")


def test_rows_that_are_read_when_they_are_needed_make_the_same_folds(tmp_path):
    shelf = Shelf()
    whole = fit_folds(LogisticRegression(), shelf, 5, folder=tmp_path / "bag")
    assert max(shelf.log) == 30
    shutil.rmtree(tmp_path / "bag" / "fold_2")
    shelf.log.clear()
    read = fit_folds(LogisticRegression(), shelf, 5, folder=tmp_path / "bag", in_memory=False)  # it goes on
    assert digest_of(read.oof) == digest_of(whole.oof)
    assert read.oof.split == "train"
    assert sorted({*shelf.log}) == [6, 24, 30]  # the digest, the rows of one fold, and those that it holds out
    shelf.log.clear()
    alone = fit_folds(LogisticRegression(), shelf, 5, in_memory=False, batch_size=2)
    assert digest_of(alone.oof) == digest_of(whole.oof)
    assert {*shelf.log} == {24, 2}


def test_rows_are_read_when_they_are_needed_if_they_are_too_large(monkeypatch):
    monkeypatch.setenv("ENSEMBLEKIT_MAX_BYTES", "300")
    shelf = Shelf()
    fit_folds(LogisticRegression(), shelf, 5)
    assert max(shelf.log) == 24
    ids, x, codes = rows()
    assert len(fit_folds(LogisticRegression(), (ids, x, codes), 5).oof) == 30
    with pytest.raises(InvalidOptionError, match=r"in_memory=False is for sources .* such as image_folder"):
        fit_folds(LogisticRegression(), (ids, x, codes), 5, in_memory=False)


def test_a_source_that_gives_other_rows_is_refused():
    class Turned(Shelf):
        def take(self, ids):
            return Shelf.take(self, [*ids][::-1])

    with pytest.raises(DataError, match="must give the rows that are taken, in their order; received"):
        fit_folds(LogisticRegression(), Turned(), 5, in_memory=False)


@pytest.mark.slow
@pytest.mark.keras
@pytest.mark.parametrize("task", ["multiclass", "multilabel"])
def test_networks_are_trained_on_batches(task, tmp_path):
    import keras

    shelf = Shelf(90, task=task)

    def net():
        keras.utils.set_random_seed(0)
        model = keras.Sequential(
            [keras.Input((3,)), keras.layers.Dense(3, "softmax" if task == "multiclass" else "sigmoid")]
        )
        loss = "categorical_crossentropy" if task == "multiclass" else "binary_crossentropy"
        model.compile(keras.optimizers.SGD(1.0), loss)
        return model

    options = {"epochs": 8, "batch_size": 10, "seed": 0}
    weight = np.linspace(0.5, 2, 90)
    read = fit_folds(net, shelf, 3, task=task, in_memory=False, batch_size=10, sample_weight=weight,
                     options=options | ({"validation_split": 0.2} if task == "multiclass" else {}),
                     folder=tmp_path / "net")  # fmt: skip
    shelf.log.remove(90)  # the digest
    assert max(shelf.log) <= 10
    assert not read.oof.seen.any()
    seed = {"seed": 0} if task == "multiclass" else {}
    whole = fit_folds(net, Shelf(90, task=task), 3, task=task, options={"epochs": 8, "batch_size": 10} | seed)
    assert np.abs(read.oof.probas - whole.oof.probas).mean() < 0.1  # in another order
    assert (read.oof.predicted == read.oof.labels).mean() > 0.6
    assert digest_of(load_folds(tmp_path / "net").oof) == digest_of(read.oof)
