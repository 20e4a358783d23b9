"""The bank of features: nothing half written is read, nothing damaged is used, and what is lost is computed again."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest

from ensemblekit import AffineViews, FeatureBank, InvalidOptionError, extract_features
from ensemblekit.errors import DataError, FeatureBankWarning
from ensemblekit.features import _collection
from ensemblekit.features._bank_folder import evict
from ensemblekit.features._segment import read_segment
from ensemblekit.files._staging import staging_folder
from tests.plain_backbone import PlainBackbone, make_images
from tests.strangers import REPO, environment

IMAGES = make_images(60)
EXPECTED = extract_features(PlainBackbone(), IMAGES)

WORKER = """
import resource, sys
import numpy as np
from ensemblekit import FeatureBank, extract_features
from ensemblekit.features import _pipeline
from tests.plain_backbone import PlainBackbone, make_images
_pipeline.FLUSH_SECONDS = 0
folder, seconds, limit = sys.argv[1], float(sys.argv[2]), int(sys.argv[3])
if limit:
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
print("ready", flush=True)
backbone = PlainBackbone(seconds=seconds)
features = extract_features(backbone, make_images(60), bank=FeatureBank(folder), batch_size=4)
print(len(backbone.batches), repr(float(np.float64(features).sum())), flush=True)
"""
"""Extracts in a process: where, how slow a batch is, how large a file may become. Tells how many batches it took."""


def start(folder, *, seconds=0.0, limit=0, **options):
    command = [sys.executable, "-c", WORKER, folder, str(seconds), str(limit)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, env=environment(REPO), **pipes, **options)


def finish(process):
    """Wait for a process; return its batches, whether its features were right, and what it complained of."""
    out, complaints = process.communicate(timeout=60)
    assert process.returncode == 0, complaints
    batches, total = out.split()[1:]
    return int(batches), float(total) == pytest.approx(float(np.float64(EXPECTED).sum())), complaints


def segments(folder):
    return sorted(path for path in Path(folder).glob("*/*.features") if not path.name.startswith("."))


def rows(folder):
    """Count the rows of what is kept, each read and verified."""
    kept = [read_segment(path) for path in segments(folder)]
    for segment in kept:
        segment.verify()
    return len({key for segment in kept for key in segment.keys.tolist()})


@pytest.fixture
def filled(tmp_path):
    """A bank with the features of all images in one segment."""
    bank = FeatureBank(tmp_path / "bank")
    extract_features(PlainBackbone(), IMAGES, bank=bank)
    (path,) = segments(bank.folder)
    return bank, path


# Several processes.


@pytest.mark.slow
def test_of_two_processes_one_computes_and_the_other_reads(tmp_path):
    both = [start(tmp_path, seconds=0.03) for _ in range(2)]
    done = [finish(process) for process in both]
    assert sorted(batches for batches, _, _ in done) == [0, 15]
    assert all(right for _, right, _ in done)
    assert rows(tmp_path) == 60
    assert len(segments(tmp_path)) == 1


MOMENTS = [0.0, 0.15, 0.4, *(pytest.param(m, marks=pytest.mark.slow) for m in np.random.default_rng(0).random(8))]


@pytest.mark.parametrize("after", MOMENTS)
@pytest.mark.slow
def test_a_process_that_is_killed_leaves_whole_files_and_loses_a_batch_at_most(tmp_path, after):
    process = start(tmp_path, seconds=0.03)
    process.stdout.readline()
    time.sleep(after)
    before = len(segments(tmp_path))
    process.send_signal(signal.SIGKILL)
    process.communicate()
    kept = rows(tmp_path)
    assert kept % 4 == 0
    assert kept >= 4 * before or kept == 60
    batches, right, complaints = finish(start(tmp_path))
    assert (batches, right, complaints) == ((60 - kept) // 4, True, "")
    assert rows(tmp_path) == 60
    assert [p.name for p in next(tmp_path.iterdir()).iterdir() if p.name.startswith(".")] == [".lock"]


def test_a_process_that_finds_all_rows_removes_what_a_killed_one_left(filled):
    bank, path = filled
    with staging_folder(path) as staging:
        shutil.copyfile(path, staging / "new.features")
        left = staging.with_name("left")
        shutil.copytree(staging, left)
        extract_features(PlainBackbone(), IMAGES, bank=bank)
        assert (staging / "new.features").exists(), "a process at work has its folder locked"
    left.rename(staging)
    extract_features(PlainBackbone(), IMAGES, bank=bank)
    assert not staging.exists()
    assert segments(bank.folder) == [path]


def has_open(process, name):
    """Tell whether a process has a file of that name open; Linux lists them."""
    targets = []
    for link in Path(f"/proc/{process.pid}/fd").glob("*"):
        with contextlib.suppress(OSError):  # closed meanwhile
            targets.append(link.readlink())
    return any(target.name == name for target in targets)


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="this system does not list the open files of a process")
@pytest.mark.slow
def test_who_waits_for_a_process_that_is_killed_goes_on_from_there(tmp_path):
    first = start(tmp_path, seconds=0.5)
    while not segments(tmp_path):
        time.sleep(0.005)
    second = start(tmp_path)
    while not has_open(second, ".lock"):
        assert second.poll() is None, second.communicate()
        time.sleep(0.005)
    first.kill()
    first.communicate()
    out, complaints = second.communicate(timeout=60)
    _, batches, _ = out.split()
    assert (second.returncode, complaints) == (0, "")
    assert 0 < int(batches) < 15
    assert rows(tmp_path) == 60


def test_a_bank_that_is_cleared_at_work_is_filled_again(tmp_path):
    process = start(tmp_path, seconds=0.03)
    while not segments(tmp_path):
        time.sleep(0.005)
    FeatureBank(tmp_path).clear()
    _, right, complaints = finish(process)
    assert (right, complaints) == (True, "")
    assert rows(tmp_path) == 60


def test_what_was_computed_before_an_error_is_kept(tmp_path):
    class Failing(PlainBackbone):
        def build(self, input_shape):
            model = super().build(input_shape)
            predict, batches = model.predict_on_batch, self.batches

            def fail_at_the_third(images):
                if len(batches) == 2:
                    raise KeyboardInterrupt
                return predict(images)

            model.predict_on_batch = fail_at_the_third
            return model

    with pytest.raises(KeyboardInterrupt):
        extract_features(Failing(), IMAGES, bank=FeatureBank(tmp_path), batch_size=8)
    assert rows(tmp_path) == 16
    backbone = PlainBackbone()
    np.testing.assert_array_equal(extract_features(backbone, IMAGES, bank=FeatureBank(tmp_path)), EXPECTED)
    assert backbone.batches == [32, 32]  # 44 images, the second batch filled up


# Damage.


def flip(path, at):
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (lambda path: flip(path, -1), "its features do not match their checksum"),
        (lambda path: flip(path, 70), "its keys do not match their checksum"),
        (lambda path: flip(path, 0), "its header is not one of this version"),
        (lambda path: flip(path, 16), "it must have 2064 bytes and has 1984"),
        (lambda path: os.truncate(path, 1500), "bytes and has 1500"),
        (lambda path: os.truncate(path, 10), "it ends within its header"),
        (lambda path: os.truncate(path, 0), "it ends within its header"),
        (lambda path: path.write_bytes(path.read_bytes() + b"x"), "bytes and has 1985"),
    ],
    ids=["features", "keys", "magic", "rows", "truncated", "header", "empty", "longer"],
)
def test_a_damaged_file_is_told_removed_and_computed_again(filled, damage, why):
    bank, path = filled
    damage(path)
    backbone = PlainBackbone()
    with pytest.warns(FeatureBankWarning, match=f"must be as it was written; .*{path.name}.* is not: .*({why})"):
        features = extract_features(backbone, IMAGES, bank=bank)
    np.testing.assert_array_equal(features, EXPECTED)
    assert sum(backbone.batches) == 64
    again = PlainBackbone()
    np.testing.assert_array_equal(extract_features(again, IMAGES, bank=bank), EXPECTED)
    assert again.batches == []


def test_damage_that_cannot_be_removed_is_told_once(shared_folder):
    bank = FeatureBank(shared_folder / "bank")
    extract_features(PlainBackbone(), IMAGES[:20], bank=bank)
    (path,) = segments(bank.folder)
    flip(path, -1)
    for folder in (path.parent, bank.folder):
        folder.chmod(0o555)
    path.chmod(0o444)
    worker = start_reader(bank.folder, "20")
    out, complaints = worker.communicate(timeout=60)
    assert worker.returncode == 0, complaints
    assert out.split() == ["20"]
    assert complaints.count("must be as it was written") == 1


# Where nothing can be written.


def test_on_a_full_disk_features_are_given_and_not_kept(tmp_path):
    batches, right, complaints = finish(start(tmp_path, limit=1000))
    assert (batches, right) == (15, True)
    assert complaints.count("FeatureBankWarning") == 1
    assert "features must be computed again next time, as they are not kept: the bank" in complaints
    assert "cannot be written: [Errno 27] File too large. Free space there" in complaints
    kept = rows(tmp_path)
    assert kept == 60 - 4 * finish(start(tmp_path))[0]
    assert not list(tmp_path.glob("*/.*.features"))


@pytest.fixture
def shared_folder():
    """A folder that another user may enter."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o777)
    yield folder
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o777)
    shutil.rmtree(folder)


