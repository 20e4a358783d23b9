"""Make predictions.js: what three classifiers say of 20 handwritten digits that they were not fitted on.

Run ``python docs/playground/make_predictions.py`` anew after a change here. The digits are those of scikit-learn
(``load_digits``): 100 are for fitting, and of the others the first two of each digit are shown.
"""

import json
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

OF_EACH = 2
TARGET = Path(__file__).with_name("predictions.js")


def make() -> str:
    """Fit the members, and write their probabilities in thousandths as JavaScript."""
    images, digits = load_digits(return_X_y=True)
    fit, test, fit_digits, test_digits = train_test_split(images, digits, train_size=100, random_state=9)
    shown = np.sort(np.concatenate([np.flatnonzero(test_digits == digit)[:OF_EACH] for digit in range(10)]))
    members = {
        "Logistic regression": make_pipeline(StandardScaler(), LogisticRegression(C=0.01)),
        "Neighbours": KNeighborsClassifier(5),
        "Decision tree": DecisionTreeClassifier(max_depth=8, min_samples_leaf=2, random_state=0),
    }
    probas = {name: model.fit(fit, fit_digits).predict_proba(test[shown]) for name, model in members.items()}
    record = {
        "ids": [f"{row:02d}.png" for row in range(1, len(shown) + 1)],
        "labels": test_digits[shown].tolist(),
        "pixels": ["".join(f"{int(value):x}" for value in image.clip(0, 15)) for image in test[shown]],
        "members": {name: (1000 * p).round().astype(int).tolist() for name, p in probas.items()},
    }
    lines = ",\n".join(f"  {json.dumps(name)}: {json.dumps(value)}" for name, value in record.items())
    return f"// Made by make_predictions.py.\nconst PREDICTIONS = {{\n{lines}\n}};\n"


if __name__ == "__main__":
    TARGET.write_text(make())
