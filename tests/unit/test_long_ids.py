"""Text ids that are kept as Python's str, since fixed-width text would waste memory: all goes on as with short ones."""

import numpy as np
import pytest

from ensemblekit import AlignmentError, LeakageError, Predictions, align, collect, combine, fit_combiner
from ensemblekit.errors import InvalidPredictionsError
from ensemblekit.evaluation import bootstrap_interval, compare_with_reference, fit_conformal, score_table
from ensemblekit.predictions.choices import check_not_test
from ensemblekit.predictions.names import all_fit_ids, among, as_ids, is_text, joined_names, named_by, text_array
from ensemblekit.scaling import combine_files

LONG = "x" * 70_000
N = 80
RNG = np.random.default_rng(0)
IDS = [LONG, *(f"row{row}" for row in range(N - 1))]
PROBAS = RNG.dirichlet([1, 1], N)
LABELS = np.where(RNG.random(N) < PROBAS[:, 0], "cat", "dog")


def draw(member, order=slice(None), **fields):
    probas = np.roll(PROBAS, 1 if member == "b" else 0, axis=0)
    fields = {"labels": LABELS[order], "classes": ["cat", "dog"], "member": member} | fields
    return Predictions(probas[order], ids=np.array(IDS, dtype=object)[order], **fields)


@pytest.fixture(scope="module")
def order():
    return RNG.permutation(N)


def test_text_has_a_fixed_width_unless_that_is_a_waste():
    assert draw("a").ids.dtype == object
    assert Predictions(PROBAS, ids=[f"{row:0>64}" for row in range(N)], classes=["a", "b"]).ids.dtype == "<U64"
    assert text_array(["x" * 5000, "y"]).dtype == "<U5000"
    assert text_array([]).dtype.kind == "U"
    assert is_text(draw("a").ids)
    assert not is_text(np.arange(2))


def test_rows_are_matched(order):
    a, b = draw("a"), draw("b", order)
    aligned = align(a, b)
    assert aligned.ids.tolist() == IDS
    assert aligned["b"].probas.tolist() == draw("b").probas.tolist()
    assert a.take([LONG, "row3"]).ids.tolist() == [LONG, "row3"]
    assert aligned.take(["row3", LONG])["b"].probas.tolist() == draw("b").probas[[4, 0]].tolist()
    short = Predictions([[0.5, 0.5]], ids=["elsewhere"], classes=["cat", "dog"], labels=["cat"], member="c")
    union = align(a, short, missing="renormalize")
    assert union.ids.tolist() == [*IDS, "elsewhere"]
    assert combine([a, b], "mean").ids.tolist() == IDS


def test_what_is_repeated_or_unknown_is_named_in_few_words(order):
    numbers = Predictions([[0.5, 0.5]], ids=[1], classes=["cat", "dog"], member="n")
    for make, error, text in (
        (
            lambda: Predictions(PROBAS[:2], ids=[LONG * 20, LONG * 20], classes=["a", "b"]),
            InvalidPredictionsError,
            "unique",
        ),
        (lambda: draw("a").take(["?", LONG]), InvalidPredictionsError, "unknown: 1"),
        (lambda: align(draw("a"), draw("b", order[5:])), AlignmentError, "lacks 5"),
        (lambda: align(draw("a"), numbers), AlignmentError, "received str for member 'a' and int for member 'n'"),
        (lambda: align(draw("a"), draw("b", labels=LABELS[::-1])), AlignmentError, "labels must agree"),
    ):
        with pytest.raises(error, match=text) as caught:
            make()
        assert len(str(caught.value)) < 1500


def test_leakage_is_watched(order):
    a, b = draw("a", fit_ids=[LONG, "z"]), draw("b", order, fit_ids=["z"])
    with pytest.raises(LeakageError, match=r"member 'a' was fitted on 1 of these 80 rows"):
        fit_combiner([a, b], "weighted")
    combined = combine([a, b], "mean")
    assert combined.fit_ids.tolist() == [LONG, "z"]
    assert score_table({"m": combined})["in_sample"].tolist()[0] == 1
    conformal = fit_conformal(draw("a"))
    with pytest.raises(LeakageError, match="80 of 80 are among them"):
        conformal.coverage(draw("a"))
    with pytest.raises(LeakageError, match="split 'test'"):
        check_not_test("nothing is chosen", None, as_ids([f"test/{name}" for name in IDS]))


