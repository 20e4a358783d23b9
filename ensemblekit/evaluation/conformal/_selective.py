"""Selective prediction: answers for the rows on which a model is sure enough, with a promised risk."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from ...arguments import typed
from ...errors import FewRowsWarning, InvalidOptionError
from ...predictions import Predictions
from ...predictions.choices import check_not_test
from ..words import counted
from ._inputs import check_unseen, check_unused
from ._risk_coverage import certainty_of
from ._risk_tests import group_means, risk_p_values
from ._row_losses import RowLoss, row_loss

if TYPE_CHECKING:
    import pandas as pd

    from .._asked_metrics import AskedMetric

__all__ = ["Selective", "fit_selective"]


@dataclass(frozen=True, eq=False)
class Selective:
    """A rule which rows to answer, with a promised risk, from `fit_selective`.

    Attributes
    ----------
    risk : float
        The promised mean loss of the answered rows.
    threshold : float
        Rows are answered if they are surer than this; infinite if no risk can be promised, and no row is answered.
    coverage : float
        Share of calibration rows that are answered.
    observed_risk : float
        Mean loss of these; NaN if there are none. Of predictions with groups each group counts once.
    confidence : float
        Probability, over calibrations, that the promise is kept.
    metric : str
        Name of the loss.
    calibration_ids : ndarray of shape (n_calibration,)
        Ids of the calibration rows.
    n_groups : int or None
        Groups of the calibration rows; None if these have none.
    """

    risk: float
    threshold: float
    coverage: float
    observed_risk: float
    confidence: float
    metric: str
    calibration_ids: np.ndarray = field(repr=False)
    n_groups: int | None = None

    @property
    def promise(self) -> str:
        """What is promised, in a sentence."""
        if self.threshold == np.inf:
            return "No row is answered: these calibration rows do not prove the risk for any share of rows."
        of = "rows" if self.n_groups is None else "rows of groups"
        counted_once = "" if self.n_groups is None else ", where each group counts once"
        return (
            f"Of {of} like these about {100 * self.coverage:.0f} % are answered, and with a probability of at least "
            f"{100 * self.confidence:g} % over calibrations their risk ({self.metric}) is at most {self.risk:g}"
            f"{counted_once}."
        )

    @typed()
    def accepts(self, predictions: Predictions, *, certainty: Any = None, allow_leakage: bool = False) -> pd.Series:
        """Tell which rows are answered.

        Parameters
        ----------
        predictions : Predictions
            Predictions of the same model as those of the calibration.
        certainty : mapping of id to number, or Series indexed by id, optional
            As in `fit_selective`.
        allow_leakage : bool, default=False
            Accept rows of the calibration, for which nothing is promised.

        Returns
        -------
        pandas.Series of bool
            Index ``id``.

        Raises
        ------
        LeakageError
            If calibration rows are among them.
        InvalidOptionError
            If ``certainty`` lacks a row.
        """
        import pandas as pd

        if not allow_leakage:
            check_unused(predictions, self.calibration_ids, "it was calibrated on")
        answered = certainty_of(predictions, certainty) > self.threshold
        return pd.Series(answered, index=pd.Index(predictions.ids, name="id"), name="answered")


@typed(but=("metric",))
def fit_selective(
    predictions: Predictions,
    *,
    risk: float = 0.05,
    metric: AskedMetric | None = None,
    certainty: Any = None,
    confidence: float = 0.95,
    n_thresholds: int = 20,
    allow_leakage: bool = False,
) -> Selective:
    """Find the largest share of rows that can be answered with a promised risk.

    Parameters
    ----------
    predictions : Predictions
        Labelled, on rows that no member and no combiner was fitted on, not of the split ``test``. If they have groups,
        the promise is proven by group.
    risk : float, default=0.05
        Largest mean loss of the answered rows; with groups largest mean, over groups, of a group's mean loss.
    metric, certainty
        As in `risk_coverage_curve`. The loss must be bounded.
    confidence : float, default=0.95
        Probability, over calibrations, that the promise is kept; in (0, 1).
    n_thresholds : int, default=20
        How many shares of rows are tried, >= 1.
    allow_leakage : bool, default=False
        Accept rows that the model was fitted on, and the test split.

    Returns
    -------
    Selective
        The rule.

    Raises
    ------
    LeakageError
        If rows are among the ``fit_ids`` of the predictions, or are of the split ``test``.
    InvalidOptionError
        If an option is out of range, or the loss is not bounded.
    InvalidPredictionsError
        As in `risk_coverage_curve`.

    Warns
    -----
    FewRowsWarning
        If the risk cannot be promised for any share of rows; then no row is answered.

    Notes
    -----
    Shares of rows are fixed before any label is seen: ``n_thresholds`` of them in equal steps, or fewer of few rows,
    from the smallest number of rows that could prove the risk to all rows. For each, the hypothesis that the rows above
    its threshold have a higher risk gets a p value: for losses of 0 and 1 the binomial one, as in the interval of
    Clopper and Pearson; otherwise that of Hoeffding and Bentkus [1]_. They are tested in order, from the surest rows;
    each at ``(1 - confidence) / n_thresholds``, plus the level of the test before it if that one was passed [2]_. The
    largest share that passes is answered.

    The promise needs independent rows and new rows like them, and a risk that does not fall if less sure rows are
    answered too. Rows of one group, such as a patient, are not independent. Where the predictions have groups, these
    are what must be independent: the loss of a group is the mean of its answered rows, groups without any are left out,
    and the p value of Hoeffding and Bentkus is that of as many losses as groups. Each group counts once, however many
    rows it has, so that nothing is assumed of their sizes. As many groups are needed as rows without groups.

    References
    ----------
    .. [1] A. Angelopoulos, S. Bates, E. J. Candès, M. I. Jordan, L. Lei, "Learn then test: calibrating predictive
       algorithms to achieve risk control", 2021.
    .. [2] B. L. Wiens, "A fixed sequence Bonferroni procedure for testing multiple endpoints", Pharmaceutical
       Statistics 2, 2003.

    Examples
    --------
    >>> import numpy as np
    >>> from ensemblekit import Predictions
    >>> from ensemblekit.evaluation import fit_selective
    >>> sure = np.linspace(0.5, 1, 400)
    >>> wrong = np.random.default_rng(0).random(400) > sure
    >>> labels = np.where(wrong, "dog", "cat")
    >>> p = Predictions(np.column_stack([sure, 1 - sure]), ids=range(400), classes=["cat", "dog"], labels=labels)
    >>> rule = fit_selective(p, risk=0.2)
    >>> round(rule.coverage, 2), round(rule.observed_risk, 2)
    (0.51, 0.13)
    """
    if not 0 < risk < np.inf:
        raise InvalidOptionError(f"risk must be a finite number > 0; received {risk!r}.")
    if not 0 < confidence < 1:
        raise InvalidOptionError(f"confidence must be a number > 0 and < 1; received {confidence!r}.")
    if n_thresholds < 1:
        raise InvalidOptionError(f"n_thresholds must be a whole number >= 1; received {n_thresholds!r}.")
    if not allow_leakage:
        check_not_test("selective prediction is never calibrated", predictions.split, predictions.ids)
        check_unseen(predictions, "the model was fitted on")
    loss = row_loss(predictions, metric)
    scaled, scaled_risk = _scaled(loss, float(risk))
    sure = certainty_of(predictions, certainty)
    level = float(1 - Fraction(repr(float(confidence))))
    places = None if predictions.groups is None else np.unique(predictions.groups, return_inverse=True)[1]
    threshold, accepted = _largest(scaled, sure, scaled_risk, level, n_thresholds, places)
    n_groups = None if places is None else int(places.max()) + 1
    if threshold == np.inf:
        fewest, units = _fewest(scaled_risk, level), "rows" if n_groups is None else "groups"
        these = counted(len(predictions) if n_groups is None else n_groups, units, these=True)
        warnings.warn(
            f"the risk {risk} cannot be promised for any share of {'' if n_groups is None else 'the rows of '}{these} "
            f"with a confidence of {confidence}; with {fewest} {units} and no loss it could. No row is answered.",
            FewRowsWarning,
            stacklevel=3,
        )
    return Selective(
        risk=float(risk),
        threshold=threshold,
        coverage=float(accepted.mean()),
        observed_risk=float(_of_units(loss.values, accepted, places).mean()) if accepted.any() else float("nan"),
        confidence=float(confidence),
        metric=loss.name,
        calibration_ids=predictions.ids,
        n_groups=n_groups,
    )


def _of_units(losses: np.ndarray, accepted: np.ndarray, places: np.ndarray | None) -> np.ndarray:
    """Take the losses of the accepted rows, or their means by group."""
    return losses[accepted] if places is None else group_means(losses[accepted], places[accepted])


def _scaled(loss: RowLoss, risk: float) -> tuple[np.ndarray, float]:
    """Map a bounded loss and its promised mean to [0, 1]."""
    if not math.isfinite(loss.most):
        raise InvalidOptionError(
            f"a promise needs a loss with a largest value; that of {loss.name!r} has none. Give another metric, or one "
            "whose range is finite."
        )
    if risk >= loss.most:
        raise InvalidOptionError(f"risk must be below {loss.most:g}, the largest {loss.name}; received {risk!r}.")
    return loss.values / loss.most, risk / loss.most


def _fewest(risk: float, level: float) -> int:
    """Compute how many rows without any loss prove a risk."""
    return max(1, math.ceil(math.log(level) / math.log1p(-risk)))


def _largest(
    losses: np.ndarray, sure: np.ndarray, risk: float, level: float, n_thresholds: int, places: np.ndarray | None
) -> tuple[float, np.ndarray]:
    """Find the lowest threshold that is proven to keep the risk, and the rows above it."""
    found = np.inf, np.zeros(len(losses), dtype=bool)
    # What counts as independent: rows, or groups from their surest row on.
    firsts = sure if places is None else _surest_of_groups(sure, places)
    n = len(firsts)
    exact = None if places is None or n == len(sure) else False
    # Fewer thresholds if all rows without any loss would not pass the test of one of so many.
    n_thresholds = min(n_thresholds, math.floor(level * math.exp(min(700.0, -n * math.log1p(-risk)))))
    if n_thresholds < 1:
        return found
    fewest = min(n, _fewest(risk, level / n_thresholds))
    falling = np.append(np.sort(sure)[::-1], -np.inf)
    # The thresholds are certainties at fixed places, which no label has a part in. The first is that above which as
    # many rows or groups begin as prove the risk without any loss.
    start = fewest if places is None else int((sure > np.append(np.sort(firsts)[::-1], -np.inf)[fewest]).sum())
    steps = np.unique(np.rint(np.linspace(start, len(sure), n_thresholds)).astype(np.int64))
    thresholds = np.unique(falling[steps])[::-1]
    own = 0.0
    for threshold in thresholds:
        accepted = sure > threshold
        own += level / len(thresholds)
        units = _of_units(losses, accepted, places)
        if accepted.any() and risk_p_values(units[np.newaxis], risk, exact=exact)[0] <= own:
            found = float(threshold), accepted
        else:
            own = 0.0
    return found


def _surest_of_groups(sure: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Find the certainty of the surest row of each group."""
    found = np.full(int(places.max()) + 1, -np.inf)
    np.maximum.at(found, places, sure)
    return found
