"""Tasks are names over three kinds of values: checked by the kind, kept by name, combined by the kind."""

import copy
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from ensemblekit import AlignmentError, Combiner, Predictions, Task, align, combine, fit_combiner, kinds
from ensemblekit.errors import InvalidOptionError, InvalidPredictionsError, PluginLoadError, UnknownPluginError

from ..strangers import environment, write_distribution

CLASSES = ["no", "yes"]


def binary(probas=(0.9, 0.2), *, member="m", **fields):
    return Predictions(probas, **{"ids": ["a", "b"], "classes": CLASSES, "task": "binary", "member": member} | fields)


class Amounts(Task):
    kind = "regression"

    def check(self, probas, classes):
        if (probas < 0).any():
            raise ValueError(f"amounts must be >= 0; received {probas[probas < 0][0]}.")

    def check_labels(self, labels, classes):
        self.check(labels, classes)


class Stages(Task):
    """Classes in an order, which are as many as there are."""

    ordered = True


@pytest.fixture
def registered(monkeypatch):
    """Register tasks of this file beside the built-in ones."""
    found = {
        "amounts": kinds.FoundTask(Amounts(), "ensemblekit-amounts"),
        "stages": kinds.FoundTask(Stages(), "ensemblekit-stages"),
        "bad": kinds.FoundTask(type("Bad", (Task,), {"kind": "ranking"})(), "ensemblekit-bad"),
    }
    before = kinds._find

    def find(name):
        return found[name] if name in found else before(name)

    kinds.find_tasks_with(find)
    yield found
    kinds.find_tasks_with(before)


def test_the_name_is_kept_and_the_kind_is_known():
    p = binary(labels=["yes", "no"])
    assert (p.task, p.kind) == ("binary", "multiclass")
    assert p.labels.tolist() == p.predicted.tolist() == ["yes", "no"]
    assert "task='binary'" in repr(p)
    assert align(p).kind == align(p)["m"].kind == "multiclass"
    assert copy.deepcopy(p).kind == p.take(["b"]).kind == p.rename("x").kind == "multiclass"
    for task in kinds.KINDS:
        q = Predictions([[0.5, 0.5]], ids=[1], classes=CLASSES, task=task)
        assert q.task == q.kind == task


@pytest.mark.parametrize(
    "one",
    [
        [0.9, 0.2],
        [[0.9], [0.2]],
        [[1 - 0.9, 0.9], [0.8, 0.2]],
        np.array([0.9, 0.2]),
        pd.Series([0.9, 0.2], ["a", "b"]),
        pd.DataFrame({"yes": [0.9, 0.2]}, ["a", "b"]),
        pd.DataFrame({"no": [1 - 0.9, 0.8], "yes": [0.9, 0.2]}, ["a", "b"]),
    ],
    ids=["list", "column", "both", "array", "Series", "DataFrame", "DataFrame of both"],
)
def test_one_probability_is_that_of_the_second_class(one):
    ids = None if hasattr(one, "index") and not isinstance(one, list) else ["a", "b"]
    p = binary(one, ids=ids)
    assert p.probas.tolist() == [[1 - 0.9, 0.9], [0.8, 0.2]]
    assert p.ids.tolist() == ["a", "b"]


def test_the_dtype_and_absent_rows_of_one_probability_are_kept():
    p = binary(np.array([0.75, np.nan], np.float32), missing="renormalize")
    assert p.probas.dtype == np.float32
    assert p.present.tolist() == [True, False]
    assert binary(np.full((2, 3, 1), 0.25)).probas.shape == (2, 3, 2)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"classes": ["a", "b", "c"], "probas": np.full((2, 3), 1 / 3)},
         r"valid for the task 'binary': there must be two classes, .* received \('a', 'b', 'c'\)"),
        ({"probas": [1.5, 0.2]}, r"must lie in \[0, 1\]; received values from -0\.5 to 1\.5"),
        ({"probas": [[0.5, 0.6], [0.5, 0.5]]}, "must sum to 1"),
        ({"probas": pd.DataFrame({"no": [0.9, 0.2]}, ["a", "b"]), "ids": None}, "must have one column a class"),
        ({"labels": ["yes", "maybe"]}, "labels must be names out of classes"),
        ({"task": "binry"}, r"task must be one of .* received 'binry'\. .*Did you mean 'binary'"),
        ({"task": None}, "task must be one of .* received None"),
        ({"task": "multiclass"}, "at least two axes"),
    ],
)  # fmt: skip
def test_what_is_not_valid_is_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        binary(**{"probas": [0.9, 0.2]} | fields)


