"""Rows survive being moved as records, in files and by hashes, to the bit."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ensemblekit.scaling._records import RecordLayout, hashes_of, part_numbers
from ensemblekit.scaling._spill import Spill, read_rows

TEXT = ["", "a", "é", "1234567", "12345678", "123456789", "x" * 16, "x" * 17, "漢字" * 9, "e\u0301"]


def table_of(n, seed=0, text=True):
    rng = np.random.default_rng(seed)
    texts = [f"{TEXT[k % len(TEXT)]}{k // len(TEXT)}" for k in range(n)]
    numbers = rng.random(n)
    numbers[::7] = np.nan
    lists = pa.FixedSizeListArray.from_arrays(pa.array(rng.random(4 * n).astype(np.float16)), 4)
    flags = pa.FixedSizeListArray.from_arrays(pa.array(rng.random(2 * n) < 0.5), 2)
    names = pa.FixedSizeListArray.from_arrays(pa.array([*"abc", "", "ü", None] * n, pa.large_string())[: 3 * n], 3)
    columns = {
        "id": pa.array(texts, pa.large_string()) if text else pa.array(rng.permutation(n)),
        "label": pa.array([None if k % 5 == 0 else TEXT[k % len(TEXT)] for k in range(n)], pa.large_string()),
        "number": numbers,
        "float32": rng.random(n).astype(np.float32),
        "int": pa.array([None if k % 3 == 0 else k - 7 for k in range(n)], pa.int32()),
        "bool": pa.array([None if k % 4 == 0 else k % 2 == 0 for k in range(n)]),
        "lists": lists, "flags": flags, "names": names,
    }  # fmt: skip
    return pa.table(columns)


def keys_of(table):
    ids = table.column("id")
    return hashes_of(ids) if pa.types.is_large_string(ids.type) else ids.to_numpy()


def assert_same(one, other):
    assert one.schema == other.schema
    for a, b in zip(one.columns, other.columns, strict=True):
        assert a.to_pylist() == b.to_pylist() or str(a.to_pylist()) == str(b.to_pylist())  # NaN differs from itself


@pytest.mark.parametrize("text", [True, False])
@pytest.mark.parametrize("n_parts", [1, 3, 300])
@pytest.mark.parametrize("named", [True, False])
def test_rows_come_back_in_the_order_they_came(text, n_parts, named, tmp_path):
    table = table_of(230, text=text)
    layout = RecordLayout(table.schema)
    parts = np.random.default_rng(1).integers(0, n_parts, len(table))
    with Spill(tmp_path, layout, n_parts, named=named) as spill:
        for start in range(0, 230, 100):  # slices, whose offsets do not begin at 0
            some = table.slice(start, 100)
            numbers = np.arange(start, start + len(some))
            spill.add(layout.pack(some, numbers, keys_of(some)), parts[start : start + 100])
        spilled = spill.spilled()
        for part in range(n_parts):
            rows = read_rows(layout, [spilled.pieces(part)])
            expected = np.flatnonzero(parts == part)
            assert rows.records["number"].tolist() == expected.tolist()
            assert_same(layout.table(rows), table.take(expected))
    assert len(list(tmp_path.iterdir())) == named


def test_rows_of_several_files_follow_each_other(tmp_path):
    table = table_of(60)
    layout = RecordLayout(table.schema)
    spilled = []
    for start in (0, 20, 40):
        with Spill(tmp_path, layout, 2, named=True) as spill:
            some = table.slice(start, 20)
            spill.add(layout.pack(some, np.arange(start, start + 20), keys_of(some)), np.arange(20) % 2)
            spilled.append(spill.spilled())
    assert_same(layout.table(read_rows(layout, [file.pieces(1) for file in spilled])), table.take(np.arange(1, 60, 2)))
    empty = layout.table(read_rows(layout, []))
    assert_same(empty, table.slice(0, 0))


def test_a_file_that_was_cut_is_told(tmp_path):
    table = table_of(50)
    layout = RecordLayout(table.schema)
    with Spill(tmp_path, layout, 1, named=True) as spill:
        spill.add(layout.pack(table, np.arange(50), keys_of(table)), np.zeros(50, int))
        spilled = spill.spilled()
    with Path(spilled.file).open("rb+") as file:
        file.truncate(100)
    with pytest.raises(OSError, match="was cut"):
        read_rows(layout, [spilled.pieces(0)])


def test_records_hold_nothing_that_memory_held_before():
    table = pa.table({"id": pa.array([1, 2]), "proba": pa.array(np.array([0.5, 0.25], np.float16))})
    layout = RecordLayout(table.schema)
    assert layout.dtype.itemsize == 32  # with a gap
    for _ in range(20):
        np.full((2, 32), 255, np.uint8)
        rows = layout.pack(table, np.zeros(2, np.int64), np.zeros(2, np.int64))
        assert not rows.records.view(np.uint8).reshape(2, 32)[:, 18:].any()


@settings(max_examples=200)
@given(st.lists(st.text(alphabet=st.characters(codec="utf-8"), max_size=40), max_size=20), st.integers(0, 5))
def test_equal_texts_have_equal_hashes_and_others_do_not(texts, skip):
    array = pa.array(texts, pa.large_string())
    hashes = hashes_of(array)
    assert hashes_of(array.slice(skip)).tolist() == hashes[skip:].tolist()
    assert hashes_of(pa.array(texts, pa.string())).tolist() == hashes.tolist()
    assert hashes_of(pa.chunked_array([array, array])).tolist() == [*hashes, *hashes]
    for text, value in zip(texts, hashes, strict=True):
        assert hashes_of(pa.array([text])).tolist() == [value]
    assert len(set(hashes.tolist())) == len(set(texts))


@pytest.mark.parametrize(
    "ids", [np.arange(100_000), np.arange(100_000) * 2**20, [f"img/{k:06d}.png" for k in range(100_000)]]
)
def test_rows_spread_evenly_over_parts(ids):
    hashes = hashes_of(pa.array(ids))
    assert len(np.unique(hashes)) == 100_000
    counts = np.bincount(part_numbers(hashes, 100).astype(int), minlength=100)
    assert len(counts) == 100
    assert 800 < counts.min() <= counts.max() < 1200