def test_a_read_only_bank_is_read_and_nothing_is_kept_there(shared_folder):
    bank = FeatureBank(shared_folder / "bank")
    extract_features(PlainBackbone(), IMAGES[:20], bank=bank)
    for path in [*bank.folder.rglob("*"), bank.folder]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    before = sorted(bank.folder.rglob("*"))
    for limit in ("60", "20"):
        worker = start_reader(bank.folder, limit)
        out, complaints = worker.communicate(timeout=60)
        assert worker.returncode == 0, complaints
        assert out.split() == ["40" if limit == "60" else "0"]
        assert complaints.count("FeatureBankWarning") == (1 if limit == "60" else 0)
        assert limit == "20" or "cannot be written: [Errno 13] Permission denied" in complaints
    assert sorted(bank.folder.rglob("*")) == before


def test_a_bank_that_cannot_be_written_cannot_be_cleared(shared_folder):
    bank = FeatureBank(shared_folder / "bank")
    extract_features(PlainBackbone(), IMAGES, bank=bank)
    for path in [*bank.folder.iterdir(), bank.folder]:
        path.chmod(0o555)
    code = "import os, sys; from ensemblekit import FeatureBank; from ensemblekit.errors import DataError\n"
    code += "if os.geteuid() == 0: os.setuid(65534)\n"
    code += "try: FeatureBank(sys.argv[1]).clear()\nexcept DataError as error: print(error)"
    command = [sys.executable, "-c", code, bank.folder]
    done = subprocess.run(command, env=environment(REPO), capture_output=True, text=True, check=True)
    assert done.stdout.startswith("a feature bank must be writable to be cleared; this one is not: [Errno 13]")
    assert rows(bank.folder) == 60


