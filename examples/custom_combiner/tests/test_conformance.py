"""Check every promise of the combiner: `pip install "ensemblekit[testing]"`, then `pytest`."""

from ensemblekit_confident_mean import ConfidentMean

from ensemblekit.testing import parametrize_with_combiner_checks


@parametrize_with_combiner_checks([ConfidentMean])
def test_it_keeps_its_promises(check):
    """Check one promise."""
    check()
