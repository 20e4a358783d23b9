"""One command line of random parts over random files: the cases of `test_command_line`."""

import io
import os
import random
import re
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ensemblekit import Predictions
from ensemblekit.cli import main
from tests.fuzz.harness import edited

NAMES = (
    "cnn", "svm", "[/x]", "[link=https://evil.example]here[/link]", "[bold]b", ":smile:", "\x1b[2J", "\x9b31m",
    "\x1b]8;;http://e\x07x", "a\u202eb", "\u2066c", "zero\u200bwidth", "line\nfeed", "tab\tbed", "\r", "\x7f",
    "", " ", "id", "label", "proba:cat", "=HYPERLINK(1)", "$x_{$", "{0}", "%s", "-1", "0.5", "nan", "ü" * 40,
    "x" * 5000, "\udcff", "<script>", "\\",
)  # fmt: skip
PLACES = ("out.csv", "out.npz", "out.parquet", "-", "[x].csv", "\x1b[1m.csv", ".", "..", "no/where.csv", "")
NUMBERS = ("0.95", "0.5", "0", "1", "-1", "nan", "inf", "1e-300", "0.999999999999", "1e309")
COUNTS = ("0", "1", "7", "-1", "4294967296", "9" * 40)
METRICS = ("accuracy", "log_loss", "brier_score", "auroc", "calibration_error", "balanced_accuracy")
RULES = ("mean", "weighted", "voting", "median", "trimmed_mean", "stacking", "borda", "knora_e", "greedy_selection")
PAIRS = ("cat=dog", "dog=cat", "cat=", "=", "fox=cat", "[/x]=cat", "\x1b[1m=\x1b[2m")
SETTINGS = (
    "weights=1", "weights=[1,-1]", "weights=[[1],[2]]", "weights={'cnn': 1}", "weights={[]: 1}", "tie=first",
    "p=[nan]", "x=" + "[" * 3000, "weights=" + "9" * 5000, "weights=None", "weights=b'x'", "trim=0.1", "trim=x",
    "final_estimator=1", "cv=x", "n=1", "k=-1", "weights={1, 2}", "class=x", "=1", "self=1",
)  # fmt: skip
FILES, WORDS = "FILES", (*NAMES, *PAIRS, *SETTINGS, *NUMBERS, *COUNTS, *PLACES)
SCORES: dict[str, Any] = {
    "--labels": FILES, "--groups": FILES, "--metric": METRICS, "--confidence": NUMBERS, "--seed": COUNTS,
    "--json": None,
}  # fmt: skip
OPTIONS: dict[str, dict[str, Any]] = {
    "combine": {
        "-c": RULES, "--option": SETTINGS, "--fit-on": FILES, "--labels": FILES, "--load": FILES, "--save": PLACES,
        "--alias": PAIRS, "--missing": ("error", "zero", "renormalize"), "--overwrite": None, "--json": None,
        "-o": PLACES,
    },
    "evaluate": SCORES,
    "compare": {**SCORES, "--against": NAMES, "--unit": NAMES},
    "audit": {
        "--json": None, "--fail-on-leaks": None, "--alias": PAIRS, "--split": NAMES, "--max-distance": COUNTS,
        "--min-correlation": NUMBERS,
    },
    "cache": {"--folder": FILES, "--json": None},
    "check": {"--kind": ("combiner", "head"), "--option": SETTINGS},
    "plugins": {"--json": None},
    "predict": {"--class": NAMES, "--alias": PAIRS, "--batch-size": COUNTS, "--resume": None, "--json": None},
}  # fmt: skip
_SHOWN = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def case(number: int) -> str | None:
    """Run one command in a folder of random files; say what it did that no command may do."""
    rng = random.Random(number)
    with tempfile.TemporaryDirectory() as folder:
        before = Path.cwd()
        os.chdir(folder)
        try:
            return run(_line(rng))
        finally:
            os.chdir(before)


def run(line: list[str]) -> str | None:
    """Run a command in this process; say what it did that no command may do."""
    os.environ["ENSEMBLEKIT_CACHE"] = str(Path.cwd())
    kept = sys.argv, sys.stdout, sys.stderr
    sys.argv = ["ensemblekit", *line]
    streams = [io.TextIOWrapper(io.BytesIO(), "utf-8") for _ in range(2)]
    sys.stdout, sys.stderr = streams
    status: Any = None
    try:
        main()
    except SystemExit as ended:
        status = ended.code
    finally:
        sys.argv, sys.stdout, sys.stderr = kept
    said, told = (stream.buffer.getvalue().decode() for stream in streams)
    wrong: list[str] = []
    if status not in (0, 1, 2, 3, 4):
        wrong.append(f"status {status!r}")
    lines = told.split("\n")[:-1]
    if (
        len(lines) > 8
        or not all(one.startswith("ensemblekit: ") for one in lines)
        or (
            status in (1, 2) and not lines and line[:1] != ["check"]  # whose table says what is broken
        )
    ):
        wrong.append(f"status {status}, stderr {told[:2000]!r}")
    if "This is a mistake in ensemblekit" in told or "Traceback" in told:
        wrong.append(f"stderr {told[-600:]!r}")
    if "-" not in line and _SHOWN.search(said + told):
        wrong.append(f"printed {_SHOWN.findall(said + told)[:5]!r}")
    return f"{line!r:.600}: {'; '.join(wrong)}" if wrong else None


