"""Runs that are killed, at any event of the file system or any time: nothing is cut, nothing lost, nothing left."""

import functools
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
from pathlib import Path

import duckdb
import filelock
import numpy as np
import pandas as pd
import pyarrow.parquet
from PIL import Image

import ensemblekit.files._atomic
from ensemblekit import FeatureBank, Predictions, load_plugins, predict_images
from ensemblekit.errors import OutputExistsError
from ensemblekit.features._keys import row_keys
from ensemblekit.features._session import BankSession
from ensemblekit.predicting import Predictor, _run
from ensemblekit.scaling import combine_files
from ensemblekit.store import load, save

__all__ = ["case", "duckdb", "filelock", "pd", "pyarrow"]  # these are only to be there before a fork

EVENTS = ("open", "os.", "shutil.", "fcntl.", "tempfile.")
N = 40
ABOUT = {
    "backbone": "plain", "fingerprint": "f", "input_shape": [8, 8, 3], "precision": "float32", "augmentation": None,
    "augmentation_fingerprint": None,
}  # fmt: skip


def predictions(seed, order=slice(None)):
    probas = np.random.default_rng(seed).dirichlet([1, 1], N)
    return Predictions(probas[order], ids=np.arange(N)[order], classes=["cat", "dog"], member=f"m{seed}")


class Scenario:
    """Something that is written; the state before is ``old``, after is ``new``."""

    def __init__(self, root):
        self.root = root

    def prepare(self):
        """Write what is there before."""

    def work(self):
        """Write."""

    def state(self):
        """Tell what is there: ``old``, ``new``, or what is wrong."""

    names = ()


class Saved(Scenario):
    """A saved rule that is replaced."""

    names = ("saved",)

    def rule(self, weight):
        rule = load_plugins().create_combiner("weighted", weights={"a": weight, "b": 1.0})
        rule.more_ = np.full(100, weight)
        return rule

    def prepare(self):
        save(self.rule(2.0), self.root / "saved")

    def work(self):
        save(self.rule(3.0), self.root / "saved", overwrite=True)

    def state(self):
        rule = load(self.root / "saved")
        assert set(rule.more_) == {rule.weights["a"]}
        return {2.0: "old", 3.0: "new"}[rule.weights["a"]]


class SavedInTwoSteps(Saved):
    """The same where the file system cannot exchange two names."""

    def work(self):
        ensemblekit.files._atomic.ctypes.CDLL = lambda name: None
        super().work()

    def state(self):
        # Between the steps the name is free, and what was there is kept for the next run.
        if (self.root / "saved").exists():
            return super().state()
        (place,) = self.root.glob(".ensemblekit-*")
        shutil.copytree(place / "old", self.root / "copy" / "saved")
        state = type(self)(self.root / "copy")._known()
        shutil.rmtree(self.root / "copy")
        return state

    def _known(self):
        return Saved.state(self)


class File(Scenario):
    """A file of predictions that is replaced."""

    names = ("p.parquet",)

    def prepare(self):
        predictions(0).save(self.root / self.names[0])

    def work(self):
        predictions(1).save(self.root / self.names[0], overwrite=True)

    def state(self):
        return {"m0": "old", "m1": "new"}[self.whole(Predictions.load(self.root / self.names[0]))]

    def whole(self, found):
        np.testing.assert_allclose(found.probas, predictions(int(found.member[1:])).probas)
        return found.member


class Csv(File):
    """The same in another format."""

    names = ("p.csv",)


class Npz(File):
    """The same in another format."""

    names = ("p.npz",)


class Joined(File):
    """Files that are joined by DuckDB."""

    names = ("a.parquet", "b.parquet", "out.parquet")

    def prepare(self):
        predictions(0).save(self.root / "a.parquet")
        predictions(1, slice(None, None, -1)).save(self.root / "b.parquet")
        predictions(0).save(self.root / "out.parquet", overwrite=True)

    def work(self):
        combine_files([self.root / "a.parquet", self.root / "b.parquet"], "mean", self.root / "out.parquet",
                      overwrite=True)  # fmt: skip

    def state(self):
        found = Predictions.load(self.root / "out.parquet")
        if found.member == "m0":
            return {"m0": "old"}[self.whole(found)]
        np.testing.assert_allclose(found.probas, (predictions(0).probas + predictions(1).probas) / 2)
        return "new"


class Predicted(Scenario):
    """Images that are predicted, part by part."""

    names = ("images", "out.parquet", "out.unreadable.csv")
    resume, overwrite = True, False

    def prepare(self):
        (self.root / "images").mkdir()
        for k in range(7):
            Image.fromarray(np.full((8, 8, 3), 30 * k, np.uint8)).save(self.root / "images" / f"{k}.png")
        (self.root / "images" / "6.png").write_bytes(b"no image")

    def work(self):
        def run(x):
            first = x.mean((1, 2, 3)) / 255
            return np.stack([first, 1 - first], 1)

        _run.PART = 2
        model = Predictor("m", ("cat", "dog"), (8, 8, 3), "0" * 64, run)
        given = model, self.root / "images", self.root / "out.parquet"
        try:
            predict_images(*given, batch_size=2, resume=self.resume, overwrite=self.overwrite)
        except OutputExistsError:  # it was killed while it removed its parts: all is written
            assert self.state() == "new"
            predict_images(*given, batch_size=2, overwrite=True)

    def state(self):
        if not (self.root / "out.parquet").exists():
            return "old"
        found = Predictions.load(self.root / "out.parquet")
        np.testing.assert_allclose(found.probas[:, 0], 30 * np.arange(6) / 255, atol=1e-6)
        lines = (self.root / "out.unreadable.csv").read_text().splitlines()
        assert (len(lines), lines[1][:12]) == (2, "images/6.png")
        return "new"


