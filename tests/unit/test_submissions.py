"""Five submissions make a sixth, for each task; ordinary tables are written; a folder of parts is one table."""

import gzip

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ensemblekit import Predictions, align, combine
from ensemblekit.errors import InvalidOptionError, InvalidPredictionsError, OutputExistsError

RNG = np.random.default_rng(0)
IDS = [f"{row:03}.png" for row in range(40)]
CLASSES = ["cat", "dog", "bird"]


def five(folder, make):
    """Write five submissions, each in an order of its own; give them as frames in one order too."""
    paths, frames = [], []
    for number in range(5):
        frame = make()
        frame.insert(0, "Id", IDS)
        path = folder / f"{number}.csv"
        frame.sample(frac=1, random_state=number).to_csv(path, index=False)
        paths.append(path)
        frames.append(frame.set_index("Id"))
    return paths, frames


def test_regression(tmp_path):
    paths, frames = five(tmp_path, lambda: pd.DataFrame({"SalePrice": RNG.normal(2e5, 5e4, 40).round(2)}))
    combine(paths, "mean", read={"task": "regression"}).save(tmp_path / "sixth.csv", form="table", id="Id")
    sixth = pd.read_csv(tmp_path / "sixth.csv").set_index("Id")
    by_hand = sum(frame["SalePrice"] for frame in frames) / 5
    assert sixth.columns.tolist() == ["SalePrice"]
    np.testing.assert_allclose(sixth.loc[by_hand.index, "SalePrice"], by_hand, rtol=1e-14)


def test_a_binary_task_with_one_column(tmp_path):
    paths, frames = five(tmp_path, lambda: pd.DataFrame({"target": RNG.random(40)}))
    sixth = combine(paths, "mean", read={"positive": 1})
    sixth.save(tmp_path / "sixth.csv", form="table", id="Id", columns={"target": 1})
    frame = pd.read_csv(tmp_path / "sixth.csv").set_index("Id")
    by_hand = sum(frame["target"] for frame in frames) / 5
    assert frame.columns.tolist() == ["target"]
    np.testing.assert_allclose(frame.loc[by_hand.index, "target"], by_hand, rtol=1e-14)


def test_several_classes(tmp_path):
    paths, frames = five(tmp_path, lambda: pd.DataFrame(RNG.dirichlet([1, 1, 1], 40), columns=CLASSES))
    combine(paths, "mean").save(tmp_path / "sixth.csv", form="table", id="Id")
    frame = pd.read_csv(tmp_path / "sixth.csv").set_index("Id")
    by_hand = sum(frames) / 5
    assert frame.columns.tolist() == CLASSES
    np.testing.assert_allclose(frame.loc[by_hand.index], by_hand, rtol=1e-13)


def test_several_labels(tmp_path):
    paths, frames = five(tmp_path, lambda: pd.DataFrame(RNG.random((40, 3)), columns=CLASSES))
    sixth = combine(paths, "mean", read={"task": "multilabel"})
    sixth.save(tmp_path / "sixth.csv", form="table", id="Id")
    sixth.save(tmp_path / "votes.csv", form="votes", id="Id")
    frame, votes = (pd.read_csv(tmp_path / name).set_index("Id") for name in ("sixth.csv", "votes.csv"))
    by_hand = sum(frames) / 5
    np.testing.assert_allclose(frame.loc[by_hand.index], by_hand, rtol=1e-14)
    pd.testing.assert_frame_equal(votes.loc[by_hand.index], (by_hand >= 0.5).astype(int))


def test_votes(tmp_path):
    paths, frames = five(tmp_path, lambda: pd.DataFrame({"label": RNG.choice(CLASSES, 40, p=[0.6, 0.2, 0.2])}))
    combine(paths, "voting").save(tmp_path / "sixth.csv", form="votes", id="Id")
    frame = pd.read_csv(tmp_path / "sixth.csv").set_index("Id")
    counts = pd.concat([f["label"] for f in frames], axis=1).apply(lambda row: row.value_counts(), axis=1).fillna(0)
    clear = counts[(counts.eq(counts.max(axis=1), axis=0)).sum(axis=1) == 1]
    assert len(clear) > 20
    assert frame.columns.tolist() == ["label"]
    assert frame.loc[clear.index, "label"].tolist() == clear.idxmax(axis=1).tolist()


# What is written.


