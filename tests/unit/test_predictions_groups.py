"""Groups of rows, and what the model of each row was fitted on: kept, aligned, and guarded."""

import copy

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ensemblekit import AlignmentError, LeakageError, Predictions, align, combine, fit_combiner
from ensemblekit.errors import InvalidPredictionsError
from ensemblekit.evaluation import compare_with_best_member, fit_conformal
from ensemblekit.predictions.formats._metadata import digest_of
from ensemblekit.scaling import combine_files

CLASSES = ["cat", "dog"]


def make(n=6, member="m", **fields):
    share = np.linspace(0.1, 0.9, n)
    fields = {"ids": [f"r{i}" for i in range(n)], "classes": CLASSES, "member": member, **fields}
    return Predictions(np.column_stack([share, 1 - share]), **fields)


def same(one, other):
    return (one is None and other is None) or np.array_equal(one, other)


def assert_same(p, q):
    assert digest_of(p) == digest_of(q)
    for name in ("groups", "folds", "fit_ids", "fit_groups", "seen"):
        assert same(getattr(p, name), getattr(q, name)), name


def test_groups_are_text_and_looked_up_by_id():
    assert make(groups={f"r{i}": i // 2 for i in range(9)}).groups.tolist() == ["0", "0", "1", "1", "2", "2"]
    shuffled = pd.Series(["b", "a", "a", "b", "c", "c"], index=["r2", "r1", "r0", "r3", "r5", "r4"])
    assert make(groups=shuffled).groups.tolist() == ["a", "a", "b", "b", "c", "c"]
    assert make(groups=pd.Categorical(list("aabbcc"))).groups.tolist() == list("aabbcc")
    assert make(groups=np.array([10, 10, 200, 200, -3, -3])).groups.dtype == np.dtype("<U3")
    assert make().groups is None
    assert make(0, groups=[]).groups.tolist() == []


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        (["a", "a", None, "b", "b", "b"], r"groups must be known for every row; row 2 \(id 'r2'\) has none: None"),
        (["a", "a", "", "b", "b", "b"], r"row 2 \(id 'r2'\) has none: ''"),
        ([1.0, 1.0, np.nan, 2.0, 2.0, 2.0], r"row 2 \(id 'r2'\) has none: nan"),
        ([1.0, 1.0, 2.0, 2.0, 2.0, 2.0], r"text or whole numbers; received dtype float64"),
        ([True] * 6, "text or whole numbers"),
        (["a", "a", "b", "b", "b", 1.5], r"received also 1\.5, float"),
        (["a", "b"], r"groups must have one value an id.*received 2 values for 6 ids"),
        ({"r0": "a"}, r"groups must have a value for every id.*lacks 5 \('r1', 'r2', 'r3', \.\.\.\)"),
        (np.zeros((6, 2), dtype=int), r"one name a row; received shape \(6, 2\)"),
        ("patient", "or the name of a key column; received .patient., and ids with no key columns"),
    ],
)
def test_groups_that_are_none_are_refused(groups, message):
    with pytest.raises(InvalidPredictionsError, match=message):
        make(groups=groups)


def test_a_table_brings_its_groups_along():
    p = make(groups=list("aabbcc"), labels=["cat", "dog"] * 3)
    again = Predictions(p.to_frame())
    assert same(p.groups, again.groups)
    assert same(p.labels, again.labels)
    arrow = pa.table({"id": ["x", "y"], "cat": [0.5, 1.0], "group": ["g", "h"], "dog": [0.5, 0.0]})
    assert Predictions(arrow).groups.tolist() == ["g", "h"]
    # Probabilities of a class of that name stay what they were.
    frame = pd.DataFrame({"group": [0.25], "other": [0.75]}, index=["x"])
    assert Predictions(frame).classes == ("group", "other")
    with pytest.raises(InvalidPredictionsError, match="groups must be given once"):
        Predictions(p.to_frame(), groups=list("aabbcc"))
    with pytest.raises(InvalidPredictionsError, match="column 'group' for the groups"):
        Predictions(frame, groups=["a"]).to_frame()


def test_a_row_is_seen_if_its_group_was_fitted_on():
    p = make(groups=list("aabbcc"), fit_ids=["r0", "elsewhere"])
    assert p.fit_groups.tolist() == ["a"]
    assert p.seen.tolist() == [True, True, False, False, False, False]
    held = p.take(["r1", "r2"])  # slice 0 is gone, and its patient still known
    assert held.seen.tolist() == [True, False]
    assert make(groups=list("aabbcc"), fit_groups=pd.Series(["c", "c", "z"])).seen.tolist() == [False] * 4 + [True] * 2
    assert make(fit_ids=["r5"]).seen.tolist() == [False] * 5 + [True]
    assert make().seen is None


