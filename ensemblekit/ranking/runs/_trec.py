"""TREC files of runs and judgements, read and written as columns by pyarrow."""

from __future__ import annotations

import gzip
import io
import os
import re
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import InvalidPredictionsError
from ...files import atomic_path
from ...limits import check_size
from ...predictions.names import shown
from ...regular import open_regular
from ._columns import Coded, coded_columns

__all__ = ["read_qrels", "read_run", "write_qrels", "write_run"]

RUN = ("query", "Q0", "item", "rank", "score", "tag")
NAMES = ("query", "item")
QRELS = ("query", "iteration", "item", "grade")
SPACES = re.compile(rb"[ \t]+")
EDGES = re.compile(rb"^ | ?\r?$", re.MULTILINE)
CHUNK = 2**24
ONE_WORD = r"^[^\s\x00]+$"
ROWS = 2**20
"""So many rows are written at a time."""


def read_run(path: str | os.PathLike[str], ids: str) -> tuple[Coded, str | None]:
    """Read a run and its tag.

    Parameters
    ----------
    path : path-like
        The file.
    ids : {"text", "numbers"}
        What queries and items are.

    Returns
    -------
    tuple
        Codes of the rows, and their tag; None if there is no row.
    """
    table = _read(path, RUN, ids, "score")
    # Each chunk has a dictionary of its own, of what is in it.
    tags = [*dict.fromkeys(tag for chunk in table.column("tag").chunks for tag in chunk.dictionary.to_pylist())]
    if len(tags) > 1:
        raise _several_tags(path, tags)
    return _coded(path, table, "score", ids), tags[0] if tags else None


def _several_tags(path: str | os.PathLike[str], tags: list[str]) -> InvalidPredictionsError:
    name = os.fspath(path)
    return InvalidPredictionsError(
        f"{name!r}: a file must be of one run; received lines of {len(tags)} tags, the last field of a line: "
        f"{shown(tags)}. Scores of several systems have no common scale. Split it: "
        f"table = pd.read_csv({name!r}, sep=r'\\s+', names={[*RUN]!r}, dtype=str, quoting=3, keep_default_na=False); "
        "runs = {tag: Run(part.astype({'score': float})) for tag, part in table.groupby('tag')}."
    )


def read_qrels(path: str | os.PathLike[str], ids: str) -> Coded:
    """Read judgements; arguments as of `read_run`."""
    return _coded(path, _read(path, QRELS, ids, "grade"), "grade", ids)


def _coded(path: Any, table: Any, kind: str, ids: str) -> Coded:
    query, item = (table.column(name).to_numpy() if ids == "numbers" else table.column(name) for name in NAMES)
    try:
        return coded_columns(query, item, table.column(kind).to_numpy(), kind)
    except InvalidPredictionsError as error:
        raise InvalidPredictionsError(f"{os.fspath(path)!r}: {error}") from None


def _read(path: str | os.PathLike[str], fields: tuple[str, ...], ids: str, kind: str) -> Any:
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    csv: Any = arrow_csv

    data = _bytes_of(path)
    dictionary: Any = pa.dictionary
    text = dictionary(pa.int32(), pa.string())
    name = pa.int64() if ids == "numbers" else text
    types: dict[str, Any] = {"query": name, "item": name, kind: pa.float64(), "tag": text}
    kept = [field for field in fields if field in (*NAMES, kind, "tag")]
    if not data.strip():
        return pa.table({field: pa.array([], types[field]) for field in kept})
    wrong: list[Any] = []

    def note(row: Any) -> str:
        wrong.append(row)
        return "error"

    try:
        return csv.read_csv(
            io.BytesIO(data),
            read_options=csv.ReadOptions(column_names=list(fields), block_size=CHUNK),
            parse_options=csv.ParseOptions(
                delimiter=" ", quote_char=False, double_quote=False, ignore_empty_lines=True, invalid_row_handler=note
            ),
            convert_options=csv.ConvertOptions(
                column_types={field: types[field] for field in kept}, include_columns=kept, null_values=[],
                strings_can_be_null=False, check_utf8=True,
            ),
        )  # fmt: skip
    except pa.ArrowInvalid as error:
        what = f"{os.fspath(path)!r}: each line must have the {len(fields)} fields {' '.join(fields)}"
        if wrong:
            row = wrong[0]
            raise InvalidPredictionsError(
                f"{what}; received one of {row.actual_columns}: {shown(row.text, 100)}. Mend or drop the line."
            ) from None
        more = ". Take ids='text'" if ids == "numbers" else ""
        raise InvalidPredictionsError(
            f"{what}, of which {kind} is a number; it cannot be read: {shown(str(error), 200)}{more}."
        ) from None


