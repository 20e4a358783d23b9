"""What is saved comes back to the bit, and what is damaged, foreign or unsafe is refused before anything is made."""

import json
import os

import numpy as np
import pytest

from ensemblekit import Combiner, Predictions, align, combine, fit_combiner, load_plugins
from ensemblekit.errors import MissingDependencyError, NotStorableError, OutputExistsError, StoreError
from ensemblekit.store import _load, _manifest, load, save

REGISTRY = load_plugins()
OPTIONS = {"weighted": {"weights": {"cnn": 3, "svm": 1, "tree": 2}}}
"""Options of a combiner for a second round."""


def members(n_samples=60, seed=0):
    rng = np.random.default_rng(seed)
    ids, labels = [f"row{k:02}" for k in range(n_samples)], [f"class{k % 3}" for k in range(n_samples)]
    fields = {"ids": ids, "classes": ["class0", "class1", "class2"], "labels": labels}
    concentrations = 1 + 3 * np.eye(3)[np.arange(n_samples) % 3]
    return align(
        {
            name: Predictions([rng.dirichlet(c) for c in concentrations], member=name, **fields)
            for name in ("cnn", "svm", "tree")
        }
    )


def forecasts(n_samples=30, seed=0):
    """Align three members' forecasts of numbers."""
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=(n_samples, 1))
    fields = {"ids": [f"row{k:02}" for k in range(n_samples)], "classes": ["y"], "labels": truth, "task": "regression"}
    return align(
        {
            name: Predictions(truth + rng.normal(size=truth.shape), member=name, **fields)
            for name in ("cnn", "svm", "tree")
        }
    )


def distributions(n_samples=30, seed=0):
    """Align three members' quantiles of numbers."""
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=n_samples)
    fields = {"ids": [f"row{k:02}" for k in range(n_samples)], "classes": [0.25, 0.5, 0.75], "labels": truth}
    around = truth[:, np.newaxis] + np.array([-0.7, 0, 0.7])
    return align(
        {
            name: Predictions(around + rng.normal(size=(n_samples, 1)), member=name, task="quantile", **fields)
            for name in ("cnn", "svm", "tree")
        }
    )


class Held(Combiner):
    """A combiner of no plugin that holds one thing."""

    def __init__(self, held=None):
        self.held = held

    def combine(self, member_probas, *, xp=np):
        return member_probas[0]


def through(held, tmp_path):
    save(Held(held), tmp_path / "saved")
    return load(tmp_path / "saved", trusted=[Held]).held


def same(left, right):
    """Say whether two values are the same in type and to the bit."""
    if isinstance(left, (np.ndarray, np.generic)):
        if left.dtype == object:
            return left.shape == right.shape and same(left.tolist(), right.tolist())
        return type(left) is type(right) and left.dtype == right.dtype and left.tobytes() == right.tobytes()
    if isinstance(left, (list, tuple)):
        return type(left) is type(right) and len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, (set, frozenset)):
        return type(left) is type(right) and left == right
    if isinstance(left, dict):
        return type(left) is type(right) and same(list(left.items()), list(right.items()))
    if hasattr(left, "__dict__") and not hasattr(left, "get_params"):
        return type(left) is type(right) and same(vars(left), vars(right))
    return type(left) is type(right) and (hasattr(left, "get_params") or repr(left) == repr(right))


# What comes back.


@pytest.mark.parametrize("options", [{}, OPTIONS], ids=["default", "given"])
@pytest.mark.parametrize("name", REGISTRY.combiners)
def test_every_registered_combiner_comes_back_to_the_bit(name, options, tmp_path):
    tasks = REGISTRY.create_combiner(name).tasks
    drawn = members if "multiclass" in tasks else forecasts if "regression" in tasks else distributions
    fitted = fit_combiner(drawn(), name, **options.get(name, {}))
    save(fitted, tmp_path / "saved")
    again = load(tmp_path / "saved")
    assert type(again) is type(fitted)
    assert same(vars(again), vars(fitted))
    new = drawn(20, seed=1)
    assert combine(new, again).probas.tobytes() == combine(new, fitted).probas.tobytes()


