"""`combine_files` takes folders of parts, and says what is in a folder that is no part."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ensemblekit import Predictions, combine
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