def _bytes_of(path: str | os.PathLike[str]) -> bytes:
    """Read a file as lines with one space between fields."""
    name = os.fspath(path)
    with open_regular(path) as file:
        data = file.read()
    if Path(name).name.lower().endswith(".gz"):
        try:
            with gzip.open(io.BytesIO(data)) as packed:
                parts: list[bytes] = []
                size = 0
                while part := packed.read(CHUNK):
                    size += len(part)
                    check_size(size, f"the file {name!r}", InvalidPredictionsError, stored=len(data))
                    parts.append(part)
            data = b"".join(parts)
        except (OSError, EOFError, zlib.error) as error:
            raise InvalidPredictionsError(f"{name!r} must be a whole gzip file; it cannot be read: {error}.") from None
    if b"\t" in data or b"  " in data or b"\r" in data or b" \n" in data or b"\n " in data or data[:1] == b" ":
        data = EDGES.sub(b"", SPACES.sub(b" ", data))
    return data.rstrip(b" ")


def write_run(path: str | os.PathLike[str], run: Any, tag: str, *, overwrite: bool) -> None:
    """Write a run; see `Run.save`."""
    _check_tokens([tag], "the name of the run")
    lengths = np.diff(run.starts)
    columns = [
        _names(run.queries, np.arange(len(lengths)).repeat(lengths), "query"),
        "Q0",
        _names(run.item_names, run.item_code, "item"),
        np.arange(1, len(run) + 1) - run.starts[:-1].repeat(lengths),
        run.score,
        tag,
    ]
    _write(path, columns, len(run), overwrite=overwrite)


def write_qrels(path: str | os.PathLike[str], qrels: Any, *, overwrite: bool) -> None:
    """Write judgements; see `Qrels.save`."""
    lengths = np.diff(qrels.starts)
    columns = [
        _names(qrels.queries, np.arange(len(lengths)).repeat(lengths), "query"),
        "0",
        _names(qrels.item_names, qrels.item_code, "item"),
        qrels.grade.astype(np.int64),
    ]
    _write(path, columns, len(qrels), overwrite=overwrite)


def _write(path: str | os.PathLike[str], columns: list[Any], n: int, *, overwrite: bool) -> None:
    """Write lines; the writer of CSV files would refuse names with quotation marks."""
    import pyarrow as pa
    from pyarrow import compute

    pc: Any = compute

    with atomic_path(path, overwrite=overwrite) as temporary, Path(temporary).open("wb") as file:
        for start in range(0, n, ROWS):
            parts = [
                pa.scalar(part) if isinstance(part, str) else pa.array(part[start : start + ROWS]).cast(pa.string())
                if isinstance(part, np.ndarray) else part.slice(start, ROWS)
                for part in columns
            ]  # fmt: skip
            lines = pc.binary_join_element_wise(*parts, " ")
            lines = pc.binary_join_element_wise(lines, "", "\n")
            file.write(b"".join(_text_of(lines)))


def _text_of(lines: Any) -> list[Any]:
    """Take the memory of texts, which stand one after the other in it."""
    import pyarrow as pa

    found: list[Any] = []
    for chunk in lines.chunks if isinstance(lines, pa.ChunkedArray) else [lines]:
        offsets, data = chunk.buffers()[1:]
        ends = np.frombuffer(offsets, dtype=np.int32)[chunk.offset : chunk.offset + len(chunk) + 1]
        found.append(memoryview(data)[int(ends[0]) : int(ends[-1])])
    return found


def _names(names: np.ndarray | None, codes: np.ndarray, what: str) -> Any:
    """Take names by code, as a column of Arrow, or numbers as they are."""
    import pyarrow as pa

    if names is None:
        return codes
    if names.dtype.kind == "i":
        return names.take(codes)
    _check_tokens(names[np.unique(codes)].tolist(), f"the name of each {what}")
    return pa.array(names.tolist(), type=pa.string()).take(pa.array(codes))


def _check_tokens(names: list[str], what: str) -> None:
    """Refuse names that are empty or hold white space, which separates the fields of a line."""
    import pyarrow as pa
    from pyarrow import compute

    pc: Any = compute

    texts = pa.array(names, type=pa.string())
    wrong = texts.filter(pc.invert(pc.match_substring_regex(texts, ONE_WORD)))
    if len(wrong):
        raise InvalidPredictionsError(
            f"{what} must have a character and no white space, which separates the fields of a TREC file; received "
            f"{len(wrong)} others, first {shown(wrong[0].as_py())}. Rename them."
        )
