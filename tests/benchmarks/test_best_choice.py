"""The preset ``best``: the rule that is chosen, and what a run leaves."""

import json
import sys
import warnings
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from benchmarks.ctscan import main
from benchmarks.study.best.candidates import KINDS, Candidate
from benchmarks.study.best.choice import BACKBONES, BEST_MEMBER, choose_rule, make_rules
from ensemblekit import LeakageError, Predictions, align, combine, load_plugins
from tests.small_study import draw

REGISTRY = load_plugins()


def three_heads(n=120, *, split=None):
    """One candidate that knows most, one that knows something, and one that knows nothing."""
    rng = np.random.default_rng(0)
    codes = np.arange(n) % 3
    rows = []
    for name, strength in (("a.max.weak", 1.0), ("a.max.strong", 3.0), ("b.max.blind", 0.0)):
        scores = rng.normal(size=(n, 3)) + strength * np.eye(3)[codes]
        probas = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
        fields = {"ids": [f"train/{k}" for k in range(n)], "classes": ["a", "b", "c"], "split": split}
        rows.append(Predictions(probas, labels=np.array(["a", "b", "c"])[codes], member=name, **fields))
    candidates = [Candidate(p.member, p.member.rpartition(".")[0], "head") for p in rows]
    return align(rows), candidates, {row: k // 2 for k, row in enumerate(rows[0].ids.tolist())}


def test_backbones_weigh_the_same_however_many_candidates_they_have():
    predictions, candidates, _ = three_heads()
    rules = make_rules(candidates, REGISTRY)
    fitted = rules[BACKBONES]
    assert fitted.weights == {"a.max.weak": 0.5, "a.max.strong": 0.5, "b.max.blind": 1.0}
    assert f"{BACKBONES}, calibrated" in rules
    assert BACKBONES not in make_rules(candidates[1:], REGISTRY)  # equal weights are that already
    assert predictions.members == ("a.max.weak", "a.max.strong", "b.max.blind")


def test_the_choice_names_the_best_member_and_predicts_every_row():
    predictions, candidates, groups = three_heads()
    chosen = choose_rule(predictions, candidates, groups, REGISTRY, 0)
    assert chosen.best_member == "a.max.strong"
    assert chosen.rule in {BEST_MEMBER, "mean", *make_rules(candidates, REGISTRY)}
    assert sorted(chosen.out_of_fold.ids) == sorted(predictions.ids)
    assert {"a.max.strong", "mean"} <= set(chosen.table["candidate"])


@pytest.mark.parametrize(("member", "rule"), [("a.max.strong", BEST_MEMBER), ("a.max.weak", "mean")])
def test_equal_weights_stay_unless_what_is_picked_is_clearly_better(monkeypatch, member, rule):
    predictions, candidates, groups = three_heads()
    mean = combine(predictions, "mean")
    picked = SimpleNamespace(
        name=member,
        best_member=member,
        sentence="as picked.",
        notes=(),
        out_of_fold={"choice": predictions[member], "mean": mean, member: predictions[member]},
        table=pd.DataFrame({"candidate": ["mean"]}),
    )
    monkeypatch.setattr("ensemblekit.choosing.choose", lambda *_, **__: picked)
    chosen = choose_rule(predictions, candidates, groups, REGISTRY, 0)
    assert chosen.rule == rule
    assert chosen.sentences[0] == "ensemblekit.choose: as picked."
    assert ("equal weights stay" in chosen.sentences[1]) is (rule == "mean")
    np.testing.assert_array_equal(chosen.out_of_fold.probas, (mean if rule == "mean" else predictions[member]).probas)


def test_the_choice_cannot_be_made_on_the_test_images():
    with pytest.raises(LeakageError):
        choose_rule(*three_heads(split="test"), REGISTRY, 0)


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Run the preset on a few small images with two heads, in this process, and return what it prints."""
    monkeypatch.setattr("benchmarks.study.best.candidates.KINDS", {k: KINDS[k] for k in ("logistic", "neighbours")})
    monkeypatch.setattr(warnings, "showwarning", warnings.showwarning)  # as a run sets it
    options = [
        "--preset", "best", "--data", draw(tmp_path / "pets"), "--backbone", "mobilenet_v2", "--weights", "none",
        "--image-size", "32", "--bank", tmp_path / "bank", "--out", tmp_path / "out",
    ]  # fmt: skip

    def once(*more):
        monkeypatch.setattr(sys, "argv", ["ctscan", *map(str, options), *more])
        with pytest.raises(SystemExit) as end:
            main()
        said = capsys.readouterr()
        assert end.value.code == 0, said.err
        return " ".join(said.out.split())

    return once


@pytest.mark.slow
@pytest.mark.keras
def test_a_run_leaves_what_was_chosen_and_goes_on_from_its_last_piece(tmp_path, run):
    out = tmp_path / "out"
    said = run()
    assert pd.read_csv(out / "results.csv")["Model"].tolist() == ["best_member", "best"]
    told = json.loads((out / "best.json").read_text())
    assert told["chosen_on"] == ["train", "valid"]
    figures = pd.read_csv(out / "candidates.csv")
    assert set(figures["candidate"]) == set(told["candidates"])
    assert figures["out_of_fold_log_loss"].is_monotonic_increasing
    assert f"The best of the {len(figures)} candidates on test, which is known only afterwards, is" in said
    for name in ("best", "best_member"):
        test = Predictions.load(out / "predictions" / f"{name}.test.parquet")
        assert not set(test.ids) & set(Predictions.load(out / "predictions" / f"{name}.train.parquet").ids)
    # As if it had been killed while the second source was fitted.
    before = {path.name: path.read_bytes() for path in (out / "predictions").iterdir()}
    (out / "members" / "mobilenet_v2.mean.npz").unlink()
    (out / "pieces" / "best.json").unlink()
    kept = {path: path.stat().st_mtime_ns for path in out.glob("out_of_fold/*.npz")}
    said = run("--resume")
    assert "members.mobilenet_v2.mean is made again: members/mobilenet_v2.mean.npz is missing" in said
    assert "members.mobilenet_v2.max" not in said
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    assert {path.name: path.read_bytes() for path in (out / "predictions").iterdir()} == before
