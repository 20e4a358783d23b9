"""Cascades: the threshold by hand and by a slow search, the promise on drawn rows, models and files alike."""

import numpy as np
import pytest
from scipy.stats import beta

from ensemblekit import AlignmentError, InvalidOptionError, LeakageError, Metric, Predictions, collect
from ensemblekit.cascading import Cascade, cascade
from ensemblekit.cascading._rule import Descent, lowest_threshold
from ensemblekit.errors import FewRowsWarning, InvalidPredictionsError, UnknownMemberError
from ensemblekit.members.inputs import read_inputs
from ensemblekit.store import load, save

CLASSES = ["cat", "dog"]


def sure(certainty, is_dog=False, **fields):
    """Make predictions of two classes that are this sure of the cat, or of the dog."""
    certainty = np.asarray(certainty, dtype=float)
    cat = np.where(is_dog, 1 - certainty, certainty)
    fields = {"ids": np.arange(len(cat)), "classes": CLASSES} | fields
    return Predictions(np.column_stack([cat, 1 - cat]), **fields)


def drawn(rng, n, n_stages):
    """Draw stages that are wrong as often as they say."""
    stages = {}
    for k in range(n_stages):
        certainty = np.round(rng.uniform(0.5, 1, n) ** (1 / (k + 1)), 2)
        stages[f"s{k}"] = sure(certainty, rng.random(n) > certainty)
    return stages


def test_the_threshold_worked_by_hand():
    # Of 200 rows none may differ: 0.98 ** 200 = 0.018; with one it is 0.018 + 200 * 0.02 * 0.98 ** 199 = 0.089.
    certainty = 1 - np.arange(200) / 400
    differs = np.isin(np.arange(200), [60, 150])
    both = cascade([("small", sure(certainty)), ("large", sure(np.ones(200), differs))], costs={"small": 1, "large": 4})
    assert both.threshold == certainty[59]
    assert both.reach == {"small": 1.0, "large": 140 / 200}
    assert both.cost == pytest.approx(1 / 4 + 140 / 200)
    assert both.observed == 1
    assert both.promised == ("agreement", 0.98)
    assert "decides as stage 'large' for at least 98 % of rows like these; about 70 %" in both.promise
    # Of 250 rows one may: 0.98 ** 250 + 250 * 0.02 * 0.98 ** 249 = 0.039.
    certainty = 1 - np.arange(250) / 500
    differs = np.isin(np.arange(250), [60, 150])
    both = cascade([("small", sure(certainty)), ("large", sure(np.ones(250), differs))])
    assert (both.threshold, both.observed) == (certainty[149], 1 - 1 / 250)


def slow_threshold(stages, agreement, confidence):
    """Lower the threshold step by step while the interval of Clopper and Pearson stays below the promise."""
    *cheap, last = stages.values()
    levels = sorted({c for p in cheap for c in p.probas.max(axis=1)}, reverse=True)
    lost, found = np.zeros(len(last), dtype=bool), np.inf
    for level in levels:
        for row in range(len(last)):
            answering = next((p for p in cheap if p.probas[row].max() >= level), last)
            lost[row] |= answering.predicted[row] != last.predicted[row]
        if beta.ppf(confidence, lost.sum() + 1, len(last) - lost.sum()) > 1 - agreement:
            return found
        found = level
    return found


@pytest.mark.parametrize("n_stages", [2, 3, 4])
def test_the_threshold_is_that_of_a_slow_search(n_stages):
    rng = np.random.default_rng(n_stages)
    for agreement in (0.6, 0.8, 0.9):
        stages = drawn(rng, 90, n_stages)
        both, slow = cascade(stages, agreement=agreement, confidence=0.9), slow_threshold(stages, agreement, 0.9)
        assert np.isfinite(slow)
        # Thresholds between which no row changes its stage are one.
        highest = [p.probas.max(axis=1) for p in list(stages.values())[:-1]]
        rows = [np.array([np.argmax([*(h[i] >= t for h in highest), True]) for i in range(90)])
                for t in (both.threshold, slow)]  # fmt: skip
        assert rows[0].tolist() == rows[1].tolist()


def test_the_promise_is_kept_as_often_as_is_said():
    # A row of certainty c, uniform from 0.5 to 1, differs with the probability 1 - c: of all rows, (1 - t) ** 2 are
    # answered and differ at the threshold t.
    rng = np.random.default_rng(0)
    broken = 0
    for _ in range(300):
        certainty = rng.uniform(0.5, 1, 300)
        descent = Descent(certainty[np.newaxis], (rng.random(300) > certainty)[np.newaxis].astype(float))
        broken += (1 - lowest_threshold(descent, 0.05, 0.9)) ** 2 > 0.05
    assert 0.04 <= broken / 300 <= 0.1 + 2 * np.sqrt(0.1 * 0.9 / 300)


