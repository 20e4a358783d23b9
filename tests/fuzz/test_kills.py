"""Whatever is written stands whole after a kill, old or new, and the next run leaves nothing behind."""

import pytest

from tests.fuzz.harness import n_cases, run_cases


@pytest.mark.slow
def test_a_kill_cuts_nothing_loses_nothing_and_leaves_nothing():
    assert run_cases("tests.fuzz.kills:case", n_cases(10, 1000)) == []
