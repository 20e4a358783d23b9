"""`knora_e` and `knora_u`: hand-worked rows, a brute-force oracle in exact fractions, and DESlib's own lines."""

from fractions import Fraction
from unittest import mock

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ensemblekit import Predictions, align, combine, fit_combiner
from ensemblekit.errors import InvalidOptionError, NotFittedError
from ensemblekit_plugins.combiners.dynamic_selection import vote
from ensemblekit_plugins.combiners.knora_e import KnoraE
from ensemblekit_plugins.combiners.knora_u import KnoraU
from ensemblekit_plugins.learning import neighbours
from ensemblekit_plugins.learning.neighbours import Neighbours

NAMES = ["knora_e", "knora_u"]
both = pytest.mark.parametrize("name", NAMES)
seeds = st.integers(0, 2**32 - 1)


def members(probas, labels=None, **fields):
    classes = [f"c{c}" for c in range(np.shape(probas)[-1])]
    fields = {"ids": range(np.shape(probas)[1]), "classes": classes, "labels": labels, **fields}
    return align(*(Predictions(p, member=f"m{k}", **fields) for k, p in enumerate(probas)))


def draw(rng, n_members, n_samples, n_classes, *, ties=False, labelled=True, dtype=np.float64, axes=()):
    shape = (n_members, n_samples, *axes)
    if ties:
        probas = rng.multinomial(4, np.full(n_classes, 1 / n_classes), shape) / 4
    else:
        probas = rng.dirichlet(np.ones(n_classes), shape)
    return members(probas.astype(dtype), rng.integers(0, n_classes, shape[1:]) if labelled else None)


def squared_distance(one, other):
    return sum((Fraction(a) - Fraction(b)) ** 2 for a, b in zip(one, other, strict=True))


def oracle(name, fit, queries, k, voting="soft", points=None, asked=None):
    """Work out the answer row by row, in exact fractions, and the winners."""
    n_members, n_samples, n_classes = queries.shape
    points = np.moveaxis(fit.member_probas, 0, 1).reshape(len(fit.ids), -1) if points is None else points
    asked = np.moveaxis(queries, 0, 1).reshape(n_samples, -1) if asked is None else asked
    shares, winners = [], []
    for i in range(n_samples):
        distances = [
            sum((Fraction(float(a)) - Fraction(float(b))) ** 2 for a, b in zip(asked[i], p, strict=True))
            for p in points
        ]
        nearest = sorted(range(len(points)), key=lambda j: (distances[j], j))[:k]
        hits = [[fit.member_probas[m, j].argmax() == fit.label_codes[j] for j in nearest] for m in range(n_members)]
        weights = [sum(h) for h in hits]
        if name == "knora_e":
            for size in range(len(nearest), -1, -1):
                weights = [int(all(h[:size])) for h in hits]
                if any(weights):
                    break
        if not any(weights):
            weights = [1] * n_members
        soft, hard = [Fraction(0)] * n_classes, [Fraction(0)] * n_classes
        for m, weight in enumerate(weights):
            row = [Fraction(float(p)) for p in queries[m, i]]
            top = [c for c in range(n_classes) if row[c] == max(row)]
            for c in range(n_classes):
                soft[c] += weight * row[c] / sum(weights)
                hard[c] += Fraction(int(weight), len(top) * int(sum(weights))) if c in top else 0
        shares.append([float(s) for s in (soft if voting == "soft" else hard)])
        winners.append(max(range(n_classes), key=lambda c: (hard[c], soft[c], -c)))
    return np.array(shares), winners


# By hand. One number places a row: what m0 says of c0; m1 says nearly the same everywhere.

LINE = members(
    [[[0.9, 0.1], [0.8, 0.2], [0.7, 0.3], [0.4, 0.6]], [[0.4, 0.6], [0.4, 0.6], [0.6, 0.4], [0.4, 0.6]]],
    ["c0", "c0", "c1", "c1"],
)
"""m0 is right on rows 0, 1 and 3; m1 on row 3 alone."""


def query(p):
    return np.array([[[p, 1 - p]], [[0.4, 0.6]]])


def test_the_rows_on_which_members_are_right():
    assert fit_combiner(LINE, "knora_e").right_.tolist() == [
        [True, False],
        [True, False],
        [False, False],
        [True, True],
    ]


