"""`collect` takes ids, inputs and labels from the same batch, so that rows cannot part from their names."""

from collections import Counter

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.linear_model import LogisticRegression

from ensemblekit import AlignmentError, InvalidOptionError, Predictions, as_member, collect, image_folder
from ensemblekit.data import _source
from ensemblekit.errors import DataError, InvalidPredictionsError

IDS = [f"s{row}" for row in range(10)]
X = np.linspace(0, 1, 10).reshape(-1, 1)
NAMES = np.where(X[:, 0] < 0.5, "cat", "dog")
CLASSES = ("cat", "dog")


def right(x):
    """Say the value of x itself: which row a prediction belongs to can be read off it."""
    return np.concatenate([1 - x, x], axis=1)


def wrong(x):
    return right(1 - x)


def in_batches(rows, size=3, labelled=True):
    for start in range(0, len(rows), size):
        part = rows[start : start + size]
        batch = (np.asarray(IDS)[part], X[part])
        yield (*batch, NAMES[part]) if labelled else batch


def assert_right_rows(collected):
    """Each id has the prediction and label of its own input."""
    rows = [IDS.index(name) for name in collected.ids]
    assert sorted(rows) == list(range(10))
    np.testing.assert_allclose(collected["right"].probas[:, 1], X[rows, 0])
    if collected.labels is not None:
        assert collected.labels.tolist() == NAMES[rows].tolist()


def test_arrays_are_collected_for_every_member():
    collected = collect({"right": right, "wrong": wrong}, (IDS, X, NAMES), classes=CLASSES, split="test")
    assert (collected.members, collected.classes, collected.split) == (("right", "wrong"), CLASSES, "test")
    assert_right_rows(collected)
    assert np.mean(collected["wrong"].predicted == NAMES) == 0


def test_labels_are_optional():
    assert collect({"right": right}, (IDS, X), classes=CLASSES).labels is None
    assert collect({"right": right}, {"ids": IDS, "x": X}, classes=CLASSES).labels is None


def test_a_dict_of_arrays_and_frames_are_sources():
    source = {"ids": IDS, "x": pd.DataFrame(X), "y": pd.Series(NAMES, index=IDS)}
    collected = collect({"right": lambda x: right(x.to_numpy())}, source, classes=CLASSES, batch_size=4)
    assert_right_rows(collected)


def test_batches_that_come_shuffled_are_harmless():
    rows = np.random.default_rng(0).permutation(10)
    assert_right_rows(collect({"right": right}, in_batches(rows), classes=CLASSES))
    assert_right_rows(collect({"right": right}, list(in_batches(rows)), classes=CLASSES))


def test_ids_as_bytes_are_decoded():
    batch = (np.array([name.encode() for name in IDS]), X, NAMES.astype("S"))
    assert_right_rows(collect({"right": right}, iter([batch]), classes=CLASSES))


def test_the_source_is_read_once_for_all_members():
    read = []

    def once():
        for batch in in_batches(range(10)):
            read.extend(batch[0])
            yield batch

    collect({"a": right, "b": wrong, "c": right}, once(), classes=CLASSES)
    assert read == IDS


def test_members_of_every_kind_line_up():
    model = LogisticRegression().fit(X, NAMES)
    saved = Predictions(right(X)[::-1], ids=IDS[::-1], classes=CLASSES, member="saved", fit_ids=["z"])
    members = [("fitted", model), ("right", right), saved, as_member(wrong, name="wrong", classes=("dog", "cat"))]
    collected = collect(members, (IDS, X, NAMES), classes=CLASSES)
    assert collected.members == ("fitted", "right", "saved", "wrong")
    np.testing.assert_allclose(collected["fitted"].probas, model.predict_proba(X))
    np.testing.assert_allclose(collected["saved"].probas, right(X))
    np.testing.assert_allclose(collected["wrong"].probas, right(X))  # its first column is the dog
    assert collected.fit_ids["saved"].tolist() == ["z"]


def test_a_member_is_called_by_the_name_that_it_is_given_here():
    inner = as_member(right, name="inner", classes=CLASSES, fit_ids=["z"])
    collected = collect({"right": inner}, (IDS, X), classes=CLASSES)
    assert collected.members == ("right",)
    assert collected.fit_ids["right"].tolist() == ["z"]


def test_classes_are_for_the_members_that_do_not_know_theirs():
    members = {
        "fitted": LogisticRegression().fit(X, NAMES),
        "made": as_member(right, name="made", classes=CLASSES),
        "saved": Predictions(right(X), ids=IDS, classes=CLASSES),
        "function": right,
    }
    collected = collect(members, (IDS, X), classes=["katze", "hund"], aliases={"katze": "cat", "hund": "dog"})
    assert collected.classes == CLASSES


