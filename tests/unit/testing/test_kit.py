"""The kit itself: strategies, messages, expected failures, and one pytest test a promise."""

import subprocess
import sys
from functools import partial
from random import Random
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import find, given, reject, settings
from hypothesis import strategies as st

from ensemblekit import EnsembleKitError, InvalidOptionError, Predictions
from ensemblekit.testing import (
    CheckFailedError,
    check_combiner,
    labels,
    member_probas,
    parametrize_with_combiner_checks,
    prediction_sets,
    training_predictions,
    weights,
)
from ensemblekit.testing._failure import Violation, as_code
from ensemblekit.testing._running import _search
from tests.strangers import environment

from .wrong import CountsItsCalls, Right, SumsInsteadOfAveraging

TASKS = ["multiclass", "multilabel", "regression"]


# Strategies.


@pytest.mark.parametrize("task", TASKS)
@given(data=st.data())
@settings(max_examples=100)
def test_what_is_drawn_is_valid(task, data):
    cube = data.draw(member_probas(task=task))
    for probas in cube:
        Predictions(probas, ids=range(len(probas)), classes=range(probas.shape[-1]), task=task)


SEARCH = settings(max_examples=500, database=None)
AWKWARD = {
    "one member": lambda cube: len(cube) == 1,
    "one sample": lambda cube: cube.shape[1] == 1,
    "one-hot rows": lambda cube: ((cube == 0) | (cube == 1)).all(),
    "ties": lambda cube: (cube[..., :1] == cube).all(),
    "float16": lambda cube: cube.dtype == np.float16,
    "float32": lambda cube: cube.dtype == np.float32,
    "tiny": lambda cube: cube.dtype == np.float32 and (cube == np.float32(1e-30)).any(),
    "Fortran order": lambda cube: cube.flags.f_contiguous and not cube.flags.c_contiguous,
    "read-only": lambda cube: not cube.flags.writeable,
    "extra axes": lambda cube: cube.ndim == 4,
}


@pytest.mark.parametrize("what", AWKWARD)
def test_the_awkward_cases_are_drawn(what):
    cube = find(member_probas(), AWKWARD[what], settings=SEARCH, random=Random(0))
    assert cube.size <= 12


@pytest.mark.parametrize(
    "wanted",
    [
        lambda cube: np.abs(cube).max() > 1e29,
        lambda cube: ((cube != 0) & (np.abs(cube) < np.finfo(cube.dtype).tiny)).any(),
    ],
    ids=["huge", "subnormal"],
)
def test_regression_values_are_huge_and_tiny(wanted):
    strategy = member_probas(task="regression", dtype=np.float32)
    cube = find(strategy, wanted, settings=SEARCH, random=Random(0))
    assert cube.shape == (1, 1, 1)


@given(member_probas(n_members=2, n_samples=st.just(3), n_classes=5, extra_axes=(2, 2), dtype=np.float32))
def test_sizes_are_as_asked_for(cube):
    assert (cube.shape, cube.dtype) == ((2, 3, 2, 2, 5), np.float32)


@given(weights(3))
def test_weights_are_valid(values):
    assert values.shape == (3,)
    assert np.isfinite(values).all()
    assert (values >= 0).all()
    assert values.sum() > 0


@pytest.mark.parametrize("task", TASKS)
@given(data=st.data())
def test_labels_are_those_of_a_prediction_set(task, data):
    predictions = data.draw(prediction_sets(task=task, n_classes=3, extra_axes=()))
    codes = data.draw(labels(4, 3, task=task))
    assert codes.dtype == predictions.label_codes.dtype
    assert codes.ndim == predictions.label_codes.ndim


def test_an_unknown_task_is_refused():
    for strategy in (member_probas, labels, prediction_sets):
        with pytest.raises(InvalidOptionError, match=r"task must be one of 'multiclass', .* received 'ranking'"):
            strategy(task="ranking")


@pytest.mark.parametrize("task", TASKS)
def test_training_predictions_are_the_same_each_time(task):
    a, b = training_predictions(task), training_predictions(task)
    assert a.member_probas.tobytes() == b.member_probas.tobytes()
    assert training_predictions(task, seed=1).member_probas.tobytes() != a.member_probas.tobytes()
    assert training_predictions(task, hard=True, extra_axes=(2,)).member_probas.shape == (3, 40, 2, 3)


# Messages.


def test_a_message_names_the_promise_and_shows_arrays_that_can_be_pasted():
    with pytest.raises(CheckFailedError) as caught:
        check_combiner(SumsInsteadOfAveraging)
    message = str(caught.value)
    assert isinstance(caught.value, (AssertionError, EnsembleKitError))
    assert "SumsInsteadOfAveraging breaks the promise 'valid_values': the result is valid for the task." in message
    line = next(line.strip() for line in message.splitlines() if "member_probas = " in line)
    names = {"np": np}
    exec(line, names)  # noqa: S102
    assert names["member_probas"].tobytes() == caught.value.arrays["member_probas"].tobytes()
    assert "Received: np.array([[2.0, 0.0]], dtype=np.float64)" in message


