"""The harness itself: it notices whatever a case can do wrong, and goes on behind it."""

import random

import pytest

from tests.fuzz.harness import edited, run_cases


@pytest.mark.slow
def test_each_kind_of_violation_is_noticed_and_the_other_cases_are_run():
    found = run_cases("tests.fuzz.bad_cases:bad", 8, seconds=2, memory=2**29)
    expected = ("one byte is lost", "ZeroDivisionError", "ended with -6", "not ended after 2 s", "MemoryError")
    assert len(found) == len(expected), found
    for number, (text, line) in enumerate(zip(expected, found, strict=True), start=1):
        assert line.startswith(f"tests.fuzz.bad_cases:bad case {number}: ")
        assert text in line


def test_an_edit_changes_bytes_and_depends_on_the_seed_alone():
    data = bytes(range(256)) * 4
    edits = [edited(random.Random(seed), data) for seed in range(300)]
    assert edits == [edited(random.Random(seed), data) for seed in range(300)]
    assert sum(edit != data for edit in edits) > 290
    assert edited(random.Random(0), b"") != b""
