"""Files joined and combined batch by batch, and partitions on workers, say what `combine` says in memory."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ensemblekit import (
    AlignmentError,
    EnsembleClassifier,
    InvalidOptionError,
    LeakageError,
    Predictions,
    combine,
    fit_combiner,
)
from ensemblekit.errors import InvalidPredictionsError, OutputExistsError
from ensemblekit.files import is_leftover
from ensemblekit.predictions._fits import Fitted
from ensemblekit.scaling import _buckets, _combine_files, combine_files, combine_partitions, predict_partitions

CLASSES = ("cat", "Cat", "dog")
N = 3000


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Many buckets and many batches for a few rows."""
    monkeypatch.setattr(_buckets, "bucket_count", lambda sources, memory: 7)
    monkeypatch.setattr(_combine_files, "LARGEST", 256)


def draw(member, order, *, classes=CLASSES, text=True, labels=True, dtype=np.float32):
    rng = np.random.default_rng(len(member))
    probas = rng.dirichlet(np.ones(3), N).astype(dtype)[order]
    names = [f"x/{i:05d} ü'" for i in order] if text else order * 7
    return Predictions(
        probas, ids=names, classes=classes, member=member, split="test",
        labels=np.asarray(CLASSES)[np.asarray(order) % 3] if labels else None,
    )  # fmt: skip


def write(folder, predictions):
    for p in predictions:
        p.save(folder / f"{p.member}.parquet", overwrite=True)
    return [folder / f"{p.member}.parquet" for p in predictions]


def assert_same(path, expected):
    got = Predictions.load(path)
    assert got.ids.tolist() == expected.ids.tolist()
    assert got.probas.tobytes() == expected.probas.tobytes()
    np.testing.assert_array_equal(got.fit_ids, expected.fit_ids)
    assert got.classes == expected.classes
    assert (got.split, got.member) == (expected.split, expected.member)
    assert (got.labels is None) == (expected.labels is None)
    if got.labels is not None:
        assert got.labels.tolist() == expected.labels.tolist()
    assert not [p for p in path.parent.iterdir() if p.name.startswith(".")]


@pytest.mark.parametrize("text", [True, False])
@pytest.mark.parametrize("shuffled", [True, False])
def test_files_are_combined_as_in_memory(text, shuffled, tmp_path):
    rng = np.random.default_rng(0)
    orders = [rng.permutation(N) if shuffled else np.arange(N) for _ in range(3)]
    said = [
        draw("a", orders[0], text=text), draw("bb", orders[1], text=text, classes=CLASSES[::-1]),
        draw("ccc", orders[2], text=text, dtype=np.float64, labels=False),
    ]  # fmt: skip
    seen = []
    done = combine_files(
        write(tmp_path, said), "weighted", tmp_path / "out.parquet", weights={"a": 1, "bb": 2, "ccc": 0},
        progress=lambda *at: seen.append(at),
    )  # fmt: skip
    assert (done.n_rows, done.joined, done.members) == (N, shuffled, ("a", "bb", "ccc"))
    assert_same(tmp_path / "out.parquet", combine(said, "weighted", weights={"a": 1, "bb": 2, "ccc": 0}))
    assert seen[-1] == (("buckets", 7, 7) if shuffled else ("rows", N, N))
    assert len(seen) == (7 if shuffled else 12)


def test_a_fitted_rule_and_rows_that_members_lack(tmp_path):
    rng = np.random.default_rng(0)
    said = [draw("a", rng.permutation(N)[: N - 40]), draw("bb", rng.permutation(N)[: N - 900])]
    files = write(tmp_path, said)
    with pytest.raises(AlignmentError, match="ids must be the same for every member; member"):
        combine_files(files, "mean", tmp_path / "out.parquet")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.parquet", "bb.parquet"]
    combine_files(files, "mean", tmp_path / "out.parquet", missing="renormalize")
    assert_same(tmp_path / "out.parquet", combine(said, "mean", missing="renormalize"))
    whole = [draw("a", np.arange(N)), draw("bb", np.arange(N)[::-1])]
    fields = {"ids": [f"v{i}" for i in range(N)], "classes": CLASSES, "labels": whole[0].labels}
    valid = [Predictions(p.probas, member=p.member, **fields) for p in whole]
    fitted = fit_combiner(valid, "stacking")
    combine_files(write(tmp_path, whole), fitted, tmp_path / "out.parquet", overwrite=True)
    assert_same(tmp_path / "out.parquet", combine(whole, fitted))