@pytest.mark.parametrize(
    "held",
    [
        [None, True, 0, -(2**80), 0.1, -0.0, float("nan"), float("-inf"), "", "naïve\n\ud800"],
        {"a": (1, (2, [3, ()])), 2: {"b": None}, ("t", 1): "tuple key", None: 0, 1.5: 1},
        {frozenset({"x", "y"}): {1, 2}},
        [np.float16(0.1), np.int64(-3), np.bool_(True), np.str_("é"), np.datetime64("2020-01-01")],
        [np.array(3.5), np.zeros((0, 2), "f4"), np.array(["é", "bc"]), np.array([True]), np.array([1 + 2j])],
        np.array([["a", None], [1.5, ("t",)]], dtype=object),
        {"class": 1, "tuple": [2], "array": "a0"},
    ],
    ids=["scalars", "keys", "sets", "numpy scalars", "arrays", "objects", "words of the format"],
)
def test_values_come_back_with_their_types(held, tmp_path):
    assert same(through(held, tmp_path), held)


def test_arrays_keep_their_order_and_what_is_shared_stays_shared(tmp_path):
    array = np.asfortranarray(np.arange(6.0).reshape(2, 3))
    first, second = through([array, array], tmp_path)
    assert first.flags.f_contiguous
    assert first is second


def test_combiners_hold_combiners_and_the_same_one_twice(tmp_path):
    inner = fit_combiner(members(), "weighted")
    again, other = through([inner, inner], tmp_path)
    assert same(vars(again), vars(inner))
    assert other is again


def test_what_the_scikit_learn_face_holds_comes_back(tmp_path):
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GroupKFold
    from sklearn.utils import Bunch

    held = {"named": Bunch(svm=LogisticRegression(C=2)), "cv": GroupKFold(3)}
    again = through(held, tmp_path)
    assert type(again["named"]) is Bunch
    assert again["named"].svm.C == 2
    assert repr(again["cv"]) == repr(held["cv"])


def test_no_constructor_runs(tmp_path, monkeypatch):
    save(Held(1), tmp_path / "saved")
    monkeypatch.setattr(Held, "__init__", lambda self: pytest.fail("the constructor ran"))
    assert load(tmp_path / "saved", trusted=[Held]).held == 1


def test_the_manifest_names_plugin_and_distribution(tmp_path):
    save(fit_combiner(members(), "stacking"), tmp_path / "saved")
    manifest = json.loads((tmp_path / "saved" / "manifest.json").read_text())
    assert manifest["format"] == 1
    assert manifest["object"]["class"] == "ensemblekit_plugins.combiners.stacking:Stacking"
    assert (manifest["object"]["combiner"], manifest["object"]["distribution"]) == ("stacking", "ensemblekit")
    assert set(manifest["files"]) == {p.name for p in (tmp_path / "saved").iterdir()} - {"manifest.json"}


@pytest.mark.keras
def test_a_keras_model_comes_back_to_the_bit(tmp_path, keras):
    fitted = fit_combiner(members(), "stacking", final_estimator="dense", epochs=1, seed=0)
    save(fitted, tmp_path / "saved")
    assert (tmp_path / "saved" / "keras0.keras").is_file()
    new = members(20, seed=1)
    assert combine(new, load(tmp_path / "saved")).probas.tobytes() == combine(new, fitted).probas.tobytes()


@pytest.mark.keras
def test_a_keras_model_that_was_never_trained_comes_back_compiled(tmp_path, keras):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3, "softmax")])
    model.compile("adam", "sparse_categorical_crossentropy")
    again = through(model, tmp_path)
    assert again.compiled
    assert all(np.array_equal(a, b) for a, b in zip(again.get_weights(), model.get_weights(), strict=True))


@pytest.mark.keras
def test_a_scikit_learn_estimator_may_hold_keras_models(tmp_path, keras):
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer

    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3)])
    step = FunctionTransformer()
    step.model_ = model
    again = through(make_pipeline(step, LogisticRegression(C=3)), tmp_path)
    assert np.array_equal(again[0].model_.get_weights()[0], model.get_weights()[0])
    assert again[1].C == 3
    assert repr(again) == repr(make_pipeline(step, LogisticRegression(C=3)))


@pytest.mark.keras
def test_a_keras_model_with_code_in_it_is_refused(tmp_path, keras):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Lambda(lambda x: x)])
    save(Held(model), tmp_path / "saved")
    with pytest.raises(StoreError, match=r"Keras model keras0.keras cannot be loaded in safe mode:"):
        load(tmp_path / "saved", trusted=[Held])