def test_a_task_of_a_plugin_checks_predictions_and_labels(registered):
    fields = {"ids": [1], "classes": ["visits"], "task": "amounts"}
    assert Predictions([2.5], labels=[3], **fields).kind == "regression"
    with pytest.raises(InvalidPredictionsError, match=r"valid for the task 'amounts': amounts must be >= 0; .*-1\.0"):
        Predictions([-1], **fields)
    with pytest.raises(InvalidPredictionsError, match="labels must be valid for the task 'amounts': amounts"):
        Predictions([1], labels=[-1], **fields)

    class Below(Combiner):
        def combine(self, member_probas, *, xp=np):
            return member_probas[0] - 5

    with pytest.raises(InvalidPredictionsError, match=r"returned predictions that are not valid: .*'amounts'"):
        combine([Predictions([2.5], **fields)], Below())
    with pytest.raises(PluginLoadError, match=r"a task must have a kind out of .* 'bad' of 'ensemblekit-bad' has"):
        Predictions([1], ids=[1], classes=["x"], task="bad")


def test_combiners_get_the_kind_and_the_result_keeps_the_name():
    seen = []

    class Watching(Combiner):
        traits = frozenset({"learns"})

        def check_fit(self, members, classes, *, task, given=frozenset()):
            seen.append(task)

        def fit(self, predictions, *, sample_weight=None):
            seen.append((predictions.task, predictions.kind))
            return self

        def combine(self, member_probas, *, task, xp=np):
            seen.append(task)
            return member_probas.mean(axis=0)

    p = align(binary(labels=["yes", "no"]), binary([0.5, 0.25], member="q"))
    assert combine(p, fit_combiner(p, Watching())).task == "binary"
    assert seen == ["multiclass", ("binary", "multiclass"), "multiclass"]
    assert combine(p, "mean").probas.tolist() == combine(p, "weighted", weights=[1, 1]).probas.tolist()
    for combiner in ("stacking", "weighted", "super_learner", "greedy_selection", "calibrated"):
        more = np.linspace(0.05, 0.95, 40)
        labels = np.where(more + 0.3 * np.sin(np.arange(40)) > 0.5, "yes", "no")
        fields = {"ids": range(40), "classes": CLASSES, "labels": labels}
        both = [more, 0.3 + 0.4 * more]
        named = [Predictions(v, member=m, task="binary", **fields) for m, v in zip("ab", both, strict=True)]
        plain = [Predictions(np.column_stack([1 - v, v]), member=m, **fields) for m, v in zip("ab", both, strict=True)]
        fitted, expected = fit_combiner(named, combiner), fit_combiner(plain, combiner)
        np.testing.assert_allclose(combine(named, fitted).probas, combine(plain, expected).probas, rtol=1e-9)


def test_the_order_of_the_classes_is_that_of_the_task_when_a_combiner_is_fitted():
    fields = {"classes": ["yes", "no"], "labels": ["no", "yes"]}  # "no" is the positive one here
    p = align(binary(**fields), binary([0.5, 0.25], member="q", **fields))
    assert fit_combiner(p, "weighted").classes_ == ("yes", "no")
    both = [m.probas for m in p]
    plain = [Predictions(v, ids=["a", "b"], member=m, **fields) for m, v in zip("mq", both, strict=True)]
    assert fit_combiner(plain, "weighted").classes_ == ("no", "yes")


def test_the_plain_kind_aligns_with_a_named_task_and_takes_its_order():
    plain = Predictions([[0.7, 0.3], [0.6, 0.4]], ids=["b", "a"], classes=["yes", "no"], member="plain")
    for members in ([plain, binary()], [binary(), plain]):
        p = align(members)
        assert (p.task, p.classes) == ("binary", ("no", "yes"))
        assert p["plain"].probas[list(p.ids).index("a")].tolist() == [0.4, 0.6]


def test_tasks_that_do_not_go_together_are_refused(registered):
    stages = Predictions([[0.5, 0.5]] * 2, ids=["a", "b"], classes=CLASSES, member="s", task="stages")
    plain = Predictions([[0.5, 0.5]] * 2, ids=["a", "b"], classes=CLASSES, member="p")
    with pytest.raises(AlignmentError, match="received 'binary' for member 'm' and 'stages' for member 's'"):
        align(plain, binary(), stages)
    labels = Predictions([[0.5, 0.5]] * 2, ids=["a", "b"], classes=CLASSES, member="l", task="multilabel")
    with pytest.raises(AlignmentError, match="received 'binary' for member 'm' and 'multilabel' for member 'l'"):
        align(binary(), labels)
    with pytest.raises(
        AlignmentError, match=r"in the same order .* \('no', 'yes'\) for member 'm' and \('yes', 'no'\)"
    ):
        align(binary(), binary(member="q", classes=["yes", "no"]))
    other = Predictions([[0.5, 0.5]] * 2, ids=["a", "b"], classes=["no", "maybe"], member="o")
    with pytest.raises(InvalidPredictionsError, match="valid for the task 'binary': there must be two classes"):
        align(binary(), other, missing="zero")


