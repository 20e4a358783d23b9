"""`ensemblekit combine` says the same of small and of large files: one rule for names, refusals, columns, answers."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from ensemblekit import Predictions
from ensemblekit.cli import _combine
from ensemblekit.cli._app import app

CLASSES = ("cat", "dog", "owl")
N = 30


@pytest.fixture(autouse=True)
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)

    def draw(member, path, *, rows=N, dtype=np.float64, fit_ids=None, labels=True):
        order = rng.permutation(rows)
        Predictions(
            rng.dirichlet(np.ones(3), rows).astype(dtype), ids=[f"r{i}" for i in order], classes=CLASSES, member=member,
            labels=np.asarray(CLASSES)[order % 3] if labels else None, fit_ids=fit_ids,
        ).save(path)  # fmt: skip

    for number in range(3):
        draw(None, f"{number}.parquet", dtype=(np.float16, np.float32, np.float64)[number])
    draw("cnn", "cnn.parquet", fit_ids=["a", "b"])
    draw("cnn", "again.parquet", labels=False)
    draw("svm", "few.parquet", rows=N - 3, labels=False)
    draw("x", "x=1.parquet")
    pq.write_table(pa.table({"id": [f"r{i}" for i in range(N)]} | {c: [1 / 3] * N for c in CLASSES}), "plain.parquet")
    pq.write_table(pa.table({"id": [1, 2], "cat": [0.5, 0.5], "cow": [0.5, 0.5]}), "other.parquet")
    Path("broken.parquet").write_bytes(Path("0.parquet").read_bytes()[:-9])


GIVEN = [
    ["0.parquet", "1.parquet"],
    ["x=0.parquet", "x=2.parquet"],  # one name for two files
    ["x=0.parquet", "y=2.parquet", "z=1.parquet"],
    ["x=0.parquet", "2.parquet"],  # one has a name
    ["2.parquet", "x=0.parquet", "cnn.parquet"],
    ["cnn.parquet", "again.parquet"],  # one name in both
    ["cnn.parquet", "other=again.parquet"],
    ["cnn=0.parquet", "cnn.parquet"],
    ["0=1.parquet", "0.parquet"],
    ["x=1.parquet", "0.parquet"],  # a file whose name has "=" in it
    ["x=1.parquet", "x=0.parquet"],
    ["y=x=1.parquet", "x=1.parquet"],
    ["x=1.parquet", "./x=1.parquet"],
    ["=0.parquet", "1.parquet"],
    ["0.parquet", "0.parquet"],
    ["a=0.parquet", "a b=0.parquet", "é=0.parquet"],
    ["plain.parquet", "0.parquet"],
    ["plain=plain.parquet", "plain.parquet"],
    ["0.parquet", "few.parquet"],
    ["0.parquet", "other.parquet"],
    ["0.parquet", "no.parquet"],
    ["0.parquet", "x=no.parquet"],
    ["0.parquet", "broken.parquet"],
]
OPTIONS = [
    [],
    ["--json", "--missing", "renormalize"],
    ["-c", "weighted", "--option", 'weights={"x": 1, "y": 2, "z": 0}'],
    ["--alias", "cow=dog"],
    ["-c", "stacking"],
]


def answer(*arguments):
    done = CliRunner().invoke(app, ["combine", *arguments, "-o", "out.parquet"])
    out = Path("out.parquet")
    if not out.exists():
        return type(done.exception).__name__, None, None, None
    with pq.ParquetFile(out) as file:
        schema, meta = file.schema_arrow, json.loads(file.metadata.metadata[b"ensemblekit"])
    p = Predictions.load(out)
    out.unlink()
    return done.exit_code, done.stdout, meta, (schema.names, schema.types, p.ids.tolist(), p.probas.tobytes())


@pytest.mark.parametrize(
    ("given", "more"),
    [pytest.param(given, OPTIONS[1 + number % 4 :: 4], id=" ".join(given)) for number, given in enumerate(GIVEN)],
)
def test_small_and_large_files_have_one_answer(given, more, monkeypatch):
    answers = {}
    # All options for what is combined in several ways, and one for what is refused or named.
    several = [[], *(OPTIONS[1:] if given == ["x=0.parquet", "y=2.parquet", "z=1.parquet"] else more)]
    for large in (2**28, 0):
        monkeypatch.setattr(_combine, "LARGE", large)
        answers[large] = [answer(*given, *options) for options in several]
    for small, large, options in zip(answers[2**28], answers[0], several, strict=True):
        # Of two faults either may be told.
        assert small == large if not options or small[1] else large[1] is None
    assert not [path for path in Path().iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize("large", [2**28, 0])
def test_no_member_is_lost_and_no_name(large, monkeypatch):
    monkeypatch.setattr(_combine, "LARGE", large)

    def members(*given):
        done = CliRunner().invoke(app, ["combine", *given, "--json", "--overwrite", "-o", "out.parquet"])
        return json.loads(done.stdout)["members"] if done.exit_code == 0 else str(done.exception)

    assert "is called 'x' as another is. Give NAME=FILE" in members("x=0.parquet", "x=2.parquet")
    assert not Path("out.parquet").exists()
    assert members("x=0.parquet", "2.parquet") == ["x", "2"]
    assert members("2.parquet", "x=0.parquet", "cnn.parquet") == ["2", "x", "cnn"]
    assert members("x=1.parquet", "y=0.parquet") == ["x", "y"]  # the file x=1.parquet, whose predictions are of x
    assert members("y=x=1.parquet", "0.parquet") == ["y", "0"]


def test_slices_become_patients_on_the_command_line(tmp_path):
    for name, shift in (("a", 0.0), ("b", 0.2)):
        lines = [f"s{k},{0.25 + shift},{0.75 - shift}" for k in range(4)]
        (tmp_path / f"{name}.csv").write_text("\n".join(["id,ill,well", *lines, ""]))
    (tmp_path / "groups.csv").write_text("id,group\ns0,p\ns1,p\ns2,q\ns3,q\n")
    files = [str(tmp_path / "a.csv"), str(tmp_path / "b.csv")]
    by_patient = ["--groups", str(tmp_path / "groups.csv"), "--aggregate", "mean", "-o", str(tmp_path / "out.npz")]
    result = CliRunner().invoke(app, ["combine", *files, *by_patient])
    assert result.exit_code == 0, result.output
    found = Predictions.load(tmp_path / "out.npz")
    assert found.ids.tolist() == ["p", "q"]
    assert np.allclose(found.probas, [[0.35, 0.65]] * 2)
    result = CliRunner().invoke(app, ["combine", *files, "--aggregate", "mean", "-o", str(tmp_path / "none.npz")])
    assert result.exit_code != 0
    assert "no groups" in str(result.exception)
