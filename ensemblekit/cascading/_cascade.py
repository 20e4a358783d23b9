"""`cascade`: set the threshold of a cascade on held-out rows."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..arguments import typed
from ..errors import FewRowsWarning, InvalidOptionError
from ..evaluation.conformal.risks import row_loss
from ..evaluation.words import counted
from ..predictions import PredictionSet
from ..predictions.choices import check_not_seen, check_not_test
from ..predictions.groups import known_groups
from ..predictions.names import all_fit_ids, as_fit_ids
from ._result import Cascade
from ._rule import Descent, certainties, fewest_rows, lowest_threshold
from ._stages import check_predictions, named_stages, prices_of, read_stages

if TYPE_CHECKING:
    from ..evaluation import AskedMetric

__all__ = ["cascade"]

CURVE_POINTS = 200
"""Most thresholds in a cost curve."""


@typed(but=("stages", "metric", "classes"))
def cascade(
    stages: Mapping[str, Any] | Sequence[Any],
    held_out: Any = None,
    *,
    agreement: float | None = None,
    max_loss: float | None = None,
    metric: AskedMetric | None = None,
    confidence: float = 0.95,
    costs: Mapping[str, float] | None = None,
    classes: Iterable[Any] | None = None,
    batch_size: int = 32,
    allow_leakage: bool = False,
) -> Cascade:
    """Ask the cheap model first and the expensive one only where it is unsure, with a promise what this changes.

    Parameters
    ----------
    stages : sequence of (str, stage) or mapping of str to stage
        Two stages or more, from the cheapest. Each is a model, as in `as_member`, or each is `Predictions` or a path
        to them, for a cascade over files. If predictions have groups, the promise is proven by group.
    held_out : source, PredictionSet or mapping of str to Predictions, optional
        What the threshold is set on, of models: data as in `collect`, or the predictions of each stage for them.
    agreement : float, optional
        Least share of rows for which the cascade decides as the last stage, in (0, 1); with groups the mean of the
        shares of groups. By default 0.98, unless ``max_loss`` is given.
    max_loss : float, optional
        Instead: how much the mean loss may exceed that of the last stage, > 0. It needs labels.
    metric : metric, optional
        The loss, one that is a mean over rows and bounded, as in `fit_selective`. By default the share of errors.
    confidence : float, default=0.95
        Probability, over held-out rows, that the promise is kept; in (0, 1).
    costs : mapping of str to float, optional
        Stage -> its cost for a row, in any unit.
    classes : sequence of str or int, optional
        Names of the outputs, in their order, for models without class names.
    batch_size : int, default=32
        Samples per batch of ``held_out``.
    allow_leakage : bool, default=False
        Accept rows that a stage was fitted on, and the test split.

    Returns
    -------
    Cascade
        The rule, with the models if they are given: a member, which `ensemblekit.store.save` writes.

    Raises
    ------
    LeakageError
        If a stage was fitted on some of the rows or of their groups, or these are of the split ``test``.
    AlignmentError
        If the predictions of the stages cannot be aligned.
    InvalidOptionError
        If an option is not valid, or the loss is not bounded.
    InvalidPredictionsError
        If predictions are of a regression, dense or incomplete, or lack labels that are needed.

    Warns
    -----
    FewRowsWarning
        If nothing can be promised of so few rows; then the last stage answers every row.

    Notes
    -----
    A stage answers a row if the largest of its probabilities is at least the threshold; for multilabel, if that of its
    least sure label is. One threshold holds for all stages but the last, which answers the rest.

    The threshold falls from infinity, where the cascade is the last stage. At each, the hypothesis that more is lost
    than promised gets a p value: the binomial one of the rows that differ, as in the interval of Clopper and Pearson,
    or for other losses that of Hoeffding and Bentkus [1]_. The lowest threshold is taken before the first whose p value
    is above ``1 - confidence``. As what is lost can only grow, thresholds need not be fixed ahead, and no correction
    for their number is due [2]_. Where it could fall, with several stages or by a more expensive one that errs, a row
    that was lost at a higher threshold counts as lost. The promise is therefore kept more often than is said.

    The promise needs independent rows and new rows like them. Rows of one group, such as a patient, are not
    independent. Where the predictions have groups, these are what must be independent: the loss of a group is the mean
    of its rows, and the p value of Hoeffding and Bentkus is that of as many losses as groups. Each group counts once,
    however many rows it has, so that nothing is assumed of their sizes: a promise for the rows of all groups together
    would need a largest size. As many groups are needed as rows without groups.

    References
    ----------
    .. [1] A. Angelopoulos, S. Bates, E. J. Candès, M. I. Jordan, L. Lei, "Learn then test: calibrating predictive
       algorithms to achieve risk control", 2021.
    .. [2] S. Bates, A. Angelopoulos, L. Lei, J. Malik, M. I. Jordan, "Distribution-free, risk-controlling prediction
       sets", Journal of the ACM 68(6), 2021.

    Examples
    --------
    >>> import numpy as np
    >>> from ensemblekit import Predictions
    >>> from ensemblekit.cascading import cascade
    >>> rng = np.random.default_rng(0)
    >>> sure = rng.uniform(0.5, 1, 600)
    >>> dog = (rng.random(600) > sure).astype(float)
    >>> fields = {"ids": range(600), "classes": ["cat", "dog"]}
    >>> small = Predictions(np.column_stack([sure, 1 - sure]), **fields)
    >>> large = Predictions(np.column_stack([1 - dog, dog]), **fields)
    >>> both = cascade([("small", small), ("large", large)], agreement=0.95, costs={"small": 1, "large": 20})
    >>> both
    Cascade('small', 'large', threshold=0.808)
    >>> round(both.cost, 2)
    0.64
    >>> new = Predictions([[0.9, 0.1], [0.6, 0.4]], ids=["a", "b"], classes=["cat", "dog"])
    >>> both.pending({"small": new})
    Pending(stage='large', ids=array(['b'], dtype='<U1'))
    """
    _check_numbers(agreement, max_loss, metric, confidence)
    named = named_stages(stages)
    names = tuple(named)
    prices = None if costs is None else prices_of(costs, names)
    members, predictions = read_stages(named, held_out, classes, batch_size)
    check_predictions(predictions)
    if not allow_leakage:
        check_not_test("the threshold of a cascade is never set", predictions.split, predictions.ids)
        check_not_seen("the threshold of a cascade is set", "stage", {name: predictions[name] for name in names})
    agreement = 0.98 if agreement is None and max_loss is None else agreement
    promised = "agreement" if agreement is not None else "loss"
    harms, most, metric_name = _harms(predictions, names, None if promised == "agreement" else metric, promised)
    limit = 1 - agreement if agreement is not None else float(max_loss or 0)
    if not limit < most:
        raise InvalidOptionError(f"max_loss must be below {most:g}, the largest {metric_name}; received {max_loss!r}.")
    sure = np.stack([certainties(predictions[name].probas, predictions.kind) for name in names[:-1]])
    places = None if predictions.groups is None else np.unique(predictions.groups, return_inverse=True)[1]
    n_groups = None if places is None else int(places.max()) + 1
    descent = Descent(sure, np.maximum(harms, 0) / most, places)
    threshold = lowest_threshold(descent, limit / most, confidence)
    n_units, units = (len(predictions.ids), "rows") if n_groups is None else (n_groups, "groups")
    if n_units < fewest_rows(limit / most, confidence):
        warnings.warn(_too_few(n_units, units, promised, limit, limit / most, confidence), FewRowsWarning, 3)
    # What each of several models of folds was fitted on is known of the rows that they predict.
    whole = [name for name in names if predictions.fits[name] is None]
    known = all_fit_ids([*(predictions.fit_ids[name] for name in whole), predictions.ids])
    own_groups = None if predictions.groups is None else known_groups(predictions.groups)
    return Cascade(
        stages=names,
        members=members,
        threshold=threshold,
        classes=predictions.classes,
        task=predictions.task,
        promised=(promised, float(agreement if agreement is not None else limit)),
        metric=metric_name,
        confidence=float(confidence),
        calibration_ids=predictions.ids,
        fit_ids=None if known is None else as_fit_ids(known, predictions.ids),
        fit_groups=all_fit_ids([*(predictions.fit_groups[name] for name in whole), own_groups]),
        costs=prices,
        curve=_curve(descent, harms, threshold, names, prices, promised),
        n_groups=n_groups,
    )


def _check_numbers(agreement: float | None, max_loss: float | None, metric: Any, confidence: float) -> None:
    if agreement is not None and max_loss is not None:
        raise InvalidOptionError("a cascade promises one thing; received agreement= and max_loss=. Give one of them.")
    if metric is not None and max_loss is None:
        raise InvalidOptionError("metric says what is lost; received it without max_loss=. Give max_loss, too.")
    for name, value in (("agreement", agreement), ("confidence", confidence)):
        if value is not None and not 0 < value < 1:
            raise InvalidOptionError(f"{name} must be a number > 0 and < 1; received {value!r}.")
    if max_loss is not None and not 0 < max_loss < math.inf:
        raise InvalidOptionError(f"max_loss must be a finite number > 0; received {max_loss!r}.")


def _harms(
    predictions: PredictionSet, names: tuple[str, ...], metric: Any, promised: str
) -> tuple[np.ndarray, float, str]:
    """Compute what is lost where each stage answers instead of the last, its largest value, and its name."""
    last = predictions[names[-1]]
    if promised == "agreement":
        decided = last.predicted
        differ = [predictions[name].predicted != decided for name in names[:-1]]
        return np.stack([np.atleast_2d(d.T).any(axis=0) for d in differ]).astype(np.float64), 1.0, "disagreement"
    own = row_loss(last, metric)
    if not math.isfinite(own.most):
        raise InvalidOptionError(
            f"a promise needs a loss with a largest value; that of {own.name!r} has none. Give another metric, or one "
            "whose range is finite."
        )
    return np.stack([row_loss(predictions[n], metric).values - own.values for n in names[:-1]]), own.most, own.name


def _curve(
    descent: Descent,
    harms: np.ndarray,
    threshold: float,
    names: tuple[str, ...],
    prices: dict[str, float] | None,
    promised: str,
) -> dict[str, np.ndarray]:
    tried = descent.thresholds
    places = np.unique(np.rint(np.linspace(0, len(tried) - 1, min(len(tried), CURVE_POINTS))).astype(np.int64))
    points = np.unique(np.concatenate([[np.inf, threshold], tried[places]]))[::-1]
    rows: list[list[float]] = []
    lost = np.vstack([harms, np.zeros(harms.shape[1])])
    for point in points:
        answering = descent.answering(float(point))
        mean = float(descent.of_units(lost[answering, np.arange(len(answering))]).mean())
        # A row costs every stage up to the one that answers it.
        reached = [float((answering >= place).mean()) for place in range(len(names))]
        cost = float(np.dot(reached, [*prices.values()]) / prices[names[-1]]) if prices else np.nan
        rows.append([point, 1 - mean if promised == "agreement" else mean, cost, *reached])
    return dict(zip(("threshold", promised, "cost", *(f"reach {n}" for n in names)), np.array(rows).T, strict=True))


def _too_few(n_units: int, units: str, promised: str, limit: float, risk: float, confidence: float) -> str:
    what = f"an agreement of {1 - limit:g}" if promised == "agreement" else f"a loss of {limit:g}"
    return (
        f"{what} cannot be promised of {counted(n_units, units, these=True)} with a confidence of {confidence:g}; with "
        f"{fewest_rows(risk, confidence)} {units} and no loss it could. The last stage answers every row."
    )
