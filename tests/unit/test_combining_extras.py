"""What a combiner may ask for by the names of its arguments: the task, and features of the samples, by id."""

import numpy as np
import pandas as pd
import pytest

from ensemblekit import Combiner, InvalidOptionError, Predictions, combine, fit_combiner

FEATURES = {"c": [30.0, 3.0], "a": [10.0, 1.0], "b": [20.0, 2.0]}


def member(name, ids=("b", "a", "c"), **fields):
    probas = np.tile([0.25, 0.75], (len(ids), 1))
    return Predictions(probas, ids=ids, classes=["cat", "dog"], member=name, **fields)


class Nearest(Combiner):
    """Keeps the features it is given."""

    def fit(self, predictions, *, features=None, sample_weight=None):
        self.fit_features_ = features
        return self

    def combine(self, member_probas, *, features=None, xp=np):
        self.seen = features
        return member_probas[0]


class Tasked(Combiner):
    """Answers by the task."""

    def combine(self, member_probas, *, task="multiclass", xp=np):
        return member_probas[0] if task == "multiclass" else np.full(member_probas.shape[1:], 7.0)


@pytest.mark.parametrize(
    "features",
    [
        FEATURES,
        pd.DataFrame.from_dict(FEATURES, orient="index"),
        (list(FEATURES), np.array(list(FEATURES.values()))),
        FEATURES | {"z": [0.0, 0.0]},
    ],
    ids=["mapping", "DataFrame", "ids and array", "more ids"],
)
def test_features_are_looked_up_by_id(features):
    combiner = Nearest()
    combine([member("one")], combiner, features=features)
    assert combiner.seen.tolist() == [[20, 2], [10, 1], [30, 3]]
    labelled = member("one", labels=["cat", "dog", "cat"])
    assert fit_combiner([labelled], combiner, features=features).fit_features_.tolist() == [[10, 1], [20, 2], [30, 3]]


def test_features_of_many_axes_keep_them():
    combiner = Nearest()
    images = np.arange(24.0).reshape(3, 2, 4)
    combine([member("one")], combiner, features=(["a", "b", "c"], images))
    np.testing.assert_array_equal(combiner.seen, images[[1, 0, 2]])


@pytest.mark.parametrize(
    ("features", "text"),
    [
        (np.zeros((3, 2)), r"features must name their rows: .* received ndarray"),
        ({"a": [1.0], "b": [2.0]}, r"features must be there for every row; they lack 1 \('c'\)"),
        ((["a", "b", "c"], np.zeros((2, 1))), r"features must have one row an id; received 2 for 3 ids"),
        ((["a", "a", "c"], np.zeros((3, 1))), r"ids of features must be unique"),
    ],
)
def test_features_without_their_ids_are_refused(features, text):
    with pytest.raises(ValueError, match=text):
        combine([member("one")], Nearest(), features=features)


@pytest.mark.parametrize("call", [combine, lambda p, c, **k: fit_combiner(p, c, **k)])
def test_features_of_no_use_are_refused(call):
    labelled = member("one", labels=["cat", "dog", "cat"])
    with pytest.raises(InvalidOptionError, match=r"makes no use of features\. Leave it out\."):
        call([labelled], "mean", features=FEATURES)


def test_the_task_is_told_to_those_who_ask():
    numbers = Predictions([[1.0], [2.0]], ids=[1, 2], classes=["mm"], task="regression", member="ruler")
    assert combine([numbers], Tasked()).probas.tolist() == [[7], [7]]
    assert combine([member("one")], Tasked()).probas[0].tolist() == [0.25, 0.75]


def test_bad_weights_are_refused_before_anything_is_learned():
    class Learner(Nearest):
        weights = (1.0, float("nan"))

    pair = [member(name, labels=["cat", "dog", "cat"]) for name in ("one", "two")]
    with pytest.raises(InvalidOptionError, match=r"weights must be finite and >= 0 .* received \[1.0, nan\]"):
        fit_combiner(pair, Learner())
