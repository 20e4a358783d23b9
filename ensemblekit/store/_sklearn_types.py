"""Estimators of scikit-learn: those that are loaded without being trusted, and the checks of their arrays.

Compiled code does not check its arrays: an index out of range crashes the interpreter. So an estimator is only loaded
if it passes no fitted arrays to compiled code, or if this module checks these arrays.
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
from ._manifest import SPLITTERS, path_of
from ._sklearn_checks import CHECKS, check_random, check_sparse

__all__ = ["HARMLESS", "check_loaded", "is_known", "needing_trust", "public_class", "types_in"]

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
"""Parts of scikit-learn's estimators that are written in Python, or types of arrays, and that skops does not trust."""

PLAIN = (SPLITTERS + ".", "sklearn._loss.", "sklearn.linear_model._sgd_fast.", "sklearn.utils._bunch.")
"""Splitters, which are plain objects; losses, whose compiled code only `fit` calls, with its own arrays; dicts."""

BINS, NODES = (
    "sklearn.ensemble._hist_gradient_boosting.binning._BinMapper",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
)
"""Parts of histogram gradient boosting. Trust in the second, which is compiled, includes the first."""

KNOWN = {
    "calibration": "CalibratedClassifierCV",
    "compose": "ColumnTransformer TransformedTargetRegressor",
    "cross_decomposition": "CCA PLSCanonical PLSRegression PLSSVD",
    "decomposition": "FactorAnalysis FastICA IncrementalPCA KernelPCA PCA TruncatedSVD",
    "discriminant_analysis": "LinearDiscriminantAnalysis QuadraticDiscriminantAnalysis",
    "dummy": "DummyClassifier DummyRegressor",
    # Ensembles of trees hold compiled trees. The user must trust these.
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
"""Estimators by public module that are loaded without being trusted: they predict with NumPy, or are checked."""


def is_known(name: str) -> bool:
    """Tell whether a type of scikit-learn, ``module.name``, is loaded without being trusted."""
    parts = name.split(".")
    return (
        name in HARMLESS or name.startswith(PLAIN) or (len(parts) > 2 and parts[-1] in KNOWN.get(parts[1], "").split())
    )


def needing_trust(names: Iterable[str], trusted: Collection[str]) -> set[str]:
    """List the types of a skops file that the user must trust, even if skops would load them."""
    return {
        name
        for name in names
        if name.startswith("sklearn.") and not is_known(name)
        if name not in trusted and not (name == BINS and NODES in trusted)
    }


def public_class(module: str, name: str) -> type | None:
    """Find a known estimator by its module and name; import only the public module of scikit-learn."""
    parts = module.split(".")
    if not is_known(f"{module}.{name}") or parts[1] not in KNOWN:
        return None
    found = getattr(import_module(f"sklearn.{parts[1]}"), name, None)
    return found if isinstance(found, type) and path_of(found) == f"{module}:{name}" else None


def types_in(file: IO[bytes]) -> set[str]:
    """List the types that are named in a skops file.

    Raises
    ------
    StoreError
        If two objects are read from one entry: a small file could then take much memory.
    """
    found: set[str] = set()
    owners: dict[str, Any] = {}
    with zipfile.ZipFile(file) as archive:
        nodes = [json.loads(archive.read("schema.json"))]
    while nodes:
        node = nodes.pop()
        if isinstance(node, list):
            nodes += node
        elif isinstance(node, dict):
            nodes += node.values()
            found.add(f"{node.get('__module__')}.{node.get('__class__')}")
            if "file" in node and owners.setdefault(str(node["file"]), node.get("__id__")) != node.get("__id__"):
                raise StoreError(f"each entry must belong to one object; {node['file']!r} belongs to several.")
    return found


def check_loaded(loaded: Any, trusted: Collection[str]) -> None:
    """Refuse a loaded object that could crash the interpreter when it is used.

    Parameters
    ----------
    loaded : object
        The object to check, with everything that it holds.
    trusted : collection of str
        Names of types of scikit-learn, ``module.name``, that are not checked.

    Raises
    ------
    StoreError
        If an estimator of scikit-learn is neither known nor trusted, or its arrays contradict each other.
    """
    seen: set[int] = set()
    values = [loaded]
    sparse: Any = sys.modules.get("scipy.sparse")
    while values:
        value = values.pop()
        if value is None or type(value) in (bool, int, float, str) or id(value) in seen:
            continue
        seen.add(id(value))
        if sparse is not None and sparse.issparse(value):
            check_sparse(value)
        elif isinstance(value, (np.random.RandomState, np.random.Generator)):
            check_random(value)
        else:
            _check_estimator(value, trusted)
            values.extend(_contents(value))


def _contents(value: Any) -> Iterable[Any]:
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
                    f"the numbers of a {base.__name__} must fit each other, as compiled code does not check them; "
                    f"{problem}. If you know who saved it: load(folder, trusted=[{own!r}])."
                )
        # A class outside scikit-learn may derive from its private classes, and from an estimator if that one is known.
        elif needing_trust([name], trusted) and (
            name == own or (not own.startswith("sklearn.") and _is_estimator(base))
        ):
            raise StoreError(f"{own} is not trusted. If you know who saved it: load(folder, trusted=[{own!r}]).")


def _name(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"


def _nothing(_: Any) -> Iterable[str]:
    return ()


def _is_estimator(cls: type) -> bool:
    package = sys.modules.get(".".join(cls.__module__.split(".")[:2]))
    base = sys.modules["sklearn.base"].BaseEstimator
    return issubclass(cls, base) and cls is not base and getattr(package, cls.__name__, None) is cls
