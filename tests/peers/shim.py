"""scikit-learn's ensembles by other names: their parameters, passed on to ours, and their tests, as installed."""

import importlib.util
import sys
from importlib import resources

import sklearn.ensemble

from ensemblekit import EnsembleClassifier, EnsembleRegressor


class _Voting:
    """What both votes share: `weights` are an option of the rule."""

    cv, passthrough, missing, class_weight, thresholds = 5, False, "error", None, None

    @property
    def combiner_options(self):
        return {"kind": getattr(self, "voting", "soft"), "weights": self.weights}

    combiner = "voting"


class VotingClassifier(_Voting, EnsembleClassifier):
    def __init__(self, estimators, *, voting="hard", weights=None, n_jobs=None, flatten_transform=True, verbose=False):
        self.estimators, self.voting, self.weights = estimators, voting, weights
        self.n_jobs, self.flatten_transform, self.verbose = n_jobs, flatten_transform, verbose

    @property
    def response_method(self):
        return "predict" if self.voting == "hard" else "predict_proba"


class VotingRegressor(_Voting, EnsembleRegressor):
    def __init__(self, estimators, *, weights=None, n_jobs=None, verbose=False):
        self.estimators, self.weights, self.n_jobs, self.verbose = estimators, weights, n_jobs, verbose


class _Stacking:
    """What both stacks share: a rule with a final estimator."""

    combiner, missing, class_weight, thresholds = "stacking", "error", None, None

    @property
    def combiner_options(self):
        options = {"final_estimator": self.final_estimator, "passthrough": self.passthrough}
        return options | ({"drop_first": "if_binary"} if self._kind == "classifier" else {})

    def transform(self, X):
        return self.final_inputs(X)

    @property
    def final_estimator_(self):
        fitted = self.combiner_.final_estimator_
        return fitted[0] if isinstance(fitted, list) and len(fitted) == 1 else fitted


class StackingClassifier(_Stacking, EnsembleClassifier):
    def __init__(
        self,
        estimators,
        final_estimator=None,
        *,
        cv=5,
        stack_method="auto",
        n_jobs=None,
        passthrough=False,
        verbose=0,
    ):
        self.estimators, self.final_estimator, self.cv = estimators, final_estimator, cv
        self.stack_method, self.n_jobs, self.passthrough, self.verbose = stack_method, n_jobs, passthrough, verbose

    @property
    def response_method(self):
        return self.stack_method

    @property
    def stack_method_(self):
        return list(self.response_methods_.values())


class StackingRegressor(_Stacking, EnsembleRegressor):
    def __init__(self, estimators, final_estimator=None, *, cv=5, n_jobs=None, passthrough=False, verbose=0):
        self.estimators, self.final_estimator, self.cv = estimators, final_estimator, cv
        self.n_jobs, self.passthrough, self.verbose = n_jobs, passthrough, verbose


NAMES = {one.__name__: one for one in (VotingClassifier, VotingRegressor, StackingClassifier, StackingRegressor)}


def installed_tests(name):
    """Run a test file of the installed scikit-learn with our ensembles in place of its own; return its names."""
    path = resources.files(sklearn.ensemble) / "tests" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"tests.peers.installed_{name}", str(path))
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    theirs = {one: getattr(sklearn.ensemble, one) for one in NAMES}
    try:
        vars(sklearn.ensemble).update(NAMES)
        spec.loader.exec_module(module)
    finally:
        vars(sklearn.ensemble).update(theirs)
    return {one: value for one, value in vars(module).items() if one.startswith("test_")}
