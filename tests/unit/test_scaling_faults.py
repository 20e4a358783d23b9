"""Files that are read side by side or joined: odd ids, damaged and edited files, little memory."""

import functools
import json
import re
from collections.abc import Hashable

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ensemblekit import AlignmentError, InvalidOptionError, Predictions, combine
from ensemblekit.errors import EnsembleKitError, FolderNotFoundError, InvalidPredictionsError
from ensemblekit.scaling import (
    _buckets,
    _combine_files,
    _unique_ids,
    combine_batch,
    combine_files,
    combine_partitions,
    predict_batch,
    predict_partitions,
)
from ensemblekit.scaling._member_files import MemberFiles

CLASSES = ("cat", "Cat", "dog")
N = 2000
ORDER = np.random.default_rng(0).permutation(N)


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Many buckets and many batches for a few rows."""
    monkeypatch.setattr(_buckets, "bucket_count", lambda sources, memory: 5)
    monkeypatch.setattr(_unique_ids, "pass_count", lambda n_rows, memory: 5)
    monkeypatch.setattr(_combine_files, "LARGEST", 256)


def draw(member, order, *, dtype=np.float32, form="x{:05d}"):
    probas = np.random.default_rng(len(member)).dirichlet(np.ones(3), N).astype(dtype)[order]
    ids = [form.format(i) for i in order] if form else order
    return Predictions(probas, ids=ids, classes=CLASSES, member=member)


def save(folder, *predictions):
    for p in predictions:
        p.save(folder / f"{p.member}.parquet")
    return {p.member: folder / f"{p.member}.parquet" for p in predictions}


def plain(folder, name, p, ids):
    columns = {"id": ids} | {c: p.probas[:, k].astype(np.float64) for k, c in enumerate(CLASSES)}
    pq.write_table(pa.table(columns), folder / f"{name}.parquet")
    return folder / f"{name}.parquet"


def rewritten(path, **options):
    """Write a file again, and keep all that it says."""
    with pq.ParquetFile(path) as file:
        table, said = file.read(), file.metadata.metadata[b"ensemblekit"]
    pq.write_table(table.replace_schema_metadata({b"ensemblekit": said}), path, write_page_checksum=True, **options)


def same(path, expected):
    got = Predictions.load(path)
    assert got.ids.tolist() == expected.ids.tolist()
    assert got.probas.tobytes() == expected.probas.tobytes()
    assert got.probas.dtype == expected.probas.dtype


@pytest.mark.parametrize("form", ["x{:05d}", None])
def test_one_order_that_does_not_rise_is_read_side_by_side(form, tmp_path):
    said = [draw("a", ORDER, form=form), draw("bb", ORDER, form=form)]
    done = combine_files(save(tmp_path, *said), "mean", tmp_path / "out.parquet")
    assert not done.joined
    same(tmp_path / "out.parquet", combine(said, "mean"))


@pytest.mark.parametrize("rising", [True, False])
def test_an_id_that_comes_twice_in_every_file_is_refused(rising, tmp_path):
    order = np.arange(N) if rising else ORDER
    files = save(tmp_path, draw("a", order), draw("bb", order))
    for path in files.values():
        table = pq.read_table(path)
        ids = table["id"].to_pylist()
        ids[1900] = ids[3]
        pq.write_table(table.set_column(0, "id", pa.array(ids)), path)
    with pytest.raises(InvalidPredictionsError, match=r"a\.parquet': ids must be unique; .*repeated: 1 \('x"):
        combine_files(files, "mean", tmp_path / "out.parquet", edited=True)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.parquet", "bb.parquet"]


def test_ids_of_all_kinds_of_arrow(tmp_path):
    a, b = draw("a", np.arange(N), dtype=np.float64), draw("bb", ORDER, dtype=np.float64)
    texts = pa.array(b.ids.tolist())
    for name, ids in (("category", texts.dictionary_encode()), ("large", texts.cast(pa.large_string()))):
        files = {"a": plain(tmp_path, "first", a, a.ids.tolist()), "bb": plain(tmp_path, name, b, ids)}
        assert combine_files(files, "mean", tmp_path / "out.parquet", overwrite=True).joined
        same(tmp_path / "out.parquet", combine([a, b], "mean"))
    numbers = draw("a", np.arange(N), dtype=np.float64, form=None), draw("bb", ORDER, dtype=np.float64, form=None)
    files = {
        "a": plain(tmp_path, "int32", a, np.arange(N, dtype=np.int32)),
        "bb": plain(tmp_path, "uint16", b, ORDER.astype(np.uint16)),
    }
    combine_files(files, "mean", tmp_path / "out.parquet", overwrite=True)
    same(tmp_path / "out.parquet", combine(numbers, "mean"))
    for ids, text in (
        (np.arange(N).astype(np.uint64) + 2**63, "ids must fit in 64 signed bits"),
        (np.arange(N) / 2, "ids must be all str or all int; received double"),
        ([*range(1500), None, *range(1501, N)], "each row must have an id; row 1500 has none"),
    ):
        with pytest.raises(InvalidPredictionsError, match=rf"bad\.parquet': {text}"):
            combine_files(
                {"bad": plain(tmp_path, "bad", a, ids), "int": files["bb"]}, "mean", tmp_path / "o.parquet"
            )  # fmt: skip


def test_half_precision_and_dense_rows_are_joined_to_the_bit(tmp_path):
    said = [draw("a", np.arange(N), dtype=np.float16), draw("bb", ORDER, dtype=np.float16)]
    assert combine_files(save(tmp_path, *said), "mean", tmp_path / "out.parquet").joined
    same(tmp_path / "out.parquet", combine(said, "mean"))
    dense = [
        Predictions(
            np.random.default_rng(k).dirichlet(np.ones(3), (N, 2, 2)).astype(np.float16)[order],
            ids=order, classes=CLASSES, member=f"m{k}",
        )
        for k, order in enumerate((np.arange(N), ORDER))
    ]  # fmt: skip
    assert combine_files(save(tmp_path, *dense), "mean", tmp_path / "out.parquet", overwrite=True).joined
    same(tmp_path / "out.parquet", combine(dense, "mean"))


@pytest.mark.parametrize("order", [np.arange(N), ORDER])
def test_a_changed_byte_is_refused_wherever_it_is(order, tmp_path):
    files = save(tmp_path, draw("a", np.arange(N)), draw("bb", order))
    # Small row groups: what comes first is whole, and only what follows is not.
    rewritten(files["bb"], row_group_size=300)
    combine_files(files, "mean", tmp_path / "out.parquet")
    (tmp_path / "out.parquet").unlink()
    column = pq.read_metadata(files["bb"]).row_group(5).column(2)
    raw = bytearray(files["bb"].read_bytes())
    raw[column.data_page_offset + column.total_compressed_size - 40] ^= 1
    files["bb"].write_bytes(raw)
    with pytest.raises(InvalidPredictionsError, match=r"bb\.parquet' cannot be read: could not verify page integrity"):
        combine_files(files, "mean", tmp_path / "out.parquet")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.parquet", "bb.parquet"]


def test_files_that_were_cut_or_edited(tmp_path):
    files = save(tmp_path, draw("a", np.arange(N)), draw("bb", ORDER))
    table = pq.read_table(files["a"])
    meta = json.loads(table.schema.metadata[b"ensemblekit"])
    for said, text in (
        (json.dumps(meta | {"n_samples": 7}), "a file of 7 predictions must have as many rows; it has 2000"),
        (json.dumps(meta | {"format": 9}), "format 9 is newer"),
        (
            json.dumps(meta | {"classes": ["q", "w", "e"]}),
            r"the columns must be those that were .*, \['id', 'proba:q'",
        ),
        (
            json.dumps({k: v for k, v in meta.items() if k != "classes"}),
            "is none: the metadata .* classes is not: the file",
        ),
        ("[]", "is none: the metadata .* all of it is not: the file was cut"),
        ("{", r"is none: the metadata must be JSON \(Expecting property name"),
    ):
        pq.write_table(table.replace_schema_metadata({b"ensemblekit": said.encode()}), tmp_path / "edited.parquet")
        with pytest.raises(InvalidPredictionsError, match=rf"edited\.parquet'.*{text}"):
            combine_files(
                {"e": tmp_path / "edited.parquet", "bb": files["bb"]}, "mean", tmp_path / "out.parquet"
            )  # fmt: skip
    draw("c", np.arange(N)).rename(split="test").save(tmp_path / "c.parquet")
    with pytest.raises(InvalidPredictionsError, match=r"must have the same columns, .* and split; '.*c\.parquet' has"):
        combine_files({"a": [files["a"], tmp_path / "c.parquet"]}, "mean", tmp_path / "out.parquet")


def test_counts_are_said_to_be_of_a_part(tmp_path):
    a, b = draw("a", np.arange(N)), draw("bb", np.arange(N))
    files = save(tmp_path, a, b.take(b.ids[:1100]))
    with pytest.raises(AlignmentError, match=r"Found in one of 5 parts of the rows, whose counts these are\.$"):
        combine_files(files, "mean", tmp_path / "out.parquet")
    with pytest.raises(AlignmentError, match=r"lacks 900 .*present\.$"):
        combine({"a": a, "bb": b.take(b.ids[:1100])}, "mean")


def test_what_is_given_is_checked_first(tmp_path):
    for files in (None, "a.parquet", [], [1], {"a": []}, {"a": [None]}):
        with pytest.raises(InvalidOptionError, match=r"files must be a sequence of paths, or {member: path or paths}"):
            combine_files(files, "mean", tmp_path / "out.parquet")
    files = save(tmp_path, draw("a", np.arange(N)))
    for output, folder in ((tmp_path / "no" / "out.parquet", None), (tmp_path / "out.parquet", tmp_path / "no")):
        with pytest.raises(FolderNotFoundError, match=r"folder of the output, and folder=, must be there; .*no' is"):
            combine_files(files, "mean", output, folder=folder)
    with pytest.raises(InvalidOptionError, match="a batch of images must have at least one"):
        predict_batch({}, "model.keras")


def test_long_ids_make_many_buckets(tmp_path):
    short = MemberFiles(None, [save(tmp_path, draw("a", ORDER))["a"]])
    long = MemberFiles(None, [save(tmp_path, draw("b", ORDER, form="x{:0200d}"))["b"]])
    assert long.row_bytes > 3 * short.row_bytes


def test_a_batch_is_mapped_by_any_engine():
    bag = pytest.importorskip("dask.bag")
    said = [draw("a", np.arange(N)), draw("bb", ORDER)]
    parts = [{p.member: p.take([f"x{i:05d}" for i in range(k, N, 4)]) for p in said} for k in range(4)]
    work = functools.partial(combine_batch, combiner="mean")
    got = bag.from_sequence(parts, npartitions=2).map(work).compute(scheduler="threads")
    for one, part in zip(got, parts, strict=True):
        assert one.probas.tobytes() == combine(part, "mean").probas.tobytes()
        assert one.member == "mean"


def test_tables_of_whole_numbers_of_which_a_bucket_has_none(tmp_path):
    said = [draw("a", np.arange(N), dtype=np.float64, form=None), draw("bb", ORDER, dtype=np.float64, form=None)]
    few = said[1].take(said[1].ids[:3])
    files = {"a": plain(tmp_path, "a", said[0], said[0].ids), "bb": tmp_path / "bb.parquet"}
    pq.write_table(pq.read_table(plain(tmp_path, "all", said[1], said[1].ids)).slice(0, 3), files["bb"])
    assert combine_files(files, "mean", tmp_path / "out.parquet", missing="renormalize").joined
    same(tmp_path / "out.parquet", combine([said[0], few], "mean", missing="renormalize"))


WRONG = [None, 5, 1.5, True, b"x", object(), "", "x", [], [1], {}, {"a": 1}]


@pytest.mark.parametrize("value", WRONG, ids=lambda value: re.sub(" at 0x.*>", ">", repr(value)))
def test_wrong_types_are_refused_by_name_before_anything_is_read(value, tmp_path):
    a, b = draw("a", np.arange(N)), draw("bb", ORDER)
    files = save(tmp_path, a, b)
    before = {path.name for path in tmp_path.iterdir()}
    part = {"a": a, "bb": b}
    key = value if isinstance(value, Hashable) else ()
    calls = [
        lambda: combine_files(value, "mean", tmp_path / "out.parquet"),
        lambda: combine_files({"a": value, "bb": files["bb"]}, "mean", tmp_path / "out.parquet"),
        lambda: combine_files({key: files["a"]}, "mean", tmp_path / "out.parquet"),
        lambda: combine_files(files, value, tmp_path / "out.parquet"),
        lambda: combine_files(files, "mean", value),
        lambda: combine_files(files, "mean", tmp_path / "out.parquet", memory=value),
        lambda: combine_files(files, "mean", tmp_path / "out.parquet", folder=value),
        lambda: combine_files(files, "mean", tmp_path / "out.parquet", progress=value),
        lambda: combine_files(files, "mean", tmp_path / "out.parquet", missing=value),
        lambda: list(combine_partitions(value, "mean")),
        lambda: list(combine_partitions([value], "mean")),
        lambda: list(combine_partitions([part], value)),
        lambda: list(combine_partitions([part], "mean", client=value)),
        lambda: list(combine_partitions([part], "mean", missing=value)),
        lambda: list(predict_partitions(value, [{"a": "a.png"}])),
        lambda: list(predict_partitions("no.keras", value)),
        lambda: list(predict_partitions("no.keras", [value])),
        lambda: list(predict_partitions("no.keras", [{"a": value}])),
        lambda: list(predict_partitions("no.keras", [{"a": "a.png"}], classes=value)),
        lambda: list(predict_partitions("no.keras", [{"a": "a.png"}], batch_size=value)),
    ]  # fmt: skip
    for number, call in enumerate(calls):
        try:
            call()
        except (EnsembleKitError, FileNotFoundError):
            pass
        except Exception as error:  # told with the call
            raise AssertionError(f"call {number} with {value!r}: {error!r}") from error
    (tmp_path / "out.parquet").unlink(missing_ok=True)
    assert {path.name for path in tmp_path.iterdir()} == before


class Replacing:
    """A mean that does something to a file first."""

    traits = frozenset({"symmetric"})

    def __init__(self, work):
        self.work = work

    def combine(self, member_probas, *, xp=np):
        self.work()
        return member_probas.mean(axis=0)


@pytest.mark.parametrize("how", ["replaced", "written to", "removed"])
def test_a_file_that_changes_while_it_is_read_is_refused(how, tmp_path):
    order = np.arange(N)
    order[[1000, 1001]] = 1001, 1000  # found out when some batches are done; then all is read again
    files = save(tmp_path, draw("a", np.arange(N)), draw("bb", order), draw("new", order))
    before = sorted(path.name for path in tmp_path.iterdir())

    def change():
        match how:
            case "replaced" if files["new"].exists():
                files["new"].replace(files["bb"])
            case "written to":
                data = files["new"].read_bytes()
                files["bb"].write_bytes(data)
            case "removed":
                files["bb"].unlink(missing_ok=True)
            case _:
                pass

    rule, given = Replacing(change), {"a": files["a"], "bb": files["bb"]}
    with pytest.raises((InvalidPredictionsError, FileNotFoundError), match=r"bb\.parquet"):
        combine_files(given, rule, tmp_path / "out.parquet", edited=True)  # not by its digest alone
    assert {path.name for path in tmp_path.iterdir()} <= {*before}


def test_a_page_that_claims_two_gigabytes_takes_none(tmp_path):
    import resource

    files = save(tmp_path, draw("a", np.arange(N)), draw("bb", ORDER))
    raw = bytearray(files["bb"].read_bytes())
    column = pq.read_metadata(files["bb"]).row_group(0).column(2)
    # A page begins with its kind, two sizes and its checksum: a byte each, then bytes of which the last is below 128.
    ends, at = [], column.dictionary_page_offset or column.data_page_offset
    for _ in range(4):
        at = next(place for place in range(at + 1, at + 9) if raw[place] < 128) + 1
        ends.append(at)
    room = ends[3] - ends[1] - 7
    raw[ends[1] : ends[3]] = b"\x15\xfe\xff\xff\xff\x0f\x15" + b"\x80" * (room - 1) + b"\x00"
    files["bb"].write_bytes(raw)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(InvalidPredictionsError, match=r"bb\.parquet"):
        combine_files(files, "mean", tmp_path / "out.parquet")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 2**18  # kB


def test_a_policy_is_refused_before_a_partition_is_combined():
    with pytest.raises(InvalidOptionError, match=r"missing must be 'error', .* received 'bogus'"):
        combine_partitions([], "mean", missing="bogus")


def test_options_may_be_given_by_a_mapping(tmp_path):
    rows = {name: Predictions([[p, 1 - p]], ids=[1], classes=["a", "b"]) for name, p in (("x", 0.25), ("y", 0.5))}
    (combined,) = combine_partitions([rows], "weighted", options={"weights": [1.0, 0.0]})
    assert combined.probas.tolist() == [[0.25, 0.75]]
    for name, p in rows.items():
        p.save(tmp_path / f"{name}.parquet")
    files = [tmp_path / "x.parquet", tmp_path / "y.parquet"]
    combine_files(files, "weighted", tmp_path / "out.parquet", options={"weights": [0.0, 1.0]})
    assert Predictions.load(tmp_path / "out.parquet").probas.tolist() == [[0.5, 0.5]]
    with pytest.raises(InvalidOptionError, match=r"each option must be given once; received \['weights'\]"):
        combine_files(files, "weighted", tmp_path / "o.parquet", options={"weights": [0.0, 1.0]}, weights=[1.0, 0.0])
