"""Several inputs and outputs are told by structure, never by length; lists of samples are samples."""

import itertools

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from scipy import sparse
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction import DictVectorizer
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from ensemblekit import InvalidOptionError, as_member, collect
from ensemblekit.errors import DataError, InvalidPredictionsError

IDS = [f"s{row}" for row in range(6)]
X = np.linspace(0, 1, 6).reshape(-1, 1)
CLASSES = ("cat", "dog")
PAIR = {"a": X, "b": 10 * X}


def right(x):
    x = np.asarray(x, dtype=np.float64).reshape(len(x), -1)[:, :1]
    return np.concatenate([1 - x, x], axis=1)


def probas_of(member, source, **options):
    return collect({"m": member}, source, classes=CLASSES, **options)["m"].probas


def of_both(inputs):
    """A function of two inputs by name, which checks that their rows belong together."""
    np.testing.assert_allclose(inputs["b"], 10 * inputs["a"])
    return right(inputs["a"])


@pytest.mark.parametrize("batch_size", [1, 2, 4, 6])
def test_several_inputs_are_cut_into_batches_together(batch_size):
    np.testing.assert_array_equal(probas_of(of_both, (IDS, PAIR), batch_size=batch_size), right(X))
    by_place = probas_of(lambda x: of_both(dict(zip("ab", x, strict=True))), (IDS, (X, 10 * X)), batch_size=batch_size)
    np.testing.assert_array_equal(by_place, right(X))
    nested = {"pair": (X, 10 * X), "more": {"c": X}}
    probas = probas_of(
        lambda x: of_both({"a": x["more"]["c"], "b": x["pair"][1]}), (IDS, nested), batch_size=batch_size
    )
    np.testing.assert_array_equal(probas, right(X))


def test_a_list_is_several_inputs_only_where_it_can_be_nothing_else():
    def of_list(x):
        assert isinstance(x, list)
        return of_both(dict(zip("ab", x, strict=True)))

    np.testing.assert_array_equal(probas_of(of_list, (IDS, [X, 10 * X])), right(X))
    with pytest.raises(
        DataError, match=r"several inputs or a list of samples, and nobody can know .* 2 arrays of 2 rows"
    ):
        probas_of(of_list, (IDS[:2], [X[:2], 10 * X[:2]]))
    samples = [np.full(3, value) for value in X[:, 0]]
    np.testing.assert_array_equal(probas_of(right, (IDS, samples), batch_size=4), right(X))


def test_the_first_batch_of_a_stream_says_what_its_lists_are():
    def in_batches(*cuts):
        for start, end in itertools.pairwise(cuts):
            yield IDS[start:end], [X[start:end], 10 * X[start:end]]

    def of_list(x):
        return of_both(dict(zip("ab", x, strict=True)))

    np.testing.assert_array_equal(probas_of(of_list, in_batches(0, 4, 6)), right(X))
    with pytest.raises(DataError, match="nobody can know"):
        probas_of(of_list, in_batches(0, 2, 6))
    with pytest.raises(DataError, match=r"each batch must have the same inputs; received one input after 2 inputs"):
        probas_of(lambda x: right(x[0]), [(IDS[:4], (X[:4], X[:4])), (IDS[4:], X[4:])])
    with pytest.raises(DataError, match=r"received inputs called 1 \('a'\) after inputs called 2 \('a', 'b'\)"):
        probas_of(lambda x: right(x["a"]), [(IDS[:4], {"a": X[:4], "b": X[:4]}), (IDS[4:], {"a": X[4:]})])


@pytest.mark.parametrize(
    ("x", "message"),
    [
        ({"a": X, "b": X[:5]}, r"x\['b'\] must have one row an id; received 5 rows and 6 ids"),
        ({"a": X, "b": {"c": X[:5]}}, r"x\['b'\]\['c'\] must have one row an id"),
        ((X, X[:5]), r"x\[1\] must have one row an id"),
        ({}, "x must hold at least one input; received an empty dict"),
        ("abcdef", "one row an id, or {name: array} for several inputs; received str"),
        (None, "received NoneType"),
        (np.zeros(()), "received ndarray"),
        (iter(range(6)), "received range_iterator"),
    ],
)
def test_inputs_that_have_no_rows_or_other_rows_are_refused(x, message):
    with pytest.raises(DataError, match=message):
        probas_of(right, (IDS, x))


@pytest.mark.parametrize(
    "x",
    [
        X.tolist(), sparse.coo_matrix(X), sparse.csr_matrix(X), pl.DataFrame(X), pa.table({"x": X[:, 0]}),
        pd.DataFrame(X), pd.DataFrame(X).convert_dtypes(),
    ],
    ids=["list", "coo", "csr", "polars", "arrow", "pandas", "nullable"],
)  # fmt: skip
def test_inputs_of_every_kind_are_cut(x):
    def member(part):
        part = part.toarray() if sparse.issparse(part) else part.to_pandas() if hasattr(part, "to_pandas") else part
        return right(part)

    np.testing.assert_array_equal(probas_of(member, (IDS, x), batch_size=4), right(X))


def test_a_list_of_texts_or_dicts_is_a_list_of_samples():
    texts, names = ["good", "bad"] * 3, ["dog", "cat"] * 3
    for vectorizer, x in ((CountVectorizer(), texts), (DictVectorizer(), [{"word": text} for text in texts])):
        model = make_pipeline(vectorizer, LogisticRegression()).fit(x, names)
        collected = collect({"m": model}, (IDS, x, names), batch_size=2)
        np.testing.assert_allclose(collected["m"].probas, model.predict_proba(x))
        assert collected["m"].predicted.tolist() == names