@given(member_probas(task="regression"))
def test_what_is_shown_is_the_same_to_the_bit_when_pasted(cube):
    again = eval(as_code(cube))  # noqa: S307
    assert (again.dtype, again.shape, again.tobytes()) == (cube.dtype, cube.shape, cube.tobytes())
    assert again.flags.f_contiguous == cube.flags.f_contiguous


def test_special_values_can_be_pasted():
    array = np.array([np.nan, np.inf, -np.inf, 0.1], dtype=np.float32)
    np.testing.assert_array_equal(eval(as_code(array)), array)  # noqa: S307
    assert as_code(np.zeros((2, 0))) == "np.zeros((2, 0), dtype=np.float64)"
    assert as_code(np.array([True])) == "np.array([True])"


def test_an_error_of_a_combiner_is_a_finding_with_its_cause():
    class Broken:
        def combine(self, member_probas):
            raise IndexError("too far")

    with pytest.raises(CheckFailedError, match="combine raised IndexError: too far") as caught:
        check_combiner(Broken)
    assert isinstance(caught.value.__cause__, IndexError)


def test_a_factory_that_fails_is_a_finding():
    with pytest.raises(CheckFailedError, match="making it raised ZeroDivisionError"):
        check_combiner(lambda: 1 / 0)


# Expected failures.


def test_an_expected_failure_is_let_go():
    check_combiner(CountsItsCalls, expected_failed_checks={"changes_nothing": "it counts"})


def test_an_expected_failure_that_passes_is_an_error():
    with pytest.raises(CheckFailedError, match=r"Right was expected to fail the check 'deterministic' \(chance\), and"):
        check_combiner(Right, expected_failed_checks={"deterministic": "chance"})


@pytest.mark.parametrize(
    ("expected", "message"),
    [({"symetric": "x"}, "received 'symetric'. Did you mean 'symmetric'?"), ({"symmetric": ""}, "a reason")],
)
def test_expected_failures_name_checks_and_have_reasons(expected, message):
    with pytest.raises(InvalidOptionError, match=message):
        check_combiner(Right, expected_failed_checks=expected)


# pytest.


class Weighty:
    def __init__(self, shift=0):
        self.shift = shift

    def combine(self, member_probas):
        return member_probas.mean(axis=0)


@parametrize_with_combiner_checks(
    [Right, partial(Weighty, shift=1), CountsItsCalls],
    expected_failed_checks=lambda factory: {"changes_nothing": "it counts"} if factory is CountsItsCalls else {},
    max_examples=5,
)
def test_one_test_a_promise(check):
    check()


def test_ids_are_readable_and_only_what_is_promised_is_checked():
    mark = parametrize_with_combiner_checks({"mine": Weighty, "right": Right}).mark
    ids = [case.id for case in mark.args[1]]
    assert ids[:2] == ["mine-contract", "mine-shape_and_dtype"]
    assert "right-fit_contract" in ids
    assert not [name for name in ids if "symmetric" in name or "mine-fit" in name]


def test_a_rule_that_takes_nothing_that_is_drawn_breaks_its_promise_and_is_no_mistake_of_the_kit():
    choosy = SimpleNamespace(run=lambda subject, draw: reject(), unsatisfied="")
    with pytest.raises(Violation, match="it refuses all predictions that were drawn, of members called 'm0'"):
        _search(choosy, None, 5)


def test_importing_ensemblekit_does_not_import_the_kit():
    code = "import ensemblekit, ensemblekit.cli, sys; print('hypothesis' in sys.modules, 'pytest' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment())
    assert done.stdout.split() == ["False", "False"]


GRAPHS_ON_TORCH = """
import keras
from ensemblekit import load_plugins
from ensemblekit.testing import run_checks

for name, factory in load_plugins().combiners.items():
    if "graphable" in factory().traits:
        results = {r.check: r for r in run_checks("combiner", factory, label=name)}
        for check in ("graphable", "graph_of_any_batch"):
            assert results[check].status == "passed", results[check].error
print(keras.backend.backend())
"""


@pytest.mark.slow
def test_graphs_of_the_built_ins_hold_on_torch_where_it_is_installed():
    pytest.importorskip("torch")
    env = environment(KERAS_BACKEND="torch")
    done = subprocess.run([sys.executable, "-c", GRAPHS_ON_TORCH], capture_output=True, text=True, env=env)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["torch"]


def test_without_hypothesis_the_kit_says_how_to_install_it():
    code = "import sys; sys.modules['hypothesis'] = None; import ensemblekit.testing"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env=environment())
    assert done.stderr.splitlines()[-1].startswith("ensemblekit.errors.MissingDependencyError: ensemblekit.testing")
    assert 'pip install "ensemblekit[testing]"' in done.stderr
