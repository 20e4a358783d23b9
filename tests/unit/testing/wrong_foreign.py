"""Functions that others could write, each of which breaks a promise."""

import time
from collections import Counter

import numpy as np

from .foreign_functions import fuse_boxes, mean, reciprocal_ranks, vote

__all__ = ["WRONG"]

CATALOGUE = ("a", "b", "c", "d", "e", "f")
SEEN = []


def plain(probas, _weights):
    return np.mean(probas, axis=0)


# Probabilities.


def first_member_wins(probas, weights):
    return np.array(probas[0])


def sums(probas, weights):
    return np.tensordot(weights, probas, 1)


def divides_by_members(probas, weights):
    return np.tensordot(weights, probas, 1) / len(probas)


def scales_over_rows(probas, weights):
    answer = mean(probas, weights)
    answer = answer / answer.max(axis=0)
    return answer / answer.sum(axis=1, keepdims=True)


def needs_two(probas, weights):
    if len(probas) < 2:
        raise ValueError("need at least two models")
    return mean(probas, weights)


def log_pool(probas, weights):
    with np.errstate(all="ignore"):
        pooled = np.exp(np.tensordot(weights, np.log(probas), 1))
        return pooled / pooled.sum(axis=1, keepdims=True)


def weighs_in_place(probas, weights):
    weights /= weights.sum()
    return np.tensordot(weights, probas, 1)


def draws(probas, weights):
    return np.abs(mean(probas, weights) + np.random.default_rng().normal(size=probas.shape[1:]))


def loops(probas, weights):
    while True:
        time.sleep(0.001)


def transposes(probas, weights):
    return mean(probas, weights).T


def prefers_the_first_class(probas, weights):
    answer = mean(probas, weights) * ([1.1] + [1.0] * (probas.shape[2] - 1))
    return answer / answer.sum(axis=1, keepdims=True)


def adds_one_to_weights(probas, weights):
    return mean(probas, weights + 1)


def sharpens(probas, weights):
    answer = mean(probas, weights) ** 3
    return answer / answer.sum(axis=1, keepdims=True)


def sorts_rows(probas, weights):
    answer = mean(probas, weights)
    return answer[np.lexsort(answer.T)]


def absent_is_zero(probas, weights):
    return mean(np.nan_to_num(probas), weights)


def first_of_most(probas, weights):
    """Hard votes, of which `Counter` takes the earliest of those that tie."""
    chosen = [Counter(column.tolist()).most_common(1)[0][0] for column in probas.argmax(axis=2).T]
    return np.eye(probas.shape[2])[chosen]


# Votes.


def counts_in_order(labels, weights):
    answer = []
    for column in labels.T:
        counts = Counter()
        for label, weight in zip(column, weights, strict=True):
            counts[label] += weight
        answer.append(counts.most_common(1)[0][0])
    return answer


def tosses_a_coin(labels, weights):
    rng, answer = np.random.default_rng(0), []
    for column in labels.T:
        totals = {label: weights[column == label].sum() for label in column}
        answer.append(rng.choice([label for label in totals if totals[label] == max(totals.values())]))
    return answer


def rounds_the_mean(labels, weights):
    return np.round(np.average(labels, axis=0, weights=weights)).astype(int)


def counts_positions(labels, weights):
    names = np.unique(labels)
    return np.argmax([(weights[:, None] * (labels == name)).sum(axis=0) for name in names], axis=0)


def overweighs(labels, weights):
    return vote(labels, weights**4)


def most_common_of_all(labels, weights):
    return np.full(labels.shape[1], vote(labels.reshape(-1, 1), np.repeat(weights, labels.shape[1]))[0])


def gives_text(labels, weights):
    return "cat"


def leaves_ties_open(labels, weights):
    answer = [
        [name for name in set(column) if 2 * weights[column == name].sum() > weights.sum()] for column in labels.T
    ]
    return np.array([names[0] if names else None for names in answer], dtype=object)


# Scores.


def zero_is_missing(scores, weights):
    weights = weights[:, None] * (scores != 0)
    return (weights * scores).sum(axis=0) / np.maximum(weights.sum(axis=0), 1e-12)


def root_mean_square(scores, weights):
    return np.sqrt(np.average(scores**2, axis=0, weights=weights))


def remembers(scores, weights):
    SEEN.append(scores.mean())
    return mean(scores, weights) + len(SEEN)


def adds(scores):
    return scores.sum(axis=0)