def test_a_prediction_set_is_members():
    first = collect({"right": right, "wrong": wrong}, (IDS, X), classes=CLASSES)
    again = collect(first, (IDS[::-1], X[::-1]))
    assert_right_rows(again)
    assert again.members == first.members


def test_integer_classes_and_labels_are_names():
    model = LogisticRegression().fit(X, (NAMES == "dog").astype(int) + 7)
    collected = collect({"fitted": model}, (IDS, X, (NAMES == "dog").astype(int) + 7))
    assert collected.classes == (7, 8)
    assert set(collected.labels) == {7, 8}


def test_integer_labels_of_named_classes_are_refused():
    with pytest.raises(DataError, match=r"labels must be class names .* received integers.*np.asarray\(class_names\)"):
        collect({"right": right}, (IDS, X, (NAMES == "dog").astype(int)), classes=CLASSES)


def test_labels_and_members_may_differ_by_aliases():
    long = np.char.add(NAMES, "_T2_N2")
    aliases = {"cat_T2_N2": "cat", "dog_T2_N2": "dog"}
    with pytest.raises(AlignmentError, match=r"labels must be classes .*give aliases=\{'cat_T2_N2': 'cat'") as raised:
        collect({"right": right}, (IDS, X, long), classes=CLASSES)
    assert raised.value.aliases == aliases
    assert_right_rows(collect({"right": right}, (IDS, X, long), classes=CLASSES, aliases=aliases))
    assert_right_rows(collect({"right": right}, (IDS, X, NAMES), classes=tuple(aliases), aliases=aliases))


def test_an_unknown_label_is_refused():
    with pytest.raises(AlignmentError, match=r"\['cat', 'dog'\]; received also 1 \('zebra'\)\.$"):
        collect({"right": right}, (IDS, X, [*NAMES[:-1], "zebra"]), classes=CLASSES)


def test_other_tasks_take_labels_as_they_are():
    value = as_member(lambda x: x, name="value", classes=["value"], task="regression")
    assert collect([value], (IDS, X, X)).labels.tolist() == X.tolist()
    both = as_member(right, name="both", classes=CLASSES, task="multilabel")
    assert collect([both], (IDS, X, np.eye(2)[(NAMES == "dog").astype(int)])).labels.dtype == bool


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (X, r"inputs must come with their ids; received a ndarray of shape \(10, 1\) alone. Give \(ids, x\)"),
        (pd.DataFrame(X), r"inputs must come with their ids; received a DataFrame"),
        ((X, NAMES), r"the first of \(ids, x\[, y\]\) must be the ids, one a sample; received shape \(10, 1\)"),
        ((IDS, X[:9]), "x must have one row an id; received 9 rows and 10 ids"),
        ((IDS, X, NAMES[:9]), "y must have one row an id; received 9 rows and 10 ids"),
        ({"ids": IDS, "x": X, "z": X}, r"must have the keys ids, x and maybe y; received \['ids', 'x', 'z'\]"),
        ({"x": X}, "must have the keys ids, x and maybe y"),
        ([X, NAMES], r"each batch must be a tuple \(ids, x\) or \(ids, x, y\); received ndarray"),
        ([(X, NAMES)], r"each batch must start with one id a sample; received ids of shape \(10, 1\)"),
        ([(IDS[:9], X)], r"each batch must start with one id a sample; received ids of shape \(9,\)"),
        ("images", "a source must yield ids, inputs and labels; received str. Use image_folder"),
        (3, "a source must yield ids, inputs and labels; received int. Use image_folder"),
        ([], "the source must yield at least one sample; it yielded none"),
    ],
)
def test_a_source_without_ids_or_with_unequal_lengths_is_refused(source, message):
    with pytest.raises(DataError, match=message):
        collect({"right": right}, source, classes=CLASSES)


def test_repeated_ids_are_refused():
    with pytest.raises(InvalidPredictionsError, match="ids must be unique"):
        collect({"right": right}, (["a", "a"], X[:2]), classes=CLASSES)
    with pytest.raises(InvalidPredictionsError, match="ids must be unique"):
        collect({"right": right}, [(["a"], X[:1]), (["a"], X[1:2])], classes=CLASSES)


def test_labels_for_some_batches_only_are_refused():
    batches = [(IDS[:5], X[:5], NAMES[:5]), (IDS[5:], X[5:])]
    with pytest.raises(InvalidPredictionsError, match=r"labels must be .*shape \(10,\); received shape \(5,\)"):
        collect({"right": right}, batches, classes=CLASSES)


