"""What must hold for any predictions: no order of rows, classes, members or files changes a bit of the answer."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ensemblekit import Predictions, align, combine, fit_combiner
from ensemblekit.errors import AlignmentError
from ensemblekit_plugins.combiners.mean import Mean
from ensemblekit_plugins.combiners.voting import Voting
from ensemblekit_plugins.combiners.weighted import Weighted

SIZES = [1, 7, 33, 1001]
DTYPES = [np.float32, np.float64]
WEIGHTS = [0.1, 3, 0.7, 1e-3, 2, 0, 1.1, 5, 0.3]
COMBINERS = [
    ("mean", {}),
    ("weighted", {"weights": True}),
    ("voting", {}),
    ("voting", {"weights": True}),
    ("voting", {"kind": "soft"}),
    ("voting", {"kind": "soft", "weights": True}),
]
NAMES = ["mean", "weighted", "hard", "hard weighted", "soft", "soft weighted"]
seeds = st.integers(0, 2**32 - 1)
every_combiner = pytest.mark.parametrize(("combiner", "options"), COMBINERS, ids=NAMES)


def options_for(options, members):
    """Name the weights, in an order that has nothing to do with that of the members."""
    if "weights" not in options:
        return options
    return options | {"weights": {f"m{k}": WEIGHTS[k] for k in sorted(range(len(members)), key=lambda k: -k)}}


def draw(seed, n_members, n, n_classes, dtype, *, ties=False, labelled=True):
    rng = np.random.default_rng(seed)
    probas = rng.dirichlet(np.ones(n_classes), (n_members, n))
    if ties:
        probas = rng.multinomial(6, np.full(n_classes, 1 / n_classes), (n_members, n)) / 6
    labels = rng.integers(0, n_classes, n) if labelled else None
    return [
        Predictions(
            p.astype(dtype),
            ids=[f"i{i}" for i in range(n)],
            classes=list("abcdefg"[:n_classes]),
            labels=labels,
            member=f"m{k}",
        )
        for k, p in enumerate(probas)
    ]


def shuffled(p, rng):
    """The same predictions, rows and classes in another order, in another layout of memory."""
    rows, columns = rng.permutation(len(p)), rng.permutation(len(p.classes))
    return Predictions(
        np.array(p.probas[rows][:, columns], order=rng.choice(["C", "F"])),
        ids=p.ids[rows],
        classes=[p.classes[c] for c in columns],
        labels=None if p.labels is None else p.labels[rows],
        member=p.member,
        missing="renormalize",
    )


def assert_same_bits(result, expected):
    result = result.take(expected.ids)
    columns = [result.classes.index(c) for c in expected.classes]
    assert result.probas.dtype == expected.probas.dtype
    assert result.probas[:, columns].tobytes() == expected.probas.tobytes()
    if expected.labels is not None:
        assert result.labels.tolist() == expected.labels.tolist()


# The order of rows, classes and members.


@every_combiner
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n", SIZES)
@given(seed=seeds, n_members=st.integers(1, 9), n_classes=st.integers(2, 7), ties=st.booleans())
def test_no_order_changes_a_bit(combiner, options, dtype, n, seed, n_members, n_classes, ties):
    members = draw(seed, n_members, n, n_classes, dtype, ties=ties)
    options = options_for(options, members)
    expected = combine(members, combiner, **options)
    assert expected.probas.dtype == dtype
    rng = np.random.default_rng(seed + 1)
    moved = [shuffled(p, rng) for p in members]
    rng.shuffle(moved)
    assert_same_bits(combine(moved, combiner, **options), expected)


@every_combiner
@given(
    seed=seeds,
    n=st.sampled_from(SIZES),
    dtype=st.sampled_from(DTYPES),
    suffix=st.sampled_from(["parquet", "csv", "npz"]),
)
def test_no_order_of_files_changes_a_bit(combiner, options, tmp_path_factory, seed, n, dtype, suffix):
    members = draw(seed, 3, min(n, 200), 4, dtype, ties=bool(seed % 2))
    options = options_for(options, members)
    expected = combine(members, combiner, **options)
    rng = np.random.default_rng(seed + 1)
    paths = [tmp_path_factory.getbasetemp() / f"m{k}.{suffix}" for k in range(3)]
    for p, path in zip(members, paths, strict=True):
        shuffled(p, rng).save(path, overwrite=True)
    rng.shuffle(paths)
    assert_same_bits(combine(paths, combiner, **options), expected)


@every_combiner
@given(seed=seeds, n=st.sampled_from([7, 33]), dtype=st.sampled_from(DTYPES))
def test_no_order_changes_a_bit_where_rows_are_absent(combiner, options, seed, n, dtype):
    rng = np.random.default_rng(seed)
    members = draw(seed, 4, n, 3, dtype, ties=bool(seed % 2))
    some = [members[0], *(p.take(p.ids[rng.random(n) < 0.6]) for p in members[1:])]
    options = options_for(options, members)
    expected = combine(some, combiner, missing="renormalize", **options)
    moved = [shuffled(p, rng) for p in some]
    rng.shuffle(moved)
    assert_same_bits(combine(moved, combiner, missing="renormalize", **options), expected)


@given(seed=seeds, n=st.sampled_from([33, 1001]), dtype=st.sampled_from(DTYPES))
def test_no_order_changes_a_bit_of_learned_weights(seed, n, dtype):
    members = draw(seed, 3, n, 3, dtype)
    rng = np.random.default_rng(seed)
    moved = [shuffled(p, rng) for p in members]
    rng.shuffle(moved)
    options = {"max_iter": 50}
    expected = fit_combiner(members, "weighted", **options)
    assert fit_combiner(moved, "weighted", **options).weights_.tobytes() == expected.weights_.tobytes()


@every_combiner
@given(seed=seeds, dtype=st.sampled_from(DTYPES))
def test_a_row_alone_gives_the_bits_it_gives_among_others(combiner, options, seed, dtype):
    members = draw(seed, 5, 33, 4, dtype, ties=bool(seed % 2))
    options = options_for(options, members)
    whole = combine(members, combiner, **options)
    for row in ("i0", "i13", "i32"):
        alone = combine([p.take([row]) for p in members], combiner, **options)
        assert alone.probas.tobytes() == whole.take([row]).probas.tobytes()


# What is not the same is refused, or changes the answer as the policy says.


@every_combiner
@given(seed=seeds, n=st.sampled_from([7, 33]), victim=st.integers(0, 2))
def test_a_deleted_row_is_refused_or_combined_without_that_member(combiner, options, tmp_path_factory, seed, n, victim):
    members = draw(seed, 3, n, 3, np.float64)
    options = options_for(options, members)
    row = f"i{seed % n}"
    paths = [tmp_path_factory.getbasetemp() / f"deleted{k}.csv" for k in range(3)]
    for k, (p, path) in enumerate(zip(members, paths, strict=True)):
        (p if k != victim else p.take([i for i in p.ids.tolist() if i != row])).save(path, overwrite=True)
    with pytest.raises(AlignmentError, match=rf"member 'm{victim}' lacks 1 \('{row}'\)"):
        combine(paths, combiner, **options)
    result = combine(paths, combiner, missing="renormalize", **options)
    whole = combine(members, combiner, **options)
    rest = [i for i in whole.ids.tolist() if i != row]
    np.testing.assert_allclose(result.take(rest).probas, whole.take(rest).probas, rtol=1e-14)
    others = [p for k, p in enumerate(members) if k != victim]
    kept = {m: w for m, w in options.get("weights", {}).items() if m != f"m{victim}"}
    without = combine(others, combiner, **options | ({"weights": kept} if kept else {}))
    np.testing.assert_allclose(result.take([row]).probas, without.take([row]).probas, rtol=1e-14)


@every_combiner
@given(seed=seeds, victim=st.integers(0, 2))
def test_a_renamed_class_is_refused_until_an_alias_is_given(combiner, options, seed, victim):
    members = draw(seed, 3, 7, 3, np.float64)
    options = options_for(options, members)
    expected = combine(members, combiner, **options)
    members[victim] = members[victim].rename(aliases={"b": "bee"})
    with pytest.raises(AlignmentError, match="classes must be the same for every member"):
        combine(members, combiner, **options)
    assert_same_bits(combine(members, combiner, aliases={"bee": "b"}, **options), expected)


@every_combiner
@given(seed=seeds, victim=st.integers(0, 2))
def test_swapped_ids_are_refused_where_labels_tell(combiner, options, seed, victim):
    members = draw(seed, 3, 7, 3, np.float64)
    p = members[victim]
    labels = p.labels.tolist()
    swapped = [*p.ids[:5], p.ids[6], p.ids[5]]
    members[victim] = Predictions(p.probas, ids=swapped, classes=p.classes, labels=labels, member=p.member)
    if labels[5] != labels[6]:
        with pytest.raises(AlignmentError, match="labels must agree between members"):
            combine(members, combiner, **options_for(options, members))


@every_combiner
@given(seed=seeds, victim=st.integers(0, 2))
def test_swapped_ids_change_the_answer_for_these_rows_alone(combiner, options, seed, victim):
    members = draw(seed, 3, 7, 3, np.float64, labelled=False)
    options = options_for(options, members)
    whole = combine(members, combiner, **options)
    p = members[victim]
    moved = [0, 1, 2, 3, 4, 6, 5]
    members[victim] = Predictions(p.probas, ids=p.ids[moved], classes=p.classes, member=p.member)
    result = combine(members, combiner, **options).take(whole.ids)
    cube = align(draw(seed, 3, 7, 3, np.float64, labelled=False)).member_probas.copy()
    cube[victim] = cube[victim][moved]
    by_hand = [Predictions(c, ids=whole.ids, classes=whole.classes, member=f"m{k}") for k, c in enumerate(cube)]
    assert result.probas.tobytes() == combine(by_hand, combiner, **options).probas.tobytes()
    assert result.probas[:5].tobytes() == whole.probas[:5].tobytes()
    if combiner == "mean":
        assert (result.probas[5:] != whole.probas[5:]).any()


# The same lines are a Keras graph.


@pytest.mark.keras
@pytest.mark.parametrize("absent", [False, True])
@pytest.mark.parametrize(
    "rule",
    [
        Mean(),
        Weighted([3, 1, 2]),
        Voting(),
        Voting(weights=[3, 1, 2]),
        Voting("soft"),
        Voting("soft", weights=[3, 1, 2]),
    ],
    ids=NAMES,
)
def test_a_graph_of_any_number_of_rows_agrees(keras, rule, absent):
    assert "graphable" in rule.traits
    rng = np.random.default_rng(0)
    cube = rng.multinomial(8, np.full(4, 0.25), (3, 50)).astype(np.float32) / 8
    present = rng.random((3, 50)) < 0.6
    present[1] = True
    inputs = [keras.Input((4,)) for _ in range(3)]
    there = [keras.Input((), dtype="bool") for _ in range(3)] if absent else []
    kwargs = {"present": keras.ops.stack(there, axis=0)} if absent else {}
    model = keras.Model([*inputs, *there], rule.combine(keras.ops.stack(inputs, axis=0), xp=keras.ops, **kwargs))
    assert model.output_shape == (None, 4)
    result = keras.ops.convert_to_numpy(model([*cube, *(present if absent else ())]))
    expected = rule.combine(cube, **({"present": present} if absent else {}))
    np.testing.assert_allclose(result, expected, rtol=1e-6)
    assert result.argmax(axis=-1).tolist() == expected.argmax(axis=-1).tolist()