class Unbounded(Metric):
    name, higher_is_better, range = "unbounded", False, (0.0, np.inf)

    def row_values(self, labels, predicted):
        return -np.log(predicted[np.arange(len(labels)), labels].clip(1e-3))


def test_the_loss_is_that_above_the_last_stage():
    certainty = 1 - np.arange(200) / 400
    wrong, large_wrong = np.arange(200) % 50 == 49, np.arange(200) % 20 == 19
    labels = ["cat"] * 200
    small = sure(certainty, wrong, labels=labels)
    large = sure(np.ones(200), large_wrong, labels=labels)
    # The small one errs in rows 49, 99, 149 and 199, of which the large one is right in 49 and 149.
    both = cascade({"small": small, "large": large}, max_loss=0.02)
    assert both.threshold == certainty[48]
    assert both.observed == pytest.approx((0 - 2) / 200)  # below it, the large one errs twice where the small is right
    assert both.promised == ("loss", 0.02)
    assert "has a mean loss (share of errors) at most 0.02 above" in both.promise
    assert "agreement" not in both.curve.columns
    assert cascade({"small": small, "large": large}, max_loss=0.03).threshold == certainty[148]
    with pytest.raises(InvalidOptionError, match="max_loss must be below 1, the largest share of errors"):
        cascade({"small": small, "large": large}, max_loss=1.5)
    brier = cascade({"small": small, "large": large}, max_loss=0.3, metric="brier_score")
    assert np.isfinite(brier.threshold)
    with pytest.raises(InvalidOptionError, match="needs a loss with a largest value"):
        cascade({"small": small, "large": large}, max_loss=0.3, metric=Unbounded())


def test_too_few_rows_promise_nothing():
    small, large = sure(np.full(100, 0.9)), sure(np.ones(100))
    with pytest.warns(FewRowsWarning, match=r"0.98 cannot be promised of these 100 rows .* with 149 rows"):
        both = cascade({"small": small, "large": large})
    assert both.threshold == np.inf
    assert both.reach["large"] == 1
    assert "answers every row" in both.promise
    assert both.pending({"small": small}).ids.tolist() == list(range(100))
    assert cascade({"small": small, "large": large}, agreement=0.95).threshold == 0.9


def test_what_is_unsure_from_the_first_threshold_on_stays_with_the_last():
    both = cascade({"small": sure(np.full(200, 0.9)), "large": sure(np.ones(200), True)})
    assert (both.threshold, both.observed) == (np.inf, 1)


class Stage:
    """A model of one number a row, which is how sure it is; it counts its rows."""

    classes_ = ("dog", "cat")

    def __init__(self, power):
        self.power, self.n_rows = power, 0

    def predict_proba(self, x):
        self.n_rows += len(x)
        cat = x[:, 0] ** self.power
        return np.column_stack([1 - cat, cat])


@pytest.fixture
def three():
    rng = np.random.default_rng(1)
    x = rng.uniform(0.3, 1, (900, 1))
    ids = np.array([f"r{k}" for k in range(900)])
    models = [("small", Stage(1)), ("middle", Stage(0.9)), ("large", Stage(0.8))]
    return cascade(models, (ids[:400], x[:400]), agreement=0.9), models, (ids[400:], x[400:])


def test_models_and_their_files_give_the_same(three):
    chain, models, (ids, x) = three
    for _, model in models:
        model.n_rows = 0
    predictions, stage = chain.answer((ids, x), batch_size=64)
    n_answered = stage.value_counts()
    assert models[0][1].n_rows == 500
    assert models[1][1].n_rows == 500 - n_answered["small"]
    assert models[2][1].n_rows == n_answered["large"]
    assert n_answered.min() > 0
    assert predictions.member == "cascade"
    assert collect([chain], (ids, x))["cascade"].probas.tolist() == predictions.probas.tolist()
    files = collect(models, (ids, x))
    order = np.random.default_rng(0).permutation(500)
    shuffled = {name: files[name].take(ids[order]) for name in ("large", "middle")}
    small = files["small"]
    open_ids = small.ids[small.probas.max(axis=1) < chain.threshold]
    assert chain.pending({"small": small}).stage == "middle"
    assert chain.pending({"small": small}).ids.tolist() == open_ids.tolist()
    partly = {"small": small, "middle": files["middle"].take(open_ids)}
    assert chain.pending(partly).ids.tolist() == stage.index[stage == "large"].tolist()
    assert chain.pending(partly | {"large": files["large"]}).stage is None
    joined, places = chain.join({"small": small, **shuffled})
    assert joined.probas.tolist() == predictions.probas.tolist()
    assert places.tolist() == stage.tolist()
    with pytest.raises(AlignmentError, match=r"need stage 'large', such as .* Predict these"):
        chain.join(partly)