def start_reader(folder, n):
    code = (
        "import mmap, os, sys; from ensemblekit import FeatureBank, extract_features\n"
        "from tests.plain_backbone import PlainBackbone, make_images\n"
        "images = make_images(60)[: int(sys.argv[2])]\n"
        "expected, backbone = extract_features(PlainBackbone(), images), PlainBackbone()\n"
        "if os.geteuid() == 0: os.setuid(65534)  # to root every folder is writable\n"
        "features = extract_features(backbone, images, bank=FeatureBank(sys.argv[1]), batch_size=4)\n"
        "assert abs(features - expected).max() < 1e-6\n"
        "print(sum(backbone.batches))\n"
    )
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    command = [sys.executable, "-c", code, folder, n]
    return subprocess.Popen(command, env=environment(REPO), **pipes)


def test_a_bank_where_no_folder_can_be_made_keeps_nothing(tmp_path):
    (tmp_path / "file").touch()
    bank = FeatureBank(tmp_path / "file" / "bank")
    with pytest.warns(FeatureBankWarning, match=r"as they are not kept: the bank '.*bank' cannot be written: ") as told:
        features = extract_features(PlainBackbone(), IMAGES, bank=bank, batch_size=4)
    assert len(told) == 1
    np.testing.assert_array_equal(features, EXPECTED)


