"""What `combine_files` reads is what was saved, and what it writes says so."""

import functools
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ensemblekit import Predictions, combine
from ensemblekit.errors import InvalidPredictionsError
from ensemblekit.scaling import _buckets, _combine_files, combine_files, combine_partitions

CLASSES = ("cat", "dog")
N = 100


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Batches that end inside of files, and several buckets."""
    monkeypatch.setattr(_buckets, "bucket_count", lambda sources, memory: 3)
    monkeypatch.setattr(_combine_files, "LARGEST", 30)


def draw(member, order, **fields):
    probas = np.random.default_rng(len(member)).dirichlet(np.ones(2), N)[order]
    return Predictions(
        probas,
        ids=[f"r{i}" for i in order],
        classes=CLASSES,
        member=member,
        labels=np.asarray(CLASSES)[order % 2],
        **fields,
    )


def said_of(path):
    with pq.ParquetFile(path) as file:
        return json.loads(file.metadata.metadata[b"ensemblekit"])


def edit(path, change):
    """Change rows, or what is said beside them, as a program that knows of no digest would."""
    with pq.ParquetFile(path) as file:
        table = file.read()
    table, said = change(table, said_of(path))
    pq.write_table(table.replace_schema_metadata({b"ensemblekit": json.dumps(said).encode()}), path)


def other_values(name, place, value, table, said):
    at = table.column_names.index(name)
    values = table.column(name).to_pylist()
    values[place] = value
    return table.set_column(at, table.field(at), pa.array(values, table.field(at).type)), said


def swapped(table, said):
    order = np.arange(len(table))
    order[[3, 4]] = 4, 3
    return table.take(order), said


def renamed(table):
    names = [{"proba:cat": "proba:dog", "proba:dog": "proba:cat"}.get(name, name) for name in table.column_names]
    return table.rename_columns(names).select(table.column_names)


EDITS = {
    "a probability": lambda t, s: other_values("proba:dog", -1, t["proba:dog"][-1].as_py() + 1e-7, t, s),
    "an id": functools.partial(other_values, "id", -1, "r999"),
    "a label": lambda t, s: other_values("label", 0, "dog" if t["label"][0].as_py() == "cat" else "cat", t, s),
    "two rows": swapped,
    "classes": lambda t, s: (renamed(t), s),
    "fit ids": lambda t, s: (t, s | {"fit_ids": ["v1"]}),
    "no fit ids": lambda t, s: (t, s | {"fit_ids": None}),
    "split": lambda t, s: (t, s | {"split": "train"}),
    "member": lambda t, s: (t, s | {"member": "c"}),
    "digest": lambda t, s: (t, s | {"sha256": ""}),
    "no digest": lambda t, s: (t, {name: value for name, value in s.items() if name != "sha256"}),
}  # fmt: skip


@pytest.mark.parametrize(
    ("where", "joined"), [("alone", False), ("first", False), ("last", False), ("alone", True), ("last", True)]
)
@pytest.mark.parametrize("what", EDITS)
def test_an_edited_file_is_refused_before_there_is_an_output(what, where, joined, tmp_path):
    order = np.random.default_rng(0).permutation(N)
    whole = draw("b", order, fit_ids=["v1", "v2"], split="test")
    files = {"a": tmp_path / "a.parquet", "b": []}
    other = draw("a", order[::-1] if joined else order)
    other._with(_label_values=None).save(files["a"])  # which contradicts nothing
    for number, ids in enumerate(np.split(whole.ids, [] if where == "alone" else [37, 60])):
        files["b"].append(tmp_path / f"b{number}.parquet")
        whole.take(ids).save(files["b"][-1])
    assert combine_files(files, "mean", tmp_path / "out.parquet").joined is joined
    (tmp_path / "out.parquet").unlink()
    # The files of a member must be of one split, which is asked first.
    for path in files["b"] if what == "split" else [files["b"][0 if where == "first" else -1]]:
        edit(path, EDITS[what])
    before = sorted(tmp_path.iterdir())
    with pytest.raises(InvalidPredictionsError, match=r"b\d\.parquet'.*was cut, edited or damaged"):
        combine_files(files, "mean", tmp_path / "out.parquet")
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize("joined", [False, True])
@pytest.mark.parametrize("task", ["multiclass", "multilabel", "regression", "dense", "half"])
def test_what_is_written_says_the_digest_that_memory_would_write(task, joined, tmp_path):
    rng = np.random.default_rng(0)
    order = rng.permutation(N)
    shape = (N, 2, 2) if task == "dense" else (N, 2)
    kind = task if task in ("multilabel", "regression") else "multiclass"
    labels = {
        "multiclass": lambda: rng.choice(CLASSES, shape[:-1]),
        "multilabel": lambda: rng.integers(0, 2, shape),
        "regression": lambda: rng.normal(size=shape),
    }[kind]()
    said = []
    for member in ("a", "b"):
        probas = rng.dirichlet(np.ones(2), shape[:-1]).astype(np.float16 if task == "half" else np.float64)
        rows = rng.permutation(N) if joined else order
        fields = {"classes": CLASSES, "task": kind, "split": "valid", "member": member, "fit_ids": ["z", "y"]}
        said.append(Predictions(probas[rows], ids=[f"r{i}" for i in rows], labels=labels[rows], **fields))
    for p in said:
        p.save(tmp_path / f"{p.member}.parquet")
    combine_files([tmp_path / "a.parquet", tmp_path / "b.parquet"], "mean", tmp_path / "out.parquet")
    combine(said, "mean").save(tmp_path / "memory.parquet")
    assert said_of(tmp_path / "out.parquet") == said_of(tmp_path / "memory.parquet")
    Predictions.load(tmp_path / "out.parquet")  # which compares it


def test_partitions_of_edited_files_are_refused(tmp_path):
    files = {}
    for member in "ab":
        files[member] = tmp_path / f"{member}.parquet"
        draw(member, np.arange(N)).save(files[member])
    edit(files["b"], EDITS["two rows"])
    with pytest.raises(InvalidPredictionsError, match=r"b\.parquet'.*was cut, edited or damaged"):
        list(combine_partitions([files], "mean"))