def test_out_of_fold_rows_are_not_seen_by_the_model_that_predicted_them():
    p = make(folds=[0, 1, 2, 0, 1, 2])
    assert p.folds.tolist() == ["0", "1", "2", "0", "1", "2"]
    assert p.fit_ids.tolist() == p.ids.tolist()
    assert p.fits.fit_ids("1").tolist() == ["r0", "r2", "r3", "r5"]
    assert not p.seen.any()
    named = make(folds=list("xxyyyy"), fit_ids={"x": ["r0", "q"], "y": ["r0", "r1"], "z": ["r5"]})
    assert named.seen.tolist() == [True, False, False, False, False, False]
    assert named.take(["r5", "r0"]).seen.tolist() == [False, True]


def test_folds_that_cut_a_group_are_seen():
    by_slice = make(groups=list("aabbcc"), folds=[0, 1, 0, 0, 1, 1])
    assert by_slice.seen.tolist() == [True, True, False, False, False, False]
    assert not make(groups=list("aabbcc"), folds=[0, 0, 1, 1, 1, 1]).seen.any()


def test_the_guard_refuses_slices_of_patients_that_were_fitted_on():
    labels = ["cat", "dog"] * 3
    honest = make(labels=labels, groups=list("aabbcc"), folds=[0, 0, 1, 1, 2, 2])
    assert fit_combiner([honest, honest.rename("k")], "stacking").fit_groups_.tolist() == ["a", "b", "c"]
    leaked = make(labels=labels, groups=list("aabbcc"), folds=[0, 1, 1, 1, 2, 2])
    with pytest.raises(LeakageError, match=r"member 'm' was fitted on 2 of these 6 rows, .*first 'r0'"):
        fit_combiner([honest.rename("k"), leaked], "stacking")
    # The ids alone do not meet.
    held = make(labels=labels, groups=list("aabbcc"), fit_ids=["other"], fit_groups=["b"])
    with pytest.raises(LeakageError, match=r"of these 6 rows, or on other rows of their groups, first 'r2'"):
        fit_combiner([held], "stacking")
    assert fit_combiner([held], "stacking", allow_leakage=True).leaked_ == {"m": 2}


@pytest.mark.parametrize("suffix", ["csv", "tsv.gz", "parquet", "npz"])
def test_files_keep_groups_and_folds(suffix, tmp_path):
    cases = [
        make(groups=["a,", "a,", 'b"', 'b"', "NA", "NA"], labels=["cat", "dog"] * 3, fit_ids=["r1"]),
        make(groups=list("aabbcc"), folds=[0, 1, 1, 2, 2, 0]),
        make(folds=list("xxyyyy"), fit_ids={"x": ["q"], "y": ["r0", "r1"], "z": ["r5"]}, fit_groups=None),
        make(groups=["é" * 70] * 6, fit_groups=["é", "z"]),
        make(ids=[5, 4, 3, 2, 1, 0], groups=list("aabbcc"), folds=[0, 0, 1, 1, 2, 2]),
        make(0, groups=[]),
    ]
    path = tmp_path / f"p.{suffix}"
    for p in cases:
        for q in (p, p.take(p.ids[::-2])):
            q.save(path, overwrite=True)
            assert_same(Predictions.load(path), q)


def test_a_changed_group_is_noticed_in_a_file(tmp_path):
    path = tmp_path / "p.csv"
    make(groups=list("aabbcc")).save(path)
    path.write_text(path.read_text().replace("r1,a", "r1,b"))
    with pytest.raises(InvalidPredictionsError, match="SHA-256"):
        Predictions.load(path)
    assert Predictions.load(path, edited=True).groups.tolist() == ["a", "b", "b", "b", "c", "c"]


def test_files_without_groups_are_those_of_before(tmp_path):
    path = tmp_path / "p.csv"
    make(fit_ids=["q"]).save(path)
    text = path.read_text()
    assert "format%22:3" in text
    assert "group" not in text
    assert "fold" not in text


def test_parts_of_one_table_keep_their_groups(tmp_path):
    p = make(groups=list("aabbcc"), folds=[0, 0, 1, 1, 2, 2])
    (tmp_path / "parts").mkdir()
    p.take(["r0", "r1", "r2"]).save(tmp_path / "parts" / "0.parquet")
    p.take(["r3", "r4", "r5"]).save(tmp_path / "parts" / "1.parquet")
    assert_same(Predictions.load(tmp_path / "parts"), p)


