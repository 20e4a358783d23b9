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
from collections.abc import Callable, Collection, Generator, Iterable
from importlib import import_module
from typing import IO, Any

import numpy as np

from ..errors import StoreError
from ._manifest import SPLITTERS, path_of

__all__ = ["HARMLESS", "asking", "check_made", "is_known", "public_class", "types_in"]

HARMLESS = (
    "sklearn._loss.loss.HalfTweedieLossIdentity",
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    "sklearn.gaussian_process._gpc._BinaryGaussianProcessClassifierLaplace",
    "sklearn.gaussian_process.kernels.ConstantKernel",
    "sklearn.gaussian_process.kernels.Product",
    "sklearn.gaussian_process.kernels.RBF",
    "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
)
"""Parts of scikit-learn's estimators, written in Python, that skops does not trust by itself."""

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
            _check_sparse(value)
        elif isinstance(value, (np.random.RandomState, np.random.Generator)):
            _check_random(value)
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


def _check_sparse(matrix: Any) -> None:
    try:
        if matrix.format in ("csr", "csc", "bsr"):
            matrix.check_format(full_check=True)
        elif matrix.format == "coo":
            type(matrix)((matrix.data, matrix.coords), shape=matrix.shape)
        elif matrix.format != "dia":
            raise ValueError(f"it has the format {matrix.format!r}")
    except (ValueError, TypeError) as error:
        raise StoreError(f"a sparse matrix must hold places inside of it only: {error}.") from error


def _check_random(generator: np.random.RandomState | np.random.Generator) -> None:
    """Refuse a place outside of the numbers that a generator has drawn ahead: NumPy would read on from there."""
    is_old = isinstance(generator, np.random.RandomState)
    state: Any = generator.get_state(legacy=False) if is_old else generator.bit_generator.state
    drawn = {"MT19937": 624, "Philox": 4}.get(state["bit_generator"])
    if drawn is not None and not 0 <= state.get("buffer_pos", state["state"].get("pos")) <= drawn:
        raise StoreError(f"the place in a {state['bit_generator']} must be one of its {drawn} numbers; it is not.")


def _is_array(value: Any, kinds: str, *shape: int) -> bool:
    return type(value) is np.ndarray and value.dtype.kind in kinds and value.shape == shape


def _shadows(value: Any) -> list[str]:
    """Name the attributes that take the place of a method, or of what else the class itself says."""
    return sorted(name for name in vars(value) if hasattr(type(value), name))


def _check_libsvm(svm: Any) -> Generator[str]:
    """Compare an SVM with what its training leaves: libsvm reads all arrays with lengths that it takes from some."""
    held = vars(svm)
    if "support_" not in held:
        return  # not fitted
    if shadows := _shadows(svm):
        yield f"{shadows[0]} is not an attribute of an object"
    n_features, kernel = held.get("n_features_in_"), held.get("kernel")
    if type(n_features) is not int or kernel not in ("linear", "poly", "rbf", "sigmoid", "precomputed"):
        yield f"n_features_in_ is {n_features!r} and the kernel {kernel!r}"
    n_classes = 2
    if hasattr(svm, "predict_log_proba") or type(svm)._impl in ("c_svc", "nu_svc"):
        n_classes = len(svm.classes_)
    n_pairs = n_classes * (n_classes - 1) // 2
    support, vectors = svm.support_, svm.support_vectors_
    counts, coefs, precomputed = svm._n_support, svm._dual_coef_, kernel == "precomputed"
    n = len(support)
    if n_classes < 2 or not _is_array(support, "i", n) or not _is_array(counts, "i", n_classes):
        yield "support_ or n_support_ does not fit the classes"
    if (counts < 0).any() or (type(svm)._impl in ("c_svc", "nu_svc") and counts.sum(dtype=np.int64) != n):
        yield "n_support_ does not count support_"
    if svm._sparse is False:
        if not _is_array(coefs, "f", n_classes - 1, n):
            yield "dual_coef_ does not fit support_ and the classes"
        if not precomputed and not _is_array(vectors, "f", n, n_features):
            yield "support_vectors_ does not fit support_ and n_features_in_"
    elif svm._sparse is True and not precomputed:
        _check_sparse(coefs)
        _check_sparse(vectors)
        if vectors.format != "csr" or vectors.shape != (n, n_features) or coefs.data.shape != ((n_classes - 1) * n,):
            yield "support_vectors_ or dual_coef_ does not fit support_ and the classes"
        if vectors.indptr[0] != 0 or len(vectors.data) != len(vectors.indices):
            yield "support_vectors_ does not fit itself"
    else:
        yield f"_sparse is {svm._sparse!r}"
    if precomputed:
        n_rows = svm.shape_fit_[0]
        if n_rows != n_features or (n and not 0 <= support.min() <= support.max() < n_features):
            yield "support_ has places that the kernel has not"
    if not _is_array(svm._intercept_, "f", n_pairs):
        yield "intercept_ does not fit the classes"
    lengths = svm._probA.shape, svm._probB.shape
    if lengths not in (((0,), (0,)), ((n_pairs,), (n_pairs,))):
        yield "probA_ or probB_ does not fit the classes"


