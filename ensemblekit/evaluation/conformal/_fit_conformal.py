"""Conformal prediction: sets, intervals and labels with a promised coverage or risk."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from ...arguments import typed
from ...errors import FewRowsWarning, InvalidOptionError, InvalidPredictionsError
from ...predictions import Predictions, PredictionSet
from ._calibrating import Asked, fit_intervals, fit_sets
from ._cells import Cells, codes_of_groups, fewest_rows
from ._inputs import check_calibration, read_answers
from ._intervals import ConformalIntervals
from ._labels import RISKS, ConformalLabels, fit_labels
from ._sets import ConformalSets

__all__ = ["fit_conformal"]

METHODS = {
    "multiclass": ("lac", "aps", "raps"),
    "multilabel": ("crc", "ltt"),
    "regression": ("residual", "normalised", "quantile"),
}
FITS = {"multiclass": fit_sets, "regression": fit_intervals, "multilabel": fit_labels}


@typed(but=("groups", "folds", "predictions"))
def fit_conformal(
    predictions: Predictions | PredictionSet | Mapping[Any, Any],
    *,
    alpha: float = 0.1,
    method: str | None = None,
    by: str | None = None,
    groups: Any = None,
    folds: Any = None,
    spread: Any = None,
    randomised: bool = True,
    penalty: float | None = None,
    n_free: int | None = None,
    risk: str = "false_negative_rate",
    confidence: float = 0.95,
    seed: int = 0,
    allow_leakage: bool = False,
) -> ConformalSets | ConformalIntervals | ConformalLabels:
    """Calibrate prediction sets, or intervals for regression, on held-out predictions.

    Any model or combiner can be used, as only its predictions are needed. If calibration rows and new rows are
    exchangeable, the set or interval of a new row contains the truth with a probability of at least ``1 - alpha``. The
    guarantee holds over all rows; with ``by`` or ``groups`` for each class or group. Rows that depend on each other,
    such as images of one patient, are not exchangeable with those of new patients: give one of each, or
    `Predictions.aggregate` them.

    Parameters
    ----------
    predictions : Predictions, PredictionSet or mapping
        Labelled, shape ``(n_samples, n_classes)``, on rows that no member and no combiner was fitted on. They are
        usually the result of `combine`. They must not be of the split ``test``, which is needed to measure the
        coverage. For ``quantile`` ``{"low": Predictions, "high": Predictions}``, two quantiles of a regression. For
        cross-conformal prediction ``{fold: Predictions}``, the model of each fold on the rows that it did not see.
    alpha : float, default=0.1
        Share of sets or intervals that may miss the truth, in (0, 1); for ``multilabel`` the risk.
    method : str, optional
        For ``multiclass`` ``lac``, the default: the smallest sets on average; ``aps``: sets that are larger for rows on
        which the model is unsure; ``raps``: the same without long tails. For ``regression`` ``residual``, the default:
        intervals of one width; ``normalised``: of a width in proportion to ``spread``; ``quantile``: conformalised
        quantile regression, the default for low and high. For ``multilabel`` ``crc``, the default: the risk on average;
        ``ltt``: the risk with a probability of ``confidence``.
    by : {"class"}, optional
        A threshold for each true class or label, so that the guarantee holds for each of them.
    groups : mapping of id to group, or Series indexed by id, optional
        A threshold for each group of rows, so that the guarantee holds for each group.
    folds : mapping of id to fold, or Series indexed by id, optional
        ``predictions`` are out of fold: each row is predicted by the model of its fold, which was not fitted on it. New
        rows then need the predictions of all these models.
    spread : mapping, Series, table, Predictions or PredictionSet, optional
        For ``normalised``: a number > 0 by id, or one for each output. Of a PredictionSet it is the standard deviation
        of its members. It must not come from rows of the calibration.
    randomised : bool, default=True
        For ``aps`` and ``raps``: count a random share of a class's own probability. Without it sets are larger. The
        share depends on ``seed`` and the id of a row alone.
    penalty, n_free : float and int, optional
        For ``raps``: each class after the first ``n_free`` adds ``penalty`` to the score. By default both are chosen on
        a fifth of the rows, which is not used for the threshold.
    risk : {"false_negative_rate", "false_discovery_rate"}
        For ``multilabel``: the mean share of a row's labels that are missed, or of the given labels that are wrong. The
        second needs ``ltt``.
    confidence : float, default=0.95
        For ``ltt``: probability, over calibrations, that the risk is at most ``alpha``; in (0, 1).
    seed : int, default=0
        Seed of the random shares, >= 0.
    allow_leakage : bool, default=False
        Accept rows that the model was fitted on, and the test split.

    Returns
    -------
    ConformalSets, ConformalIntervals or ConformalLabels
        Sets for ``multiclass``, intervals for ``regression``, labels for ``multilabel``.

    Raises
    ------
    LeakageError
        If rows are among the ``fit_ids`` of the predictions, or are of the split ``test``.
    InvalidOptionError
        If an option is out of range or does not fit the task or method, or there are too few rows to choose
        ``penalty``.
    InvalidPredictionsError
        If there are no labels or no rows, rows are absent, or predicted by several models, or the predictions are
        dense.

    Warns
    -----
    FewRowsWarning
        If a threshold is infinite, as there are too few rows for ``alpha``, or no threshold keeps the risk.

    Notes
    -----
    Each calibration row gets a score of its true class or value; the score is high if the model is wrong. The threshold
    is the ``k``-th smallest of the ``n`` scores, ``k = ceil((n + 1)(1 - alpha))`` [1]_. It is infinite if ``k > n``,
    that is, if ``n < 1 / alpha - 1``; sets then contain all classes. A set contains the classes whose score is at most
    the threshold; it may be empty. ``by`` and ``groups`` do this within each class or group [1]_.

    The score of ``lac`` is ``1 - p[y]`` [2]_; that of ``aps`` is the sum of ``p[c]`` over the classes with ``p[c] >
    p[y]``, plus ``u p[y]`` with ``u`` uniform in [0, 1) or, not randomised, 1 [3]_; ``raps`` adds ``penalty max(0, rank
    of y - n_free)`` [4]_. That of ``residual`` is ``|y - prediction|``, of ``normalised`` the same divided by the
    spread, of ``quantile`` ``max(low - y, y - high)`` [5]_.

    With folds, a class is in the set if fewer than ``k`` of the ``n`` scores are below its own score by the model of
    their fold; an interval goes from the ``k``-th largest of ``prediction - score`` to the ``k``-th smallest of
    ``prediction + score``: cross-validation+, or the jackknife+ with a fold a row [6]_. About ``1 - 2 alpha`` is
    proven, about ``1 - alpha`` is usual. Out-of-fold predictions without ``folds`` may be used for one model fitted on
    all rows; then nothing is proven.

    ``crc`` takes the largest threshold of probability with ``(sum of losses + 1) / (n + 1) <= alpha`` [7]_. ``ltt``
    tests thresholds 0, 0.01, ..., 1 in order, from the one with no loss, with the p value of Hoeffding and Bentkus, and
    stops at the first that fails [8]_. Rows without a true label are left out for the false negative rate.

    Tie rule: equally probable classes have the same score, so a set contains all of them or none.

    References
    ----------
    .. [1] V. Vovk, A. Gammerman, G. Shafer, "Algorithmic Learning in a Random World", Springer, 2005.
    .. [2] M. Sadinle, J. Lei, L. Wasserman, "Least ambiguous set-valued classifiers with bounded error levels", Journal
       of the American Statistical Association 114, 2019.
    .. [3] Y. Romano, M. Sesia, E. J. Candès, "Classification with valid and adaptive coverage", NeurIPS, 2020.
    .. [4] A. Angelopoulos, S. Bates, J. Malik, M. I. Jordan, "Uncertainty sets for image classifiers using conformal
       prediction", ICLR, 2021.
    .. [5] Y. Romano, E. Patterson, E. J. Candès, "Conformalized quantile regression", NeurIPS, 2019.
    .. [6] R. F. Barber, E. J. Candès, A. Ramdas, R. J. Tibshirani, "Predictive inference with the jackknife+", Annals
       of Statistics 49, 2021.
    .. [7] A. Angelopoulos, S. Bates, A. Fisch, L. Lei, T. Schuster, "Conformal risk control", ICLR, 2024.
    .. [8] A. Angelopoulos, S. Bates, E. J. Candès, M. I. Jordan, L. Lei, "Learn then test: calibrating predictive
       algorithms to achieve risk control", 2021.

    Examples
    --------
    >>> from ensemblekit import Predictions
    >>> from ensemblekit.evaluation import fit_conformal
    >>> probas = [[0.9, 0.1], [0.2, 0.8], [0.7, 0.3], [0.4, 0.6]]
    >>> held_out = Predictions(probas, ids=[1, 2, 3, 4], classes=["cat", "dog"], labels=["cat", "dog", "cat", "cat"])
    >>> conformal = fit_conformal(held_out, alpha=0.4)
    >>> round(conformal.threshold, 6)
    0.3
    >>> conformal.predict_sets(Predictions([[0.75, 0.25], [0.5, 0.5]], ids=[5, 6], classes=["cat", "dog"]))
          cat    dog
    id
    5    True  False
    6   False  False
    """
    if not isinstance(alpha, (float, int)) or not 0 < alpha < 1:
        raise InvalidOptionError(f"alpha must be a number > 0 and < 1; received {alpha!r}.")
    if not 0 < confidence < 1:
        raise InvalidOptionError(f"confidence must be a number > 0 and < 1; received {confidence!r}.")
    if seed < 0:
        raise InvalidOptionError(f"seed must be a whole number >= 0; received {seed!r}.")
    answers = read_answers(predictions, folds)
    first = next(iter(answers.values()))
    task = first.first.kind
    methods = METHODS.get(task)
    if methods is None:
        raise InvalidPredictionsError(f"conformal prediction is for {', '.join(METHODS)}; received the task {task!r}.")
    method = method or (methods[0] if len(first.parts) == 1 else "quantile")
    if method not in methods:
        raise InvalidOptionError(
            f"method for the task {task!r} must be {' or '.join(map(repr, methods))}; received {method!r}."
        )
    if (method == "quantile") != (len(first.parts) == 2):
        raise InvalidPredictionsError(
            "the method 'quantile' needs {'low': Predictions, 'high': Predictions}, and no other method takes them; "
            f"received the method {method!r} and {first.parts!r}."
        )
    asked = Asked(method, float(alpha), by, spread, randomised, penalty, n_free, risk, float(confidence), seed)
    _check_options(asked, task, n_models=len(answers))
    ids = check_calibration(answers, allow_leakage=allow_leakage)
    groups_of_rows = codes_of_groups(groups, ids)
    fitted = FITS[task](answers, ids, groups_of_rows, asked, allow_leakage)
    if fitted.cells is not None:
        _warn_of_few(fitted.cells, asked)
    return fitted


def _check_options(asked: Asked, task: str, *, n_models: int) -> None:
    method = asked.method
    if asked.by not in (None, "class"):
        raise InvalidOptionError(f"by must be 'class' or None; received {asked.by!r}. For groups of rows give groups=.")
    if asked.by and (task == "regression" or method == "ltt"):
        raise InvalidOptionError(
            f"by='class' is for classes, and for labels with the method 'crc'; received the task {task!r} and the "
            f"method {method!r}."
        )
    if (asked.spread is None) == (method == "normalised"):
        raise InvalidOptionError(
            f"spread is for the method 'normalised', and needed there; received the method {method!r} "
            f"{'without' if asked.spread is None else 'with'} spread."
        )
    penalised = asked.penalty is not None or asked.n_free is not None
    if penalised and (method != "raps" or asked.penalty is None or asked.n_free is None):
        raise InvalidOptionError(
            f"penalty and n_free are for the method 'raps', both or none; received {asked.penalty!r} and "
            f"{asked.n_free!r} with {method!r}."
        )
    if asked.penalty is not None and not (0 <= asked.penalty < np.inf and (asked.n_free or 0) >= 0):
        raise InvalidOptionError(f"penalty and n_free must be >= 0; received {asked.penalty!r} and {asked.n_free!r}.")
    if asked.risk not in RISKS:
        raise InvalidOptionError(f"risk must be {' or '.join(map(repr, RISKS))}; received {asked.risk!r}.")
    if asked.risk != RISKS[0] and method != "ltt":
        raise InvalidOptionError(
            f"the false discovery rate may rise with the threshold, so only the method 'ltt' of multilabel predictions "
            f"can promise it; received the method {method!r}."
        )
    if n_models > 1 and task == "multilabel":
        raise InvalidOptionError(
            f"the risk of labels is promised for one model; received predictions of {n_models} folds."
        )


def _warn_of_few(cells: Cells, asked: Asked) -> None:
    infinite = np.isinf(cells.limits)
    if not infinite.any():
        return
    of = "" if cells.limits.size == 1 else f"{int(infinite.sum())} of {cells.limits.size} thresholds are infinite: "
    if asked.method == "ltt":
        why = f"no threshold is proven to keep the risk of {asked.alpha} with a confidence of {asked.confidence}"
    else:
        why = f"alpha={asked.alpha} needs at least {fewest_rows(asked.alpha)} calibration rows for each threshold"
    fewest = int(cells.n_rows[infinite].min())
    says = "no label" if (cells.limits[infinite] > 0).all() and asked.method == "ltt" else "everything"
    warnings.warn(f"{of}{why}; received {fewest}. What they decide holds {says}.", FewRowsWarning, stacklevel=4)
