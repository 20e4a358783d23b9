"""`combine_files` takes folders of parts, and says what is in a folder that is no part."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ensemblekit import InvalidOptionError, Predictions, combine
from ensemblekit.errors import InvalidPredictionsError
from ensemblekit.scaling import _buckets, _combine_files, combine_files

CLASSES = ("cat", "Cat", "dog")
N = 300


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Several buckets and batches for a few rows."""
    monkeypatch.setattr(_buckets, "bucket_count", lambda members, memory: 3)
    monkeypatch.setattr(_combine_files, "LARGEST", 64)


def draw(member, order, **fields):
    probas = np.random.default_rng(len(member)).dirichlet(np.ones(3), N)[order]
    return Predictions(probas, ids=[f"r{i}" for i in order], classes=CLASSES, member=member, **fields)


def save_parts(folder, p, n_parts, *, plain=False):
    folder.mkdir()
    for k, ids in enumerate(np.array_split(p.ids, n_parts)):
        part, path = p.take(ids), folder / f"part-{k}.parquet"
        if plain:
            columns = {"id": part.ids.tolist()} | {c: part.probas[:, k] for k, c in enumerate(CLASSES)}
            pq.write_table(pa.table(columns), path)
        else:
            part.save(path)
    return folder


def assert_same(path, expected):
    got = Predictions.load(path)
    assert got.ids.tolist() == expected.ids.tolist()
    assert got.probas.tobytes() == expected.probas.tobytes()


@pytest.mark.parametrize("plain", [False, True])
@pytest.mark.parametrize("shuffled", [False, True])
def test_folders_of_parts_are_read_like_their_files(plain, shuffled, tmp_path):
    order = np.random.default_rng(0).permutation(N)
    a, b = draw("a", np.arange(N)), draw("bb", order if shuffled else np.arange(N))
    folders = [save_parts(tmp_path / "a.parquet", a, 4, plain=plain), save_parts(tmp_path / "bb", b, 3, plain=plain)]
    (folders[0] / "_SUCCESS").touch()
    (folders[0] / ".part-0.parquet.crc").touch()
    done = combine_files(folders, "mean", tmp_path / "out.parquet")
    assert (done.joined, done.members) == (shuffled, ("a", "bb"))
    assert_same(tmp_path / "out.parquet", combine([a, b], "mean"))
    combine_files({"a": [folders[0]], "bb": b_files(folders[1])}, "mean", tmp_path / "out.parquet", overwrite=True)
    assert_same(tmp_path / "out.parquet", combine([a, b], "mean"))


def b_files(folder):
    return sorted(folder.iterdir())


@pytest.mark.parametrize("other", ["notes.txt", "part-9.csv", "deeper"])
def test_what_is_no_part_is_refused_with_the_folder(other, tmp_path):
    folder = save_parts(tmp_path / "a", draw("a", np.arange(N)), 2)
    (folder / other).mkdir() if other == "deeper" else (folder / other).touch()
    with pytest.raises(InvalidPredictionsError, match=rf"a': a folder of predictions must hold parts .*'{other}'\]"):
        combine_files([folder], "mean", tmp_path / "out.parquet")


def test_a_folder_without_parts_and_parts_that_differ_are_refused(tmp_path):
    (tmp_path / "a").mkdir()
    with pytest.raises(InvalidPredictionsError, match=r"a': a folder of predictions must hold parts"):
        combine_files([tmp_path / "a"], "mean", tmp_path / "out.parquet")
    draw("a", np.arange(N)).save(tmp_path / "a" / "0.parquet")
    draw("a", np.arange(N), split="test").save(tmp_path / "a" / "1.parquet")
    with pytest.raises(InvalidPredictionsError, match=r"files of one member must have .*1\.parquet' has"):
        combine_files([tmp_path / "a"], "mean", tmp_path / "out.parquet")
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_an_id_that_is_in_two_parts_is_refused(tmp_path):
    folder = save_parts(tmp_path / "a", draw("a", np.arange(N)), 2)
    draw("a", np.arange(N)).take(["r7"]).save(folder / "part-2.parquet")
    with pytest.raises(InvalidPredictionsError, match=r"ids must be unique; .*'r7'"):
        combine_files([folder], "mean", tmp_path / "out.parquet")