def test_a_member_that_drops_rows_is_named():
    with pytest.raises(InvalidPredictionsError, match=r"member 'short' must return one row an input.*for 10 inputs"):
        collect({"right": right, "short": lambda x: right(x[1:])}, (IDS, X), classes=CLASSES)


def test_a_member_of_other_classes_is_refused_or_renamed():
    members = [as_member(right, name="right", classes=CLASSES), as_member(wrong, name="b", classes=("katze", "hund"))]
    with pytest.raises(AlignmentError, match=r"member 'right' lacks 2 \('katze', 'hund'\)"):
        collect(members, (IDS, X))
    collected = collect(members, (IDS, X), aliases={"katze": "dog", "hund": "cat"})
    np.testing.assert_allclose(collected["b"].probas, right(X))


def test_rows_that_a_member_cannot_predict_need_a_policy():
    def some(x):
        return np.where(x < 0.5, np.nan, right(x))

    members = {"right": right, "some": some}
    collected = collect(members, (IDS, X), classes=CLASSES, missing="renormalize")
    assert collected.present.tolist() == [[True] * 10, [False] * 5 + [True] * 5]
    for missing in ("error", "zero"):
        with pytest.raises(InvalidPredictionsError, match="member 'some' must be finite"):
            collect(members, (IDS, X), classes=CLASSES, missing=missing)
    with pytest.raises(InvalidOptionError, match="missing must be 'error', 'zero'"):
        collect(members, (IDS, X), classes=CLASSES, missing="skip")


def test_saved_predictions_that_lack_an_id_are_refused():
    saved = Predictions(right(X)[:9], ids=IDS[:9], classes=CLASSES, member="saved")
    with pytest.raises(AlignmentError, match=r"member 'saved' must have saved predictions for every id; it lacks 1"):
        collect([saved, ("right", right)], (IDS, X), classes=CLASSES)


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({}, "at least one member is needed"),
        (right, "members must be .*received function"),
        ([right], r"each member must be \(name, model\), a Member or named Predictions; received <function"),
        ([("right", right, 1)], r"each member must be \(name, model\)"),
        ([Predictions([[0.5, 0.5]], ids=["a"], classes=CLASSES)], "a Member or named Predictions"),
    ],
)
def test_what_are_not_members_is_refused(members, message):
    with pytest.raises(InvalidOptionError, match=message):
        collect(members, (IDS, X), classes=CLASSES)


@pytest.mark.parametrize("batch_size", [0, -1, 2.5, None])
def test_a_batch_size_is_a_whole_number(batch_size):
    with pytest.raises(InvalidOptionError, match=f"batch_size must be a whole number >= 1; received {batch_size}"):
        collect({"right": right}, (IDS, X), classes=CLASSES, batch_size=batch_size)


def test_progress_is_told_after_each_batch():
    told = []
    collect({"right": right}, (IDS, X), classes=CLASSES, batch_size=4, progress=lambda *step: told.append(step))
    assert told == [(4, 10), (8, 10), (10, 10)]


def test_progress_of_a_stream_has_no_total():
    told = []
    collect({"right": right}, in_batches(range(10), 5), classes=CLASSES, progress=lambda *step: told.append(step))
    assert told == [(5, 0), (10, 0)]


@pytest.fixture
def images(tmp_path):
    """Twelve grey images of two classes, each of a brightness of its own."""
    for row in range(12):
        folder = tmp_path / "test" / ("bright" if row % 2 else "dark")
        folder.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8), (20 * row,) * 3).save(folder / f"{row:02d}.png")
    return image_folder(tmp_path / "test", size=(4, 4))


def brightness(x):
    return right(x.mean(axis=(1, 2, 3), keepdims=True)[:, 0, 0] / 255)


def test_a_folder_of_images_brings_ids_labels_and_split(images):
    collected = collect({"brightness": brightness}, images, classes=["dark", "bright"], batch_size=5)
    rows = [int(name[-6:-4]) for name in collected.ids]
    assert collected.ids[0] == "test/bright/01.png"
    assert collected.split == "test"
    assert collected.labels.tolist() == ["bright" if row % 2 else "dark" for row in rows]
    np.testing.assert_allclose(collected["brightness"].probas[:, 1], [20 * row / 255 for row in rows], rtol=1e-6)


def test_each_image_is_decoded_once_however_many_members(images, monkeypatch):
    opened = Counter()
    real = _source.read_sized

    def counting(path, size, reader):
        opened[str(path)] += 1
        return real(path, size, reader)

    monkeypatch.setattr(_source, "read_sized", counting)
    collect({"a": brightness, "b": brightness, "c": brightness}, images, classes=["dark", "bright"], batch_size=5)
    assert len(opened) == 12
    assert set(opened.values()) == {1}
