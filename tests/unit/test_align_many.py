"""`align` against the same in plain Python; many rows, many classes, and names that only look alike."""

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ensemblekit import AlignmentError, LeakageError, Predictions, align, combine, fit_combiner
from ensemblekit.errors import EnsembleKitError, InvalidPredictionsError
from ensemblekit.predictions import joining
from ensemblekit.predictions.alike import propose_aliases

NFC, NFD = "caf\xe9", "cafe\u0301"


def make(member, ids, classes=("cat", "dog"), seed=0, **fields):
    probas = np.random.default_rng(seed).dirichlet(np.ones(len(classes)), len(ids))
    return Predictions(probas, ids=ids, classes=classes, member=member, **fields)


@st.composite
def members(draw):
    """Draw members with some rows and classes each, some labelled, in any order of memory."""
    made = []
    kind = draw(st.sampled_from(["text", "number"]))
    for place in range(draw(st.integers(1, 4))):
        numbers = draw(st.lists(st.integers(0, 7), min_size=1, unique=True))
        ids = [f"{'long/' * 3}{i}" for i in numbers] if kind == "text" else numbers
        classes = draw(st.lists(st.sampled_from("abcd"), min_size=2, unique=True))
        p = make(f"m{place}", ids, classes, place)
        probas = p.probas.astype(draw(st.sampled_from(["f4", "f8"])), order=draw(st.sampled_from("CF")))
        absent = draw(st.booleans()) and len(ids) > 1
        if absent:
            probas[draw(st.integers(0, len(ids) - 1))] = np.nan
        labels = [sorted(classes)[i % len(classes)] for i in numbers] if draw(st.booleans()) else None
        labels = ["b" if "b" in classes else classes[0]] * len(ids) if labels else None
        made.append(
            Predictions(probas, ids=ids, classes=classes, member=p.member, labels=labels, missing="renormalize")
        )
    return made


def by_hand(predictions):
    """Align with dicts: the ids, the classes, the cube and the labels, or None if it must be refused."""
    ids = list(dict.fromkeys(i for p in predictions for i in p.ids.tolist()))
    classes = list(dict.fromkeys(c for p in predictions for c in p.classes))
    cube = np.full((len(predictions), len(ids), len(classes)), np.nan)
    labels: dict = {}
    for place, p in enumerate(predictions):
        for row, name in enumerate(p.ids.tolist()):
            if p.labels is not None and labels.setdefault(name, p.labels[row]) != p.labels[row]:
                return None
            if p.present is None or p.present[row]:
                cube[place, ids.index(name)] = 0
                for column, label in enumerate(p.classes):
                    cube[place, ids.index(name), classes.index(label)] = p.probas[row, column]
    if 0 < len(labels) < len(ids) or np.isnan(cube).all(axis=(0, 2)).any():
        return None
    return ids, classes, cube, [labels[name] for name in ids] if labels else None


@given(members())
def test_align_does_what_dicts_do(predictions):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(joining, "FEW", 1)
        expected = by_hand(predictions)
        policy = {"classes": "zero", "rows": "renormalize"}
        if expected is None:
            with pytest.raises(AlignmentError):
                align(predictions, missing=policy)
            return
        aligned = align(predictions, missing=policy)
    ids, classes, cube, labels = expected
    assert aligned.ids.tolist() == ids
    assert list(aligned.classes) == classes
    np.testing.assert_array_equal(aligned.member_probas, cube)
    np.testing.assert_array_equal(~np.isnan(cube).all(axis=2), True if aligned.present is None else aligned.present)
    assert (None if aligned.labels is None else aligned.labels.tolist()) == labels


def test_members_with_equal_ids_keep_one_array_of_them():
    ids = [f"{i:06d}" for i in range(joining.WORTH_SHARING)]
    first, second = make("a", ids), make("b", np.array(ids), seed=1)
    assert first.ids is second.ids
    assert align(first, second).ids is first.ids


# Unicode normalisation.


@pytest.mark.parametrize("missing", ["error", "renormalize"])
def test_ids_that_differ_only_by_normalisation_are_named_as_such(missing):
    with pytest.raises(AlignmentError, match="ids must be the same") as refused:
        align(make("a", [NFC, "b"]), make("b", [NFD, "b"]), missing=missing)
    assert "Names that look the same differ by their Unicode normalisation" in str(refused.value)
    assert "'caf\\xe9' and 'cafe\\u0301'." in str(refused.value)
    assert "unicodedata.normalize('NFC', i)" in str(refused.value)