def test_samples_of_different_sizes_are_a_typed_error():
    with pytest.raises(DataError, match=r"member 'm' fails on a list of 6 samples of different sizes: .* Pad or crop"):
        probas_of(right, (IDS, [[1.0], [1.0, 2.0]] * 3))
    ragged = np.array([[1.0], [1.0, 2.0], [1.0]], dtype=object)
    with pytest.raises(DataError, match="fails on a list of 3 samples of different sizes"):
        probas_of(right, (IDS[:3], ragged))
    with pytest.raises(DataError, match=r"received rows of different lengths, the first \['cat'\]"):
        probas_of(right, (IDS, X, [["cat"], ["cat", "dog"]] * 3))
    with pytest.raises(DataError, match="must be the ids, one a sample; received shape"):
        probas_of(right, ([["a"], ["b", "c"]], X))
    with pytest.raises(InvalidPredictionsError, match="the answer of member 'm' must be an array, each row as long"):
        probas_of(lambda x: [[0.5, 0.5], [1]] * 3, (IDS, X))
    with pytest.raises(InvalidPredictionsError, match=r"one shape a sample; it returned \(1, 2\) after \(5, 2\)"):
        probas_of(lambda x: np.full((len(x), len(x), 2), 0.5), (IDS, X), batch_size=5)


def test_an_error_of_the_model_itself_is_passed_on():
    def broken(x):
        raise ValueError("my own")

    with pytest.raises(ValueError, match=r"^my own$"):
        probas_of(broken, (IDS, X))


def test_two_outputs_are_never_two_rows():
    def two(x):
        return [right(x), right(1 - x)]

    for n in range(1, 4):
        with pytest.raises((InvalidOptionError, InvalidPredictionsError), match="member 'm' must"):
            probas_of(two, (IDS[:n], X[:n]))
        with pytest.raises(InvalidOptionError, match=r"must have one output; it returned 2 without names\. Return one"):
            probas_of(lambda x: tuple(two(x)), (IDS[:n], X[:n]))
    with pytest.raises(InvalidPredictionsError, match="nobody can know whether its list of 2 arrays"):
        probas_of(two, (IDS[:2], X[:2]))


def test_outputs_are_chosen_by_name():
    def two(x):
        return {"left": right(1 - x), "right": right(x)}

    with pytest.raises(InvalidOptionError, match=r"it has 2, 'left', 'right', and none was chosen.*output_names={'m'"):
        probas_of(two, (IDS, X))
    np.testing.assert_array_equal(probas_of(two, (IDS, X), output_names={"m": "right"}), right(X))
    member = as_member(two, name="m", classes=CLASSES, output_name="right")
    np.testing.assert_array_equal(member.predict(np.array(IDS), X), right(X))
    with pytest.raises(InvalidOptionError, match="and 'middle' was asked for"):
        probas_of(two, (IDS, X), output_names={"m": "middle"})
    with pytest.raises(InvalidOptionError, match=r"by the names of members, 1 \('m'\); received 1 \('n'\)"):
        probas_of(two, (IDS, X), output_names={"n": "right"})
    with pytest.raises(InvalidOptionError, match="member 'm' has one, without a name, and 'right' was asked for"):
        probas_of(right, (IDS, X), output_names={"m": "right"})
    np.testing.assert_array_equal(probas_of(lambda x: {"only": right(x)}, (IDS, X)), right(X))


def test_rows_as_lists_stay_rows():
    for make in (list, np.ndarray.tolist, lambda z: [row.tolist() for row in z]):
        for n in range(1, 7):
            np.testing.assert_array_equal(probas_of(lambda x, m=make: m(right(x)), (IDS[:n], X[:n])), right(X[:n]))


def test_a_forest_of_several_labels_is_multilabel():
    y = np.column_stack([X[:, 0] > 0.3, X[:, 0] > 0.6]).astype(int)
    model = RandomForestClassifier(5, random_state=0).fit(X, y)
    member = as_member(model, name="m", classes=CLASSES, task="multilabel")
    expected = np.column_stack([column[:, 1] for column in model.predict_proba(X)])
    for n in (2, 6):
        np.testing.assert_array_equal(member.predict(np.array(IDS[:n]), X[:n]), expected[:n])
    with pytest.raises(InvalidOptionError, match=r"was fitted on 2 targets.*task='multilabel'.*classes="):
        as_member(model, name="m")


def test_a_source_without_an_end_is_noticed_as_its_ids_repeat():
    for source in (itertools.repeat((IDS, X)), itertools.cycle([(IDS[:4], X[:4]), (IDS[4:], X[4:])])):
        with pytest.raises(
            InvalidPredictionsError, match=r"ids must be unique; after 6 rows the source repeats .*repeat"
        ):
            probas_of(right, itertools.islice(source, 20))  # a fault must not fill the memory


def test_what_later_batches_will_not_mend_is_refused_after_the_first():
    calls = []

    def counted(x):
        calls.append(len(x))
        return right(x)

    other = as_member(right, name="other", classes=("kat", "hund"))
    faults = {
        "lacks 2": {"members": [("m", counted), other], "source": (IDS, X)},
        "finite": {"members": {"m": lambda x: counted(x) * np.nan}, "source": (IDS, X)},
        "zebra": {"members": {"m": counted}, "source": (IDS, X, [*"ddddd", "zebra"])},
        "integers": {"members": {"m": counted}, "source": (IDS, X, range(6))},
    }
    for message, fault in faults.items():
        calls.clear()
        with pytest.raises(ValueError, match=message):
            collect(fault["members"], fault["source"], classes=CLASSES, batch_size=1)
        assert calls == [1], message
