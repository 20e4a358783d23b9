"""`voting` and `dawid_skene` against the libraries that have the rule, on rows without a tie."""

import numpy as np
import pytest

from ensemblekit import Predictions, fit_combiner
from ensemblekit_plugins.combiners.voting import Voting

# crowd-kit calls pandas as it was.
pytestmark = pytest.mark.filterwarnings("ignore:The (inplace|copy) keyword:DeprecationWarning")


class Fixed:
    """A fitted classifier that looks its answers up: row ``i`` of the inputs is the number ``i``."""

    _estimator_type = "classifier"

    def __init__(self, probas):
        self.probas = probas
        self.classes_ = np.arange(probas.shape[-1])

    def fit(self, x, y):
        return self

    def predict_proba(self, x):
        return self.probas[np.asarray(x)[:, 0].astype(int)]

    def predict(self, x):
        return self.predict_proba(x).argmax(axis=-1)


def untied(member_probas, weights=None):
    """Find the rows where one class has more votes than each other."""
    shares = np.sort(Voting(weights=weights).combine(member_probas), axis=-1)
    return shares[:, -1] > shares[:, -2] * (1 + 1e-6)


@pytest.fixture(params=[None, [3, 1, 2, 1, 2]], ids=["equal", "weighted"])
def weights(request):
    return request.param


@pytest.fixture
def cube():
    return np.random.default_rng(0).dirichlet(np.ones(4), (5, 400))


def test_the_winners_are_those_of_scikit_learn(cube, weights):
    ensemble = pytest.importorskip("sklearn.ensemble")
    preprocessing = pytest.importorskip("sklearn.preprocessing")
    voting = ensemble.VotingClassifier([(str(m), None) for m in range(5)], weights=weights)
    voting.estimators_ = [Fixed(probas) for probas in cube]
    voting.le_ = preprocessing.LabelEncoder().fit(np.arange(4))
    rows = untied(cube, weights)
    assert rows.sum() > 200
    theirs = voting.predict(np.arange(400)[:, np.newaxis])
    assert (Voting(weights=weights).combine(cube).argmax(axis=-1) == theirs)[rows].all()
    voting.voting = "soft"
    soft = Voting("soft", weights=weights).combine(cube)
    np.testing.assert_allclose(soft, voting.predict_proba(np.arange(400)[:, np.newaxis]), rtol=1e-12)


def test_the_winners_are_those_of_mlxtend(cube, weights):
    classifier = pytest.importorskip("mlxtend.classifier")
    members = [Fixed(probas) for probas in cube]
    voting = classifier.EnsembleVoteClassifier(
        members, voting="hard", weights=weights, fit_base_estimators=False, use_clones=False
    )
    x = np.arange(400)[:, np.newaxis]
    voting.fit(x, np.arange(400) % 4)
    rows = untied(cube, weights)
    assert (Voting(weights=weights).combine(cube).argmax(axis=-1) == voting.predict(x))[rows].all()


def test_the_winners_are_those_of_deslib(cube, weights):
    aggregation = pytest.importorskip("deslib.util.aggregation")
    members, x = [Fixed(probas) for probas in cube], np.arange(400)[:, np.newaxis]
    if weights is None:
        theirs = aggregation.majority_voting(members, x)
    else:
        theirs = aggregation.weighted_majority_voting(members, np.tile(np.float64(weights), (400, 1)), x)
    rows = untied(cube, weights)
    assert (Voting(weights=weights).combine(cube).argmax(axis=-1) == theirs.ravel())[rows].all()


def crowd(member_probas, present=None):
    pandas = pytest.importorskip("pandas")
    there = np.ones(member_probas.shape[:2], bool) if present is None else present
    worker, task = np.nonzero(there)
    label = member_probas.argmax(axis=-1)[worker, task]
    return pandas.DataFrame({"task": task, "worker": worker, "label": label})


def test_the_shares_are_those_of_crowd_kit(cube):
    aggregation = pytest.importorskip("crowdkit.aggregation")
    present = np.random.default_rng(1).random(cube.shape[:2]) < 0.7
    present[0] = True
    theirs = aggregation.MajorityVote().fit_predict_proba(crowd(cube, present)).loc[range(400), range(4)]
    np.testing.assert_allclose(Voting().combine(cube, present=present), theirs, rtol=1e-12)
    skills = dict(enumerate([0.9, 0.4, 0.5, 0.7, 0.2]))
    weighted = aggregation.MajorityVote()
    weighted.fit(crowd(cube), pytest.importorskip("pandas").Series(skills))
    theirs = weighted.probas_.loc[range(400), range(4)]
    np.testing.assert_allclose(Voting(weights=list(skills.values())).combine(cube), theirs, rtol=1e-12)


@pytest.mark.parametrize("absent", [False, True])
def test_expectation_maximisation_is_that_of_crowd_kit(absent):
    aggregation = pytest.importorskip("crowdkit.aggregation")
    rng = np.random.default_rng(3)
    labels = rng.integers(0, 3, 200)
    cube = np.array([[rng.dirichlet(1 + s * np.eye(3)[y]) for y in labels] for s in (3, 2, 1.5, 1, 0.5)])
    present = rng.random(cube.shape[:2]) < 0.7 if absent else np.ones(cube.shape[:2], bool)
    present[0] = True
    members = [
        Predictions(p[there], ids=np.arange(200)[there], classes=[0, 1, 2], labels=labels[there], member=f"m{m}")
        for m, (p, there) in enumerate(zip(cube, present, strict=True))
    ]
    theirs = aggregation.DawidSkene(n_iter=20, tol=-1).fit(crowd(cube, present))
    options = {"use_labels": False, "smoothing": 0, "tol": 0, "missing": "renormalize"}
    fitted = fit_combiner(members, "dawid_skene", max_iter=20, **options)
    np.testing.assert_allclose(fitted.prior_, theirs.priors_.loc[range(3)], atol=1e-7)
    for m in range(5):
        errors = theirs.errors_.loc[m].loc[range(3), range(3)]
        np.testing.assert_allclose(fitted.confusions_[m], errors.T, atol=1e-7)
    # Their posterior is that of the step before.
    before = fit_combiner(members, "dawid_skene", max_iter=19, **options)
    posterior = before.combine(cube, present=present)
    np.testing.assert_allclose(posterior, theirs.probas_.loc[range(200), range(3)], atol=1e-7)
