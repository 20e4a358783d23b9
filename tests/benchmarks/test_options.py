"""Options of the study: what is the default, what the preset ``best`` refuses, and the rows that can be added."""

import numpy as np
import pytest

from benchmarks.study.published import published_notes, published_runs
from benchmarks.study.settings import OF_NETWORKS, Settings
from ensemblekit import InvalidOptionError


def test_figures_do_not_depend_on_the_processor_unless_asked_for():
    assert Settings().precision == Settings(preset="published").precision == "float32"
    assert Settings(precision="auto").precision == "auto"
    assert (Settings().batch, Settings().head_l2, Settings().also) == (32, 0.0, [])


GIVEN = {"epochs": 3, "views": "2", "batch": 8, "precision": "float32", "head_l2": 0.1, "also": ["bagging"]}


@pytest.mark.parametrize("name", OF_NETWORKS)
def test_best_refuses_what_it_would_ignore(name):
    flag = f"--{name.replace('_', '-')}"
    with pytest.raises(InvalidOptionError, match=f"'best' trains no network and has no use for {flag}; leave it out"):
        Settings(preset="best", **{name: GIVEN[name]})
    assert getattr(Settings(**{name: GIVEN[name]}), name) == GIVEN[name]


def test_the_third_set_of_published_figures_is_there_and_its_contradiction_said():
    runs = {run["name"]: run["results"]["ensemble_model"] for run in published_runs()}
    assert runs["published 3"] == {
        "Train Accuracy": 0.2577, "Validation Accuracy": 0.2361, "Test Loss": 1.4087, "Test Accuracy": 0.2444,
    }  # fmt: skip
    (note,) = published_notes()
    for name in ("published 1", "published 3"):
        for figure in ("Validation Accuracy", "Test Accuracy", "Test Loss"):
            assert f"{np.round(runs[name][figure], 4):.4f}" in note
