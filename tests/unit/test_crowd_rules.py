"""Rules of crowds: equal to crowd-kit's where the definitions are, and to what their formulas say."""

import warnings

import numpy as np
import pytest

from ensemblekit import Votes
from ensemblekit.crowd import (
    GLAD,
    KOS,
    MACE,
    RULES,
    OrdinalDawidSkene,
    Wawa,
    ZeroBasedSkill,
    aggregate_votes,
    rater_table,
)
from ensemblekit.crowd._sums import posterior_of
from ensemblekit.crowd.rules._answers import Answers
from ensemblekit.crowd.rules._steps import take_steps
from ensemblekit.errors import InvalidOptionError
from tests.unit.crowd_samples import crowd, frame

MODELS = ["wawa", "zero_based_skill", "glad", "mace", "kos", "ordinal_dawid_skene"]


@pytest.fixture
def peers(monkeypatch):
    """crowd-kit's rules, whose check that they are fitted calls scikit-learn as it was before 1.6."""
    import crowdkit.aggregation as aggregation
    from crowdkit.aggregation.classification import wawa, zero_based_skill

    for module in (wawa, zero_based_skill):
        monkeypatch.setattr(module, "check_is_fitted", lambda *_, **__: None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it calls pandas as it was
        yield aggregation


def probas_of(peer, votes):
    return peer.fit_predict_proba(frame(votes)).reindex(index=votes.items, columns=votes.classes).to_numpy()


@pytest.mark.slow  # crowd-kit takes seconds to import
def test_wawa_is_crowd_kits(peers):
    votes, _ = crowd(k=2, seed=1)  # five votes for two classes: no ties, which crowd-kit settles by the order of rows
    rule, peer = Wawa(), peers.Wawa()
    assert rule.aggregate(votes) == pytest.approx(probas_of(peer, votes), abs=1e-12)
    assert rule.skills_ == pytest.approx(peer.skills_.reindex(list(votes.raters)).to_numpy(), abs=1e-12)


def test_wawa_by_hand():
    # a and c: the majority says cat, of whom bo is none in c. b: a tie, and ann agrees with more majorities than bo.
    said = {"a": {"ann": "cat", "bo": "cat", "cy": "dog"}, "b": {"ann": "dog", "bo": "cat"}}
    said["c"] = {"ann": "cat", "bo": "dog", "cy": "cat"}
    rule = Wawa()
    posterior = rule.aggregate(Votes(said))
    assert rule.skills_.tolist() == pytest.approx([1, 1 / 3, 1 / 2])
    step = ZeroBasedSkill(n_iter=1)
    step.aggregate(Votes(said))
    assert step.skills_.tolist() == pytest.approx([1, 1 / 3, 1 / 2])
    assert posterior == pytest.approx(np.array([[8, 3], [3, 9], [9, 2]]) / [[11], [12], [11]])


@pytest.mark.slow
def test_zero_based_skill_is_crowd_kits(peers):
    votes, _ = crowd(n_items=30, k=2, seed=2)
    rule, peer = ZeroBasedSkill(n_iter=6, halve_every=2), peers.ZeroBasedSkill(n_iter=6, lr_steps_to_reduce=2)
    assert rule.aggregate(votes) == pytest.approx(probas_of(peer, votes), abs=1e-12)
    assert rule.skills_ == pytest.approx(peer.skills_.reindex(list(votes.raters)).to_numpy(), abs=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("method", ["vb", "em"])
def test_mace_is_crowd_kits_from_the_same_start(peers, method):
    votes, _ = crowd(n_items=20, seed=3)
    start = MACE(method=method)
    start._start(Answers(votes), 1)

    class AtRandom(MACE):
        def _start(self, answers, start):
            return super()._start(answers, start + 1)

    rule = AtRandom(method=method, max_iter=4, tol=0, class_prior="uniform")

    class Started(peers.MACE):
        def _initialize(self, n_workers, n_labels):
            super()._initialize(n_workers, n_labels)
            self.spamming_ = np.stack([start.spamming_, start.knowing_], axis=1)
            self.thetas_ = start.strategy_.copy()

    expected = probas_of(Started(method=method, n_restarts=1, n_iter=4), votes)
    assert rule.aggregate(votes) == pytest.approx(expected, abs=1e-12)


def test_mace_has_no_underflow_where_products_have():
    n = 3000
    said = {"item": ["a"] * n + ["b"] * n, "rater": [f"r{k}" for k in range(n)] * 2}
    said["label"] = ["yes" if k % 3 else "no" for k in range(n)] + ["no" if k % 3 else "yes" for k in range(n)]
    posterior = MACE(n_restarts=1, max_iter=3).aggregate(Votes(said))
    assert np.isfinite(posterior).all()
    assert posterior.argmax(axis=1).tolist() == [1, 0]


def test_mace_finds_spammers():
    votes, truth = crowd(n_items=200, n_raters=6, per_item=6, accuracy=[0.9, 0.9, 0.9, 0.9, 1 / 3, 1 / 3])
    rule = MACE()
    posterior = rule.aggregate(votes)
    assert (posterior.argmax(axis=1) == truth).mean() > 0.95
    assert rule.knowing_[:4].min() > 0.7 > 0.25 > rule.knowing_[4:].max()


def test_mace_learns_how_common_the_classes_are():
    votes, truth = crowd(n_items=300, k=2, per_item=3, accuracy=[0.75] * 8, seed=2)
    common = np.flatnonzero((truth == 0) | (np.arange(300) % 10 == 0))
    kept = np.isin(votes.item, common)
    table = {"item": votes.item[kept], "rater": votes.rater[kept], "label": votes.choice[kept]}
    learned, uniform = MACE(), MACE(class_prior="uniform")
    found, other = (rule.aggregate(Votes(table)).argmax(axis=1) for rule in (learned, uniform))
    assert learned.prior_ == pytest.approx([0.9, 0.1], abs=0.1)
    assert uniform.prior_.tolist() == [0.5, 0.5]
    assert (found == truth[common]).mean() > (other == truth[common]).mean() + 0.05


def test_the_likelihood_of_mace_is_that_of_its_formula():
    votes, _ = crowd(n_items=6, k=3, per_item=3, seed=1)
    answers, rule = Answers(votes), MACE()
    rule._start(answers, 1)
    rule.prior_ = np.array([0.5, 0.3, 0.2])
    posterior, likelihood = rule._expect(answers)
    joint = np.tile(rule.prior_, (6, 1))
    for i, r, k in zip(votes.item, votes.rater, votes.choice, strict=True):
        joint[i] *= rule.knowing_[r] * (np.arange(3) == k) + rule.spamming_[r] * rule.strategy_[r, k]
    assert posterior == pytest.approx(joint / joint.sum(axis=1, keepdims=True))
    assert likelihood == pytest.approx(np.log(joint.sum(axis=1)).sum())


def test_of_several_starts_mace_keeps_the_most_probable():
    votes, _ = crowd(n_items=40, k=3, per_item=3, seed=0, accuracy=[0.9, 0.8, 0.5, 0.3, 0.3, 0.2, 0.2, 0.1])
    answers, rule = Answers(votes), MACE(n_restarts=6, tol=1e-9, max_iter=300)
    each = [rule._climb(answers, rule._start(answers, start)) for start in range(6)]
    likelihoods = [likelihood for _, likelihood in each]
    assert np.ptp(likelihoods) > 0.01  # they do not all reach the same point
    assert (rule.aggregate(votes) == each[int(np.argmax(likelihoods))][0]).all()


def test_glad_is_at_a_maximum():
    # Where the posterior of abilities and easiness is largest, their gradients by the formulas of the paper are 0.
    votes, _ = crowd(n_items=25, seed=4)
    rule = GLAD(tol=1e-15, max_iter=2000)
    posterior = rule.aggregate(votes)
    off = posterior[votes.item, votes.choice]
    off = off - 1 / (1 + np.exp(-rule.ability_[votes.rater] * rule.easiness_[votes.item]))
    by_rater = np.bincount(votes.rater, off * rule.easiness_[votes.item]) - (rule.ability_ - 1)
    easier = np.bincount(votes.item, off * rule.ability_[votes.rater] * rule.easiness_[votes.item])
    assert by_rater == pytest.approx(0, abs=1e-4)
    assert easier - (np.log(rule.easiness_) - 1) == pytest.approx(0, abs=1e-4)


def test_glad_does_not_turn_the_votes_of_many_classes_round():
    # Of six classes good raters can be right less than half of the time, and a negative ability explains that too.
    votes, truth = crowd(n_items=120, n_raters=8, k=6, per_item=8, seed=2, accuracy=[0.45] * 8)
    voted = (aggregate_votes(votes).predictions.probas.argmax(axis=1) == truth).mean()
    assert (GLAD().aggregate(votes).argmax(axis=1) == truth).mean() >= voted - 0.05 > 0.7


@pytest.mark.slow
def test_glad_reaches_crowd_kits_maximum(peers):
    votes, _ = crowd(n_items=6, n_raters=4, per_item=4, seed=5)
    peer = peers.GLAD(n_iter=10, tol=-1e9, m_step_max_iter=30, m_step_tol=1e-6)
    expected = probas_of(peer, votes)
    rule = GLAD(tol=1e-15, max_iter=2000)
    assert rule.aggregate(votes) == pytest.approx(expected, abs=2e-3)
    assert rule.ability_ == pytest.approx(peer.alphas_.reindex(list(votes.raters)).to_numpy(), abs=5e-3)


@pytest.mark.slow
def test_kos_answers_as_crowd_kit(peers):
    votes, truth = crowd(n_items=40, k=2, seed=6, accuracy=[0.9, 0.9, 0.8, 0.8, 0.7, 0.7, 0.2, 0.2])
    found = KOS(pooling=0).aggregate(votes).argmax(axis=1)
    expected = peers.KOS(n_iter=60).fit_predict(frame(votes)).reindex(votes.items).astype(int).to_numpy()
    assert found.tolist() == expected.tolist()
    assert (found == truth).mean() > 0.9


def test_kos_turns_the_votes_of_adversaries_round():
    votes, truth = crowd(n_items=100, k=2, per_item=8, accuracy=[0.9] * 5 + [0.1] * 3)
    rule = KOS()
    assert (rule.aggregate(votes).argmax(axis=1) == truth).all()
    assert rule.skills_[:5].min() > 0 > rule.skills_[5:].max()


@pytest.mark.parametrize("seed", range(3))
def test_kos_agrees_with_more_votes_than_not_whatever_its_first_messages(seed):
    for of in range(4):
        votes, _ = crowd(n_items=30, n_raters=6, per_item=4, k=2, seed=of, accuracy=[0.7] * 6)
        answer = KOS(seed=seed).aggregate(votes).argmax(axis=1)
        assert (answer[votes.item] == votes.choice).mean() >= 0.5


def test_kos_tells_nobody_their_own_message():
    votes, _ = crowd(n_items=8, n_raters=4, per_item=3, k=2, seed=11)
    rule = KOS(n_iter=1, pooling=0)
    sign, message = 2 * votes.choice - 1, rule._start(len(votes))
    pairs = list(zip(votes.item, votes.rater, sign, message, strict=True))
    inferred = [sum(s * m for j, q, s, m in pairs if j == i and q != r) for i, r, _, _ in pairs]
    told = list(zip(votes.item, votes.rater, sign, inferred, strict=True))
    replies = np.array([sum(s * x for j, q, s, x in told if q == r and j != i) for i, r, _, _ in told])
    score = np.bincount(votes.item, sign * replies) / np.bincount(votes.item, np.abs(replies))
    assert rule.aggregate(votes)[:, 1] == pytest.approx((1 + score) / 2)


def test_kos_is_not_below_the_majority_where_raters_have_few_votes():
    alone, lent = [], []
    for seed in range(12):
        votes, truth = crowd(n_items=60, n_raters=40, k=2, per_item=3, seed=seed)
        majority = aggregate_votes(votes).predictions.probas.argmax(axis=1)
        of = [aggregate_votes(votes, "kos", pooling=n).predictions.probas.argmax(axis=1) for n in (0, 10)]
        for gains, found in zip((alone, lent), of, strict=True):
            gains.append((found == truth).mean() - (majority == truth).mean())
    assert np.mean(alone) < -0.02
    assert np.mean(lent) > 0


def test_kos_refuses_three_classes():
    with pytest.raises(InvalidOptionError, match=r"kos needs two classes; received 3: \['0', '1', '2'\]\. Take 'glad'"):
        KOS().aggregate(crowd(n_items=5)[0])


def test_kos_of_items_without_a_second_rater_is_a_plain_vote():
    posterior = KOS().aggregate(Votes({"a": {"r": "no"}, "b": {"s": "yes"}}))
    assert posterior.tolist() == [[1, 0], [0, 1]]


def test_ordinal_raters_have_their_bias_and_spread():
    votes, truth = crowd(n_items=400, k=5, per_item=8, ordinal=True)
    rule = OrdinalDawidSkene()
    posterior = rule.aggregate(votes)
    off = votes.choice - truth[votes.item]
    bias = np.bincount(votes.rater, off) / np.bincount(votes.rater)
    spread = np.sqrt(np.bincount(votes.rater, off**2) / np.bincount(votes.rater))
    assert rule.bias_ == pytest.approx(bias, abs=0.1)
    assert rule.spread_ == pytest.approx(spread, abs=0.15)
    assert (posterior.argmax(axis=1) == truth).mean() > 0.9


def test_ordinal_is_right_more_often_than_full_matrices_with_few_votes():
    gains = []
    for seed in range(4):
        votes, truth = crowd(n_items=80, n_raters=16, k=6, per_item=4, seed=seed, ordinal=True)
        ours, full = (aggregate_votes(votes, rule).predictions for rule in ("ordinal_dawid_skene", "dawid_skene"))
        gains.append((ours.probas.argmax(axis=1) == truth).mean() - (full.probas.argmax(axis=1) == truth).mean())
    assert np.mean(gains) > 0.02


def test_ordinal_needs_the_order_of_words():
    said = {"a": {"r": "low", "s": "mid"}, "b": {"r": "high", "s": "high"}}
    with pytest.raises(InvalidOptionError, match=r"needs the order of the classes, as they are not all numbers"):
        OrdinalDawidSkene().aggregate(Votes(said))
    with pytest.raises(InvalidOptionError, match=r"order must be all classes from the lowest to the highest"):
        OrdinalDawidSkene(order=["low", "high"]).aggregate(Votes(said))
    posterior = OrdinalDawidSkene(order=["low", "mid", "high"]).aggregate(Votes(said))
    high, low, mid = posterior[0]
    assert mid > high
    assert low > high  # between low and mid, so high is far


def test_numbers_are_ordered_as_numbers():
    said = {"a": {"r": "2", "s": "2"}, "b": {"r": "10", "s": "10"}, "c": {"r": "9", "s": "10"}}
    by_default, as_numbers, as_text = (
        OrdinalDawidSkene(order=order).aggregate(Votes(said)).tolist()
        for order in (None, ["2", "9", "10"], ["10", "2", "9"])
    )
    assert by_default == as_numbers != as_text


@pytest.mark.parametrize("rule", MODELS)
def test_abstained_failed_and_absent_say_nothing(rule):
    votes, _ = crowd(n_items=12, k=2, seed=7)
    table = {
        "item": [*votes.items[votes.item], "i000", "i001"],
        "rater": [*np.array(votes.raters)[votes.rater], "new", "new"],
        "label": [*np.array(votes.classes)[votes.choice], "unsure", "### 7"],
    }
    more = Votes(table, classes=["0", "1"], abstained=["unsure"], unknown="failed")
    one, other = (aggregate_votes(v, rule).predictions.probas for v in (votes, more))
    assert one == pytest.approx(other, abs=1e-4)  # GLAD's search has one parameter more


@pytest.mark.parametrize("rule", sorted(set(RULES) - {"weighted"}))
@pytest.mark.parametrize("table", [[], [(1, "a", "?"), (2, "b", "?"), (2, "a", "?")]], ids=["no votes", "no answers"])
def test_where_nobody_answered_there_is_no_prediction_and_no_skill(rule, table):
    columns = dict(zip(("item", "rater", "label"), zip(*table, strict=True) if table else ([], [], []), strict=True))
    votes = Votes(columns, classes=[0, 1], abstained=["?"])
    found = aggregate_votes(votes, rule)
    assert found.predictions.probas.shape == (len(votes.items), 2)
    assert np.isnan(found.predictions.probas).all()
    assert np.isnan(found.skills["skill"]).all()
    if rule != "ordinal_dawid_skene":
        assert np.isnan(rater_table(votes, rule)["agreement"]).all()


@pytest.mark.parametrize("rule", [m for m in MODELS if m != "kos"])
def test_known_labels_are_certain_and_teach(rule):
    votes, truth = crowd(n_items=60, seed=8, accuracy=[0.05] * 5 + [0.9] * 3, gold=True)
    found = aggregate_votes(votes, rule)
    assert found.predictions.probas[np.arange(60), truth].tolist() == [1] * 60
    skills = found.skills["skill"].to_numpy()
    assert skills[:5].max() < skills[5:].min()


@pytest.mark.parametrize("rule", MODELS)
def test_no_order_of_votes_changes_a_bit(rule):
    votes, _ = crowd(n_items=15, k=2, seed=9)
    backwards = {
        "item": votes.items[votes.item][::-1],
        "rater": np.array(votes.raters)[votes.rater][::-1],
        "label": np.array(votes.classes)[votes.choice][::-1],
    }
    one, other = (aggregate_votes(v, rule).predictions.probas for v in (votes, Votes(backwards)))
    assert one.tobytes() == other.tobytes()


@pytest.mark.parametrize("rule", [m for m in MODELS if m != "zero_based_skill"])
def test_weights_of_one_change_nothing_and_heavy_votes_lead(rule):
    votes, _ = crowd(n_items=10, k=2, seed=10)
    table = {
        "item": votes.items[votes.item],
        "rater": np.array(votes.raters)[votes.rater],
        "label": np.array(votes.classes)[votes.choice],
        "weight": np.ones(len(votes)),
    }
    ones = Votes(table, weight="weight")
    same, expected = (aggregate_votes(v, rule).predictions.probas.tolist() for v in (ones, votes))
    assert same == expected
    heavy = Votes(table | {"weight": np.where(votes.rater == 0, 50.0, 1.0)}, weight="weight")
    found = aggregate_votes(heavy, rule).predictions.probas
    theirs = votes.rater == 0
    agree = (found.argmax(axis=1)[votes.item] == votes.choice)[theirs].mean()
    assert agree > 0.85 or rule == "mace"  # a heavy vote that spams is heavy spam


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: ZeroBasedSkill(step=0), r"step must be a finite number > 0 and <= 1; received 0"),
        (lambda: ZeroBasedSkill(n_iter=1.5), r"n_iter must be a whole number >= 1; received 1\.5"),
        (lambda: GLAD(max_iter=0), r"max_iter must be a whole number >= 1; received 0"),
        (lambda: GLAD(tol=10**400), r"tol must be a finite number >= 0; received 1000"),
        (lambda: MACE(method="gibbs"), r"method must be one of 'vb', 'em'; received 'gibbs'"),
        (lambda: MACE(smoothing=float("nan")), r"smoothing must be a finite number > 0; received nan"),
        (lambda: KOS(seed=-1), r"seed must be a whole number >= 0; received -1"),
        (lambda: OrdinalDawidSkene(prior_scale=True), r"prior_scale must be a finite number > 0; received True"),
    ],
    ids=["step", "n_iter", "max_iter", "huge", "method", "smoothing", "seed", "prior_scale"],
)
def test_wrong_options_are_refused(make, text):
    with pytest.raises(InvalidOptionError, match=text):
        make()


