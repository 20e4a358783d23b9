"""Cases for `combine_files`: damaged files, odd columns, what is said beside the rows as anything else."""

from __future__ import annotations

import contextlib
import datetime as dt
import decimal
import json
import random
import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ensemblekit import EnsembleKitError, Predictions, combine
from ensemblekit.scaling import _buckets, _combine_files, combine_files
from tests.fuzz.harness import edited

N = 24
CLASSES = ("cat", "dog", "owl")
_buckets.bucket_count = lambda sources, memory: 3
_buckets.part_count = lambda n_rows, memory: 3
_combine_files.LARGEST = 10


def damaged(seed: int) -> str | None:
    """Edit bytes of a file that we wrote: the rows are those of the whole file, or the file is refused."""
    rng = random.Random(seed)
    with _folder() as folder:
        _draw(rng, "b").save(folder / "odd.parquet", overwrite=True)
        whole = Predictions.load(folder / "odd.parquet")
        data = (folder / "odd.parquet").read_bytes()
        for _ in range(rng.randint(1, 3)):
            data = edited(rng, data)
        (folder / "odd.parquet").write_bytes(data)
        return _compared(rng, folder, whole)


def odd_metadata(seed: int) -> str | None:
    """Say other things beside the rows: the rows are those that `Predictions.load` reads, or the file is refused."""
    rng = random.Random(seed)
    with _folder() as folder:
        _draw(rng, "b").save(folder / "odd.parquet", overwrite=True)
        table, said = _read(folder / "odd.parquet")
        meta: Any = json.loads(said)
        for _ in range(rng.randint(1, 2)):
            if rng.random() < 0.1:
                meta = _value(rng)
            elif isinstance(meta, dict) and meta:
                name = rng.choice(sorted(meta))
                if rng.random() < 0.2:
                    del meta[name]
                else:
                    meta[name] = _value(rng, meta[name])
        raw = json.dumps(meta).encode()
        raw = edited(rng, raw) if rng.random() < 0.2 else raw
        if rng.random() < 0.05:
            raw = b"[" * 100_000
        pq.write_table(table.replace_schema_metadata({b"ensemblekit": raw}), folder / "odd.parquet")
        return _compared(rng, folder, None)


def odd_columns(seed: int) -> str | None:
    """Write columns of any type: the rows are those that `Predictions.load` reads, or the file is refused."""
    rng = random.Random(seed)
    with _folder() as folder:
        p = _draw(rng, "b")
        p.save(folder / "odd.parquet", overwrite=True)
        table, said = _read(folder / "odd.parquet")
        table = table.replace_schema_metadata({b"ensemblekit": said})
        if rng.random() < 0.5:  # a table of others
            table = table.rename_columns([name.removeprefix("proba:") for name in table.column_names])
            table = table.replace_schema_metadata(None)
        for _ in range(rng.randint(1, 2)):
            table = _with_odd_column(rng, table)
        n_rows = rng.choice([None, None, None, 1, 3, 100])
        if rng.random() < 0.05:
            table = table.slice(0, 0)
        with contextlib.suppress(pa.ArrowException, NotImplementedError), warnings.catch_warnings(action="ignore"):
            pq.write_table(table, folder / "odd.parquet", row_group_size=n_rows, store_schema=rng.random() < 0.7)
        if not (folder / "odd.parquet").exists():  # what Arrow has no Parquet for; pyarrow 18 takes the file away then
            return None
        return _compared(rng, folder, None)


def _read(path: Path) -> tuple[pa.Table, bytes]:
    with pq.ParquetFile(path) as file:
        return file.read(), file.metadata.metadata[b"ensemblekit"]


@contextlib.contextmanager
def _folder() -> Any:
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


def _draw(rng: random.Random, member: str, order: Any = None) -> Predictions:
    random_ = np.random.default_rng(rng.randrange(2**32))
    dtype = rng.choice([np.float16, np.float32, np.float64])
    order = rng.sample(range(N), N) if order is None and rng.random() < 0.5 else list(range(N))
    text = rng.random() < 0.7
    return Predictions(
        random_.dirichlet(np.ones(3), N).astype(dtype), ids=[f"r{i}" for i in order] if text else order,
        classes=CLASSES, member=member, labels=np.asarray(CLASSES)[np.array(order) % 3] if rng.random() < 0.5 else None,
        fit_ids=None if rng.random() < 0.5 else (["v1", "v2"] if text else [-1, -2]), split=rng.choice([None, "valid"]),
    )  # fmt: skip


