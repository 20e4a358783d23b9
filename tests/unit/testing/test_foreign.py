"""The referee: wrong functions are rejected by the name of what they break, right ones are accepted."""

import re

import numpy as np
import pytest

from ensemblekit import InvalidOptionError
from ensemblekit.testing import (
    CheckFailedError,
    assert_foreign,
    check_foreign,
    foreign_promises,
    parametrize_with_foreign_checks,
)

from .foreign_functions import RIGHT, mean, reciprocal_ranks
from .wrong_foreign import WRONG, counts_in_order, loops, plain, remembers

SHAPES = ("probabilities", "votes", "scores", "rankings", "boxes", "quantiles")
CASES = [
    pytest.param(*case, id=f"{case[1]}-{case[0].__name__}", marks=[pytest.mark.slow] if at % 5 else [])
    for at, case in enumerate(WRONG)
]


@pytest.mark.parametrize(("function", "shape", "promise", "options"), CASES)
def test_a_wrong_function_is_rejected_by_name(function, shape, promise, options):
    report = check_foreign(function, shape, promises=[promise], **{"max_examples": 15, "seconds": 60, **options})
    assert report.broken == (promise,), report


@pytest.mark.parametrize("name", ["mean", "vote", "median", "reciprocal_ranks", "fuse_boxes", "vincent"])
def test_a_right_function_is_accepted(name):
    function, shape, options = RIGHT[name]
    report = check_foreign(function, shape, max_examples=2, **options)
    assert report.broken == ()


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.parametrize("name", RIGHT)
def test_a_right_function_is_accepted_on_many_examples(name):
    function, shape, options = RIGHT[name]
    report = check_foreign(function, shape, max_examples=60, seed=1, **options)
    assert report.broken == ()
    unchecked = {"absent_is_left_out", "ties_stated", "names_of_labels"}
    if options.get("weighted", True):
        assert set(report.not_applicable) <= unchecked, report


def test_forty_wrong_functions_break_promises_of_every_shape():
    assert len({function for function, *_ in WRONG}) >= 40
    assert {shape for _, shape, _, _ in WRONG} == set(SHAPES)


def test_every_promise_is_seen_to_break():
    broken = {promise for _, _, promise, _ in WRONG}
    assert {promise for shape in SHAPES for promise in foreign_promises(shape)} == broken


@pytest.mark.slow
def test_an_example_runs_by_itself_and_fails():
    for function, shape, promise, options in WRONG[1::19]:
        report = check_foreign(function, shape, promises=[promise], **{"max_examples": 15, "seconds": 60, **options})
        with pytest.raises((AssertionError, AttributeError, IndexError, ValueError)):
            exec(report.examples[promise], {})  # noqa: S102 - it is there to be pasted


def test_the_smallest_example_is_shown():
    example = check_foreign(plain, promises=["weights_matter"]).examples["weights_matter"]
    assert example == EXAMPLE


EXAMPLE = """\
import numpy as np

def plain(probas, _weights):
    return np.mean(probas, axis=0)

def same_numbers(first, second):
    return np.shape(first) == np.shape(second) and np.allclose(first, second)

member_probas = np.array([[[0.75, 0.25]], [[0.25, 0.75]]])
weights = np.array([18.0, 1.0])
first = plain(member_probas, weights)
second = plain(np.array([[[0.75, 0.25]], [[0.25, 0.75]]]), np.array([1.0, 18.0]))
assert not same_numbers(first, second), f"first = {first!r}; second = {second!r}"
"""


def test_a_function_is_imported_where_its_source_would_not_run():
    report = check_foreign(counts_in_order, "votes", promises=["ties_stable"])
    assert f"from {counts_in_order.__module__} import counts_in_order\n" in report.examples["ties_stable"]
    report = check_foreign(lambda p, w: p[0], promises=["order_of_members"], code="function = lambda p, w: p[0]")
    assert "function = lambda p, w: p[0]\n" in report.examples["order_of_members"]
    with pytest.raises(AssertionError, match="first = array"):
        exec(report.examples["order_of_members"], {})  # noqa: S102


def test_the_same_seed_has_the_same_report():
    one, again, other = (check_foreign(mean, promises=["bounds"], seed=seed).results for seed in (3, 3, 4))
    assert one == again == other

    def seen(seed):
        inputs = []

        def record(probas, weights):
            inputs.append(probas.tobytes())
            return mean(probas, weights)

        check_foreign(record, promises=["bounds"], max_examples=5, seed=seed)
        return inputs

    assert seen(3) == seen(3) != seen(4)


