"""`combine_files` on the workers of a Dask client: the same output as in memory, whatever happens to a worker."""

import os
import signal
import threading
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from ensemblekit import AlignmentError, InvalidOptionError, Predictions, combine, fit_combiner
from ensemblekit.errors import FolderNotFoundError, InvalidPredictionsError
from ensemblekit.scaling import _buckets_on_workers, combine_files
from ensemblekit.scaling._records import RecordLayout

distributed = pytest.importorskip("distributed")
CLASSES = ("cat", "Cat", "dog")
N = 2000


@pytest.fixture(scope="module")
def client():
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0", silence_logs=50) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Several buckets and parts of the output for a few rows."""
    monkeypatch.setattr(_buckets_on_workers, "bucket_count", lambda members, memory: 9)
    monkeypatch.setattr(_buckets_on_workers, "numbers_a_part", lambda n_rows: 700)


def draw(member, order, *, text=True, classes=CLASSES, **fields):
    probas = np.random.default_rng(len(member)).dirichlet(np.ones(3), N).astype(np.float32)[order]
    return Predictions(
        probas, ids=[f"x/{i:05d}" for i in order] if text else order, classes=classes, member=member,
        labels=np.asarray(CLASSES)[np.asarray(order) % 3], **fields,
    )  # fmt: skip


def save_parts(folder, p, n_parts):
    paths = [folder / f"{p.member}-{k}.parquet" for k in range(n_parts)]
    for path, ids in zip(paths, np.array_split(p.ids, n_parts), strict=True):
        p.take(ids).save(path)
    return paths


def assert_same(path, expected):
    got = Predictions.load(path)
    assert got.ids.tolist() == expected.ids.tolist()
    assert got.probas.tobytes() == expected.probas.tobytes()
    assert got.labels.tolist() == expected.labels.tolist()
    assert (got.member, got.classes) == (expected.member, expected.classes)
    np.testing.assert_array_equal(got.fit_ids, expected.fit_ids)
    assert not [entry for entry in path.parent.iterdir() if entry.name.startswith(".")]


@pytest.mark.parametrize("text", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_files_in_any_order_are_joined_as_in_memory(text, client, tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    orders = [rng.permutation(N) for _ in range(3)]
    given = [draw(m, order, text=text) for m, order in zip(("a", "bb", "ccc"), orders, strict=True)]
    given[1] = draw("bb", orders[1], text=text, classes=CLASSES)
    monkeypatch.chdir(tmp_path)  # workers have another folder of their own
    files = {p.member: [Path(path.name) for path in save_parts(tmp_path, p, k)] for k, p in enumerate(given, 1)}
    seen = []
    done = combine_files(files, "mean", "out.parquet", client=client, progress=lambda *at: seen.append(at))
    assert (done.n_rows, done.joined, done.members) == (N, True, ("a", "bb", "ccc"))
    assert seen == [("buckets", k, 9) for k in range(1, 10)]
    assert_same(tmp_path / "out.parquet", combine(given, "mean"))


def test_a_fitted_rule_one_order_and_rows_that_members_lack(client, tmp_path):
    given = [draw("a", np.arange(N - 300)), draw("bb", np.arange(N))]
    valid = [draw(m, np.arange(N)).rename(split="valid") for m in ("a", "bb")]
    fitted = fit_combiner(valid, "weighted")
    files = {p.member: save_parts(tmp_path, p, 2) for p in given}
    for combiner in ("mean", fitted):
        combine_files(
            files, combiner, tmp_path / "out.parquet", client=client, missing="renormalize", overwrite=True
        )  # fmt: skip
        assert_same(tmp_path / "out.parquet", combine(given, combiner, missing="renormalize"))


class Dying:
    """A mean that kills its process the first time."""

    traits = frozenset({"symmetric"})

    def __init__(self, folder):
        self.folder = folder

    def combine(self, member_probas, *, xp=np):
        mark = Path(self.folder) / "died"
        if not mark.exists():
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return member_probas.mean(axis=0)


@pytest.mark.slow
def test_a_worker_that_dies_while_it_combines_changes_nothing(client, tmp_path):
    given = [draw("a", np.arange(N)), draw("bb", np.arange(N)[::-1])]
    files = {p.member: save_parts(tmp_path, p, 3) for p in given}
    (tmp_path / "marks").mkdir()
    (tmp_path / "out").mkdir()
    combine_files(files, Dying(str(tmp_path / "marks")), tmp_path / "out" / "out.parquet", client=client)
    assert (tmp_path / "marks" / "died").exists()
    assert_same(tmp_path / "out" / "out.parquet", combine(given, "mean").rename("Dying"))
    client.wait_for_workers(2, timeout=60)


@pytest.mark.slow
def test_a_worker_that_is_killed_while_it_partitions_changes_nothing(client, tmp_path):
    given = [draw("a", np.arange(N)), draw("bb", np.arange(N)[::-1])]
    files = {p.member: save_parts(tmp_path, p, 40) for p in given}
    out = tmp_path / "out" / "out.parquet"
    out.parent.mkdir()
    killed = []

    def kill():
        pids = list(client.run(os.getpid).values())
        started.set()
        scratch = out.parent / ".out.parquet.joining" / "scratch"
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if scratch.is_dir() and len(list(scratch.iterdir())) >= 10:
                os.kill(pids[0], signal.SIGKILL)
                killed.append(len(list(scratch.iterdir())))
                return
            time.sleep(0.001)

    started = threading.Event()
    killer = threading.Thread(target=kill)
    killer.start()
    started.wait(60)
    combine_files(files, "mean", out, client=client)
    killer.join()
    assert killed
    assert killed[0] < 80
    assert_same(out, combine(given, "mean"))
    client.wait_for_workers(2, timeout=60)


def test_what_is_wrong_on_a_worker_is_told_as_here(client, tmp_path):
    a, b = draw("a", np.arange(N)), draw("bb", np.arange(N)[::-1])
    files = {p.member: save_parts(tmp_path, p, 1) for p in (a, b)}
    before = {path.name for path in tmp_path.iterdir()}
    b.take(b.ids[:-1]).save(files["bb"][0], overwrite=True)
    with pytest.raises(AlignmentError, match=r"member 'bb' lacks 1 \('x/00000'\).*Found in one of 9 parts"):
        combine_files(files, "mean", tmp_path / "out.parquet", client=client)
    b.save(files["bb"][0], overwrite=True)
    with pq.ParquetFile(files["bb"][0]) as file:
        table, said = file.read(), file.metadata.metadata[b"ensemblekit"]
    swapped = table.take([1, 0, *range(2, N)])
    pq.write_table(swapped.replace_schema_metadata({b"ensemblekit": said}), files["bb"][0])
    with pytest.raises(InvalidPredictionsError, match=r"bb-0\.parquet': what it holds must be what was saved"):
        combine_files(files, "mean", tmp_path / "out.parquet", client=client)
    assert {path.name for path in tmp_path.iterdir()} == before
    with pytest.raises(InvalidOptionError, match=r"client must be a dask\.distributed\.Client; received str"):
        combine_files(files, "mean", tmp_path / "out.parquet", client="here")


def test_a_folder_that_a_worker_does_not_see_is_told(tmp_path):
    layout = RecordLayout(pq.ParquetFile(save_parts(tmp_path, draw("a", np.arange(N)), 1)[0]).schema_arrow)
    with pytest.raises(FolderNotFoundError, match=r"workers must be able to write .* folder=\.\.\."):
        _buckets_on_workers._named_spill(tmp_path / "no", layout, 3)
