"""The embedded images: the same everywhere, laid out as the real set is, and whole or not there at all."""

import hashlib
import multiprocessing
import os
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from platformdirs.macos import MacOS
from platformdirs.unix import Unix

from benchmarks.phantoms import default_folder, drawing, make_phantoms, making
from benchmarks.phantoms.drawing import CLASSES, Phantom, draw, draw_mass
from benchmarks.phantoms.making import plan
from ensemblekit.errors import DataError, MissingDependencyError, OutputExistsError

Image = pytest.importorskip("PIL.Image")

ROOT = Path(__file__).resolve().parents[2]
REAL = Path(os.environ.get("ENSEMBLEKIT_DATA", ROOT.parent / "shared")) / "data" / "chest-ctscan"
FEW = {"train": dict.fromkeys(CLASSES, 1), "test": dict.fromkeys(CLASSES, 1)}
PIXELS = {2: "091c3bd2ca843ef4211169f182d384161a5520ccb4c99473ec6e391d5f79668c"}
"""Digest of the four first training images, by version of the drawing."""


def digest(drawn):
    whole = hashlib.sha256()
    for pixels in drawn:
        whole.update(repr(pixels.shape).encode() + pixels.tobytes())
    return whole.hexdigest()


def file_digests(folder):
    return {p.relative_to(folder).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.rglob("*.png")}


def make_few(folder):
    make_phantoms(folder, FEW)


@pytest.fixture(scope="module")
def few(tmp_path_factory):
    return make_phantoms(tmp_path_factory.mktemp("phantoms") / "set", FEW)


def test_a_name_is_drawn_the_same_twice_and_another_is_not():
    first, second = plan(FEW)[0], Phantom("train/normal/phantom-002.png", "normal")
    assert digest([draw(first)]) == digest([draw(first)])
    assert digest([draw(first)]) != digest([draw(second)])


def test_a_changed_drawing_has_another_version():
    found = digest(draw(phantom) for phantom in plan({"train": FEW["train"]}))
    assert PIXELS.get(making.VERSION) == found, "the drawing changed: raise VERSION, and store the new digest beside it"


def test_the_files_hold_what_is_drawn_whatever_else_is_in_the_set(few, tmp_path):
    for phantom in plan(FEW):
        with Image.open(few / phantom.name) as image:
            assert np.array_equal(np.asarray(image), draw(phantom)), phantom.name
    again = make_phantoms(tmp_path / "again", {"test": FEW["test"]})
    assert file_digests(again).items() <= file_digests(few).items()


def test_no_two_images_are_alike(few):
    digests = file_digests(few)
    assert len(set(digests.values())) == len(digests) == 8


def test_the_set_has_as_many_images_as_the_real_one():
    names = [phantom.name for phantom in plan()]
    assert len(set(names)) == 1000
    assert Counter(name.split("/")[0] for name in names) == {"train": 613, "valid": 72, "test": 315}
    by_class = Counter((name.split("/")[0], phantom.label) for name, phantom in zip(names, plan(), strict=True))
    assert [by_class["train", name] for name in CLASSES] == [195, 115, 148, 155]
    assert [by_class["valid", name] for name in CLASSES] == [23, 21, 13, 15]
    assert [by_class["test", name] for name in CLASSES] == [120, 51, 54, 90]


@pytest.mark.skipif(not REAL.is_dir(), reason="the real set is not in ENSEMBLEKIT_DATA/data/chest-ctscan")
def test_folders_and_counts_are_those_of_the_real_set():
    real = Counter(path.parent.relative_to(REAL).as_posix() for path in REAL.glob("*/*/*") if path.is_file())
    assert Counter(phantom.name.rpartition("/")[0] for phantom in plan()) == real


def test_test_has_plain_class_folders_and_the_others_staged_ones():
    for phantom in plan():
        split, folder, _ = phantom.name.split("/")
        assert folder.startswith(phantom.label), phantom
        assert (folder == phantom.label) == (split == "test" or phantom.label == "normal"), phantom


def test_modes_and_sizes_vary():
    drawn = [draw(phantom) for phantom in plan()[:1000:20]]
    modes = Counter(1 if pixels.ndim == 2 else pixels.shape[2] for pixels in drawn)
    assert set(modes) == {1, 3, 4}
    assert modes[4] > 0.8 * len(drawn) > modes[3] >= modes[1]
    assert len({pixels.shape[:2] for pixels in drawn}) > 40
    assert all((pixels[..., 3] == 255).all() for pixels in drawn if pixels.ndim == 3 and pixels.shape[2] == 4)
    assert all(np.ptp(pixels if pixels.ndim == 2 else pixels[..., 0]) > 100 for pixels in drawn)


