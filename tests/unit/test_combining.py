"""`combine` and `fit_combiner`: what goes in is aligned, what comes out is checked, nothing learns from what leaks."""

import numpy as np
import pytest

from ensemblekit import (
    AlignmentError,
    Combiner,
    InvalidOptionError,
    LeakageError,
    Predictions,
    align,
    combine,
    fit_combiner,
    load_plugins,
)
from ensemblekit.errors import InvalidPredictionsError, NotFittedError, UnknownPluginError

CLASSES = ["cat", "dog", "owl"]


def member(name, seed, classes=CLASSES, **fields):
    codes = np.random.default_rng(99).integers(0, 3, 20)
    rng = np.random.default_rng(seed)
    probas = np.array([rng.dirichlet(alpha) for alpha in 1 + 3 * np.eye(3)[codes]])
    labels = np.array(CLASSES)[codes]
    fields = {"ids": [f"i{k:02}" for k in range(20)], "labels": labels, "member": name, **fields}
    return Predictions(probas[:, [CLASSES.index(c) for c in classes]], classes=classes, **fields)


def make(name="k", probas=((0.9, 0.1), (0.3, 0.7)), **fields):
    return Predictions(np.array(probas), **{"ids": ["a", "b"], "classes": ["cat", "dog"], "member": name, **fields})


class Plain:
    """Nothing but combine."""

    def combine(self, member_probas):
        return member_probas.max(axis=0) / member_probas.max(axis=0).sum(axis=-1, keepdims=True)


class Returns:
    """Whatever it is told to."""

    def __init__(self, value):
        self.value = value

    def combine(self, member_probas):
        return self.value


class Recorder(Combiner):
    """Keeps what it is fitted on and combines by the mean."""

    traits = frozenset({"learns"})

    def fit(self, predictions, *, sample_weight=None, validation=None):
        self.seen_, self.sample_weight_, self.validation_ = predictions, sample_weight, validation
        return self

    def combine(self, member_probas, *, xp=np):
        return member_probas.mean(axis=0)


# combine.


def test_the_result_carries_every_name():
    first = make(labels=["cat", "dog"], split="test", fit_ids=["x"])
    second = make("m", ids=["b", "a"], fit_ids=["y", "x"])
    result = combine([first, second], "mean")
    assert (result.ids.tolist(), result.classes, result.labels.tolist()) == (["a", "b"], ("cat", "dog"), ["cat", "dog"])
    assert (result.task, result.split, result.member, result.fit_ids.tolist()) == (
        "multiclass",
        "test",
        "mean",
        ["x", "y"],
    )
    np.testing.assert_allclose(result.probas, [[0.6, 0.4], [0.6, 0.4]])


def test_fit_ids_of_the_result_are_unknown_where_no_member_knows():
    assert combine([make(), make("m")], "mean").fit_ids is None


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_the_dtype_is_kept(dtype):
    members = [make(m, np.array([[0.75, 0.25], [0.5, 0.5]], dtype)) for m in "km"]
    assert combine(members, "mean").probas.dtype == dtype


@pytest.mark.parametrize("task", ["multilabel", "regression"])
def test_other_tasks_are_combined(task):
    labels = [[1, 0], [0, 1]]
    result = combine([make(task=task, labels=labels), make("m", task=task)], "mean")
    assert result.task == task
    assert result.labels.tolist() == labels


def test_dense_outputs_are_combined():
    probas = np.random.default_rng(0).dirichlet(np.ones(2), (2, 3, 4))
    result = combine([make("k", probas), make("m", probas[::-1], ids=["b", "a"])], "mean")
    assert result.probas.tobytes() == probas.tobytes()


def test_no_rows_are_combined_to_no_rows():
    empty = {"probas": np.empty((0, 2)), "ids": []}
    for combiner in ("mean", "voting"):
        assert combine([make("k", **empty), make("m", **empty)], combiner).probas.shape == (0, 2)


def test_a_set_of_predictions_and_files_are_taken_too(tmp_path):
    members = [make(), make("m", [[0.5, 0.5], [0.1, 0.9]])]
    expected = combine(members, "mean").probas.tolist()
    for p in members:
        p.save(tmp_path / f"{p.member}.npz")
    assert combine(align(members), "mean").probas.tolist() == expected
    assert combine([tmp_path / "k.npz", tmp_path / "m.npz"], "mean").probas.tolist() == expected
    assert combine({"x": members[0], "y": members[1]}, "mean").probas.tolist() == expected