def test_eliminate_takes_the_member_that_is_right_on_all_neighbours():
    fitted = fit_combiner(LINE, "knora_e", n_neighbors=2)
    np.testing.assert_allclose(fitted.combine(query(0.95)), [[0.95, 0.05]])  # rows 0 and 1: m0
    np.testing.assert_allclose(fitted.combine(query(0.35)), [[0.375, 0.625]])  # row 3, then 2: k shrinks to 1, both


def test_eliminate_takes_all_where_none_is_right_on_the_nearest():
    fitted = fit_combiner(LINE, "knora_e", n_neighbors=1)
    near_row_2 = np.array([[[0.7, 0.3]], [[0.6, 0.4]]])
    np.testing.assert_allclose(fitted.combine(near_row_2), [[0.65, 0.35]])


def test_union_counts_the_neighbours_that_a_member_gets_right():
    fitted = fit_combiner(LINE, "knora_u", n_neighbors=4)  # m0 votes three times, m1 once
    np.testing.assert_allclose(fitted.combine(query(0.8)), [[(3 * 0.8 + 0.4) / 4, (3 * 0.2 + 0.6) / 4]])
    hard = fit_combiner(LINE, "knora_u", n_neighbors=4, voting="hard")
    np.testing.assert_allclose(hard.combine(query(0.8)), [[0.75, 0.25]])


def test_union_weighs_by_the_weight_of_the_neighbours():
    fitted = fit_combiner(LINE, "knora_u", n_neighbors=4, sample_weight=[1, 1, 5, 2])  # m0: 4, m1: 2
    np.testing.assert_allclose(fitted.combine(query(0.8)), [[(4 * 0.8 + 2 * 0.4) / 6, (4 * 0.2 + 2 * 0.6) / 6]])


def test_rows_of_weight_zero_are_as_if_not_there():
    rng = np.random.default_rng(0)
    fit, new = draw(rng, 3, 40, 3), draw(rng, 3, 30, 3, labelled=False)
    weights = np.where(np.arange(40) % 3, 2.0, 0)
    expected = combine(new, fit_combiner(fit.take(fit.ids[weights > 0]), "knora_u", n_neighbors=3))
    assert combine(new, fit_combiner(fit, "knora_u", n_neighbors=3, sample_weight=weights)).probas.tobytes() == (
        expected.probas.tobytes()
    )


def test_eliminate_refuses_weights():
    with pytest.raises(InvalidOptionError, match=r"'knora_e' makes no use of sample_weight.* use 'knora_u'"):
        fit_combiner(LINE, "knora_e", sample_weight=[1, 1, 5, 2])


def test_of_equally_distant_rows_the_first_by_id_is_nearer():
    same = [[0.6, 0.4]] * 4
    for labels, expected in ((["c0", "c1", "c1", "c1"], 0.6), (["c1", "c0", "c0", "c0"], 0.2)):
        fit = members([same, [[0.2, 0.8]] * 4], labels)
        fitted = fit_combiner(fit, "knora_e", n_neighbors=1)
        np.testing.assert_allclose(fitted.combine(np.array([[[0.6, 0.4]], [[0.2, 0.8]]]))[0, 0], expected)


def test_a_tie_of_votes_goes_to_the_larger_summed_probability_then_to_the_first():
    tied = np.array([[[0.9, 0.1]], [[0.4, 0.6]]])
    shares = vote(tied, np.ones((1, 2)), "hard")
    assert shares[0, 1] == 0.5 < shares[0, 0] <= 0.5 + 2 * np.spacing(0.5)
    assert vote(tied[:, :, ::-1], np.ones((1, 2)), "hard").argmax() == 1
    assert vote(np.array([[[0.25, 0.75]], [[0.75, 0.25]]]), np.ones((1, 2)), "hard").argmax() == 0
    third = vote(np.full((1, 1, 3), 1 / 3), np.ones((1, 1)), "hard")
    np.testing.assert_allclose(third, [[1 / 3] * 3])
    assert third.argmax() == 0


# The neighbours.