def test_members_agree_on_groups_or_are_refused_by_name():
    p = make(member="a", groups=list("aabbcc"))
    other = make(member="b", groups=list("aabbcd"))
    with pytest.raises(AlignmentError, match=r"groups must agree.*member 'b' and 'a' differ for 1 \('r5'\)"):
        align(p, other)
    aligned = align(p, make(member="b", fit_ids=["r2"]).take([f"r{i}" for i in (5, 4, 3, 2, 1, 0)]))
    assert aligned.groups.tolist() == list("aabbcc")
    assert aligned.fit_groups["b"].tolist() == ["b"]  # told by the groups of the other
    assert aligned.seen("b").tolist() == [False, False, True, True, False, False]
    assert aligned.take(["r3", "r0"]).seen("b").tolist() == [True, False]
    assert aligned["b"].groups.tolist() == list("aabbcc")
    short = make(5, member="b")
    assert align(p, short, missing="renormalize").groups.tolist() == list("aabbcc")
    with pytest.raises(AlignmentError, match=r"groups must be known for every row or for none; 1 \('r5'\)"):
        align(make(member="a"), p.take(p.ids[:5]).rename("b"), missing="renormalize")


def test_a_combination_knows_row_by_row_what_was_fitted():
    a = make(member="a", folds=[0, 0, 1, 1, 2, 2], groups=list("aabbcc"))
    b = make(member="b", folds=[0, 1, 0, 1, 0, 1]).take([f"r{i}" for i in (3, 1, 2, 5, 4, 0)])
    both = combine([a, b], "mean")
    assert both.groups.tolist() == list("aabbcc")
    assert both.fits.names == ("0", "0+1", "1", "1+0", "2+0", "2+1")
    assert both.fits.fit_ids("2+0").tolist() == ["r0", "r1", "r2", "r3", "r5"]
    assert combine([a, a.rename("c")], "mean").fits.names == ("0", "1", "2")
    assert combine([a, make(member="d", fit_ids=["r4"])], "mean").seen.tolist() == [False] * 4 + [True] * 2
    assert combine([make(), make(member="k", fit_ids=["r4"])], "mean").folds is None


def test_copies_keep_everything():
    p = make(groups=list("aabbcc"), folds=[0, 0, 1, 1, 2, 2])
    for whole in (p, align(p)["m"], copy.deepcopy(align(p))["m"]):
        assert_same(copy.deepcopy(whole), p)


def test_files_of_groups_are_combined_batch_by_batch(tmp_path):
    p = make(groups=list("aabbcc"), fit_groups=["z"])
    p.save(tmp_path / "a.parquet")
    p.rename("b").save(tmp_path / "b.parquet")
    combine_files([tmp_path / "a.parquet", tmp_path / "b.parquet"], "mean", tmp_path / "out.parquet")
    assert_same(Predictions.load(tmp_path / "out.parquet"), combine([p, p.rename("b")], "mean"))
    make(folds=[0, 0, 1, 1, 2, 2]).save(tmp_path / "c.parquet")
    with pytest.raises(InvalidPredictionsError, match="of one model each; received one of several folds"):
        combine_files([tmp_path / "c.parquet"], "mean", tmp_path / "out2.parquet")


@settings(max_examples=30, deadline=None)
@given(data=st.data(), n=st.integers(1, 12))
def test_no_order_changes_what_is_seen(data, n):
    groups = data.draw(st.lists(st.sampled_from("abc"), min_size=n, max_size=n))
    folds = data.draw(st.lists(st.sampled_from("xyz"), min_size=n, max_size=n))
    p = make(n, groups=groups, folds=folds)
    # By hand: another row of the group, in another fold, was fitted on.
    expected = [any(g == groups[i] and f != folds[i] for g, f in zip(groups, folds, strict=True)) for i in range(n)]
    assert p.seen.tolist() == expected
    order = data.draw(st.permutations(range(n)))
    moved = make(n).take([f"r{i}" for i in order])
    moved = Predictions(
        moved.probas, ids=moved.ids, classes=CLASSES, member="m",
        groups=[groups[i] for i in order], folds=[folds[i] for i in order],
    )  # fmt: skip
    assert same(moved.take(p.ids).seen, p.seen)
    assert digest_of(moved.take(p.ids)) == digest_of(p)
    assert combine([p, moved.rename("k")], "mean").seen.tolist() == expected