def test_tables_of_others_several_files_and_aliases(tmp_path):
    order = np.random.default_rng(0).permutation(N)
    a, b = draw("a", np.arange(N), labels=False, dtype=np.float64), draw("b", order, labels=False, dtype=np.float64)
    halves = [a.take(a.ids[:1000]), a.take(a.ids[1000:])]
    for k, half in enumerate(halves):
        half.save(tmp_path / f"a{k}.parquet")
    columns = {"id": b.ids.tolist(), "kitten": b.probas[:, 0], "Cat": b.probas[:, 1], "dog": b.probas[:, 2]}
    pq.write_table(pa.table(columns), tmp_path / "b.parquet")
    files = {"a": [tmp_path / "a0.parquet", tmp_path / "a1.parquet"], "b": tmp_path / "b.parquet"}
    done = combine_files(files, "mean", tmp_path / "out.parquet", aliases={"kitten": "cat"})
    assert done.joined
    assert_same(tmp_path / "out.parquet", combine([a, b], "mean"))


@pytest.mark.parametrize("shuffled", [False, True])
@pytest.mark.parametrize("text", [True, False])
def test_what_members_were_fitted_on_is_kept(text, shuffled, tmp_path):
    order = np.random.default_rng(0).permutation(N)
    a, b, c = (draw(name, order if shuffled and name == "bb" else np.arange(N), text=text) for name in ("a", "bb", "c"))
    fitted_on = [["x/00001 ü'", "z1"], ["y"]] if text else [[-1, 7], [2**40]]
    a, b = (p._with(_fitted=Fitted(np.array(ids))) for p, ids in zip((a, b), fitted_on, strict=True))
    parts = {"a": [tmp_path / "a0.parquet", tmp_path / "a1.parquet"]}
    a.take(a.ids[:9]).save(parts["a"][0])
    a.take(a.ids[9:])._with(_fitted=Fitted(a.fit_ids[:1])).save(parts["a"][1])
    done = combine_files(parts | {p.member: write(tmp_path, [p]) for p in (b, c)}, "mean", tmp_path / "out.parquet")
    assert done.joined is shuffled
    assert_same(tmp_path / "out.parquet", combine([a, b, c], "mean"))
    assert Predictions.load(tmp_path / "out.parquet").fit_ids.tolist() == sorted(sum(fitted_on, []))  # noqa: RUF017
    # As in memory, what such a file says keeps rules and calibration off those rows.
    with pytest.raises(LeakageError):
        fit_combiner([Predictions.load(tmp_path / "out.parquet"), c], "weighted")


def test_what_was_fitted_on_ids_of_another_kind_is_refused_with_the_file(tmp_path):
    a, b = draw("a", np.arange(N)), draw("bb", np.arange(N))
    files = write(tmp_path, [a._with(_fitted=Fitted(np.array([3]))), b])
    with pytest.raises(InvalidPredictionsError, match=r"a\.parquet': fit_ids must be of the kind of ids"):
        combine_files(files, "mean", tmp_path / "out.parquet")
    assert not (tmp_path / "out.parquet").exists()