def test_aliases_and_missing_are_those_of_align():
    other = make("m", classes=["Cat", "dog"])
    assert combine([make(), other], "mean", aliases={"Cat": "cat"}).classes == ("cat", "dog")
    assert combine(align(make()), "mean", aliases={"cat": "lynx"}).classes == ("lynx", "dog")
    with pytest.raises(AlignmentError, match="give aliases="):
        combine([make(), other], "mean")
    with pytest.raises(InvalidOptionError, match="missing must be"):
        combine([make(), other], "mean", missing="skip")


def test_a_policy_that_is_none_is_refused_for_an_aligned_set_too():
    with pytest.raises(InvalidOptionError, match=r"missing must be .*received 'drop'"):
        combine(align(make("k"), make("m")), "mean", missing="drop")


def test_plain_arrays_are_refused():
    with pytest.raises(AlignmentError, match="only Predictions line up"):
        combine([np.eye(2), np.eye(2)], "mean")


def test_no_input_is_changed():
    arrays = [np.array([[0.9, 0.1], [0.3, 0.7]]), np.array([[0.5, 0.5], [0.2, 0.8]])]
    copies = [a.copy() for a in arrays]
    combine([make("k", arrays[0]), make("m", arrays[1])], "voting")
    assert all((a == c).all() for a, c in zip(arrays, copies, strict=True))


def test_a_combiner_cannot_change_the_members():
    class Vandal:
        def combine(self, member_probas):
            member_probas[:] = 0.5
            return member_probas[0]

    with pytest.raises(ValueError, match="read-only"):
        combine([make()], Vandal())


# The combiner.


def test_a_class_with_nothing_but_combine_is_enough():
    result = combine([make(), make("m", [[0.1, 0.9], [0.3, 0.7]])], Plain())
    assert result.probas.tolist() == [[0.5, 0.5], [0.3, 0.7]]
    assert result.member == "Plain"


def test_an_object_has_the_name_under_which_its_class_is_registered():
    assert combine([make(), make("m")], load_plugins().create_combiner("geometric_mean")).member == "geometric_mean"


def test_an_unknown_combiner_is_answered_with_near_matches():
    with pytest.raises(
        UnknownPluginError, match=r"No combiner is registered as 'maen'\. Did you mean 'mean'.*There are: "
    ):
        combine([make()], "maen")


def test_an_unknown_option_is_refused():
    with pytest.raises(InvalidOptionError, match=r"combiner 'voting' takes the options .*received \{'knd': 'soft'\}"):
        combine([make()], "voting", knd="soft")
    with pytest.raises(InvalidOptionError, match=r"kind must be one of 'hard', 'soft'; received 'medium'"):
        combine([make()], "voting", kind="medium")


def test_options_go_with_a_name():
    with pytest.raises(InvalidOptionError, match=r"options go with a combiner given by name; received \{'depth': 2\}"):
        combine([make()], Plain(), depth=2)


@pytest.mark.parametrize("combiner", [Plain, None, 3, np.mean])
def test_what_has_no_combine_is_no_combiner(combiner):
    with pytest.raises(InvalidOptionError, match="a registered name or an object with a method combine; received"):
        combine([make()], combiner)


def test_a_task_that_makes_no_sense_is_refused():
    with pytest.raises(
        InvalidOptionError, match="'voting' makes no sense for the task 'regression'; it is for multiclass"
    ):
        combine([make(task="regression")], "voting")
    with pytest.raises(InvalidOptionError, match="'knora_e' makes no sense for the task 'multilabel'"):
        fit_combiner([make(task="multilabel", labels=[[1, 0], [0, 1]])], "knora_e")


@pytest.mark.parametrize("value", [[0.5, 0.5], [[0.5, 0.5]], [[0.2, 0.3, 0.5]] * 2, [[[0.5, 0.5]] * 2], 0.5])
def test_a_wrong_shape_is_refused_by_name(value):
    with pytest.raises(
        InvalidPredictionsError,
        match=r"combiner 'Returns' must return shape \(2, 2\) for member_probas of shape \(1, 2, 2\); it returned",
    ):
        combine([make()], Returns(value))


