"""Images that a table names: rows keep ids, labels and groups; what is wrong is said before anything is read."""

from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest

from ensemblekit import FeatureBank, InvalidOptionError, Predictions, as_member, audit_images, collect, extract_features
from ensemblekit.data import ImageReader, image_table
from ensemblekit.errors import (
    AlignmentError,
    CompatibilityError,
    DataError,
    InvalidPredictionsError,
    LeakageError,
    MissingImagesError,
)
from tests.plain_backbone import PlainBackbone

N = 6
LABELS = ["mass", "effusion"]


@pytest.fixture
def frame(tmp_path, monkeypatch):
    """Six films of three patients, of brightness 0, 1000, ... 5000; in the folder that is worked in."""
    monkeypatch.chdir(tmp_path)
    for k in range(N):
        path = Path(f"films/p{k // 2}/{k}.npy")
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, np.full((4, 4), 1000 * k, dtype=np.uint16))
    return pd.DataFrame(
        {
            "file": [f"films/p{k // 2}/{k}.npy" for k in range(N)],
            "patient": [f"00{k // 2}" for k in range(N)],
            "finding": ["none", "mass", "mass", "none", "none", "mass"],
            "mass": [0, 1, 1, 0, 0, 1],
            "effusion": [1, 1, 0, 0, 1, 0],
            "age": [40.0, 41.5, 42, 43, 44, 45],
        }
    )


CLEAR = ImageReader(window=(2500, 5000))
GIVEN = {"path": "file", "size": (4, 4), "reader": CLEAR}


def brightness(x):
    """Say of each film how bright it is, as two probabilities."""
    bright = x.mean(axis=(1, 2, 3), dtype=np.float64) / 255
    return np.stack([bright, 1 - bright], axis=1)


# Rows.


@pytest.mark.parametrize("form", ["pandas", "polars", "lazy", "arrow", "mapping", "csv", "parquet"])
def test_a_table_of_any_kind_names_images_labels_and_groups(frame, form):
    forms = {
        "pandas": lambda: frame,
        "polars": lambda: pl.from_pandas(frame),
        "lazy": lambda: pl.from_pandas(frame).lazy(),
        "arrow": lambda: pl.from_pandas(frame).to_arrow(),
        "mapping": lambda: frame.to_dict("list"),
        "csv": lambda: frame.to_csv("t.csv", index=False) or "t.csv",
        "parquet": lambda: frame.to_parquet("t.parquet") or Path("t.parquet"),
    }
    films = image_table(forms[form](), label=LABELS, group="patient", split="train", **GIVEN)
    assert films.ids.tolist() == frame["file"].tolist()
    assert films.groups.tolist() == ["000", "000", "001", "001", "002", "002"]
    assert (films.task, films.classes, films.split) == ("multilabel", ("mass", "effusion"), "train")
    assert films.labels.to_numpy().tolist() == frame[LABELS].to_numpy().tolist()
    ids, pixels, labels = films.load()
    assert ids.tolist() == frame["file"].tolist()
    np.testing.assert_allclose(pixels[:, 0, 0, 1], np.arange(N) * 255 / 5)
    assert labels.tolist() == frame[LABELS].to_numpy().tolist()


def test_labels_are_names_indicators_or_numbers(frame):
    named = image_table(frame, label="finding", **GIVEN)
    assert (named.task, named.classes) == ("multiclass", ("mass", "none"))
    assert named.labels.tolist() == frame["finding"].tolist()
    assert image_table(frame, label="finding", classes=["none", "mass", "x"], **GIVEN).classes == ("none", "mass", "x")
    renamed = image_table(frame, label={"mass": "a mass", "effusion": "fluid"}, **GIVEN)
    assert renamed.labels.columns.tolist() == ["a mass", "fluid"]
    ages = image_table(frame, label="age", task="regression", **GIVEN)
    assert ages.labels["age"].tolist() == frame["age"].tolist()
    assert image_table(frame, **GIVEN).labels is None
    assert image_table(frame, **GIVEN).load()[2] is None