def _compared(rng: random.Random, folder: Path, whole: Predictions | None) -> str | None:
    """Combine an odd file with a good one: as in memory, or refused by name, and nothing is left."""
    odd = folder / "odd.parquet"
    expected: Predictions | None = whole
    edited = whole is None and rng.random() < 0.5
    if whole is None:
        with contextlib.suppress(EnsembleKitError):
            expected = Predictions.load(odd, edited=edited)
    good = _good(rng, expected)
    good.save(folder / "good.parquet", overwrite=True)
    files = {"a": folder / "good.parquet", "b": odd}
    if rng.random() < 0.5:
        files = dict(reversed(files.items()))
    before = sorted(folder.iterdir())
    try:
        done = combine_files(files, "mean", folder / "out.parquet", edited=edited)
    except EnsembleKitError as error:
        if sorted(folder.iterdir()) != before:
            return f"left {sorted(folder.iterdir())}"
        if "odd.parquet" not in str(error) and "member" not in str(error):
            return f"the error does not name the file: {error}"
        if whole is None and expected is not None:
            with contextlib.suppress(EnsembleKitError):
                combine({name: good if name == "a" else expected for name in files}, "mean")
                return f"in memory it is combined; in files: {type(error).__name__}: {error}"
        return None
    if expected is None:
        return f"Predictions.load refuses it, combine_files has combined {done.n_rows} rows"
    got = Predictions.load(folder / "out.parquet")
    wanted = combine({name: good if name == "a" else expected for name in files}, "mean")
    same = (
        got.ids.tolist() == wanted.ids.tolist()
        and got.probas.tobytes() == wanted.probas.tobytes()
        and (None if got.labels is None else got.labels.tolist())
        == (None if wanted.labels is None else wanted.labels.tolist())
        and (got.classes, got.split, got.task) == (wanted.classes, wanted.split, wanted.task)
        and (None if got.fit_ids is None else got.fit_ids.tolist())
        == (None if wanted.fit_ids is None else wanted.fit_ids.tolist())
    )
    return None if same else "other rows than in memory"


def _good(rng: random.Random, expected: Predictions | None) -> Predictions:
    """Draw a member with the ids and classes of another one."""
    ids: Any = [f"r{i}" for i in range(N)] if expected is None or not len(expected) else expected.ids.tolist()
    classes = CLASSES if expected is None else expected.classes
    if rng.random() < 0.5:
        rng.shuffle(ids)
    values = np.random.default_rng(0).dirichlet(np.ones(len(classes)), len(ids))
    if expected is not None and expected.probas.ndim > 2:
        values = np.broadcast_to(
            values.reshape(len(ids), *[1] * (expected.probas.ndim - 2), -1), (len(ids), *expected.probas.shape[1:])
        )
    return Predictions(
        values, ids=ids, classes=classes, member="a", task="multiclass" if expected is None else expected.task,
        split=None if expected is None else expected.split,
    )  # fmt: skip


def _value(rng: random.Random, was: Any = None) -> Any:
    """Give any JSON value, maybe one that is near to another."""
    near: list[Any] = []
    if isinstance(was, list):
        near = [was[:-1], was[::-1], [*was, was[-1] if was else 0], [was], [None, *was], [str(v) for v in was]]
    if isinstance(was, str):
        near = ["", was.upper(), was + " ", was[1:], [was], "float32", "multilabel", "regression", "renormalize", "int"]
    if isinstance(was, int):
        near = [was + 1, -was, float(was), str(was), not was, 2**63, 2**70]
    anything = [
        None,
        True,
        False,
        0,
        1,
        -1,
        7,
        2**31,
        2**64,
        1.5,
        float("nan"),
        1e308,
        "",
        "x",
        "é",
        "\0",
        "\ud800",
        [],
        {},
    ]
    anything += [[1, "a"], [[]], [None], [True], [1.5], {"a": 1}, ["a"] * 1000, [0, 0], [2**64], ["\ud800"]]
    return rng.choice(near if near and rng.random() < 0.6 else anything)