# Size.


def test_what_was_used_longest_ago_makes_room(tmp_path):
    bank = FeatureBank(tmp_path, max_bytes=3 * 600)
    parts = [IMAGES[start : start + 15] for start in range(0, 60, 15)]

    def missing(part):
        backbone = PlainBackbone()
        features = extract_features(backbone, part, bank=bank)
        assert bank.n_bytes <= bank.max_bytes
        return features, bool(backbone.batches)

    first, _ = missing(parts[0])
    mapped, _ = missing(parts[0])
    assert isinstance(mapped, np.memmap)
    assert [missing(part)[1] for part in (parts[1], parts[2], parts[0], parts[3])] == [True, True, False, True]
    assert [missing(part)[1] for part in (parts[0], parts[2], parts[3])] == [False, False, False]
    assert missing(parts[1])[1]
    bank.clear()
    np.testing.assert_array_equal(mapped, first)  # a map of a file that is gone


def test_what_is_larger_than_the_bank_is_not_kept(tmp_path):
    bank = FeatureBank(tmp_path, max_bytes=100)
    with pytest.warns(FeatureBankWarning, match=r"they take 1984 bytes, and the bank .* may hold 100\. Give FeatureB"):
        features = extract_features(PlainBackbone(), IMAGES, bank=bank)
    np.testing.assert_array_equal(features, EXPECTED)
    assert bank.n_bytes == 0


def test_many_small_pieces_become_few(tmp_path):
    bank = FeatureBank(tmp_path)
    images = make_images(100)
    for row in range(100):
        extract_features(PlainBackbone(), images[row : row + 1], bank=bank)
    assert len(segments(tmp_path)) <= _collection.MOST_SEGMENTS
    assert rows(tmp_path) == 100
    backbone = PlainBackbone()
    features = extract_features(backbone, images, bank=bank)
    assert backbone.batches == []
    np.testing.assert_allclose(features, extract_features(PlainBackbone(), images), rtol=1e-6)


def test_what_is_in_a_larger_piece_is_not_kept_twice(tmp_path):
    bank = FeatureBank(tmp_path)
    extract_features(PlainBackbone(), IMAGES[:40], bank=bank)
    extract_features(PlainBackbone(), IMAGES, bank=bank)
    assert len(segments(tmp_path)) == 1
    extract_features(PlainBackbone(), make_images(61), bank=bank)  # one more: it is kept alone
    assert [read_segment(path).features.shape[0] for path in segments(tmp_path)] in ([1, 60], [60, 1])


# What is there.


def test_a_bank_says_what_it_holds_and_is_cleared(tmp_path):
    bank = FeatureBank(tmp_path)
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "folder").mkdir()
    extract_features(PlainBackbone(), IMAGES, bank=bank)
    extract_features(PlainBackbone(), IMAGES[:5], augmentation=AffineViews(), n_views=3, bank=bank)
    views, plain = bank.collections()
    assert (views.backbone, views.fingerprint, views.input_shape) == ("plain", "plain", (8, 8, 3))
    assert (views.rows, views.columns, views.augmentation) == (15, 4, repr(AffineViews()))
    assert (plain.rows, plain.augmentation, plain.precision) == (60, None, "float32")
    assert time.time() - 60 < plain.last_used < views.last_used <= time.time()
    assert bank.n_bytes == views.n_bytes + plain.n_bytes == sum(path.stat().st_size for path in segments(tmp_path))
    about = json.loads((plain.folder / "shelf.json").read_text())
    assert (about["backbone"], about["input_shape"]) == ("plain", [8, 8, 3])
    assert bank.clear() == views.n_bytes + plain.n_bytes
    assert (bank.collections(), bank.n_bytes, bank.clear()) == ([], 0, 0)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder", "notes.txt"]


ABOUT = {"fingerprint": "f", "input_shape": [8, 8, 3], "precision": "float32", "augmentation_fingerprint": None}
NOTES = [
    "",
    "{}",
    "[]",
    "null",
    "{",
    "[" * 10**5,
    '{"format": 1}',
    json.dumps(ABOUT),
    json.dumps(ABOUT | {"format": 1}),
]


