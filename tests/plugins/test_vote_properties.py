"""The rules over votes and ranks: no order of rows, classes or members changes a bit of the answer."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ensemblekit import Predictions, combine, fit_combiner
from ensemblekit_plugins.combiners.borda import Borda
from ensemblekit_plugins.combiners.voting import Voting

WEIGHTS = [0.1, 3, 0.7, 1e-3, 2]
BY_NAME = {f"m{k}": WEIGHTS[k] for k in (3, 1, 4, 0, 2)}
RULES = [
    ("voting", {}),
    ("voting", {"weights": BY_NAME}),
    ("borda", {}),
    ("borda", {"weights": BY_NAME}),
    ("dempster_shafer", {}),
    ("dempster_shafer", {"reliability": {name: weight / 3 for name, weight in BY_NAME.items()}}),
    ("rank_average", {}),
    ("rank_average", {"weights": BY_NAME, "n_quantiles": 5}),
    ("dawid_skene", {}),
    # On random votes a class may vanish, and the rule says so.
    pytest.param(
        "dawid_skene",
        {"use_labels": False, "max_iter": 5},
        marks=pytest.mark.filterwarnings("ignore::ensemblekit.errors.VanishedClassWarning"),
    ),
]
every_rule = pytest.mark.parametrize(("rule", "options"), RULES)


def draw(rng, n, n_classes, dtype, *, ties):
    probas = rng.dirichlet(np.ones(n_classes), (5, n))
    if ties:
        probas = rng.multinomial(6, np.full(n_classes, 1 / n_classes), (5, n)) / 6
    labels = rng.integers(0, n_classes, n)
    fields = {"ids": [f"i{i}" for i in range(n)], "classes": list("abcdefg"[:n_classes]), "labels": labels}
    return [Predictions(p.astype(dtype), member=f"m{k}", **fields) for k, p in enumerate(probas)]


def shuffled(p, rng):
    rows, columns = rng.permutation(len(p)), rng.permutation(len(p.classes))
    return Predictions(
        np.array(p.probas[rows][:, columns], order=rng.choice(["C", "F"])),
        ids=p.ids[rows],
        classes=[p.classes[c] for c in columns],
        labels=p.labels[rows],
        member=p.member,
        missing="renormalize",
    )


def answer(members, rule, options):
    return combine(members, fit_combiner(members, rule, missing="renormalize", **options), missing="renormalize")


@every_rule
@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.sampled_from([1, 7, 33, 501]),
    n_classes=st.integers(2, 7),
    dtype=st.sampled_from([np.float32, np.float64]),
    ties=st.booleans(),
    absent=st.booleans(),
)
def test_no_order_changes_a_bit(rule, options, seed, n, n_classes, dtype, ties, absent):
    rng = np.random.default_rng(seed)
    members = draw(rng, n, n_classes, dtype, ties=ties)
    if absent:
        members = [members[0], *(p.take(p.ids[(rng.random(n) < 0.6) | (np.arange(n) == 0)]) for p in members[1:])]
    expected = answer(members, rule, options)
    assert expected.probas.dtype == dtype
    moved = [shuffled(p, rng) for p in members]
    rng.shuffle(moved)
    result = answer(moved, rule, options).take(expected.ids)
    columns = [result.classes.index(c) for c in expected.classes]
    assert result.probas[:, columns].tobytes() == expected.probas.tobytes()


@every_rule
@given(seed=st.integers(0, 2**32 - 1), dtype=st.sampled_from([np.float32, np.float64]))
def test_a_row_alone_gives_the_bits_it_gives_among_others(rule, options, seed, dtype):
    rng = np.random.default_rng(seed)
    members = draw(rng, 33, 4, dtype, ties=bool(seed % 2))
    fitted = fit_combiner(members, rule, **options)
    whole = combine(members, fitted)
    for row in ("i0", "i13", "i32"):
        alone = combine([p.take([row]) for p in members], fitted)
        assert alone.probas.tobytes() == whole.take([row]).probas.tobytes()


@pytest.mark.parametrize("make", [Voting, Borda])
@given(seed=st.integers(0, 2**32 - 1), dtype=st.sampled_from([np.float16, np.float32, np.float64]))
def test_a_tie_has_one_winner(make, seed, dtype):
    rng = np.random.default_rng(seed)
    n_members = int(rng.integers(1, 9))
    member_probas = (rng.multinomial(4, np.full(3, 1 / 3), (n_members, 50)) / 4).astype(dtype)
    ordered = np.sort(make().combine(member_probas), axis=-1)
    assert (ordered[:, -1] > ordered[:, -2]).all()
    assert ordered.max() <= 1
    weighted = make(weights=rng.random(n_members) + 0.1).combine(member_probas)
    np.testing.assert_allclose(weighted.astype(float).sum(axis=-1), 1, atol=8 * np.finfo(dtype).eps)