def overflows(scores, weights):
    with np.errstate(all="ignore"):
        return np.log(np.average(np.exp(scores) ** 1000, axis=0, weights=weights)) / 1000


# Rankings.


def scores_the_catalogue(runs, weights):
    fused = reciprocal_ranks(runs, weights)
    return {query: {item: items.get(item, 0.0) for item in CATALOGUE} for query, items in fused.items()}


def keeps_what_all_returned(runs, weights):
    fused = reciprocal_ranks(runs, weights)
    return {
        q: {i: s for i, s in items.items() if all(i in run.get(q, {}) for run in runs)} for q, items in fused.items()
    }


def absent_scores_zero(runs, weights):
    queries = {query for run in runs for query in run}
    items = {query: {item for run in runs for item in run.get(query, {})} for query in queries}
    return {
        q: {i: sum(w * run.get(q, {}).get(i, 0.0) for run, w in zip(runs, weights, strict=True)) for i in items[q]}
        for q in queries
    }


def ranks_by_sorting(runs, weights):
    ranked = [
        {q: {i: -r for r, i in enumerate(sorted(items, key=items.get, reverse=True))} for q, items in run.items()}
        for run in runs
    ]
    return reciprocal_ranks(ranked, weights)


def ranks_as_given(runs, weights):
    return reciprocal_ranks(
        [{q: {i: -r for r, i in enumerate(items)} for q, items in run.items()} for run in runs], weights
    )


def scales_to_one(runs, weights):
    def scaled(items):
        values = np.array(list(items.values()))
        with np.errstate(all="ignore"):
            return dict(zip(items, (values - values.min()) / np.ptp(values), strict=True))

    return absent_scores_zero([{q: scaled(items) for q, items in run.items()} for run in runs], weights)


def queries_of_the_last(runs, weights):
    fused = reciprocal_ranks(runs, weights)
    return {query: items for query, items in fused.items() if all(query in run for run in runs)}


def last_run_wins(runs, weights):
    fused = {}
    for run in runs:
        for query, items in run.items():
            fused.setdefault(query, {}).update(items)
    return fused


