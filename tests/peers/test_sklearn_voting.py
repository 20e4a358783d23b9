"""scikit-learn's own tests of `VotingClassifier` and `VotingRegressor`, of ours."""

import pytest

from tests.peers.shim import installed_tests

pytestmark = pytest.mark.filterwarnings("default")
globals().update(installed_tests("test_voting"))