# What cannot be saved.


def itself():
    held = []
    held.append(held)
    return held


@pytest.mark.parametrize(
    ("held", "message"),
    [
        (
            {"f": [len]},
            r"Held.held\['f'\]\[0\] cannot be saved: it is of the type builtins.builtin_function_or_method.",
        ),
        (
            lambda: 0,
            "type builtins.function. What can be is None, .* that makes a network is not kept",
        ),
        (dict, "Held.held cannot be saved: it is of the type builtins.type"),
        (np.random.default_rng(), "type numpy.random._generator.Generator"),
        (pytest.importorskip("pandas").Series([1]), "type pandas"),
        (np.ma.array([1]), "type numpy.ma.MaskedArray"),
        (np.array([(object(),)], dtype=[("a", object)]), "array of Python objects in fields"),
        (itself(), "must not hold itself; Held.held"),
        ({object(): 1}, "a key of Held.held cannot be saved: it is of the type builtins.object"),
    ],
    ids=["builtin", "function", "class", "generator", "series", "masked", "fields", "itself", "key"],
)
def test_what_has_no_safe_form_is_refused_and_nothing_is_written(held, message, tmp_path):
    with pytest.raises(NotStorableError, match=message):
        save(Held(held), tmp_path / "saved")
    assert list(tmp_path.iterdir()) == []


def test_skops_is_named_where_it_is_missing(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "skops.io", None)
    with pytest.raises(MissingDependencyError, match=r'pip install "ensemblekit\[store\]"'):
        save(fit_combiner(members(), "stacking"), tmp_path / "saved")
    assert list(tmp_path.iterdir()) == []


# Whole or not at all.


def test_a_folder_is_replaced_only_when_asked_and_only_by_its_like(tmp_path):
    save(Held(1), tmp_path / "saved")
    with pytest.raises(OutputExistsError, match=r"saved' is there already. Give overwrite=True"):
        save(Held(2), tmp_path / "saved")
    save(Held(2), tmp_path / "saved", overwrite=True)
    assert load(tmp_path / "saved", trusted=[Held]).held == 2
    (tmp_path / "photos").mkdir()
    with pytest.raises(OutputExistsError, match=r"replaces a saved ensemble only; .*photos' is none"):
        save(Held(2), tmp_path / "photos", overwrite=True)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["photos", "saved"]


def stranger(folder):
    """A sealed manifest of another folder, in which there is another file too."""
    (folder / "manifest.json").write_text(_manifest.seal({"format": 1, "files": {}}))
    (folder / "thesis.tex").write_text("mine")


NAMES_THE_THESIS = {"format": 1, "files": {"thesis.tex": ""}}


def linked(folder):
    save(Held(1), folder.with_name("elsewhere"))
    folder.rmdir()
    folder.symlink_to("elsewhere")


@pytest.mark.parametrize(
    "lay",
    [
        *(
            lambda folder, text=text: (folder / "manifest.json").write_text(text)
            for text in (
                *("", "{}", "[]", "null", "{", "[" * 10**5, '{"format": 1, "files": {}}', '{"name": "app"}'),
                *(_manifest.seal({"format": 1, **files}) for files in ({}, {"files": 5}, {"files": None})),
            )
        ),
        stranger,
        lambda folder: (stranger(folder), (folder / "manifest.json").write_text(_manifest.seal(NAMES_THE_THESIS))),
        linked,
        lambda folder: (folder / "manifest.json").symlink_to("elsewhere.json"),
        lambda folder: os.mkfifo(folder / "manifest.json"),
        lambda folder: (folder / "manifest.json").mkdir(),
        lambda folder: (save(Held(np.arange(3)), folder / "in"), (folder / "in").rename(folder / "arrays.npz")),
    ],
)
def test_a_folder_that_is_not_a_saved_ensemble_alone_is_never_replaced(lay, tmp_path):
    folder = tmp_path / "app"
    folder.mkdir()
    lay(folder)
    before = sorted((p, p.lstat().st_mtime_ns) for p in tmp_path.rglob("*"))
    with pytest.raises(OutputExistsError, match="overwrite=True replaces a saved ensemble only"):
        save(Held(2), folder, overwrite=True)
    assert sorted((p, p.lstat().st_mtime_ns) for p in tmp_path.rglob("*")) == before