def make(**fields):
    return Predictions(
        np.array([[0.1 + 0.2, 0.7 - 5e-17], [1, 0]]), **{"ids": ["a", "b"], "classes": ["cat", "dog"], **fields}
    )


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".csv.gz", ".parquet"])
def test_a_table_is_written_without_anything_else(suffix, tmp_path):
    path = tmp_path / f"p{suffix}"
    p = make(member="m", fit_ids=["x"], labels=["dog", "cat"])
    p.save(path, form="table", id="Id", columns={"second": "dog", "first": "cat"}, label="truth")
    if suffix == ".parquet":
        frame = pd.read_parquet(path)
        assert pq.read_schema(path).metadata is None
    else:
        frame = pl.read_csv(path, separator="\t" if suffix == ".tsv" else ",").to_pandas()
    assert frame.columns.tolist() == ["Id", "second", "first", "truth"]
    assert frame.to_numpy().tolist() == [["a", p.probas[0, 1], p.probas[0, 0], "dog"], ["b", 0, 1, "cat"]]
    again = Predictions.load(path, label="truth", columns={"first": "cat", "second": "dog"})
    assert (again.probas.tolist(), again.labels.tolist(), again.fit_ids) == (p.probas.tolist(), ["dog", "cat"], None)


def test_the_text_of_a_table(tmp_path):
    path = tmp_path / "p.csv"
    make(ids=[1, 2]).save(path, form="table", columns="dog")
    assert path.read_text() == "id,dog\n1,0.7\n2,0\n"
    make(ids=[1, 2]).save(path, form="table", overwrite=True, decimal=",")
    assert path.read_text() == 'id;cat;dog\n1;"0,30000000000000004";"0,7"\n2;"1";"0"\n'
    assert Predictions.load(path).probas.tolist() == make().probas.tolist()
    make(ids=[1, 2]).save(path, form="table", overwrite=True, separator="|", columns=["dog", "cat"])
    assert path.read_text() == "id|dog|cat\n1|0.7|0.30000000000000004\n2|0|1\n"
    make(classes=[0, 1]).save(path, form="votes", overwrite=True, label="target")
    assert path.read_text() == "id,target\na,1\nb,0\n"
    missing = Predictions([[np.nan, np.nan], [0, 1]], ids=[1, 2], classes=["x", "y"], missing="renormalize")
    missing.save(path, form="table", overwrite=True)
    assert path.read_text() == "id,x,y\n1,,\n2,0,1\n"
    make(ids=["a,b", 'c"d']).save(path, form="table", overwrite=True)
    assert pd.read_csv(path)["id"].tolist() == ["a,b", 'c"d']


def test_a_table_that_cannot_be_is_refused_and_nothing_is_written(tmp_path):
    path = tmp_path / "p.csv"
    dense = Predictions(np.full((2, 2, 2), 0.5), ids=[1, 2], classes=["x", "y"])
    numbers = Predictions([1.0, 2.0], ids=[1, 2], classes=["y"], task="regression")
    missing = Predictions([[np.nan, np.nan], [0, 1]], ids=[1, 2], classes=["x", "y"], missing="renormalize")
    for p, options, message in (
        (make(), {"id": "Id"}, r"id must go with form='table' or 'votes'"),
        (make(), {"form": "votes", "columns": ["cat"]}, "votes have none"),
        (make(), {"form": "table", "columns": {"p": "bird"}}, r"out of \['cat', 'dog'\]; received \['bird'\]"),
        (make(), {"form": "table", "columns": []}, "columns must name classes"),
        (make(), {"form": "table", "id": "cat"}, r"a name of its own; these would be \['cat', 'cat', 'dog'\]"),
        (make(), {"form": "table", "label": "truth"}, "label= is a column for one label a row; received none"),
        (make(), {"form": "table", "separator": "::"}, "separator must be one ASCII character"),
        (make(), {"form": "table", "separator": ",", "decimal": ","}, "must be different characters"),
        (make(), {"form": "submission"}, "form must be"),
        (dense, {"form": "table"}, r"received \(2, 2, 2\)"),
        (numbers, {"form": "votes"}, "received the task 'regression'"),
        (missing, {"form": "votes"}, "votes need every row; 1 rows are NaN"),
    ):
        with pytest.raises((InvalidOptionError, InvalidPredictionsError), match=message):
            p.save(path, **options)
    with pytest.raises(InvalidPredictionsError, match=r"received \.npz"):
        make().save(tmp_path / "p.npz", form="table")
    assert not list(tmp_path.iterdir())
    make().save(path)
    with pytest.raises(OutputExistsError, match="overwrite=True"):
        make().save(path, form="table")


def test_a_packed_file_of_ours_is_the_same_each_time(tmp_path):
    make().save(tmp_path / "p.csv.gz")
    make().save(tmp_path / "q.csv.gz")
    make().save(tmp_path / "p.csv")
    first = (tmp_path / "p.csv.gz").read_bytes()
    assert first == (tmp_path / "q.csv.gz").read_bytes()
    assert gzip.decompress(first) == (tmp_path / "p.csv").read_bytes()


