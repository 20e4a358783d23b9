"""The answer of `choose` in words."""

from __future__ import annotations

import math

from ..evaluation.words import counted, decimals_of, figure, metric_title
from ..printed import printable
from ._choice import Choice

__all__ = ["sentence_of", "size_of"]


def sentence_of(choice: Choice, value: float, *, n_rows: int, order: str = "") -> str:
    """Say what was chosen, what it gains, whether these rows can tell, and what to expect of new ones.

    Parameters
    ----------
    choice : Choice
        All but the sentence.
    value : float
        Value of the best member.
    n_rows : int
        Number of rows that were judged.
    order : str
        What is to be said of the order of folds.

    Returns
    -------
    str
        One to four sentences.
    """
    return _answer(choice, value, n_rows) + _cost_of(choice) + printable(order)


def _cost_of(choice: Choice) -> str:
    if choice.cost is None:
        return ""
    most = choice.judgement.max_cost
    limit = "" if most is None else f" of at most {most:g}"
    return printable(f" It uses {', '.join(choice.members)} at a cost of {choice.cost:g}{limit}.")


def _answer(choice: Choice, value: float, n_rows: int) -> str:
    judged = choice.judgement
    metric, gain = judged.metric, choice.gain
    what, (least, most) = metric_title(metric.name, within=True), metric.range

    def number(size: float) -> str:
        if math.isnan(size):
            return "unknown"
        return figure(size, decimals_of(value, width=most - least))

    if len(judged.estimates) == 1:
        return printable(
            f"Nothing of {choice.n_candidates} candidates is shown to beat the best member, {choice.best_member} "
            f"({what} {number(value)}), which is returned."
        )
    verb = "rises" if metric.higher_is_better == (gain >= 0) else "falls"
    change = f"{what} {verb} by {number(abs(gain))} on rows that it did not see"
    bounds = (
        f"{100 * judged.confidence:g} % interval of the gain {number(choice.gain_low)} to "
        f"{number(choice.gain_high)}, corrected for the choice among {choice.n_candidates} candidates"
    )
    low, high = (number(end) for end in choice.promise())
    expect = f"On as many new rows, expect a gain between {low} and {high}."
    by = f", by more than {judged.smallest:g}" if judged.smallest else ""
    if choice.beats and float(number(gain)) != 0:
        return printable(
            f"{choice.name} beats the best member, {choice.best_member}{by}: {change} ({bounds}). {expect}"
        )
    return printable(
        f"{choice.name} is chosen, but {size_of(n_rows, judged.n_units)} cannot tell whether it beats the best member, "
        f"{choice.best_member}{by}: {change} ({bounds}). {expect}"
    )


def size_of(n_rows: int, n_groups: int) -> str:
    """Say how many rows there are, and of how many groups if there are fewer."""
    groups = f" of {counted(n_groups, 'groups')}" if n_groups < n_rows else ""
    return f"{counted(n_rows, 'rows')}{groups}"