@pytest.mark.parametrize("name", ["README.md", ".DS_Store", "skops9.skops", "notes/thesis.tex", "empty/"])
def test_a_file_of_a_user_beside_a_saved_ensemble_is_not_lost(name, tmp_path):
    save(Held(1), tmp_path / "saved")
    path = tmp_path / "saved" / name
    (path if name.endswith("/") else path.parent).mkdir(exist_ok=True)
    if not name.endswith("/"):
        path.write_text("mine")
    with pytest.raises(OutputExistsError, match=rf"holds also '{name.partition('/')[0]}.*Move that elsewhere"):
        save(Held(2), tmp_path / "saved", overwrite=True)
    assert path.exists()
    assert (tmp_path / "saved" / "manifest.json").exists()


@pytest.mark.parametrize("broken", ["write_arrays", "digests"])
def test_an_interrupted_save_leaves_the_old_one_whole(broken, tmp_path, monkeypatch):
    save(Held(1), tmp_path / "saved")

    def interrupted(self):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(f"ensemblekit.store._save._Writer.{broken}", interrupted)
        with pytest.raises(KeyboardInterrupt):
            save(Held(np.arange(3)), tmp_path / "saved", overwrite=True)
    assert load(tmp_path / "saved", trusted=[Held]).held == 1
    assert [p.name for p in tmp_path.iterdir()] == ["saved"]


# What is refused when it is loaded.


@pytest.fixture
def saved(tmp_path):
    folder = tmp_path / "saved"
    save(fit_combiner(members(), "stacking"), folder)
    return folder


def rewritten(folder, **changes):
    """Write the manifest anew, with a right digest of itself: what a stranger could do."""
    manifest = json.loads((folder / "manifest.json").read_text()) | changes
    manifest.pop("sha256")
    (folder / "manifest.json").write_text(_manifest.seal(manifest))


