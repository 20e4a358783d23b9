"""The pages for those who come from another library: no argument is left out, and what they say of it is so."""

import importlib
import inspect
import re
from functools import cache
from importlib.util import find_spec

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.ensemble import StackingClassifier, StackingRegressor, VotingClassifier, VotingRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.naive_bayes import GaussianNB
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from sklearn.utils.validation import validate_data

import ensemblekit
from ensemblekit import EnsembleClassifier, EnsembleRegressor, Predictions, combine, fit_combiner, load_plugins
from tests.strangers import REPO

FROM = REPO / "docs" / "from"
PAGES = {path.name: path.read_text() for path in sorted(FROM.glob("*.md"))}


# No argument is left out.

TRANSLATED = {
    "scikit-learn.md": {
        "sklearn.ensemble": ["VotingClassifier", "VotingRegressor", "StackingClassifier", "StackingRegressor"]
    },
    "mlxtend.md": {
        "mlxtend.classifier": ["EnsembleVoteClassifier", "StackingClassifier", "StackingCVClassifier"],
        "mlxtend.regressor": ["StackingRegressor", "StackingCVRegressor"],
    },
    "deslib.md": {
        "deslib.des": ["KNORAE", "KNORAU", "METADES"],
        "deslib.static": ["SingleBest", "StaticSelection", "StackedClassifier", "Oracle"],
    },
    "crowd-kit.md": {
        "crowdkit.aggregation": [
            "MajorityVote",
            "GoldMajorityVote",
            "Wawa",
            "ZeroBasedSkill",
            "DawidSkene",
            "OneCoinDawidSkene",
            "GLAD",
            "MACE",
            "KOS",
        ]
    },
}
"""Page -> module -> the classes whose arguments it translates."""


def first_column(page):
    """List the names in code in the first column of the tables of a page."""
    cells = re.findall(r"^\| (.*?) \|", page, re.MULTILINE)
    return {name for cell in cells for name in re.findall(r"(?<=`)[A-Za-z]\w*", cell)}


def classes(page):
    found = []
    for module, names in TRANSLATED[page].items():
        pytest.importorskip(module.partition(".")[0])
        found += [getattr(importlib.import_module(module), name) for name in names]
    return found


def arguments(page):
    """Return the names of the arguments of all classes that a page translates."""
    return {name for cls in classes(page) for name in inspect.signature(cls).parameters}


@pytest.mark.parametrize("page", TRANSLATED)
def test_every_argument_of_theirs_stands_in_a_table(page):
    assert sorted(arguments(page) - first_column(PAGES[page])) == []


def test_an_argument_that_is_left_out_is_noticed():
    page = '`estimators` `cv`\n| scikit-learn | here |\n|---|---|\n| `estimators`, `voting="hard"` | `cv` |\n'
    assert first_column(page) == {"estimators", "voting"}


# What the pages say to write exists here.


def written(page):
    """List the arguments and the names of rules in the code of the second column."""
    cells = re.findall(r"^\| .*? \| (.*?) \|", page, re.MULTILINE)
    code = " ".join(re.findall(r"`([^`]*)`", " ".join(cells)))
    options = re.findall(r"\b(\w+)=", code) + re.findall(r"[{,] ?\"(\w+)\": ", code)
    return {name for name in options if "__" not in name}, set(
        re.findall(r'(?:combiner=|"inner": |combine\([\w, .]*|fit_combiner\(\w+, )"(\w+)"', code)
    )


PLUGINS = load_plugins()
RULES = {r.name for r in PLUGINS.registrations if r.kind == "combiner" and r.distribution == "ensemblekit"}
OURS = (EnsembleClassifier, EnsembleRegressor, combine, fit_combiner, Predictions, Predictions.load, Predictions.save)
SPLITTERS = {"shuffle", "random_state", "n_splits", "n_repeats", "groups", "C"}
NAMES = {"near", "ann", "forest", "line", "bayes", "target", "tree", "t1"}
ELSEWHERE = SPLITTERS | NAMES
"""Arguments of a splitter, of `fit` or of an estimator in the second column, and names of members and columns."""


@cache
def ours():
    functions = [*OURS, *(PLUGINS.combiners[name] for name in sorted(RULES))]
    functions += [getattr(ensemblekit.ensemble, "LayeredClassifier", EnsembleClassifier)]
    if find_spec("ensemblekit.crowd"):
        crowd = importlib.import_module("ensemblekit.crowd")
        functions += [crowd.Votes, *crowd.RULES.values()]
    return {name for function in functions for name in inspect.signature(function).parameters}


@pytest.mark.parametrize("page", PAGES)
def test_every_argument_of_ours_exists(page):
    if page == "crowd-kit.md":
        pytest.importorskip("ensemblekit.crowd")
    options, rules = written(PAGES[page])
    assert sorted(options - ours() - ELSEWHERE) == []
    assert sorted(rules - RULES - {"auto"}) == []