@pytest.mark.parametrize(
    ("row", "message"), [([0.9, 0.9], "must sum to 1"), ([-1, 2], "must lie in"), ([np.nan, np.nan], "must be finite")]
)
def test_invalid_probabilities_are_refused_by_name(row, message):
    with pytest.raises(
        InvalidPredictionsError, match=f"combiner 'Returns' returned predictions that are not valid: .*{message}"
    ):
        combine([make()], Returns([[0.5, 0.5], row]))


@pytest.mark.parametrize("weights", [[np.nan, 1], [-1, 2], [0, 0], [1], [1, 2, 3], {"k": 1}, {"k": 1, "x": 1}])
@pytest.mark.parametrize(("combiner", "options"), [("weighted", {}), ("voting", {}), ("voting", {"kind": "soft"})])
def test_bad_weights_never_pass(combiner, options, weights):
    with pytest.raises(InvalidOptionError, match=r"weights .* members"):
        combine([make(), make("m")], combiner, weights=weights, **options)


def test_weights_by_name_go_with_their_members_in_any_order():
    first, second = make(probas=[[1.0, 0.0], [1.0, 0.0]]), make("m", [[0.0, 1.0], [0.0, 1.0]])
    for members in ([first, second], [second, first]):
        for weights in ({"k": 3, "m": 1}, {"m": 1, "k": 3}):
            assert combine(members, "weighted", weights=weights).probas.tolist() == [[0.75, 0.25]] * 2


def test_weights_by_position_go_with_the_order_given():
    first, second = make(probas=[[1.0, 0.0], [1.0, 0.0]]), make("m", [[0.0, 1.0], [0.0, 1.0]])
    assert combine([second, first], "weighted", weights=[3, 1]).probas.tolist() == [[0.25, 0.75]] * 2


# Absent rows.


def test_the_members_that_are_present_are_combined():
    result = combine([make(), make("m", [[0.5, 0.5]], ids=["b"])], "mean", missing="renormalize")
    assert result.probas.tolist() == [[0.9, 0.1], [0.4, 0.6]]


def test_a_combiner_that_cannot_take_absent_rows_is_refused_by_name():
    members = [make(), make("m", [[0.5, 0.5]], ids=["b"])]
    with pytest.raises(
        InvalidOptionError, match=r"'Plain' cannot combine rows that some members lack \(1 of 2 rows here\)"
    ):
        combine(members, Plain(), missing="renormalize")
    complete = align(members, missing="renormalize").take(["b"])
    assert combine(complete, Plain()).ids.tolist() == ["b"]


def test_a_combiner_that_takes_present_is_given_it():
    class Counts:
        def combine(self, member_probas, *, present):
            self.present = present
            return np.nanmean(member_probas, axis=0)

    counts = Counts()
    combine([make(), make("m", [[0.5, 0.5]], ids=["b"])], counts, missing="renormalize")
    assert counts.present.tolist() == [[True, True], [False, True]]


@pytest.mark.parametrize(("combiner", "options"), [("weighted", {}), ("voting", {}), ("voting", {"kind": "soft"})])
def test_a_row_whose_present_members_have_no_weight_is_refused(combiner, options):
    members = [make(), make("m", [[0.5, 0.5]], ids=["b"])]
    with pytest.raises(InvalidOptionError, match=r"a member with a positive weight; 1 of 2 are not, first 'a'"):
        combine(members, combiner, weights={"k": 0, "m": 1}, missing="renormalize", **options)


# fit_combiner.


def test_a_combiner_that_learns_must_be_fitted():
    for combiner in ("stacking", "weighted", Recorder()):
        with pytest.raises(NotFittedError, match=r"learns, and must be fitted before it combines.*fit_combiner"):
            combine([make(), make("m")], combiner)


def test_a_fitted_combiner_knows_what_it_was_fitted_on_and_the_given_one_stays():
    given = Recorder()
    members = [member("m", 1, classes=["dog", "owl", "cat"]), member("k", 2, classes=["dog", "owl", "cat"])]
    fitted = fit_combiner(members, given)
    assert vars(given) == {}
    assert (fitted.members_, fitted.classes_) == (("k", "m"), ("cat", "dog", "owl"))
    assert fitted.fit_ids_.tolist() == members[0].ids.tolist()
    assert fitted.leaked_ == {}
    assert combine(members, fitted).fit_ids.tolist() == members[0].ids.tolist()