@pytest.mark.parametrize("label", [name for name in CLASSES if name != "normal"])
def test_a_class_has_a_mass_that_is_seen(label, monkeypatch):
    chests = []

    def keep(picture, label, random):
        draw_mass(picture, label, random)
        chests.append(picture.hu.copy())

    monkeypatch.setattr(drawing, "draw_mass", keep)
    for number in range(5):
        for shown in ("normal", label):
            draw(Phantom(f"{label}-{number}", shown))
        without, with_mass = chests[-2:]
        # 0.4 % of the picture is a disc of 7 pixels across at 96 by 96.
        assert (np.abs(with_mass - without) > 200).mean() > 0.004, number


def test_a_complete_folder_is_not_drawn_again(few, monkeypatch):
    monkeypatch.setattr(making, "_draw_all", lambda *_: pytest.fail("drawn again"))
    assert make_phantoms(few, FEW) == few


def test_progress_counts_every_image(tmp_path):
    calls = []
    make_phantoms(tmp_path / "set", FEW, progress=lambda done, total: calls.append((done, total)))
    assert calls == [(done, 8) for done in range(1, 9)]


@pytest.mark.parametrize(
    "harm", ["no mark", "a mark of another version", "a broken mark", "a file lost", "a file more"]
)
def test_a_folder_that_is_not_whole_is_refused_and_left_alone(tmp_path, harm, monkeypatch):
    folder = make_phantoms(tmp_path / "set", FEW)
    some, mark = folder / plan(FEW)[0].name, folder / "phantoms.json"
    if harm == "no mark":
        mark.unlink()
    elif harm == "a mark of another version":
        mark.write_text('{"version": 0, "images": 8}')
    elif harm == "a broken mark":
        mark.write_text("{")
    elif harm == "a file lost":
        some.unlink()
    else:
        some.with_name("mine.png").write_bytes(b"")
    before = file_digests(folder)
    with pytest.raises(OutputExistsError, match=r"must be absent, empty or complete; '.*set' holds.*Delete it, or"):
        make_phantoms(folder, FEW)
    assert file_digests(folder) == before


def test_an_empty_folder_is_filled(tmp_path):
    (tmp_path / "set").mkdir()
    assert len(file_digests(make_phantoms(tmp_path / "set", FEW))) == 8


def test_an_interrupted_drawing_leaves_nothing(tmp_path):
    def interrupt(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make_phantoms(tmp_path / "cache" / "set", FEW, progress=interrupt)
    assert list((tmp_path / "cache").iterdir()) == []
    assert len(file_digests(make_phantoms(tmp_path / "cache" / "set", FEW))) == 8


def test_the_later_of_two_uses_what_the_earlier_made(tmp_path, few):
    folder = tmp_path / "set"

    def overtake(done, total):
        if done == total:
            (make_phantoms(folder, FEW) / "earlier").touch()

    assert make_phantoms(folder, FEW, progress=overtake) == folder
    assert (folder / "earlier").exists()
    assert file_digests(folder) == file_digests(few)
    assert list(tmp_path.iterdir()) == [folder]


def test_two_processes_at_once_make_one_folder(tmp_path, few):
    folder = tmp_path / "cache" / "set"
    spawn = multiprocessing.get_context("spawn")
    processes = [spawn.Process(target=make_few, args=(folder,)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0]
    assert file_digests(folder) == file_digests(few)
    assert list(folder.parent.iterdir()) == [folder]


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match=r"can be written; '.*set' is not: .*set ENSEMBLEKIT_CACHE"):
        make_phantoms(tmp_path / "file" / "set", FEW)


def test_without_pillow_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(MissingDependencyError, match=r'pip install "ensemblekit\[images\]"'):
        make_phantoms(tmp_path / "set")


@pytest.mark.parametrize(
    ("variables", "platform", "base"),
    [
        ({"ENSEMBLEKIT_CACHE": "/a", "XDG_CACHE_HOME": "/b"}, "linux", "/a"),
        ({"XDG_CACHE_HOME": "/b"}, "linux", "/b"),
        ({"ENSEMBLEKIT_CACHE": ""}, "linux", "/home/someone/.cache"),
        ({}, "darwin", "/home/someone/Library/Caches"),
    ],
)
def test_the_folder_is_in_the_cache_of_the_user_and_carries_the_version(variables, platform, base, monkeypatch):
    for name in ("ENSEMBLEKIT_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"HOME": "/home/someone", **variables}.items():
        monkeypatch.setenv(name, value)
    # platformdirs chooses its class when it is imported.
    monkeypatch.setattr("platformdirs.PlatformDirs", {"linux": Unix, "darwin": MacOS}[platform])
    assert default_folder() == Path(base) / "ensemblekit" / f"phantoms-{making.VERSION}"
    monkeypatch.setattr(making, "VERSION", 99)
    assert default_folder().name == "phantoms-99"
