"""Columns that files store as they are are read without Arrow, and rightly; all others are left to it."""

import os

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ensemblekit import Predictions, combine
from ensemblekit.errors import InvalidPredictionsError
from ensemblekit.scaling import _combine_files, _plain_pages, combine_files
from ensemblekit.scaling._member_files import open_members
from ensemblekit.scaling._plain_pages import plain_pages
from ensemblekit.scaling._reserving import reserved

CLASSES = ("cat", "dog")
NAMES = ["proba:cat", "proba:dog"]
N = 700
PLAIN = {"use_dictionary": False, "compression": "none", "write_statistics": False}


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(_combine_files, "LARGEST", 300)


def draw(member, n=N, dtype=np.float32, start=0):
    values = np.random.default_rng(len(member)).dirichlet(np.ones(2), n).astype(dtype)
    return Predictions(values, ids=np.arange(start, start + n), classes=CLASSES, member=member)


def save(folder, p, change=lambda table: table, **options):
    path = folder / f"{p.member}-{p.ids[0]}.parquet"
    p.save(path)
    if options:
        with pq.ParquetFile(path) as file:
            meta = {b"ensemblekit": file.metadata.metadata[b"ensemblekit"]}
            table = file.read()
        pq.write_table(change(table).replace_schema_metadata(meta), path, **options)
    return path


def pages_of(*paths, dtype=np.float32, **how):
    return plain_pages(open_members({"a": list(paths)}, **how)[0], NAMES, np.dtype(dtype))


def read(pages, sizes):
    with pages:
        return np.concatenate([pages.read(size).copy() for size in sizes], axis=1).T


def never_null(table):
    return table.cast(pa.schema([field.with_nullable(False) for field in table.schema]))