def test_a_combiner_is_fitted_on_sorted_ids_members_and_classes():
    order = np.random.default_rng(5).permutation(20)
    first = member("m", 1)
    fitted = fit_combiner([first.take(first.ids[order]), member("k", 2, classes=["owl", "cat", "dog"])], Recorder())
    seen = fitted.seen_
    assert seen.ids.tolist() == sorted(first.ids.tolist())
    assert (seen.members, seen.classes) == (("k", "m"), ("cat", "dog", "owl"))
    assert seen["m"].probas.tobytes() == first.probas.tobytes()
    assert seen.labels.tolist() == first.labels.tolist()


def test_fitting_needs_labels_and_rows():
    with pytest.raises(
        InvalidPredictionsError, match=r"'weighted' needs labels; received predictions of \('k',\) without"
    ):
        fit_combiner([make()], "weighted")
    with pytest.raises(InvalidPredictionsError, match="'weighted' needs at least one row; received none"):
        fit_combiner([make(probas=np.empty((0, 2)), ids=[], labels=[])], "weighted")


def test_members_without_a_name_are_combined_but_nothing_is_fitted_on_their_positions():
    unnamed = [Predictions([[0.9, 0.1], [0.3, 0.7]], ids=[1, 2], classes=["a", "b"], labels=["a", "b"])] * 2
    assert combine(unnamed, "mean").predicted.tolist() == ["a", "b"]
    with pytest.raises(AlignmentError, match=r"fitted on named members.*received \['#1', '#2'\] without a name"):
        fit_combiner(unnamed, "weighted")
    assert fit_combiner({"x": unnamed[0], "y": unnamed[1]}, "weighted").members_ == ("x", "y")


def test_a_combiner_without_fit_has_nothing_to_learn():
    fitted = fit_combiner([make(labels=[0, 1]), make("m")], Plain())
    assert fitted.members_ == ("k", "m")
    assert combine([make("m"), make()], fitted).probas.tolist() == [[0.9, 0.1], [0.3, 0.7]]


@pytest.mark.parametrize("combiner", ["weighted", "stacking"])
def test_rows_that_a_member_was_fitted_on_leak(combiner):
    members = [member("k", 1, fit_ids=["z", "i03", "i17"]), member("m", 2, fit_ids=["z"])]
    with pytest.raises(LeakageError, match=r"member 'k' was fitted on 2 of these 20 rows, first 'i03'\. Give held-out"):
        fit_combiner(members, combiner)
    fitted = fit_combiner(members, combiner, allow_leakage=True)
    assert fitted.leaked_ == {"k": 2}
    held_out = [p.take(p.ids[4:17]) for p in members]
    assert fit_combiner(held_out, combiner).leaked_ == {}


def test_leakage_is_found_by_integer_ids_too():
    with pytest.raises(LeakageError, match="first 3"):
        fit_combiner([member("k", 1, ids=range(20), fit_ids=[3, 99])], "weighted")


def test_validation_rows_leak_and_need_labels_as_well():
    members = [member("k", 1, fit_ids=["i00"])]
    fit, held = [members[0].take(members[0].ids[10:])], [members[0].take(members[0].ids[:10])]
    with pytest.raises(LeakageError, match="was fitted on 1 of these 10 rows, first 'i00'"):
        fit_combiner(fit, Recorder(), validation=held)
    assert fit_combiner(fit, Recorder(), validation=held, allow_leakage=True).leaked_ == {}
    with pytest.raises(InvalidPredictionsError, match="needs labels"):
        fit_combiner(fit, Recorder(), validation=[member("k", 1, labels=None)])


def test_validation_comes_in_the_order_of_what_is_fitted_on():
    order = np.random.default_rng(5).permutation(20)
    held = member("k", 3, classes=["owl", "dog", "cat"])
    fitted = fit_combiner([member("k", 1)], Recorder(), validation=[held.take(held.ids[order])])
    assert fitted.validation_.ids.tolist() == held.ids.tolist()
    assert fitted.validation_.classes == ("cat", "dog", "owl")
    assert fitted.validation_.labels.tolist() == held.labels.tolist()
    with pytest.raises(AlignmentError, match=r"was fitted on the members \('k',\); received \('x',\)"):
        fit_combiner([member("k", 1)], Recorder(), validation=[member("x", 1)])


