"""Scikit-learn's estimators: which are loaded without being trusted, and what is checked of those that are compiled.

Compiled code believes the numbers that it is given: an index out of range, and the interpreter is gone. So only those
estimators are loaded that never hand numbers of their own to it, or whose numbers are checked here.
"""

from __future__ import annotations

import functools
import json
import sys
import types
import zipfile
from collections.abc import Collection, Iterable
from importlib import import_module
from typing import IO, Any

import numpy as np

from ..errors import StoreError
from ._fitted import CHECKS, check_random, check_sparse
from ._manifest import SPLITTERS, path_of

__all__ = ["HARMLESS", "asking", "check_made", "is_known", "public_class", "types_in"]

HARMLESS = (
    "numpy.dtype",
    "sklearn._loss.loss.HalfTweedieLossIdentity",
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    "sklearn.gaussian_process._gpc._BinaryGaussianProcessClassifierLaplace",
    "sklearn.gaussian_process.kernels.ConstantKernel",
    "sklearn.gaussian_process.kernels.Product",
    "sklearn.gaussian_process.kernels.RBF",
    "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
    "sklearn.utils._bunch.Bunch",
)
"""Parts of scikit-learn's estimators, written in Python or types of arrays, that skops does not trust by itself."""

PLAIN = (SPLITTERS + ".", "sklearn._loss.", "sklearn.linear_model._sgd_fast.", "sklearn.utils._bunch.")
"""Splitters, which are plain objects; losses, whose compiled code is for `fit`, on arrays that `fit` makes; dicts."""

BINS, NODES = (
    "sklearn.ensemble._hist_gradient_boosting.binning._BinMapper",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
)
"""Who trusts the second, the compiled part of histogram gradient boosting, trusts the first, which comes with it."""

KNOWN = {
    "calibration": "CalibratedClassifierCV",
    "compose": "ColumnTransformer TransformedTargetRegressor",
    "cross_decomposition": "CCA PLSCanonical PLSRegression PLSSVD",
    "decomposition": "FactorAnalysis FastICA IncrementalPCA KernelPCA PCA TruncatedSVD",
    "discriminant_analysis": "LinearDiscriminantAnalysis QuadraticDiscriminantAnalysis",
    "dummy": "DummyClassifier DummyRegressor",
    # Those of trees hold them as compiled objects of their own, which must be trusted.
    "ensemble": "AdaBoostClassifier AdaBoostRegressor BaggingClassifier BaggingRegressor ExtraTreesClassifier "
    "ExtraTreesRegressor GradientBoostingClassifier GradientBoostingRegressor HistGradientBoostingClassifier "
    "HistGradientBoostingRegressor IsolationForest RandomForestClassifier RandomForestRegressor StackingClassifier "
    "StackingRegressor VotingClassifier VotingRegressor",
    "feature_extraction": "CountVectorizer TfidfTransformer TfidfVectorizer",
    "feature_selection": "GenericUnivariateSelect RFE RFECV SelectFdr SelectFpr SelectFromModel SelectFwe SelectKBest "
    "SelectPercentile SequentialFeatureSelector VarianceThreshold",
    "frozen": "FrozenEstimator",
    "gaussian_process": "GaussianProcessClassifier GaussianProcessRegressor",
    "impute": "IterativeImputer KNNImputer MissingIndicator SimpleImputer",
    "isotonic": "IsotonicRegression",
    "kernel_approximation": "AdditiveChi2Sampler Nystroem PolynomialCountSketch RBFSampler SkewedChi2Sampler",
    "kernel_ridge": "KernelRidge",
    "linear_model": "ARDRegression BayesianRidge ElasticNet ElasticNetCV GammaRegressor HuberRegressor Lars LarsCV "
    "Lasso LassoCV LassoLars LassoLarsCV LassoLarsIC LinearRegression LogisticRegression LogisticRegressionCV "
    "MultiTaskElasticNet MultiTaskElasticNetCV MultiTaskLasso MultiTaskLassoCV OrthogonalMatchingPursuit "
    "OrthogonalMatchingPursuitCV PassiveAggressiveClassifier PassiveAggressiveRegressor Perceptron PoissonRegressor "
    "QuantileRegressor RANSACRegressor Ridge RidgeCV RidgeClassifier RidgeClassifierCV SGDClassifier SGDOneClassSVM "
    "SGDRegressor TheilSenRegressor TweedieRegressor",
    "mixture": "BayesianGaussianMixture GaussianMixture",
    "model_selection": "FixedThresholdClassifier GridSearchCV HalvingGridSearchCV HalvingRandomSearchCV "
    "RandomizedSearchCV TunedThresholdClassifierCV",
    "multiclass": "OneVsOneClassifier OneVsRestClassifier OutputCodeClassifier",
    "multioutput": "ClassifierChain MultiOutputClassifier MultiOutputRegressor RegressorChain",
    "naive_bayes": "BernoulliNB CategoricalNB ComplementNB GaussianNB MultinomialNB",
    "neighbors": "KernelDensity KNeighborsClassifier KNeighborsRegressor NearestCentroid NearestNeighbors "
    "NeighborhoodComponentsAnalysis",
    "neural_network": "BernoulliRBM MLPClassifier MLPRegressor",
    "pipeline": "FeatureUnion Pipeline",
    "preprocessing": "Binarizer FunctionTransformer KernelCenterer LabelBinarizer LabelEncoder MaxAbsScaler "
    "MinMaxScaler Normalizer OneHotEncoder OrdinalEncoder PolynomialFeatures PowerTransformer QuantileTransformer "
    "RobustScaler StandardScaler TargetEncoder",
    "random_projection": "GaussianRandomProjection SparseRandomProjection",
    "semi_supervised": "SelfTrainingClassifier",
    "svm": "LinearSVC LinearSVR NuSVC NuSVR OneClassSVM SVC SVR",
    "tree": "DecisionTreeClassifier DecisionTreeRegressor ExtraTreeClassifier ExtraTreeRegressor",
}
"""Estimators by public module that are loaded without being trusted: what they predict with is NumPy, or checked."""


