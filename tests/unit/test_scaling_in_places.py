"""Files of whole numbers in other orders are combined in the places of the first file, and say what memory says."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ensemblekit import AlignmentError, Predictions, combine
from ensemblekit.errors import InvalidPredictionsError
from ensemblekit.scaling import _buckets, _combine_files, _in_places, combine_files

CLASSES = ("cat", "Cat", "dog")
N = 3000


@pytest.fixture(autouse=True)
def ways(monkeypatch):
    """Small parts and chunks; which ways of joining are taken to the end."""
    monkeypatch.setattr(_in_places, "PART_ROWS", 64)
    monkeypatch.setattr(_in_places, "CHUNK_ROWS", 500)
    monkeypatch.setattr(_combine_files, "LARGEST", 256)
    ended = []
    for module, name in ((_combine_files, "combine_in_places"), (_combine_files, "combine_buckets")):
        real = getattr(module, name)

        def counted(*given, real=real, name=name, **named):
            n_rows = real(*given, **named)
            ended.append(name.removeprefix("combine_"))
            return n_rows

        monkeypatch.setattr(module, name, counted)
    return ended


def draw(member, seed, *, n_classes=3, task="multiclass", dtype=np.float32, step=7, **fields):
    random = np.random.default_rng(seed)
    order = random.permutation(N) if seed else np.arange(N)
    values = np.random.default_rng(len(member)).dirichlet(np.ones(n_classes), N).astype(dtype)
    values = values * 100 - 50 if task == "regression" else values
    classes = CLASSES[:n_classes]
    return Predictions(values[order], ids=order * step - 5000, classes=classes, member=member, task=task, **fields)


def save(folder, *said):
    for p in said:
        p.save(folder / f"{p.member}.parquet", overwrite=True)
    return [folder / f"{p.member}.parquet" for p in said]


def assert_same(path, expected):
    got = Predictions.load(path)  # which compares the digest
    assert got.ids.tolist() == expected.ids.tolist()
    assert got.probas.tobytes() == expected.probas.tobytes()
    assert (got.classes, got.task, got.split, got.member) == (
        expected.classes, expected.task, expected.split, expected.member,
    )  # fmt: skip


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("task", ["multiclass", "multilabel", "regression"])
def test_rows_in_any_order_are_those_of_memory(task, n_classes, dtype, ways, tmp_path):
    said = [draw(name, seed, task=task, n_classes=n_classes, dtype=dtype, split="test")
            for seed, name in enumerate(("zz", "a", "mmm"), 3)]  # fmt: skip
    seen = []
    done = combine_files(save(tmp_path, *said), "mean", tmp_path / "out.parquet", progress=lambda *at: seen.append(at))
    assert (done.n_rows, done.joined, ways) == (N, True, ["in_places"])
    assert_same(tmp_path / "out.parquet", combine(said, "mean"))
    assert seen[-1] == ("rows", N, N)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.parquet", "mmm.parquet", "out.parquet", "zz.parquet"]


@pytest.mark.parametrize("rows", [1, 63, 64, 65, 500, 501])
def test_parts_and_chunks_may_end_anywhere(rows, ways, tmp_path):
    said = [draw("a", 0), draw("bb", 5), draw("c", 6)]
    said = [p.take([i for i in p.ids.tolist() if i < said[0].ids[rows]]) for p in said]
    combine_files(save(tmp_path, *said), "maximum", tmp_path / "out.parquet", missing="renormalize")
    assert_same(tmp_path / "out.parquet", combine(said, "maximum"))
    assert ways == (["in_places"] if rows > 1 else [])


def read(path):
    with pq.ParquetFile(path) as file:
        return file.read().replace_schema_metadata({b"ensemblekit": file.metadata.metadata[b"ensemblekit"]})


def changed(path, change, *columns, **options):
    """Rewrite a file with other values and the same metadata."""
    table = read(path)
    for name in columns:
        place = table.column_names.index(name)
        values = change(table.column(place).to_pylist())
        table = table.set_column(place, table.field(place), pa.array(values, table.field(place).type))
    pq.write_table(table, path, **options)


def swapped(values):
    return [values[1], values[0], *values[2:]]


@pytest.mark.parametrize("where", ["a", "bb"])
@pytest.mark.parametrize("columns", [["id"], [f"proba:{name}" for name in CLASSES]])
def test_rows_that_changed_places_are_noticed_by_the_digest(where, columns, ways, tmp_path):
    files = save(tmp_path, draw("a", 1), draw("bb", 2))
    path = tmp_path / f"{where}.parquet"
    changed(path, swapped)
    combine_files(files, "mean", tmp_path / "out.parquet")  # it was whole, however it was written
    assert ways == ["in_places"]
    (tmp_path / "out.parquet").unlink()
    changed(path, swapped, *columns)
    with pytest.raises(InvalidPredictionsError, match=rf"{where}\.parquet'.*was cut, edited or damaged"):
        combine_files(files, "mean", tmp_path / "out.parquet")
    assert sorted(found.name for found in tmp_path.iterdir()) == ["a.parquet", "bb.parquet"]


@pytest.mark.parametrize("where", ["a", "bb"])
def test_ids_that_are_repeated_are_refused(where, ways, tmp_path):
    files = save(tmp_path, draw("a", 1), draw("bb", 2))
    changed(tmp_path / f"{where}.parquet", lambda ids: [ids[9], *ids[1:]], "id")
    with pytest.raises(InvalidPredictionsError, match=rf"{where}\.parquet': ids must be unique; .*repeated: 1 \("):
        combine_files(files, "mean", tmp_path / "out.parquet", edited=True)
    assert not ways


@pytest.mark.parametrize("far", [False, True])
def test_an_id_that_takes_the_place_of_another_is_noticed_in_one_part_and_in_two(far, ways, tmp_path):
    files = save(tmp_path, draw("a", 0), draw("bb", 2))
    ids = draw("a", 0).ids.tolist()
    lost, twice = ids[10], ids[1000 if far else 11]
    changed(files[1], lambda own: [twice if name == lost else name for name in own], "id")
    with pytest.raises(InvalidPredictionsError, match=rf"bb\.parquet': ids must be unique; .*repeated: 1 \({twice}\)"):
        combine_files(files, "mean", tmp_path / "out.parquet", edited=True)
    assert not ways


def test_an_id_that_is_repeated_in_the_only_file_is_refused(ways, tmp_path):
    files = save(tmp_path, draw("a", 1))
    changed(files[0], lambda ids: [ids[9], *ids[1:]], "id")
    with pytest.raises(InvalidPredictionsError, match=r"a\.parquet': ids must be unique; .*repeated: 1 \("):
        combine_files(files, "mean", tmp_path / "out.parquet", edited=True)
    assert not ways


def test_a_number_that_is_no_id_takes_no_place(ways, tmp_path):
    n = 64 * 256  # the last place of the last of 256 parts has the bits of none
    rows = np.full((n, 2), 0.5)
    ids = np.random.default_rng(0).permutation(n) * 2
    strange = np.where(ids == ids[-1], 2 * n - 3, ids)[::-1]
    files = save(tmp_path, *(
        Predictions(rows, ids=own, classes=["x", "y"], member=name) for name, own in (("a", ids), ("bb", strange))
    ))  # fmt: skip
    with pytest.raises(AlignmentError, match=rf"lacks 1 \(({ids[-1]}|{2 * n - 3})\)"):
        combine_files(files, "mean", tmp_path / "out.parquet")
    assert not ways


def test_rows_that_a_member_lacks_are_told_or_left_out_as_in_memory(ways, tmp_path):
    whole = draw("a", 1), draw("bb", 2), draw("c", 3)
    other = whole[1].ids.copy()
    other[7] = 10**6  # as many rows, one of which nobody else has
    said = [whole[0], Predictions(whole[1].probas, ids=other, classes=CLASSES, member="bb"), whole[2]]
    files = save(tmp_path, *said)
    with pytest.raises(AlignmentError, match=r"ids must be the same for every member; member .* lacks 1 \("):
        combine_files(files, "mean", tmp_path / "out.parquet")
    combine_files(files, "mean", tmp_path / "out.parquet", missing="renormalize")
    assert_same(tmp_path / "out.parquet", combine(said, "mean", missing="renormalize"))
    assert ways == ["buckets"]


def test_values_that_are_not_valid_are_refused_with_the_file_and_the_id(ways, tmp_path):
    files = save(tmp_path, draw("a", 1), draw("bb", 2))
    ids = read(files[1])["id"].to_pylist()
    for value, text in ((float("nan"), "finite"), (None, "finite"), (1.5, r"\[0, 1\]"), (-0.5, r"\[0, 1\]")):
        save(tmp_path, draw("bb", 2))
        changed(files[1], lambda v, value=value: [*v[:1234], value, *v[1235:]], "proba:cat")
        with pytest.raises(InvalidPredictionsError, match=rf"bb\.parquet': probas .*{text}.*id {ids[1234]}\)"):
            combine_files(files, "mean", tmp_path / "out.parquet", edited=True)


def test_what_rounding_put_below_zero_becomes_zero(ways, tmp_path):
    a, b = draw("a", 1), draw("bb", 2)
    values = b.probas.copy()
    values[5] = (0, 0.25, 0.75)
    b = Predictions(values, ids=b.ids, classes=CLASSES, member="bb")
    files = save(tmp_path, a, b)
    changed(files[1], lambda v: [*v[:5], -1e-6, *v[6:]], "proba:cat")
    combine_files(files, "mean", tmp_path / "out.parquet", edited=True)
    assert_same(tmp_path / "out.parquet", combine([a, b], "mean"))
    assert ways == ["in_places"]


@pytest.mark.parametrize("how", ["text", "sparse", "labels", "classes", "statistics", "plain table"])
def test_any_other_files_go_into_buckets(how, ways, monkeypatch, tmp_path):
    monkeypatch.setattr(_buckets, "bucket_count", lambda sources, memory: 3)
    a, b = draw("a", 1, step=100 if how == "sparse" else 7), draw("bb", 2, step=100 if how == "sparse" else 7)
    if how == "text":
        a, b = (Predictions(p.probas, ids=[*map(str, p.ids)], classes=CLASSES, member=p.member) for p in (a, b))
    if how == "labels":
        b = Predictions(b.probas, ids=b.ids, classes=CLASSES, member="bb", labels=np.array(CLASSES)[b.ids % 3])
    if how == "classes":
        b = Predictions(b.probas[:, ::-1], ids=b.ids, classes=CLASSES[::-1], member="bb")
    files = save(tmp_path, a, b)
    if how == "statistics":
        changed(files[0], swapped, write_statistics=False)
    if how == "plain table":
        table = read(files[1]).replace_schema_metadata(None)
        names = [name.removeprefix("proba:") for name in table.column_names]
        pq.write_table(table.rename_columns(names), files[1])
        b = Predictions(b.probas.astype(np.float64), ids=b.ids, classes=CLASSES, member="bb")  # as tables are read
    combine_files(files, "mean", tmp_path / "out.parquet")
    assert_same(tmp_path / "out.parquet", combine([a, b], "mean"))
    assert ways == ["buckets"]


def test_statistics_that_lie_are_no_harm(ways, monkeypatch, tmp_path):
    files = save(tmp_path, draw("a", 1), draw("bb", 2))
    real = _in_places.range_of
    for low, n_numbers in ((-5000, 64), (0, 10**6)):
        monkeypatch.setattr(_in_places, "range_of", lambda *given, found=(low, n_numbers): real(*given) and found)
        combine_files(files, "mean", tmp_path / "out.parquet", overwrite=True)
        assert_same(tmp_path / "out.parquet", combine([draw("a", 1), draw("bb", 2)], "mean"))
    assert ways == ["buckets", "buckets"]


def test_what_is_written_says_the_digest_that_memory_would_write(ways, tmp_path):
    said = [draw("a", 1, fit_ids=[3, 4]), draw("bb", 2, fit_ids=[1, 4])]
    combine_files(save(tmp_path, *said), "mean", tmp_path / "out.parquet")
    combine(said, "mean").save(tmp_path / "memory.parquet")
    one, other = (
        json.loads(pq.read_metadata(tmp_path / f"{name}.parquet").metadata[b"ensemblekit"])
        for name in ("out", "memory")
    )
    assert one == other
    assert ways == ["in_places"]


class Keeping:
    """A rule that keeps what it is given, or gives a part of it back."""

    traits = frozenset({"class_equivariant"})  # so that it is given the array itself

    def __init__(self, gives_back):
        self.gives_back, self.kept = gives_back, []

    def combine(self, member_probas, *, xp=np):
        if self.gives_back:
            return member_probas[-1]
        self.kept.append(member_probas)
        return member_probas.mean(axis=0)


@pytest.mark.parametrize("gives_back", [False, True])
@pytest.mark.parametrize("seeds", [(1, 1), (1, 2)])
def test_what_a_rule_keeps_is_not_overwritten(seeds, gives_back, ways, tmp_path):
    said = [draw(name, seed) for name, seed in zip(("a", "bb"), seeds, strict=True)]
    files, rule = save(tmp_path, *said), Keeping(gives_back)
    combine_files(files, rule, tmp_path / "out.parquet")
    assert len(rule.kept) > 8 or gives_back
    other = said[1].take(said[0].ids)
    if gives_back:
        assert Predictions.load(tmp_path / "out.parquet").probas.tobytes() == other.probas.tobytes()
    else:
        assert np.concatenate(rule.kept, axis=1).tobytes() == np.stack([said[0].probas, other.probas]).tobytes()
    assert ways == (["in_places"] if seeds == (1, 2) else [])
