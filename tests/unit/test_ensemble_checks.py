"""scikit-learn's own checks of an estimator hold for both ensembles with every rule; exceptions are listed."""

import re
from pathlib import Path

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
PLUGINS = load_plugins()
REGISTERED = PLUGINS.combiners
PAGE = Path(__file__).parents[2] / "docs/scikit-learn.md"

REPEATED = {"check_sample_weight_equivalence_on_dense_data", "check_sample_weight_equivalence_on_sparse_data"}
INSIDE = {"check_classifiers_multilabel_output_format_predict_proba"}
CANNOT_KEEP = {
    # A row of weight 2 takes one place among the nearest, where two equal rows take two.
    "knora_u": REPEATED,
    # The same; and it makes no use of weights.
    "knora_e": REPEATED,
    # Each class is ranked by itself, so one that weighs a thousand times as much is at rank 1/2 on half of the rows.
    # The other check rounds 1/2 down to 0, where a label holds from 1/2 on.
    "rank_average": {"check_class_weight_classifiers", "check_classifier_multioutput"},
    # With several labels the check wants probabilities above 0 and below 1; these rules answer 0 where one member does.
    "geometric_mean": INSIDE,
    "product": INSIDE,
    "minimum": INSIDE,
    # They answer 1 where one member does.
    "maximum": INSIDE,
}
FAST = {("multiclass", "mean"), ("regression", "stacking")}
"""Two rules; a run of the checks takes some seconds."""
OF_CLASSES = (
    "voting", "weighted", "stacking", "greedy_selection", "calibrated", "knora_u", "rank_average", "maximum",
)  # fmt: skip
SLOW = {*(("multiclass", name) for name in OF_CLASSES), ("regression", "weighted"), ("regression", "median")}
"""One rule of each kind, and of each kind of exception. The others run before a release."""
OPTIONS = {("multiclass", "stacking"): {"final_estimator": LINE}}


@pytest.fixture(autouse=True)
def one_thread():
    """Keep BLAS from starting threads for matrices of 20 rows: on a busy machine that takes ten times as long."""
    with threadpool_limits(1):
        yield


def rules(task):
    """List all registered rules for a task."""
    names = [name for name in REGISTERED if task in PLUGINS.create_combiner(name).tasks]
    slow, long = [pytest.mark.slow], [pytest.mark.slow, pytest.mark.long]
    marks = {name: [] if (task, name) in FAST else slow if (task, name) in SLOW else long for name in names}
    return [pytest.param(name, marks=marks[name]) for name in names]


def failures(estimator):
    """List what `check_estimator` has against an estimator."""
    results = check_estimator(estimator, on_fail=None, on_skip=None)
    assert sum(result["status"] == "passed" for result in results) > 60
    return {r["check_name"] for r in results if r["status"] not in ("passed", "skipped")}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("rule", rules("multiclass"))
def test_classifiers_pass_every_check_that_their_rule_can_keep(rule):
    options = OPTIONS.get(("multiclass", rule))
    ensemble = EnsembleClassifier(CLASSIFIERS, combiner=rule, combiner_options=options, cv=2)
    assert failures(ensemble) == CANNOT_KEEP.get(rule, set())


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("rule", rules("regression"))
def test_regressors_pass_every_check(rule):
    assert failures(EnsembleRegressor(REGRESSORS, combiner=rule, cv=2)) == set()


def test_the_page_lists_what_a_rule_cannot_keep():
    _, _, section = PAGE.read_text().partition("## scikit-learn's checks")
    table, _, _ = section.partition("\n## ")
    listed = {}
    for line in re.findall(r"^\| (`.*)$", table, re.MULTILINE):
        rules_of_line, checks, *_ = line.split(" | ")
        for rule in re.findall(r"`(\w+)`", rules_of_line):
            listed.setdefault(rule, set()).update(re.findall(r"`(\w+)`", checks))
    assert {rule: listed[rule] for rule in REGISTERED if rule in listed} == CANNOT_KEEP


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", ["soft", "hard"])
def test_weighted_votes_pass_every_check(kind):
    options = {"kind": kind, "weights": [2, 1]}
    assert failures(EnsembleClassifier(CLASSIFIERS, combiner="voting", combiner_options=options)) == set()
    if kind == "soft":
        assert failures(EnsembleRegressor(REGRESSORS, combiner="voting", combiner_options=options)) == set()


class Forgetful(EnsembleClassifier):
    """Predicts the classes in a wrong order."""

    def predict(self, X):
        return super().predict(X)[::-1]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_wrong_estimator_is_noticed():
    assert "check_classifiers_train" in failures(Forgetful(CLASSIFIERS))
