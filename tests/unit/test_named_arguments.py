"""Features, weights and groups that name their rows, members or columns: looked up by name, or refused."""

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from ensemblekit import Combiner, InvalidOptionError, Predictions, combine, fit_combiner
from ensemblekit.evaluation import bootstrap_interval
from ensemblekit.predictions.named import by_member

IDS = ["b", "a", "c"]
FEATURES = pd.DataFrame({"u": [10.0, 20.0, 30.0], "v": [1.0, 2.0, 3.0]}, index=["a", "b", "c"])
SORTED = [[10, 1], [20, 2], [30, 3]]


class Keeps(Combiner):
    """Keeps what it is given."""

    traits = frozenset({"learns"})

    def fit(self, predictions, *, features=None, sample_weight=None):
        self.fit_features_, self.sample_weight_ = features, sample_weight
        return self

    def combine(self, member_probas, *, features=None, xp=np):
        Keeps.seen = features
        return member_probas[0]


def member(name="k", ids=IDS, seed=0):
    probas = np.random.default_rng(seed).dirichlet([1, 1], len(ids))
    labels = [("cat", "dog")[k % 2] for k in range(len(ids))]
    return Predictions(probas, ids=ids, classes=["cat", "dog"], member=name, labels=labels)


def fitted_on(features, ids=IDS):
    return fit_combiner([member(ids=ids)], Keeps(), features=features)


MOVED = FEATURES.iloc[[2, 0, 1]]
TABLES = {
    "index": MOVED,
    "column id": MOVED.reset_index(names="id"),
    "polars": pl.from_pandas(MOVED.reset_index(names="id")),
    "arrow": pa.Table.from_pandas(MOVED.reset_index(names="id"), preserve_index=False),
    "nullable": MOVED.convert_dtypes(),
    "mapping": {name: row.to_numpy() for name, row in MOVED.iterrows()},
    "mapping to Series": {name: row[["v", "u"]] for name, row in MOVED.iterrows()},
    "ids and table": (["a", "b", "c"], MOVED),
    "ids and array": (list(MOVED.index), MOVED.to_numpy()),
}


@pytest.mark.parametrize("kind", TABLES)
def test_features_are_looked_up_by_id_and_column(kind):
    fitted = fitted_on(TABLES[kind])
    columns = getattr(fitted, "feature_names_", ("u", "v"))
    assert fitted.fit_features_.tolist() == [row if columns == ("u", "v") else row[::-1] for row in SORTED]
    combine([member()], fitted, features=TABLES[kind])
    assert Keeps.seen.tolist() == [fitted.fit_features_.tolist()[place] for place in (1, 0, 2)]


def test_columns_of_features_are_those_of_the_fit():
    fitted = fitted_on(FEATURES)
    assert fitted.feature_names_ == ("u", "v")
    combine([member()], fitted, features=MOVED[["v", "u"]])
    assert Keeps.seen.tolist() == [SORTED[place] for place in (1, 0, 2)]
    with pytest.raises(InvalidOptionError, match=r"lack 1 \('v'\) and have besides 1 \('w'\)"):
        combine([member()], fitted, features=FEATURES.rename(columns={"v": "w"}))
    combine([member()], fitted, features=(["a", "b", "c"], FEATURES.to_numpy()))
    assert not hasattr(fitted_on((["a", "b", "c"], FEATURES.to_numpy())), "feature_names_")


def test_of_features_with_a_default_index_nobody_knows_the_order():
    table = FEATURES.reset_index(drop=True)
    assert fitted_on(table, ids=[0, 1, 2]).fit_features_.tolist() == SORTED
    with pytest.raises(InvalidOptionError, match=r"nobody can know.*features\.to_numpy\(\)"):
        fitted_on(table, ids=[1, 0, 2])
    assert fitted_on(table, ids=[2, 0]).fit_features_.tolist() == [SORTED[0], SORTED[2]]  # as many rows name their ids
    with pytest.raises(InvalidOptionError, match="they lack 3"):
        fitted_on(table)
    with pytest.raises(InvalidOptionError, match=r"must name their rows.* DataFrame without a column id"):
        fitted_on(pl.from_pandas(table))


WEIGHT = pd.Series([1.0, 2.0, 3.0], index=["a", "b", "c"], name="w")


