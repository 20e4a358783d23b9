"""The benchmarks of rankings: plain NumPy and this library agree, and image search finds images of the class."""

import importlib.util
import re

import numpy as np
import pytest
from typer.testing import CliRunner

from benchmarks import image_search, rankings
from ensemblekit.ranking import Run, fuse_runs, judge_queries


def test_both_ways_fuse_the_same():
    tables = {f"m{k}": rankings.draw(k, 5, 20, 40) for k in range(3)}
    plain, ours = rankings.plain(tables), fuse_runs(tables, "rrf").to_frame()
    assert ours["item"].tolist() == plain["item"].tolist()
    assert ours["score"].to_numpy() == pytest.approx(plain["score"], rel=1e-14)
    text = rankings.with_text(tables)
    assert len(fuse_runs(text, "rrf")) == len(ours)


def test_the_benchmark_prints_times_and_the_difference():
    done = CliRunner().invoke(rankings.app, ["--members", "2", "--queries", "3", "--depth", "5", "--repeats", "1"])
    assert done.exit_code == 0, done.exception
    assert "30 rows of 2 runs" in done.stdout
    assert re.search(r"end to end, rrf +\| +\d", done.stdout)
    assert float(re.search(r"differ by (\S+) at", done.stdout)[1]) < 1e-15


def test_image_search_finds_the_class_and_compares():
    rng = np.random.default_rng(0)
    labels = np.array(["a", "b", "c"])[np.arange(90) % 3]
    ids = np.array([f"{'test' if k < 30 else 'train'}/{k:02d}" for k in range(90)])
    query = np.arange(90) < 30
    centres = np.eye(3)[np.arange(90) % 3]
    runs = {
        name: image_search.neighbours(centres + noise * rng.normal(size=(90, 3)), ids, query, name, 20)
        for name, noise in (("one", 0.1), ("two", 0.5))
    }
    assert all(isinstance(run, Run) and len(run) == 600 for run in runs.values())
    qrels = image_search.judgements(ids, labels, query)
    assert len(qrels) == 600
    assert judge_queries(runs["one"], qrels, "precision:k=10").mean().item() > 0.99
    wide, told = image_search.tables(runs, qrels)
    assert wide["run"].tolist() == ["one", "two", *image_search.FUSED, "rrf, learned weights"]
    assert set(told["verdict"]) <= {"better", "worse", "cannot tell", "too small"}


def test_the_page_gets_the_tables(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- image search -->\nold\n<!-- /image search -->\nafter\n")
    image_search.write_page(page, "| new |\n")
    assert page.read_text() == "before\n<!-- image search -->\n\n| new |\n\n<!-- /image search -->\nafter\n"


def test_without_the_images_it_says_so(tmp_path):
    done = CliRunner().invoke(image_search.app, ["--data", str(tmp_path)])
    assert "DATA must hold the CT images" in str(done.exception)
    assert importlib.util.find_spec("benchmarks.image_search")
