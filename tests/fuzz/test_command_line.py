"""Random command lines over random files: one line on stderr, a documented status, nothing as code."""

import pytest

from tests.fuzz.harness import n_cases, run_cases


@pytest.mark.slow
def test_no_command_line_ends_in_a_traceback():
    assert run_cases("tests.fuzz.command_line:case", n_cases(20, 20_000)) == []