@pytest.mark.parametrize(
    "weight",
    [
        WEIGHT.iloc[[2, 0, 1]],
        WEIGHT.to_dict(),
        WEIGHT.iloc[[1, 2, 0]].to_frame(),
        WEIGHT.astype("Float64").iloc[[1, 2, 0]],
        WEIGHT.astype("double[pyarrow]").iloc[[1, 2, 0]],
        pl.DataFrame({"id": ["c", "a", "b", "z"], "w": [3.0, 1.0, 2.0, 9.0]}),
        pa.table({"id": ["c", "a", "b"], "w": [3, 1, 2]}),
        [2.0, 1.0, 3.0],
    ],
)
def test_sample_weight_is_looked_up_by_id(weight):
    assert fit_combiner([member()], Keeps(), sample_weight=weight).sample_weight_.tolist() == [1, 2, 3]


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        (WEIGHT.iloc[:2], r"lacks 1 \('c'\) of 3 ids"),
        (np.ma.masked_array([1.0, 2.0, 3.0], mask=[0, 1, 0]), "must be finite"),
        (pd.Series([1, None, 3], dtype="Int64", index=IDS), "must be finite"),
        (WEIGHT.rename({"a": "b"}), "must be unique"),
    ],
)
def test_sample_weight_with_names_that_do_not_fit_is_refused(weight, message):
    with pytest.raises(InvalidOptionError, match=message):
        fit_combiner([member()], Keeps(), sample_weight=weight)


# Groups.

GROUPS = {k: k // 3 for k in range(12)}


@pytest.mark.parametrize(
    "groups",
    [
        pd.Series(GROUPS).sample(frac=1, random_state=0),
        pd.Series(GROUPS).astype("category").sample(frac=1, random_state=0),
        pd.Series(GROUPS).sample(frac=1, random_state=0).rename_axis("id").reset_index(),
        pl.DataFrame({"id": list(GROUPS)[::-1], "group": list(GROUPS.values())[::-1]}),
    ],
    ids=["Series", "categorical", "DataFrame", "polars"],
)
def test_groups_are_looked_up_by_id(groups):
    p = member(ids=[7, 3, 1, 0, 2, 4, 5, 6, 11, 10, 9, 8])
    expected = bootstrap_interval(p, "log_loss", groups=GROUPS, n_resamples=200)
    assert bootstrap_interval(p, "log_loss", groups=groups, n_resamples=200) == expected
    assert expected != bootstrap_interval(p, "log_loss", n_resamples=200)


@pytest.mark.parametrize(
    ("groups", "said"),
    [
        (["x"] * 12, "groups must map ids of rows to their groups"),
        (np.zeros(12), "groups must map ids of rows to their groups"),
        (pd.DataFrame({"a": [1], "b": [2]}, index=["r"]), "groups must map ids of rows to their groups"),
        ("abc", "groups must be one name a row, or the name of a key column"),
    ],
    ids=["list", "array", "table", "text"],
)
def test_groups_without_names_are_refused(groups, said):
    with pytest.raises(InvalidOptionError, match=said):
        bootstrap_interval(member(ids=range(12)), "log_loss", groups=groups, n_resamples=50)


# Members.


@pytest.mark.parametrize(
    ("combiner", "option"),
    [
        ("weighted", "weights"), ("geometric_mean", "weights"), ("voting", "weights"), ("borda", "weights"),
        ("rank_average", "weights"), ("dempster_shafer", "reliability"), ("bayesian_model_averaging", "prior"),
    ],
)  # fmt: skip
def test_one_value_a_member_is_looked_up_by_its_name(combiner, option):
    members = [member("z", seed=1), member("k", seed=2), member("m", seed=3)]
    by_name = {"k": 0.2, "m": 0.3, "z": 0.9}
    expected = combine(members, fit_combiner(members, combiner, options={option: by_name})).probas
    for given in (pd.Series(by_name), pd.Series(by_name).iloc[[2, 0, 1]]):
        found = combine(members, fit_combiner(members, combiner, options={option: given})).probas
        assert found.tobytes() == expected.tobytes()
    with pytest.raises(InvalidOptionError, match="unknown"):
        fit_combiner(members, combiner, options={option: pd.Series({"k": 0.2, "m": 0.3, "typo": 0.9})})


def test_a_default_index_names_no_member():
    given = pd.Series([0.5, 0.5])
    assert by_member(given) is given
    assert by_member([1, 2]) == [1, 2]
    assert by_member(pd.Series([1.0, 2.0], index=["b", "a"])) == {"b": 1.0, "a": 2.0}
    with pytest.raises(InvalidOptionError, match="each member once"):
        by_member(pd.Series([1.0, 2.0], index=["b", "b"]))


@pytest.mark.parametrize(
    ("weight", "received"),
    [
        ([1.0, -2.0, np.nan], "received 2 others, first -2.0 for the id 'a'"),
        ([0.0, 0.0, 0.0], "received only 0"),
        (np.ones((3, 2)), r"received shape \(3, 2\)"),
    ],
)
def test_sample_weight_that_is_none_says_what_came(weight, received):
    with pytest.raises(InvalidOptionError, match=rf"sample_weight must be finite and >= 0 .*; {received}"):
        fit_combiner([member()], Keeps(), sample_weight=weight)