@settings(max_examples=10)
@given(st.data())
def test_any_orders_give_what_memory_gives(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("any")
    n = data.draw(st.integers(1, 12))
    seeds = data.draw(st.lists(st.integers(0, 5), min_size=2, max_size=3))
    said = []
    for k, seed in enumerate(seeds):
        order = np.random.default_rng(seed).permutation(n) if seed else np.arange(n)
        said.append(draw("m" * (k + 1), order, text=data.draw(st.just(False))))
    combine_files(write(folder, said), "mean", folder / "out.parquet")
    assert_same(folder / "out.parquet", combine(said, "mean"))


def test_bad_rows_are_refused_with_the_file_that_they_are_in(tmp_path):
    good = draw("a", np.arange(N))
    good.save(tmp_path / "a.parquet")
    table = pq.read_table(tmp_path / "a.parquet")

    def spoil(name, **columns):
        spoiled = table
        for column, values in columns.items():
            place = spoiled.column_names.index(column.replace("proba_", "proba:"))
            spoiled = spoiled.set_column(place, spoiled.field(place), pa.array(values, spoiled.field(place).type))
        pq.write_table(spoiled, tmp_path / f"{name}.parquet")
        return {"a": tmp_path / "a.parquet", name: tmp_path / f"{name}.parquet"}

    ids, cats = table["id"].to_pylist(), table["proba:cat"].to_pylist()
    twice = spoil("twice", id=[ids[1], *ids[1:]])
    with pytest.raises(InvalidPredictionsError, match=r"twice\.parquet': ids must be unique"):
        combine_files(twice, "mean", tmp_path / "out.parquet", edited=True)
    for value, text in ((float("nan"), "NaN|nan"), (1.5, r"\[0, 1\]|sum")):
        files = spoil("bad", proba_cat=[*cats[:2500], value, *cats[2501:]])
        with pytest.raises(InvalidPredictionsError, match=rf"bad\.parquet': .*({text})"):
            combine_files(files, "mean", tmp_path / "out.parquet", edited=True)
    labels = table["label"].to_pylist()
    files = spoil("other", label=[*labels[:-1], labels[-2]])
    with pytest.raises(AlignmentError, match="labels"):
        combine_files(files, "mean", tmp_path / "out.parquet", edited=True)
    draw("other", np.arange(N), classes=("cat", "Cat", "fox"), labels=False).save(
        tmp_path / "other.parquet", overwrite=True
    )
    with pytest.raises(AlignmentError, match="fox"):
        combine_files([tmp_path / "a.parquet", tmp_path / "other.parquet"], "mean", tmp_path / "out.parquet")
    draw("number", np.arange(N), text=False).save(tmp_path / "number.parquet")
    with pytest.raises(AlignmentError, match="ids must be of one kind; those of member 'a' are text"):
        combine_files([tmp_path / "a.parquet", tmp_path / "number.parquet"], "mean", tmp_path / "out.parquet")
    (tmp_path / "text.parquet").write_text("no table")
    with pytest.raises(InvalidPredictionsError, match=r"files to combine are Parquet files .*text\.parquet' is none"):
        combine_files([tmp_path / "a.parquet", tmp_path / "text.parquet"], "mean", tmp_path / "out.parquet")
    with pytest.raises(FileNotFoundError, match="No file of predictions"):
        combine_files([tmp_path / "no.parquet"], "mean", tmp_path / "out.parquet")
    with pytest.raises(AlignmentError, match="member names must be different"):
        combine_files([tmp_path / "a.parquet"] * 2, "mean", tmp_path / "out.parquet")
    with pytest.raises(InvalidOptionError, match=r"must end in \.parquet; received 'out\.csv'"):
        combine_files([tmp_path / "a.parquet"], "mean", tmp_path / "out.csv")
    with pytest.raises(InvalidOptionError, match="at least 64 MiB"):
        combine_files([tmp_path / "a.parquet"], "mean", tmp_path / "out.parquet", memory=100)
    (tmp_path / "out.parquet").write_text("mine")
    with pytest.raises(OutputExistsError, match="is there already"):
        combine_files([tmp_path / "a.parquet"], "mean", tmp_path / "out.parquet")
    with pytest.raises(InvalidPredictionsError, match="ids must be unique"):
        combine_files(twice, "mean", tmp_path / "out.parquet", overwrite=True, edited=True)
    assert (tmp_path / "out.parquet").read_text() == "mine"
    assert not [p for p in tmp_path.iterdir() if p.name.startswith(".")]


def parts(n=12, rows=50):
    rng = np.random.default_rng(0)
    return [
        {
            m: Predictions(rng.dirichlet(np.ones(3), rows), ids=rng.permutation(rows) + rows * k, classes=CLASSES)
            for m in ("a", "b")
        }
        for k in range(n)
    ]


def test_partitions_in_this_process():
    for part, got in zip(parts(), combine_partitions(parts(), "median"), strict=True):
        assert got.probas.tobytes() == combine(part, "median").probas.tobytes()
    with pytest.raises(InvalidOptionError, match=r"client must be a dask\.distributed\.Client; received str"):
        combine_partitions(parts(), "mean", client="here")
    with pytest.raises(InvalidOptionError, match="a model goes to the workers as a path"):
        predict_partitions(object(), [])


@pytest.fixture(scope="module")
def client():
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0", silence_logs=50) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


class Slow:
    """A mean that takes its time, and says who computes it."""

    traits = frozenset({"symmetric"})

    def __init__(self, folder):
        self.folder = folder

    def combine(self, member_probas, *, xp=np):
        (Path(self.folder) / f"{os.getpid()}-{time.monotonic_ns()}").touch()
        time.sleep(0.05)
        return member_probas.mean(axis=0)


@pytest.mark.slow
def test_a_worker_that_is_killed_changes_no_result(client, tmp_path):
    given = parts(40)
    expected = [combine(part, "mean") for part in given]
    got, killed = [], None
    for k, combined in enumerate(combine_partitions(given, Slow(str(tmp_path)), client=client)):
        got.append(combined)
        if k == 5:
            killed = int(sorted(tmp_path.iterdir(), key=lambda p: p.name.partition("-")[2])[-1].name.partition("-")[0])
            assert killed != os.getpid()
            os.kill(killed, signal.SIGKILL)
    assert len(got) == 40
    for one, other in zip(got, expected, strict=True):
        assert one.ids.tolist() == other.ids.tolist()
        np.testing.assert_allclose(one.probas, other.probas, atol=1e-15)
    workers = {int(p.name.partition("-")[0]) for p in tmp_path.iterdir()}
    assert killed in workers
    client.wait_for_workers(2, timeout=60)  # another has taken the place


def test_an_error_on_a_worker_is_raised_here(client):
    bad = parts(3)
    bad[1]["b"] = bad[0]["b"]
    with pytest.raises(AlignmentError, match="ids must be the same"):
        list(combine_partitions(bad, "mean", client=client))


class Failing(Slow):
    """A rule that cannot."""

    def combine(self, member_probas, *, xp=np):
        super().combine(member_probas)
        raise OSError("no room")


@pytest.mark.slow
def test_what_fails_on_a_worker_is_not_tried_again(client, tmp_path):
    with pytest.raises(OSError, match="no room"):
        list(combine_partitions(parts(1), Failing(str(tmp_path)), client=client))
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("backend", ["loky", "threading", "dask"])
@pytest.mark.slow
def test_members_are_fitted_alike_by_every_backend_of_joblib(backend, request):
    from joblib import parallel_config
    from sklearn.datasets import load_iris
    from sklearn.linear_model import LogisticRegression
    from sklearn.tree import DecisionTreeClassifier

    x, y = load_iris(return_X_y=True)
    options = {"client": request.getfixturevalue("client")} if backend == "dask" else {}
    members = [("line", LogisticRegression(max_iter=500)), ("tree", DecisionTreeClassifier(random_state=0))]
    alone = EnsembleClassifier(members, combiner="stacking", cv=3).fit(x, y).predict_proba(x)
    with parallel_config(backend=backend, n_jobs=2, **options):
        together = EnsembleClassifier(members, combiner="stacking", cv=3, n_jobs=2).fit(x, y).predict_proba(x)
    assert together.tobytes() == alone.tobytes()


@pytest.mark.slow
@pytest.mark.keras
def test_images_are_predicted_on_workers(client, tmp_path, keras):
    from PIL import Image

    x = keras.Input((8, 8, 3))
    model = keras.Model(x, keras.layers.Dense(3, "softmax")(keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(x))))
    model.save(tmp_path / "m.keras")
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 255, (10, 8, 8, 3), dtype=np.uint8)
    for k, image in enumerate(pixels):
        Image.fromarray(image).save(tmp_path / f"{k}.png")
    images = [{f"{k}.png": tmp_path / f"{k}.png" for k in range(start, start + 5)} for start in (0, 5)]
    expected = model.predict(pixels.astype("float32"), verbose=0)
    for where in (None, client):
        got = list(predict_partitions(tmp_path / "m.keras", images, client=where, classes=CLASSES, batch_size=4))
        assert [i for p in got for i in p.ids.tolist()] == [f"{k}.png" for k in range(10)]
        np.testing.assert_allclose(np.concatenate([p.probas for p in got]), expected, atol=1e-6)


