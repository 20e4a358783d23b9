"""No door of ours changes a byte of what a user has put where we work."""

import pytest

from tests.fuzz.harness import n_cases, run_cases


@pytest.mark.slow
def test_nothing_of_a_user_is_deleted_or_replaced():
    assert run_cases("tests.fuzz.user_folders:case", n_cases(60, 5000)) == []
