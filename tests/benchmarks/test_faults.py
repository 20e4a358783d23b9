"""Runs that are damaged, resumed wrongly or without room: nothing is lost, and the table is the same in the end."""

import json
import os
import resource
import shutil
import signal
import subprocess
import sys

import pandas as pd
import pytest

from benchmarks.study import output
from tests.small_study import CTSCAN, assert_same, assert_whole, ctscan

pytestmark = pytest.mark.keras


@pytest.fixture
def copy(unbroken, tmp_path):
    """A copy of that run, to be spoiled."""
    shutil.copytree(unbroken[0], tmp_path / "run")
    shutil.copytree(unbroken[0].parent / "run.bank", tmp_path / "run.bank")
    return tmp_path / "run"


def table(said):
    return said[said.index("Results on") :]


def test_a_finished_run_prints_its_table_again(given, unbroken, copy):
    before = {
        p: p.stat().st_mtime_ns for p in (*copy.glob("*.keras"), *copy.glob("*.csv"), *copy.glob("pieces/*.json"))
    }
    done = ctscan(given, copy, "--resume")
    assert done.returncode == 0, done.stderr
    assert table(done.stdout) == table(unbroken[2])
    assert {p: p.stat().st_mtime_ns for p in before} == before


def spoil(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def test_what_is_damaged_or_missing_is_said_and_made_again(given, unbroken, copy):
    spoil(copy / "predictions" / "ensemble_mean.test.parquet")
    (copy / "predictions" / "ensemble_voting.valid.parquet").unlink()
    (copy / "pieces" / "ensemble_stacking.json").write_text("{")
    code = "import os, sys; from ensemblekit.files import atomic_write\n"
    code += "with atomic_write(sys.argv[1]): os.kill(os.getpid(), 9)"
    subprocess.run([sys.executable, "-c", code, str(copy / "first_model.keras")])
    assert list(copy.glob(".*"))
    done = ctscan(given, copy, "--resume")
    assert done.returncode == 0, done.stderr
    for words in (
        "ensemble_mean is made again: predictions/ensemble_mean.test.parquet is damaged",
        "ensemble_voting is made again: predictions/ensemble_voting.valid.parquet is missing",
        "ensemble_stacking is made again: its record is damaged",
    ):
        assert words in done.stdout
    assert_same(copy, unbroken[0])
    assert not list(copy.glob(".*"))


def test_other_settings_are_refused(given, copy):
    done = ctscan(given, copy, "--resume", "--epochs", "3", "--seed", "7")
    assert done.returncode == 1
    assert done.stderr == (
        f"ctscan: --resume must be given the settings that the run in '{copy}' began with; others are --epochs "
        "(then 2, now 3), --seed (then 0, now 7). Give the same, or choose another --out, or give --overwrite to start "
        "anew.\n"
    )


def test_other_versions_are_refused(given, copy):
    config = json.loads((copy / "config.json").read_text())
    config["versions"]["keras"] = "2.0"
    (copy / "config.json").write_text(json.dumps(config))
    done = ctscan(given, copy, "--resume")
    assert done.returncode == 1
    assert "--resume must go on with the versions" in done.stderr
    assert "others are keras (then 2.0, now " in done.stderr


@pytest.mark.slow
def test_changed_images_are_refused(given, copy, tmp_path):
    shutil.copytree(given[1], tmp_path / "pets")
    path = tmp_path / "pets" / "test" / "cat" / "0.png"
    shutil.copy(path.with_name("1.png"), path)
    done = ctscan([given[0], tmp_path / "pets", *given[2:]], copy, "--resume")
    assert done.returncode == 1
    assert "--resume must go on with the images that the run in" in done.stderr
    assert "are others or have changed" in done.stderr


def test_an_unfinished_run_asks_for_one_of_two_ways(given, copy):
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps(config | {"status": "running"}))
    done = ctscan(given, copy)
    assert done.returncode == 1
    assert (
        "holds a run that did not come to its end; 12 of its pieces are finished. Give --resume to go on with it, "
        in (done.stderr)
    )
    assert "or --overwrite to start anew" in done.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            ["--resume", "--overwrite"],
            "--resume keeps what is finished and --overwrite replaces it; received both. Give one.",
        ),
        (["--resume"], "--resume needs the records of finished pieces"),
    ],
)
@pytest.mark.slow
def test_resume_asks_for_what_it_needs(given, tmp_path, options, said):
    out = tmp_path / "run"
    out.mkdir()
    (out / "results.csv").write_text("{}")
    (out / "config.json").write_text('{"status": "finished", "settings": {}, "versions": {"ensemblekit": "0"}}')
    done = ctscan(given, out, *options)
    assert done.returncode == 1
    assert said in done.stderr
    assert (out / "results.csv").read_text() == "{}"