@pytest.mark.slow
def test_what_cannot_be_judged_is_not_applicable():
    report = check_foreign(loops, seconds=0.05)
    assert report.broken == ("answers",)
    assert set(report.not_applicable.values()) == {"it does not end"}
    promises = ["answers", "same_answer_twice", "order_of_members"]
    report = check_foreign(remembers, "scores", max_examples=3, promises=promises)
    assert report.broken == ("same_answer_twice",)
    assert report.not_applicable["order_of_members"] == "it does not answer twice alike"

    def refuses(probas):
        raise NotImplementedError

    report = check_foreign(refuses, weighted=False, promises=["answers", "bounds", "weights_matter"], max_examples=2)
    assert report.broken == report.kept == ()
    assert report.not_applicable["weights_matter"] == "it takes no weights"
    assert report.not_applicable["answers"] == "no answers that could be compared"


def test_a_waiver_has_a_reason_and_must_be_needed():
    waived = {"weights_matter": "it takes no heed of weights, as its page says"}
    promises = ["weights_matter", "bounds"]
    report = assert_foreign(plain, promises=promises, expected_failed_checks=waived, max_examples=2)
    assert (report.kept, report.broken, dict(report.waived)) == (("bounds",), (), waived)
    with pytest.raises(CheckFailedError, match=r"mean was expected to fail the check 'weights_matter'"):
        assert_foreign(mean, promises=promises, expected_failed_checks=waived, max_examples=2)
    with pytest.raises(InvalidOptionError, match="must give a reason"):
        check_foreign(mean, expected_failed_checks={"bounds": ""})


def test_the_error_names_the_function_and_the_promise():
    with pytest.raises(CheckFailedError) as raised:
        assert_foreign(plain, promises=["weights_matter"])
    assert str(raised.value).startswith(
        "plain breaks the promise 'weights_matter': the weights change the answer.\nFound: whichever of two members "
    )
    assert raised.value.check == "weights_matter"
    assert raised.value.example == EXAMPLE


def test_a_report_shows_names_reasons_and_one_example():
    text = str(check_foreign(plain, promises=["weights_matter", "bounds", "absent_is_left_out"], max_examples=2))
    assert text.splitlines()[:4] == [
        "plain (probabilities): 1 promises kept, 1 broken",
        "  kept: bounds",
        "  broken: weights_matter: whichever of two members that disagree has nearly all weight, the answer is the "
        "same.",
        "  not applicable: absent_is_left_out: it takes no absent rows (no absent= was given)",
    ]
    assert text.endswith(f"Counter-example of weights_matter:\n\n{EXAMPLE}")


@parametrize_with_foreign_checks(
    {"mean": mean, "plain": plain},
    shape="probabilities",
    promises=["bounds", "weights_matter"],
    expected_failed_checks=lambda function: {"weights_matter": "as its page says"} if function is plain else {},
    max_examples=2,
)
def test_one_test_a_promise(check):
    check()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"shape": "masks"}, "shape must be one of 'probabilities', 'votes', 'scores'"),
        ({"shape": "votes", "ties": "random"}, "ties must be one of 'first', 'largest', 'smallest' for votes"),
        ({"ties": "first"}, "ties must be left out for probabilities; received 'first'"),
        ({"shape": "boxes", "absent": 0}, "absent must be left out for boxes; received 0"),
        ({"labels": (1, 2)}, "labels must be two or more different labels, of votes"),
        ({"promises": ["ordr"]}, "promises must name promises of probabilities; received 'ordr'"),
        ({"seconds": 0}, "seconds must be a finite number > 0"),
        ({"seed": -1}, "seed must be a whole number >= 0"),
        ({"expected_failed_checks": {"bound": "x"}}, "Did you mean 'bounds'?"),
    ],
)
def test_wrong_options_are_refused(options, message):
    with pytest.raises(InvalidOptionError, match=re.escape(message)):
        check_foreign(mean, **options)
    with pytest.raises(InvalidOptionError, match="function must be callable; received int"):
        check_foreign(3)


def test_a_function_without_weights_is_called_without_them():
    def ranks(runs):
        return reciprocal_ranks(runs, np.ones(len(runs)))

    assert check_foreign(ranks, "rankings", weighted=False, max_examples=2).broken == ()
