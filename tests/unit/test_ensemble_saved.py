"""A fitted ensemble goes to a folder and comes back in another process, Keras members and all, without pickle."""

import os
import subprocess
import sys
import zipfile

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from ensemblekit import EnsembleClassifier, EnsembleRegressor, KerasClassifier
from ensemblekit.store import load, save

pytest.importorskip("skops")
X, CODES = load_iris(return_X_y=True)
Y = load_iris().target_names[CODES]

IN_ANOTHER_PROCESS = """
import sys, pickle
import numpy as np
def refuse(*a, **k): raise AssertionError("unpickled")
pickle.Unpickler = type("Unpickler", (pickle.Unpickler,), {"load": refuse})
pickle.load = pickle.loads = refuse
from ensemblekit.store import load
np.save(sys.argv[2], load(sys.argv[1]).predict_proba(np.load(sys.argv[3])))
"""


def reload(folder, inputs, tmp_path):
    np.save(tmp_path / "x.npy", inputs)
    done = subprocess.run(
        [sys.executable, "-c", IN_ANOTHER_PROCESS, folder, tmp_path / "out.npy", tmp_path / "x.npy"],
        capture_output=True,
        text=True,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
    )
    assert done.returncode == 0, done.stderr
    return np.load(tmp_path / "out.npy")


@pytest.mark.parametrize("combiner", ["mean", "voting", "weighted", "stacking", "greedy_selection", "calibrated"])
def test_a_classifier_comes_back_to_the_bit(combiner, tmp_path):
    members = [("line", make_pipeline(StandardScaler(), LogisticRegression())), ("bayes", GaussianNB())]
    fitted = EnsembleClassifier(members, combiner=combiner, cv=3).fit(X, Y)
    save(fitted, tmp_path / "saved")
    again = load(tmp_path / "saved")
    assert again.predict_proba(X).tobytes() == fitted.predict_proba(X).tobytes()
    assert again.classes_.tolist() == fitted.classes_.tolist()
    assert again.get_params()["line__logisticregression__C"] == 1.0


def test_a_regressor_comes_back_to_the_bit(tmp_path):
    members = [("ridge", Ridge()), ("stiff", Ridge(alpha=100.0))]
    fitted = EnsembleRegressor(members, combiner="super_learner", cv=3).fit(X[:, :3], X[:, 3])
    save(fitted, tmp_path / "saved")
    assert load(tmp_path / "saved").predict(X[:, :3]).tobytes() == fitted.predict(X[:, :3]).tobytes()


@pytest.mark.slow
@pytest.mark.keras
def test_an_ensemble_of_images_with_a_keras_member_comes_back_in_another_process(keras, tmp_path):
    rng = np.random.default_rng(0)
    labels = np.array(["dark", "light"])[rng.integers(0, 2, 40)]
    images = (rng.random((40, 8, 8, 1)) + (labels == "light")[:, None, None, None]).astype(np.float32)
    network = keras.Sequential(
        [keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(2, activation="softmax")]
    )
    network.compile("adam", "sparse_categorical_crossentropy")
    images = images.reshape(40, -1)
    reshaped = KerasClassifier(network, epochs=2, seed=0, input_shape=(8, 8, 1))
    members = [("network", reshaped), ("line", LogisticRegression())]
    fitted = EnsembleClassifier(members, combiner="weighted", cv=2).fit(images, labels)
    save(fitted, tmp_path / "saved")
    again = reload(tmp_path / "saved", images, tmp_path)
    np.testing.assert_allclose(again, fitted.predict_proba(images), atol=1e-6)
    files = [path for path in (tmp_path / "saved").rglob("*") if path.is_file()]
    assert {path.suffix for path in files} >= {".keras", ".json"}
    for path in files:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                assert not [name for name in archive.namelist() if name.endswith((".pkl", ".pickle"))]