def test_columns_in_another_order_change_nothing(three):
    chain, models, (ids, x) = three
    files = collect(models, (ids, x))
    turned = {
        name: Predictions(files[name].probas[:, ::-1], ids=ids, classes=files.classes[::-1]) for name in chain.stages
    }
    assert chain.join(turned)[0].probas.tolist() == chain.answer((ids, x))[0].probas.tolist()


def test_files_are_read(three, tmp_path):
    chain, models, (ids, x) = three
    files = collect(models, (ids, x))
    paths = {name: tmp_path / f"{name}.csv" for name in chain.stages}
    for name, path in paths.items():
        files[name].save(path)
    assert chain.join(paths)[0].probas.tolist() == chain.answer((ids, x))[0].probas.tolist()
    over_files = cascade(paths, agreement=0.9)
    assert over_files.members is None
    with pytest.raises(InvalidOptionError, match="a cascade over files has no models to call"):
        collect([over_files], (ids, x))


def test_a_saved_cascade_is_the_same(tmp_path):
    from sklearn.linear_model import LogisticRegression
    from sklearn.naive_bayes import GaussianNB

    rng = np.random.default_rng(0)
    x = rng.normal(size=(500, 3))
    y = np.where(x.sum(axis=1) + rng.normal(size=500) > 0, "cat", "dog")
    models = {"bayes": GaussianNB().fit(x[:100], y[:100]), "line": LogisticRegression().fit(x[:100], y[:100])}
    ids = np.arange(500)
    chain = cascade(models, (ids[100:400], x[100:400]), agreement=0.9, costs={"bayes": 1, "line": 2})
    save(chain, tmp_path / "chain")
    again = load(tmp_path / "chain", kind=Cascade)
    new = ids[400:], x[400:]
    assert again.answer(new)[0].probas.tolist() == chain.answer(new)[0].probas.tolist()
    assert again.promise == chain.promise
    assert again.curve.equals(chain.curve)
    assert again.fit_ids.tolist() == ids[100:400].tolist()


def test_several_labels_agree_if_all_do():
    n = 60
    small = np.column_stack([np.full(n, 0.9), np.linspace(0.99, 0.51, n)])
    large = np.column_stack([np.full(n, 0.8), np.where(np.arange(n) < 40, 0.9, 0.1)])
    fields = {"ids": range(n), "classes": ["old", "wide"], "task": "multilabel"}
    both = cascade({"small": Predictions(small, **fields), "large": Predictions(large, **fields)}, agreement=0.9)
    # No row may differ: 0.9 ** 60 = 0.002, one 0.9 ** 60 + 60 * 0.1 * 0.9 ** 59 = 0.014, two 0.053.
    assert both.threshold == small[40].min()
    joined, stage = both.join({"small": Predictions(small, **fields), "large": Predictions(large, **fields)})
    assert (stage == "small").sum() == 41
    assert joined.task == "multilabel"


def test_the_curve_ends_in_the_first_stage_alone():
    stages = drawn(np.random.default_rng(3), 300, 3)
    chain = cascade(stages, agreement=0.8, costs={"s0": 1, "s1": 2, "s2": 10})
    curve = chain.curve
    assert curve["threshold"].is_monotonic_decreasing
    assert curve.iloc[0][["agreement", "cost", "reach s2"]].tolist() == pytest.approx([1, 1.3, 1])
    assert curve.iloc[-1][["cost", "reach s1"]].tolist() == pytest.approx([0.1, 0])
    assert curve["chosen"].sum() == 1
    agreed = (stages["s0"].predicted == stages["s2"].predicted).mean()
    assert curve.iloc[-1]["agreement"] == pytest.approx(agreed)


def test_rows_that_a_stage_has_seen_are_refused():
    small, large = sure(np.ones(200), fit_ids=[3]), sure(np.ones(200))
    with pytest.raises(LeakageError, match="stage 'small' was fitted on 1 of 200, first 3"):
        cascade({"small": small, "large": large})
    assert cascade({"small": small, "large": large}, allow_leakage=True).threshold == 1
    test = sure(np.ones(200), split="test")
    with pytest.raises(LeakageError, match="the threshold of a cascade is never set on the test split"):
        cascade({"small": test, "large": test})


P = sure(np.ones(200))
NUMBERS = Predictions(np.zeros((200, 1)), ids=range(200), classes=["value"], task="regression")


