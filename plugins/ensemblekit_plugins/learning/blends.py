"""Scores of many candidate blends; each candidate differs from one blend by the weight of one member.

A blend is ``sum_m w_m p_m / sum_m w_m``. A scorer stores what all candidates have in common, and computes only the
difference.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .rows import Rows

__all__ = ["Blends", "Likelihood", "SampleLosses", "Squared", "Summed", "Whole", "absolute_error", "binary_log_loss"]

_CHUNK = 1 << 13  # values of a block of one member; so few that BLAS starts no threads for a product with a vector
_PRODUCT = 1 << 18  # multiplications in a product of matrices
_KEPT = 1 << 22  # likelihoods stored in float64: 32 MB; if there are more, they stay in the dtype of the predictions


class Blends:
    """A blend, and the scores of the candidates that differ from it by one member; greater is better.

    Parameters
    ----------
    rows : Rows
        The members' predictions and the labels.
    """

    def __init__(self, rows: Rows) -> None:
        self.rows = rows
        self.weights = np.zeros(len(rows.probas))

    def start(self, weights: np.ndarray) -> None:
        """Start with the blend of these weights; if all are 0, the blend is empty."""
        self.weights = np.zeros(len(self.rows.probas))
        self._clear()
        for member in np.flatnonzero(weights):
            self.add(int(member), float(weights[member]))

    def add(self, member: int, gain: float = 1.0) -> None:
        """Increase the weight of a member by ``gain``, or reduce it if ``gain`` is negative."""
        self._add(member, gain)
        self.weights[member] += gain

    def scores(self, members: np.ndarray, gains: np.ndarray) -> np.ndarray:
        """Score the blends in which the weight of one member is increased.

        Parameters
        ----------
        members : ndarray of int of shape (n_candidates,)
            Positions of members.
        gains : ndarray of shape (n_candidates,)
            Increase of the weight of each; the sum of the weights must stay positive.

        Returns
        -------
        ndarray of shape (n_candidates,)
            Scores in float64, greater is better.
        """
        raise NotImplementedError

    def _clear(self) -> None:
        raise NotImplementedError

    def _add(self, member: int, gain: float) -> None:
        raise NotImplementedError


class Summed(Blends):
    """Stores the weighted sum of the members' predictions in float64."""

    total: np.ndarray

    def _clear(self) -> None:
        self.total = np.zeros(self._shape())

    def _shape(self) -> tuple[int, ...]:
        return self.rows.probas.shape[1:]

    def _member(self, member: int) -> np.ndarray:
        return self.rows.probas[member]

    def _add(self, member: int, gain: float) -> None:
        values = self._member(member)
        for block in self._chunks():
            self.total[block] += np.multiply(values[block], gain, dtype=np.float64)

    def _chunks(self) -> Any:
        return self.rows.blocks(_CHUNK)

    def _sums(self, members: np.ndarray, gains: np.ndarray, *, divided: bool = True) -> Any:
        """Yield chunk, candidate and its mean (or sum) in this chunk, in a buffer that is reused for the next one."""
        counts = self.weights.sum() + gains if divided else np.ones(len(members))
        for block in self._chunks():
            total = self.total[block]
            shared, mean = np.empty_like(total), np.empty_like(total)
            scaled_for = None
            for place, (member, gain, count) in enumerate(zip(members, gains, counts, strict=True)):
                if count != scaled_for:
                    np.multiply(total, 1 / count, out=shared)
                    scaled_for = count
                np.multiply(self._member(member)[block], gain / count, out=mean, dtype=np.float64)
                np.add(mean, shared, out=mean)
                yield block, place, mean


class SampleLosses(Summed):
    """The negative weighted mean over rows, and mean over outputs, of ``loss(mean, truth)``.

    Parameters
    ----------
    rows : Rows
        The members' predictions and the labels.
    loss : callable
        ``(truth) -> (mean) -> losses``, all of the same shape; it may overwrite ``mean``.
    """

    def __init__(
        self,
        rows: Rows,
        loss: Callable[[np.ndarray], Callable[[np.ndarray], np.ndarray]],
    ) -> None:
        super().__init__(rows)
        self.loss = loss
        self.share = rows.share()

    def scores(self, members: np.ndarray, gains: np.ndarray) -> np.ndarray:
        """Add the losses, chunk by chunk."""
        losses = np.zeros((len(members), self.rows.probas.shape[-1]))
        loss = None
        for block, place, mean in self._sums(members, gains):
            if place == 0:
                loss = self.loss(self.rows.truth(block))
            losses[place] += self.share[block] @ loss(mean)  # type: ignore[misc]
        return -losses.mean(axis=1)