def test_ids_are_a_column_or_the_paths_from_the_root(frame, tmp_path):
    absolute = frame.assign(file=[str(tmp_path / one) for one in frame["file"]])
    assert image_table(absolute, root=tmp_path, **GIVEN).ids.tolist() == frame["file"].tolist()
    inside = frame.assign(file=[one.removeprefix("films/") for one in frame["file"]])
    assert image_table(inside, root="films", **GIVEN).ids.tolist() == inside["file"].tolist()
    named = image_table(frame.assign(name=list("abcdef")), id="name", **GIVEN)
    assert named.ids.tolist() == list("abcdef")
    some = named.take(["e", "b"])
    assert some.ids.tolist() == ["e", "b"]
    np.testing.assert_allclose(some.load()[1][:, 0, 0, 0], [4 * 51, 51])
    with pytest.raises(DataError, match=r"ids to take must be there; received unknown: 1 \('z'\)"):
        named.take(["z"])


def test_a_csv_file_finds_its_images_beside_it_and_keeps_zeros(frame, tmp_path, monkeypatch):
    frame.to_csv("t.csv", index=False)
    monkeypatch.chdir("/")
    films = image_table(tmp_path / "t.csv", group="patient", **GIVEN)
    assert films.groups[0] == "000"
    assert len(films.load()[0]) == N


# What is wrong.


def test_all_missing_files_are_named_at_once_before_anything_is_read(frame):
    for k in (1, 3, 4):
        Path(frame["file"][k]).unlink()
    lost = frame["file"][[1, 3, 4]].tolist()
    with pytest.raises(
        MissingImagesError, match=rf"of 6 of a table 3 are not: 3 \('{lost[0]}', '{lost[1]}', '{lost[2]}"
    ) as e:
        image_table(frame, **GIVEN)
    assert e.value.missing == tuple(lost)


def change(frame, column, row, value):
    frame = frame.astype({column: object})
    frame.loc[row, column] = value
    return frame


@pytest.mark.parametrize(
    ("changed", "options", "text"),
    [
        (lambda f: change(f, "file", 1, f["file"][0]), {}, "ids of a table of images must be different"),
        (lambda f: change(f, "file", 1, "films/../" + f["file"][0]), {}, "files of a table of images must be"),
        (lambda f: f.assign(n=list("aabcde")), {"id": "n"}, "column 'n', must be unique; .* repeated: 1"),
        (lambda f: change(f, "file", 2, None), {}, "column 'file' must hold paths; a table has 1"),
        (lambda f: change(f, "patient", 2, None), {"group": "patient"}, "each image must have a group"),
        (lambda f: change(f, "finding", 2, None), {"label": "finding"}, "each image must have a label"),
        (lambda f: change(f, "mass", 2, -1), {"label": LABELS}, r"must be 0 or 1, one column.* holds -1"),
        (lambda f: change(f, "mass", 2, np.nan), {"label": LABELS}, "each image must have a label"),
        (lambda f: change(f, "mass", 2, "yes"), {"label": LABELS}, "must hold numbers for multilabel"),
        (lambda f: f, {"label": "age"}, r"must be names of classes, .* holds 40.0. Give task='regression'"),
        (lambda f: f, {"label": "sex"}, "must have the column 'sex' once; a table has the columns"),
        (lambda f: f, {"label": "finding", "classes": ["none"]}, r"must be among classes, .* holds also 1 \('mass'\)"),
        (lambda f: f[:0], {}, "a table of images must have rows; a table has none"),
        (lambda f: f["file"], {}, "a table of images must be a DataFrame"),
        (lambda f: "none.csv", {}, "must be a file that is there; 'none.csv' is not"),
    ],
)  # fmt: skip
def test_tables_that_do_not_hold_what_they_say_are_refused(frame, changed, options, text):
    with pytest.raises(DataError, match=text):
        image_table(changed(frame), **GIVEN | options)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"classes": ["mass"]}, "classes and task say what labels are. Give label="),
        ({"label": LABELS, "classes": LABELS}, "classes are named by the columns of labels here"),
        ({"label": LABELS, "task": "multiclass"}, "label must be one column of class names, or several columns"),
        ({"label": "finding", "task": "binary"}, "task must be"),
        ({"size": 4}, r"size must be \(height, width\)"),
        ({"reader": "x"}, "reader must be an ImageReader"),
    ],
)
def test_options_that_do_not_fit_are_refused(frame, options, text):
    with pytest.raises(InvalidOptionError, match=text):
        image_table(frame, **GIVEN | options)