@pytest.mark.parametrize(
    ("stages", "options", "error", "says"),
    [
        ([("a", P)], {}, InvalidOptionError, r"two or more, from the cheapest, with different names; received \['a'\]"),
        ([("a", P), ("a", P)], {}, InvalidOptionError, "with different names"),
        ([P, P], {}, InvalidOptionError, "received the item"),
        (3, {}, InvalidOptionError, "stages must be .* received int"),
        ({"a": P, "b": Stage(1)}, {}, InvalidOptionError, r"received predictions for \['a'\]"),
        ({"a": Stage(1), "b": Stage(2)}, {}, InvalidOptionError, "set on held-out rows; received none"),
        ({"a": P, "b": P}, {"agreement": 0.9, "max_loss": 0.1}, InvalidOptionError, "promises one thing"),
        ({"a": P, "b": P}, {"agreement": 1}, InvalidOptionError, "agreement must be a number > 0 and < 1; received 1"),
        ({"a": P, "b": P}, {"confidence": 0}, InvalidOptionError, "confidence must be"),
        ({"a": P, "b": P}, {"max_loss": -1}, InvalidOptionError, "max_loss must be a finite number > 0"),
        ({"a": P, "b": P}, {"metric": "accuracy"}, InvalidOptionError, "received it without max_loss="),
        ({"a": P, "b": P}, {"max_loss": 0.1}, InvalidPredictionsError, "needs labelled predictions"),
        ({"a": P, "b": P}, {"costs": {"a": 1}}, InvalidOptionError, r"missing \['b'\]"),
        ({"a": P, "b": P}, {"costs": {"a": 1, "b": 0}}, InvalidOptionError, "positive for the last stage"),
        ({"a": NUMBERS, "b": NUMBERS}, {}, InvalidPredictionsError, "do not tell how sure"),
        ({"a": Stage(1), "b": Stage(2)}, {"held_out": {"a": P, "c": P}}, AlignmentError, "must be of the stages"),
    ],
)  # fmt: skip
def test_what_is_no_cascade_is_refused(stages, options, error, says):
    with pytest.raises(error, match=says):
        cascade(stages, **options)


def test_other_stages_and_classes_are_refused():
    chain = cascade({"a": P, "b": P})
    with pytest.raises(UnknownMemberError, match="must be of the stages"):
        chain.pending({"c": P})
    with pytest.raises(UnknownMemberError, match="the first at least"):
        chain.pending({"b": P})
    with pytest.raises(AlignmentError, match="stage 'a' predicts"):
        chain.pending({"a": sure(np.ones(3), classes=["cat", "cow"])})


def test_rows_of_every_kind_of_input_are_taken_by_their_places():
    import pandas as pd
    import polars as pl
    import pyarrow as pa

    places, column = np.array([2, 0]), {"a": [10, 20, 30]}
    frames = [pd.DataFrame(column, index=["x", "y", "z"]), pl.DataFrame(column), pa.table(column)]
    for frame in frames:
        assert np.asarray(read_inputs(frame, 3).take(places).x["a"]).tolist() == [30, 10]
    assert read_inputs(["p", "q", "r"], 3).take(places).x == ["r", "p"]
    several = read_inputs({"image": np.arange(3), "age": np.arange(3.0)}, 3).take(places).x
    assert {name: values.tolist() for name, values in several.items()} == {"image": [2, 0], "age": [2.0, 0.0]}


def test_of_equally_sure_stages_the_first_answers():
    small, middle, large = sure(np.full(200, 0.9)), sure(np.full(200, 0.9), True), sure(np.ones(200))
    assert cascade({"small": small, "middle": middle, "large": large}).threshold == 0.9


def grouped(seed=0, **fields):
    """40 patients with 5 images each, as sure as drawn."""
    patients = np.repeat([f"p{k}" for k in range(40)], 5)
    ids = [f"{patient}/{k % 5}" for k, patient in enumerate(patients)]
    probas = np.random.default_rng(seed).dirichlet([1, 1], 200)
    return Predictions(probas, ids=ids, classes=["cat", "dog"], groups=patients, **fields)


def test_other_rows_of_a_group_that_a_stage_has_seen_are_refused():
    held_out = [f"p{k}/1" for k in range(40)]
    small, large = grouped(fit_ids=["p7/0"]).take(held_out), grouped(1).take(held_out)
    with pytest.raises(LeakageError, match="stage 'small' was fitted on 1 of 40, first 'p7/1'"):
        cascade({"small": small, "large": large}, agreement=0.5)


def test_out_of_fold_stages_are_held_out_and_each_joined_row_knows_its_groups():
    folds = np.arange(200) // 50
    small, large = grouped(), grouped(1, folds=folds)
    held_out = [f"p{k}/0" for k in range(20)]
    chain = cascade({"small": small.take(held_out), "large": large.take(held_out)}, agreement=0.5)
    assert chain.fit_groups.tolist() == sorted(f"p{k}" for k in range(20))
    joined, _ = chain.join({"small": small, "large": large})
    assert joined.groups.tolist() == small.groups.tolist()
    assert joined.seen.tolist() == [k < 20 for k in range(40) for _ in range(5)]