def test_rows_that_another_member_lacks_are_not_taken_for_a_matter_of_normalisation():
    aligned = align(make("a", [NFC, "b"]), make("b", ["b", "\u732b"]), missing="renormalize")
    assert aligned.ids.tolist() == [NFC, "b", "\u732b"]


@pytest.mark.parametrize("missing", ["error", "zero"])
def test_classes_that_differ_only_by_normalisation_are_named_as_such(missing):
    with pytest.raises(AlignmentError, match="differ by their Unicode normalisation") as refused:
        align(make("a", [1], [NFC, "b"]), make("b", [1], [NFD, "b"]), missing=missing)
    assert "Give aliases={'caf\\xe9': 'cafe\\u0301'}." in str(refused.value)
    assert refused.value.aliases == {NFC: NFD}
    aligned = align(make("a", [1], [NFC, "b"]), make("b", [1], [NFD, "b"]), aliases={NFD: NFC})
    assert aligned.classes == (NFC, "b")


@pytest.mark.parametrize(("ids", "fit_ids"), [((NFC, "b"), (NFD, "c")), ((NFD, "b"), (NFC, "c"))])
def test_rows_under_another_normalisation_are_leakage(ids, fit_ids):
    fields = {"labels": ["cat", "dog"], "fit_ids": fit_ids}
    with pytest.raises(LeakageError, match="'a' was fitted on 1 of these 2 rows"):
        fit_combiner([make("a", ids, **fields), make("b", ids, seed=1, **fields)], "weighted")


@pytest.mark.parametrize(
    "act",
    [
        lambda p: p.take([NFD]),
        lambda p: align(p).take([NFD]),
        lambda p: make("a", ["x"], [NFC, "dog"], labels=[NFD]),
        lambda p: align(p).with_labels({NFD: "cat", "b": "dog"}),
        lambda p: make("a", ["x"], [NFC, "dog"]).rename(aliases={NFD: "coffee"}),
        lambda p: align(make("a", ["x"], [NFC, "dog"]), aliases={NFD: "coffee"}),
        lambda p: combine(
            align(make("a", ["x"], [NFC, "dog"])),
            fit_combiner(make("a", ["x", "y"], [NFD, "dog"], labels=[NFD, "dog"]), "weighted"),
        ),
    ],
    ids=["take", "take of a set", "labels", "with_labels", "rename", "aliases", "a fitted combiner"],
)
def test_every_error_about_a_name_says_that_it_differs_by_normalisation(act):
    p = make("a", [NFC, "b"])
    with pytest.raises(EnsembleKitError, match=r"Names that look the same differ by their Unicode normalisation: '.*"):
        act(p)


def test_aliases_of_both_spellings_or_of_another_member_are_used():
    first, second = make("a", [1], [NFC, "b"]), make("b", [1], [NFD, "b"], seed=1)
    assert align(first, second, aliases={NFC: "coffee", NFD: "coffee"}).classes == ("coffee", "b")
    assert align(first, second, aliases={NFC: NFD}).classes == (NFD, "b")
    assert align(first, aliases={"tea": "coffee"}).classes == (NFC, "b")


# Many classes.

N = 10_000


def wide(member, classes, seed=0, rows=20):
    probas = np.random.default_rng(seed).dirichlet(np.ones(len(classes)), rows)
    return Predictions(probas, ids=np.arange(rows), classes=classes, member=member)


@pytest.mark.parametrize("order", ["same", "reversed"])
def test_ten_thousand_classes_are_aligned_without_a_search_for_each(order):
    classes = [f"class {i}" for i in range(N)]
    given = [wide(m, classes if order == "same" or m == "a" else classes[::-1], i) for i, m in enumerate("abcde")]
    start = time.perf_counter()
    aligned = align(given)
    seconds = time.perf_counter() - start
    np.testing.assert_array_equal(aligned["b"].probas, given[1].probas[:, :: 1 if order == "same" else -1])
    assert seconds < 1  # it takes some 15 ms; a search for each class takes 5 s and more


def attempts(kind):
    classes = [f"class {i}" for i in range(N)]
    others = {
        "spelled in another way": [f"Class {i}" for i in range(N)],
        "other names": [f"k{i:x}" for i in range(N)],
        "one is missing": classes[1:],
        "numbers": list(range(N)),
    }[kind]
    first, second = wide("a", classes), wide("b", others, 1)
    return first, second


