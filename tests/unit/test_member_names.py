"""Names in the inputs, the labels and the answers of members count: matched by name, or refused."""

import sys

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from ensemblekit import InvalidOptionError, as_member, collect
from ensemblekit.errors import DataError, InvalidPredictionsError

IDS = ["a", "b", "c"]
P = np.array([0.9, 0.4, 0.2])
X = P.reshape(-1, 1)
CLASSES = ("no", "yes")
LABELS = ["yes", "no", "no"]
FRAME = pd.DataFrame({"p": P}, index=IDS)
SHUFFLED = [2, 0, 1]


def by_place(x):
    p = np.asarray(x, dtype=np.float64)[:, 0]
    return np.column_stack([1 - p, p])


def columns(x, **how):
    return pd.DataFrame({"yes": by_place(x)[:, 1], "no": by_place(x)[:, 0]}, **how)


def yes_of(member, source, **options):
    return collect({"m": member}, source, **{"classes": CLASSES, **options})["m"].probas[:, -1]


@pytest.mark.parametrize(
    "member",
    [
        columns,
        lambda x: columns(x).convert_dtypes(),
        lambda x: columns(x).convert_dtypes(dtype_backend="pyarrow"),
        lambda x: pl.DataFrame(columns(x).to_dict("list")),
        lambda x: pa.table(columns(x).to_dict("list")),
        lambda x: columns(x).to_dict("series"),
        lambda x: columns(x)[["yes"]],
        lambda x: columns(x)[["no"]],
        lambda x: pd.DataFrame(by_place(x)),
    ],
)
@pytest.mark.parametrize("batch_size", [1, 2, 3])
def test_named_columns_of_an_answer_are_read_by_name(member, batch_size):
    np.testing.assert_allclose(yes_of(member, (IDS, X), batch_size=batch_size), P)


def test_columns_that_are_not_the_classes_are_refused():
    for other, text in (({"no": "maybe"}, r"lacks 1 \('no'\) and has also 1 \('maybe'\)"), ({"no": 0, "yes": 1}, None)):
        renamed = columns(X).rename(columns=other)
        if text is None:
            renamed = renamed[[1, 0]]
            text = "lacks 2"
        with pytest.raises(InvalidPredictionsError, match=rf"member 'm' must call its columns by its classes.*{text}"):
            yes_of(lambda x, renamed=renamed: renamed, (IDS, X))


def test_columns_called_by_number_are_no_names_unless_the_classes_are_other_numbers():
    numbered = pd.DataFrame(by_place(X))
    np.testing.assert_allclose(yes_of(lambda x: numbered, (IDS, X), classes=[0, 1]), P)
    with pytest.raises(InvalidPredictionsError, match=r"called 0\.\.1, as by default, .* in another order, 2 \(1, 0\)"):
        yes_of(lambda x: numbered, (IDS, X), classes=[1, 0])
    as_text = pl.DataFrame({"1": P, "0": 1 - P})
    np.testing.assert_allclose(yes_of(lambda x: as_text, (IDS, X), classes=[0, 1]), P)


def test_classes_that_nobody_gave_are_those_of_the_columns():
    collected = collect({"m": columns}, (IDS, X, LABELS), batch_size=2)
    assert collected.classes == ("yes", "no")
    assert collected["m"].probas[:, 0].tolist() == P.tolist()
    assert collected.labels.tolist() == LABELS
    with pytest.raises(InvalidOptionError, match=r"'m' \(function\) does not know the names of its outputs"):
        collect({"m": by_place}, (IDS, X, LABELS))


def test_a_predictor_that_calls_its_classes_class_labels_is_a_member():
    class Tabular:
        class_labels = ("yes", "no")

        def fit(self):
            raise NotImplementedError

        def predict(self, x):
            return pd.Series("yes", index=x.index)

        def predict_proba(self, x):
            return columns(x.to_numpy(), index=x.index)[["no", "yes"]]

    collected = collect({"m": Tabular()}, (FRAME, LABELS), batch_size=2)
    assert collected.classes == ("yes", "no")
    np.testing.assert_allclose(collected["m"].probas[:, 0], P)


