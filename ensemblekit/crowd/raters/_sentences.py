"""What a jury is found to be, in words."""

from __future__ import annotations

from typing import Any

from ...printed import printable

__all__ = ["jury_sentence"]


def jury_sentence(record: Any, by: str, n_items: int, best: list[Any]) -> str:
    """Say whether a jury is better than its best juror.

    Parameters
    ----------
    record : mapping
        The row of a table of `compare_with_reference`.
    by : str
        ``"gold"`` or ``"leave one out"``.
    n_items : int
        Number of items.
    best : list
        Up to three names of raters who were the best juror most often.

    Returns
    -------
    str
        The sentence of the table, and who the best juror was and what it is judged by.
    """
    who = ", ".join(printable(str(name)) for name in best)
    said = f"{record['sentence']} The best juror, chosen on other items, is most often {who}."
    if by == "gold":
        return said
    return (
        f"{said} No label is known: accuracy is agreement with votes held out on {n_items} items, by a jury that "
        "lacks one juror each time, and says who is better only if raters err independently."
    )
