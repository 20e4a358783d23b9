"""What the tests of runs that are cut off share: a small run, and one that nothing disturbed."""

import time

import pytest

from tests.small_study import ctscan, small_arguments


def pytest_collection_modifyitems(items):
    """Leave what needs a whole run of the study to the slow tests."""
    for item in items:
        if {"finished", "unbroken"} & {*getattr(item, "fixturenames", ())}:
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def given(tmp_path_factory, keras):
    """Arguments of a run on few images, with a small backbone."""
    return small_arguments(tmp_path_factory.mktemp("given"), keras)


@pytest.fixture(scope="session")
def unbroken(given, tmp_path_factory):
    """A run that nothing disturbed, and the seconds that it took."""
    out = tmp_path_factory.mktemp("unbroken") / "run"
    start = time.monotonic()
    done = ctscan(given, out)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return out, time.monotonic() - start, done.stdout
