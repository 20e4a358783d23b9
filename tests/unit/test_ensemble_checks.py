"""scikit-learn's own checks of an estimator hold for both ensembles; what two rules cannot keep is listed."""

import pytest
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from sklearn.utils.estimator_checks import check_estimator
from threadpoolctl import threadpool_limits

from ensemblekit import EnsembleClassifier, EnsembleRegressor, load_plugins

LINE = LogisticRegression(tol=1e-6, max_iter=1000)
TREE = DecisionTreeClassifier(min_weight_fraction_leaf=0.01, random_state=0)
CLASSIFIERS = [("line", LINE), ("tree", TREE)]
REGRESSORS = [("ridge", Ridge()), ("tree", DecisionTreeRegressor(random_state=0))]
REGISTERED = load_plugins().combiners


@pytest.fixture(autouse=True)
def one_thread():
    """Keep BLAS from starting threads for matrices of 20 rows: on a busy machine that takes ten times as long."""
    with threadpool_limits(1):
        yield


def of(task, *cases, marks=()):
    """Give each case its name; skip those whose combiner is not registered, or not for this task."""
    parameters = []
    for name, options in cases:
        is_there = name in REGISTERED and task in load_plugins().create_combiner(name, **(options or {})).tasks
        skip = [] if is_there else [pytest.mark.skip(f"no {name} for {task}")]
        parameters.append(pytest.param(name, options, id=name, marks=[*marks, *skip]))
    return parameters


def failures(estimator):
    """List what `check_estimator` has against an estimator; none is expected to fail."""
    results = check_estimator(estimator, on_fail=None, on_skip=None)
    assert sum(result["status"] == "passed" for result in results) > 60
    return [(r["check_name"], r["exception"]) for r in results if r["status"] not in ("passed", "skipped")]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("combiner", "options"),
    of(
        "multiclass",
        ("mean", None),
        ("weighted", None),
        ("voting", None),
        ("stacking", {"final_estimator": LINE}),
        ("geometric_mean", None),
        ("median", None),
        ("super_learner", None),
        ("greedy_selection", None),
    )
    + of(
        "multiclass",
        ("bayesian_model_averaging", None),
        ("borda", None),
        ("calibrated", None),
        ("dawid_skene", None),
        ("dempster_shafer", None),
        ("maximum", None),
        ("meta_des", None),
        ("minimum", None),
        ("product", None),
        ("trimmed_mean", None),
        ("winsorised_mean", None),
        marks=[pytest.mark.slow],
    ),
)
def test_classifiers_pass_every_check(combiner, options):
    assert failures(EnsembleClassifier(CLASSIFIERS, combiner=combiner, combiner_options=options, cv=2)) == []


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("combiner", "options"),
    of(
        "regression",
        ("mean", None),
        ("weighted", {"weights": {"ridge": 3, "tree": 1}}),
        ("median", None),
        ("trimmed_mean", None),
        ("stacking", None),
        ("super_learner", None),
        ("greedy_selection", None),
    ),
)
def test_regressors_pass_every_check(combiner, options):
    assert failures(EnsembleRegressor(REGRESSORS, combiner=combiner, combiner_options=options, cv=2)) == []


CANNOT_KEEP = {
    # Each class is ranked by itself, so one that weighs a thousand times as much is at rank 1/2 on half of the rows.
    "rank_average": {"check_class_weight_classifiers"},
    # A row of weight 2 takes one place among the nearest, where two equal rows take two.
    "knora_u": {
        "check_sample_weight_equivalence_on_dense_data",
        "check_sample_weight_equivalence_on_sparse_data",
    },
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("combiner", "options"),
    of("multiclass", *((name, None) for name in CANNOT_KEEP), marks=[pytest.mark.slow]),
)
def test_what_a_rule_cannot_keep_is_known(combiner, options):
    failed = failures(EnsembleClassifier(CLASSIFIERS, combiner=combiner, combiner_options=options, cv=2))
    assert {name for name, _ in failed} == CANNOT_KEEP[combiner]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", ["soft", "hard"])
def test_weighted_votes_pass_every_check(kind):
    options = {"kind": kind, "weights": [2, 1]}
    assert failures(EnsembleClassifier(CLASSIFIERS, combiner="voting", combiner_options=options)) == []
    if kind == "soft":
        assert failures(EnsembleRegressor(REGRESSORS, combiner="voting", combiner_options=options)) == []


class Forgetful(EnsembleClassifier):
    """Predicts the classes in a wrong order."""

    def predict(self, X):
        return super().predict(X)[::-1]


@pytest.mark.filterwarnings("ignore")
def test_a_wrong_estimator_is_noticed():
    assert "check_classifiers_train" in [name for name, _ in failures(Forgetful(CLASSIFIERS))]