@pytest.mark.parametrize("few", [0, 2**14])
@given(seeds, st.integers(1, 60), st.integers(1, 7), st.integers(1, 5), st.booleans(), st.integers(1, 9))
def test_the_nearest_are_those_of_an_exhaustive_search(few, seed, n_points, n_columns, n_queries, ties, k):
    rng = np.random.default_rng(seed)
    if ties:
        points, queries = (rng.integers(0, 3, (n, n_columns)) / 4 for n in (n_points, n_queries))
    else:
        points, queries = (rng.random((n, n_columns)) for n in (n_points, n_queries))
    distances = np.zeros((n_queries, n_points))
    for column in range(n_columns):
        distances += (queries[:, column, np.newaxis] - points[:, column]) ** 2
    k = min(k, n_points)
    expected = np.argsort(distances, axis=1, kind="stable")[:, :k]
    with mock.patch.object(neighbours, "FEW", few):
        found = Neighbours(points.astype(float)).nearest(queries.astype(float), k)
    assert found.tolist() == expected.tolist()


def test_points_far_from_the_origin_are_told_apart(monkeypatch):
    monkeypatch.setattr(neighbours, "FEW", 0)
    # By matrix products alone, as scikit-learn has them, these differ by less than rounding.
    points = 1e8 + np.arange(50.0)[:, np.newaxis]
    assert Neighbours(points).nearest(points[[7, 30]] + 0.25, 3).tolist() == [[7, 8, 6], [30, 31, 29]]


def test_many_equal_rows_are_found_in_order(monkeypatch):
    monkeypatch.setattr(neighbours, "FEW", 0)
    points = np.repeat([[0.0, 1.0], [1.0, 0.0]], 300, axis=0)
    assert Neighbours(points).nearest(np.array([[0.9, 0.1]]), 7).tolist() == [list(range(300, 307))]


# Against an oracle, and DESlib.


@both
@pytest.mark.parametrize("voting", ["soft", "hard"])
@given(seeds, st.integers(1, 4), st.integers(1, 12), st.integers(2, 4), st.booleans(), st.integers(1, 8))
def test_it_agrees_with_a_count_row_by_row(name, voting, seed, n_members, n_fit, n_classes, ties, k):
    rng = np.random.default_rng(seed)
    fit = draw(rng, n_members, n_fit, n_classes, ties=ties)
    queries = draw(rng, n_members, 5, n_classes, ties=ties, labelled=False).member_probas
    fitted = fit_combiner(fit, name, n_neighbors=k, voting=voting)
    result = fitted.combine(queries)
    expected, winners = oracle(name, fit, queries, k, voting)
    np.testing.assert_allclose(result, expected, rtol=1e-12, atol=1e-14)
    if voting == "hard" and ties:
        assert result.argmax(axis=-1).tolist() == winners


@both
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("voting", ["soft", "hard"])
def test_the_dtype_is_kept(name, dtype, voting):
    rng = np.random.default_rng(1)
    fit = draw(rng, 3, 30, 3, ties=True, dtype=dtype)
    new = draw(rng, 3, 50, 3, ties=True, dtype=dtype)
    result = combine(new, fit_combiner(fit, name, voting=voting))
    assert result.probas.dtype == dtype
    expected, winners = oracle(name, fit, new.member_probas, 7, voting)
    np.testing.assert_allclose(result.probas, expected, atol=2 * np.finfo(dtype).eps)
    if voting == "hard":
        assert result.probas.argmax(axis=-1).tolist() == winners


@both
def test_features_place_the_rows_where_they_are_given(name):
    rng = np.random.default_rng(2)
    fit, new = draw(rng, 3, 30, 3), draw(rng, 3, 12, 3)
    points, asked = rng.integers(0, 4, (30, 2)) / 2, rng.integers(0, 4, (12, 2)) / 2
    fitted = fit_combiner(fit, name, n_neighbors=4, features=(fit.ids[::-1], points[::-1]))
    result = combine(new, fitted, features=dict(zip(new.ids.tolist(), asked, strict=True)))
    expected, _ = oracle(name, fit, new.member_probas, 4, points=points, asked=asked)
    np.testing.assert_allclose(result.probas, expected, rtol=1e-12)
    assert fitted.n_features_ == 2


def deslib_of(name, fit):
    module = pytest.importorskip(f"deslib.des.{name}")
    peer = object.__new__(getattr(module, name.upper().replace("_", "")))
    vars(peer).update(
        DSEL_processed_=fit.label_codes[:, np.newaxis] == fit.member_probas.argmax(axis=-1).T,
        n_classes_=len(fit.classes),
        n_classifiers_=len(fit),
        voting="hard",
        mode={"knora_e": "selection", "knora_u": "weighting"}[name],
        needs_proba=False,
        DFP=False,
    )
    return peer


