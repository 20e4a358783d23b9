"""Predictions are checked once, where they come in, and refused with the rule, what came and what to do."""

import numpy as np
import pytest

from ensemblekit import InvalidPredictionsError, Predictions

GOOD = [[0.9, 0.1], [0.3, 0.7]]


def make(probas=GOOD, **fields):
    return Predictions(probas, **{"ids": ["a", "b"], "classes": ["cat", "dog"], **fields})


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"ids": ["a", "a"]}, r"ids must be unique; received 2, of which repeated: 1 \('a'\)"),
        ({"ids": ["a", 1]}, r"ids must be all str or all int; received int, str"),
        ({"ids": ["a"]}, r"one row an id; received 2 rows and 1 ids"),
        ({"classes": ["cat"]}, r"one column a class; received 2 columns"),
        ({"classes": ["cat", "cat"]}, r"classes must be unique"),
        ({"probas": [0.5, 0.5]}, r"at least two axes; received shape \(2,\)"),
        ({"probas": [[90.0, 10.0], [30.0, 70.0]]}, r"must lie in \[0, 1\].*percentages divided by 100"),
        ({"probas": [[-0.1, 1.1], [0.3, 0.7]]}, r"must lie in \[0, 1\]; received values from -0.1"),
        ({"probas": [[0.9, 0.3], [0.3, 0.7]]}, r"must sum to 1 .* first 0 \(id 'a'\)"),
        ({"probas": [[np.nan, np.nan], [0.3, 0.7]]}, r"must be finite.*missing='renormalize'"),
        ({"labels": ["cat", "cow"]}, r"labels must be names out of classes .* \('cow'\)"),
        ({"task": "binary"}, r"task must be one of 'multiclass'"),
    ],
)
def test_bad_input_is_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        make(**fields)


def test_whole_nan_rows_are_admitted_when_asked_for():
    p = make([[np.nan, np.nan], [0.3, 0.7]], missing="renormalize")
    assert p.present is not None
    assert p.present.tolist() == [False, True]
    with pytest.raises(InvalidPredictionsError, match="as a whole or not at all"):
        make([[np.nan, 1.0], [0.3, 0.7]], missing="renormalize")


def test_predictions_are_a_read_only_view_of_the_array():
    array = np.array(GOOD)
    p = make(array)
    assert np.shares_memory(p.probas, array)
    with pytest.raises(ValueError, match="read-only"):
        p.probas[0, 0] = 1


def test_labels_may_be_names_or_codes_of_the_classes_beside_them():
    assert make(labels=["dog", "cat"]).label_codes.tolist() == [1, 0]
    assert make(labels=[1, 0]).labels.tolist() == ["dog", "cat"]
    assert make(classes=[1, 2], labels=[2, 1]).label_codes.tolist() == [1, 0]
