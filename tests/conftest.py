"""What every test shares: the settings of Hypothesis, and Keras where it is installed."""

import gc
import os

import pytest
from hypothesis import settings

# With a thread for each core in each worker, threads wait for one another. Read when NumPy is loaded, which is later.
for _variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")

# `make test-deep` searches with the last of these, and `make test-lowest`, which asks for versions, with the first.
settings.register_profile("few", deadline=None, max_examples=3, derandomize=True, print_blob=True)
settings.register_profile("local", deadline=None, max_examples=10)
settings.register_profile("ci", deadline=None, max_examples=10, derandomize=True, print_blob=True)
settings.register_profile("deep", deadline=None, max_examples=200, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "local")


# What collection makes stays until the end: no search for garbage finds any there, and each takes seconds.
gc.disable()


def pytest_collection_finish():
    gc.freeze()
    gc.enable()


@pytest.fixture(scope="session")
def keras():
    return pytest.importorskip("keras")