def write_tables(folder, tables):
    for name, columns in tables.items():
        pq.write_table(pa.table(columns), folder / f"{name}.parquet")
    return {name: folder / f"{name}.parquet" for name in tables}


def expected_of(files, combiner, read, **options):
    members = {name: Predictions.load(path, **read) for name, path in files.items()}
    return combine(members, combiner, **options)


TABLES = {
    "regression": (
        {"task": "regression"}, lambda rng: {"SalePrice": rng.normal(size=N), "label": rng.normal(size=N) * 0 + 1},
    ),
    "one probability": ({"positive": "yes"}, lambda rng: {"p": rng.random(N)}),
    "multilabel": (
        {"task": "multilabel", "id": "image", "columns": ["x", "y"], "label": {"is_x": "x", "is_y": "y"}},
        lambda rng: {
            "x": rng.random(N), "is_x": [True] * N, "y": rng.random(N), "is_y": np.ones(N, int), "note": ["?"] * N,
        },
    ),
    "named columns": ({"columns": {"a": "cat", "b": "dog"}, "label": "truth"}, lambda rng: {
        "a": (a := rng.random(N)), "truth": ["cat", "dog"] * (N // 2), "b": 1 - a,
    }),
}  # fmt: skip


@pytest.mark.parametrize("shuffled", [False, True])
@pytest.mark.parametrize("kind", TABLES)
def test_tables_are_read_as_is_said(kind, shuffled, tmp_path):
    read, draw_columns = TABLES[kind]
    tables = {}
    for k, name in enumerate(("a", "b")):
        columns = {
            "image" if kind == "multilabel" else "image_id": np.arange(N),
            **draw_columns(np.random.default_rng(k)),
        }
        order = np.random.default_rng(k).permutation(N) if shuffled else np.arange(N)
        tables[name] = pa.table(columns).take(order)
    files = {name: tmp_path / f"{name}.parquet" for name in tables}
    for name, table in tables.items():
        pq.write_table(table, files[name])
    done = combine_files(files, "mean", tmp_path / "out.parquet", read=read)
    assert done.joined is shuffled
    got, expected = Predictions.load(tmp_path / "out.parquet"), expected_of(files, "mean", read)
    assert_same(tmp_path / "out.parquet", expected)
    assert (got.task, got.classes) == (expected.task, expected.classes)
    assert (got.labels is None) == (expected.labels is None)
    if got.labels is not None:
        assert got.labels.tolist() == expected.labels.tolist()


def test_what_read_says_is_checked_before_a_row_is_read(tmp_path):
    table = {"Id": np.arange(N), "vote": ["cat", "dog", "cat"] * (N // 3)}
    files = write_tables(tmp_path, {"a": table, "b": table})
    with pytest.raises(InvalidPredictionsError, match=r"a\.parquet': .* must have a column for each class; .*'vote'"):
        combine_files(files, "mean", tmp_path / "out.parquet", read={"label": "vote"})
    with pytest.raises(InvalidPredictionsError, match=r"a\.parquet': id must name a column .*Did you mean 'Id'"):
        combine_files(files, "mean", tmp_path / "out.parquet", read={"id": "Idx"})
    with pytest.raises(InvalidPredictionsError, match=r"a\.parquet': .*read=\{'positive': 'yes'\}"):
        combine_files(files, "mean", tmp_path / "out.parquet")
    with pytest.raises(InvalidOptionError, match=r"read must have keys out of task, id, .* received 1 \('ids'\)"):
        combine_files(files, "mean", tmp_path / "out.parquet", read={"ids": "Id"})
    draw("c", np.arange(N)).save(tmp_path / "c.parquet")
    with pytest.raises(
        InvalidPredictionsError, match=r"c\.parquet': a file that Predictions\.save wrote says its task"
    ):
        combine_files([tmp_path / "c.parquet"], "mean", tmp_path / "out.parquet", read={"task": "regression"})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.parquet", "b.parquet", "c.parquet"]