METRICS = ("minkowski", "euclidean", "manhattan", "cityblock", "l1", "l2", "chebyshev", "cosine")
"""Distances that take nothing but two rows."""


def _check_neighbours(search: Any) -> Generator[str]:
    """Compare a search for neighbours with what its fitting leaves: compiled code counts on its lengths."""
    held = vars(search)
    if "_fit_method" not in held and "_fit_X" not in held:
        return  # not fitted
    if shadows := _shadows(search):
        yield f"{shadows[0]} is not an attribute of an object"
    rows, n_rows, n_features = held["_fit_X"], held["n_samples_fit_"], held["n_features_in_"]
    if type(n_rows) is not int or n_rows < 1 or type(n_features) is not int or n_features < 1:
        yield f"n_samples_fit_ is {n_rows!r} and n_features_in_ {n_features!r}"
    if not _is_array(rows, "f", n_rows, n_features):
        yield "_fit_X does not fit n_samples_fit_ and n_features_in_"
    if held["_tree"] is not None and type(held["_tree"]).__name__ not in ("KDTree", "BallTree"):
        yield "_tree is no tree"
    if held["_fit_method"] != ("brute" if held["_tree"] is None else held["_fit_method"]):
        yield f"there is no tree for _fit_method {held['_fit_method']!r}"
    given = {**(held.get("effective_metric_params_") or {}), **(held.get("metric_params") or {})}
    if held.get("metric") not in METRICS or held.get("effective_metric_") not in METRICS or given.keys() > {"p"}:
        yield f"the metric {held.get('metric')!r} is not one of {METRICS}"
    if "_y" in held:
        y, classes = held["_y"], held.get("classes_")
        if type(y) is not np.ndarray or y.ndim < 1 or len(y) != n_rows:
            yield "_y does not fit n_samples_fit_"
        elif hasattr(search, "predict_proba"):
            if not _is_array(y, "i", n_rows) or not isinstance(classes, np.ndarray) or classes.ndim != 1:
                yield "it has several outputs"
            elif not 0 <= y.min() <= y.max() < len(classes):
                yield "_y has places that classes_ has not"


def _check_encoder(encoder: Any) -> Generator[str]:
    """Compare a OneHotEncoder with its categories: it writes the places of a sparse matrix."""
    held = vars(encoder)
    if "categories_" not in held:
        return  # not fitted
    if shadows := _shadows(encoder):
        yield f"{shadows[0]} is not an attribute of an object"
    categories, counts = held["categories_"], held["_n_features_outs"]
    if type(categories) is not list or any(type(c) is not np.ndarray or c.ndim != 1 for c in categories):
        yield "categories_ are no arrays"
    if held.get("_drop_idx_after_grouping") is not None or held.get("_infrequent_enabled"):
        yield "it drops or groups categories"
    if type(counts) is not list or counts != [len(c) for c in categories]:
        yield "its outputs do not fit categories_"
    for values in categories:
        if values.dtype.kind not in "OUSbiuf" or (values.dtype.kind != "O" and not (values[1:] > values[:-1]).all()):
            yield "categories_ are not sorted"


def _check_vocabulary(vectorizer: Any) -> Generator[str]:
    """Compare the places of words with their number: they become places of a sparse matrix."""
    held = vars(vectorizer)
    if "vocabulary_" not in held:
        return  # not fitted
    if shadows := _shadows(vectorizer):
        yield f"{shadows[0]} is not an attribute of an object"
    places = held["vocabulary_"]
    if type(places) is not dict or any(type(place) is not int for place in places.values()):
        yield "vocabulary_ are no places"
    if sorted(places.values()) != list(range(len(places))):
        yield "vocabulary_ does not have a place for each word"


def _check_function(transformer: Any) -> Generator[str]:
    """Refuse arguments of a function that could make other rows of those that it is given."""
    if vars(transformer).get("kw_args") or vars(transformer).get("inv_kw_args"):
        yield "its function has arguments"


def _check_outputs(classifier: Any) -> Generator[str]:
    """Refuse what writes the places of a sparse matrix."""
    binarizer = vars(classifier).get("label_binarizer_")
    if str(getattr(binarizer, "y_type_", "")).startswith("multilabel"):
        yield "it has several outputs"


CHECKS: dict[str, Callable[[Any], Iterable[str]]] = {
    **dict.fromkeys(("SVC", "NuSVC", "SVR", "NuSVR", "OneClassSVM"), _check_libsvm),
    **dict.fromkeys(("KNeighborsClassifier", "KNeighborsRegressor", "NearestNeighbors"), _check_neighbours),
    **dict.fromkeys(("CountVectorizer", "TfidfVectorizer"), _check_vocabulary),
    "OneHotEncoder": _check_encoder,
    "FunctionTransformer": _check_function,
    "OneVsRestClassifier": _check_outputs,
}
"""What is checked of the known estimators that reach compiled code, or write the places of sparse matrices."""
