"""Functions as others write them: right ones, one or more a shape."""

import numpy as np


def mean(member_probas, weights):
    return np.average(member_probas, axis=0, weights=weights)


def present_mean(member_probas, weights):
    weights = weights[:, None] * ~np.isnan(member_probas[..., 0])
    return np.einsum("mr,mrc->rc", weights, np.nan_to_num(member_probas)) / weights.sum(axis=0)[:, None]


def vote(labels, weights):
    names = np.unique(labels)
    return names[np.argmax([(weights[:, None] * (labels == name)).sum(axis=0) for name in names], axis=0)]


def vote_of_those_who_came(labels, weights):
    names = sorted({label for label in labels.ravel() if label != ""})
    totals = [(weights[:, None] * (labels == name)).sum(axis=0) for name in names]
    return [names[best] for best in np.argmax(totals, axis=0)]


def median(member_scores):
    return np.median(member_scores, axis=0)


def reciprocal_ranks(runs, weights):
    fused = {}
    for run, weight in zip(runs, weights, strict=True):
        for query, items in run.items() if weight else ():
            found = fused.setdefault(query, {})
            for item, score in items.items():
                rank = 1 + sum(other > score for other in items.values())
                found[item] = found.get(item, 0.0) + weight / (60 + rank)
    return fused


def overlap(one, other):
    sides = np.minimum(one[2:], other[2:]) - np.maximum(one[:2], other[:2])
    return bool((sides > 0).all())


def fuse_boxes(members, weights):
    """Merge what overlaps, within a label, whatever the order."""
    rows = [
        (box, score, label, weight)
        for (boxes, scores, labels), weight in zip(members, weights, strict=True)
        for box, score, label in zip(boxes, scores, labels, strict=True)
        if weight
    ]
    group = list(range(len(rows)))
    for i, one in enumerate(rows):
        for j, other in enumerate(rows):
            if one[2] == other[2] and overlap(one[0], other[0]):
                group = [group[i] if g == group[j] else g for g in group]
    boxes, scores, labels = [], [], []
    for name in sorted(set(group)):
        parts = [row for row, g in zip(rows, group, strict=True) if g == name]
        mass = [score * weight for _, score, _, weight in parts]
        boxes.append(np.average([box for box, _, _, _ in parts], axis=0, weights=mass))
        scores.append(sum(mass) / sum(weight for *_, weight in parts))
        labels.append(parts[0][2])
    return np.array(boxes).reshape(-1, 4), np.array(scores), np.array(labels)


def vincent(member_quantiles, levels, weights):
    return np.average(member_quantiles, axis=0, weights=weights)


RIGHT = {
    "mean": (mean, "probabilities", {}),
    "present_mean": (present_mean, "probabilities", {"absent": np.nan}),
    "vote": (vote, "votes", {"ties": "smallest"}),
    "vote of text": (vote, "votes", {"labels": ("cat", "dog", "eel")}),
    "vote_of_those_who_came": (vote_of_those_who_came, "votes", {"absent": "", "labels": ("a", "b", "c")}),
    "mean of scores": (mean, "scores", {}),
    "median": (median, "scores", {"weighted": False}),
    "reciprocal_ranks": (reciprocal_ranks, "rankings", {"ties": "shared"}),
    "fuse_boxes": (fuse_boxes, "boxes", {}),
    "vincent": (vincent, "quantiles", {}),
}
"""Name -> (function, shape, options)."""