WAYS = {
    "as saved": {},
    "pages": {"write_batch_size": 16, "data_page_size": 256},
    "row groups": {"row_group_size": 90},
    "checksums": {"write_page_checksum": True, "data_page_size": 256, "write_batch_size": 16},
    "statistics": {"write_statistics": True, "write_batch_size": 16, "data_page_size": 256},
    "one row a group": {"row_group_size": 1},
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("way", WAYS)
def test_numbers_are_those_that_were_saved(way, dtype, tmp_path):
    p = draw("a", dtype=dtype)
    pages = pages_of(save(tmp_path, p, **(PLAIN | WAYS[way] if WAYS[way] else {})), dtype=dtype)
    assert read(pages, [1, 5, 299, 300, 95]).tobytes() == p.probas.tobytes()


def test_columns_that_cannot_be_null_have_no_levels(tmp_path):
    p = draw("a")
    path = save(tmp_path, p, never_null, **PLAIN)
    assert read(pages_of(path), [N]).tobytes() == p.probas.tobytes()


def test_files_of_one_member_follow_each_other(tmp_path):
    # The second file's numbers begin a few bytes after the place where those of the first end.
    parts = [draw("a", n, start=start) for start, n in ((0, 100), (100, 155), (255, 7))]
    paths = [save(tmp_path, p, **PLAIN) for p in parts]
    expected = np.concatenate([p.probas for p in parts])
    assert read(pages_of(*paths), [3, 200, 59]).tobytes() == expected.tobytes()


@pytest.mark.parametrize("n", [1, 3, 8, 9, 500, 505])
def test_levels_of_few_and_of_many_rows(n, tmp_path):
    p = draw("a", n)
    assert read(pages_of(save(tmp_path, p, **PLAIN)), [n]).tobytes() == p.probas.tobytes()


def with_null(table):
    values = [None, *table["proba:cat"].to_pylist()[1:]]
    return table.set_column(1, "proba:cat", pa.array(values, pa.float32()))


OTHERS = {
    "compressed": {"compression": "snappy"},
    "dictionary": {"use_dictionary": True},
    "split": {"use_byte_stream_split": True},
    "version 2": {"data_page_version": "2.0"},
    "null": {"change": with_null},
    "null, row groups": {"change": with_null, "row_group_size": 90},
}


@pytest.mark.parametrize("way", OTHERS)
def test_what_is_stored_otherwise_is_left_to_arrow(way, tmp_path):
    assert pages_of(save(tmp_path, draw("a"), **(PLAIN | OTHERS[way]))) is None


def test_without_a_digest_pages_are_left_to_arrow_which_compares_their_checksums(tmp_path):
    path = save(tmp_path, draw("a"))
    assert pages_of(path) is not None
    assert pages_of(path, options=_combine_files.ReadOptions(edited=True)) is None
    table = pq.read_table(path).replace_schema_metadata(None)
    pq.write_table(table.rename_columns(["id", *CLASSES]), path, **PLAIN)
    assert plain_pages(open_members([path])[0], CLASSES, np.dtype(np.float32)) is None


@pytest.mark.parametrize(
    "levels", [b"", b"\x02\0\0\0\x08", b"\x02\0\0\0\x06\1", b"\x03\0\0\0\x08\1", b"\x02\0\0\0\x08\0"]
)
def test_levels_that_do_not_say_that_all_values_are_there(levels):
    assert _plain_pages._ones(b"\x02\0\0\0\x08\1", 4) == 6
    assert _plain_pages._ones(b"\x02\0\0\0\x03\x0f", 4) == 6
    with pytest.raises((ValueError, IndexError)):
        _plain_pages._ones(levels, 4)


def test_no_changed_byte_is_taken_for_a_number_or_stops_the_interpreter(tmp_path):
    files = [save(tmp_path, draw(name, 24)) for name in ("a", "bb")]
    combine_files(files, "mean", tmp_path / "out.parquet")
    expected = Predictions.load(tmp_path / "out.parquet").probas.tobytes()
    raw = files[1].read_bytes()
    n_refused = 0
    for place in range(5, 460, 9):
        files[1].write_bytes(raw[:place] + bytes([raw[place] ^ 0x55]) + raw[place + 1 :])
        try:
            combine_files(files, "mean", tmp_path / "out.parquet", overwrite=True)
        except InvalidPredictionsError:
            n_refused += 1
        else:  # a checksum, or what no reader needs
            assert Predictions.load(tmp_path / "out.parquet").probas.tobytes() == expected
    assert n_refused > 30, n_refused


def test_a_file_that_is_cut_while_it_is_read_is_named(tmp_path):
    path = save(tmp_path, draw("a"))
    with pages_of(path) as pages:
        pages.read(10)
        os.truncate(path, 2500)
        with pytest.raises(InvalidPredictionsError, match=r"a-0.parquet.*cut meanwhile"):
            pages.read(600)


@pytest.mark.parametrize("plain", [True, False])
def test_both_ways_give_the_same_bytes(plain, tmp_path, monkeypatch):
    said = draw("a"), draw("bb"), draw("ccc")
    files = [save(tmp_path, p) for p in said]
    if not plain:
        monkeypatch.setattr(_plain_pages.sys, "byteorder", "big")
        assert pages_of(files[0]) is None
    combine_files(files, "mean", tmp_path / "out.parquet")
    assert Predictions.load(tmp_path / "out.parquet").probas.tobytes() == combine(said, "mean").probas.tobytes()


def test_what_is_brought_to_the_disk_early_is_written_once(tmp_path, monkeypatch):
    given = []
    monkeypatch.setattr("ensemblekit.scaling._reserving.PIECE", 10)
    monkeypatch.setattr("os.posix_fadvise", lambda file, start, n_bytes, advice: given.append((start, n_bytes)))
    with (tmp_path / "out").open("xb") as file, reserved(file, 100) as early:
        for number in range(8):
            early.write(bytes([number]) * 4)
    assert (tmp_path / "out").read_bytes() == bytes(number for number in range(8) for _ in range(4))
    assert given == [(0, 12), (12, 12)]
