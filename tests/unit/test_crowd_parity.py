"""Each rule against crowd-kit's, whose answers are computed here."""

import numpy as np
import pandas as pd
import pytest

from ensemblekit import Votes
from ensemblekit.crowd import aggregate_votes

pytestmark = [
    pytest.mark.slow,  # crowd-kit takes seconds to import
    pytest.mark.filterwarnings("ignore"),  # crowd-kit's own
]


def crowd(seed, n_items=60, n_raters=9, n_classes=4):
    """A long table of crowd-kit's in which three of nine raters vote on each item."""
    rng = np.random.default_rng(seed)
    raters = np.argsort(rng.random((n_items, n_raters)), axis=1)[:, :3]
    truth = rng.integers(n_classes, size=n_items)
    right = rng.random(raters.shape) < 0.4 + 0.06 * raters
    labels = np.where(right, truth[:, np.newaxis], rng.integers(n_classes, size=raters.shape))
    table = {"task": np.repeat(np.arange(n_items), 3), "worker": raters.ravel(), "label": labels.ravel()}
    return pd.DataFrame(table).sample(frac=1, random_state=seed)


def untied(table):
    """Leave out items on which all raters differ: of equals, crowd-kit takes the label that came first."""
    return table[table.groupby("task")["label"].transform("nunique") < 3]


@pytest.mark.parametrize("seed", range(3))
def test_votes_and_skills_are_those_of_crowd_kit(seed):
    peer = pytest.importorskip("crowdkit.aggregation").MajorityVote()
    table = untied(crowd(seed))
    theirs = peer.fit_predict_proba(table).sort_index().sort_index(axis=1)
    result = aggregate_votes(Votes(table))
    assert result.predictions.ids.tolist() == theirs.index.tolist()
    np.testing.assert_allclose(result.predictions.probas, theirs, rtol=1e-10)
    np.testing.assert_allclose(result.skills["skill"], peer.skills_.sort_index(), rtol=1e-10)
    assert result.predictions.predicted.tolist() == peer.labels_.sort_index().tolist()
    weights = pd.Series(np.random.default_rng(seed).random(9), index=range(9))
    weights.index.name = "worker"
    theirs = peer.fit_predict_proba(table, weights).sort_index().sort_index(axis=1)
    np.testing.assert_allclose(
        aggregate_votes(Votes(table), "weighted", weights=weights).predictions.probas, theirs, rtol=1e-10
    )


def errors_of(theirs, n_classes=4):
    """Lay out crowd-kit's error matrices as ours; a label that a worker never gave has none."""
    table = theirs.errors_.reset_index().set_index(["worker", "label"]).sort_index()
    full = table.reindex(pd.MultiIndex.from_product([range(9), range(n_classes)]), fill_value=0)[[*range(n_classes)]]
    return full.to_numpy().reshape(9, n_classes, n_classes).transpose(0, 2, 1)


@pytest.mark.parametrize("gold", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_dawid_skene_is_that_of_crowd_kit(seed, gold):
    peer = pytest.importorskip("crowdkit.aggregation").DawidSkene(n_iter=30, tol=-np.inf)
    table = crowd(seed)
    known = pd.Series({3: 0, 17: 2, 40: 3, 41: 1}, name="gold").rename_axis("task") if gold else None
    theirs = peer.fit_predict_proba(table, known).sort_index().sort_index(axis=1)
    result = aggregate_votes(Votes(table, gold=known), "dawid_skene", pooling=0, max_iter=30, tol=-np.inf)
    np.testing.assert_allclose(result.predictions.probas, theirs, atol=1e-10)
    np.testing.assert_allclose(result.fitted.prior_, peer.priors_.sort_index(), atol=1e-10)
    np.testing.assert_allclose(result.fitted.confusions_, errors_of(peer), atol=1e-10)
    assert (result.n_iter, result.converged) == (30, False)


@pytest.mark.parametrize("seed", range(3))
def test_one_coin_is_that_of_crowd_kit(seed):
    peer = pytest.importorskip("crowdkit.aggregation").OneCoinDawidSkene(n_iter=30, tol=-np.inf)
    table = crowd(seed)
    theirs = peer.fit_predict_proba(table).sort_index().sort_index(axis=1)
    result = aggregate_votes(Votes(table), "one_coin", pooling=0, max_iter=30, tol=-np.inf)
    np.testing.assert_allclose(result.predictions.probas, theirs, atol=1e-10)
    np.testing.assert_allclose(result.skills["skill"], peer.skills_.sort_index(), atol=1e-10)