# Where tables go.


def test_collect_hands_on_ids_labels_by_name_and_groups(frame):
    films = image_table(frame, label=LABELS, group="patient", split="valid", **GIVEN)
    member = as_member(brightness, name="m", classes=["effusion", "mass"], task="multilabel")
    collected = collect([member], films, batch_size=4)
    assert collected.ids.tolist() == frame["file"].tolist()
    assert collected.groups.tolist() == films.groups.tolist()
    assert collected.split == "valid"
    np.testing.assert_allclose(collected["m"].probas[:, 0], np.arange(N) / 5)
    assert collected["m"].labels.tolist() == frame[["effusion", "mass"]].to_numpy().tolist()
    other = as_member(brightness, name="m", classes=["effusion", "nodule"], task="multilabel")
    with pytest.raises((AlignmentError, InvalidPredictionsError), match="nodule"):
        collect([other], films, batch_size=4)
    named = image_table(frame, label="finding", **GIVEN)
    assert collect({"m": brightness}, named, classes=["mass", "none"]).labels.tolist() == frame["finding"].tolist()


def test_a_slice_of_a_patient_who_was_trained_on_is_a_leak(frame):
    from ensemblekit import fit_combiner

    films = image_table(frame, label="finding", group="patient", **GIVEN)
    first, others = films.ids[0], films.ids[1:]
    collected = collect({"a": brightness, "b": brightness}, films.take(others), classes=["mass", "none"])
    fitted_on = {"fit_ids": [first], "fit_groups": [films.groups[0]]}
    parts = [
        Predictions(
            p.probas, ids=p.ids, classes=p.classes, labels=p.labels, groups=p.groups, member=p.member, **fitted_on
        )
        for p in collected
    ]
    with pytest.raises(LeakageError, match=r"on other rows of their groups, first .films/p0/1.npy'"):
        fit_combiner(parts, "stacking")


def test_folds_that_cut_a_patient_are_refused(frame):
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GroupKFold, KFold

    from ensemblekit.folds import fit_folds

    films = image_table(frame, label="finding", group="patient", **GIVEN)

    class Flat(LogisticRegression):
        def fit(self, x, y):
            return super().fit(np.reshape(x, (len(x), -1)) / 255, y)

        def predict_proba(self, x):
            return super().predict_proba(np.reshape(x, (len(x), -1)) / 255)

    with pytest.raises(LeakageError, match="group"):
        fit_folds(Flat(), films, KFold(3, shuffle=True, random_state=0), groups=films.groups)
    bag = fit_folds(Flat(), films, GroupKFold(3), groups=films.groups)
    assert not bag.oof.seen.any()
    assert bag.oof.aggregate("group", labels="majority").ids.tolist() == ["000", "001", "002"]


def test_an_audit_of_tables_finds_groups_in_two_splits(frame):
    groups = [str(k % 5) for k in range(len(frame))]
    table = image_table(frame.assign(who=groups), path="file", group="who", reader=CLEAR)
    parts = {"train": table.take(table.ids[[0, 1, 2]]), "test": table.take(table.ids[[3, 4, 5]])}
    audit = audit_images(parts)
    assert audit.group_leaked == {"test": [table.ids[5]]}
    assert "1 of 3 test images are of a group that stands in train." in audit.summary
    assert audit_images(parts, ids=table.ids[1:].tolist()).group_leaked == {"test": []}
    table.paths[table.ids[0]].write_bytes(b"")  # what cannot be read is in no split
    assert audit_images(parts).group_leaked == {"test": []}