@pytest.mark.parametrize("name", ["thesis", "0" * 32])
@pytest.mark.parametrize("note", [None, *NOTES])
def test_a_folder_in_a_bank_that_is_not_its_own_is_left_as_it_is(name, note, tmp_path):
    bank = FeatureBank(tmp_path, max_bytes=10)
    (tmp_path / name).mkdir()
    for file in (".lock", "0" * 32 + ".features", "x.features", "thesis.tex"):
        (tmp_path / name / file).write_text("mine")
    if note is not None:
        (tmp_path / name / "shelf.json").write_text(note)
    before = {path: path.is_dir() or path.read_bytes() for path in tmp_path.rglob("*")}
    evict(bank.folder, bank.max_bytes)
    assert (bank.collections(), bank.n_bytes, bank.clear(), bank.others()) == ([], 0, 0, [name])
    assert {path: path.is_dir() or path.read_bytes() for path in tmp_path.rglob("*")} == before


@pytest.mark.parametrize("what", ["a link to a shelf", "a folder of a user", "a file"])
def test_what_is_where_a_shelf_would_be_is_left_as_it_is(what, tmp_path):
    bank = FeatureBank(tmp_path / "bank")
    extract_features(PlainBackbone(), IMAGES[:5], bank=bank)
    (shelf,) = bank.collections()
    elsewhere = tmp_path / "mine"
    shelf.folder.rename(elsewhere)
    if what == "a link to a shelf":
        shelf.folder.symlink_to(elsewhere)
    elif what == "a file":
        shelf.folder.write_text("mine")
    else:
        (elsewhere / "shelf.json").write_text("{}")
        elsewhere.rename(shelf.folder)
    before = {path: path.is_dir() or path.read_bytes() for path in tmp_path.rglob("*")}
    with pytest.warns(FeatureBankWarning, match="as they are not kept: the bank '.*bank' cannot be written"):
        features = extract_features(PlainBackbone(), IMAGES[:5], bank=bank)
    np.testing.assert_array_equal(features, EXPECTED[:5])
    assert (bank.clear(), bank.others()) == (0, [shelf.folder.name])
    assert {path: path.is_dir() or path.read_bytes() for path in tmp_path.rglob("*")} == before


def test_a_file_of_a_user_in_a_shelf_stays_when_the_bank_is_cleared(tmp_path):
    bank = FeatureBank(tmp_path)
    extract_features(PlainBackbone(), IMAGES[:5], bank=bank)
    (shelf,) = bank.collections()
    (shelf.folder / "x.features").write_text("mine")
    extract_features(PlainBackbone(), IMAGES[:9], bank=bank)
    n_bytes = bank.n_bytes
    assert bank.clear() == n_bytes > 0
    assert [(path.name, path.read_text()) for path in shelf.folder.iterdir()] == [("x.features", "mine")]
    assert bank.others() == [shelf.folder.name]


@pytest.mark.parametrize(
    ("variables", "folder"),
    [
        ({"ENSEMBLEKIT_CACHE": "/a", "XDG_CACHE_HOME": "/b"}, "/a/ensemblekit/features"),
        ({"ENSEMBLEKIT_CACHE": "", "XDG_CACHE_HOME": "/b"}, "/b/ensemblekit/features"),
        ({"HOME": "/home/someone"}, "/home/someone/.cache/ensemblekit/features"),
    ],
)
def test_a_bank_is_in_the_cache_of_the_user(variables, folder, monkeypatch):
    for name in ("ENSEMBLEKIT_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "platform", "linux")
    assert FeatureBank().folder == Path(folder)


def test_options_of_a_bank_are_checked(tmp_path):
    for wrong in (0, -1, 1.5, True, "2 GB"):
        with pytest.raises(InvalidOptionError, match="max_bytes must be a whole number > 0; received"):
            FeatureBank(tmp_path, max_bytes=wrong)
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match=r"a feature bank must be a folder; '.*file' is a file\. Choose another"):
        FeatureBank(tmp_path / "file")
    assert repr(FeatureBank("bank", max_bytes=7)) == "FeatureBank('bank', max_bytes=7)"
