"""From a table of DICOM films, several per patient, to one file that predicts new ones: several findings per film."""

import tempfile
from pathlib import Path

import keras
from draw_films import FINDINGS, draw_films
from keras import layers
from sklearn.model_selection import GroupKFold

from ensemblekit import Predictions, choose, export_fused, fuse, predict_images
from ensemblekit.data import image_table
from ensemblekit.evaluation import score_table
from ensemblekit.folds import fit_folds

folder = Path(tempfile.mkdtemp())
films = image_table(draw_films(folder / "films"), label=FINDINGS, group="patient", size=(32, 32))


def build(width):
    """Make a small network that is not fitted."""
    pixels = keras.Input((32, 32, 3))
    x = layers.Rescaling(1 / 127.5, -1)(pixels)
    for k in range(2):
        x = layers.MaxPooling2D()(layers.Conv2D(width << k, 3, activation="relu", padding="same")(x))
    model = keras.Model(pixels, layers.Dense(len(FINDINGS), "sigmoid")(layers.Flatten()(x)))
    model.compile(keras.optimizers.Adam(0.003), "binary_crossentropy")
    return model


keras.utils.set_random_seed(0)
fit = {"groups": films.groups, "task": "multilabel", "options": {"epochs": 12, "verbose": 0}}
bags = {f"width{w}": fit_folds(lambda w=w: build(w), films, GroupKFold(5), name=f"width{w}", **fit) for w in (4, 8)}
choice = choose([bag.oof for bag in bags.values()], rules=["mean", "weighted"])
print(choice.sentence)
everyone = {name: choice.out_of_fold[name] for name in (*bags, "mean", "choice")}
patients = {name: p.aggregate("group", labels="any") for name, p in everyone.items()}
print(score_table(patients, metrics=["macro_auroc"])[["model", "value", "low", "high"]].round(3))
names = {"classes": FINDINGS, "task": "multilabel"}
members = {name: fuse(bag.members, "mean", name=name, **names) for name, bag in bags.items()}
export_fused(members, choice.combiner, to=folder / "films.keras", inputs=films.load()[1], **names)
new = image_table(draw_films(folder / "new", n_patients=5, seed=1), group="patient")
done = predict_images(folder / "films.keras", new, folder / "new.parquet")
print(Predictions.load(done.outputs["combined"]).aggregate("group").to_frame().round(2))
