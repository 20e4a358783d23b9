"""Images that are none, runs that are cut off, folders that change: nothing is lost, and nothing in silence."""

import os
import shutil
import signal
import subprocess
import sys
import time

import pytest
from PIL import Image
from typer.testing import CliRunner

from ensemblekit import Predictions, predict_images
from ensemblekit.cli import app
from ensemblekit.errors import DataError, ImageReadingWarning, OutputExistsError, UnreadableImageError
from ensemblekit.files import Folder
from ensemblekit.predicting import _run
from ensemblekit.predicting._checkpoints import Checkpoints
from tests.pets import draw_pets, make_models

pytest.importorskip("keras")
pytestmark = pytest.mark.keras


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return make_models(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    return draw_pets(tmp_path_factory.mktemp("data") / "pets")


@pytest.fixture(autouse=True)
def few_a_part(monkeypatch):
    monkeypatch.setattr(_run, "PART", 4)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:files in:ensemblekit.errors.ImageReadingWarning")
def test_unreadable_and_other_files_are_told_and_not_lost(made, images, tmp_path):
    data = tmp_path / "test"
    shutil.copytree(images / "test", data)
    (data / "cat" / "1 ü.png").write_bytes((data / "cat" / "1 ü.png").read_bytes()[:60])
    (data / "dog" / "9.jpg").write_text("no image")
    (data / "notes.txt").write_text("no image")
    for k in range(5):
        (data / "owl" / f"{k} ü.png").write_text("a whole part that cannot be read")
    with pytest.warns(ImageReadingWarning, match="1 is none, and left out: 'test/notes.txt'"):
        done = predict_images(made[0] / "m.keras", data, tmp_path / "p.parquet", batch_size=2)
    lost = {"test/cat/1 ü.png", "test/dog/9.jpg", *(f"test/owl/{k} ü.png" for k in range(5))}
    assert set(done.unreadable) == lost
    assert (done.n_images, done.n_others) == (9, 1)
    assert len(Predictions.load(tmp_path / "p.parquet")) == 9
    listed = (tmp_path / "p.unreadable.csv").read_text().splitlines()
    assert listed[0] == "id,reason"
    assert len(listed) == 8
    shutil.rmtree(data / "cat")
    shutil.rmtree(data / "dog")
    with pytest.raises(DataError, match="at least one readable image; all 5 cannot be read: see"):
        predict_images(made[0] / "m.keras", data, tmp_path / "q.parquet")
    assert len((tmp_path / "q.unreadable.csv").read_text().splitlines()) == 6
    with pytest.raises(OutputExistsError, match=r"q\.unreadable\.csv' is there already"):
        predict_images(made[0] / "m.keras", images, tmp_path / "q.parquet")
    predict_images(made[0] / "m.keras", images, tmp_path / "q.parquet", overwrite=True)
    assert not (tmp_path / "q.unreadable.csv").exists()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:files in:ensemblekit.errors.ImageReadingWarning")
def test_odd_files_neither_stop_a_run_nor_are_lost(made, images, tmp_path, monkeypatch):
    data = tmp_path / "test"
    shutil.copytree(images / "test", data)
    (data / "cat" / "gone.png").symlink_to("nowhere")
    (data / "cat" / "again").symlink_to(data)
    (data / "cat" / "empty.png").write_bytes(b"")
    os.mkfifo(data / "cat" / "pipe.png")
    (data / "cat" / "folder.png").mkdir()
    Image.new("1", (9500, 9500)).save(data / "dog" / "large.png")  # of which Pillow warns
    monkeypatch.setenv("ENSEMBLEKIT_MAX_BYTES", str(2**31))
    done = predict_images(made[0] / "m.keras", data, tmp_path / "p.parquet")
    assert done.unreadable == {
        "test/cat/again": "no file, but a folder, a pipe, a socket or a device",
        "test/cat/empty.png": "it is empty",
        "test/cat/gone.png": "No such file or directory",
        "test/cat/pipe.png": "no file, but a folder, a pipe, a socket or a device",
    }
    assert done.n_images == 16


def test_any_error_of_a_decoder_is_told_as_one_of_that_image(made, images, tmp_path, monkeypatch):
    read = _run.read_sized

    def odd(path, size, reader):
        if path.parent.name == "owl":
            raise UnreadableImageError("a decoder of others")
        return read(path, size, reader)

    monkeypatch.setattr(_run, "read_sized", odd)
    done = predict_images(made[0] / "m.keras", images / "test", tmp_path / "p.parquet")
    assert set(done.unreadable.values()) == {"a decoder of others"}
    assert (done.n_images, len(done.unreadable)) == (10, 5)


SLOW = """
import sys, time
import numpy as np, keras
from ensemblekit.predicting import _run, open_model, predict_images
_run.PART = 4
model = open_model(sys.argv[1])
whole = model._run
def slow(x):
    print("batch", flush=True); time.sleep(0.15); return whole(x)
model._run = slow
predict_images(model, sys.argv[2], sys.argv[3], batch_size=2, resume=True)
"""


@pytest.mark.slow
def test_a_run_that_is_killed_goes_on_where_it_was(made, images, tmp_path):
    expected = tmp_path / "expected.parquet"
    predict_images(made[0] / "m.keras", images, expected, batch_size=2)
    out = tmp_path / "p.parquet"
    command = [sys.executable, "-c", SLOW, str(made[0] / "m.keras"), str(images), str(out)]
    batches = []
    for kills in range(3):
        n = 0
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            for _ in process.stdout:
                n += 1
                if kills < 2 and n == 5:
                    time.sleep(0.02 * kills)
                    os.kill(process.pid, signal.SIGKILL)
        batches.append(n)
        if kills < 2:
            assert process.returncode == -signal.SIGKILL
            assert not out.exists()
    assert process.returncode == 0
    assert batches[:2] == [5, 5]
    assert sum(batches) < 5 + 5 + 11  # 11 batches whole: finished parts were not predicted again
    assert out.read_bytes() == expected.read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["expected.parquet", "p.parquet"]


@pytest.mark.slow
def test_another_run_is_not_taken_for_the_one_that_was_cut_off(made, images, tmp_path, monkeypatch):
    data, out = tmp_path / "pets", tmp_path / "p.parquet"
    shutil.copytree(images, data)

    def stop(done, total):
        if done >= 8:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        predict_images(made[0] / "m.keras", data, out, progress=stop)
    with pytest.raises(OutputExistsError, match=r"'p\.parquet' was cut off\. --resume"):
        predict_images(made[0] / "m.keras", data, out)
    with pytest.raises(DataError, match="members changed since"):
        predict_images(made[0] / "m.keras", data, out, resume=True, members=True)
    with pytest.raises(DataError, match="model changed since"):
        predict_images(made[0] / "m.onnx", data, out, resume=True)
    (data / "test" / "cat" / "new.png").write_bytes((data / "test" / "cat" / "0 ü.png").read_bytes())
    with pytest.raises(DataError, match="images changed since"):
        predict_images(made[0] / "m.keras", data, out, resume=True)
    (data / "test" / "cat" / "new.png").unlink()
    assert predict_images(made[0] / "m.keras", data, out, resume=True).n_images == 21
    with pytest.raises(OutputExistsError, match="is there already"):
        predict_images(made[0] / "m.keras", data, out)
    assert predict_images(made[0] / "m.keras", data, out, overwrite=True).n_images == 21


@pytest.mark.parametrize("end", ["between two outputs", "while parts are removed"])
@pytest.mark.slow
def test_a_run_that_is_cut_off_as_it_ends_is_finished(made, images, tmp_path, monkeypatch, end):
    model = made[0] / "m.keras"
    predict_images(model, images, tmp_path / "expected.parquet", members=True)
    out = tmp_path / "p.parquet"
    with monkeypatch.context() as patch:
        if end == "between two outputs":
            whole = Checkpoints._join_one

            def join(self, path, files, n_rows):
                if path != out:
                    raise KeyboardInterrupt
                whole(self, path, files, n_rows)

            patch.setattr(Checkpoints, "_join_one", join)
        else:
            remove = Folder.remove

            def stop(self, name):
                remove(self, name)
                if name == "0000000.json":
                    raise KeyboardInterrupt

            patch.setattr(Folder, "remove", stop)
        with pytest.raises(KeyboardInterrupt):
            predict_images(model, images, out, members=True)
    assert out.exists()
    if end == "between two outputs":
        predict_images(model, images, out, members=True, resume=True)
    else:
        with pytest.raises(OutputExistsError, match=r"p\.parquet' is there already"):
            predict_images(model, images, out, members=True, resume=True)
    for name in ("", ".a", ".b%20c"):
        one, other = (tmp_path / f"{stem}{name}.parquet" for stem in ("p", "expected"))
        assert one.read_bytes() == other.read_bytes()


def test_images_that_come_meanwhile_are_noticed(made, images, tmp_path):
    shutil.copytree(images / "test", tmp_path / "test")

    def add(done, total):
        shutil.copy(images / "test" / "cat" / "0 ü.png", tmp_path / "test" / "owl" / "9.png")

    with pytest.raises(DataError, match="some came or went meanwhile"):
        predict_images(made[0] / "m.keras", tmp_path / "test", tmp_path / "p.parquet", progress=add)
    assert not (tmp_path / "p.parquet").exists()
    with pytest.raises(DataError, match="images changed since"):
        predict_images(made[0] / "m.keras", tmp_path / "test", tmp_path / "p.parquet", resume=True)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such a name")
@pytest.mark.parametrize("listed", [False, True])
def test_a_name_that_is_no_unicode_is_told_and_the_rest_is_predicted(listed, made, images, tmp_path):
    data = tmp_path / "test"
    shutil.copytree(images / "test", data)
    shutil.copy(images / "test" / "cat" / "0 ü.png", os.fsencode(data) + b"/cat/\xff.png")
    lines = [os.fsencode(path.relative_to(tmp_path)) for path in sorted(data.rglob("*.png"))]
    (tmp_path / "list.txt").write_bytes(b"\n".join([*lines, b"test/a\0b.png"] if listed else lines))
    done = predict_images(made[0] / "m.keras", tmp_path / "list.txt" if listed else data, tmp_path / "p.parquet")
    reason = "its name is no valid Unicode, and cannot be an id; rename it"
    names = ["test/cat/\\udcff.png", *(["test/a\0b.png"] if listed else [])]
    assert done.unreadable == dict.fromkeys(names, reason)
    assert done.n_images == 15 == len(Predictions.load(tmp_path / "p.parquet"))
    assert names[0] in (tmp_path / "p.unreadable.csv").read_text()


@pytest.mark.slow
def test_the_command_says_how_to_go_on_when_it_is_stopped(made, images, tmp_path, monkeypatch):
    def stop(*arguments):
        raise KeyboardInterrupt

    command = ["predict", str(made[0] / "m.keras"), str(images), "-o", str(tmp_path / "p.parquet"), "--resume"]
    with monkeypatch.context() as patch:
        patch.setattr(Checkpoints, "join", stop)
        done = CliRunner().invoke(app, command)
    assert done.exit_code == 130
    assert "Stopped. --resume goes on where it was." in done.stderr
    monkeypatch.setattr(_run._Run, "predict", stop)  # every part is finished
    assert CliRunner().invoke(app, command).exit_code == 0
    assert len(Predictions.load(tmp_path / "p.parquet")) == 21


@pytest.mark.slow
def test_two_runs_do_not_write_to_one_output(made, images, tmp_path):
    expected, out = tmp_path / "expected.parquet", tmp_path / "p.parquet"
    predict_images(made[0] / "m.keras", images, expected, batch_size=2)
    command = [sys.executable, "-c", SLOW, str(made[0] / "m.keras"), str(images), str(out)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        process.stdout.readline()
        process.send_signal(signal.SIGSTOP)
        for options in ({}, {"resume": True}, {"overwrite": True}):
            with pytest.raises(OutputExistsError, match=r"another is at work on '.*p\.parquet'\. Wait for its end"):
                predict_images(made[0] / "m.keras", images, out, **options)
        process.send_signal(signal.SIGCONT)
        process.communicate(timeout=60)
    assert process.returncode == 0
    assert out.read_bytes() == expected.read_bytes()
    with pytest.raises(OutputExistsError, match="is there already"):
        predict_images(made[0] / "m.keras", images, out)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["expected.parquet", "p.parquet"]
