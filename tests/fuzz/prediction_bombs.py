"""Small files and arguments that ask for much: memory, time, or a stack. Each case has half a GiB, and some seconds."""

import io
import json
import os
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from ensemblekit import EnsembleKitError, Predictions, align
from ensemblekit.limits import VARIABLE

MANY = 200_000


def refused(make: Callable[[], object], *needed: str, seconds: float = 10) -> str | None:
    """Say what is wrong unless it is refused, soon, in few words, and with these."""
    start = time.perf_counter()
    try:
        make()
    except EnsembleKitError as error:
        text = str(error)
        if len(text) > 3000 or not all(word in text for word in needed):
            return f"the error must say {needed} in few words; it says {text[:500]!r}, {len(text)} characters"
        took = time.perf_counter() - start
        return None if took < seconds else f"it took {took:.0f} s"
    return "it was not refused"


def load(suffix: str, content: bytes) -> Predictions:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"p{suffix}"
        path.write_bytes(content)
        return Predictions.load(path)


def parquet(columns: dict, **options: object) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    file = io.BytesIO()
    pq.write_table(pa.table(columns), file, **options)
    return file.getvalue()


def npz(**arrays: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in arrays.items():
            archive.writestr(f"{name}.npy", content)
    return file.getvalue()


def npy(array: np.ndarray, shape: tuple[int, ...] | None = None) -> bytes:
    file = io.BytesIO()
    header = np.lib.format.header_data_from_array_1_0(array) | ({} if shape is None else {"shape": shape})
    np.lib.format.write_array_header_1_0(file, header)
    return file.getvalue() + array.tobytes()


def one_long_id() -> str | None:
    rows = "".join(f"{row},0.5,0.5\n" for row in range(60_000))
    p = load(".csv", f"id,cat,dog\n{'x' * 130_000},0.5,0.5\n{rows}".encode())
    for suffix in (".npz", ".parquet", ".csv"):
        with tempfile.TemporaryDirectory() as folder:
            p.save(Path(folder) / f"p{suffix}")
            again = Predictions.load(Path(folder) / f"p{suffix}")
        if again.ids.tolist() != p.ids.tolist():
            return f"other ids from {suffix}"
    other = p.take(p.ids[::-1])
    if align(p, other).ids.tolist() != p.ids.tolist():
        return "aligned otherwise"
    align(p.take(p.ids[1:]), other, missing="renormalize")
    return None


def one_long_class() -> str | None:
    classes = ["x" * 1_000_000, "y"]
    p = Predictions(np.full((100_000, 2), 0.5), ids=range(100_000), classes=classes, labels=np.zeros(100_000, int))
    return None if len(p.labels[-1]) == 1_000_000 and len(p.predicted) == 100_000 else "other labels"


def many_repeated_classes() -> str | None:
    names = [f"c{row % (MANY // 2)}" for row in range(MANY)]
    return refused(lambda: Predictions(np.ones((1, MANY)) / MANY, ids=[1], classes=names), "classes must be unique")


def many_classes() -> str | None:
    names = [f"c{row}" for row in range(MANY)]
    probas = np.full((2, MANY), 1 / MANY)
    start = time.perf_counter()
    a = Predictions(probas, ids=[1, 2], classes=names, labels=names[:2], member="a")
    b = Predictions(probas, ids=[2, 1], classes=names[::-1], labels=names[1::-1], member="b")
    align(a, b).reorder(classes=names[::-1])
    if (took := time.perf_counter() - start) > 10:
        return f"it took {took:.0f} s"
    c = Predictions(probas, ids=[1, 2], classes=[f"d{row}" for row in range(MANY)], member="c")
    return refused(lambda: align(a, c), "lacks 200000") or refused(
        lambda: Predictions(probas, ids=[1, 2], classes=names, labels=["?", "?"]), "labels must be names out of"
    )


def compressed_arrays() -> str | None:
    os.environ[VARIABLE] = str(2**26)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "p.npz"
        path.write_bytes(npz(metadata=npy(np.array("{}")), ids=npy(np.arange(2)), probas=npy(np.zeros(10**7))))
        if path.stat().st_size > 2**18:
            return "no bomb"
        return refused(lambda: Predictions.load(path), "its arrays must take at most 67108864 bytes", VARIABLE)


def arrays_that_say_more_than_they_hold() -> str | None:
    for shape in ((10**12,), (10**9, 10**9), (-1,), (2**63, 2), (0, 2**62)):
        content = npz(metadata=npy(np.array("{}")), ids=npy(np.arange(2)), probas=npy(np.zeros(4), shape=shape))
        if wrong := refused(lambda content=content: load(".npz", content), "as large as it says"):
            return wrong
    return None


def many_equal_values() -> str | None:
    os.environ[VARIABLE] = str(2**26)
    n = 5_000_000
    content = parquet({"id": np.zeros(n, np.int64), "cat": np.full(n, 0.5), "dog": np.full(n, 0.5)})
    if len(content) > n:
        return "no bomb"
    return refused(lambda: load(".parquet", content), "its columns must take at most 67108864 bytes", VARIABLE)


def repeated_text() -> str | None:
    import pyarrow as pa

    n = 50_000
    text = pa.DictionaryArray.from_arrays(pa.array(np.zeros(n, np.int32)), pa.array(["x" * 1_000_000]))
    both = {"cat": np.full(n, 0.5), "dog": np.full(n, 0.5)}
    return (
        refused(lambda: load(".parquet", parquet({"id": text, **both})), "ids must be unique")
        or refused(lambda: load(".parquet", parquet({"id": np.arange(n), "label": text, **both})), "labels")
        or refused(lambda: load(".parquet", parquet({"id": np.arange(n), **both, "cat": text})), "one class")
    )


def prefixed_text() -> str | None:
    os.environ[VARIABLE] = str(2**25)
    n = 1_000
    ids = ["x" * 50_000 + str(row) for row in range(n)]
    half = np.full(n, 0.5)
    options = {"use_dictionary": False, "column_encoding": {"id": "DELTA_BYTE_ARRAY"}}
    content = parquet({"id": ids, "cat": half, "dog": half}, **options)
    if len(content) > 500_000:
        return "no bomb"
    return refused(lambda: load(".parquet", content), "its columns must take", VARIABLE)


def deep_metadata() -> str | None:
    for text in ("[" * 100_000, '{"a":' * 100_000, "9" * 100_000):
        content = f"# ensemblekit {text}\nid,proba:a,proba:b\n1,0.5,0.5\n".encode()
        if wrong := refused(lambda content=content: load(".csv", content), "the metadata must be"):
            return wrong
    meta = json.dumps({"format": 2, "classes": ["x"] * MANY, "shape": [MANY]})
    return refused(lambda: load(".csv", f"# ensemblekit {meta}\nid\n1\n".encode()), "as saved")


CASES = (one_long_id, one_long_class, many_repeated_classes, many_classes, compressed_arrays, deep_metadata,
         arrays_that_say_more_than_they_hold, many_equal_values, repeated_text, prefixed_text)  # fmt: skip


def bomb(number: int) -> str | None:
    os.environ.pop(VARIABLE, None)
    what = CASES[number]()
    return what and f"{CASES[number].__name__}: {what}"
