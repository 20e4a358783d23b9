"""Checks of the fitted arrays that scikit-learn passes to compiled code: they must be such as its `fit` makes."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from typing import Any

import numpy as np

from ..errors import StoreError

__all__ = ["CHECKS", "check_random", "check_sparse"]


def check_sparse(matrix: Any) -> None:
    """Refuse a sparse matrix with indices out of range."""
    try:
        if matrix.format in ("csr", "csc", "bsr"):
            matrix.check_format(full_check=True)
        elif matrix.format == "coo":
            type(matrix)((matrix.data, matrix.coords), shape=matrix.shape)
        elif matrix.format != "dia":
            raise ValueError(f"it has the format {matrix.format!r}")
    except (ValueError, TypeError) as error:
        raise StoreError(f"a sparse matrix must hold places inside of it only: {error}.") from error


def check_random(generator: np.random.RandomState | np.random.Generator) -> None:
    """Refuse a random generator if its position is outside its buffer, as NumPy would read there."""
    is_old = isinstance(generator, np.random.RandomState)
    state: Any = generator.get_state(legacy=False) if is_old else generator.bit_generator.state
    drawn = {"MT19937": 624, "Philox": 4}.get(state["bit_generator"])
    if drawn is not None and not 0 <= state.get("buffer_pos", state["state"].get("pos")) <= drawn:
        raise StoreError(f"the place in a {state['bit_generator']} must be one of its {drawn} numbers; it is not.")


def _is_array(value: Any, kinds: str, *shape: int) -> bool:
    return type(value) is np.ndarray and value.dtype.kind in kinds and value.shape == shape


def _shadows(value: Any) -> list[str]:
    """List the attributes of an object that override attributes of its class."""
    return sorted(name for name in vars(value) if hasattr(type(value), name))


def _check_libsvm(svm: Any) -> Generator[str]:
    """Compare the lengths of the arrays of an SVM: libsvm derives the lengths of all arrays from some of them."""
    fitted = vars(svm)
    if "support_" not in fitted:
        return  # not fitted
    if shadows := _shadows(svm):
        yield f"{shadows[0]} is not an attribute of an object"
    n_features, kernel = fitted.get("n_features_in_"), fitted.get("kernel")
    if type(n_features) is not int or kernel not in ("linear", "poly", "rbf", "sigmoid", "precomputed"):
        yield f"n_features_in_ is {n_features!r} and the kernel {kernel!r}"
    n_classes = 2
    classifies = type(svm)._impl in ("c_svc", "nu_svc")
    if classifies:
        n_classes = len(svm.classes_)
    n_pairs = n_classes * (n_classes - 1) // 2
    support, vectors = svm.support_, svm.support_vectors_
    counts, coefs, precomputed = svm._n_support, svm._dual_coef_, kernel == "precomputed"
    n = len(support)
    if n_classes < 2 or not _is_array(support, "i", n) or not _is_array(counts, "i", n_classes):
        yield "support_ or n_support_ does not fit the classes"
    if (counts < 0).any() or (classifies and counts.sum(dtype=np.int64) != n):
        yield "n_support_ does not count support_"
    if svm._sparse is False:
        if not _is_array(coefs, "f", n_classes - 1, n):
            yield "dual_coef_ does not fit support_ and the classes"
        if not precomputed and not _is_array(vectors, "f", n, n_features):
            yield "support_vectors_ does not fit support_ and n_features_in_"
    elif svm._sparse is True and not precomputed:
        check_sparse(coefs)
        check_sparse(vectors)
        if vectors.format != "csr" or vectors.shape != (n, n_features) or coefs.data.shape != ((n_classes - 1) * n,):
            yield "support_vectors_ or dual_coef_ does not fit support_ and the classes"
        if vectors.indptr[0] != 0 or len(vectors.data) != len(vectors.indices):
            yield "support_vectors_ does not fit itself"
    else:
        yield f"_sparse is {svm._sparse!r}"
    if precomputed:
        n_rows = svm.shape_fit_[0]
        if n_rows != n_features or (n and not 0 <= support.min() <= support.max() < n_features):
            yield "support_ has indices outside of the kernel"
    if not _is_array(svm._intercept_, "f", n_pairs):
        yield "intercept_ does not fit the classes"
    lengths = svm._probA.shape, svm._probB.shape
    if lengths not in (((0,), (0,)), ((n_pairs,), (n_pairs,))):
        yield "probA_ or probB_ does not fit the classes"
    probability = fitted.get("_effective_probability", fitted.get("probability"))
    if svm._sparse and probability is not False and lengths != ((n_pairs,), (n_pairs,)):
        yield "there is no probA_ or probB_ for the probability"


METRICS = ("minkowski", "euclidean", "manhattan", "cityblock", "l1", "l2", "chebyshev", "cosine")
"""Distances without parameters of their own."""


def _check_neighbours(search: Any) -> Generator[str]:
    """Compare the lengths of the arrays of a neighbour search: compiled code relies on them."""
    fitted = vars(search)
    if "_fit_method" not in fitted and "_fit_X" not in fitted:
        return  # not fitted
    if shadows := _shadows(search):
        yield f"{shadows[0]} is not an attribute of an object"
    rows, n_rows, n_features = fitted["_fit_X"], fitted["n_samples_fit_"], fitted["n_features_in_"]
    if type(n_rows) is not int or n_rows < 1 or type(n_features) is not int or n_features < 1:
        yield f"n_samples_fit_ is {n_rows!r} and n_features_in_ {n_features!r}"
    if not _is_array(rows, "f", n_rows, n_features):
        yield "_fit_X does not fit n_samples_fit_ and n_features_in_"
    wanted, classifies = fitted.get("n_neighbors"), hasattr(search, "predict_proba")
    # With uniform weights, scikit-learn counts votes without checking the number of rows.
    if (
        type(wanted) is not int
        or wanted < 1
        or (classifies and wanted > n_rows and fitted.get("weights") != "distance")
    ):
        yield f"n_neighbors is {wanted!r}"
    if fitted["_tree"] is not None and type(fitted["_tree"]).__name__ not in ("KDTree", "BallTree"):
        yield "_tree is no tree"
    if fitted["_fit_method"] != ("brute" if fitted["_tree"] is None else fitted["_fit_method"]):
        yield f"there is no tree for _fit_method {fitted['_fit_method']!r}"
    given = {**(fitted.get("effective_metric_params_") or {}), **(fitted.get("metric_params") or {})}
    if fitted.get("metric") not in METRICS or fitted.get("effective_metric_") not in METRICS or given.keys() > {"p"}:
        yield f"the metric {fitted.get('metric')!r} is not one of {METRICS}"
    if "_y" in fitted:
        y, classes = fitted["_y"], fitted.get("classes_")
        if type(y) is not np.ndarray or y.ndim < 1 or len(y) != n_rows:
            yield "_y does not fit n_samples_fit_"
        elif classifies:
            if not _is_array(y, "i", n_rows) or not isinstance(classes, np.ndarray) or classes.ndim != 1:
                yield "it has several outputs"
            elif not 0 <= y.min() <= y.max() < len(classes):
                yield "_y has indices outside of classes_"


def _check_encoder(encoder: Any) -> Generator[str]:
    """Compare the fields of a OneHotEncoder with its categories, which become indices of a sparse matrix."""
    fitted = vars(encoder)
    if "categories_" not in fitted:
        return  # not fitted
    if shadows := _shadows(encoder):
        yield f"{shadows[0]} is not an attribute of an object"
    categories, counts = fitted["categories_"], fitted["_n_features_outs"]
    if type(categories) is not list or any(type(c) is not np.ndarray or c.ndim != 1 for c in categories):
        yield "categories_ are no arrays"
    if fitted.get("_drop_idx_after_grouping") is not None or fitted.get("_infrequent_enabled"):
        yield "it drops or groups categories"
    if type(counts) is not list or counts != [len(c) for c in categories]:
        yield "its outputs do not fit categories_"
    for values in categories:
        if values.dtype.kind not in "OUSbiuf" or (values.dtype.kind != "O" and not (values[1:] > values[:-1]).all()):
            yield "categories_ are not sorted"


def _check_vocabulary(vectorizer: Any) -> Generator[str]:
    """Compare the indices of words with the number of words: they become indices of a sparse matrix."""
    fitted = vars(vectorizer)
    if "vocabulary_" not in fitted:
        return  # not fitted
    if shadows := _shadows(vectorizer):
        yield f"{shadows[0]} is not an attribute of an object"
    indices = fitted["vocabulary_"]
    if type(indices) is not dict or any(type(index) is not int for index in indices.values()):
        yield "vocabulary_ has no indices"
    if sorted(indices.values()) != list(range(len(indices))):
        yield "vocabulary_ does not have one index for each word"


def _check_function(transformer: Any) -> Generator[str]:
    """Refuse arguments with which a function could return other rows."""
    if vars(transformer).get("kw_args") or vars(transformer).get("inv_kw_args"):
        yield "its function has arguments"


def _check_outputs(classifier: Any) -> Generator[str]:
    """Refuse several outputs, as they are written as a sparse matrix."""
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
"""Checks of the known estimators that call compiled code with fitted arrays, or write sparse matrices."""