def test_an_argument_that_we_do_not_have_is_noticed():
    page = '| theirs | ours | why |\n| `a=1` | `combiner="vote", combiner_options={"weigths": 1}` | `b=1` |\n'
    assert written(page) == ({"combiner", "combiner_options", "weigths"}, {"vote"})


# What the tables say of values.

X, Y = load_iris(return_X_y=True)
LEARN, NEW = slice(0, None, 2), slice(1, None, 2)
NAMED = [("bayes", GaussianNB()), ("tree", DecisionTreeClassifier(max_depth=2, random_state=0))]
NUMBERS = [("line", Ridge()), ("tree", DecisionTreeRegressor(max_depth=2, random_state=0))]
HEAD = LogisticRegression(max_iter=1000)


def fitted(estimator, rows=LEARN):
    return estimator.fit(X[rows], Y[rows])


def probabilities(estimator):
    return fitted(estimator).predict_proba(X[NEW])


def stacking(cv=3, **options):
    return EnsembleClassifier(NAMED, combiner="stacking", combiner_options=options, cv=cv)


def test_scikit_learns_votes_are_ours_and_transform_has_probabilities():
    theirs, ours = fitted(VotingClassifier(NAMED)), fitted(EnsembleClassifier(NAMED, combiner="voting"))
    agreed = np.ptp(theirs.transform(X), axis=1) == 0
    assert (theirs.predict(X) == ours.predict(X))[agreed].all()
    soft = fitted(VotingClassifier(NAMED, voting="soft"))
    np.testing.assert_allclose(ours.transform(X), soft.transform(X), rtol=1e-12)
    np.testing.assert_allclose(
        fitted(EnsembleClassifier(NAMED, combiner="mean")).predict_proba(X), soft.predict_proba(X), rtol=1e-12
    )


def test_in_a_tie_of_votes_the_larger_sum_wins_here_and_the_first_class_there():
    ours, theirs = fitted(EnsembleClassifier(NAMED, combiner="voting")), fitted(VotingClassifier(NAMED))
    tied = np.ptp(theirs.transform(X), axis=1) > 0
    assert tied.any()
    sums = ours.transform(X).reshape(len(X), 2, 3).sum(axis=1)
    assert ours.predict(X)[tied].tolist() == sums[tied].argmax(axis=1).tolist()
    assert theirs.predict(X)[tied].tolist() == theirs.transform(X)[tied].min(axis=1).tolist()


@pytest.mark.parametrize("passthrough", [False, True])
def test_scikit_learns_stacking_is_ours(passthrough):
    theirs = StackingClassifier(NAMED, HEAD, cv=3, passthrough=passthrough)
    ours = stacking(final_estimator=HEAD).set_params(passthrough=passthrough)
    np.testing.assert_allclose(probabilities(theirs), probabilities(ours), atol=1e-6)


def test_two_classes_need_drop_first():
    two = Y > 0
    theirs = StackingClassifier(NAMED, HEAD, cv=3).fit(X[two], Y[two]).predict_proba(X)
    np.testing.assert_allclose(stacking(drop_first=True).fit(X[two], Y[two]).predict_proba(X), theirs, atol=1e-9)
    assert np.abs(stacking().fit(X[two], Y[two]).predict_proba(X) - theirs).max() > 0.001


def test_a_fitted_stack_is_scikit_learns():
    members = [(name, fitted(member)) for name, member in NAMED]
    theirs = fitted(StackingClassifier(members, HEAD, cv="prefit"), NEW)
    ours = fitted(EnsembleClassifier(members, combiner="stacking", cv="prefit"), NEW)
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=1e-9)


def test_scikit_learns_regressors_are_ours():
    x, y = X[:, :3], X[:, 3]
    theirs = VotingRegressor(NUMBERS, weights=[3, 1]).fit(x, y)
    ours = EnsembleRegressor(NUMBERS, combiner="weighted", combiner_options={"weights": {"tree": 1, "line": 3}}).fit(
        x, y
    )
    np.testing.assert_allclose(ours.predict(x), theirs.predict(x), rtol=1e-12)
    theirs, ours = StackingRegressor(NUMBERS).fit(x, y), EnsembleRegressor(NUMBERS, combiner="stacking").fit(x, y)
    np.testing.assert_allclose(ours.predict(x), theirs.predict(x), rtol=1e-9)


CV = StratifiedKFold(3, shuffle=True, random_state=0)


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ({"drop_proba_col": "first"}, {"drop_first": True}),
        ({"use_features_in_secondary": True}, {"passthrough": True}),
    ],
)
def test_mlxtends_options_are_ours(theirs, ours):
    mlxtend = pytest.importorskip("mlxtend", minversion="0.24") and importlib.import_module("mlxtend.classifier")
    members = [member for _, member in NAMED]
    peer = mlxtend.StackingCVClassifier(members, HEAD, use_probas=True, cv=3, random_state=0, **theirs)
    np.testing.assert_allclose(probabilities(peer), probabilities(stacking(CV, **ours)), atol=1e-4)