def is_known(name: str) -> bool:
    """Say whether a type of scikit-learn, ``module.name``, is loaded without being trusted."""
    parts = name.split(".")
    return (
        name in HARMLESS or name.startswith(PLAIN) or (len(parts) > 2 and parts[-1] in KNOWN.get(parts[1], "").split())
    )


def asking(names: Iterable[str], trusted: Collection[str]) -> set[str]:
    """Choose the types of a skops file that must be trusted, though skops would load them."""
    return {
        name
        for name in names
        if name.startswith("sklearn.") and not is_known(name)
        if name not in trusted and not (name == BINS and NODES in trusted)
    }


def public_class(module: str, name: str) -> type | None:
    """Find a known estimator by the module that it says it is of; no module is imported but the public one."""
    parts = module.split(".")
    if not is_known(f"{module}.{name}") or parts[1] not in KNOWN:
        return None
    found = getattr(import_module(f"sklearn.{parts[1]}"), name, None)
    return found if isinstance(found, type) and path_of(found) == f"{module}:{name}" else None


def types_in(file: IO[bytes]) -> set[str]:
    """Name every type that a skops file says it holds.

    Raises
    ------
    StoreError
        If two objects in it are to be made of one entry: a small file would take much memory.
    """
    found: set[str] = set()
    owners: dict[str, Any] = {}
    with zipfile.ZipFile(file) as archive:
        rest = [json.loads(archive.read("schema.json"))]
    while rest:
        node = rest.pop()
        if isinstance(node, list):
            rest += node
        elif isinstance(node, dict):
            rest += node.values()
            found.add(f"{node.get('__module__')}.{node.get('__class__')}")
            if "file" in node and owners.setdefault(str(node["file"]), node.get("__id__")) != node.get("__id__"):
                raise StoreError(f"an entry must be one object; {node['file']!r} is to be several.")
    return found


def check_made(made: Any, trusted: Collection[str]) -> None:
    """Refuse what would break the interpreter when it is used.

    Parameters
    ----------
    made : object
        What was loaded; all that it holds is checked.
    trusted : collection of str
        Names of types of scikit-learn, ``module.name``, that may be in it unchecked.

    Raises
    ------
    StoreError
        If an estimator of scikit-learn is neither known nor trusted, or numbers of it do not fit each other.
    """
    seen: set[int] = set()
    rest = [made]
    sparse: Any = sys.modules.get("scipy.sparse")
    while rest:
        value = rest.pop()
        if value is None or type(value) in (bool, int, float, str) or id(value) in seen:
            continue
        seen.add(id(value))
        if sparse is not None and sparse.issparse(value):
            check_sparse(value)
        elif isinstance(value, (np.random.RandomState, np.random.Generator)):
            check_random(value)
        else:
            _check_estimator(value, trusted)
            rest.extend(_held(value))


def _held(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return [*value.keys(), *value.values(), *getattr(value, "__dict__", {}).values()]
    if isinstance(value, (list, tuple, set, frozenset)):
        return value
    if isinstance(value, np.ndarray):
        return value.ravel().tolist() if value.dtype.hasobject else ()
    if isinstance(value, functools.partial):
        return [value.func, *value.args, *value.keywords.values()]
    if isinstance(value, types.MethodType):
        return [value.__self__]
    if isinstance(value, (type, types.ModuleType, types.FunctionType)) or type(value).__module__.startswith("keras."):
        return ()
    return getattr(value, "__dict__", {}).values()


def _check_estimator(value: Any, trusted: Collection[str]) -> None:
    own = _name(type(value))
    if own in trusted:
        return
    for base in type(value).__mro__:
        name = _name(base)
        if not name.startswith("sklearn."):
            continue
        if is_known(name):
            for problem in CHECKS.get(base.__name__, _nothing)(value):
                raise StoreError(
                    f"the numbers of a {base.__name__} must fit each other, as compiled code believes them; {problem}. "
                    f"If you know who saved it: load(folder, trusted=[{own!r}])."
                )
        # A class of others derives from it; what has no public name does nothing by itself.
        elif (name == own or (not own.startswith("sklearn.") and _is_estimator(base))) and asking([name], trusted):
            raise StoreError(f"{own} is not trusted. If you know who saved it: load(folder, trusted=[{own!r}]).")


def _name(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"


def _nothing(_: Any) -> Iterable[str]:
    return ()


def _is_estimator(cls: type) -> bool:
    package = sys.modules.get(".".join(cls.__module__.split(".")[:2]))
    base = sys.modules["sklearn.base"].BaseEstimator
    return issubclass(cls, base) and cls is not base and getattr(package, cls.__name__, None) is cls
