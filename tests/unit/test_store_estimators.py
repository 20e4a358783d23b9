"""Estimators whose numbers compiled code would believe: checked against each other, or to be trusted."""

import re

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.cluster import KMeans
from sklearn.ensemble import StackingClassifier, VotingClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, NearestNeighbors
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder
from sklearn.svm import SVC, SVR, NuSVC, NuSVR, OneClassSVM
from sklearn.tree import DecisionTreeClassifier

from ensemblekit import InvalidOptionError, load_plugins
from ensemblekit.errors import StoreError
from ensemblekit.store import load, save
from ensemblekit.store._sklearn_types import check_loaded

pytest.importorskip("skops")
X = np.random.default_rng(0).normal(size=(30, 4))
CODES = np.arange(30) % 3
MATRIX = "scipy.sparse._csr.csr_matrix"


def through(held, tmp_path, **options):
    combiner = load_plugins().create_combiner("mean")
    combiner.held_ = held
    save(combiner, tmp_path / "saved", overwrite=True)
    return load(tmp_path / "saved", **options).held_


SEARCH = {"algorithm": "brute"}
FITTED = {
    "svc": SVC(),
    "svc of two classes": SVC(kernel="poly", class_weight="balanced"),
    "svc of a kernel": SVC(kernel="precomputed"),
    "nu svc": NuSVC(kernel="linear"),
    "svr": SVR(),
    "svr without support": SVR(epsilon=100.0),
    "nu svr": NuSVR(kernel="sigmoid"),
    "one class": OneClassSVM(),
    "neighbours": KNeighborsClassifier(**SEARCH),
    "distances": KNeighborsClassifier(weights="distance", metric="manhattan", **SEARCH),
    "search": NearestNeighbors(**SEARCH),
    "nested": make_pipeline(FunctionTransformer(np.tanh), OneVsRestClassifier(SVC())),
    "encoder": OneHotEncoder(handle_unknown="ignore"),
    "filled": make_pipeline(SimpleImputer(), GaussianNB()),
    "vote": VotingClassifier([("svc", SVC()), ("bayes", GaussianNB())]),
    "stack": StackingClassifier([("svc", SVC()), ("bayes", GaussianNB())], cv=2),
}


@pytest.mark.parametrize("name", FITTED)
def test_what_scikit_learn_has_fitted_needs_no_trust(name, tmp_path):
    x = X @ X.T if "kernel" in name else np.round(X) if name == "encoder" else X
    fitted = FITTED[name].fit(x, CODES % 2 if "two" in name else CODES)
    again = through(fitted, tmp_path)
    if hasattr(fitted, "predict"):
        assert again.predict(x).tobytes() == fitted.predict(x).tobytes()


def test_a_search_may_hold_fewer_rows_than_it_asks_for_by_itself(tmp_path):
    assert through(NearestNeighbors(**SEARCH).fit(X[:3]), tmp_path).kneighbors(X[:1], 2)[1].shape == (1, 2)


def test_what_is_not_fitted_needs_no_trust(tmp_path):
    assert through([SVC(C=3.0), KNeighborsClassifier(7), TfidfVectorizer()], tmp_path)[0].C == 3.0


def test_words_and_sparse_rows_come_back_and_their_places_are_checked(tmp_path):
    words = TfidfVectorizer().fit(["a bird sings", "a dog barks"])
    assert (through(words, tmp_path).transform(["bird dog"]) != words.transform(["bird dog"])).nnz == 0
    words.vocabulary_["dog"] = 10**9
    with pytest.raises(StoreError, match="vocabulary_ does not have one index for each word"):
        through(words, tmp_path)
    sparse = SVC().fit(csr_array(X), CODES)
    trusted = [MATRIX, MATRIX.replace("matrix", "array")]
    assert through(sparse, tmp_path, trusted=trusted).predict(csr_array(X)).tolist() == sparse.predict(X).tolist()
    effective = "_effective_probability" if hasattr(sparse, "_effective_probability") else "probability"
    setattr(sparse, effective, 1.5)
    with pytest.raises(StoreError, match="there is no probA_ or probB_"):
        through(sparse, tmp_path, trusted=trusted)
    setattr(sparse, effective, False)
    sparse.support_vectors_.indices[0] = 10**6
    with pytest.raises(StoreError, match="a sparse matrix must hold places inside of it only"):
        through(sparse, tmp_path, trusted=trusted)


def spoiled(attribute, change):
    return lambda estimator: vars(estimator).update({attribute: change(vars(estimator)[attribute])})


