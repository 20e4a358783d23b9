"""Ids that are stored alike are read once; whatever else is stored is read, and compared."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ensemblekit import Predictions, combine
from ensemblekit.errors import InvalidPredictionsError
from ensemblekit.scaling import _combine_files, _side_by_side, combine_files
from ensemblekit.scaling._member_files import open_members
from ensemblekit.scaling._same_ids import stores_same_ids

CLASSES = ("cat", "dog")
N = 2000
ORDER = np.random.default_rng(0).permutation(N)


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(_combine_files, "LARGEST", 300)


def draw(member, order=ORDER, *, text=False, **fields):
    values = np.random.default_rng(len(member)).dirichlet(np.ones(2), N).astype(np.float32)[order]
    ids = [f"x/{i:04d}" for i in order] if text else order * 3
    return Predictions(values, ids=ids, classes=CLASSES, member=member, **fields)


def save(folder, *said):
    for p in said:
        p.save(folder / f"{p.member}.parquet", overwrite=True)
    return [folder / f"{p.member}.parquet" for p in said]


def read(path):
    with pq.ParquetFile(path) as file:
        return file.read().replace_schema_metadata({b"ensemblekit": file.metadata.metadata[b"ensemblekit"]})


def rewritten(path, change=lambda table: table, **options):
    pq.write_table(change(read(path)), path, **options)


def with_ids(ids):
    return lambda table: table.set_column(0, "id", pa.array(ids, table.schema.field(0).type))


def alike(files):
    one, other = open_members(files)
    return stores_same_ids(one, other)


WAYS = {
    "row groups": {"row_group_size": 300},
    "compression": {"compression": "zstd"},
    "encoding": {"use_dictionary": False, "column_encoding": {"id": "DELTA_BINARY_PACKED"}},
}


@pytest.mark.parametrize("text", [False, True])
def test_the_same_bytes_are_the_same_ids(text, tmp_path):
    files = save(tmp_path, draw("a", text=text), draw("bb", text=text))
    assert alike(files)
    rewritten(files[1], with_ids(read(files[1])["id"].to_pylist()[::-1]))
    assert not alike(files)


@pytest.mark.parametrize("way", WAYS)
def test_the_same_ids_in_other_pages_are_read_and_compared(way, tmp_path):
    said = draw("a"), draw("bb")
    files = save(tmp_path, *said)
    rewritten(files[1], **WAYS[way])
    assert not alike(files)
    assert not combine_files(files, "mean", tmp_path / "out.parquet").joined
    assert Predictions.load(tmp_path / "out.parquet").probas.tobytes() == combine(said, "mean").probas.tobytes()


def test_the_same_bytes_of_another_type_are_other_ids(tmp_path):
    for name, kind in (("a", pa.uint32()), ("bb", pa.int32())):
        ids = pa.array(ORDER).cast(kind)
        pq.write_table(pa.table({"id": ids, **{c: np.full(N, 0.5) for c in CLASSES}}), tmp_path / f"{name}.parquet")
    files = [tmp_path / "a.parquet", tmp_path / "bb.parquet"]
    assert not alike(files)


@pytest.mark.parametrize("text", [False, True])
@pytest.mark.parametrize("last", [False, True])
def test_one_id_that_differs_is_found_wherever_it_is(last, text, tmp_path):
    other = ORDER.copy()
    places = [-1, -2] if last else [0, 1]
    other[places] = other[places[::-1]]
    files = save(tmp_path, draw("a", text=text), draw("bb", other, text=text))
    assert not alike(files)
    assert combine_files(files, "mean", tmp_path / "out.parquet").joined
    expected = combine([draw("a", text=text), draw("bb", other, text=text)], "mean")
    assert Predictions.load(tmp_path / "out.parquet").probas.tobytes() == expected.probas.tobytes()


@pytest.mark.parametrize("where", ["a", "bb"])
@pytest.mark.parametrize("what", ["values", "ids of both"])
def test_the_digest_of_each_file_is_compared(what, where, tmp_path):
    files = save(tmp_path, draw("a"), draw("bb"))
    for path in files if what == "ids of both" else [tmp_path / f"{where}.parquet"]:
        table = read(path)
        for place in [0] if what == "ids of both" else [1, 2]:
            values = table.column(place).to_pylist()
            values[1:3] = values[2:0:-1]
            table = table.set_column(place, table.field(place), pa.array(values, table.field(place).type))
        pq.write_table(table, path)
    if what == "ids of both":  # the file that is asked first is whole; its ids are not those of the other's digest
        save(tmp_path, draw("a", ORDER)) if where == "bb" else None
    with pytest.raises(InvalidPredictionsError, match=r"parquet'.*was cut, edited or damaged"):
        combine_files(files, "mean", tmp_path / "out.parquet")
    assert not (tmp_path / "out.parquet").exists()


def test_a_digest_over_other_ids_than_are_there_is_noticed(tmp_path):
    files = save(tmp_path, draw("a"), draw("bb"))
    stranger = Predictions(draw("bb").probas, ids=ORDER * 5, classes=CLASSES, member="bb")
    stranger.save(tmp_path / "s.parquet")
    said = read(tmp_path / "s.parquet").schema.metadata
    rewritten(files[0])
    rewritten(files[1], lambda table: table.replace_schema_metadata(said))
    assert alike(files)
    with pytest.raises(InvalidPredictionsError, match=r"bb\.parquet'.*its SHA-256 is"):
        combine_files(files, "mean", tmp_path / "out.parquet")


def test_values_that_are_not_valid_are_refused_with_the_file(tmp_path):
    files = save(tmp_path, draw("a"), draw("bb"))
    table = read(files[1])
    values = table.column(1).to_pylist()
    values[1500] = float("nan")
    pq.write_table(table.set_column(1, table.field(1), pa.array(values, pa.float32())), files[1])
    with pytest.raises(InvalidPredictionsError, match=rf"bb\.parquet': .*finite.*id {ORDER[1500] * 3}\)"):
        combine_files(files, "mean", tmp_path / "out.parquet", edited=True)


@pytest.mark.parametrize("rising", ["all", "first batch", "none"])
def test_an_id_that_comes_twice_is_noticed_in_any_order(rising, tmp_path, monkeypatch):
    order = np.arange(N) if rising == "all" else ORDER.copy()
    if rising == "first batch":
        order[:300] = np.sort(order[:300])
    files = save(tmp_path, draw("a", order), draw("bb", order))
    asked = []
    real = _side_by_side.IdCheck
    monkeypatch.setattr(_side_by_side, "IdCheck", lambda *given: asked.append(real(*given)) or asked[-1])
    assert not combine_files(files, "mean", tmp_path / "out.parquet").joined
    assert (asked[0]._seen is not None) is (rising == "none")
    for path in files:
        ids = read(path)["id"].to_pylist()
        rewritten(path, with_ids([*ids[:1900], ids[3], *ids[1901:]]))
    with pytest.raises(InvalidPredictionsError, match=r"a\.parquet': ids must be unique; .*repeated: 1 \("):
        combine_files(files, "mean", tmp_path / "out.parquet", edited=True, overwrite=True)
