"""Check that `ensemblekit.combine` refuses invalid input."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import strategies as st

from ..combining import combine, fit_combiner
from ..errors import EnsembleKitError, InvalidOptionError
from ..predictions import Predictions, PredictionSet, align
from ._attributes import parameters
from ._failure import Violation, raise_violation
from ._running import Check
from ._strategies import member_probas
from ._subject import CombinerSubject
from ._training import training_predictions

__all__ = ["REFUSALS"]

BAD_WEIGHTS = ("nan", "negative", "zero")


def _bad_input(subject: CombinerSubject, draw: Callable[[Any], Any]) -> None:
    task = draw(st.sampled_from(subject.tasks))
    members, classes = draw(subject.member_counts()), draw(subject.class_counts(task))
    combiner = subject.make()
    training = training_predictions(task, n_members=members, n_classes=classes) if subject.learns else None
    if training is not None:
        combiner = subject.fit(training, combiner)
    cube = draw(member_probas(task=task, n_members=members, n_samples=2, n_classes=classes, extra_axes=()))
    predictions = [
        Predictions(probas, ids=["r0", "r1"], classes=[f"c{k}" for k in range(classes)], task=task, member=name)  # type: ignore[arg-type]
        for name, probas in zip(subject.names(members), cube, strict=True)
    ]
    bad = draw(st.sampled_from(["a row of NaN", "scores up to 100", "other class names", "a missing row"]))
    last = predictions[-1]
    try:
        if bad == "a row of NaN":
            _with_probas(last, np.full_like(last.probas, np.nan))
        elif bad == "scores up to 100":
            if task != "regression":
                _with_probas(last, 100 * np.ones_like(last.probas))
        elif bad == "other class names":
            renamed = [p.rename(aliases={"c0": "other"}) for p in (predictions if subject.learns else [last])]
            changed = renamed if subject.learns or members > 1 else None
            if changed is not None:
                received = combine([*predictions[:-1], *changed] if not subject.learns else changed, combiner)
                raise Violation(f"{bad} are not refused", {"member_probas": cube}, received=received.probas)
        elif members > 1:
            received = combine([*predictions[:-1], last.take(["r0"])], combiner)
            raise Violation(f"{bad} is not refused", {"member_probas": cube}, received=received.probas)
    except EnsembleKitError:
        pass
    if getattr(combiner, "weights", None) is not None and "weights" in parameters(combiner):
        kind = draw(st.sampled_from(BAD_WEIGHTS))
        weights = {"nan": [np.nan], "negative": [-1.0], "zero": [0.0]}[kind]
        weights += [0.0 if kind == "zero" else 2.0] * (members - 1)
        _check_weights_refused(combiner, weights, predictions, training)


def _with_probas(predictions: Predictions, probas: np.ndarray) -> None:
    Predictions(probas, ids=predictions.ids, classes=predictions.classes, task=predictions.task)


def _check_weights_refused(
    combiner: Any, weights: list[float], predictions: list[Predictions], training: PredictionSet | None
) -> None:
    options = {name: getattr(combiner, name, None) for name in parameters(combiner)}
    given = {"weights": np.array(weights), "member_probas": np.array([p.probas for p in predictions])}
    try:
        weighted = type(combiner)(**options | {"weights": weights})
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if training is not None:
                weighted = fit_combiner(training, weighted)
            received = combine(align(predictions), weighted)
    except EnsembleKitError as error:
        if isinstance(error, InvalidOptionError):
            return
        raise Violation(
            "bad weights must be refused with an InvalidOptionError before anything is computed", given, received=error
        ) from error
    except Exception as error:
        raise_violation(error, "bad weights must be refused with an InvalidOptionError; combine", given)
    raise Violation(
        "weights must be finite and >= 0 with a positive sum, else be refused with an InvalidOptionError; derive from "
        "Combiner, whose for_members does it",
        given,
        received=received.probas,
    )


REFUSALS = (Check("bad_input_refused", "what is not valid is refused by ensemblekit.combine", _bad_input, share=0.5),)