def _line(rng: random.Random) -> list[str]:
    command = rng.choice(("combine", "evaluate", "compare") * 6 + ("audit", "cache", "check", "plugins", "predict"))
    gentle = rng.random() < 0.7
    files = [_file(rng, place, gentle=gentle) for place in range(rng.randint(2, 3) if gentle else rng.randint(1, 3))]
    tables = [_table_file(rng, place) for place in range(2)]
    words = [command]
    if command in ("combine", "evaluate", "compare"):
        words += [f"{rng.choice(NAMES)}={file}" if rng.random() < 0.3 else file for file in files]
    elif command != "cache":
        words.append(rng.choice((*RULES, *files, ".")))
    if command == "predict":
        words[1:] = [
            rng.choice(("model.onnx", *files)) if rng.random() < 0.5 else "model.onnx",
            ".",
            "-o",
            "out.parquet",
        ]
    if command == "combine":
        words += ["-o", rng.choice(PLACES[:5])]
    for _ in range(rng.randint(0, 4)):
        option = rng.choice(list(OPTIONS[command]))
        words.append(option)
        values = OPTIONS[command][option]
        if values is not None:
            words.append(rng.choice(WORDS if rng.random() < 0.1 else (*files, *tables) if values is FILES else values))
    words = words if rng.random() < 0.97 else rng.sample(words, len(words))
    return [word for word in words if word or rng.random() < 0.5]


def _file(rng: random.Random, place: int, *, gentle: bool) -> str:
    name = rng.choice((f"f{place}", f"[b]{place}", f"\x1b[1m{place}", f"\udcff{place}", f"a[{place}]?*"))
    name += rng.choice((".csv", ".npz", ".parquet"))
    _predictions(rng, place, gentle=gentle).save(Path(name), overwrite=True)
    if not gentle and rng.random() < 0.5:
        Path(name).write_bytes(edited(rng, Path(name).read_bytes()))
    return name


def _table_file(rng: random.Random, place: int) -> str:
    kind, name = rng.random(), rng.choice((f"t{place}", f"[b]t{place}", f"\udcfet{place}"))
    if kind < 0.05:
        os.mkfifo(name + ".csv")
        return name + ".csv"
    if kind < 0.5:
        with Path(name + ".parquet").open("wb") as file:
            pq.write_table(_table(rng), file)
        name += ".parquet"
    else:
        Path(name + ".csv").write_bytes(_text(rng))
        name += ".csv"
    if rng.random() < 0.2:
        Path(name).write_bytes(edited(rng, Path(name).read_bytes()))
    return name


def _predictions(rng: random.Random, place: int, *, gentle: bool) -> Predictions:
    draw = np.random.default_rng(rng.randrange(2**32))
    n = 8 if gentle else rng.choice((0, 1, 2, 8))
    names = [name.replace("\udcff", "?") for name in NAMES]
    classes, ids = ["cat", "dog"], [f"r{k}" for k in range(n)]
    if not gentle:
        classes = [*dict.fromkeys(rng.choice(names) for _ in range(3)), "dog"]
        ids = [f"{rng.choice(names)}{k}" for k in range(n)]
    labels = [classes[k % len(classes)] for k in range(n)] if rng.random() < 0.7 else None
    fields = {"ids": ids, "classes": list(dict.fromkeys(classes)), "labels": labels}
    if rng.random() < 0.1:
        fields["fit_ids"] = ids[:3]
    probas = draw.dirichlet(np.ones(len(fields["classes"])), n)
    return Predictions(probas, **fields, member=rng.choice((*names, f"m{place}", f"m{place}")) or None)


def _table(rng: random.Random) -> pa.Table:
    n = 8 if rng.random() < 0.8 else rng.choice((0, 1))
    columns: dict[str, Any] = {
        "id": pa.array([f"r{k}" for k in range(n)]),
        "label": pa.array(["cat", "dog"] * (n // 2) + ["cat"] * (n % 2)),
        "group": pa.array([k // 2 for k in range(n)]),
    }
    odd = (
        pa.nulls(n), pa.array([[1]] * n, pa.list_(pa.int8())), pa.array([{"a": 1}] * n, pa.struct({"a": pa.int8()})),
        pa.array([b"\xff"] * n, pa.binary()), pa.array([None] * n, pa.string()), pa.array([float("nan")] * n),
        pa.array([True] * n), pa.array([2**63] * n, pa.uint64()), pa.array(["r0"] * n, pa.string()).dictionary_encode(),
        pa.array([0] * n, pa.timestamp("s")), pa.array([rng.choice(NAMES).replace("\udcff", "")] * n, pa.string()),
    )  # fmt: skip
    if rng.random() < 0.5:
        columns[rng.choice(list(columns))] = rng.choice(odd)
    names = [name for name in columns if rng.random() < 0.97]
    if names and rng.random() < 0.1:
        names.append(names[0])
    return pa.Table.from_arrays([columns[name] for name in names], names=names)


def _text(rng: random.Random) -> bytes:
    columns = ["id", "label", "group"] if rng.random() < 0.8 else rng.sample(("id", "label", "group", "id", ""), 3)
    cells = (
        "r0",
        "cat",
        "1",
        "",
        '"',
        '"x',
        "nan",
        "\0",
        "\x1b[2J",
        "=1",
        "x" * 140_000,
        "é",
        "\ud83d",
        ",",
        "\r",
        "None",
    )
    rows = [",".join(columns)]
    for k in range(8):
        known = {"id": f"r{k}", "label": ("cat", "dog")[k % 2], "group": f"g{k // 2}", "": "x"}
        rows.append(",".join(rng.choice(cells) if rng.random() < 0.02 else known[column] for column in columns))
    return ("\n".join(rows) + rng.choice(("\n", "", "\r\n"))).encode("utf-8", "surrogatepass")