@pytest.mark.parametrize("name", ["manifest.json", "arrays.npz", "skops0.skops", "skops"])
def test_a_changed_byte_is_refused(name, saved):
    path = next(p for p in sorted(saved.iterdir()) if p.name.startswith(name))
    content = path.read_bytes()
    for place in {0, len(content) // 3, len(content) // 2, len(content) - 1}:
        path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        with pytest.raises(
            StoreError, match=r"was changed after it was saved|cannot be read|is no manifest|has the format"
        ):
            load(saved)
    path.write_bytes(content)
    load(saved)


def test_a_file_or_folder_that_is_missing_is_named(saved, tmp_path):
    (saved / "arrays.npz").unlink()
    with pytest.raises(StoreError, match=r"saved': the file arrays.npz is missing"):
        load(saved)
    with pytest.raises(StoreError, match=r"No saved ensemble at .*nowhere': it has no manifest.json"):
        load(tmp_path / "nowhere")


@pytest.mark.parametrize("name", ["../outside.npz", "/etc/passwd", "..", "sub/a.npz", "a.pickle", "a.npz\n"])
def test_a_path_that_leaves_the_folder_is_refused(name, saved):
    (saved.parent / "outside.npz").write_bytes(b"")
    rewritten(saved, files={name: "0" * 64})
    with pytest.raises(StoreError, match="every file must lie in the folder itself"):
        load(saved)


def test_a_link_that_leaves_the_folder_is_refused(saved):
    (saved / "arrays.npz").rename(saved.parent / "arrays.npz")
    (saved / "arrays.npz").symlink_to(saved.parent / "arrays.npz")
    with pytest.raises(StoreError, match=r"every file must lie in the folder itself; the manifest names 'arrays.npz'"):
        load(saved)


def test_a_newer_format_is_refused(saved):
    rewritten(saved, format=2, ensemblekit="9.0")
    with pytest.raises(StoreError, match=r"format 2, of ensemblekit 9.0; this one reads 1. .*pip install --upgrade"):
        load(saved)


PARTS = {"combiner": "confident", "distribution": "confident-mean", "version": "1.2", "state": {"dict": []}}


@pytest.mark.parametrize(
    ("node", "message"),
    [
        (
            {"class": "confident_mean:Confident", **PARTS},
            r"combiner 'confident' is of confident-mean 1.2, which is not installed: pip install confident-mean\.",
        ),
        ({"class": "os:system", "state": {}}, r"class 'os:system' is of no installed plugin. .*trusted=\[system\]"),
        ({"class": "a:B", "distribution": "x; rm -rf /", "state": {}}, "which is the name of no distribution"),
        (
            {
                "class": "ensemblekit_plugins.combiners.mean:Gone",
                "distribution": "ensemblekit",
                "version": "0.0.1",
                "state": {},
            },
            "was saved with ensemblekit 0.0.1, and the installed version lacks it: .*has no attribute 'Gone'",
        ),
        ({"class": "ensemblekit.files._atomic:os.system", "state": {}}, "must be the class of that name"),
        ({"class": "ensemblekit.store._load:Path", "state": {}}, "must be the class of that name"),
        ({"class": "ensemblekit.combining:combine", "state": {}}, "must be the class of that name"),
        (
            {"class": "sklearn.utils._bunch:Bunch", "state": {}},
            "to be safe, and splitters, are loaded; .* is neither",
        ),
        ({"class": "sklearn.utils:gen_batches", "state": {}}, "are known to be safe, .* is neither"),
        ({"class": "sklearn.svm.tests.test_svm:SVC", "state": {}}, "are known to be safe, .* is neither"),
        ({"class": "sklearn.cluster._kmeans:KMeans", "state": {}}, r"is neither. .* trusted=\[KMeans\]"),
        ({"pickle": "a0"}, "the format 1 has nothing of the kind 'pickle'"),
        ({"array": "a99"}, "no saved ensemble that makes sense: KeyError"),
        ({"sklearn": "../x.skops"}, "no saved ensemble that makes sense: KeyError"),
        ({"same": 5}, "no saved ensemble that makes sense: KeyError"),
        ({"tuple": 1, "list": 2}, "no saved ensemble that makes sense: ValueError"),
        ({"class": 3}, "no saved ensemble that makes sense"),
    ],
)
def test_what_is_not_installed_or_makes_no_sense_is_refused(node, message, saved):
    rewritten(saved, object=[node])
    with pytest.raises(StoreError, match=message):
        load(saved)


def test_classes_are_looked_up_before_anything_is_made(saved, monkeypatch):
    known = json.loads((saved / "manifest.json").read_text())["object"]
    rewritten(saved, object=[known, {"class": "nobody:Knows", "state": {}}])
    monkeypatch.setattr(_load._Reader, "_decode", lambda *_: pytest.fail("something was made"))
    with pytest.raises(StoreError, match="nobody:Knows"):
        load(saved)


def test_a_class_of_ones_own_must_be_trusted(tmp_path):
    save(Held(1), tmp_path / "saved")
    with pytest.raises(StoreError, match=r"test_store:Held' is of no installed plugin. .* trusted=\[Held\]\)"):
        load(tmp_path / "saved")


def test_the_harmless_parts_of_scikit_learn_need_no_trust(tmp_path):
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.gaussian_process import GaussianProcessClassifier
    from sklearn.linear_model import LogisticRegression

    x, y = np.random.default_rng(0).normal(size=(30, 2)), np.arange(30) % 2
    fitted = [CalibratedClassifierCV(LogisticRegression()).fit(x, y), GaussianProcessClassifier().fit(x, y)]
    for again, first in zip(through(fitted, tmp_path), fitted, strict=True):
        assert again.predict_proba(x).tobytes() == first.predict_proba(x).tobytes()


def test_what_a_scikit_learn_estimator_holds_of_others_is_refused_by_name(tmp_path):
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.preprocessing import FunctionTransformer

    save(Held(FunctionTransformer(os.getcwd)), tmp_path / "function")
    with pytest.raises(StoreError, match=r"holds the types \['(posix|nt).getcwd'\], which are not trusted"):
        load(tmp_path / "function", trusted=[Held])
    forest = RandomForestClassifier(3, random_state=0)
    fitted = fit_combiner(members(), "stacking", final_estimator=forest)
    save(fitted, tmp_path / "forest")
    with pytest.raises(StoreError, match=r"trusted=\['sklearn.tree._tree.Tree'\]\)"):
        load(tmp_path / "forest")
    again = load(tmp_path / "forest", trusted=["sklearn.tree._tree.Tree"])
    assert combine(members(), again).probas.tobytes() == combine(members(), fitted).probas.tobytes()