class Overwritten(Predicted):
    """The same over what is there."""

    resume, overwrite = False, True

    def prepare(self):
        super().prepare()
        predictions(0).save(self.root / "out.parquet", overwrite=True)

    def state(self):
        found = Predictions.load(self.root / "out.parquet")
        return "old" if found.member == "m0" else super().state()


class Banked(Scenario):
    """Rows that are kept in a bank, and a bank that is cleared."""

    names = ("bank",)

    def prepare(self):
        self.keep("old")

    def keep(self, name):
        with BankSession(FeatureBank(self.root / "bank"), ABOUT) as session:
            keys = row_keys(np.array([name]), None)
            if session.find(keys).missing.any():
                session.store(keys, np.full((1, 5), len(name) + ord(name[0]), np.float32))

    def work(self):
        self.keep("new")
        self.keep("newer")
        self.keep(f"z{time.time_ns()}")  # what the last run left is removed when something new is kept
        (shelf,) = FeatureBank(self.root / "bank").collections()
        left = [path.name for path in shelf.folder.iterdir() if path.suffix != ".features"]
        assert sorted(left) == [".lock", "shelf.json"], left

    def state(self):
        with BankSession(FeatureBank(self.root / "bank"), ABOUT) as session:
            kept = [name for name in ("old", "new", "newer") if not self.found(session, name).missing.any()]
        return "new" if "newer" in kept else "old" if "old" in kept else f"only {kept}"

    def found(self, session, name):
        hits = session.find(row_keys(np.array([name]), None))
        if not hits.missing.any():
            out = np.zeros((1, 5), np.float32)
            hits.copy_to(out, np.array([0]))
            assert set(out[0].tolist()) == {len(name) + ord(name[0])}
        return hits


class Cleared(Banked):
    """A bank that is cleared."""

    names = ("bank",)

    def work(self):
        FeatureBank(self.root / "bank").clear()
        left = sorted(path.relative_to(self.root).as_posix() for path in (self.root / "bank").rglob("*"))
        # Without its note it is no shelf any more; the next run to that shelf makes it one again.
        self.keep("newer")
        assert not left or not any(name.endswith(".features") for name in left), left

    def state(self):
        return "new"


SCENARIOS = (Saved, SavedInTwoSteps, File, Csv, Npz, Joined, Predicted, Overwritten, Banked, Cleared)


def in_child(work):
    """Run in a fork; give what it raised, "killed", or what it returned."""
    reads, writes = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            said = work()
            os.write(writes, str("" if said is None else said).encode())
        except BaseException:
            os.write(writes, ("raised " + "".join(traceback.format_exc()[-1500:])).encode())
        os._exit(0)
    os.close(writes)
    with os.fdopen(reads, "rb") as pipe:
        said = pipe.read().decode()
    _, status = os.waitpid(child, 0)
    return "killed" if os.WIFSIGNALED(status) else said


def killed_at(work, event, seconds):
    """Kill this process before so many events, or after so many seconds."""
    count = 0

    def watch(name, arguments):
        nonlocal count
        if name.startswith(EVENTS):
            count += 1
            if count == event:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(watch)
    if seconds:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, seconds)  # its default is to end the process as abruptly as SIGKILL
    start = time.perf_counter()
    work()
    return f"{count} {time.perf_counter() - start}"


@functools.cache
def whole(kind):
    """Tell how many events a run has, and how long it takes."""
    with tempfile.TemporaryDirectory() as name:
        scenario = kind(Path(name))
        in_child(scenario.prepare)
        events, seconds = in_child(lambda: killed_at(scenario.work, 0, 0)).split()
    return int(events), float(seconds)


def case(number):
    """Kill a run, or several one after another, and let the next one come to its end."""
    rng = random.Random(number)
    kind = SCENARIOS[number % len(SCENARIOS)]
    events, seconds = whole(kind)
    root = Path(tempfile.mkdtemp())
    scenario = kind(root)
    try:
        if said := in_child(scenario.prepare):
            return f"{kind.__name__}: to prepare it {said}"
        for _ in range(rng.choice([1, 1, 2, 3])):
            at = (rng.randint(1, events), 0) if rng.random() < 0.7 else (0, rng.uniform(0.0001, seconds))
            ended = in_child(functools.partial(killed_at, scenario.work, *at))
            if ended.startswith("raised"):
                return f"{kind.__name__}, killed before: {ended}"
            state = in_child(scenario.state)
            if state not in ("old", "new"):
                return f"{kind.__name__}, killed at {at}: it is {state}"
            if ended != "killed":
                break
        if (said := in_child(lambda: killed_at(scenario.work, 0, 0))).startswith("raised"):
            return f"{kind.__name__}, the run after kills at {at}: {said}"
        state = in_child(scenario.state)
        left = sorted({path.name for path in root.iterdir()} - set(kind.names))
        if state != "new" or left:
            return f"{kind.__name__}, after kills, the last at {at}: it is {state}, and {left} are left"
    finally:
        shutil.rmtree(root)
    return None
