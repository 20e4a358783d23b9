"""Least-squares weights of the members under constraints, from a QR factor whose size does not grow with the rows."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .rows import Rows
from .scales import scale_of

__all__ = ["Factor", "factorise", "of_class", "solve_convex", "solve_free", "solve_nonnegative", "solve_sum_to_one"]

BLOCK_VALUES = 2**19
"""Values of a block in float64: 4 MB."""

CONSTANT = 1e-12
"""A column is constant if what centring leaves of it is not more than this share of it."""

NEGLIGIBLE = 1e-13
"""Directions with a smaller share of the largest singular value are taken for rounding errors."""


class Factor(NamedTuple):
    """The triangular factor of a least-squares problem.

    ``triangle`` has the columns of the members, or of their residuals; and as its last column that of the truth, unless
    they are residuals. All are divided by one power of two if numbers are extreme. ``means`` were subtracted from the
    columns: shape ``(n_columns, n_outputs)``, zeros without centring.
    """

    triangle: np.ndarray
    means: np.ndarray


def of_class(rows: Rows, column: int) -> Rows:
    """Take one class against the rest, one label or one output."""
    one = slice(column, column + 1)
    labels = rows.labels[:, one] if rows.task != "multiclass" else (rows.labels == column)[:, np.newaxis]
    task = "multilabel" if rows.task == "multiclass" else rows.task
    return rows._replace(probas=rows.probas[..., one], labels=labels, task=task)


def factorise(rows: Rows, *, residuals: bool, centre: bool = False) -> Factor:
    """Compute R of the QR factorisation of the members' residuals, or of their columns and the truth, block by block.

    Parameters
    ----------
    rows : Rows
        Labelled rows; classes or outputs stand below each other.
    residuals : bool
        Whether the columns are ``p_m - y``, and not ``p_m`` and ``y``.
    centre : bool, default=False
        Whether the weighted mean over the rows is subtracted, of each output by itself.

    Returns
    -------
    Factor
        With sample weights each row is multiplied by the root of its share.
    """
    n_columns = len(rows.probas) + (not residuals)
    share = rows.share() if rows.weight is not None or centre else None
    means = np.zeros((n_columns, rows.probas.shape[-1]))
    scale = (
        int(scale_of(rows.probas[..., np.newaxis], rows.labels[..., np.newaxis])[0]) if rows.task == "regression" else 0
    )
    blocks = [*rows.blocks(max(BLOCK_VALUES // n_columns, 4 * n_columns))]
    if centre:
        assert share is not None  # noqa: S101 - for the type checker
        for block in blocks:
            means += np.einsum("mic,i->mc", _columns(rows, block, residuals, scale), share[block])
    root = None if rows.weight is None or share is None else np.sqrt(share)[:, np.newaxis]
    triangle = np.zeros((0, n_columns))
    for block in blocks:
        values = _columns(rows, block, residuals, scale)
        if centre:
            values -= means[:, np.newaxis]
        if root is not None:
            values *= root[block]
        triangle = np.asarray(np.linalg.qr(np.vstack([triangle, values.reshape(n_columns, -1).T]), mode="r"))
    if centre:
        # Of a constant column only rounding errors remain, which must not get a weight.
        size = 1.0 if root is not None else np.sqrt(len(rows.labels))
        constant = np.linalg.norm(triangle, axis=0) <= CONSTANT * size * np.linalg.norm(means, axis=1)
        triangle[:, constant] = 0
    return Factor(triangle, np.ldexp(means, scale) if scale else means)


def _columns(rows: Rows, block: slice, residuals: bool, scale: int) -> np.ndarray:
    values = rows.probas[:, block].astype(np.float64)
    truth = rows.truth(block)
    if scale:
        values, truth = np.ldexp(values, -scale), np.ldexp(truth, -scale)
    if residuals:
        values -= truth
        return values
    return np.concatenate([values, truth[np.newaxis]])


def solve_free(factor: Factor) -> np.ndarray:
    """Minimise ``|y - sum_m w_m p_m|``; of equal solutions the one with the smallest sum of squares."""
    return np.linalg.lstsq(factor.triangle[:, :-1], factor.triangle[:, -1], rcond=NEGLIGIBLE)[0]


def solve_nonnegative(factor: Factor) -> np.ndarray:
    """Minimise ``|y - sum_m w_m p_m|`` over ``w >= 0``."""
    from scipy.optimize import nnls

    return nnls(factor.triangle[:, :-1], factor.triangle[:, -1])[0]


def solve_sum_to_one(residuals: np.ndarray, start: np.ndarray | None = None) -> np.ndarray:
    """Minimise ``|R w|`` over weights with sum 1, from the residuals ``R`` of the members.

    Parameters
    ----------
    residuals : ndarray of shape (n_rows, n_members)
        A residual or a factor of it.
    start : ndarray of shape (n_members,), optional
        Weights with sum 1; of equal solutions, the nearest to these is returned. By default they are equal.

    Returns
    -------
    ndarray of shape (n_members,)
        Weights with sum 1; some may be negative.
    """
    n_members = residuals.shape[1]
    start = np.full(n_members, 1 / n_members) if start is None else start
    scale = np.abs(residuals).max(initial=0)
    if n_members == 1 or scale == 0:
        return start
    # In an orthonormal basis of the steps that keep the sum, the shortest solution is the nearest one.
    basis = np.linalg.qr(np.eye(n_members)[:, 1:] - 1 / n_members)[0]
    scaled = residuals / scale
    steps = scaled @ basis
    # Of members with equal predictions only rounding errors remain: small beside the residuals, not beside the steps.
    largest, noise = float(np.linalg.norm(steps, 2)), NEGLIGIBLE * float(np.linalg.norm(scaled, 2))
    if largest <= noise:
        return start
    move = basis @ np.linalg.lstsq(steps, -scaled @ start, rcond=noise / largest)[0]
    return start + (move - move.mean())


def solve_convex(residuals: np.ndarray) -> np.ndarray:
    """Minimise ``|R w|`` over weights >= 0 with sum 1, from the residuals ``R`` of the members.

    Parameters
    ----------
    residuals : ndarray of shape (n_rows, n_members)
        A residual or a factor of it.

    Returns
    -------
    ndarray of shape (n_members,)
        Weights >= 0 with sum 1.

    Notes
    -----
    Non-negative least squares of ``[R; 1]`` on ``[0; 1]`` has the same Karush-Kuhn-Tucker conditions up to the scale of
    ``w``, so its solution divided by its sum is the same.
    """
    from scipy.optimize import nnls

    n_members = residuals.shape[1]
    scale = np.sqrt(np.square(residuals).sum(axis=0).max(initial=0))
    system = np.vstack([residuals / scale if scale else residuals, np.ones(n_members)])
    weights = nnls(system, np.append(np.zeros(len(residuals)), 1.0))[0]
    return weights / weights.sum()