@pytest.mark.slow
def test_a_run_that_is_killed_leaves_no_output(tmp_path):
    files = [str(f) for f in write(tmp_path, [draw("a", np.arange(N)), draw("b", np.arange(N)[::-1])])]
    code = """
import os, signal, sys
from ensemblekit.scaling import combine_files
combine_files(sys.argv[2:], "mean", sys.argv[1], progress=lambda *at: os.kill(os.getpid(), signal.SIGKILL))
"""
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "out.parquet"), *files])
    assert done.returncode == -signal.SIGKILL
    assert not (tmp_path / "out.parquet").exists()
    # The next run to that output clears what is left, and only that.
    left = {path.name for path in tmp_path.iterdir()}
    (partial,) = left - {"a.parquet", "b.parquet", ".out.parquet.joining"}
    assert is_leftover(tmp_path / partial)
    assert any(path.is_file() for path in (tmp_path / ".out.parquet.joining").rglob("*"))
    combine_files(files, "mean", tmp_path / "other.parquet")
    assert {path.name for path in tmp_path.iterdir()} == left | {"other.parquet"}
    combine_files(files, "mean", tmp_path / "out.parquet", folder=tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"a.parquet", "b.parquet", "out.parquet", "other.parquet"}


@pytest.mark.parametrize("shuffled", [False, True])
@pytest.mark.slow
def test_a_disk_that_is_full_is_told_and_nothing_is_left(shuffled, tmp_path):
    a, b = draw("a", np.arange(N)), draw("b", np.arange(N)[::-1] if shuffled else np.arange(N))
    files = [str(f) for f in write(tmp_path, [a, b])]
    code = """
import errno, resource, sys
from ensemblekit.scaling import combine_files
resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))
try:
    combine_files(sys.argv[2:], "mean", sys.argv[1])
except OSError as error:
    print(error.errno == errno.EFBIG, error.filename)
"""
    out = tmp_path / "out.parquet"
    done = subprocess.run([sys.executable, "-c", code, str(out), *files], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[0] == "True"
    assert not shuffled or "out.parquet" in done.stdout
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.parquet", "b.parquet"]


def test_two_runs_do_not_write_to_one_output(tmp_path):
    files = write(tmp_path, [draw("a", np.arange(N)), draw("b", np.arange(N)[::-1])])
    refused = []

    def again(*at):
        with pytest.raises(
            OutputExistsError, match=r"another is at work on '.*out\.parquet'\. Wait for its end"
        ) as error:
            combine_files(files, "mean", tmp_path / "out.parquet")
        refused.append(error)

    combine_files(files, "mean", tmp_path / "out.parquet", progress=again)
    assert len(refused) == 7
    assert len(Predictions.load(tmp_path / "out.parquet")) == N