@pytest.mark.parametrize("kind", ["spelled in another way", "other names", "one is missing", "numbers"])
def test_a_message_about_many_classes_is_short_and_comes_soon(kind):
    first, second = attempts(kind)
    start = time.perf_counter()
    with pytest.raises(EnsembleKitError) as refused:
        align(first, second)
    assert time.perf_counter() - start < 2
    assert len(str(refused.value)) < 1200, str(refused.value)
    if kind == "spelled in another way":
        assert refused.value.aliases["class 5"] == "Class 5"
        assert len(refused.value.aliases) == N
        start = time.perf_counter()
        aligned = align(first, second, aliases=refused.value.aliases)
        assert time.perf_counter() - start < 2
        assert aligned.classes == second.classes


def test_absent_classes_among_many_get_zero():
    first, second = attempts("one is missing")
    aligned = align(second, first, missing="zero")
    assert aligned.classes[-1] == "class 0"
    assert (aligned["b"].probas[:, -1] == 0).all()


def test_what_prints_a_set_of_many_classes_is_short():
    first, second = wide("a", range(N)), wide("b", range(N), 1)
    for shown in (first, align(first, second), combine([first, second], "mean")):
        assert len(repr(shown)) < 800


@pytest.mark.parametrize("n", [50, 500])
def test_guesses_of_many_names_take_no_time(n):
    start = time.perf_counter()
    propose_aliases([f"an animal of kind {i}" for i in range(n)], [f"one animal of kind {i} or so" for i in range(n)])
    assert time.perf_counter() - start < 2


def test_a_name_that_differs_only_by_case_is_preferred_to_one_that_it_begins():
    assert propose_aliases(["Cat"], ["cat", "cattle"]) == {"Cat": "cat"}
    assert propose_aliases(["Cat"], ["cat", "CAT"]) == {}


def test_numbers_written_as_text_are_variants_only_if_they_are_equal():
    assert propose_aliases(["0.9"], ["0.95"]) == {}
    assert propose_aliases(["10"], ["1"]) == {}
    assert propose_aliases(["1.0", "2.0"], ["2", "1"]) == {"1.0": "1", "2.0": "2"}


def test_integers_of_more_than_64_bits_are_told_to_be_text():
    for ids in ([2**64, 1], np.array([2**64 - 1, 1], dtype=np.uint64)):
        with pytest.raises(InvalidPredictionsError, match=r"fit in 64 signed bits; .* Give all of them as text"):
            make("a", ids)
    assert make("a", [str(2**64), "1"]).ids.tolist() == ["18446744073709551616", "1"]


@given(st.data())
def test_members_that_differ_in_values_alone_align_as_all_others_do(data):
    ids = data.draw(st.sampled_from([["a"], ["b", "a"], [3, 1, 2]]))
    said = {
        "split": data.draw(st.sampled_from([None, "test"])),
        "task": data.draw(st.sampled_from(["multiclass", "multilabel"])),
    }
    made = []
    for place in range(data.draw(st.integers(1, 3))):
        fitted = data.draw(st.sampled_from([None, ids[:1]]))
        p = make(f"m{place}", ids, seed=place, fit_ids=fitted, **said)
        made.append(Predictions(p.probas.astype(data.draw(st.sampled_from(["f4", "f8"]))), ids=ids, classes=p.classes,
                                member=p.member, fit_ids=fitted, **said))  # fmt: skip
    quick = align(made)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ensemblekit.predictions._align._differ_in_values_alone", lambda members: False)
        slow = align(made)
    for name in quick.__slots__:
        one, other = getattr(quick, name), getattr(slow, name)
        if isinstance(one, np.ndarray):
            assert one.dtype == other.dtype
            np.testing.assert_array_equal(one, other)
        else:
            assert str(one) == str(other), name


@pytest.mark.parametrize(
    ("changed", "found"),
    [
        ({"ids": ["b", "a"]}, [[0.3, 0.7], [0.9, 0.1]]),
        ({"classes": ["dog", "cat"]}, [[0.1, 0.9], [0.7, 0.3]]),
        ({"labels": ["dog", "dog"]}, [[0.9, 0.1], [0.3, 0.7]]),
        ({"groups": ["p", "q"]}, [[0.9, 0.1], [0.3, 0.7]]),
    ],
)
def test_members_that_differ_in_more_are_matched(changed, found):
    given = {"ids": ["a", "b"], "classes": ["cat", "dog"]}
    values = [[0.9, 0.1], [0.3, 0.7]]
    plain = Predictions(values, member="plain", **given)
    aligned = align(plain, Predictions(values, member="other", **{**given, **changed}))
    np.testing.assert_array_equal(aligned.member_probas, [values, found])
    for name in ("labels", "groups"):
        assert (getattr(aligned, name) is None) == (name not in changed)
    with pytest.raises(AlignmentError, match="split must be the same"):
        align(plain.rename(split="a"), plain.rename("other", split="b"))