def test_rows_of_an_answer_are_read_by_the_names_of_its_inputs():
    def shuffled(x):
        answer = columns(x.to_numpy(), index=x.index)
        return answer.iloc[::-1]

    for x in (FRAME, FRAME.reset_index(drop=True)):
        for batch_size in (1, 2, 3):
            np.testing.assert_allclose(yes_of(shuffled, (IDS, x), batch_size=batch_size), P)
    np.testing.assert_allclose(yes_of(lambda x: columns(x, index=IDS).iloc[SHUFFLED], (IDS, X)), P)
    with pytest.raises(InvalidPredictionsError, match=r"must name its rows as its inputs do.*3 \('a', 'b', 'z'\)"):
        yes_of(lambda x: columns(x, index=["a", "b", "z"]), (IDS, X))
    value = as_member(lambda x: x["p"].iloc[::-1], name="m", task="regression")
    np.testing.assert_allclose(yes_of(value, (IDS, FRAME)), P)


def test_a_default_index_of_an_answer_is_no_name():
    np.testing.assert_allclose(yes_of(columns, (IDS, FRAME), batch_size=2), P)
    np.testing.assert_allclose(yes_of(columns, (np.array(SHUFFLED), X)), P)
    with pytest.raises(InvalidPredictionsError, match="must name its rows as its inputs do"):
        yes_of(columns, (SHUFFLED, FRAME.set_axis(SHUFFLED)))  # 0..n-1 may be the names of the inputs


@pytest.mark.parametrize(
    "y",
    [
        pd.Series(LABELS, index=IDS).iloc[SHUFFLED],
        dict(zip(IDS, LABELS, strict=True)),
        pd.DataFrame({"label": LABELS}, index=IDS).iloc[SHUFFLED],
        pd.DataFrame({"id": IDS, "label": LABELS}).iloc[SHUFFLED],
        pl.DataFrame({"label": LABELS, "id": IDS})[SHUFFLED],
        pd.Series([*LABELS, "maybe"], index=[*IDS, "more"]),
        pd.Series(LABELS),
        pd.Categorical(LABELS),
        pl.Series(LABELS),
        pa.array(LABELS),
        np.array(LABELS).reshape(-1, 1),
    ],
)
def test_labels_are_looked_up_by_id_where_they_have_names(y):
    for source in ((IDS, X, y), {"ids": IDS, "x": X, "y": y}, [(IDS, X, y)]):
        collected = collect({"m": by_place}, source, classes=CLASSES, batch_size=2)
        assert collected.labels.tolist() == LABELS


@pytest.mark.parametrize("table", [pd.DataFrame, pl.DataFrame, pa.table])
@pytest.mark.parametrize("column", ["id", "Id", "image_id"])
def test_a_column_of_ids_names_the_rows_of_an_answer(table, column):
    answer = {"no": 1 - P[::-1], "yes": P[::-1]}
    np.testing.assert_allclose(yes_of(lambda x: table({column: IDS[::-1]} | answer), (IDS, X)), P)
    with pytest.raises(InvalidPredictionsError, match=r"it names 3 \('q', 'r', 's'\) for .*without the column of ids"):
        collect({"m": lambda x: table({column: ["q", "r", "s"]} | answer)}, (IDS, X), classes=CLASSES)


def test_inputs_with_a_default_index_beside_ids_with_these_numbers_in_another_order_are_refused():
    ids = pd.Series(IDS, index=SHUFFLED)
    for x in (pd.DataFrame({"p": P}), pd.Series(P)):
        with pytest.raises(DataError, match=r"names in the index of the ids are the numbers 0\.\.n-1 in another order"):
            collect({"m": lambda x: np.column_stack([1 - P, P])}, (ids, x), classes=CLASSES)


def test_labels_of_other_rows_are_refused():
    with pytest.raises(DataError, match=r"y must have a value for every id; .* lacks 1 \('b'\) of 3 ids"):
        yes_of(by_place, (IDS, X, pd.Series(LABELS, index=["a", "z", "c"])))
    with pytest.raises(DataError, match="nobody can know"):
        yes_of(by_place, (np.array(SHUFFLED), X, pd.Series(LABELS)))


def test_ids_that_nobody_gave_are_the_index_of_the_table():
    y = pd.Series(LABELS, index=IDS).iloc[SHUFFLED]
    for source in (FRAME, (FRAME, y), {"x": FRAME, "y": y}):
        collected = collect({"m": by_place}, source, classes=CLASSES, batch_size=2)
        assert collected.ids.tolist() == IDS
        np.testing.assert_allclose(collected["m"].probas[:, 1], P)
        assert collected.labels is None or collected.labels.tolist() == LABELS
    with pytest.raises(DataError, match="inputs must come with their ids; received a DataFrame"):
        yes_of(by_place, FRAME.reset_index(drop=True))