@pytest.mark.parametrize(
    ("values", "expected"),
    [([-4, -2, -1, -0.95, 0], (4, True)), ([-4, -4, 0], (2, True)), ([-4, -1, -2, -3, -4], (5, False))],
)
def test_steps_end_where_one_changes_little_up_or_down(values, expected):
    told = iter(values)
    assert take_steps(lambda: next(told), max_iter=5, tol=0.05, total=2) == expected


def test_every_rule_in_steps_ends_by_the_same_measure():
    votes, _ = crowd(n_items=80, k=3, seed=3)
    for rule in ("dawid_skene", "one_coin", "mace", "ordinal_dawid_skene"):
        few, more = (aggregate_votes(votes, rule, tol=tol) for tol in (1e-2, 1e-5))
        all_of_them = aggregate_votes(
            votes, rule, tol=0 if rule in ("mace", "ordinal_dawid_skene") else -1, max_iter=20
        )
        assert 1 < few.n_iter <= more.n_iter < 100
        assert few.converged
        assert (all_of_them.n_iter, all_of_them.converged) == (20, False)


def test_every_rule_has_a_name():
    assert set(MODELS) < set(RULES)


def test_a_known_label_is_certain_and_its_own_score_is_the_evidence():
    posterior, evidence = posterior_of(np.log([[1.0, 3.0], [2.0, 5.0]]), np.array([-1, 0]))
    assert posterior == pytest.approx(np.array([[0.25, 0.75], [1, 0]]))
    assert np.exp(evidence) == pytest.approx([4, 2])