def test_mlxtends_average_is_ours_where_the_members_are_fitted():
    mlxtend = pytest.importorskip("mlxtend.classifier")
    theirs = fitted(mlxtend.StackingClassifier([m for _, m in NAMED], HEAD, use_probas=True, average_probas=True))
    members = [(name, fitted(member)) for name, member in NAMED]
    options = {"inputs": "average"}
    ours = fitted(EnsembleClassifier(members, combiner="stacking", cv="prefit", combiner_options=options))
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=1e-9)


def test_mlxtends_hard_votes_have_probabilities_that_can_favour_another_class():
    mlxtend = pytest.importorskip("mlxtend.classifier")
    theirs = fitted(mlxtend.EnsembleVoteClassifier([m for _, m in NAMED], voting="hard"))
    assert (theirs.predict_proba(X).argmax(axis=1) != theirs.predict(X)).any()
    ours = fitted(EnsembleClassifier(NAMED, combiner="voting"))
    assert (ours.predict_proba(X).argmax(axis=1) == ours.predict(X)).all()


def test_mlxtends_regressor_is_ours_with_its_folds():
    regressor = pytest.importorskip("mlxtend", minversion="0.24") and importlib.import_module("mlxtend.regressor")
    x, y = X[:, :3], X[:, 3]
    members = [member for _, member in NUMBERS]
    theirs = regressor.StackingCVRegressor(members, Ridge(), random_state=0, use_features_in_secondary=True).fit(x, y)
    options = {"final_estimator": Ridge(), "passthrough": True}
    cv = KFold(5, shuffle=True, random_state=0)
    ours = EnsembleRegressor(NUMBERS, combiner="stacking", combiner_options=options, cv=cv).fit(x, y)
    np.testing.assert_allclose(ours.predict(x), theirs.predict(x), rtol=1e-9)


def mended(module, name):
    """Return a class of DESlib with the method that scikit-learn 1.7 has removed."""
    peer = getattr(pytest.importorskip(module), name)
    return type(name, (peer,), {"_validate_data": lambda self, x, y, **checks: validate_data(self, x, y, **checks)})


def dynamic(peer, rule, voting, **options):
    """Return probabilities of DESlib's class and of our rule, the mean, and which rows divide the members."""
    members = [(name, fitted(member, slice(0, None, 3))) for name, member in NAMED]
    pool, dsel = [member for _, member in members], slice(1, None, 3)
    theirs = fitted(mended("deslib.des", peer)(pool, n_jobs=1, voting=voting, **options), dsel).predict_proba(X)
    ours = EnsembleClassifier(
        members, combiner=rule, cv="prefit", passthrough=True, combiner_options={"voting": voting}
    )
    divided = np.ptp([member.predict(X) for member in pool], axis=0) > 0
    mean = np.mean([member.predict_proba(X) for member in pool], axis=0)
    return theirs, fitted(ours, dsel).predict_proba(X), mean, divided


@pytest.mark.parametrize(
    ("peer", "rule", "voting"), [("KNORAE", "knora_e", "soft"), ("METADES", "meta_des", "hard")], ids=str
)
def test_deslibs_rules_are_ours_where_members_are_divided(peer, rule, voting):
    options = {"meta_classifier": HEAD} if peer == "METADES" else {}
    theirs, ours, mean, divided = dynamic(peer, rule, voting, **options)
    assert divided.any()
    np.testing.assert_allclose(ours[divided], theirs[divided], rtol=0, atol=1e-9)
    np.testing.assert_allclose(theirs[~divided], mean[~divided], rtol=0, atol=1e-12)
    assert (ours.argmax(axis=1) == mean.argmax(axis=1))[~divided].all()
    assert np.abs(ours - mean)[~divided].max() > 0.01


def test_deslibs_soft_votes_go_through_a_softmax():
    theirs, ours, _, divided = dynamic("KNORAU", "knora_u", "soft")
    assert np.abs(ours - theirs)[divided].max() > 0.01
    agreed = ours[divided].argmax(axis=1) == theirs[divided].argmax(axis=1)
    assert agreed.mean() > 0.9


def test_deslibs_static_selections_are_greedy_ones():
    members = [*NAMED, ("stump", DecisionTreeClassifier(max_depth=1)), ("narrow", GaussianNB(var_smoothing=10))]
    members = [(name, fitted(member)) for name, member in members]
    pool = [member for _, member in members]
    best = fitted(mended("deslib.static", "SingleBest")(pool), NEW).best_clf_index_
    half = fitted(mended("deslib.static", "StaticSelection")(pool), NEW).clf_indices_
    for options, theirs in (({"n_rounds": 1}, [best]), ({"n_init": 2, "n_rounds": 2, "use_best": False}, half)):
        options = {**options, "metric": "accuracy"}
        ours = EnsembleClassifier(members, combiner="greedy_selection", cv="prefit", combiner_options=options)
        weights = dict(zip(fitted(ours, NEW).combiner_.members_, ours.combiner_.weights_, strict=True))
        assert {name for name, weight in weights.items() if weight} == {members[k][0] for k in theirs}