def test_resume_needs_a_folder(given):
    done = subprocess.run([sys.executable, str(CTSCAN), "--resume"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert done.stderr == (
        "ctscan: --resume goes on with the run in a folder; received no folder. Give it with --out.\n"
    )


def test_two_runs_in_one_folder(given, copy):
    with output.hold(copy):
        done = ctscan(given, copy, "--resume")
    assert done.returncode == 1
    assert done.stderr == (
        f"ctscan: --out must be one run's alone; another is at work in '{copy}' (process {os.getpid()}). Wait for its "
        "end, or choose another.\n"
    )


# No room.


def small_files():
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, 30_000))


@pytest.mark.slow
@pytest.mark.long
def test_where_a_model_finds_no_room_the_error_is_one_line_and_resume_goes_on(given, unbroken, copy):
    (copy / "pieces" / "second_model.json").unlink()
    (copy / "second_model.keras").unlink()
    done = ctscan(given, copy, "--resume", preexec_fn=small_files)
    assert done.returncode == 1
    assert done.stderr.startswith(f"ctscan: 'second_model' must be written to '{copy}', and cannot be: "), done.stderr
    assert "What was finished before is kept; give the folder room and rights, and --resume goes on" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not list(copy.rglob(".*"))
    assert not (copy / "second_model.keras").exists()
    assert_whole(copy)
    done = ctscan(given, copy, "--resume")
    assert done.returncode == 0, done.stderr
    assert_same(copy, unbroken[0])


@pytest.fixture
def disk(tmp_path):
    """A file system of 200 kB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=200k", "none", str(folder)], capture_output=True, text=True
    )
    if done.returncode:
        pytest.skip(f"needs the right to mount: {done.stderr.strip()}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.slow
def test_a_full_disk(given, disk):
    out = disk / "run"
    done = ctscan([*given, "--bank", disk.parent / "bank"], out)
    assert done.returncode == 1
    assert (
        done.stderr.startswith("ctscan: 'first_model' must be written to ") or "No space left on device" in done.stderr
    )
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert not list(out.rglob(".*"))
    assert_whole(out)


@pytest.mark.slow
def test_a_read_only_folder(given, disk):
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    done = ctscan(given, disk / "run")
    assert done.returncode == 1
    assert done.stderr.startswith(f"ctscan: the results must be written to '{disk / 'run'}', and cannot be: Read-only")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.slow
@pytest.mark.long
def test_repeats_are_pieces_too(given, unbroken, copy):
    done = ctscan(given, copy, "--resume", "--repeats", "2")
    assert done.returncode == 0, done.stderr
    assert (copy / "results.csv").read_bytes() == (unbroken[0] / "results.csv").read_bytes()
    assert {p.name for p in (copy / "repeats" / "1" / "predictions").iterdir()} == {
        p.name for p in (copy / "predictions").iterdir()
    }
    assert len(pd.read_csv(copy / "repeats.csv")) == 60
    other = copy.parent / "seed1"
    alone = ctscan(given, other, "--seed", "1")
    assert alone.returncode == 0, alone.stderr
    for path in (other / "predictions").iterdir():
        assert path.read_bytes() == (copy / "repeats" / "1" / "predictions" / path.name).read_bytes(), path.name