def test_a_fitted_combiner_is_saved_with_its_ids(order, tmp_path):
    from ensemblekit.store import load, save

    fitted = fit_combiner([draw("a"), draw("b", order)], "weighted")
    save(fitted, tmp_path / "saved")
    again = load(tmp_path / "saved")
    assert again.fit_ids_.tolist() == sorted(IDS)
    assert combine([draw("a"), draw("b")], again).fit_ids.tolist() == sorted(IDS)


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".npz"])
def test_every_format_gives_them_back(suffix, tmp_path):
    saved = draw("a", fit_ids=["y" * 70_000, *(f"fit{row}" for row in range(N))])
    assert saved.fit_ids.dtype == object
    saved.save(tmp_path / f"p{suffix}")
    again = Predictions.load(tmp_path / f"p{suffix}")
    assert (again.ids.dtype, again.ids.tolist(), again.fit_ids.tolist()) == (object, IDS, saved.fit_ids.tolist())


def test_a_name_that_a_cell_cannot_hold_is_refused_before_it_is_written(tmp_path):
    p = Predictions(PROBAS[:1], ids=["x" * 200_000], classes=["a", "b"])
    with pytest.raises(InvalidPredictionsError, match="must have at most 131072 characters; received one of 200000"):
        p.save(tmp_path / "p.csv")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("suffix", [".parquet", ".npz"])
def test_long_class_names_are_kept_once(suffix, tmp_path):
    classes = ["x" * 100_000, "y"]
    p = Predictions(np.full((N, 2), 0.5), ids=range(N), classes=classes, labels=np.arange(N) % 2)
    assert p.labels.dtype == p.predicted.dtype == object
    p.save(tmp_path / f"p{suffix}")
    assert (tmp_path / f"p{suffix}").stat().st_size < 1_000_000
    assert Predictions.load(tmp_path / f"p{suffix}").label_codes.tolist() == p.label_codes.tolist()
    assert named_by(np.array([1, 0]), tuple(classes)).dtype == "<U100000"


def test_files_are_combined(order, tmp_path):
    draw("a").save(tmp_path / "a.parquet")
    draw("b", order).save(tmp_path / "b.parquet")
    combine_files([tmp_path / "a.parquet", tmp_path / "b.parquet"], "mean", tmp_path / "out.parquet")
    assert Predictions.load(tmp_path / "out.parquet").ids.tolist() == IDS


def test_groups_and_sources_name_them():
    groups = {name: row // 2 for row, name in enumerate(IDS)}
    low, high = bootstrap_interval(draw("a"), "accuracy", groups=groups, n_resamples=50)
    assert low <= high
    compare_with_reference({"a": draw("a"), "b": draw("b")}, "a", groups=groups, n_resamples=50)
    batches = [(IDS[start : start + 16], np.zeros((16, 1))) for start in range(0, N, 16)]
    assert collect({"half": lambda x: np.full((len(x), 2), 0.5)}, batches, classes=["a", "b"]).ids.tolist() == IDS


def test_arrays_of_both_forms_meet():
    long, short = as_ids(IDS), np.array(["row3", "?"])
    assert among(short, long).tolist() == [True, False]
    assert among(long, short).sum() == 1
    assert not among(long, np.arange(3)).any()
    assert not among(np.array([str(row) for row in range(300)]), np.arange(300)).any()
    assert joined_names([short, long]).tolist() == ["row3", "?", *IDS]
    assert all_fit_ids([short[:1], None, long]).tolist() == sorted(IDS)
    wide, many = np.array(["y" * 5_000]), np.array([f"n{row}" for row in range(10_000)])
    assert joined_names([wide, many]).dtype == object
    with pytest.raises(InvalidPredictionsError, match="of one kind"):
        joined_names([short, np.arange(2)])