@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".tsv.gz", ".npz"])
@pytest.mark.parametrize("labels", [None, ["yes", "no"]], ids=["bare", "labelled"])
def test_files_keep_the_name(tmp_path, suffix, labels):
    p = binary(labels=labels)
    p.save(tmp_path / f"p{suffix}")
    again = Predictions.load(tmp_path / f"p{suffix}")
    assert (again.task, again.kind, again.classes) == ("binary", "multiclass", ("no", "yes"))
    assert again.probas.tobytes() == p.probas.tobytes()
    assert (again.labels is None) if labels is None else again.labels.tolist() == labels


@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".npz"])
def test_a_file_says_which_plugin_is_missing(tmp_path, suffix, registered):
    path = tmp_path / f"p{suffix}"
    Predictions([2.5], ids=[1], classes=["visits"], task="amounts", labels=[2]).save(path)
    assert Predictions.load(path).task == "amounts"
    del registered["amounts"]
    kinds.find_tasks_with(kinds._find)
    with pytest.raises(ValueError, match=r"received 'amounts'\. It was registered by 'ensemblekit-amounts', which is"):
        Predictions.load(path)


def test_tables_of_other_programs_are_read_as_a_task(tmp_path):
    (tmp_path / "both.csv").write_text("id,no,yes,label\na,0.25,0.75,yes\nb,0.5,0.5,no\n")
    p = Predictions.load(tmp_path / "both.csv", task="binary")
    assert (p.task, p.labels.tolist()) == ("binary", ["yes", "no"])
    (tmp_path / "one.csv").write_text("id,p,label\na,0.75,yes\nb,0.5,no\n")
    p = Predictions.load(tmp_path / "one.csv", task="binary", positive=("no", "yes"))
    assert (p.task, p.classes, p.probas[:, 1].tolist()) == ("binary", ("no", "yes"), [0.75, 0.5])
    with pytest.raises(InvalidPredictionsError, match="name the class: positive='yes'"):
        Predictions.load(tmp_path / "one.csv", task="binary")
    assert align(tmp_path / "both.csv", task="binary").task == "binary"
    with pytest.raises(InvalidOptionError, match=r"task must be one of .* received 'ranking'"):
        align(tmp_path / "both.csv", task="ranking")


def test_one_of_the_three_asks_nobody(monkeypatch):
    def find(name):
        raise AssertionError(name)

    before = kinds._find
    kinds.find_tasks_with(find)
    try:
        p = Predictions([[0.5, 0.5]], ids=[1], classes=CLASSES, labels=["no"], member="m")
        assert combine(align(p, p.rename("q")), "mean").kind == "multiclass"
        with pytest.raises(AssertionError, match="binary"):
            binary()
    finally:
        kinds.find_tasks_with(before)
    kinds.find_tasks_with(None)
    with pytest.raises(InvalidOptionError, match="received 'binary'"):
        binary()
    kinds.find_tasks_with(before)


def test_an_unknown_task_is_looked_up_again_once_it_is_there(registered):
    missing = UnknownPluginError("none")

    def find(name):
        raise missing

    kinds.find_tasks_with(find)
    with pytest.raises(InvalidOptionError, match=r"received 'amounts'\. none"):
        kinds.kind_of("amounts")
    kinds.find_tasks_with(lambda name: registered[name])
    assert kinds.kind_of("amounts") == "regression"


def test_a_task_of_a_stranger_is_found_when_it_is_installed(tmp_path):
    code = """
        from ensemblekit import Task, hookimpl

        class Counts(Task):
            '''Numbers of things.'''
            kind = "regression"
            metrics = ("mae",)

        @hookimpl
        def ensemblekit_register_tasks(register):
            register("counts", Counts)
    """
    write_distribution(tmp_path, "ensemblekit-counts", {"counts": "counts_plugin"}, counts_plugin=code)
    script = (
        "from ensemblekit import Predictions\n"
        "p = Predictions([1, 2], ids=[1, 2], classes=['n'], task='counts')\n"
        "print(p.task, p.kind)\np.save('counts.csv')"
    )
    arguments = {"capture_output": True, "text": True, "cwd": tmp_path}
    found = [*filter(None, sys.path)]
    done = subprocess.run([sys.executable, "-c", script], env=environment(tmp_path, *found), **arguments)
    assert (done.stdout, done.returncode) == ("counts regression\n", 0), done.stderr
    with pytest.raises(ValueError, match="registered by 'ensemblekit-counts', which is not installed: install it"):
        Predictions.load(tmp_path / "counts.csv")
