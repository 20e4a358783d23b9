"""Whatever a Parquet file is, `combine_files` says what memory says, or refuses it in one error that names it."""

import pytest

from tests.fuzz.harness import n_cases, run_cases


@pytest.mark.parametrize(("work", "large"), [("damaged", 3000), ("odd_metadata", 3000), ("odd_columns", 6000)])
@pytest.mark.slow
def test_odd_files_are_combined_as_in_memory_or_refused_by_name(work, large):
    assert run_cases(f"tests.fuzz.odd_parquet:{work}", n_cases(60, large)) == []
