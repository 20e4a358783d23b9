"""Few values are looked at one by one, many in whole arrays: both find the same valid."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from ensemblekit.predictions import _plainly_valid

VALUES = st.sampled_from([0.0, 1.0, 0.5, 0.25, -0.0, -1e-9, 1.0009, 1.002, np.nan, np.inf, -np.inf])


@given(
    st.data(),
    st.sampled_from(["multiclass", "multilabel", "regression"]),
    st.sampled_from([np.float16, np.float32, np.float64]),
)
def test_few_values_are_valid_where_many_are(data, kind, dtype):
    shape = data.draw(array_shapes(min_dims=2, max_dims=2, max_side=4))
    array = data.draw(arrays(np.float64, shape, elements=VALUES)).astype(dtype)
    few = _plainly_valid.is_plainly_valid(array, kind)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_plainly_valid, "FEW_VALUES", 0)
        assert _plainly_valid.is_plainly_valid(array, kind) == few


@pytest.mark.parametrize("row", [[0.25, 0.75], [0.0, 1.0], [1 / 3] * 3])
def test_probabilities_are_valid(row):
    assert _plainly_valid.is_plainly_valid(np.array([row]), "multiclass")


@pytest.mark.parametrize("row", [[1.0], [0.5, 0.502], [-0.25, 1.25], [np.nan, 1.0], [1.0, np.nan]])
def test_others_are_not(row):
    assert not _plainly_valid.is_plainly_valid(np.array([row]), "multiclass")
