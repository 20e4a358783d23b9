"""The functions that users call."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ...arguments import check_count, check_number, typed
from ...errors import InvalidOptionError
from .._running import Check, check_expected, results
from ._arrays import PROBABILITIES, PROBABILITY_CHECKS, QUANTILE_CHECKS, QUANTILES, SCORE_CHECKS, SCORES
from ._boxes import BOX_CHECKS, BOXES
from ._rankings import RANKING_CHECKS, RANKING_TIES, RANKINGS
from ._report import ForeignReport
from ._shape import Shape
from ._subject import ForeignSubject
from ._votes import VOTE_CHECKS, VOTE_TIES, VOTES

__all__ = ["assert_foreign", "check_foreign", "foreign_checks", "foreign_promises", "foreign_subject"]

SHAPES: dict[str, tuple[Shape, tuple[Check, ...], tuple[str, ...]]] = {
    "probabilities": (PROBABILITIES, PROBABILITY_CHECKS, ()),
    "votes": (VOTES, VOTE_CHECKS, VOTE_TIES),
    "scores": (SCORES, SCORE_CHECKS, ()),
    "rankings": (RANKINGS, RANKING_CHECKS, RANKING_TIES),
    "boxes": (BOXES, BOX_CHECKS, ()),
    "quantiles": (QUANTILES, QUANTILE_CHECKS, ()),
}
"""Name -> the shape, its promises, and what may be stated about ties."""


@typed(but=("shape", "function"))
def check_foreign(
    function: Callable[..., Any],
    shape: str = "probabilities",
    *,
    weighted: bool = True,
    absent: Any = None,
    ties: str | None = None,
    labels: Sequence[Any] | None = None,
    least_members: int = 1,
    promises: Sequence[str] | None = None,
    expected_failed_checks: Mapping[str, str] | None = None,
    max_examples: int = 25,
    seed: int = 0,
    seconds: float = 5.0,
    label: str | None = None,
    code: str | None = None,
) -> ForeignReport:
    """Try which promises a function keeps that combines the answers of members, whoever wrote it.

    Parameters
    ----------
    function : callable
        The function, or a thin adapter of it that has the calling convention of the shape; see Notes. An adapter that
        raises `NotImplementedError` says that the function is not made for this input, which is then not judged.
    shape : {"probabilities", "votes", "scores", "rankings", "boxes", "quantiles"}, default="probabilities"
        What a member's answer is.
    weighted : bool, default=True
        Whether the function takes weights. If not, it is called without them.
    absent : object, optional
        What stands in an array where a member is absent, ``numpy.nan`` for example. By default the function takes no
        absent rows. Rankings need no such value.
    ties : str, optional
        The rule for ties that the function states: ``"smallest"``, ``"largest"`` or ``"first"`` (the first member's)
        for votes, ``"smallest"``, ``"largest"`` or ``"shared"`` (one score) for rankings.
    labels : sequence, optional
        Labels of votes, at least two; by default 0 to 3.
    least_members : int, default=1
        Least number of members that the function takes.
    promises : sequence of str, optional
        The promises to try, by default all of the shape; `foreign_promises` lists them.
    expected_failed_checks : mapping of str to str, optional
        Name of a promise that is waived -> the reason. If it is kept, it is reported as broken.
    max_examples : int, default=25
        Largest number of examples a promise.
    seed : int, default=0
        The examples are the same for the same seed, as long as the function answers in time.
    seconds : float, default=5.0
        Time limit of one call, in seconds; a promise draws no more examples after twice this time, and looks no longer
        than this for a smaller counter-example. Python code that does not end is stopped. Compiled code that does not
        end and holds the interpreter's lock cannot be.
    label : str, optional
        Name of the function in the report, by default its own.
    code : str, optional
        Code that defines ``function``, for the counter-examples. By default the source of a function that needs
        nothing around it but NumPy as ``np``, or else its import.

    Returns
    -------
    ForeignReport
        The promises that are kept, broken, waived and not applicable, with a counter-example for each broken one.

    Raises
    ------
    InvalidOptionError
        If there is no such shape, rule for ties or promise, or a reason is missing.

    Notes
    -----
    Members come first, weights (an array of one number >= 0 a member, with a positive sum) last:

    - probabilities: ``function(member_probas, weights)``, of shape (members, rows, classes), gives (rows, classes).
    - votes: ``function(labels, weights)``, of shape (members, items), gives a label an item.
    - scores: ``function(member_scores, weights)``, of shape (members, rows), any real numbers, gives (rows,).
    - rankings: ``function(runs, weights)``, a list of ``{query: {item: score}}``, gives ``{query: {item: score}}``.
      Greater scores are better.
    - boxes: ``function(members, weights)``, a list of ``(boxes, scores, labels)`` with boxes as x1, y1, x2, y2 in
      [0, 1], of shape (n, 4), gives ``(boxes, scores, labels)``.
    - quantiles: ``function(member_quantiles, levels, weights)``, of shape (members, rows, levels), gives (rows,
      levels).

    Examples
    --------
    >>> import numpy as np
    >>> from ensemblekit.testing import check_foreign
    >>> def vote(labels, weights):
    ...     return [max(sorted(set(column)), key=list(column).count) for column in labels.T]
    >>> check_foreign(vote, "votes").broken
    ('weights_matter', 'zero_weight_is_absent', 'duplicated_members')
    """
    subject, checks = foreign_subject(
        function, shape, weighted=weighted, absent=absent, ties=ties, labels=labels, least_members=least_members,
        promises=promises, max_examples=max_examples, seed=seed, seconds=seconds, label=label, code=code,
    )  # fmt: skip
    expected = check_expected(checks, expected_failed_checks)
    return ForeignReport(subject.label, shape, tuple(results(subject, checks, expected, max_examples)))


def assert_foreign(function: Callable[..., Any], shape: str = "probabilities", **options: Any) -> ForeignReport:
    """Try the promises of a function as `check_foreign` does, and raise an error for the first that is broken.

    Parameters
    ----------
    function, shape, **options
        As in `check_foreign`.

    Returns
    -------
    ForeignReport
        The report, in which nothing is broken.

    Raises
    ------
    CheckFailedError
        For the first promise that is broken and not waived, or waived and kept. Its ``example`` is the code.
    InvalidOptionError
        As in `check_foreign`.

    Examples
    --------
    >>> import numpy as np
    >>> from ensemblekit.testing import assert_foreign
    >>> def mean(member_probas, weights):
    ...     return np.average(member_probas, axis=0, weights=weights)
    >>> report = assert_foreign(mean, "probabilities")
    >>> len(report.kept), report.broken
    (17, ())
    """
    report = check_foreign(function, shape, **options)
    for result in report.results:
        if result.status == "failed" and result.error is not None:
            raise result.error
    return report


def foreign_promises(shape: str) -> dict[str, str]:
    """List the promises that `check_foreign` tries for a shape.

    Parameters
    ----------
    shape : {"probabilities", "votes", "scores", "rankings", "boxes", "quantiles"}
        What a member's answer is.

    Returns
    -------
    dict of str to str
        Name of each promise -> the sentence that must hold.

    Raises
    ------
    InvalidOptionError
        If there is no such shape.

    Examples
    --------
    >>> from ensemblekit.testing import foreign_promises
    >>> foreign_promises("rankings")["unseen_items"]
    'an item that no member returned is never scored'
    """
    return {check.name: check.promise for check in foreign_checks(shape)}


def foreign_checks(shape: Any) -> tuple[Check, ...]:
    """Return the checks of a shape."""
    if not isinstance(shape, str) or shape not in SHAPES:
        raise InvalidOptionError(f"shape must be one of {', '.join(map(repr, SHAPES))}; received {shape!r}.")
    return SHAPES[shape][1]


def foreign_subject(
    function: Any,
    shape: str,
    *,
    weighted: bool = True,
    absent: Any = None,
    ties: str | None = None,
    labels: Sequence[Any] | None = None,
    least_members: int = 1,
    promises: Sequence[str] | None = None,
    max_examples: int = 25,
    seed: int = 0,
    seconds: float = 5.0,
    label: str | None = None,
    code: str | None = None,
) -> tuple[ForeignSubject, tuple[Check, ...]]:
    """Check the options of `check_foreign`; return the function under test and the promises to try."""
    checks = foreign_checks(shape)
    if not callable(function):
        raise InvalidOptionError(f"function must be callable; received {type(function).__name__}.")
    check_count("least_members", least_members)
    check_count("max_examples", max_examples)
    check_count("seed", seed, 0)
    check_number("seconds", seconds, 0, open_low=True)
    known = SHAPES[shape][2]
    if ties is not None and ties not in known:
        rules = f"one of {', '.join(map(repr, known))}" if known else "left out"
        raise InvalidOptionError(f"ties must be {rules} for {shape}; received {ties!r}.")
    if absent is not None and "absent_is_left_out" not in [check.name for check in checks]:
        raise InvalidOptionError(f"absent must be left out for {shape}; received {absent!r}.")
    if labels is not None and (shape != "votes" or len(set(labels)) < 2):
        raise InvalidOptionError(f"labels must be two or more different labels, of votes; received {labels!r}.")
    if promises is not None:
        names = [check.name for check in checks]
        unknown = [name for name in promises if name not in names]
        if unknown:
            raise InvalidOptionError(
                f"promises must name promises of {shape}; received {unknown[0]!r}. There are: {', '.join(names)}."
            )
        checks = tuple(check for check in checks if check.name in promises)
    subject = ForeignSubject(
        function, SHAPES[shape][0], label=label or getattr(function, "__name__", type(function).__name__),
        weighted=weighted, least_members=least_members, absent=absent, ties=ties, labels=labels, seed=seed,
        seconds=float(seconds), code=code,
    )  # fmt: skip
    return subject, checks
