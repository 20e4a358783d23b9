"""What one input may ask for: known before it is taken, and raised by a variable of the environment."""

import pytest

from ensemblekit.errors import DataError, InvalidOptionError, InvalidPredictionsError
from ensemblekit.limits import LARGEST, RATIO, VARIABLE, check_size, largest


def test_what_is_small_or_as_large_as_its_file_passes():
    check_size(LARGEST, "an array", DataError)
    check_size(RATIO * LARGEST, "an array", DataError, stored=LARGEST)


@pytest.mark.parametrize("error", [DataError, InvalidPredictionsError])
def test_a_bomb_is_refused_with_the_error_of_its_room_and_the_variable_that_allows_it(error, monkeypatch):
    with pytest.raises(error, match=rf"the array 'probas' must take at most {LARGEST} .*Set {VARIABLE}=2000000000 if"):
        check_size(2_000_000_000, "the array 'probas'", error, stored=3_000_000)
    monkeypatch.setenv(VARIABLE, "2000000000")
    check_size(2_000_000_000, "the array 'probas'", error, stored=3_000_000)
    monkeypatch.setenv(VARIABLE, "1000")
    with pytest.raises(error, match="at most 1000 bytes"):
        check_size(1001, "an image", error)


@pytest.mark.parametrize("said", ["0", "-1", "1e9", "2 GiB", "nan", "9" * 40, "\u0663"])
def test_a_variable_that_is_no_number_of_bytes_is_refused(said, monkeypatch):
    monkeypatch.setenv(VARIABLE, said)
    with pytest.raises(InvalidOptionError, match=rf"{VARIABLE} must be a whole number of bytes above 0; received"):
        largest()