@pytest.mark.parametrize("option", ["sample_weight", "validation"])
@pytest.mark.parametrize("combiner", [Plain(), Returns(1)])
def test_what_a_combiner_makes_no_use_of_is_refused(combiner, option):
    value = {"sample_weight": np.ones(20), "validation": [member("k", 1)]}[option]
    with pytest.raises(InvalidOptionError, match=f"makes no use of {option}. Leave it out"):
        fit_combiner([member("k", 1)], combiner, **{option: value})


def test_sample_weight_goes_with_its_rows():
    p = member("k", 1)
    order = np.random.default_rng(5).permutation(20)
    weights = np.arange(20.0)
    by_id = dict(zip(p.ids.tolist(), weights, strict=True))
    for given in (weights[order], by_id):
        fitted = fit_combiner([p.take(p.ids[order])], Recorder(), sample_weight=given)
        assert fitted.sample_weight_.tolist() == weights.tolist()


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([1, 2], r"one value an id, .*; received 2 values for 20 ids"),
        (np.ones((20, 2)), r"one a row, shape \(20,\); received shape \(20, 2\)"),
        ([-1] + [1] * 19, "finite and >= 0"),
        ([np.nan] + [1] * 19, "finite and >= 0"),
        ([0] * 20, "positive sum"),
        (["heavy"] * 20, "must be numbers"),
        ({"i00": 1}, r"a value for every id; .* lacks 19 \('i01', 'i02', 'i03', \.\.\.\) of 20 ids"),
    ],
)
def test_bad_sample_weights_are_refused(weights, message):
    with pytest.raises(InvalidOptionError, match=f"sample_weight .*{message}"):
        fit_combiner([member("k", 1)], "weighted", sample_weight=weights)


# After the fit.


@pytest.fixture(scope="module", params=["weighted", "stacking"])
def fitted(request):
    return fit_combiner([member("k", 1), member("m", 2)], request.param)


def test_other_members_are_refused(fitted):
    for members in (["k"], ["k", "x"], ["k", "m", "x"]):
        with pytest.raises(
            AlignmentError, match=r"was fitted on the members \('k', 'm'\); received .*missing .*unknown"
        ):
            combine([member(m, 1) for m in members], fitted)


def test_other_classes_are_refused(fitted):
    members = [member(m, 1).rename(aliases={"owl": "emu"}) for m in "km"]
    with pytest.raises(AlignmentError, match=r"was fitted on the classes .* missing \['owl'\], unknown \['emu'\]"):
        combine(members, fitted)


def test_another_order_of_members_rows_and_classes_gives_the_same_to_the_bit(fitted):
    first, second = member("k", 3), member("m", 4)
    expected = combine([first, second], fitted)
    order = np.random.default_rng(6).permutation(20)
    moved = Predictions(
        second.probas[order][:, [2, 0, 1]],
        ids=second.ids[order],
        classes=["owl", "cat", "dog"],
        labels=second.labels[order],
        member="m",
    )
    assert combine([second, first], fitted).probas.tobytes() == expected.probas.tobytes()
    result = combine([moved, first], fitted).take(expected.ids)
    assert result.classes == ("owl", "cat", "dog")
    if fitted.traits >= {"class_equivariant"}:
        assert result.probas[:, [1, 2, 0]].tobytes() == expected.probas.tobytes()
    np.testing.assert_allclose(result.probas[:, [1, 2, 0]], expected.probas, rtol=1e-12)


def test_the_order_of_what_it_is_fitted_on_changes_nothing(fitted):
    order = np.random.default_rng(6).permutation(20)
    first, second = member("k", 1), member("m", 2)
    again = fit_combiner([second.take(second.ids[order]), first.take(first.ids[order[::-1]])], type(fitted)())
    members = [member("k", 3), member("m", 4)]
    assert combine(members, again).probas.tobytes() == combine(members, fitted).probas.tobytes()
