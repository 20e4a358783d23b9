"""Rules that fit by folds of their own keep groups together, and look at nothing later."""

import itertools

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.calibration import CalibratedClassifierCV
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.model_selection import GridSearchCV, GroupKFold
from sklearn.svm import LinearSVC

from ensemblekit import Combiner, Predictions, align, fit_combiner
from ensemblekit.errors import InvalidPredictionsError
from ensemblekit_plugins.combiners.calibrated import Calibrated
from ensemblekit_plugins.combiners.stacking import Stacking

GROUPS = np.repeat([f"p{k}" for k in range(12)], 5)
RNG = np.random.default_rng(0)
CODES = RNG.integers(0, 3, len(GROUPS))
PROBAS = softmax(RNG.normal(size=(2, len(GROUPS), 3)) + np.eye(3)[CODES], axis=-1)
IDS = [f"{number:03}" for number in RNG.permutation(len(GROUPS))]


def classified(groups=GROUPS, ids=IDS, **fields):
    fields = {"ids": ids, "classes": list("abc"), "labels": np.array(list("abc"))[CODES], "groups": groups} | fields
    return align(*(Predictions(p, member=f"m{k}", **fields) for k, p in enumerate(PROBAS)))


class Spy(Combiner):
    """Learns nothing, but remembers on which rows each copy was fitted, and which it then combined."""

    traits = frozenset({"learns"})
    tasks = frozenset({"multiclass"})
    seen: list = []  # noqa: RUF012 - copies share it

    def fit(self, predictions, *, sample_weight=None):
        self.rows = predictions
        self.seen.append(predictions)
        return self

    def combine(self, member_probas, *, xp=np):
        self.seen.append(member_probas[0, :, 0])
        return xp.mean(member_probas, axis=0)


def fitted_and_held(order):
    """List the groups that each first step was fitted on, and those that it then predicted."""
    Spy.seen.clear()
    fit_combiner(classified(), Calibrated(Spy(), order=order, cv=4))
    where = dict(zip(PROBAS[0, :, 0].tolist(), GROUPS.tolist(), strict=True))
    pairs = [(one, two) for one, two in itertools.pairwise(Spy.seen) if isinstance(two, np.ndarray)]
    return [({*fit.groups.tolist()}, {where[value] for value in held.tolist()}) for fit, held in pairs]


def test_calibrated_divides_no_group():
    folds = fitted_and_held("after")
    assert len(folds) == 4
    for fit, held in folds:
        assert not fit & held
        assert len(fit | held) == 12


def test_members_are_calibrated_by_rows_of_other_groups():
    given = classified()
    inner = fit_combiner(given, Calibrated(Spy(), cv=4)).inner_.rows
    assert inner.groups.tolist() == given.take(inner.ids).groups.tolist()
    given = given.take(sorted(given.ids.tolist()))
    for others, held in GroupKFold(4).split(np.empty((60, 1)), groups=given.groups):
        maps = fit_combiner(given.take(given.ids[others]), "calibrated").maps_
        for place in range(2):
            expected = softmax(maps[place]["scale"] * np.log(given.member_probas[place, held]), axis=-1)
            got = inner.take(given.ids[held]).member_probas[place]
            np.testing.assert_allclose(got, expected, rtol=1e-9)


def test_a_rule_inside_two_of_them_is_still_told_of_groups_and_time():
    inner = fit_combiner(classified(), Calibrated(Calibrated(Spy(), order="after"), cv=3)).inner_.inner_.rows
    assert inner.groups is not None
    ids = {"week": np.arange(60) // 3, "site": np.arange(60) % 3}
    inner = fit_combiner(classified(None, ids, time="week"), Calibrated(Calibrated(Spy(), order="after"), cv=3))
    assert inner.inner_.inner_.rows.time == ("week",)


@pytest.mark.parametrize("inner", [Calibrated("super_learner"), Stacking(LinearSVC(), calibrate="sigmoid")])
def test_one_group_alone_is_refused(inner):
    with pytest.raises(
        InvalidPredictionsError, match=r"received 60 rows of one group, 'p1'\. Give rows of more groups"
    ):
        fit_combiner(classified(["p1"] * 60), inner)


def ordered():
    """Return predictions in the order of their ids, as a combiner gets them."""
    given = classified()
    return given.take(sorted(given.ids.tolist()))


def side_by_side(given):
    return given.member_probas.transpose(1, 0, 2).reshape(60, -1)


def test_decisions_are_calibrated_on_other_groups():
    given, svm = ordered(), LinearSVC(random_state=0)
    fitted = fit_combiner(given, Stacking(svm, calibrate="sigmoid")).final_estimator_
    folds = list(GroupKFold(5).split(given.ids, groups=given.groups))
    expected = CalibratedClassifierCV(svm, method="sigmoid", cv=folds).fit(side_by_side(given), given.label_codes)
    x = side_by_side(given)
    np.testing.assert_allclose(fitted.predict_proba(x), expected.predict_proba(x), rtol=1e-9)
    assert fitted.cv is None


def search(cv):
    return GridSearchCV(LogisticRegression(), {"C": [0.01, 0.1, 1.0]}, cv=cv, scoring="neg_log_loss")


def test_settings_are_chosen_on_other_groups():
    given, mine = ordered(), search(3)
    fitted = fit_combiner(given, Stacking(mine)).final_estimator_
    folds = list(GroupKFold(3).split(given.ids, groups=given.groups))
    again = search(folds).fit(side_by_side(given), given.label_codes)
    np.testing.assert_allclose(fitted.cv_results_["mean_test_score"], again.cv_results_["mean_test_score"])
    assert fitted.cv == mine.cv == 3


def test_ridge_is_chosen_on_other_groups_and_by_the_past():
    y = RNG.normal(size=12).repeat(5) + RNG.normal(size=60) / 9
    values = y + RNG.normal(size=12).repeat(5) + RNG.normal(size=(2, 60))
    fields = {"classes": ["y"], "labels": y[:, np.newaxis], "task": "regression"}
    week = {"week": np.arange(60) // 5}
    for given, folds in (
        ({"ids": [f"{k:02}" for k in range(60)], "groups": GROUPS}, list(GroupKFold(5).split(y, groups=GROUPS))),
        ({"ids": {**week, "site": np.arange(60) % 5}, "time": "week"}, None),
    ):
        members = [Predictions(v[:, np.newaxis], member=f"m{k}", **given, **fields) for k, v in enumerate(values)]
        fitted = fit_combiner(members, "stacking").final_estimator_
        fitted = fitted[0] if isinstance(fitted, list) else fitted
        if folds is None:
            block = np.arange(60) // 10  # two weeks each
            folds = [(np.flatnonzero(block < k), np.flatnonzero(block == k)) for k in range(1, 6)]
        expected = RidgeCV(cv=folds, scoring="neg_mean_squared_error").fit(values.T, y)
        np.testing.assert_allclose(np.ravel(fitted.coef_), np.ravel(expected.coef_), rtol=1e-9)
        assert fitted.cv is None
        assert fitted.scoring is None


def test_folds_that_somebody_chose_stay():
    folds = list(GroupKFold(2).split(IDS, groups=GROUPS))
    assert len(fit_combiner(classified(), Stacking(search(folds))).final_estimator_.cv) == 2
