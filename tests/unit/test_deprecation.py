"""Functions go on taking arguments as they used to, and say how they are given now."""

import pytest

from ensemblekit import Predictions
from ensemblekit.deprecation import takes_old_arguments
from ensemblekit.evaluation import compare_with_best_member, compare_with_reference, results_table, score_table


@takes_old_arguments(rows="models", positional=("groups", "weights"))
def score(models, *, groups=None, weights=None):
    return models, groups, weights


def test_an_old_name_is_taken_with_a_warning_that_shows_the_caller():
    with pytest.warns(
        DeprecationWarning, match=r"^score\(rows=\.\.\.\) is deprecated .*; use the argument 'models'\.$"
    ) as caught:
        assert score(rows=1, groups=2) == (1, 2, None)
    assert caught[0].filename == __file__


def test_what_was_positional_is_taken_by_position_with_a_warning_each():
    with pytest.warns(
        DeprecationWarning, match=r"score with (\w+) by position is deprecated.*; use the argument '\1'\."
    ) as caught:
        assert score(1, 2, 3) == (1, 2, 3)
    assert [str(w.message).split()[2] for w in caught] == ["groups", "weights"]
    assert {w.filename for w in caught} == {__file__}


def test_new_arguments_warn_of_nothing():
    assert score(1, groups=2, weights=3) == (1, 2, 3)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("arguments", [((1, 2, 3, 4), {}), ((1, 2), {"groups": 2}), ((1,), {"rows": 1})])
def test_what_was_never_taken_is_still_refused(arguments):
    args, kwargs = arguments
    with pytest.raises(TypeError):
        score(*args, **kwargs)


def predict(proba, prefix=""):
    ids = [f"{prefix}{k}" for k in range(6)]
    return Predictions([[proba, 1 - proba]] * 6, ids=ids, classes=["cat", "dog"], labels=["cat"] * 6)


def test_evaluation_takes_models_as_rows_for_one_version():
    models, n = {"a": predict(0.6), "b": predict(0.7)}, {"n_resamples": 20}
    splits = {"a": dict.fromkeys(("train", "valid", "test"), predict(0.6))}
    with pytest.warns(DeprecationWarning, match=r"score_table\(rows="):
        assert score_table(rows=models, **n).equals(score_table(models, **n))
    with pytest.warns(DeprecationWarning, match="score_table with groups by position"):
        assert score_table(models, {"0": "g"}, **n).equals(score_table(models, groups={"0": "g"}, **n))
    with pytest.warns(DeprecationWarning, match=r"compare_with_reference\(rows="):
        assert compare_with_reference(rows=models, reference="a", **n).equals(compare_with_reference(models, "a", **n))
    chosen_on = {"b": predict(0.6, "valid/")}
    with pytest.warns(DeprecationWarning, match=r"compare_with_best_member\(rows="):
        compare_with_best_member(rows=models, members={"a": ["b"]}, chosen_on=chosen_on, **n)
    with pytest.warns(DeprecationWarning, match=r"results_table\(rows="):
        assert results_table(rows=splits).equals(results_table(splits))