def _with_odd_column(rng: random.Random, table: pa.Table) -> pa.Table:
    place = rng.randrange(len(table.column_names)) if table.num_columns else 0
    match rng.choice(["kind", "kind", "kind", "kind", "null", "name", "drop", "twice", "add", "chunks", "own"]):
        case "drop" if table.num_columns:
            return table.remove_column(place)
        case "twice" if table.num_columns:
            return table.append_column(table.field(place).name, table.column(place))
        case "name" if table.num_columns:
            names = table.column_names
            names[place] = rng.choice(
                ["", "id", "label", "proba:cat", "cat", "__index_level_0__", "a.b", "\0", "é", "x" * 300]
            )
            return table.rename_columns(names)
        case "null" if table.num_columns and len(table):
            column = table.column(place)
            with contextlib.suppress(pa.ArrowException, UnicodeError):  # no array of some types is made of a list
                values = column.to_pylist()
                values[rng.randrange(len(values))] = None
                return table.set_column(place, table.field(place), pa.array(values, column.type))
            return table
        case "own" if table.num_columns:
            column = table.column(place)
            for kind in rng.sample(
                [pa.large_string(), pa.string_view(), pa.float32(), pa.float64(), pa.int8(), pa.uint64()], 6
            ):
                with contextlib.suppress(pa.ArrowException, NotImplementedError):
                    return table.set_column(place, table.field(place).name, column.cast(kind))
            return table
        case "add":
            return table.append_column("more", _column(rng, len(table)))
        case _ if table.num_columns:
            return table.set_column(place, table.field(place).name, _column(rng, len(table)))
        case _:
            return table


def _column(rng: random.Random, n: int) -> pa.Array:
    """Give a column of any type."""
    now = dt.datetime(2020, 1, 1)
    numbers = list(range(n))
    makers: list[Any] = [
        lambda: pa.array([decimal.Decimal(i) / 4 for i in numbers]),
        lambda: pa.array([decimal.Decimal("0.5")] * n),
        lambda: pa.array([now] * n),
        lambda: pa.array([now + dt.timedelta(days=i) for i in numbers], pa.timestamp("ns", "UTC")),
        lambda: pa.array([now.date()] * n),
        lambda: pa.array([dt.time(1)] * n),
        lambda: pa.array([dt.timedelta(1)] * n),
        lambda: pa.array([[0.5]] * n),
        lambda: pa.array([[0.5] * n] * n),
        lambda: pa.array([[0.25, 0.25]] * n, pa.list_(pa.float64(), 2)),
        lambda: pa.array([[]] * n, pa.list_(pa.float32())),
        lambda: pa.array([{"a": 1, "id": 2}] * n),
        lambda: pa.array([[("a", 1)]] * n, pa.map_(pa.string(), pa.int64())),
        lambda: pa.array([f"r{i}" for i in numbers]).dictionary_encode(),
        lambda: pa.array(["cat"] * n).dictionary_encode(),
        lambda: pa.DictionaryArray.from_arrays(pa.array([0] * n, pa.int8()), pa.array([0.5])),
        lambda: pa.nulls(n),
        lambda: pa.nulls(n, pa.string()),
        lambda: pa.nulls(n, pa.float64()),
        lambda: pa.array([f"r{i}" for i in numbers], pa.string_view()),
        lambda: pa.array([f"r{i}" for i in numbers], pa.large_string()),
        lambda: pa.array(["0.5"] * n),
        lambda: pa.array(["cat"] * n),
        lambda: pa.array(["None"] * n),
        lambda: pa.array(["r\0" + str(i) for i in numbers]),
        lambda: pa.array([b"\xff\xfe"] * n),
        lambda: pa.array([b"r%d" % i for i in numbers]),
        lambda: pa.array([b"ab"] * n, pa.binary(2)),
        lambda: pa.array([b"\xff" + bytes([65 + i % 60]) for i in numbers]).view(pa.string()),  # no UTF-8
        lambda: pa.array([2**64 - 1 - i for i in numbers], pa.uint64()),
        lambda: pa.array(numbers, pa.uint64()),
        lambda: pa.array(numbers, pa.int8()),
        lambda: pa.array([float(i) for i in numbers]),
        lambda: pa.array([i + 0.5 for i in numbers]),
        lambda: pa.array([i % 2 == 0 for i in numbers]),
        lambda: pa.array([True] * n),
        lambda: pa.array([0] * n),
        lambda: pa.array([1] * n, pa.uint8()),
        lambda: pa.array(np.full(n, 0.5, np.float16)),
        lambda: pa.array([float("nan")] * n),
        lambda: pa.array([float("inf")] * n),
        lambda: pa.array([-0.0] * n),
        lambda: pa.ExtensionArray.from_storage(pa.uuid(), pa.array([bytes([i] * 16) for i in numbers], pa.binary(16))),
        lambda: pa.ExtensionArray.from_storage(pa.json_(), pa.array([f"r{i}" for i in numbers])),
        lambda: pa.ExtensionArray.from_storage(pa.bool8(), pa.array([1] * n, pa.int8())),
        lambda: pa.ExtensionArray.from_storage(pa.opaque(pa.float64(), "t", "v"), pa.array([0.5] * n)),
    ]  # fmt: skip
    return rng.choice(makers)()
