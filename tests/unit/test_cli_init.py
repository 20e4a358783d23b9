"""The example folder: written whole or not at all, and every command of its page and of the help works there."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ensemblekit.cli import _init, app
from ensemblekit.cli._commands import make_command
from ensemblekit.cli._help import Command
from ensemblekit.errors import FolderNotFoundError, OutputExistsError

COMMAND = Path(sys.executable).parent / "ensemblekit"


@pytest.fixture
def example(tmp_path):
    folder = tmp_path / "example"
    done = CliRunner().invoke(app, ["init", str(folder)])
    assert done.exit_code == 0, done.output
    return folder


def lines_of(text):
    return [line for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL) for line in block.splitlines()]


def run(folder, line):
    """Run a line as a shell does."""
    done = subprocess.run(
        ["bash", "-c", f'ensemblekit() {{ "{COMMAND}" "$@"; }}; {line}'], cwd=folder, capture_output=True, text=True
    )
    assert done.returncode == 0, (line, done.stderr)
    return done


def test_the_folder_holds_predictions_labels_and_a_page(example):
    names = {f"{name}.{split}.csv" for name in ("forest", "bayes", "logistic") for split in ("valid", "test")}
    assert {file.name for file in example.iterdir()} == names | {"labels.csv", "forest.part.csv", "README.md"}
    assert {name for name in names if name not in (example / "README.md").read_text()} == set()
    assert len(lines_of((example / "README.md").read_text())) >= 8


def test_what_is_there_stays(tmp_path, monkeypatch):
    def fail(folder):
        (folder / "half.csv").write_text("x")
        raise OSError("full")

    monkeypatch.setattr(_init, "_write", fail)
    (tmp_path / "empty").mkdir()
    for name, error in (("new", OSError), ("empty", OSError), (".", OutputExistsError), ("a/b", FolderNotFoundError)):
        assert isinstance(CliRunner().invoke(app, ["init", str(tmp_path / name)]).exception, error), name
    assert [path.name for path in tmp_path.rglob("*")] == ["empty"]


def test_an_empty_folder_is_filled_and_stays_the_same_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(_init, "_write", lambda folder: (folder / "README.md").write_text("x"))
    before = tmp_path.stat().st_ino
    assert CliRunner().invoke(app, ["init", str(tmp_path)]).exit_code == 0
    assert ([path.name for path in tmp_path.iterdir()], tmp_path.stat().st_ino) == (["README.md"], before)


def test_rows_that_all_members_have_are_combined_and_counted(example):
    files = [str(example / name) for name in ("forest.part.csv", "bayes.test.csv")]
    done = CliRunner().invoke(app, ["combine", *files, "-o", "-", "--missing", "common"])
    assert len(done.stdout.splitlines()) == 1 + 557
    assert done.stderr == "ensemblekit: 557 rows are common to all members; left out are 40 of 'bayes'.\n"
    same = CliRunner().invoke(app, ["combine", files[1], "-o", "-", "--missing", "common"])
    assert (same.stderr, len(same.stdout.splitlines())) == ("", 1 + 597)
    refused = CliRunner().invoke(app, ["compare", *files, "--labels", str(example / "labels.csv"), "--missing", "zero"])
    assert "--missing must be error or common; received 'zero'" in str(refused.exception)


@pytest.mark.slow
def test_every_command_of_the_page_works(example):
    for line in lines_of((example / "README.md").read_text()):
        run(example, line)
    assert (example / "report.html").stat().st_size > 10_000


@pytest.mark.slow
@pytest.mark.parametrize("name", ["combine", "evaluate", "compare", "cascade", "plugins"])
def test_the_examples_of_a_help_work_in_the_folder(example, name):
    for _, line in make_command(name, Command).examples:
        run(example, line)
