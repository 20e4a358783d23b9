"""What every test shares: the settings of Hypothesis, and Keras where it is installed."""

import os

import pytest
from hypothesis import settings

settings.register_profile("local", deadline=None, max_examples=30)
settings.register_profile("ci", deadline=None, max_examples=30, derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "local")


@pytest.fixture(scope="session")
def keras():
    return pytest.importorskip("keras")