def whole_scores(runs, weights):
    return absent_scores_zero([{q: {i: s // 3 for i, s in x.items()} for q, x in run.items()} for run in runs], weights)


def returns_lists(runs, weights):
    return {query: sorted(items) for query, items in reciprocal_ranks(runs, weights).items()}


# Boxes.


def averages_labels(members, weights):
    boxes, scores, labels = fuse_boxes(members, weights)
    return boxes, scores, np.full(len(labels), labels.mean() if len(labels) else 0.0)


def adds_scores(members, weights):
    boxes, scores, labels = fuse_boxes(members, weights)
    return boxes, scores * (weights > 0).sum(), labels


def widens(members, weights):
    boxes, scores, labels = fuse_boxes(members, weights)
    return boxes + np.array([-0.05, -0.05, 0.05, 0.05]), scores, labels


def merges_over_labels(members, weights):
    boxes, scores, _ = fuse_boxes([(b, s, np.ones(len(k))) for b, s, k in members], weights)
    first = min((int(label) for _, _, labels in members for label in labels), default=1)
    return boxes, scores, np.full(len(boxes), first)


def first_come(members, weights):
    kept = []
    for boxes, scores, labels in members:
        for row in zip(boxes, scores, labels, strict=True):
            if not any(row[2] == other[2] and _meet(row[0], other[0]) for other in kept):
                kept.append(row)
    return tuple(np.array([row[part] for row in kept]) for part in range(3))


def highest_first(members, weights):
    """Non-maximum suppression, in which boxes of equal scores are taken as they come."""
    rows = [
        (box, score * weight / weights.max(), label)
        for (boxes, scores, labels), weight in zip(members, weights, strict=True)
        for box, score, label in zip(boxes, scores, labels, strict=True)
    ]
    kept = []
    for row in sorted(rows, key=lambda row: -row[1]):
        if not any(row[2] == other[2] and _meet(row[0], other[0]) for other in kept):
            kept.append(row)
    return tuple(np.array([row[part] for row in kept]) for part in range(3))


def _meet(one, other):
    return bool((np.minimum(one[2:], other[2:]) > np.maximum(one[:2], other[:2])).all())


def needs_boxes(members, weights):
    if any(len(scores) == 0 for _, scores, _ in members):
        raise IndexError("list index out of range")
    return fuse_boxes(members, weights)


def concatenates(members, weights):
    return tuple(np.concatenate([member[part] for member in members]) for part in range(3))


# Quantiles.


def falls(quantiles, levels, weights):
    return mean(quantiles, weights)[:, ::-1]


def spreads(quantiles, levels, weights):
    return mean(quantiles, weights) + 4 * (np.array(levels) - 0.5)


def pools_the_numbers(quantiles, levels, weights):
    return np.quantile(quantiles.transpose(1, 0, 2).reshape(quantiles.shape[1], -1), levels, axis=1).T


def equal_weights(quantiles, levels, weights):
    return quantiles.mean(axis=0)


def crosses(quantiles, levels, weights):
    return np.where(np.array(levels) > 0.5, quantiles.min(axis=0), quantiles.max(axis=0))


def scales_by_rows(quantiles, levels, weights):
    answer = mean(quantiles, weights)
    return answer - answer.mean(axis=0) + answer[0]


WRONG = [
    (first_member_wins, "probabilities", "order_of_members", {}),
    (plain, "probabilities", "weights_matter", {}),
    (sums, "probabilities", "valid_values", {}),
    (divides_by_members, "probabilities", "scale_of_weights", {}),
    (scales_over_rows, "probabilities", "rows_alone", {}),
    (needs_two, "probabilities", "answers", {}),
    (log_pool, "probabilities", "finite", {}),
    (weighs_in_place, "probabilities", "changes_nothing", {}),
    (draws, "probabilities", "same_answer_twice", {}),
    (loops, "probabilities", "answers", {"seconds": 0.1}),
    (transposes, "probabilities", "form", {}),
    (prefers_the_first_class, "probabilities", "order_of_classes", {}),
    (adds_one_to_weights, "probabilities", "zero_weight_is_absent", {}),
    (sharpens, "probabilities", "bounds", {}),
    (sorts_rows, "probabilities", "order_of_rows", {}),
    (absent_is_zero, "probabilities", "absent_is_left_out", {"absent": np.nan}),
    (first_of_most, "probabilities", "ties_stable", {}),
    (counts_in_order, "votes", "ties_stable", {}),
    (tosses_a_coin, "votes", "ties_stable", {}),
    (rounds_the_mean, "votes", "labels_among_inputs", {}),
    (vote, "votes", "ties_stated", {"ties": "largest"}),
    (counts_positions, "votes", "names_of_labels", {}),
    (overweighs, "votes", "duplicated_members", {"max_examples": 60}),
    (most_common_of_all, "votes", "rows_alone", {}),
    (gives_text, "votes", "form", {}),
    (leaves_ties_open, "votes", "finite", {}),
    (vote, "votes", "absent_is_left_out", {"absent": "", "labels": ("a", "b", "c")}),
    (zero_is_missing, "scores", "units", {}),
    (root_mean_square, "scores", "bounds", {}),
    (remembers, "scores", "same_answer_twice", {}),
    (adds, "scores", "duplicated_members", {"weighted": False}),
    (overflows, "scores", "finite", {}),
    (scores_the_catalogue, "rankings", "unseen_items", {}),
    (keeps_what_all_returned, "rankings", "all_items", {}),
    (absent_scores_zero, "rankings", "absent_never_gains", {"max_examples": 50}),
    (ranks_by_sorting, "rankings", "ties_stable", {}),
    (ranks_as_given, "rankings", "order_of_rows", {}),
    (scales_to_one, "rankings", "finite", {}),
    (queries_of_the_last, "rankings", "absent_queries", {}),
    (last_run_wins, "rankings", "order_of_members", {}),
    (whole_scores, "rankings", "units", {}),
    (returns_lists, "rankings", "form", {}),
    (averages_labels, "boxes", "labels_among_inputs", {}),
    (adds_scores, "boxes", "score_bounds", {}),
    (widens, "boxes", "bounds", {}),
    (merges_over_labels, "boxes", "labels_alone", {}),
    (first_come, "boxes", "order_of_members", {}),
    (highest_first, "boxes", "ties_stable", {}),
    (needs_boxes, "boxes", "answers", {}),
    (concatenates, "boxes", "unanimity", {}),
    (falls, "quantiles", "monotone", {}),
    (spreads, "quantiles", "bounds", {}),
    (pools_the_numbers, "quantiles", "unanimity", {}),
    (equal_weights, "quantiles", "weights_matter", {}),
    (crosses, "quantiles", "monotone", {}),
    (scales_by_rows, "quantiles", "rows_alone", {}),
]
"""(function, shape, the promise that it breaks, options)."""