# Folders of parts.


def test_a_folder_of_parts_of_another_program(tmp_path):
    folder = tmp_path / "cnn.parquet"
    folder.mkdir()
    (folder / "_SUCCESS").touch()
    (folder / ".part-0.parquet.crc").write_bytes(b"crc")
    for part in range(3):
        columns = {"dog": [0.25, 1.0], "id": [2 * part, 2 * part + 1], "cat": [0.75, 0.0]}
        names = ["dog", "id", "cat"] if part else ["id", "cat", "dog"]
        pq.write_table(pa.table({name: columns[name] for name in names}), folder / f"part-{part}.parquet")
    p = Predictions.load(folder)
    assert (p.ids.tolist(), p.classes) == ([0, 1, 2, 3, 4, 5], ("cat", "dog"))
    assert p.probas.tolist() == [[0.75, 0.25], [0, 1]] * 3
    assert align([folder]).members == ("cnn",)


@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".npz"])
def test_a_folder_of_parts_of_ours(suffix, tmp_path):
    whole = Predictions(
        [[0.25, 0.75], [np.nan, np.nan], [1, 0]], ids=["1", "2", "x"], classes=["cat", "dog"],
        labels=["dog", "cat", "cat"], member="m", fit_ids=["f"], split="valid", missing="renormalize",
    )  # fmt: skip
    whole.take(["1"]).save(tmp_path / f"a{suffix}")
    whole.take([]).save(tmp_path / f"b{suffix}")
    whole.take(["x", "2"]).save(tmp_path / f"c{suffix}")
    p = Predictions.load(tmp_path)
    assert (p.ids.tolist(), p.labels.tolist(), p.present.tolist()) == (
        ["1", "x", "2"],
        ["dog", "cat", "cat"],
        [1, 1, 0],
    )
    assert (p.member, p.split, p.fit_ids.tolist(), p.classes) == ("m", "valid", ["f"], ("cat", "dog"))


def test_text_that_looks_like_numbers_in_one_part_is_text(tmp_path):
    (tmp_path / "a.csv").write_text("id,x,y\n1,0,1\n")
    (tmp_path / "b.csv").write_text("id,x,y\n1b,0,1\n")
    assert Predictions.load(tmp_path).ids.tolist() == ["1", "1b"]


def test_parts_of_votes_know_the_classes_of_all(tmp_path):
    folder = tmp_path / "votes"
    folder.mkdir()
    for part, label in enumerate(["cat", "dog", "cat"]):
        (folder / f"{part}.csv").write_text(f"id,label\n{part},{label}\n")
    (tmp_path / "other.csv").write_text("id,label\n0,bird\n1,cat\n2,cat\n")
    aligned = align(folder, tmp_path / "other.csv")
    assert aligned.classes == ("cat", "dog", "bird")
    assert aligned["votes"].predicted.tolist() == ["cat", "dog", "cat"]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, r"received \[\]"),
        ({"a.csv": "id,x,y\n1,0,1\n", "notes.txt": ""}, r"nothing else; received \['notes\.txt'\]"),
        ({"a.csv": "id,x,y\n1,0,1\n", "b.tsv": "id\tx\ty\n2\t0\t1\n"}, r"files of one kind"),
        (
            {"a.csv": "id,x,y\n1,0,1\n", "b.csv": "id,x,z\n2,0,1\n"},
            r"the same columns; received \['x', 'z'\] in 'b\.csv'",
        ),
        ({"a.csv": "id,x,y\n1,0,1\n", "b.csv": "id,x,y\n1,0,1\n"}, "ids must be unique"),
        ({"a.csv": "id,x,y\n1,0,1\n", "b.csv": "id,x,y,label\n2,0,1,x\n"}, "labelled or none; 'b.csv' differs"),
        ({"a.csv": "id,x,y\n1,0,1\n", "b.csv": "id,x,y\n2,0\n"}, r"b\.csv': each line must have 3 cells"),
    ],
)
def test_a_folder_that_is_no_table_is_refused_by_its_name(files, message, tmp_path):
    folder = tmp_path / "parts"
    folder.mkdir()
    for name, text in files.items():
        (folder / name).write_text(text)
    with pytest.raises(InvalidPredictionsError, match=rf"parts.*{message}"):
        Predictions.load(folder)


def test_a_folder_in_a_folder_is_no_part(tmp_path):
    (tmp_path / "split=test").mkdir()
    pq.write_table(pa.table({"id": [1], "x": [1.0], "y": [0.0]}), tmp_path / "part.parquet")
    with pytest.raises(InvalidPredictionsError, match=r"nothing else; received \['split=test'\]"):
        Predictions.load(tmp_path)