def test_concat_keeps_what_each_part_was_fitted_on():
    p = make(labels=["cat", "dog"] * 3, groups=list("aabbcc"), folds=[0, 0, 1, 1, 2, 2])
    pieces = [p.take(["r3", "r0"]), p.take(["r5"]), p.take(["r1", "r2", "r4"])]
    assert_same(Predictions.concat(pieces).take(p.ids), p)
    one = make(3, member="a", labels=["cat", "dog", "cat"], fit_ids=["s0"])
    two = make(3, member="b", ids=["s0", "s1", "s2"], labels=["cat", "dog", "cat"], fit_ids=["r1", "s2"])
    two = Predictions(
        two.probas[:, ::-1], ids=two.ids, classes=CLASSES[::-1], labels=two.labels, member="b", fit_ids=two.fit_ids
    )
    both = Predictions.concat([one, two])
    assert both.classes == ("cat", "dog")
    assert both.labels.tolist() == ["cat", "dog", "cat"] * 2
    assert same(both.probas[3:], one.probas)
    assert both.folds.tolist() == ["a"] * 3 + ["b"] * 3
    assert both.seen.tolist() == [False] * 5 + [True]
    assert both.fit_ids.tolist() == ["r1", "s0", "s2"]
    assert both.member is None
    assert Predictions.concat([one, two], member="k").member == "k"
    # Groups that one part brings tell what another was fitted on.
    grouped = Predictions.concat(
        [make(2, fit_ids=["x1"], groups=["p", "q"]), make(2, ids=["x0", "x1"], fit_ids=["q"], groups=["q", "p"])]
    )
    assert grouped.seen.tolist() == [True, False, False, False]
    assert Predictions.concat([make(2), make(2, ids=["x", "y"])]).folds is None
    assert Predictions.concat([make(0), make(2)]).ids.tolist() == ["r0", "r1"]


@pytest.mark.parametrize(
    ("parts", "error", "message"),
    [
        ([], AlignmentError, "at least one part"),
        (make(), AlignmentError, "received Predictions. Give a list"),
        ([make(), 3], AlignmentError, "received int as part 1"),
        ([make(), make(3)], InvalidPredictionsError, r"3 \('r0', 'r1', 'r2'\) are in several, of 2 \('0', '1'\)"),
        ([make(2), make(2, ids=[1, 2])], AlignmentError, "ids must be of one kind"),
        ([make(2), make(2, ids=["x", "y"], classes=["cat", "Dog"])], AlignmentError, "aliases={'Dog': 'dog'}"),
        ([make(2, split="test"), make(2, ids=["x", "y"], split="valid")], AlignmentError, "split must be the same"),
        ([make(2, groups=["a", "b"]), make(2, ids=["x", "y"])], AlignmentError, r"groups must be known.*with_groups"),
        ([make(2, labels=["cat"] * 2), make(2, ids=["x", "y"])], AlignmentError, r"labels must be known"),
        ([make(2), make(2, ids=["x", "y"], task="multilabel")], AlignmentError, "task must be the same"),
    ],
)
def test_parts_that_do_not_fit_are_refused(parts, error, message):
    with pytest.raises(error, match=message):
        Predictions.concat(parts)


def test_groups_are_added_later_and_never_replaced():
    p = make(fit_ids=["r0"]).with_groups({f"r{i}": i // 2 for i in range(6)})
    assert p.seen.tolist() == [True, True, False, False, False, False]
    assert p.with_groups(p.groups).groups.tolist() == p.groups.tolist()
    with pytest.raises(InvalidPredictionsError, match=r"received others for 1 \('r5'\)"):
        p.with_groups([0, 0, 1, 1, 2, 3])
    assert make().with_labels({f"r{i}": "cat" for i in range(6)}).labels.tolist() == ["cat"] * 6


def test_conformal_prediction_is_calibrated_on_honest_out_of_fold_rows():
    fields = {"labels": ["cat", "dog"] * 20, "groups": np.arange(40) // 4, "task": "multiclass"}
    honest = make(40, folds=np.arange(40) // 8, **fields)
    assert fit_conformal(honest, alpha=0.2).predict_sets(make(2, ids=["x", "y"])).shape == (2, 2)
    with pytest.raises(LeakageError, match="40 of 40 are among them"):
        fit_conformal(make(40, folds=np.arange(40) % 5, **fields), alpha=0.2)


def test_the_best_member_is_chosen_on_other_patients():
    labels = ["cat", "dog"] * 3
    models = {name: make(member=name, labels=labels, groups=list("aabbcc")) for name in ("a", "mean")}
    new = make(ids=[f"n{i}" for i in range(6)], member="a", labels=labels, groups=list("ccddee"))
    with pytest.raises(LeakageError, match=r"2 of them, or of their groups, compared too"):
        compare_with_best_member(models, {"mean": ["a"]}, chosen_on={"a": new})
