"""Sources whose batches have columns, without any framework."""

import numpy as np
import pytest

from ensemblekit import collect
from ensemblekit.errors import DataError, InvalidOptionError
from ensemblekit.members import column_source

X = np.arange(8.0).reshape(4, 2)
CLASSES = ["cat", "dog"]


def softmax(x):
    x = np.asarray(x)
    return np.exp(x) / np.exp(x).sum(axis=1, keepdims=True)


def batches(**more):
    return [
        {"name": ["b", "a"], "x": X[:2], "y": [1, 0], **more},
        {"name": ["d", "c"], "x": X[2:].tolist(), "y": [0, 0]},
    ]


def test_columns_by_name_or_number():
    by_name = collect(
        {"m": softmax}, column_source(batches(), ids="name", x="x", y="y", classes=CLASSES), classes=CLASSES
    )
    assert by_name.ids.tolist() == ["b", "a", "d", "c"]
    assert by_name.labels.tolist() == ["dog", "cat", "cat", "cat"]
    np.testing.assert_allclose(by_name.member_probas[0], softmax(X))
    rows = [tuple(one.values()) for one in batches()]
    by_number = collect(
        {"m": softmax}, column_source(rows, ids=0, x=1, y=2, classes=CLASSES, split="test"), classes=CLASSES
    )
    np.testing.assert_array_equal(by_number.member_probas, by_name.member_probas)
    assert by_number.split == "test"
    unlabelled = collect({"m": softmax}, column_source(batches(), ids="name", x="x"), classes=CLASSES)
    assert unlabelled.labels is None


def test_several_inputs_are_columns_by_name():
    def second(x):
        return softmax(np.stack([x["left"], x["right"]], axis=1))

    columns = [{"name": ["a", "b"], "l": np.zeros(2), "r": np.array([1.0, 2.0])}]
    said = collect(
        {"m": second}, column_source(columns, ids="name", x={"left": "l", "right": "r"}), classes=CLASSES
    ).member_probas[0]
    np.testing.assert_allclose(said, softmax(np.array([[0, 1.0], [0, 2.0]])))
    with pytest.raises(InvalidOptionError, match="x must be a column, or name at least one input"):
        column_source(columns, ids="name", x={})


def test_a_list_of_ids_is_refused_where_rows_may_be_in_any_order():
    with pytest.raises(DataError, match=r"a list of ids is for a DataLoader with shuffle=False, .* received a list"):
        column_source(batches(), ids=["a", "b", "c", "d"], x="x")


def test_columns_that_are_not_there_and_rows_of_several_sizes_are_refused():
    with pytest.raises(DataError, match=r"must have the column 'id'; it has 3 \('name', 'x', 'y'\)"):
        collect({"m": softmax}, column_source(batches(), ids="id", x="x"), classes=CLASSES)
    with pytest.raises(DataError, match="rows of column 'x' must be of one size; received 2"):
        collect({"m": softmax}, column_source(batches(x=[[1.0], [1.0, 2.0]]), ids="name", x="x"), classes=CLASSES)
    with pytest.raises(DataError, match="whole numbers from 0 to 1; received"):
        collect(
            {"m": softmax}, column_source(batches(y=[0, 2]), ids="name", x="x", y="y", classes=CLASSES), classes=CLASSES
        )


@pytest.mark.parametrize("y", [np.eye(2)[[1, 0]], np.eye(2, dtype=bool)[[1, 0]], [[0, 1], [1, 0]]])
def test_one_hot_labels(y):
    source = column_source(batches(y=y)[:1], ids="name", x="x", y="y", classes=CLASSES)
    assert collect({"m": softmax}, source, classes=CLASSES).labels.tolist() == ["dog", "cat"]
    for wrong in ([[1, 1], [1, 0]], [[1, 2], [1, 0]], [[0, 0], [1, 0]], [[0.5, 0.5], [1, 0]]):
        source = column_source(batches(y=wrong)[:1], ids="name", x="x", y="y", classes=CLASSES)
        with pytest.raises(DataError, match="must be one-hot, a 1 for the class of the row"):
            collect({"m": softmax}, source, classes=CLASSES)