def test_an_audit_of_tables_finds_what_is_in_two_splits(frame):
    copy = frame.assign(file=[one.replace("films", "more") for one in frame["file"]])
    for old, new, k in zip(frame["file"], copy["file"], range(N), strict=True):
        Path(new).parent.mkdir(parents=True, exist_ok=True)
        np.save(new, np.load(old) if k == 2 else np.load(old) // 2 + 7)
    tables = {
        "train": image_table(frame, label=LABELS, **GIVEN),
        "test": image_table(copy, label=LABELS, **GIVEN),
    }
    audit = audit_images(tables)
    assert audit.leaked == {"test": ["more/p1/2.npy"]}
    assert audit.counts["train"] == {"effusion": 2, "mass": 2, "mass|effusion": 1, "none": 1}
    assert len(audit_images(tables["train"])) == N
    with pytest.raises(DataError, match="ids must be different over all splits of an audit; 6 come again"):
        audit_images({"train": tables["train"], "test": tables["train"]})


def test_features_of_one_window_are_never_those_of_another(frame):
    bank = FeatureBank("bank")
    computed = []

    def features(window):
        table = image_table(frame, **GIVEN | {"reader": ImageReader(window=window)})
        return extract_features(PlainBackbone(), table, bank=bank, progress=lambda done, _: computed.append(done))

    wide = features((2500, 5000))
    assert computed.pop() == N
    narrow = features((1000, 2000))
    assert computed
    assert not np.array_equal(wide, narrow)
    computed.clear()
    np.testing.assert_array_equal(features((2500, 5000)), wide)
    assert computed == []
    grey = image_table(frame, **GIVEN | {"reader": ImageReader(window=(2500, 5000), channels="grayscale")})
    assert next(grey.batches())[1].shape == (N, 4, 4, 1)


@pytest.mark.keras
def test_predictions_of_a_table_keep_its_ids_labels_and_groups(frame, keras, tmp_path):
    from ensemblekit import predict_images
    from ensemblekit.predicting import _run

    layers = keras.layers
    pixels = keras.Input((4, 4, 3))
    mean = layers.GlobalAveragePooling2D()(layers.Rescaling(1 / 255)(pixels))
    model = keras.Model(pixels, layers.Dense(2, "sigmoid", name="out")(mean))
    films = image_table(frame, label=LABELS, group="patient", split="valid", **GIVEN | {"size": (9, 9)})
    fields = {"classes": ["effusion", "mass"], "task": "multilabel", "labels": True}
    for suffix in (".parquet", ".npz"):
        done = predict_images(model, films, tmp_path / f"p{suffix}", **fields)
        got = Predictions.load(done.outputs["combined"])
        assert got.ids.tolist() == frame["file"].tolist()
        assert got.groups.tolist() == films.groups.tolist()
        assert got.labels.tolist() == frame[["effusion", "mass"]].to_numpy().tolist()
        assert got.split == "valid"
    x = films.load()[1][:, :4, :4]
    np.testing.assert_allclose(got.probas, model.predict_on_batch(x), atol=1e-6)
    with pytest.raises(InvalidOptionError, match="aliases and reader are options of image_table"):
        predict_images(model, films, tmp_path / "q.npz", reader=CLEAR, **fields)
    with pytest.raises(InvalidOptionError, match="labels must be of the classes of the model"):
        predict_images(model, films, tmp_path / "q.npz", **fields | {"classes": ["effusion", "nodule"]})
    grey = image_table(frame, **GIVEN | {"reader": ImageReader(channels="grayscale")})
    with pytest.raises(CompatibilityError, match=r"takes 3, and 1 are read. Give reader=ImageReader\(\)"):
        predict_images(model, grey, tmp_path / "q.npz", classes=["effusion", "mass"], task="multilabel")
    # Another window is another run.
    out = tmp_path / "r.parquet"

    def stop(done, _):
        raise KeyboardInterrupt

    plain = {"classes": ["effusion", "mass"], "task": "multilabel"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_run, "PART", 2)
        with pytest.raises(KeyboardInterrupt):
            predict_images(model, "films", out, reader=CLEAR, progress=stop, **plain)
        with pytest.raises(DataError, match="reader changed since"):
            predict_images(model, "films", out, reader=ImageReader(window="range"), resume=True, **plain)
        with pytest.raises(InvalidOptionError, match="the function that reads them has no fingerprint"):
            predict_images(model, "films", out, reader=np.load, resume=True, **plain)
        predict_images(model, "films", out, reader=CLEAR, resume=True, **plain)
    np.testing.assert_allclose(Predictions.load(out).probas, got.probas, atol=1e-6)