@both
def test_the_vote_is_deslibs(name):
    rng = np.random.default_rng(3)
    fit, new = draw(rng, 5, 80, 3), draw(rng, 5, 200, 3)
    fitted = fit_combiner(fit, name, voting="hard")
    probas = np.moveaxis(new.member_probas, 0, 1)
    nearest = Neighbours(fitted.points_).nearest(probas.reshape(200, -1), 7)
    peer = deslib_of(name, fit)
    competences = peer.estimate_competence(nearest)
    right = competences.any(axis=1)  # where none is right DESlib's weights are all 0
    expected = peer.predict_proba_with_ds(probas.argmax(axis=-1), probas, nearest)
    result = combine(new, fitted).probas
    np.testing.assert_allclose(result[right], expected[right], rtol=1e-12)
    aggregation = pytest.importorskip("deslib.util.aggregation")
    chosen = competences if name == "knora_u" else peer.select(competences).astype(float)
    winners = aggregation.weighted_majority_voting_rule(probas.argmax(axis=-1), chosen, np.arange(3))
    best = np.sort(expected, axis=1)
    sure = right & (best[:, -1] - best[:, -2] > 1e-9)  # a tie is DESlib's first label
    assert sure.sum() > 100
    assert result[sure].argmax(axis=1).tolist() == winners[sure].tolist()


# What holds for any predictions.


@pytest.mark.parametrize("name", [*NAMES, "meta_des"])
@pytest.mark.parametrize("with_features", [False, True])
@pytest.mark.parametrize(("n_members", "n_classes", "ties"), [(3, 2, True), (2, 3, False)])
def test_members_that_agree_are_not_searched_for_and_no_bit_differs(name, with_features, n_members, n_classes, ties):
    rng = np.random.default_rng(4)
    fit = draw(rng, n_members, 12, n_classes, ties=ties, dtype=np.float32)
    new = draw(rng, n_members, 40, n_classes, ties=ties, labelled=False, dtype=np.float32).member_probas
    near, asked = (rng.normal(size=(n, 2)) if with_features else None for n in (12, 40))
    given = {"features": (fit.ids, near)} if with_features else {}
    fitted = fit_combiner(fit, name, voting="hard", n_neighbors=3, **given)
    with mock.patch.object(Neighbours, "nearest", autospec=True, side_effect=Neighbours.nearest) as search:
        result = fitted.combine(new, features=asked)
    assert result.tobytes() == fitted._select(new, asked).tobytes()
    tops = (new == new.max(axis=-1, keepdims=True)).any(axis=0).sum(axis=-1)
    searched = [len(call.args[1]) for call in search.call_args_list]
    assert 0 < (tops > 1).sum() < 40
    assert set(searched) == {(tops > 1).sum()}


@both
@pytest.mark.parametrize("voting", ["soft", "hard"])
@given(seeds, st.booleans())
def test_no_order_changes_a_bit(name, voting, seed, ties):
    rng = np.random.default_rng(seed)
    fit, new = draw(rng, 3, 25, 3, ties=ties), draw(rng, 3, 33, 3, ties=ties)
    expected = combine(new, fit_combiner(fit, name, voting=voting))

    def moved(given):
        names, classes = rng.permutation(given.members).tolist(), rng.permutation(given.classes).tolist()
        return given.reorder(members=names, rows=rng.permutation(len(given.ids)), classes=classes)

    result = combine(moved(new), fit_combiner(moved(fit), name, voting=voting)).take(new.ids)
    columns = [result.classes.index(c) for c in expected.classes]
    assert result.probas[:, columns].tobytes() == expected.probas.tobytes()


@both
@pytest.mark.parametrize("voting", ["soft", "hard"])
@given(seeds, st.booleans(), st.sampled_from([np.float16, np.float32, np.float64]))
def test_a_row_alone_gives_the_bits_it_gives_among_others(name, voting, seed, ties, dtype):
    rng = np.random.default_rng(seed)
    fit, new = draw(rng, 3, 25, 3, ties=ties, dtype=dtype), draw(rng, 3, 33, 3, ties=ties, dtype=dtype)
    fitted = fit_combiner(fit, name, voting=voting)
    whole = fitted.combine(new.member_probas)
    fortran = np.asfortranarray(new.member_probas)
    fortran.flags.writeable = False
    assert fitted.combine(fortran).tobytes() == whole.tobytes()
    for row in rng.integers(0, 33, 5):
        assert fitted.combine(new.member_probas[:, [row]]).tobytes() == whole[[row]].tobytes()


