"""The benchmark of crowds draws what it says, compares rule by rule, and finds none of ours below crowd-kit's."""

import numpy as np
import pytest

from benchmarks import crowd_kinds, crowds


@pytest.mark.parametrize("kind", crowds.KINDS)
def test_every_kind_of_crowd_is_drawn(kind):
    table, truth = crowds.draw(kind, 0, n_items=400, n_raters=30, per_item=5)
    assert not table.duplicated(["task", "worker"]).any()
    assert (len(table), table["worker"].nunique(), table["label"].nunique()) == (2000, 30, 4)
    right = (table["label"] == truth[table["task"]].to_numpy()).groupby(table["worker"]).mean()
    assert 0.4 < right.mean() < 0.9
    assert ((right < 0.3).sum() > 3) == (kind in ("spammers", "adversaries"))


class Wrong(crowds.Peer):
    """A peer that labels all items alike."""

    def run(self, table):
        labels = crowds.ours(table, self.rule)
        return labels * 0


def test_the_table_has_a_row_for_each_kind_and_rule():
    found = crowds.accuracies(2, [Wrong("majority", "MajorityVote")])
    assert found["kind"].tolist() == list(crowds.KINDS)
    assert (found["ours"] > 0.6).all()
    assert (found["crowd-kit"] < 0.7).all()
    np.testing.assert_allclose(found["difference"], found["ours"] - found["crowd-kit"])


class Counted(Wrong):
    """A peer that counts its calls."""

    calls = 0

    def run(self, table):
        Counted.calls += 1
        return super().run(table)


def test_what_the_peer_had_right_is_kept_and_ours_is_computed_anew(tmp_path, monkeypatch):
    monkeypatch.setattr(crowds, "KINDS", {"one coin": crowds.KINDS["one coin"], "confused": crowds.KINDS["confused"]})
    keep, peers = tmp_path / "kept.jsonl", [Counted("majority", "MajorityVote")]
    first = crowds.accuracies(1, peers, keep=keep)
    again = crowds.accuracies(2, peers, keep=keep)
    assert Counted.calls == 4  # two kinds, the second crowd of each
    assert len(keep.read_text().splitlines()) == 4
    assert first["crowds"].tolist() == [1, 1]
    assert again["crowds"].tolist() == [2, 2]
    monkeypatch.setattr(crowds, "ours", lambda table, rule: crowds.aggregate_votes(crowds.Votes(table)).predictions)
    with pytest.raises(AttributeError):
        crowds.accuracies(2, peers, keep=keep)
    assert Counted.calls == 4


def test_rules_that_take_the_peer_long_have_fewer_crowds(monkeypatch):
    monkeypatch.setattr(crowds, "KINDS", {"one coin": crowds.KINDS["one coin"]})
    peers = [Wrong("majority", "MajorityVote"), Wrong("wawa", "Wawa", dear=2)]
    assert crowds.accuracies(4, peers)["crowds"].tolist() == [4, 2]
    assert crowds.accuracies(4, peers, whole=True)["crowds"].tolist() == [4, 4]


def test_names_of_classes_are_shuffled_on_request():
    plain, mixed = (crowds.draw("confused", 3, mixed=mixed) for mixed in (False, True))
    assert plain.truth.value_counts().index[0] == 0
    assert sorted(plain.truth.value_counts()) == sorted(mixed.truth.value_counts())
    assert mixed.truth.value_counts().index[0] != 0
    right = [(d.table["label"] == d.truth[d.table["task"]].to_numpy()).to_numpy() for d in (plain, mixed)]
    assert (right[0] == right[1]).all()


def test_other_crowds_are_of_every_kind_and_differ_in_size():
    drawn = [crowds.draw_any(seed) for seed in range(60)]
    assert {kind for kind, _ in drawn} == set(crowd_kinds.OTHERS)
    assert len({len(d.truth) for _, d in drawn}) == 3
    for _, (table, truth) in drawn:
        assert not table.duplicated(["task", "worker"]).any()
        assert table["task"].nunique() == len(truth)
        assert (table["label"].to_numpy() == truth[table["task"]].to_numpy()).mean() > 1 / 9
    assert drawn[7][1].table.equals(crowds.draw_any(7)[1].table)


def test_the_table_of_a_page_is_replaced():
    found = crowds.accuracies(2, [Wrong("majority", "MajorityVote")])
    page = crowds.into_page(f"before\n{crowds.BEGIN}\nold\n{crowds.END}\nafter\n", found)
    assert page.startswith(f"before\n{crowds.BEGIN}\n\n| rule | crowds | one coin | confused |")
    assert page.endswith(f"\n{crowds.END}\nafter\n")
    assert "old" not in page
    row = found.iloc[0]
    assert f"| `majority` | 2 | {100 * row['difference']:+.2f} ({100 * row['standard error']:.2f}) |" in page
    assert crowds.into_page(page, found) == page


def test_larger_crowds_are_measured(monkeypatch):
    monkeypatch.setattr(crowds, "SIZES", {"small": (40, 9, 3), "large": (80, 9, 3)})
    monkeypatch.setattr(crowds, "PEERS_UP_TO", 150)
    found = crowds.costs([Wrong("majority", "MajorityVote")])
    assert found["crowd"].tolist() == ["small", "large"]
    assert (found["ours, s"] > 0).all()
    assert found["crowd-kit, s"].isna().tolist() == [False, True]
    assert crowds.costs([Wrong("majority", "MajorityVote", large=False)])["crowd"].tolist() == ["small"]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # crowd-kit calls pandas as it was
def test_no_rule_is_below_crowd_kits():
    pytest.importorskip("crowdkit")
    quick = [peer for peer in crowds.PEERS if peer.rule in ("majority", "dawid_skene")]
    found = crowds.accuracies(2, quick)
    assert (found["difference"] > -0.005).all(), found.to_string()