ALTERED = {
    "support_ longer": spoiled("support_", lambda a: np.concatenate([a] * 9)),
    "support_ of two axes": spoiled("support_", lambda a: a[None]),
    "support_vectors_ empty": spoiled("support_vectors_", lambda a: a[:0]),
    "support_vectors_ narrow": spoiled("support_vectors_", lambda a: np.ascontiguousarray(a[:, :1])),
    "n_support_ shorter": spoiled("_n_support", lambda a: a[:-1]),
    "n_support_ negative": spoiled("_n_support", lambda a: np.array([-5, a.sum(), 5], a.dtype)),
    "n_support_ large": spoiled("_n_support", lambda a: a * 1000),
    "dual_coef_ empty": spoiled("_dual_coef_", lambda a: a[:, :0]),
    "dual_coef_ of one row": spoiled("_dual_coef_", lambda a: a[:1]),
    "intercept_ empty": spoiled("_intercept_", lambda a: a[:0]),
    "probA_ alone": spoiled("_probA", lambda a: np.ones(3)),
    "n_features_in_ missing": lambda svm: vars(svm).pop("n_features_in_"),
    "n_features_in_ large": spoiled("n_features_in_", lambda n: 10**6),
    "classes_ of one": spoiled("classes_", lambda a: a[:1]),
    "another kernel": spoiled("kernel", lambda _: "precomputed"),
    "another machine": lambda svm: vars(svm).update(_impl="nu_svr"),
    "sparse": spoiled("_sparse", lambda _: True),
    "other kernels": lambda svm: vars(svm).update(_sparse_kernels=["precomputed"]),
}


@pytest.mark.parametrize("how", ALTERED)
def test_an_svm_whose_numbers_do_not_fit_is_refused(how, tmp_path):
    svm = SVC().fit(X, CODES)
    ALTERED[how](svm)
    with pytest.raises(StoreError, match=r"the numbers of a SVC must fit each other|makes sense"):
        through(svm, tmp_path)


@pytest.mark.parametrize(
    ("attribute", "change"),
    [
        ("_fit_X", lambda a: a[:0]),
        ("_fit_X", lambda a: np.ascontiguousarray(a[:, :2])),
        ("_y", lambda a: a[:1]),
        ("_y", lambda a: a + 2**30),
        ("_y", lambda a: a - 1),
        ("classes_", lambda a: a[:2]),
        ("n_samples_fit_", lambda n: 10**6),
        ("n_features_in_", lambda n: 10**6),
        ("effective_metric_", lambda _: "seuclidean"),
        ("metric", lambda _: "mahalanobis"),
        ("_fit_method", lambda _: "kd_tree"),
        ("n_neighbors", lambda _: 10**6),
        ("n_neighbors", lambda _: 0),
    ],
)
def test_neighbours_whose_numbers_do_not_fit_are_refused(attribute, change, tmp_path):
    search = KNeighborsClassifier(**SEARCH).fit(X, CODES)
    spoiled(attribute, change)(search)
    with pytest.raises(StoreError, match=r"the numbers of a KNeighborsClassifier must fit each other|makes sense"):
        through(search, tmp_path)


def test_what_derives_from_a_compiled_estimator_is_checked_as_it_is():
    head = load_plugins().create_head("neighbours_head", n_neighbors=3).build((40,), 3)
    rows = np.random.default_rng(0).normal(size=(30, 40))
    fitted = head.fit(rows, CODES)
    check_loaded(fitted, ())
    search = fitted.steps[-1][1]
    search._y = search._y + 10**6
    with pytest.raises(StoreError, match="_y has indices outside of classes_"):
        check_loaded(fitted, ())

    class Mine(KMeans):
        pass

    with pytest.raises(StoreError, match=r"Mine is not trusted"):
        check_loaded([Mine()], ())
    check_loaded([Mine()], [f"{Mine.__module__}.{Mine.__qualname__}"])


def test_what_is_compiled_and_not_checked_is_loaded_only_where_it_is_trusted(tmp_path):
    fitted = KMeans(3, n_init=1).fit(X)
    with pytest.raises(StoreError, match=r"holds the types .* trusted=\['sklearn.cluster._kmeans.KMeans'\]"):
        through(fitted, tmp_path)
    again = through(fitted, tmp_path, trusted=["sklearn.cluster._kmeans.KMeans"])
    assert again.predict(X).tolist() == fitted.predict(X).tolist()


def test_all_that_must_be_trusted_is_named_at_once(tmp_path):
    fitted = [KMeans(3, n_init=1).fit(X), DecisionTreeClassifier(max_depth=2).fit(X, CODES)]
    types = ["sklearn.cluster._kmeans.KMeans", "sklearn.tree._tree.Tree"]
    with pytest.raises(StoreError, match=re.escape(f"load(folder, trusted={types})")):
        through(fitted, tmp_path)
    assert len(through(fitted, tmp_path, trusted=types)) == 2


def test_a_random_state_is_not_read_beyond_its_numbers(tmp_path):
    from sklearn.linear_model import SGDClassifier

    state = np.random.RandomState(0)
    drawn = through(SGDClassifier(random_state=state), tmp_path).random_state.random_sample(3).tolist()
    assert drawn == np.random.RandomState(0).random_sample(3).tolist()
    state.set_state(("MT19937", state.get_state()[1], 10**7))
    with pytest.raises(StoreError, match="the place in a MT19937 must be one of its 624 numbers"):
        through(SGDClassifier(random_state=state), tmp_path)


@pytest.mark.parametrize("trusted", ["sklearn.tree._tree.Tree", GaussianNB])
def test_one_type_for_a_sequence_of_types_is_refused(trusted, tmp_path):
    with pytest.raises(InvalidOptionError, match="trusted must be a sequence of classes, or names of classes"):
        load(tmp_path, trusted=trusted)