class Likelihood(Summed):
    """Log loss of multiclass predictions; it depends only on the probability of the true class.

    The logarithm of a product of sixteen probabilities takes the time of a single logarithm, and no product is below
    1e-251.

    Parameters
    ----------
    rows : Rows
        The members' predictions and the labels.
    clip : float
        Probabilities are clipped to ``[clip, 1 - clip]``.
    """

    def __init__(self, rows: Rows, clip: float) -> None:
        super().__init__(rows)
        self.clip = clip
        n_members, n_rows = rows.probas.shape[:2]
        dtype = np.float64 if n_members * n_rows <= _KEPT else np.result_type(rows.probas.dtype, np.float32)
        self.likelihood = np.ones((n_members, -(-n_rows // 16) * 16), dtype=dtype)
        for block in rows.blocks(max(1, _KEPT // (4 * n_members))):
            kept = self.likelihood[:, :n_rows][:, block]
            kept[:] = np.take_along_axis(rows.probas[:, block], rows.labels[np.newaxis, block, np.newaxis], -1)[..., 0]
        known = self.likelihood[:, :n_rows]
        self.bounded = known.min() >= clip and known.max() <= 1 - clip

    def _shape(self) -> tuple[int, ...]:
        return self.likelihood.shape[1:]

    def _member(self, member: int) -> np.ndarray:
        return self.likelihood[member]

    def _chunks(self) -> Any:
        return (slice(start, start + 2 * _CHUNK) for start in range(0, self.likelihood.shape[1], 2 * _CHUNK))

    def scores(self, members: np.ndarray, gains: np.ndarray) -> np.ndarray:
        """Add the logarithms, chunk by chunk."""
        losses = np.zeros(len(members))
        share = None if self.rows.weight is None else self.rows.share()
        for block, place, mean in self._sums(members, gains):
            # The rest of the last chunk contains ones; their logarithm adds only rounding.
            known = mean[: len(self.rows.labels) - block.start]
            if not self.bounded or gains[place] < 0:
                np.clip(known, self.clip, 1 - self.clip, out=known)
            if share is None:
                products = np.multiply.reduce(mean.reshape(16, -1), axis=0)
                losses[place] += np.log(products, out=products).sum()
            else:
                some = share[block]
                losses[place] += np.multiply(np.log(mean, out=mean)[: len(some)], some, out=mean[: len(some)]).sum()
        return losses if share is not None else losses / len(self.rows.labels)


class Squared(Blends):
    """Mean squared error of each output, from products of the members' residuals, which are computed once.

    Parameters
    ----------
    rows : Rows
        The members' predictions and the labels.
    score : callable
        ``(errors) -> scores``: takes the weighted mean squares ``(n_candidates, n_outputs)``. For probabilities these
        are summed over the classes, and there is one output.
    """

    def __init__(self, rows: Rows, score: Callable[[np.ndarray], np.ndarray]) -> None:
        super().__init__(rows)
        self.score = score
        n_members, _, n_classes = rows.probas.shape
        n_outputs = n_classes if rows.task == "regression" else 1
        self.products = np.zeros((n_outputs, n_members, n_members))
        # The pieces are so small that BLAS starts no threads. On a busy machine threads wait for each other, up to a
        # second.
        width = _PRODUCT // n_members**2 if n_members <= 128 else _PRODUCT
        share, blocks = rows.share()[:, np.newaxis], list(rows.blocks(max(1, (1 << 20) // n_members)))
        for block in blocks:
            residuals = np.subtract(rows.probas[:, block], rows.truth(block), dtype=np.float64)
            residuals *= np.sqrt(share[block])
            for output, products in enumerate(self.products):
                part = residuals[..., output] if n_outputs > 1 else residuals.reshape(n_members, -1)
                for start in range(0, part.shape[1], width):
                    piece = part[:, start : start + width]
                    products += piece @ piece.T

    def _clear(self) -> None:
        self.crossed = np.zeros(self.products.shape[:2])

    def _add(self, member: int, gain: float) -> None:
        self.crossed += gain * self.products[:, member]

    def scores(self, members: np.ndarray, gains: np.ndarray) -> np.ndarray:
        """Expand ``|sum_m w_m r_m + g r_j|^2``."""
        own = np.diagonal(self.products, axis1=1, axis2=2)
        squares = (self.crossed @ self.weights)[:, np.newaxis]
        squares = squares + 2 * gains * self.crossed[:, members] + np.square(gains) * own[:, members]
        return self.score(np.maximum(squares / np.square(self.weights.sum() + gains), 0).T)


class Whole(Summed):
    """Any function of the whole blend, the general case: each candidate is averaged and scored.

    Parameters
    ----------
    rows : Rows
        The members' predictions and the labels.
    score : callable
        ``(truth, mean, sample_weight) -> float``, greater is better; it must not store ``mean``.
    one_axis : bool, default=False
        Whether it gets a single output of a regression as one axis, ``(n_rows,)``.
    """

    def __init__(
        self,
        rows: Rows,
        score: Callable[[np.ndarray, np.ndarray, np.ndarray | None], float],
        *,
        one_axis: bool = False,
    ) -> None:
        super().__init__(rows)
        self.score = score
        self.one_axis = one_axis and rows.task == "regression" and rows.probas.shape[-1] == 1

    def scores(self, members: np.ndarray, gains: np.ndarray) -> np.ndarray:
        """Average each candidate and call the function, one candidate after the other."""
        labels = self.rows.labels
        mean = np.empty(self.total.shape)
        blend, truth = (mean[:, 0], labels[:, 0]) if self.one_axis else (mean, labels)
        found = np.empty(len(members))
        counts = self.weights.sum() + gains
        for place, (member, gain, count) in enumerate(zip(members, gains, counts, strict=True)):
            np.multiply(self._member(member), gain, out=mean, dtype=np.float64)
            np.add(mean, self.total, out=mean)
            np.divide(mean, count, out=mean)
            if self.rows.task == "multiclass":
                # Rows of float32 sum to 1 only in float32, and scikit-learn would warn.
                np.divide(mean, mean.sum(axis=1, keepdims=True), out=mean)
            found[place] = self.score(truth, blend, self.rows.weight)
        return found


def absolute_error(truth: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """Return the absolute error of numbers."""
    return lambda mean: np.abs(np.subtract(mean, truth, out=mean), out=mean)


def binary_log_loss(truth: np.ndarray, clip: float) -> Callable[[np.ndarray], np.ndarray]:
    """Return the log loss of probabilities of independent labels, which are clipped to ``[clip, 1 - clip]``."""
    absent, sign = 1 - truth, 2 * truth - 1

    def loss(mean: np.ndarray) -> np.ndarray:
        chosen = np.multiply(mean, sign, out=mean)
        chosen += absent
        return np.negative(np.log(np.clip(chosen, clip, 1 - clip, out=chosen), out=chosen), out=chosen)

    return loss
