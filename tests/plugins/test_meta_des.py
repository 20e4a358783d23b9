"""`meta_des`: a hand-worked case, DESlib's meta-features, the meta-classifier of scikit-learn, and what is refused."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

from ensemblekit import Predictions, align, combine, fit_combiner
from ensemblekit.errors import InvalidOptionError, NotFittedError
from ensemblekit_plugins.combiners.mean import Mean
from ensemblekit_plugins.combiners.meta_des import MetaDES

seeds = st.integers(0, 2**32 - 1)


def members(probas, labels=None, **fields):
    classes = [f"c{c}" for c in range(np.shape(probas)[-1])]
    fields = {"ids": range(np.shape(probas)[1]), "classes": classes, "labels": labels, **fields}
    return align(*(Predictions(p, member=f"m{k}", **fields) for k, p in enumerate(probas)))


def draw(seed, n_samples=60, n_members=4, n_classes=3, *, ties=False, dtype=np.float64, axes=()):
    rng = np.random.default_rng(seed)
    shape = (n_members, n_samples, *axes)
    if ties:
        probas = rng.multinomial(4, np.full(n_classes, 1 / n_classes), shape) / 4
    else:
        probas = rng.dirichlet(np.ones(n_classes), shape)
    return members(probas.astype(dtype), rng.integers(0, n_classes, shape[1:]))


def meta_features(points, profiles, right, true_probas, probas, k, n_profiles, *, leave_out):
    """Describe each member on each row, in plain loops."""
    described = []
    for i in range(probas.shape[1]):
        orders = []
        for places, asked in ((points, points[1]), (profiles, profiles[1])):
            distances = ((places[0] - asked[i]) ** 2).sum(axis=1)
            orders.append([j for j in np.argsort(distances, kind="stable") if not (leave_out and j == i)])
        near, alike = orders[0][:k], orders[1][:n_profiles]
        for m in range(len(probas)):
            hits = [float(right[j, m]) for j in near]
            described.append(
                [
                    *hits,
                    *(true_probas[j, m] for j in near),
                    np.mean(hits),
                    *(float(right[j, m]) for j in alike),
                    probas[m, i].max(),
                ]
            )
    return np.array(described)


def side_by_side(given):
    return np.concatenate(list(given.member_probas), axis=-1)


# By hand.


def test_a_member_that_is_right_nearby_is_selected():
    # m0 is right on the first half of the line, m1 on the second, and both are sure of it.
    places = np.linspace(0, 1, 20)[:, np.newaxis]
    right, wrong = [0.9, 0.1], [0.1, 0.9]
    fit = members([[right] * 10 + [wrong] * 10, [wrong] * 10 + [right] * 10], ["c0"] * 20)
    fitted = fit_combiner(fit, "meta_des", n_neighbors=3, n_profiles=1, features=(fit.ids, places))
    asked = members([[[0.6, 0.4]] * 2, [[0.2, 0.8]] * 2])
    result = combine(asked, fitted, features=(asked.ids, [[0.05], [0.95]])).probas
    np.testing.assert_allclose(result, [[0.6, 0.4], [0.2, 0.8]])


def test_all_are_taken_where_none_is_competent():
    fit, new = draw(0), draw(1).member_probas
    result = fit_combiner(fit, "meta_des", threshold=1).combine(new)
    np.testing.assert_allclose(result, Mean().combine(new), rtol=1e-14)


@pytest.mark.parametrize("label", ["c0", "c1"])
def test_all_are_taken_where_all_are_right_on_all_rows_or_wrong(label):
    fit = members(np.tile([0.9, 0.1], (3, 12, 1)), [label] * 12)
    fitted = fit_combiner(fit, "meta_des")
    assert fitted.meta_classifier_ is None
    new = draw(1, n_members=3, n_classes=2).member_probas
    np.testing.assert_allclose(fitted.combine(new), Mean().combine(new), rtol=1e-14)


# The meta-features and the meta-classifier.


@pytest.mark.parametrize("with_features", [False, True])
@pytest.mark.parametrize(("k", "n_profiles"), [(3, 2), (2, 5), (7, 5), (99, 99)])
@pytest.mark.parametrize("ties", [False, True])
def test_it_is_the_meta_classifier_on_the_meta_features(with_features, k, n_profiles, ties):
    fit, new = draw(2, 30, ties=ties), draw(3, 25, ties=ties)
    rng = np.random.default_rng(0)
    places, asked = rng.integers(0, 5, (30, 2)) / 4, rng.integers(0, 5, (25, 2)) / 4
    named = {"features": (fit.ids, places)} if with_features else {}
    fitted = fit_combiner(fit, "meta_des", n_neighbors=k, n_profiles=n_profiles, **named)
    n_near, n_alike = min(k, 29), min(n_profiles, 29)
    right = (fit.member_probas.argmax(axis=-1) == fit.label_codes).T
    true_probas = np.take_along_axis(fit.member_probas, fit.label_codes[np.newaxis, :, np.newaxis], -1)[..., 0].T
    profiles = side_by_side(fit)
    there = (places, places) if with_features else (profiles, profiles)
    x = meta_features(
        there, (profiles, profiles), right, true_probas, fit.member_probas, n_near, n_alike, leave_out=True
    )
    reference = LogisticRegression(max_iter=1000).fit(x, right.ravel())
    np.testing.assert_allclose(fitted.meta_classifier_.coef_, reference.coef_, rtol=1e-9)
    there = (places, asked) if with_features else (profiles, side_by_side(new))
    x = meta_features(
        there, (profiles, side_by_side(new)), right, true_probas, new.member_probas, n_near, n_alike, leave_out=False
    )
    competent = (reference.predict_proba(x)[:, 1] > 0.5).reshape(25, 4)
    competent[~competent.any(axis=1)] = True
    expected = (new.member_probas * competent.T[..., np.newaxis]).sum(axis=0) / competent.sum(axis=1)[:, np.newaxis]
    named = {"features": (new.ids, asked)} if with_features else {}
    np.testing.assert_allclose(combine(new, fitted, **named).probas, expected, rtol=1e-12)


def test_the_meta_features_are_deslibs():
    module = pytest.importorskip("deslib.des.meta_des")
    fit, new = draw(4), draw(5)
    fitted = fit_combiner(fit, "meta_des")
    peer = object.__new__(module.METADES)
    scores = np.moveaxis(fit.member_probas, 0, 1)
    vars(peer).update(
        DSEL_processed_=fitted.right_, dsel_scores_=scores, DSEL_target_=fit.label_codes, k_=7, Kp_=5, n_classifiers_=4
    )
    rng = np.random.default_rng(0)
    nearest, profiles = rng.integers(0, 60, (60, 7)), rng.integers(0, 60, (60, 5))
    expected = peer.compute_meta_features(np.moveaxis(new.member_probas, 0, 1), nearest, profiles)
    described = fitted._meta_features(nearest, profiles, new.member_probas)
    np.testing.assert_allclose(described, expected, rtol=1e-15)


@pytest.mark.parametrize("estimator", [GaussianNB(), DecisionTreeClassifier(max_depth=2), KNeighborsClassifier(3)])
def test_any_classifier_of_probabilities_serves(estimator):
    fit = draw(6)
    fitted = fit_combiner(fit, "meta_des", meta_classifier=estimator)
    assert type(fitted.meta_classifier_) is type(estimator)
    assert not hasattr(estimator, "classes_")
    assert combine(draw(7), fitted).probas.shape == (60, 3)


def test_it_finds_who_is_right_where():
    # Each member knows two of four classes, and is as sure of the others: the mean is lost, the neighbours are not.
    rng = np.random.default_rng(0)
    places = rng.random((600, 2))
    codes = (places[:, 0] > 0.5) * 2 + (places[:, 1] > 0.5)
    guesses = np.stack([np.where(codes < 2, codes, rng.integers(0, 4, 600)) for _ in range(2)])
    guesses = np.concatenate([guesses, [np.where(codes >= 2, codes, rng.integers(0, 4, 600)) for _ in range(2)]])
    given = members(0.1 + 0.6 * np.eye(4)[guesses], codes)
    fit, new = given.take(range(300)), given.take(range(300, 600))
    features = (given.ids, places)

    def accuracy(name):
        fitted = fit_combiner(fit, name, features=features)
        return (combine(new, fitted, features=features).probas.argmax(axis=-1) == new.label_codes).mean()

    plain = (combine(new, "mean").probas.argmax(axis=-1) == new.label_codes).mean()
    assert min(accuracy("meta_des"), accuracy("knora_e"), accuracy("knora_u")) > plain + 0.01
    assert accuracy("meta_des") > 0.95


# Weights, tasks, dtypes.


def test_sample_weight_is_that_of_the_meta_classifier_and_zero_leaves_out():
    fit, new = draw(8), draw(9)
    weights = np.random.default_rng(0).random(60)
    weighted = fit_combiner(fit, "meta_des", sample_weight=weights)
    assert not np.allclose(weighted.meta_classifier_.coef_, fit_combiner(fit, "meta_des").meta_classifier_.coef_)
    weights = np.where(weights > 0.3, 2.0, 0)
    some = fit_combiner(fit.take(fit.ids[weights > 0]), "meta_des")
    zeroed = fit_combiner(fit, "meta_des", sample_weight=weights)
    assert combine(new, zeroed).probas.tobytes() == combine(new, some).probas.tobytes()
    with pytest.raises(InvalidOptionError, match=r"KNeighborsClassifier\(\) makes no use of sample_weight"):
        fit_combiner(fit, "meta_des", meta_classifier=KNeighborsClassifier(), sample_weight=np.arange(60))


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("voting", ["soft", "hard"])
def test_the_dtype_is_kept(dtype, voting):
    fit = draw(10, dtype=dtype)
    result = combine(draw(11, dtype=dtype), fit_combiner(fit, "meta_des", voting=voting)).probas
    assert result.dtype == dtype
    np.testing.assert_allclose(result.sum(axis=-1), 1, atol=1e-2 if dtype == np.float16 else 1e-5)


def test_each_place_of_a_map_is_a_row():
    fit, new = draw(12, 6, axes=(2, 4)), draw(13, 5, axes=(2, 4))
    flat = members(fit.member_probas.reshape(4, 48, 3), fit.labels.ravel())
    expected = fit_combiner(flat, "meta_des").combine(new.member_probas.reshape(4, 40, 3))
    assert combine(new, fit_combiner(fit, "meta_des")).probas.tobytes() == expected.tobytes()


@settings(max_examples=10)
@given(seeds, st.booleans(), st.sampled_from(["soft", "hard"]))
def test_no_order_and_no_other_row_changes_a_bit(seed, ties, voting):
    rng = np.random.default_rng(seed)
    fit, new = draw(seed, 30, 3, ties=ties), draw(seed + 1, 20, 3, ties=ties)
    fitted = fit_combiner(fit, "meta_des", voting=voting)
    expected = combine(new, fitted)
    for row in rng.integers(0, 20, 3):
        assert fitted.combine(new.member_probas[:, [row]]).tobytes() == expected.probas[[row]].tobytes()

    def moved(given):
        names, classes = rng.permutation(given.members).tolist(), rng.permutation(given.classes).tolist()
        return given.reorder(members=names, rows=rng.permutation(len(given.ids)), classes=classes)

    result = combine(moved(new), fit_combiner(moved(fit), "meta_des", voting=voting)).take(new.ids)
    columns = [result.classes.index(c) for c in expected.classes]
    assert result.probas[:, columns].tobytes() == expected.probas.tobytes()


# What is refused.


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_profiles": 0}, "n_profiles must be a whole number >= 1; received 0"),
        ({"threshold": 1.5}, "threshold must be a finite number >= 0 and <= 1; received 1.5"),
        ({"voting": "loud"}, "voting must be one of 'soft', 'hard'; received 'loud'"),
        ({"meta_classifier": LinearSVC()}, r"classifier with predict_proba; LinearSVC\(\) has none\. Wrap it"),
    ],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(InvalidOptionError, match=message):
        fit_combiner(draw(0), "meta_des", **options)


def test_one_row_has_no_neighbours():
    with pytest.raises(InvalidOptionError, match=r"received 1 row with a weight\. Give two at least"):
        fit_combiner(draw(0, 1), "meta_des")


def test_it_must_be_fitted():
    with pytest.raises(NotFittedError, match="meta_des must be fitted before it combines"):
        MetaDES().combine(np.ones((1, 1, 2)))