@both
@given(seeds, st.integers(1, 5))
def test_soft_votes_lie_between_the_members(name, seed, n_members):
    rng = np.random.default_rng(seed)
    fit, new = draw(rng, n_members, 12, 3), draw(rng, n_members, 9, 3).member_probas
    result = fit_combiner(fit, name).combine(new)
    assert (result >= new.min(axis=0) - 1e-15).all()
    assert (result <= new.max(axis=0) + 1e-15).all()
    same = np.repeat(new[:1], n_members, axis=0)
    np.testing.assert_allclose(fit_combiner(fit, name).combine(same), new[0], rtol=1e-14)


@both
def test_each_place_of_a_map_is_a_row(name):
    rng = np.random.default_rng(4)
    fit, new = draw(rng, 3, 6, 3, axes=(2, 4)), draw(rng, 3, 5, 3, axes=(2, 4))
    result = combine(new, fit_combiner(fit, name)).probas
    flat = members(fit.member_probas.reshape(3, 48, 3), fit.labels.ravel())
    expected = fit_combiner(flat, name).combine(new.member_probas.reshape(3, 40, 3))
    assert result.tobytes() == expected.tobytes()
    assert result.shape == (5, 2, 4, 3)


@both
def test_no_rows_are_combined_to_no_rows_and_a_member_alone_is_itself(name):
    rng = np.random.default_rng(5)
    fitted = fit_combiner(draw(rng, 1, 3, 2), name)
    assert fitted.combine(np.empty((1, 0, 2), dtype=np.float32)).shape == (0, 2)
    new = draw(rng, 1, 9, 2).member_probas
    np.testing.assert_allclose(fitted.combine(new), new[0], rtol=1e-15)


# What is refused.


@both
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_neighbors": 0}, "n_neighbors must be a whole number >= 1; received 0"),
        ({"n_neighbors": 2.5}, "n_neighbors must be a whole number >= 1; received 2.5"),
        ({"voting": "loud"}, "voting must be one of 'soft', 'hard'; received 'loud'"),
    ],
)
def test_bad_options_are_refused(name, options, message):
    with pytest.raises(InvalidOptionError, match=message):
        fit_combiner(LINE, name, **options)


@both
def test_absent_rows_and_other_tasks_are_refused(name):
    some = [LINE["m0"], LINE["m1"].take([0, 1, 2])]
    with pytest.raises(
        InvalidOptionError, match=f"{name} learns from one row of every member.*1 of 4 with absent rows"
    ):
        fit_combiner(some, name, missing="renormalize")
    numbers = members(np.ones((2, 3, 1)), np.ones((3, 1)), task="regression")
    with pytest.raises(InvalidOptionError, match=f"'{name}' makes no sense for the task 'regression'"):
        fit_combiner(numbers, name)


@both
def test_it_must_be_fitted(name):
    rule = {"knora_e": KnoraE, "knora_u": KnoraU}[name]()
    with pytest.raises(NotFittedError, match=f"{name} must be fitted before it combines"):
        rule.combine(query(0.5))


@both
def test_features_are_for_both_or_for_neither(name):
    features = (LINE.ids, np.ones((4, 2)))
    with pytest.raises(InvalidOptionError, match=f"'{name}' was fitted with no features; received some"):
        combine(LINE, fit_combiner(LINE, name), features=features)
    fitted = fit_combiner(LINE, name, features=features)
    with pytest.raises(InvalidOptionError, match=f"'{name}' was fitted with features; received none"):
        combine(LINE, fitted)
    with pytest.raises(InvalidOptionError, match=f"'{name}' was fitted on 2 features a row; received 1"):
        combine(LINE, fitted, features=(LINE.ids, np.ones(4)))
    with pytest.raises(InvalidOptionError, match=f"{name} searches neighbours must be finite; .* in 1 of 4 rows"):
        fit_combiner(LINE, name, features=(LINE.ids, [0, 1, np.nan, 2]))
