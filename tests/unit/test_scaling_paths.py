"""No engine reads anything into a path: whatever folders and files are called, the same rows come out."""

import os
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from ensemblekit import Predictions
from ensemblekit.scaling import _buckets, _combine_files, _unique_ids, combine_files

N = 40
CLASSES = ("c0", "c1", "place", "number", "id")
HOSTILE = [
    "c1=0.5", "place=1", "number=1", "c0=5", "bucket=3", "id=7", "proba:c1=0.5", "a=b=c", "=", "year=2024/month=1",
    "a[1]b", "[!x]", "o?", "*", "**", "**/*", "{x,y}", "'", '"', "a'b\"c", "');--", "%", "%s", "%2F", "100%", "$HOME",
    "~", "~root", "s3:", "s3://bucket", "http://x", "file://x", "memory://", "a#b", "a?b=c", "-", "--help", " ", " a ",
    "a\nb", "a\tb", "a\rb", "\x1b[31m", "é", "e\u0301", "\u202eabc", "漢字", "😀", "a;b", "a&b", "a|b", "a\\b", "\\",
    "a,b", "(a)", ".hidden", "..a", "x.parquet", "n" * 200, os.fsdecode(b"\xff\xfe"), os.fsdecode(b"caf\xe9"),
]  # fmt: skip


@pytest.fixture(autouse=True)
def small(monkeypatch, tmp_path):
    """Several buckets and batches for a few rows; names are given as they are typed."""
    monkeypatch.setattr(_buckets, "bucket_count", lambda sources, memory: 3)
    monkeypatch.setattr(_unique_ids, "pass_count", lambda n_rows, memory: 3)
    monkeypatch.setattr(_combine_files, "LARGEST", 16)
    monkeypatch.chdir(tmp_path)


def draw(member, order, folder):
    values = np.random.default_rng(ord(member)).normal(size=(N, len(CLASSES)))[order]
    path = f"{folder}/{member}.parquet"
    Predictions(values, ids=order, classes=CLASSES, task="regression", member=member).save(path)
    return path, dict(zip(order.tolist(), values.tolist(), strict=True))


def rows_of(path):
    """Read a file without any code under test."""
    with Path(path).open("rb") as file:
        table = pq.ParquetFile(file).read()
    values = zip(*(table[f"proba:{name}"].to_pylist() for name in CLASSES), strict=True)
    return list(zip(table["id"].to_pylist(), map(list, values), strict=True))


def two_orders(joined):
    rng = np.random.default_rng(0)
    first = rng.permutation(N)
    return first, rng.permutation(N) if joined else first


def mean_of(order, a, b):
    return [(i, [(x + y) / 2 for x, y in zip(a[i], b[i], strict=True)]) for i in order.tolist()]


EVERYWHERE = [("everywhere", ("{0}", "{0}", "room/{0}"))]
ALONE = [("input", ("{0}", "plain", None)), ("output", ("plain", "{0}", None)), ("room", ("plain", "plain", "{0}"))]
CASES = [pytest.param(name, where, id=f"{place}-{name}") for name in HOSTILE for place, where in EVERYWHERE]
CASES += [
    pytest.param(name, where, id=f"{place}-{name}", marks=(pytest.mark.slow, pytest.mark.long) if number > 6 else ())
    for number, name in enumerate(HOSTILE)
    for place, where in ALONE
]


@pytest.mark.parametrize(("name", "where"), CASES)
@pytest.mark.parametrize("joined", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_no_name_of_a_folder_changes_a_row(joined, name, where):
    source, target, room = (folder and folder.format(name) for folder in where)
    for folder in {source, target, room} - {None}:
        Path(folder).mkdir(parents=True)
    orders = two_orders(joined)
    (a, rows_of_a), (b, rows_of_b) = (draw(m, order, source) for m, order in zip("ab", orders, strict=True))
    before = names()
    done = combine_files({"a": a, "b": b}, "mean", f"{target}/out.parquet", folder=room)
    assert done.joined is joined
    assert rows_of(f"{target}/out.parquet") == mean_of(orders[0], rows_of_a, rows_of_b)
    assert names() == before | {str(Path(f"{target}/out.parquet"))}


@pytest.mark.parametrize("name", [name for name in HOSTILE if "/" not in name and len(name) < 200])
@pytest.mark.parametrize("joined", [pytest.param(False, marks=pytest.mark.slow), True])
def test_no_name_of_a_file_changes_a_row(joined, name):
    orders = two_orders(joined)
    (a, rows_of_a), (b, rows_of_b) = (draw(m, order, ".") for m, order in zip("ab", orders, strict=True))
    Path(a).rename(f"{name}.parquet")
    # What a pattern would find too: members, leftovers, other people's files.
    others = [f"{name}1.parquet", "o1.parquet", "x.parquet", "000000.parquet", f".{name}1.parquet"]
    for other in others:
        if not Path(other).exists():
            Path(other).write_bytes(Path(b).read_bytes())
    output = f"out {name}.parquet"
    before = {path: Path(path).read_bytes() for path in names()}
    combine_files([f"{name}.parquet", b], "mean", output)
    assert rows_of(output) == mean_of(orders[0], rows_of_a, rows_of_b)
    Path(output).unlink()
    assert {path: Path(path).read_bytes() for path in names()} == before


def names():
    return {str(path) for path in Path().rglob("*") if path.is_file()}