@pytest.mark.parametrize("nested", [False, True])
def test_inputs_with_names_of_their_own_are_those_of_the_ids_or_refused(nested):
    def source(ids, x):
        return (ids, {"p": x, "q": X}) if nested else (ids, x)

    def member(x):
        return by_place(x["p"] if nested else x)

    np.testing.assert_allclose(yes_of(member, source(IDS, FRAME)), P)
    np.testing.assert_allclose(yes_of(member, source(IDS, FRAME.reset_index(drop=True))), P)
    with pytest.raises(DataError, match=r"same names in another order\. Give x.*\.loc\[ids\] if .* or x.*reset_index"):
        yes_of(member, source(IDS, FRAME.iloc[SHUFFLED]))
    with pytest.raises(DataError, match="lacks 3"):
        yes_of(member, source(IDS, FRAME.set_axis([5, 7, 9])))
    with pytest.raises(DataError, match="nobody can know"):
        yes_of(member, source(np.array(SHUFFLED), FRAME.reset_index(drop=True)))


def test_columns_of_one_table_belong_together_whatever_its_index_is():
    whole = FRAME.assign(id=IDS, y=LABELS).set_axis([7, 3, 5])
    collected = collect({"m": by_place}, (whole["id"], whole[["p"]], whole["y"]), classes=CLASSES, batch_size=2)
    assert (collected.ids.tolist(), collected.labels.tolist()) == (IDS, LABELS)
    for x, y in ((whole[["p"]].iloc[::-1], whole["y"]), (whole[["p"]], whole["y"].iloc[::-1])):
        with pytest.raises(DataError, match=r"[xy] must have a value for every id"):
            yes_of(by_place, (whole["id"], x, y))


def test_a_masked_row_of_an_answer_is_missing():
    def masked(x):
        return np.ma.masked_array(by_place(x), mask=[[False] * 2, [True] * 2, [False] * 2])

    collected = collect({"m": by_place, "n": masked}, (IDS, X), classes=CLASSES, missing="renormalize")
    assert collected.present.tolist() == [[True] * 3, [True, False, True]]
    with pytest.raises(InvalidPredictionsError, match="member 'm' must be finite"):
        yes_of(masked, (IDS, X))


def trees():
    catboost = pytest.importorskip("catboost")
    lightgbm = pytest.importorskip("lightgbm")
    xgboost = pytest.importorskip("xgboost")
    quiet = {"iterations": 2, "verbose": 0, "allow_writing_files": False}
    return {
        "catboost": (catboost.CatBoostClassifier(**quiet), catboost.CatBoostRegressor(**quiet)),
        "lightgbm": (
            lightgbm.LGBMClassifier(n_estimators=2, verbose=-1),
            lightgbm.LGBMRegressor(n_estimators=2, verbose=-1),
        ),
        "xgboost": (xgboost.XGBClassifier(n_estimators=2), xgboost.XGBRegressor(n_estimators=2)),
    }


@pytest.mark.parametrize("library", ["catboost", "lightgbm", "xgboost"])
@pytest.mark.filterwarnings("ignore")
@pytest.mark.skipif(sys.platform == "win32", reason="not tried there")
def test_boosted_trees_are_members_once_they_are_fitted(library):
    classifier, regressor = trees()[library]
    x = np.linspace(0, 1, 60).reshape(-1, 1)
    y = np.digitize(x[:, 0], [0.3, 0.6])
    with pytest.raises(InvalidOptionError, match="must be fitted before it predicts"):
        as_member(classifier, name="m")
    labels = y if library == "xgboost" else np.array(["low", "mid", "top"])[y]
    member = as_member(classifier.fit(x, labels), name="m")
    assert member.classes == tuple(np.unique(labels).tolist())
    np.testing.assert_allclose(member.predict(np.arange(60), x), classifier.predict_proba(x))
    value = as_member(regressor.fit(x, y), name="m")
    assert (value.task, value.classes) == ("regression", ("value",))
    np.testing.assert_allclose(value.predict(np.arange(60), x)[:, 0], regressor.predict(x))
