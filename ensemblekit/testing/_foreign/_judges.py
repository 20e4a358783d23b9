"""How answers are judged. The source of these functions is part of each counter-example, so they use NumPy alone."""

# pyright: basic
import numpy as np

__all__ = ["JUDGES"]


def same_numbers(first, second):
    return np.shape(first) == np.shape(second) and np.allclose(first, second)


def same_labels(first, second):
    return list(np.asarray(first)) == list(np.asarray(second))


def ranking(scores):
    rounded = {item: round(float(score), 9) for item, score in scores.items()}
    return [sorted(i for i in rounded if rounded[i] == score) for score in sorted(set(rounded.values()), reverse=True)]


def same_rankings(first, second):
    return {q: ranking(first[q]) for q in first if first[q]} == {q: ranking(second[q]) for q in second if second[q]}


def same_boxes(first, second):
    def table(answer):
        boxes, scores, labels = (np.asarray(part, dtype=float) for part in answer)
        rows = np.column_stack([labels, scores, boxes.reshape(-1, 4)])
        return rows[np.lexsort(np.round(rows, 4).T[::-1])]

    first, second = table(first), table(second)
    return first.shape == second.shape and np.allclose(first, second)


def within(answer, members):
    low, high = np.nanmin(members, axis=0), np.nanmax(members, axis=0)
    slack = 1e-5 * np.maximum(np.abs(low), np.abs(high)) + 1e-8
    return bool(((low - slack <= answer) & (answer <= high + slack)).all())


def distributions(answer):
    answer = np.asarray(answer)
    return bool((answer >= -1e-6).all() and (np.abs(answer.sum(axis=-1) - 1) < 1e-5).all())


def among(answer, labels):
    return all(label in list(column) for label, column in zip(np.asarray(answer), np.asarray(labels).T, strict=True))


def increasing(answer):
    return bool((np.diff(answer, axis=-1) >= -1e-6).all())


def only_seen(answer, runs):
    return all(item in {i for run in runs for i in run.get(q, {})} for q in answer for item in answer[q])


def all_seen(answer, runs):
    return all(item in answer.get(q, {}) for run in runs for q in run for item in run[q])


def gained(first, second, query, item):
    before, after = first.get(query, {}), second.get(query, {})
    return item in after and any(
        before[item] < before[other] - 1e-9 and after[item] > after[other] + 1e-9
        for other in before
        if other in after and item in before
    )


def lowest_first(scores, order):
    return all(scores[better] > scores[worse] for better, worse in zip(order[:-1], order[1:], strict=True))  # noqa: RUF007


def boxes_within(answer, members):
    for box, label in zip(answer[0], answer[2], strict=True):
        near = np.concatenate([np.asarray(b).reshape(-1, 4)[np.asarray(k) == label] for b, _, k in members])
        if not len(near) or (box < near.min(axis=0) - 1e-6).any() or (box > near.max(axis=0) + 1e-6).any():
            return False
    return True


def scores_within(answer, members):
    highest = max((float(score) for _, scores, _ in members for score in scores), default=0.0)
    return all(0 < score <= highest + 1e-6 for score in answer[1])


def labels_within(answer, members):
    return set(map(float, answer[2])) <= {float(label) for _, _, labels in members for label in labels}


def boxes_of(answer, label):
    boxes, scores, labels = (np.asarray(part) for part in answer)
    return boxes[labels == label], scores[labels == label], labels[labels == label]


JUDGES = {
    judge.__name__: judge
    for judge in (
        same_numbers, same_labels, ranking, same_rankings, same_boxes, within, distributions, among, increasing,
        only_seen, all_seen, gained, lowest_first, boxes_within, scores_within, labels_within, boxes_of,
    )
}  # fmt: skip
"""Name -> function, in an order in which each stands after those that it calls."""
