"""The benchmark of alignment times each pair, and both sides of a pair give the same values."""

import numpy as np
import pytest

from benchmarks import alignment
from ensemblekit import align


def test_every_pair_is_timed_and_judged(tmp_path):
    pytest.importorskip("polars")
    table = list(alignment.measured(1000, 100, tmp_path, 1, ""))
    names = [row["what"] for row in table]
    assert len(set(names)) == len(names) == 12
    for row in table:
        assert row["ensemblekit, ms"] > 0
        assert row["holds"] in ("yes", "no")
    assert {row["at most"] for row in table} >= {"1.5 x polars joins", "2 x pandas reindex", "1.2 x copy of the cube"}


def test_a_limit_that_is_exceeded_does_not_hold():
    assert alignment.row("x", 0.2, "", 0.1, 0.2 / 0.1 <= 1.5)["holds"] == "no"
    assert alignment.row("x", 0.2, "", 0.1, 0.2 / 0.1 <= 2)["times"] == 2


def test_the_other_libraries_do_what_align_does():
    pytest.importorskip("polars")
    random = np.random.default_rng(0)
    probas = [random.dirichlet(np.ones(4), 50) for _ in range(3)]
    members = alignment.named(probas, [random.permutation(50) for _ in probas])
    cube = align(members).member_probas
    np.testing.assert_array_equal(alignment.pandas_reindex(members)(), cube)
    joined = alignment.polars_joins(members)().drop("id").to_numpy()
    np.testing.assert_array_equal(joined, np.concatenate(list(cube), axis=1))
