"""Calls of estimators and of Keras's models, each with one argument whose rows or classes are named."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pandas as pd
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LinearRegression
from sklearn.naive_bayes import GaussianNB

import ensemblekit as ek

from .named_doors import CLASSES, Give, N, World, door, named, of_ids

# Estimators. X is a table throughout; the argument that is asked about comes in another order.


def members() -> list[tuple[str, Any]]:
    return [("b", GaussianNB()), ("c", GaussianNB(var_smoothing=0.1))]


def table(world: World) -> pd.DataFrame:
    return pd.DataFrame(world.x, index=world.ids, columns=["u", "v", "w"])


def classifier(
    world: World, x: Any = None, y: Any = None, cv: int = 2, rule: str = "super_learner", **given: Any
) -> Any:
    model = ek.EnsembleClassifier(members(), combiner=rule, cv=cv)
    x = table(world) if x is None else x
    return model.fit(x, pd.Series(world.labels, index=world.ids) if y is None else y, **given)


def regressor(
    world: World, x: Any = None, y: Any = None, cv: int = 2, rule: str = "super_learner", **given: Any
) -> Any:
    model = ek.EnsembleRegressor([("l", LinearRegression()), ("p", LinearRegression(positive=True))], cv=cv,
                                 combiner=rule)  # fmt: skip
    x = table(world) if x is None else x
    return model.fit(x, pd.Series(world.value, index=world.ids) if y is None else y, **given)


def fitted(fit: Any, world: World, **options: Any) -> Any:
    """Fit once for all doors of methods that change no model."""
    return world.once((fit, *options.items()), lambda: fit(world, **options))


def in_order(give: Give, world: World, values: Any, columns: Any = None) -> Any:
    """Give values named and in order where the plain ones are asked for: an estimator reads X as it was fitted."""
    found = give(values, columns)
    if found is values:
        return named(world, "pandas", np.arange(N))(values, columns)
    return found


for _room, _fit, _truth in (("EnsembleClassifier", classifier, "labels"), ("EnsembleRegressor", regressor, "value")):

    def _estimator_doors(name: str, fit: Any, truth: str) -> None:
        def says(model: Any, world: World) -> Any:
            return model.transform(table(world)).tolist() + model.predict(table(world)).tolist()

        @door(f"ensemble.{name}.fit(X)", f"ensemble.{name}.fit_transform(X)")
        def _(world: World, give: Give) -> Any:
            return says(fit(world, x=in_order(give, world, world.x, ["u", "v", "w"])), world)

        @door(f"ensemble.{name}.fit(y)", f"ensemble.{name}.fit_transform(y)")
        def _(world: World, give: Give) -> Any:
            return says(fit(world, y=give(getattr(world, truth))), world)

        @door(f"ensemble.{name}.fit(sample_weight)")
        def _(world: World, give: Give) -> Any:
            return says(fit(world, sample_weight=give(world.weight)), world)

        @door(f"ensemble.{name}.fit(groups)", reads=name == "EnsembleClassifier")  # the weights of the other stay
        def _(world: World, give: Give) -> Any:
            return fit(world, cv=3, groups=give(world.group)).combiner_.weights_.tolist()

        for method in ("leaderboard", "member_importance", "score"):
            for what in ("X", "y", "sample_weight"):

                def call(world: World, give: Give, method: str = method, what: str = what) -> Any:
                    given = {"X": table(world), "y": pd.Series(getattr(world, truth), index=world.ids)}
                    given["sample_weight"] = pd.Series(world.weight, index=world.ids)
                    values = {"X": world.x, "y": getattr(world, truth), "sample_weight": world.weight}[what]
                    given[what] = in_order(give, world, values, ["u", "v", "w"])
                    options = {"random_state": 0, "n_repeats": 2} if method == "member_importance" else {}
                    found = getattr(fitted(fit, world), method)(**given, **options)
                    return found.drop(columns=["fit_seconds", "predict_seconds"], errors="ignore").to_dict() \
                        if hasattr(found, "drop") else found  # fmt: skip

                door(f"ensemble.{name}.{method}({what})")(call)

        @door(f"ensemble.{name}.refit_combiner(X)", reads=False)
        def _(world: World, give: Give) -> Any:
            head = GaussianNB() if name == "EnsembleClassifier" else LinearRegression()
            options = {"passthrough": True, "final_estimator": head}
            x = in_order(give, world, world.x, ["u", "v", "w"])
            return says(fit(world).refit_combiner("stacking", combiner_options=options, X=x), world)

        for method in ("predict", "predict_proba", "predict_log_proba", "transform"):
            if hasattr(getattr(ek, name), method):

                def predict(world: World, give: Give, method: str = method) -> Any:
                    x = in_order(give, world, world.x, ["u", "v", "w"])
                    return of_ids(x.index, getattr(fitted(fit, world), method)(x))

                door(f"ensemble.{name}.{method}(X)", reads=False)(predict)

        @door(f"ensemble.{name}.final_inputs(X)", reads=False)
        def _(world: World, give: Give) -> Any:
            x = in_order(give, world, world.x, ["u", "v", "w"])
            return of_ids(x.index, fitted(fit, world, rule="stacking").final_inputs(x))

    _estimator_doors(_room, _fit, _truth)


def layered(name: str, world: World, x: Any = None, y: Any = None, **given: Any) -> Any:
    classifies = name == "LayeredClassifier"
    inside = members() if classifies else [("l", LinearRegression()), ("p", LinearRegression(positive=True))]
    model = getattr(ek, name)([inside], cv=3, patience=None)
    truth = world.labels if classifies else world.value
    x = table(world) if x is None else x
    return model.fit(x, pd.Series(truth, index=world.ids) if y is None else y, **given)


def _layered_doors(name: str, truth: str) -> None:
    fit = functools.partial(layered, name)

    @door(f"ensemble.{name}.fit(X)")
    def _(world: World, give: Give) -> Any:
        return fit(world, x=in_order(give, world, world.x, ["u", "v", "w"])).predict(table(world)).tolist()

    @door(f"ensemble.{name}.fit(y)")
    def _(world: World, give: Give) -> Any:
        model = fit(world, y=give(getattr(world, truth)))
        method = "predict_proba" if name == "LayeredClassifier" else "predict"
        return getattr(model, method)(table(world)).tolist()

    @door(f"ensemble.{name}.fit(sample_weight)")
    def _(world: World, give: Give) -> Any:
        return fit(world, sample_weight=give(world.weight)).layer_table_["score"].tolist()

    @door(f"ensemble.{name}.fit(groups)")
    def _(world: World, give: Give) -> Any:
        return fit(world, groups=give(world.group)).layer_table_["score"].tolist()

    for what in ("X", "y", "sample_weight"):

        def score(world: World, give: Give, what: str = what) -> Any:
            given = {"X": table(world), "y": pd.Series(getattr(world, truth), index=world.ids)}
            given["sample_weight"] = pd.Series(world.weight, index=world.ids)
            values = {"X": world.x, "y": getattr(world, truth), "sample_weight": world.weight}[what]
            given[what] = in_order(give, world, values, ["u", "v", "w"])
            return fitted(fit, world).score(**given)

        door(f"ensemble.{name}.score({what})")(score)

    for method in ("predict", "predict_proba"):
        if hasattr(getattr(ek, name), method):

            def predict(world: World, give: Give, method: str = method) -> Any:
                x = in_order(give, world, world.x, ["u", "v", "w"])
                return of_ids(x.index, getattr(fitted(fit, world), method)(x))

            door(f"ensemble.{name}.{method}(X)", reads=False)(predict)


_layered_doors("LayeredClassifier", "labels")
_layered_doors("LayeredRegressor", "value")


@door("ensemble.EnsembleClassifier.decision_function(X)", reads=False)
def _(world: World, give: Give) -> Any:
    x = in_order(give, world, world.x, ["u", "v", "w"])
    options = {"final_estimator": LinearDiscriminantAnalysis()}
    stacked = classifier(world).refit_combiner("stacking", combiner_options=options)
    return of_ids(x.index, stacked.decision_function(x))


@door("ensemble.EnsembleClassifier.fit(ids)", reads=False)
def _(world: World, give: Give) -> Any:
    fitted = [(name, model.fit(table(world), world.labels)) for name, model in members()]
    x = in_order(give, world, world.x, ["u", "v", "w"])
    model = ek.EnsembleClassifier(fitted, cv="prefit", combiner="super_learner")
    return model.fit(x, world.labels, ids=world.ids).combiner_.weights_.tolist()


@door("ensemble.EnsembleRegressor.fit(ids)", reads=False)
def _(world: World, give: Give) -> Any:
    fitted = [("l", LinearRegression().fit(table(world), world.value))]
    x = in_order(give, world, world.x, ["u", "v", "w"])
    model = ek.EnsembleRegressor(fitted, cv="prefit", combiner="weighted")
    return model.fit(x, world.value, ids=world.ids).combiner_.weights_.tolist()


# Keras.


@functools.cache
def network(n_outputs: int) -> Any:
    import keras

    keras.utils.set_random_seed(0)
    last = keras.layers.Dense(n_outputs, "softmax" if n_outputs > 1 else None)
    model = keras.Sequential([keras.Input((3,)), last])
    model.compile("sgd", "sparse_categorical_crossentropy" if n_outputs > 1 else "mse", run_eagerly=True)
    return model


def _keras_doors(name: str, n_outputs: int, truth: str) -> None:
    def fit(world: World, **given: Any) -> Any:
        values = {"X": table(world), "y": pd.Series(getattr(world, truth), index=world.ids)} | given
        return getattr(ek, name)(network(n_outputs), epochs=2, seed=0).fit(**values)

    for what in ("X", "y", "sample_weight"):

        def call(world: World, give: Give, what: str = what) -> Any:
            values = {"X": world.x, "y": getattr(world, truth), "sample_weight": world.weight}[what]
            model = fit(world, **{what: in_order(give, world, values, ["u", "v", "w"])})
            return (
                model.predict(table(world)).tolist() if n_outputs == 1 else model.predict_proba(table(world)).tolist()
            )

        door(f"ensemble.{name}.fit({what})", keras=True, containers=("pandas",))(call)

        def score(world: World, give: Give, what: str = what) -> Any:
            values = {"X": world.x, "y": getattr(world, truth), "sample_weight": world.weight}
            given = {one: in_order(give if one == what else plain_of(world), world, value, ["u", "v", "w"])
                     for one, value in values.items()}  # fmt: skip
            return fitted(fit, world).score(**given)

        door(f"ensemble.{name}.score({what})", keras=True, containers=("pandas",))(score)

    def validate(world: World, give: Give) -> Any:
        x = in_order(give, world, world.x, ["u", "v", "w"])
        return fit(world, validation_data=(x, pd.Series(getattr(world, truth), index=world.ids))).history_["val_loss"]

    door(f"ensemble.{name}.fit(validation_data)", keras=True, containers=("pandas",))(validate)

    for method in ("predict", "predict_proba"):
        if hasattr(getattr(ek, name), method):

            def predict(world: World, give: Give, method: str = method) -> Any:
                x = in_order(give, world, world.x, ["u", "v", "w"])
                return of_ids(x.index, getattr(fitted(fit, world), method)(x))

            door(f"ensemble.{name}.{method}(X)", keras=True, containers=("pandas",), reads=False)(predict)


def plain_of(world: World) -> Give:
    return named(world, "pandas", np.arange(N))


_keras_doors("KerasClassifier", 3, "labels")
_keras_doors("KerasRegressor", 1, "value")


@door("features.ViewCycle(y)", keras=True)
def _(world: World, give: Give) -> Any:
    from ensemblekit.features import ViewCycle

    x, y = ViewCycle([table(world)], in_order(give, world, world.codes), batch_size=N)[0]
    return sorted(zip(x[:, 0].tolist(), y.tolist(), strict=True))


@door("features.ViewCycle(views)", keras=True)
def _(world: World, give: Give) -> Any:
    from ensemblekit.features import ViewCycle

    views = [in_order(give, world, world.x, ["u", "v", "w"])]
    x, y = ViewCycle(views, pd.Series(world.codes, index=world.ids), batch_size=N)[0]
    return sorted(zip(x[:, 0].tolist(), y.tolist(), strict=True))


@door("fusion.fuse(classes)", keras=True, reads=False)
def _(world: World, give: Give) -> Any:
    given = give(np.array(CLASSES, dtype=object), names=[0, 1, 2])
    classes = given.to_dict() if hasattr(given, "index") else CLASSES
    fused = ek.fuse({"m": network(3)}, "mean", classes=classes)
    return list(ek.fusion.class_names(fused))
